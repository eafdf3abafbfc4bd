//! Agents: the daemons of nodes.

use nb::TableName;

use super::{DESCRIPTION_CHARS_MAX, ID};
use crate::registry::attribute::{Attribute, Unsaid};
use crate::registry::check::Check;
use crate::registry::convert::Convert;
use crate::registry::{Kind, Resource};

/// Agents. They are made of rows that nodes write of themselves.
pub static AGENT: Resource = Resource {
    kind: Kind::Port,
    singular: "agent",
    plural: "agents",
    table: TableName::new("neutron_agent"),
    missing: ("AgentNotFound", "Agent"),
    indexed: &[],
    attributes: &[
        ID,
        Attribute::output("agent_type").filter_and_sort(),
        Attribute::output("binary").filter_and_sort(),
        Attribute::output("topic").filter(),
        Attribute::output("host").filter_and_sort(),
        Attribute { in_put: true, ..Attribute::output("admin_state_up") }
            .convert(Convert::Boolean)
            .filter_and_sort(),
        Attribute::output("availability_zone").filter_and_sort(),
        Attribute::output("created_at"),
        Attribute::output("started_at"),
        Attribute::output("heartbeat_timestamp").filter_and_sort(),
        Attribute::output("alive").convert(Convert::Boolean).filter(),
        Attribute::output("configurations"),
        Attribute { in_put: true, unsaid: Unsaid::Open, ..Attribute::output("description") }
            .check(Check::TextOrNull(DESCRIPTION_CHARS_MAX))
            .filter(),
        Attribute::output("resources_synced"),
        // Of an agent that may have the gateways of a certain router.
        Attribute::output("ha_state").unless_null(),
        Attribute::output("ha_chassis_priority").unless_null(),
    ],
};
