//! The whole product on this machine: real processes, real switches, real DHCP clients, real packets. Needs root and Open
//! vSwitch; see `testkit::cloud` for what is started.

mod boots;
mod chassis_snat;
mod cluster;
mod dns;
mod failover;
mod faults;
mod floating_ips;
mod groups;
mod guests;
mod ipv6;
mod leases;
mod metadata;
mod migration;
mod multicast;
mod names;
mod nat;
mod neighbors;
mod operators;
mod packets;
mod pairs;
mod plugging;
mod programs;
mod provider;
mod qos;
mod restarts;
mod routed_qos;
mod router_changes;
mod routers;
mod routing;
mod routing_ipv6;
mod routing_outside;
mod status;
mod support;
mod trace;
mod trunks;
