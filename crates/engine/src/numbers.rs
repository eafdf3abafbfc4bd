//! Numbers that reach the switch and belong to an object: meters, queues, conntrack zones, conjunctive matches.
//!
//! A number is a fact: once given, it stays until nobody reads it any more, also across restarts, because the process around
//! the engine keeps [`Numbers`] beside the switch and gives them back in the first step. A number follows from the
//! object's id unless two objects want the same one, so that even after the loss of all memory most of them are the same.

use std::collections::BTreeMap;
use std::hash::Hasher;
use std::ops::RangeInclusive;

use model::RowId;
use pipeline::{filters, meters, queues};
use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

/// What a number is for; each has numbers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Space {
    /// Meters of what ports ask of the DHCP server.
    Meter,
    /// Meters of how much ports send.
    EgressRate,
    /// Meters of how much ports are sent.
    IngressRate,
    /// Meters of how many packets ports send.
    EgressPackets,
    /// Meters of how many packets ports are sent.
    IngressPackets,
    /// Meters of what else of a port's packets reaches the controller.
    SlowPath,
    /// Conntrack zones of ports.
    Zone,
    /// Security groups that are the first of a port.
    FirstGroup,
    /// Security groups that are the second of a port.
    SecondGroup,
    /// Security groups that are the third of a port.
    ThirdGroup,
    /// What security groups a port has besides; their owners are made of the ids of the groups.
    OtherGroups,
    /// Sets of addresses: ids of conjunctive matches.
    AddressSet,
    /// Multicast addresses that somebody listens to, each in a network.
    Listened,
    /// Conntrack zones of routers.
    RouterZone,
    /// Routes that have several next hops.
    Spread,
    /// Queues of ports that are promised bandwidth.
    Queue,
}

impl Space {
    /// All of them, with the names under which their numbers are kept.
    pub const NAMED: &'static [(Self, &'static str)] = &[
        (Self::Meter, "meter"),
        (Self::EgressRate, "egressrate"),
        (Self::IngressRate, "ingressrate"),
        (Self::EgressPackets, "egresspackets"),
        (Self::IngressPackets, "ingresspackets"),
        (Self::SlowPath, "slowpath"),
        (Self::Zone, "zone"),
        (Self::FirstGroup, "firstgroup"),
        (Self::SecondGroup, "secondgroup"),
        (Self::ThirdGroup, "thirdgroup"),
        (Self::OtherGroups, "othergroups"),
        (Self::AddressSet, "addressset"),
        (Self::Listened, "listened"),
        (Self::RouterZone, "routerzone"),
        (Self::Spread, "spread"),
        (Self::Queue, "queue"),
    ];

    fn range(self) -> RangeInclusive<u32> {
        match self {
            Self::Meter => meters::DHCP,
            Self::EgressRate => meters::EGRESS_RATE,
            Self::IngressRate => meters::INGRESS_RATE,
            Self::EgressPackets => meters::EGRESS_PACKETS,
            Self::IngressPackets => meters::INGRESS_PACKETS,
            Self::SlowPath => meters::SLOW_PATH,
            Self::Zone => filters::ZONES,
            Self::FirstGroup | Self::SecondGroup | Self::ThirdGroup | Self::OtherGroups => filters::GROUPS,
            Self::AddressSet => filters::ADDRESS_SETS,
            Self::Listened => pipeline::groups::LISTENED,
            Self::RouterZone => filters::ROUTER_ZONES,
            Self::Spread => pipeline::groups::SPREAD,
            Self::Queue => queues::PORTS,
        }
    }
}

/// All numbers that are given.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Space, RowId, u32)>", into = "Vec<(Space, RowId, u32)>")]
pub struct Numbers {
    given: FxHashMap<(Space, RowId), u32>,
    taken: BTreeMap<(Space, u32), RowId>,
}

impl Numbers {
    /// The number of `owner`, if it has one.
    #[must_use]
    pub fn get(&self, space: Space, owner: &RowId) -> Option<u32> {
        self.given.get(&(space, owner.clone())).copied()
    }

    /// Whose number it is, if it is given.
    #[must_use]
    pub fn owner(&self, space: Space, number: u32) -> Option<&RowId> {
        self.taken.get(&(space, number))
    }

    /// Gives `owner` a number, the same as before if it has one; `None` when all are given.
    pub(crate) fn give(&mut self, space: Space, owner: &RowId) -> Option<u32> {
        if let Some(number) = self.get(space, owner) {
            return Some(number);
        }
        let range = space.range();
        let size = range.end() - range.start() + 1;
        let first = u32::try_from(stable_hash(owner) % u64::from(size)).ok()?;
        let first = range.start() + first;
        let number = (first..=*range.end())
            .chain(*range.start()..first)
            .find(|number| !self.taken.contains_key(&(space, *number)))?;
        self.insert(space, owner.clone(), number);
        Some(number)
    }

    fn insert(&mut self, space: Space, owner: RowId, number: u32) {
        if space.range().contains(&number) && !self.taken.contains_key(&(space, number)) {
            self.taken.insert((space, number), owner.clone());
            self.given.insert((space, owner), number);
        }
    }

    /// Takes the number of `owner` back; which one it was.
    pub(crate) fn take_back(&mut self, space: Space, owner: &RowId) -> Option<u32> {
        let number = self.given.remove(&(space, owner.clone()))?;
        self.taken.remove(&(space, number));
        Some(number)
    }

    /// Everybody who has a number.
    pub(crate) fn owners(&self) -> Vec<(Space, RowId)> {
        self.taken.iter().map(|((space, _), owner)| (*space, owner.clone())).collect()
    }
}

impl From<Vec<(Space, RowId, u32)>> for Numbers {
    fn from(list: Vec<(Space, RowId, u32)>) -> Self {
        let mut numbers = Self::default();
        for (space, owner, number) in list {
            numbers.insert(space, owner, number);
        }
        numbers
    }
}

impl From<Numbers> for Vec<(Space, RowId, u32)> {
    fn from(numbers: Numbers) -> Self {
        numbers.taken.into_iter().map(|((space, number), owner)| (space, owner, number)).collect()
    }
}

/// A hash of an id that no version of this program and no machine changes (FNV-1a over the text).
#[must_use]
pub fn stable_hash(id: &RowId) -> u64 {
    struct Fnv(u64);
    impl Hasher for Fnv {
        fn finish(&self) -> u64 {
            self.0
        }
        fn write(&mut self, bytes: &[u8]) {
            for byte in bytes {
                self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
        }
    }
    let mut hasher = Fnv(0xcbf2_9ce4_8422_2325);
    id.with_str(|text| hasher.write(text.as_bytes()));
    // The low bits of the sum alone are poor for texts that differ in one character only.
    let sum = hasher.finish();
    sum ^ (sum >> 29)
}
