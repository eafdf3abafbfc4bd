//! Floating IPs: addresses of an external network that stand for addresses of ports inside.

use nb::TableName;

use super::{
    CREATED, DESCRIPTION, DNS_DOMAIN, EMPTY, ID, NULL, PROJECT, QOS_POLICY, REVISION, STATUS, TAGS, TENANT,
    UPDATED,
};
use crate::registry::attribute::{Attribute, Literal, Unsaid, Who};
use crate::registry::check::Check;
use crate::registry::convert::Convert;
use crate::registry::{Kind, Resource};

/// Characters of the description of a rule.
const LONG_DESCRIPTION_CHARS_MAX: usize = 1024;

const TABLE: TableName = TableName::new("neutron_floatingip");

/// Floating IPs.
pub static FLOATING_IP: Resource = Resource {
    kind: Kind::FloatingIp,
    singular: "floatingip",
    plural: "floatingips",
    table: TABLE,
    missing: ("FloatingIPNotFound", "Floating IP {} could not be found"),
    indexed: &[
        "project_id",
        "floating_network_id",
        "floating_ip_address",
        "router_id",
        "port_id",
        "qos_policy_id",
        "floating_port_id",
        "forwardings",
    ],
    attributes: &[
        ID,
        Attribute::fixed("floating_ip_address", NULL)
            .convert(Convert::IpAddress)
            .check(Check::IP_ADDRESS_OR_NULL)
            .filter_and_sort()
            .writer(Who::Manager),
        Attribute::fixed("subnet_id", NULL).check(Check::UuidOrNull).hidden(),
        Attribute::fixed("floating_network_id", Unsaid::Refused).check(Check::Uuid).filter_and_sort(),
        Attribute::output("router_id").filter_and_sort(),
        Attribute::mutable("port_id", NULL).check(Check::UuidOrNull).filter(),
        Attribute::mutable("fixed_ip_address", NULL)
            .convert(Convert::IpAddress)
            .check(Check::IP_ADDRESS_OR_NULL)
            .filter_and_sort(),
        PROJECT,
        TENANT,
        STATUS,
        Attribute::output("port_details").computed(),
        QOS_POLICY,
        Attribute::output("port_forwardings").computed(),
        Attribute::fixed("dns_name", EMPTY).convert(Convert::SmallLetters).check(Check::FLOATING_IP_DNS_NAME),
        Attribute { in_put: false, ..DNS_DOMAIN },
        DESCRIPTION,
        TAGS,
        CREATED,
        UPDATED,
        REVISION,
        // The port in the external network that has the address.
        Attribute::internal("floating_port_id"),
        // What its ports stand for, where the address as a whole stands for nothing.
        Attribute::internal("forwardings"),
    ],
};

/// Protocols the ports of which can be forwarded.
const FORWARDED_PROTOCOLS: &[Literal] = &[Literal::Text("tcp"), Literal::Text("udp"), Literal::Text("sctp")];

/// The ports that there are; nothing has port 0.
const PORTS: Check = Check::RangeOrNull(1, 65_535);

/// Ports of floating IPs that stand for ports of guests. They have no rows of their own: they live and die with their floating IP, which is
/// where the store keeps them.
pub static PORT_FORWARDING: Resource = Resource {
    kind: Kind::FloatingIp,
    singular: "port_forwarding",
    plural: "port_forwardings",
    table: TABLE,
    missing: ("PortForwardingNotFound", "Port Forwarding"),
    indexed: &[],
    attributes: &[
        ID,
        Attribute::fixed("project_id", Unsaid::Open).computed().hidden(),
        Attribute::fixed("tenant_id", Unsaid::Open).computed().hidden(),
        Attribute::mutable("external_port", NULL).convert(Convert::Whole).check(PORTS).filter_and_sort(),
        Attribute::mutable("internal_port", NULL).convert(Convert::Whole).check(PORTS),
        Attribute::mutable("external_port_range", NULL).check(Check::PORT_RANGE_OR_NULL).filter_and_sort(),
        Attribute::mutable("internal_port_range", NULL).check(Check::PORT_RANGE_OR_NULL),
        Attribute::mutable("internal_ip_address", Unsaid::Refused)
            .convert(Convert::IpAddress)
            .check(Check::IP_ADDRESS),
        Attribute::mutable("protocol", Unsaid::Refused)
            .convert(Convert::ProtocolName)
            .check(Check::OneOf(FORWARDED_PROTOCOLS))
            .filter_and_sort(),
        Attribute::mutable("internal_port_id", Unsaid::Refused).check(Check::Uuid).filter_and_sort(),
        Attribute::mutable("description", EMPTY).check(Check::Text(LONG_DESCRIPTION_CHARS_MAX)).filter(),
    ],
};
