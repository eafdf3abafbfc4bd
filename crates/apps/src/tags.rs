//! VLAN tags that are left when that of a network or of a port inside another one is taken off.

use openflow::{Field, Match};

use crate::network::tagged;

/// What tags begin with. Open vSwitch looks at one tag only unless its `vlan-limit` says more: the next one is what follows then.
const TYPES: [u16; 2] = [0x8100, 0x88a8];

/// Matches frames that have a tag still, however many tags the switch looks at.
pub(crate) fn left() -> impl Iterator<Item = Match> {
    [tagged()].into_iter().chain(TYPES.map(|kind| Match::new().with(Field::EthType, kind)))
}
