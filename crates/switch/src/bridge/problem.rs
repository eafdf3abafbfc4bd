//! What stands in the way of a specification, for the operator.

use thiserror::Error;

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
}
