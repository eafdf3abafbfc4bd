//! Bindings of a port to hosts: one that counts, and those that may later.

use nb::TableName;

use super::VNIC_TYPES;
use crate::registry::attribute::{Attribute, Literal, Unsaid};
use crate::registry::check::Check;
use crate::registry::{Kind, Resource};

/// Characters of the name of a host.
const HOST_CHARS_MAX: usize = 255;

/// Bindings. They have no rows of their own: they live and die with their port, which is where the store keeps them.
pub static BINDING: Resource = Resource {
    kind: Kind::Port,
    singular: "binding",
    plural: "bindings",
    table: TableName::new("neutron_port"),
    missing: ("PortBindingNotFound", "Binding"),
    indexed: &[],
    attributes: &[
        Attribute::fixed("host", Unsaid::Refused).check(Check::Text(HOST_CHARS_MAX)).filter(),
        Attribute::fixed("tenant_id", Unsaid::Open).computed().hidden(),
        Attribute::fixed("project_id", Unsaid::Open).computed().hidden(),
        Attribute::output("vif_type").filter(),
        Attribute::output("vif_details"),
        Attribute::mutable("vnic_type", Unsaid::Is(Literal::Text("normal")))
            .check(Check::OneOf(VNIC_TYPES))
            .filter(),
        Attribute::mutable("profile", Unsaid::Open).check(Check::ObjectOrNull),
        Attribute::output("status").filter(),
    ],
};
