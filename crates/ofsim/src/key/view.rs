//! A key as the match of exactly this packet, for people and for `ofproto/trace`.

use std::fmt;

use openflow::{Field, Match};

use super::Key;

/// The last field of the table that is no view of others.
const LAST_PLAIN: Field = Field::Metadata;

impl Key {
    /// Fields of the packet that are there and not zero, as a match.
    pub fn to_match(&self) -> Match {
        let plain = &Field::ALL[..=LAST_PLAIN.index()];
        let shown = plain.iter().filter(|field| {
            let unset = **field == Field::ActsetOutput && self.actset_output == net_types::OfPort::UNSET;
            !unset && self.get(**field) != 0 && self.meets(field.def().prereq)
        });
        shown.fold(Match::new(), |matching, &field| matching.with(field, self.get(field)))
    }

    /// The fields that differ from `before`, with their present values.
    pub fn changes_since(&self, before: &Self) -> Vec<(Field, u128)> {
        let plain = &Field::ALL[..=LAST_PLAIN.index()];
        let changed = plain.iter().filter(|field| {
            self.get(**field) != before.get(**field)
                && (self.meets(field.def().prereq) || before.meets(field.def().prereq))
        });
        changed.map(|&field| (field, self.get(field))).collect()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.to_match(), f)
    }
}
