//! What there is: hosts, networks, ports. A store will say this one day; here it is written down.

use std::net::Ipv4Addr;

use net_types::MacAddr;

/// A host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Host {
    pub(crate) name: &'static str,
    /// Its end of the tunnels.
    pub(crate) underlay: Ipv4Addr,
}

/// The attachment of a guest to a network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: &'static str,
    /// Number of the port in the whole cloud.
    pub(crate) key: u16,
    pub(crate) network: Network,
    pub(crate) mac: MacAddr,
    pub(crate) address: Ipv4Addr,
    pub(crate) host: Host,
}

/// A network of a tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Network {
    pub(crate) name: &'static str,
    pub(crate) key: u32,
}

pub(crate) const HOST_A: Host = Host { name: "host-a", underlay: Ipv4Addr::new(192, 0, 2, 1) };
pub(crate) const HOST_B: Host = Host { name: "host-b", underlay: Ipv4Addr::new(192, 0, 2, 2) };
const BLUE: Network = Network { name: "blue", key: 11 };
const RED: Network = Network { name: "red", key: 12 };

pub(crate) const VM1: Port = port("vm1", 1, BLUE, Ipv4Addr::new(10, 0, 0, 1), HOST_A);
pub(crate) const VM2: Port = port("vm2", 2, BLUE, Ipv4Addr::new(10, 0, 0, 2), HOST_B);
/// The address of vm2, in another network and on the host of vm1.
pub(crate) const VM3: Port = port("vm3", 3, RED, Ipv4Addr::new(10, 0, 0, 2), HOST_A);
pub(crate) const VM4: Port = port("vm4", 4, RED, Ipv4Addr::new(10, 0, 0, 4), HOST_B);

pub(crate) const HOSTS: [Host; 2] = [HOST_A, HOST_B];
pub(crate) const PORTS: [Port; 4] = [VM1, VM2, VM3, VM4];
pub(crate) const NETWORKS: [Network; 2] = [BLUE, RED];

const fn port(name: &'static str, key: u8, network: Network, address: Ipv4Addr, host: Host) -> Port {
    let mac = MacAddr([0xfa, 0x16, 0x3e, 0, 0, key]);
    Port { name, key: key as u16, network, mac, address, host }
}
