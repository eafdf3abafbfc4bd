//! How much a project may have.
//!
//! A project has the default until somebody says otherwise. What is counted is what the replica knows, so two servers that
//! decide at the same time could each give away the last place: as long as many places are left, creations only touch
//! the project's guard; near the limit they require it to be unchanged, so one of the two decides again.

use std::collections::BTreeMap;

use model::RowId;
use nb::{Key, TableName};
use serde_json::{Map, Value};

use crate::error::ApiError;
use crate::registry::Kind;
use crate::registry::tables::INTEGER_MAX;

/// The table of what projects may have.
pub const QUOTAS: TableName = TableName::new("neutron_quota");

/// No limit.
pub const UNLIMITED: i64 = -1;

/// While more places than these are left, creations do not wait for one another. It is more than what servers can have on
/// their way to the store at one time.
pub const PLACES_LEFT_CAREFREE: i64 = 256;

/// The kinds of which projects have so many; the others belong to nobody.
pub fn counted() -> impl Iterator<Item = Kind> {
    Kind::ALL.into_iter().filter(|kind| *kind != Kind::DefaultSecurityGroupRule)
}

/// How many of each kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    limits: BTreeMap<Kind, i64>,
}

/// Neutron's defaults.
impl Default for Limits {
    fn default() -> Self {
        let limits = [
            (Kind::Network, 100),
            (Kind::Subnet, 100),
            (Kind::Port, 500),
            (Kind::SubnetPool, UNLIMITED),
            (Kind::SecurityGroup, 10),
            (Kind::SecurityGroupRule, 100),
            (Kind::AddressGroup, UNLIMITED),
            (Kind::QosPolicy, UNLIMITED),
            (Kind::Trunk, UNLIMITED),
            (Kind::Router, 10),
            (Kind::FloatingIp, 50),
        ];
        Self { limits: limits.into() }
    }
}

impl Limits {
    /// Nothing said.
    #[must_use]
    pub const fn none() -> Self {
        Self { limits: BTreeMap::new() }
    }

    /// No limit for anything.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { limits: counted().map(|kind| (kind, UNLIMITED)).collect() }
    }

    /// What the text of a row says; what makes no sense is left out.
    #[must_use]
    pub fn from_text(text: &[u8]) -> Self {
        let members: Map<String, Value> = serde_json::from_slice(text).unwrap_or_default();
        let limit = |kind: Kind| Some((kind, members.get(kind.quota_name())?.as_i64()?));
        Self { limits: counted().filter_map(limit).collect() }
    }

    /// The text of a row.
    #[must_use]
    pub fn to_text(&self) -> String {
        Value::Object(self.members()).to_string()
    }

    /// Limits by the names of resources.
    #[must_use]
    pub fn members(&self) -> Map<String, Value> {
        self.limits.iter().map(|(kind, limit)| (kind.quota_name().to_owned(), (*limit).into())).collect()
    }

    /// The limit of a kind, if one is said.
    #[must_use]
    pub fn get(&self, kind: Kind) -> Option<i64> {
        self.limits.get(&kind).copied()
    }

    /// Says a limit; any negative number is none.
    pub fn set(&mut self, kind: Kind, limit: i64) {
        self.limits.insert(kind, limit.clamp(UNLIMITED, INTEGER_MAX));
    }

    /// These, and of what is not said the defaults.
    #[must_use]
    pub fn or(&self, defaults: &Self) -> Self {
        let mut limits = defaults.limits.clone();
        limits.extend(&self.limits);
        Self { limits }
    }
}

/// The answer when there is no place left.
#[must_use]
pub fn over(kind: Kind) -> ApiError {
    over_name(kind.quota_name())
}

/// The same of something that is no kind of its own.
#[must_use]
pub fn over_name(name: &str) -> ApiError {
    let text = format!("Quota exceeded for resources: ['{name}'].");
    ApiError::new(409, "OverQuota", text)
}

/// The row of a project.
#[must_use]
pub fn key(project: &str) -> Option<Key> {
    Some(Key::new(QUOTAS, RowId::new(project).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_comes_before_the_defaults() {
        let mut own = Limits::none();
        own.set(Kind::Port, 7);
        own.set(Kind::Subnet, -5);
        let all = own.or(&Limits::default());
        assert_eq!(all.get(Kind::Port), Some(7));
        assert_eq!(all.get(Kind::Subnet), Some(UNLIMITED));
        assert_eq!(all.get(Kind::Network), Some(100));
        assert_eq!(Limits::from_text(own.to_text().as_bytes()), own);
        assert_eq!(Limits::from_text(b"{\"port\": \"many\", \"else\": 1"), Limits::none());
    }
}
