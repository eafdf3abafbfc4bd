//! What the apps promise together: which flows they make, where packets go, and that the path to a state does not show in it.

mod support;

mod agreement;
mod arp;
mod cost;
mod dhcp;
mod dhcpv6;
mod discards;
mod dns;
mod figures;
mod golden;
mod groups;
mod histories;
mod host_address;
mod learning;
mod lengths;
mod metadata;
mod migration;
mod multicast;
mod names;
mod nat;
mod nd;
mod packets;
mod pairs;
mod properties;
mod provider;
mod qos;
mod real;
mod routers;
mod scale;
mod security;
mod tags;
mod tracing;
mod trunks;
mod tunnels;
mod wire;
