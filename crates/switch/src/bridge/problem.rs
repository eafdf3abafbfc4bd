//! What stands in the way of a specification, for the operator.

use thiserror::Error;

impl Problem {
    /// Whether it is about a promise of bandwidth, and not about the bridge itself.
    #[must_use]
    pub const fn is_about_promises(&self) -> bool {
        use Problem::{LinkTooFast, NoLink, NoQueues, QueuesTaken, TooMuchPromised, UnknownRate};
        matches!(
            self,
            NoQueues { .. }
                | NoLink { .. }
                | UnknownRate { .. }
                | LinkTooFast { .. }
                | QueuesTaken { .. }
                | TooMuchPromised { .. }
        )
    }
}

/// Something that is not as specified and that we will not change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Error)]
pub enum Problem {
    #[error("port {port:?} exists on {} and is in the way: rename or remove it", bridges.join(", "))]
    PortTaken { port: String, bridges: Vec<String> },
    #[error("interface {0:?} exists and is in the way: rename or remove it")]
    InterfaceTaken(String),
    #[error("the name {0:?} is wanted for more than one port or bridge: rename one in the configuration")]
    WantedTwice(String),
    #[error(
        "bridge {bridge:?} has fail_mode {fail_mode:?}, with which open vswitch replaces our flows when it loses its \
         controllers: set it to secure"
    )]
    FailMode { bridge: String, fail_mode: String },
    #[error("bridge {bridge:?} has datapath_type {found:?} instead of {wanted:?}: change one of them")]
    DatapathType { bridge: String, wanted: String, found: String },
    #[error(
        "bridge {bridge:?} is not ours, so {setting} is not set: set it by hand, or remove it from the configuration"
    )]
    LeftAlone { bridge: String, setting: String },
    #[error("bridge {bridge:?} does not exist, so port {patch:?} cannot be patched to it: create the bridge")]
    NoPeerBridge { bridge: String, patch: String },
    #[error(
        "bridge {bridge:?} has the userspace datapath, which tells devices nothing of queues: the bandwidth that policies promise to ports \
         whose frames leave by it is not kept"
    )]
    NoQueues { bridge: String },
    #[error(
        "bridge {bridge:?} has no port that is a device of the host: the bandwidth that policies promise to ports whose frames leave by it is \
         not kept; add the network card to the bridge"
    )]
    NoLink { bridge: String },
    #[error(
        "how much port {port:?} of bridge {bridge:?} carries is not known: the bandwidth that policies promise is not kept there; say \
         {bridge}:<kbit/s> in [ovs] resource_provider_bandwidths"
    )]
    UnknownRate { bridge: String, port: String },
    #[error(
        "port {port:?} of bridge {bridge:?} carries {rate} kbit/s, which is more than Open vSwitch has queues for: the bandwidth that policies \
         promise is not kept there"
    )]
    LinkTooFast { bridge: String, port: String, rate: u64 },
    #[error(
        "port {port:?} of bridge {bridge:?} has a qos of somebody else: the bandwidth that policies promise is not kept there; run: ovs-vsctl \
         clear Port {port} qos"
    )]
    QueuesTaken { bridge: String, port: String },
    #[error(
        "policies promise {promised_kbps} kbit/s of what leaves by port {port:?} of bridge {bridge:?}, which carries {link_kbps}: they are not kept \
         when all want theirs; move guests elsewhere, or promise less"
    )]
    TooMuchPromised { bridge: String, port: String, promised_kbps: u64, link_kbps: u64 },
}
