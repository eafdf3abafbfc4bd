//! Trunks: ports that carry others, each in a VLAN.

use nb::TableName;

use super::{
    ADMIN_STATE_UP, CREATED, DESCRIPTION, EMPTY_LIST, ID, NAME, PROJECT, REVISION, STATUS, TAGS, TENANT,
    UPDATED,
};
use crate::registry::attribute::{Attribute, Unsaid};
use crate::registry::check::Check;
use crate::registry::{Kind, Resource};

/// Trunks.
pub static TRUNK: Resource = Resource {
    kind: Kind::Trunk,
    singular: "trunk",
    plural: "trunks",
    table: TableName::new("neutron_trunk"),
    missing: ("TrunkNotFound", "Trunk"),
    indexed: &["project_id", "name", "port_id", "sub_ports"],
    attributes: &[
        ID,
        NAME,
        ADMIN_STATE_UP,
        PROJECT,
        TENANT,
        Attribute::fixed("port_id", Unsaid::Refused).check(Check::Uuid).filter_and_sort(),
        STATUS,
        Attribute::fixed("sub_ports", EMPTY_LIST).check(Check::SUB_PORTS),
        DESCRIPTION,
        TAGS,
        CREATED,
        UPDATED,
        REVISION,
    ],
};
