//! Routers.

use nb::TableName;

use super::{
    ADMIN_STATE_UP, CREATED, DESCRIPTION, EMPTY_LIST, ID, NAME, NULL, PROJECT, REVISION, STATUS, TAGS,
    TENANT, UNIQUE_KEY, UPDATED,
};
use crate::registry::attribute::{Attribute, Unsaid, Who};
use crate::registry::check::Check;
use crate::registry::convert::Convert;
use crate::registry::{Kind, Resource};

/// Routers.
pub static ROUTER: Resource = Resource {
    kind: Kind::Router,
    singular: "router",
    plural: "routers",
    table: TableName::new("neutron_router"),
    missing: ("RouterNotFound", "Router {} could not be found"),
    indexed: &["project_id", "name", "interfaces", "gateways"],
    attributes: &[
        ID,
        NAME,
        ADMIN_STATE_UP,
        STATUS,
        PROJECT,
        TENANT,
        Attribute::mutable("external_gateway_info", NULL)
            .convert(Convert::GatewayInfo)
            .check(Check::GATEWAY_INFO),
        Attribute::output("external_gateways"),
        Attribute { in_post: false, ..Attribute::mutable("routes", Unsaid::Open) }
            .convert(Convert::NullToList)
            .check(Check::ROUTER_ROUTES),
        Attribute::mutable("distributed", Unsaid::Open)
            .convert(Convert::BooleanOrNull)
            .writer(Who::Admin)
            .reader(Who::Admin),
        Attribute::mutable("ha", Unsaid::Open)
            .convert(Convert::BooleanOrNull)
            .writer(Who::Admin)
            .reader(Who::Admin),
        Attribute::fixed("availability_zone_hints", EMPTY_LIST).check(Check::ZONE_HINTS),
        Attribute::output("availability_zones").computed(),
        DESCRIPTION,
        TAGS,
        CREATED,
        UPDATED,
        REVISION,
        UNIQUE_KEY,
        // The ids of its ports in the networks that it connects.
        Attribute::internal("interfaces"),
        // Its ports in external networks, each with `port_id`, `network_id` and `enable_snat`; the first is the one of
        // `external_gateway_info`.
        Attribute::internal("gateways"),
        // The nodes that somebody chose for its gateway, each with `chassis` and `priority`.
        Attribute::internal("chassis"),
    ],
};
