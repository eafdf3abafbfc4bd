//! Routers: what is sent to a router's MAC address is routed on the node that it comes from, and nowhere else but there and at the
//! gateway.
//!
//! # Guarantees
//! - A packet from a port of one network to one of another that a router connects gets there with one crossing of the underlay,
//!   from the node of the one to the node of the other, with one hop less to live, and from the MAC address of the router's leg.
//!   The longest prefix counts; networks of the router itself go before routes that somebody wrote with the same prefix.
//! - Every address of a router answers pings on the node of who asks. A packet whose time to live is over, that has no route, whose next
//!   hop does not exist, that is too long for the network that it would leave to, or that is for a router itself and no ping, has its
//!   sender told by ICMP, from the address of the leg that is nearest to it, at a limited rate.
//! - A router that is disabled forwards nothing and answers nothing. Two tenants' routers never meet, whatever addresses they have.
//! - What leaves to an external network has a floating IP for its source where there is one for the sender's address, and this is done on
//!   the node of the sender, by rewriting alone; what comes back, and what others begin, is turned back there. A floating IP that is
//!   taken away is dead with the flows. Everything else leaves at the node of the gateway, with the gateway's address if the
//!   router hides addresses, by connection tracking in a zone of the router's own.
//!   On a node that has an address of its own for that, it leaves there with this one ([`host_address`]).
//!   ICMP errors are translated with what they quote ([`quotes`]). Floating IPs and gateways have limits of their own ([`limits`]).
//! - A floating IP that stands for no port may have single ports that stand for ports of guests ([`forwarding`]).
//! - Packets between a router and a physical network never pass the kernel of a node: next hops are asked for by ARP and neighbour
//!   discovery, the first packets for them wait for the answer, and the switch remembers it ([`announce`]).
//! - Who asks on the wire for a floating IP or the address of a gateway is answered by the one node where it is.
//! - In a physical network, a router's MAC address is never seen from two places: packets that are routed there from any node have that
//!   node's own MAC address, and get the router's back where they arrive.
//!
//! # Cost
//! A router costs three flows for each address and prefix that it has, a floating IP eleven on the one node where it is. Ports behind it are
//! found where guests find them that ask, see [`crate::neighbor`].

mod announce;
mod external;
mod forwarding;
mod host_address;
mod limits;
mod on_wire;
mod quotes;
mod respond;
mod route;

use engine::{App, Responder, Rule};
use openflow::action::Action;
use pipeline::tables::ROUTER_OWNER;
use pipeline::{regs, tunnels, userdata};

use crate::local;
use crate::routers::Leg;

/// Why a packet is not delivered; the second byte of the userdata of such packets.
mod reason {
    /// Its time to live is over.
    pub(super) const HOPS: u8 = 1;
    /// The router has no route.
    pub(super) const NO_ROUTE: u8 = 2;
    /// It is too long for the network that it would leave to.
    pub(super) const TOO_LONG: u8 = 3;
    /// Nobody at the router listens there.
    pub(super) const NOBODY_LISTENS: u8 = 4;
    /// Nobody has the address of the next hop.
    pub(super) const NO_HOST: u8 = 5;
}

/// `in_port` of a packet that may leave by where it came in: a router sends back what a switch would not.
const NO_PORT: u64 = 0xffff;

/// The app.
#[must_use]
pub fn app() -> App {
    let mut rules = vec![
        Rule::once("everybody", route::everybody),
        Rule::each("router", route::router),
        Rule::each("network", on_wire::network),
        Rule::each("gateway", external::gateways),
        Rule::each("floating IP", external::floating_ip),
        Rule::each("forwarded ports", forwarding::floating_ip),
        Rule::each("router by the address of the node", host_address::router),
        Rule::each("address of the node", host_address::network),
        Rule::each("floating IP beside the address of the node", host_address::floating_ip),
    ];
    rules.extend(local::each("told guest", announce::to_guest));
    let responders = vec![
        Responder { op: userdata::UNDELIVERABLE, respond: respond::undeliverable },
        Responder { op: userdata::QUOTES_FLOATING_IP, respond: quotes::translate },
        Responder { op: userdata::UNRESOLVED, respond: announce::unresolved },
        Responder { op: userdata::RESOLVED, respond: announce::resolved },
        Responder { op: userdata::ROUTER_NEIGHBOR, respond: announce::neighbor },
    ];
    App { id: ROUTER_OWNER, rules, responders }
}

/// What says in registers that a packet comes from a leg of a router.
fn from_leg(leg: &Leg) -> [Action; 2] {
    [
        Action::set(regs::INGRESS_PORT.bits.field, leg.key),
        Action::load(regs::INGRESS_ON_WIRE.bits, tunnels::key_on_wire(leg.key).into()),
    ]
}
