//! The resources and their attributes, as Neutron's API declares them.

pub mod agent;
pub mod binding;
pub mod floating_ip;
pub mod qos;
pub mod router;
pub mod security_group;
pub mod trunk;

use nb::TableName;

use super::attribute::{Attribute, Literal, Unsaid, Who};
use super::check::Check;
use super::convert::Convert;
use super::{Kind, Resource};

/// Characters of a name.
const NAME_CHARS_MAX: usize = 255;
/// Characters of a description.
const DESCRIPTION_CHARS_MAX: usize = 255;
/// Characters of the id of a project.
pub const PROJECT_CHARS_MAX: usize = 255;
/// Characters of a device's id or owner.
const DEVICE_CHARS_MAX: usize = 255;
/// Characters of a tag.
pub const TAG_CHARS_MAX: usize = 255;
/// The largest whole number that Neutron's database takes.
pub const INTEGER_MAX: i64 = 0x7fff_ffff;

const EMPTY: Unsaid = Unsaid::Is(Literal::Text(""));
const NULL: Unsaid = Unsaid::Is(Literal::Null);
const TRUE: Unsaid = Unsaid::Is(Literal::Bool(true));
const FALSE: Unsaid = Unsaid::Is(Literal::Bool(false));
const EMPTY_LIST: Unsaid = Unsaid::Is(Literal::EmptyList);

const ID: Attribute = Attribute::output("id").filter_and_sort();
const NAME: Attribute =
    Attribute::mutable("name", EMPTY).check(Check::Name(NAME_CHARS_MAX)).filter_and_sort();
const DESCRIPTION: Attribute = Attribute::mutable("description", EMPTY)
    .convert(Convert::NullToText)
    .check(Check::Text(DESCRIPTION_CHARS_MAX))
    .filter_and_sort();
const PROJECT: Attribute =
    Attribute::fixed("project_id", Unsaid::Open).check(Check::Text(PROJECT_CHARS_MAX)).filter_and_sort();
const TENANT: Attribute = Attribute::fixed("tenant_id", Unsaid::Open)
    .check(Check::Text(PROJECT_CHARS_MAX))
    .filter_and_sort()
    .computed();
const ADMIN_STATE_UP: Attribute =
    Attribute::mutable("admin_state_up", TRUE).convert(Convert::Boolean).filter_and_sort();
const STATUS: Attribute = Attribute::output("status").filter_and_sort().computed();
const TAGS: Attribute = Attribute::output("tags").filter();
const REVISION: Attribute = Attribute::output("revision_number").convert(Convert::Integer).filter_and_sort();
const CREATED: Attribute = Attribute::output("created_at").filter_and_sort();
const UPDATED: Attribute = Attribute::output("updated_at").filter_and_sort();
/// The policy for its traffic.
const QOS_POLICY: Attribute = Attribute::mutable("qos_policy_id", NULL).check(Check::UuidOrNull).filter();
/// The domain for DNS.
const DNS_DOMAIN: Attribute =
    Attribute::mutable("dns_domain", EMPTY).convert(Convert::SmallLetters).check(Check::DNS_DOMAIN);
/// The number by which switches know the resource.
const UNIQUE_KEY: Attribute = Attribute::internal("unique_key");

/// Networks.
pub static NETWORK: Resource = Resource {
    kind: Kind::Network,
    singular: "network",
    plural: "networks",
    table: TableName::new("neutron_network"),
    missing: ("NetworkNotFound", "Network"),
    indexed: &[
        "project_id",
        "name",
        "shared",
        "router:external",
        "provider:segmentation_id",
        "qos_policy_id",
    ],
    attributes: &[
        ID,
        NAME,
        Attribute::output("subnets").computed(),
        ADMIN_STATE_UP,
        STATUS,
        PROJECT,
        TENANT,
        Attribute::mutable("shared", FALSE).convert(Convert::Boolean).filter().writer(Who::Admin),
        Attribute::mutable("router:external", FALSE).convert(Convert::Boolean).filter().writer(Who::Admin),
        Attribute::mutable("is_default", FALSE)
            .convert(Convert::Boolean)
            .filter_and_sort()
            .writer(Who::Admin),
        Attribute::mutable("provider:network_type", Unsaid::Open)
            .check(Check::TextOrNull(32))
            .filter()
            .writer(Who::Admin)
            .reader(Who::Admin),
        Attribute::mutable("provider:physical_network", Unsaid::Open)
            .check(Check::TextOrNull(64))
            .filter()
            .writer(Who::Admin)
            .reader(Who::Admin),
        Attribute::mutable("provider:segmentation_id", Unsaid::Open)
            .convert(Convert::IntegerOrNull)
            .filter()
            .writer(Who::Admin)
            .reader(Who::Admin),
        Attribute::mutable("mtu", Unsaid::Open)
            .convert(Convert::IntegerOrNull)
            .check(Check::RangeOrNull(0, INTEGER_MAX))
            .filter_and_sort(),
        Attribute::fixed("vlan_transparent", Unsaid::Open).convert(Convert::BooleanOrNull).filter(),
        Attribute::mutable("port_security_enabled", TRUE).convert(Convert::Boolean),
        QOS_POLICY,
        DNS_DOMAIN,
        Attribute::fixed("availability_zone_hints", EMPTY_LIST).check(Check::ZONE_HINTS),
        Attribute::output("availability_zones").computed(),
        Attribute::output("ipv4_address_scope").computed(),
        Attribute::output("ipv6_address_scope").computed(),
        DESCRIPTION,
        TAGS,
        CREATED,
        UPDATED,
        REVISION,
        UNIQUE_KEY,
        // The port of its DHCP server.
        Attribute::internal("dhcp_port"),
    ],
};

