//! Resources as data: which attributes there are, what they take, who says and sees them.
//!
//! Everything that Neutron's API does with any resource follows from here: what a request may say and how it is refused,
//! what lists can be filtered and sorted by, what an answer holds. What only one resource does is in
//! [`crate::resources`].
//!
//! | module | what it holds |
//! |---|---|
//! | [`attribute`] | what an attribute is |
//! | [`check`], [`convert`] | values |
//! | [`tables`] | the resources |
//! | [`body`] | requests, checked |
//! | [`document`] | resources as the store keeps them |
//! | [`extensions`] | what we tell clients that we can do |
//! | [`page`] | the page `docs/api.md` |
//! | [`python`] | values in Neutron's texts |

pub mod attribute;
pub mod body;
pub mod check;
pub mod convert;
pub mod document;
pub mod extensions;
pub mod page;
pub mod python;
pub mod tables;

use nb::TableName;

use crate::error::ApiError;
use attribute::Attribute;
use tables::security_group;

/// A kind of resource that the store keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Networks.
    Network,
    /// Subnets.
    Subnet,
    /// Ports.
    Port,
    /// Pools that subnets take their ranges from.
    SubnetPool,
    /// Groups of ports.
    SecurityGroup,
    /// What they permit.
    SecurityGroupRule,
    /// Addresses under a name, for such rules.
    AddressGroup,
    /// The rules that new groups begin with.
    DefaultSecurityGroupRule,
    /// Policies for bandwidth, packets and marking.
    QosPolicy,
    /// Ports that carry others.
    Trunk,
    /// What forwards between networks.
    Router,
    /// Addresses outside that stand for addresses inside.
    FloatingIp,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Network,
        Self::Subnet,
        Self::Port,
        Self::SubnetPool,
        Self::SecurityGroup,
        Self::SecurityGroupRule,
        Self::AddressGroup,
        Self::DefaultSecurityGroupRule,
        Self::QosPolicy,
        Self::Trunk,
        Self::Router,
        Self::FloatingIp,
    ];

    /// Its declaration.
    #[must_use]
    pub const fn resource(self) -> &'static Resource {
        match self {
            Self::Network => &tables::NETWORK,
            Self::Subnet => &tables::SUBNET,
            Self::Port => &tables::PORT,
            Self::SubnetPool => &tables::SUBNET_POOL,
            Self::SecurityGroup => &security_group::SECURITY_GROUP,
            Self::SecurityGroupRule => &security_group::SECURITY_GROUP_RULE,
            Self::AddressGroup => &security_group::ADDRESS_GROUP,
            Self::DefaultSecurityGroupRule => &security_group::DEFAULT_SECURITY_GROUP_RULE,
            Self::QosPolicy => &tables::qos::POLICY,
            Self::Trunk => &tables::trunk::TRUNK,
            Self::Router => &tables::router::ROUTER,
            Self::FloatingIp => &tables::floating_ip::FLOATING_IP,
        }
    }

    /// Where its collection is below the version of the API.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::QosPolicy => "qos/policies",
            other => other.resource().plural,
        }
    }

    /// What a quota of it is called.
    #[must_use]
    pub const fn quota_name(self) -> &'static str {
        match self {
            Self::QosPolicy => "qos_policy",
            other => other.resource().singular,
        }
    }

    /// Its place among all kinds.
    #[must_use]
    pub const fn index(self) -> usize {
        self as usize
    }

    /// The kind whose collection is at this path, with underscores.
    #[must_use]
    pub fn of_collection(path: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.path() == path)
    }

    /// The kind whose rows are in this table.
    #[must_use]
    pub fn of_table(table: &TableName) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.resource().table == *table)
    }
}

/// A kind of resource: its names and its attributes.
#[derive(Debug)]
pub struct Resource {
    /// Which one.
    pub kind: Kind,
    /// One of them, as requests and rules name it.
    pub singular: &'static str,
    /// Many of them, as requests and paths name them.
    pub plural: &'static str,
    /// Where the store keeps them.
    pub table: TableName,
    /// The name of the exception when there is none, and what a resource is called in its text; or, with `{}` in it, the
    /// text.
    pub missing: (&'static str, &'static str),
    /// The attributes, in the order in which requests are checked.
    pub attributes: &'static [Attribute],
    /// Attributes whose value finds resources without looking at all of them.
    pub indexed: &'static [&'static str],
}

/// There is one declaration of each name.
impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.singular == other.singular
    }
}

impl Resource {
    /// The place of an attribute.
    #[must_use]
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.attributes.iter().position(|attribute| attribute.name == name)
    }

    /// An attribute.
    #[must_use]
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        self.attributes.iter().find(|attribute| attribute.name == name)
    }

    /// The answer when there is none with this id, or none that the requester may know of.
    #[must_use]
    pub fn not_found(&self, id: &str) -> ApiError {
        let (kind, noun) = self.missing;
        let text = match noun.split_once("{}") {
            Some((before, behind)) => format!("{before}{id}{behind}"),
            None => format!("{noun} {id} could not be found."),
        };
        ApiError::new(404, kind, text)
    }
}
