//! The API as clients use it: requests over HTTP to a server on a store in memory, and what they are answered.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod address_groups;
mod agents;
mod basics;
mod behind;
mod behind_histories;
mod bindings;
mod corners;
mod crowds;
mod floating_ip_fates;
mod floating_ip_routers;
mod floating_ips;
mod forwarding;
mod http;
mod identity;
mod keystone;
mod lists;
mod modes;
mod names;
mod qos;
mod qos_rules;
mod refusals;
mod resources;
mod routers;
mod routers_conflicts;
mod routers_gateways;
mod routers_routes;
mod rows;
mod security_groups;
mod security_ports;
mod security_rows;
mod security_rules;
mod segments;
mod storm;
mod support;
mod tenants;
mod trunks;
