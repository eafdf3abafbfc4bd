//! A hypervisor: where its tunnels end and which kinds it speaks. Its id is the name of the host.

use std::net::IpAddr;

use crate::Id;
use crate::macros::{choice, object};

choice! {
    /// How frames travel between hypervisors.
    open TunnelType {
        /// Geneve.
        Geneve = "geneve",
        /// VXLAN.
        Vxlan = "vxlan",
        /// GRE.
        Gre = "gre",
    }
}

object! {
    /// A hypervisor.
    Chassis [] {
        /// Where floating IPs leave from; the next hop that BGP announces for them.
        external_host_ip: Option<IpAddr>,
        /// The name of the host.
        id: Id<Self>,
        /// The end of its tunnels.
        ip: IpAddr,
        /// The kinds of tunnel that it takes, in its order of preference.
        tunnel_types: Vec<TunnelType>,
    }
    indexes {
        /// Whose tunnel ends at this address.
        BY_IP: IpAddr = |row, visit| visit(row.ip);
    }
}