/// Subnets.
pub static SUBNET: Resource = Resource {
    kind: Kind::Subnet,
    singular: "subnet",
    plural: "subnets",
    table: TableName::new("neutron_subnet"),
    missing: ("SubnetNotFound", "Subnet"),
    indexed: &["project_id", "name", "network_id", "subnetpool_id", "cidr"],
    attributes: &[
        ID,
        NAME,
        Attribute::fixed("ip_version", Unsaid::Refused)
            .convert(Convert::Integer)
            .check(Check::OneOf(&[Literal::Number(4), Literal::Number(6)]))
            .filter_and_sort(),
        Attribute::fixed("network_id", Unsaid::Refused).check(Check::Uuid).filter_and_sort(),
        Attribute::fixed("subnetpool_id", Unsaid::Open).check(Check::UuidOrNull).filter_and_sort(),
        Attribute::fixed("prefixlen", Unsaid::Open)
            .convert(Convert::Integer)
            .check(Check::NonNegative)
            .hidden(),
        Attribute::fixed("use_default_subnetpool", FALSE).convert(Convert::Boolean).hidden(),
        Attribute::fixed("cidr", Unsaid::Open)
            .convert(Convert::Cidr)
            .check(Check::SUBNET_OR_NULL)
            .filter_and_sort(),
        Attribute::mutable("gateway_ip", Unsaid::Open)
            .convert(Convert::IpAddress)
            .check(Check::IP_ADDRESS_OR_NULL)
            .filter_and_sort(),
        Attribute::mutable("allocation_pools", Unsaid::Open).convert(Convert::Pools).check(Check::POOLS),
        Attribute::mutable("dns_nameservers", Unsaid::Open)
            .convert(Convert::NullToList)
            .check(Check::NAMESERVERS),
        Attribute::mutable("host_routes", Unsaid::Open)
            .convert(Convert::NullToList)
            .check(Check::HOST_ROUTES),
        PROJECT,
        TENANT,
        Attribute::mutable("enable_dhcp", TRUE).convert(Convert::Boolean).filter_and_sort(),
        Attribute::fixed("ipv6_ra_mode", Unsaid::Open).check(Check::OneOf(IPV6_MODES)).filter_and_sort(),
        Attribute::fixed("ipv6_address_mode", Unsaid::Open).check(Check::OneOf(IPV6_MODES)).filter_and_sort(),
        Attribute::mutable("ipv6_router_preference", NULL)
            .check(Check::OneOf(ROUTER_PREFERENCES))
            .filter_and_sort(),
        Attribute::output("shared").convert(Convert::Boolean).filter().hidden().computed(),
        Attribute::output("router:external").convert(Convert::Boolean).filter().computed(),
        Attribute::mutable("service_types", Unsaid::Open).check(Check::SERVICE_TYPES),
        Attribute::output("segment_id").filter(),
        DESCRIPTION,
        TAGS,
        CREATED,
        UPDATED,
        REVISION,
    ],
};

const IPV6_MODES: &[Literal] = &[
    Literal::Text("dhcpv6-stateful"),
    Literal::Text("dhcpv6-stateless"),
    Literal::Text("slaac"),
    Literal::Null,
];

const ROUTER_PREFERENCES: &[Literal] =
    &[Literal::Null, Literal::Text("low"), Literal::Text("medium"), Literal::Text("high")];

const VNIC_TYPES: &[Literal] = &[
    Literal::Text("normal"),
    Literal::Text("direct"),
    Literal::Text("macvtap"),
    Literal::Text("baremetal"),
    Literal::Text("direct-physical"),
    Literal::Text("virtio-forwarder"),
    Literal::Text("smart-nic"),
];

