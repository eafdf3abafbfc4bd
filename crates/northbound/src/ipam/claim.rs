//! The rows by which nothing is given out twice.
//!
//! An address that a port has in a network is a row of a table of our own, and so is a MAC address. Who takes one
//! requires its row to be absent and writes it, in the transaction that writes the port; who gives one up deletes it.
//! The text of the row is the id of the port. Two servers can therefore decide on the same address, but not both have it.

use std::net::IpAddr;

use model::RowId;
use nb::{Key, Require, TableName};
use net_types::MacAddr;

use super::NetworkId;

/// The table of addresses in use.
pub const ADDRESSES: TableName = TableName::new("neutron_address");
/// The table of MAC addresses in use.
pub const MACS: TableName = TableName::new("neutron_mac");

/// Something that one port of a network can have.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// An address.
    Address(NetworkId, IpAddr),
    /// A MAC address.
    Mac(NetworkId, MacAddr),
}

impl Claim {
    /// The row that stands for it: the network and what is had in it, with a colon between them.
    #[must_use]
    pub fn key(&self) -> Key {
        match self {
            Self::Address(network, address) => row(ADDRESSES, &format!("{network}:{address}")),
            Self::Mac(network, mac) => row(MACS, &format!("{network}:{mac}")),
        }
    }

    /// What a row stands for; `None` when it is of another table or nobody of us wrote it.
    #[must_use]
    pub fn of_key(key: &Key) -> Option<Self> {
        let is_address = key.table == ADDRESSES;
        if !is_address && key.table != MACS {
            return None;
        }
        let claim = key.id.with_str(|text| {
            let (network, rest) = text.split_once(':')?;
            let network = NetworkId::new(network).ok()?;
            if is_address {
                Some(Self::Address(network, rest.parse().ok()?))
            } else {
                Some(Self::Mac(network, rest.parse().ok()?))
            }
        })?;
        // Another spelling would be another row.
        (claim.key().id == key.id).then_some(claim)
    }

    /// The network in which it is had.
    #[must_use]
    pub const fn network(&self) -> &NetworkId {
        match self {
            Self::Address(network, _) | Self::Mac(network, _) => network,
        }
    }
}

/// The row of a table with an id that is never empty.
pub(crate) fn row(table: TableName, id: &str) -> Key {
    Key::new(table, RowId::new(id).expect("an id that has a colon is not empty"))
}

/// What a transaction takes and gives up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// The rows that have to be absent, and are written.
    pub take: Vec<Key>,
    /// The rows that are deleted.
    pub release: Vec<Key>,
}

impl Claims {
    /// Taking all of these.
    pub fn taking(keys: impl IntoIterator<Item = Key>) -> Self {
        Self { take: keys.into_iter().collect(), release: Vec::new() }
    }

    /// Giving all of these up.
    pub fn releasing(keys: impl IntoIterator<Item = Key>) -> Self {
        Self { take: Vec::new(), release: keys.into_iter().collect() }
    }

    /// The way from having `before` to having `after`. What is in both stays untouched.
    #[must_use]
    pub fn moving(before: &[Key], after: &[Key]) -> Self {
        let without =
            |keys: &[Key], others: &[Key]| keys.iter().filter(|key| !others.contains(key)).cloned().collect();
        Self { take: without(after, before), release: without(before, after) }
    }

    /// Whether nothing is taken and nothing given up.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.take.is_empty() && self.release.is_empty()
    }

    /// What a transaction that does this requires. It also has to require the row of the owner as it was when the claims were
    /// planned: what it gives up may otherwise be somebody else's by now.
    pub fn required(&self) -> impl Iterator<Item = Require> {
        self.take.iter().cloned().map(Require::Absent)
    }

    /// The rows that are written for `owner`, and those that are deleted, which have no text.
    pub fn rows(&self, owner: &RowId) -> impl Iterator<Item = (Key, Option<String>)> {
        let taken = self.take.iter().map(move |key| (key.clone(), Some(owner.to_string())));
        taken.chain(self.release.iter().map(|key| (key.clone(), None)))
    }
}

#[cfg(test)]
mod tests;
