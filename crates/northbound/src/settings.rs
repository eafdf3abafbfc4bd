//! What an operator decides about the API.

use std::net::SocketAddr;

use crate::auth::AuthStrategy;
use crate::ipam::{MacBase, SubnetLimits};
use crate::quota::Limits;
use crate::resources::port::Attachment;
use crate::translate::{CloudDomain, MtuSettings, SegmentSettings};

/// What an operator decides.
#[derive(Debug, Clone)]
pub struct Settings {
    /// How requesters are known.
    pub auth: AuthStrategy,
    /// Whether requesters that are believed without keystone may come from other machines.
    pub noauth_from_anywhere: bool,
    /// What projects may have of which nobody says otherwise.
    pub default_quota: Limits,
    /// What subnets may have.
    pub subnet_limits: SubnetLimits,
    /// What new MAC addresses have in common.
    pub mac_base: MacBase,
    /// Which kinds of networks there are, and which numbers.
    pub segments: SegmentSettings,
    /// How long packets can be.
    pub mtu: MtuSettings,
    /// How guests are attached.
    pub attachment: Attachment,
    /// The domain that names of ports are in.
    pub cloud_domain: CloudDomain,
    /// Whether routers are distributed of which nobody says it.
    pub router_distributed: bool,
    /// Whether a pair of addresses of a port puts the port that has them inside it.
    pub nests_ports_by_pairs: bool,
    /// Allowed address pairs of a port at most.
    pub address_pairs_max: usize,
    /// Routes of a router at most.
    pub routes_max: usize,
    /// Where networks and routers can be placed.
    pub availability_zones: Vec<String>,
    /// Seconds without a heartbeat after which a daemon counts as dead.
    pub service_down_time_s: f64,
    /// Resources in a page of a list at most; no limit if not said.
    pub page_items_max: Option<usize>,
    /// Bytes of a request's body.
    pub body_bytes_max: usize,
    /// Seconds until a request is given up.
    pub request_timeout_s: u64,
    /// Connections at a time; others wait.
    pub connections_max: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            auth: AuthStrategy::NoAuth,
            noauth_from_anywhere: false,
            default_quota: Limits::default(),
            subnet_limits: SubnetLimits::default(),
            mac_base: MacBase::default(),
            segments: SegmentSettings::default(),
            mtu: MtuSettings::default(),
            attachment: Attachment::default(),
            cloud_domain: CloudDomain::default(),
            router_distributed: true,
            nests_ports_by_pairs: false,
            address_pairs_max: 10,
            routes_max: 30,
            availability_zones: vec!["nova".to_owned()],
            service_down_time_s: 80.0,
            page_items_max: None,
            body_bytes_max: 1024 * 1024,
            request_timeout_s: 60,
            connections_max: 1024,
        }
    }
}

impl Settings {
    /// Whether a server may listen at an address: without keystone, everybody who reaches it may do everything.
    #[must_use]
    pub fn may_listen(&self, address: SocketAddr) -> bool {
        let is_vouched = matches!(self.auth, AuthStrategy::Keystone(_));
        is_vouched || self.noauth_from_anywhere || address.ip().is_loopback()
    }
}
