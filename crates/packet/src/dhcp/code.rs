//! Numbers of options and of message types, under the names of their registry.

/// What a message is for (option 53).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MessageType {
    /// A client looks for servers.
    Discover,
    /// A server offers a lease.
    Offer,
    /// A client accepts an offer, or confirms or extends what it has.
    Request,
    /// A client found that somebody else uses the address.
    Decline,
    /// A server grants a lease, or tells the configuration.
    Ack,
    /// A server says that the client must not use this address.
    Nak,
    /// A client gives its lease back.
    Release,
    /// A client that has an address asks for the rest of the configuration.
    Inform,
}

impl MessageType {
    /// All of them, by number from 1 on.
    pub const ALL: [Self; 8] = [
        Self::Discover,
        Self::Offer,
        Self::Request,
        Self::Decline,
        Self::Ack,
        Self::Nak,
        Self::Release,
        Self::Inform,
    ];

    /// The type with this number; `None` for those that are not for hosts, such as lease queries.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Its number on the wire.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Discover => 1,
            Self::Offer => 2,
            Self::Request => 3,
            Self::Decline => 4,
            Self::Ack => 5,
            Self::Nak => 6,
            Self::Release => 7,
            Self::Inform => 8,
        }
    }
}

/// Options that this crate itself reads or writes. The others are only numbers here; their formats are in
/// [`text`](crate::dhcp::text).
pub mod codes {
    /// Fills space and has no length.
    pub const PAD: u8 = 0;
    /// The netmask of the client's network.
    pub const SUBNET_MASK: u8 = 1;
    /// The default routers.
    pub const ROUTER: u8 = 3;
    /// The name servers.
    pub const DNS_SERVERS: u8 = 6;
    /// The client's own name.
    pub const HOST_NAME: u8 = 12;
    /// The domain of the client.
    pub const DOMAIN_NAME: u8 = 15;
    /// The MTU of the interface.
    pub const INTERFACE_MTU: u8 = 26;
    /// The broadcast address of the client's network.
    pub const BROADCAST_ADDRESS: u8 = 28;
    /// The address that a client asks for.
    pub const REQUESTED_ADDRESS: u8 = 50;
    /// For how many seconds.
    pub const LEASE_TIME: u8 = 51;
    /// Which of the name fields hold options.
    pub const OVERLOAD: u8 = 52;
    /// What the message is for.
    pub const MESSAGE_TYPE: u8 = 53;
    /// Which server it is from or for.
    pub const SERVER_ID: u8 = 54;
    /// The options that a client wants, the most wanted first.
    pub const PARAMETER_LIST: u8 = 55;
    /// Why, for people.
    pub const TEXT_MESSAGE: u8 = 56;
    /// The longest message that a client takes, IP and UDP headers included.
    pub const MAX_MESSAGE_BYTES: u8 = 57;
    /// When to renew with the same server.
    pub const RENEWAL_TIME: u8 = 58;
    /// When to renew with any server.
    pub const REBINDING_TIME: u8 = 59;
    /// Which client it is, other than by its hardware address.
    pub const CLIENT_ID: u8 = 61;
    /// The name of the server to boot from.
    pub const TFTP_SERVER_NAME: u8 = 66;
    /// The file to boot.
    pub const BOOT_FILE_NAME: u8 = 67;
    /// The client takes an address without having chosen an offer.
    pub const RAPID_COMMIT: u8 = 80;
    /// What relay agents noted, and want back.
    pub const RELAY_AGENT: u8 = 82;
    /// Classless static routes.
    pub const CLASSLESS_ROUTES: u8 = 121;
    /// The same, as older Windows systems ask for it.
    pub const CLASSLESS_ROUTES_MICROSOFT: u8 = 249;
    /// Ends the options and has no length.
    pub const END: u8 = 255;
}
