//! First bytes of the userdata that flows send up with packets: who answers.

/// DHCP messages of guests.
pub const DHCP: u8 = 1;
/// Router solicitations of guests.
pub const ROUTER_SOLICITATION: u8 = 10;
/// DHCPv6 messages of guests.
pub const DHCPV6: u8 = 11;
/// What a guest sends first on the node that it moves to.
pub const FIRST_FRAME: u8 = 20;
/// What a guest says of addresses of its allowed address pairs.
pub const PAIR_ADDRESS: u8 = 21;
/// What guests ask name servers.
pub const DNS: u8 = 40;
/// What guests say of the multicast addresses that they listen to.
pub const LISTENERS: u8 = 12;
/// Packets for a neighbour of a router whose MAC address nobody knows.
pub const UNRESOLVED: u8 = 30;
/// What a neighbour of a router says of its MAC address.
pub const RESOLVED: u8 = 31;
/// Packets that a router cannot forward, whose sender has to be told.
pub const UNDELIVERABLE: u8 = 32;
/// ICMP errors that quote a packet with a floating IP.
pub const QUOTES_FLOATING_IP: u8 = 33;
/// Neighbour solicitations from a physical network for addresses of routers and floating IPs.
pub const ROUTER_NEIGHBOR: u8 = 34;