/// Ports.
pub static PORT: Resource = Resource {
    kind: Kind::Port,
    singular: "port",
    plural: "ports",
    table: TableName::new("neutron_port"),
    missing: ("PortNotFound", "Port"),
    indexed: &[
        "project_id",
        "name",
        "network_id",
        "device_id",
        "mac_address",
        "security_groups",
        "binding:host_id",
        "fixed_ips",
        "qos_policy_id",
        "allowed_address_pairs",
        "behind",
    ],
    attributes: &[
        ID,
        NAME,
        Attribute::fixed("network_id", Unsaid::Refused).check(Check::Uuid).filter_and_sort(),
        ADMIN_STATE_UP,
        Attribute::mutable("mac_address", Unsaid::Open)
            .convert(Convert::MacAddress)
            .check(Check::MAC_ADDRESS_OR_NULL)
            .filter_and_sort()
            .writer(Who::NetworkOwner)
            .updater(Who::Service),
        Attribute::mutable("fixed_ips", Unsaid::Open)
            .convert(Convert::FixedIps)
            .check(Check::FIXED_IPS)
            .filter(),
        Attribute::mutable("device_id", EMPTY).check(Check::Text(DEVICE_CHARS_MAX)).filter_and_sort(),
        Attribute::mutable("device_owner", EMPTY).check(Check::Text(DEVICE_CHARS_MAX)).filter_and_sort(),
        PROJECT,
        TENANT,
        STATUS,
        Attribute::mutable("port_security_enabled", Unsaid::Open)
            .convert(Convert::Boolean)
            .writer(Who::NetworkOwner),
        Attribute::mutable("security_groups", Unsaid::Open).check(Check::UuidListOrNull).filter(),
        Attribute::mutable("allowed_address_pairs", Unsaid::Open)
            .convert(Convert::AddressPairs)
            .check(Check::ADDRESS_PAIRS)
            .writer(Who::NetworkOwner),
        Attribute::mutable("extra_dhcp_opts", NULL).check(Check::DHCP_OPTIONS),
        Attribute::mutable("binding:vnic_type", Unsaid::Is(Literal::Text("normal")))
            .check(Check::OneOf(VNIC_TYPES)),
        Attribute::mutable("binding:host_id", Unsaid::Open)
            .convert(Convert::NullToText)
            .check(Check::Text(255))
            .filter()
            .writer(Who::Service)
            .reader(Who::Service),
        Attribute::mutable("binding:profile", Unsaid::Open)
            .check(Check::ObjectOrNull)
            .writer(Who::Service)
            .reader(Who::Service),
        Attribute::output("binding:vif_type").computed().reader(Who::Service),
        Attribute::output("binding:vif_details").computed().reader(Who::Service),
        Attribute::output("ip_allocation").filter_and_sort().computed(),
        Attribute::fixed("propagate_uplink_status", TRUE).convert(Convert::Boolean),
        Attribute { in_post: false, ..Attribute::mutable("data_plane_status", Unsaid::Open) }
            .check(Check::OneOf(&[Literal::Null, Literal::Text("ACTIVE"), Literal::Text("DOWN")]))
            .writer(Who::Service),
        Attribute::output("trunk_details").computed().unless_null(),
        QOS_POLICY,
        Attribute::output("qos_network_policy_id").filter().computed(),
        Attribute::output("resource_request").computed().reader(Who::Admin),
        Attribute::mutable("dns_name", EMPTY).convert(Convert::SmallLetters).check(Check::PORT_DNS_NAME),
        Attribute::output("dns_assignment").computed(),
        DNS_DOMAIN,
        DESCRIPTION,
        Attribute { in_post: true, unsaid: EMPTY_LIST, ..TAGS }.check(Check::TextList(TAG_CHARS_MAX)),
        CREATED,
        UPDATED,
        REVISION,
        UNIQUE_KEY,
        // Hosts that it is bound to besides the one that counts.
        Attribute::internal("other_bindings"),
        // The port that it is inside of because a pair there names it.
        Attribute::internal("behind"),
    ],
};

/// Pools that subnets take their ranges from.
pub static SUBNET_POOL: Resource = Resource {
    kind: Kind::SubnetPool,
    singular: "subnetpool",
    plural: "subnetpools",
    table: TableName::new("neutron_subnetpool"),
    missing: ("SubnetPoolNotFound", "Subnet pool"),
    indexed: &["project_id", "name", "shared", "is_default"],
    attributes: &[
        ID,
        Attribute { unsaid: Unsaid::Refused, ..NAME }.check(Check::FilledName),
        PROJECT,
        TENANT,
        Attribute::mutable("prefixes", Unsaid::Refused).check(Check::SUBNET_LIST),
        Attribute::mutable("default_quota", Unsaid::Open)
            .convert(Convert::IntegerOrNull)
            .check(Check::RangeOrNull(0, INTEGER_MAX))
            .filter_and_sort(),
        Attribute::output("ip_version").filter_and_sort().convert(Convert::Integer),
        Attribute::mutable("default_prefixlen", Unsaid::Open)
            .convert(Convert::Integer)
            .check(Check::NonNegative)
            .shown_as_text()
            .filter_and_sort(),
        Attribute::mutable("min_prefixlen", Unsaid::Open)
            .convert(Convert::Integer)
            .check(Check::NonNegative)
            .shown_as_text()
            .filter_and_sort(),
        Attribute::mutable("max_prefixlen", Unsaid::Open)
            .convert(Convert::Integer)
            .check(Check::NonNegative)
            .shown_as_text()
            .filter_and_sort(),
        Attribute::mutable("is_default", FALSE)
            .convert(Convert::Boolean)
            .filter_and_sort()
            .writer(Who::Admin),
        Attribute::fixed("shared", FALSE).convert(Convert::Boolean).filter_and_sort().writer(Who::Admin),
        Attribute::output("address_scope_id").filter_and_sort(),
        DESCRIPTION,
        TAGS,
        CREATED,
        UPDATED,
        REVISION,
    ],
};
