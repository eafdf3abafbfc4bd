//! Ports through which Open vSwitch itself watches another node, by BFD.
//!
//! Each session has a pair of patch ports, both on the integration bridge. One speaks BFD; what it says comes out of the other one into
//! the pipeline, whose flows take it to the other node and its answers back. So a session is up only while both switches have
//! their flows. The sessions live as long as the ports, and a controller that restarts leaves them as they are.

use std::collections::BTreeMap;

use super::spec::WantedPort;
use super::{PATCH_TYPE, PEER_KEY, PEER_OPTION, SPEAKER_KEY};

/// What the names of ports begin with that speak BFD, and of those at the other ends.
const SPEAKER_PREFIX: &str = "bfd-";
const FLOWS_PREFIX: &str = "way-";
/// Hexadecimal digits after that; a name of an interface has 15 characters at most.
const NAME_DIGITS: usize = 10;
/// The other end is down when it was silent for so many intervals, which is what Open vSwitch takes if nobody says.
const MISSED_MAX: u32 = 3;

/// A node that is watched.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SessionSpec {
    /// What it is called.
    pub peer: String,
    /// How often it is asked.
    pub interval_ms: u32,
}

impl SessionSpec {
    /// The names of the ports: of the one that speaks, and of the one that flows are for.
    #[must_use]
    pub fn port_names(&self) -> [String; 2] {
        let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
        for byte in self.peer.bytes() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
        let digits = format!("{:016x}", hash ^ (hash >> 29));
        [SPEAKER_PREFIX, FLOWS_PREFIX]
            .map(|prefix| format!("{prefix}{}", &digits[digits.len() - NAME_DIGITS..]))
    }

    /// Both ports.
    pub(super) fn ports(&self, bridge: &str) -> [WantedPort; 2] {
        let [speaker, flows] = self.port_names();
        let interval = self.interval_ms.to_string();
        let bfd = [
            ("enable", true.to_string()),
            ("min_rx", interval.clone()),
            ("min_tx", interval),
            ("mult", MISSED_MAX.to_string()),
        ];
        let port = |name: &String, other: &String, mark: &str, bfd| WantedPort {
            bridge: bridge.to_owned(),
            name: name.clone(),
            kind: PATCH_TYPE,
            options: BTreeMap::from([(PEER_OPTION.to_owned(), other.clone())]),
            number: None,
            bfd: Some(bfd),
            ids: BTreeMap::from([(mark.to_owned(), self.peer.clone())]),
            mac: None,
        };
        let bfd = bfd.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        [port(&speaker, &flows, SPEAKER_KEY, bfd), port(&flows, &speaker, PEER_KEY, BTreeMap::new())]
    }
}
