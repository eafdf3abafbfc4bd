//! What a controller has to be told, and how that follows from the configuration.
//!
//! Options that name something that is not built are refused by name; options that are about speed alone are said to be
//! without effect. Nothing is passed over in silence.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use config::{Apps, Config, NbDriver, OvsdbConnection};
use engine::{Dhcp, Multicast, Settings};
use model::{Chassis, Id, TunnelType};
use ovsdb::address::Address;
use switch::bridge::TunnelKind;
use switch::endpoint::Endpoint;
use thiserror::Error;

pub use crate::bucket::PacketLimits;
use crate::metadata::Directory;
pub use crate::recorder::Recording;

/// Where the socket of OVSDB is in a run directory of Open vSwitch.
pub const OVSDB_SOCKET: &str = "db.sock";
/// The run directory of Open vSwitch, unless `OVS_RUNDIR` says another.
pub const OVS_RUNDIR: &str = "/var/run/openvswitch";

/// How often what is desired is computed anew, unless somebody says otherwise: seldom, because for that moment nothing else
/// is done.
pub const AUDIT_INTERVAL: Duration = Duration::from_secs(3600);

/// How the switch is spoken to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SwitchAccess {
    /// Over the management socket of the bridge. Packets have a connection of their own, so that a storm of them delays no
    /// flow.
    Socket(PathBuf),
    /// The switch connects to us, once, for everything.
    Listen {
        /// Where we listen.
        at: SocketAddr,
        /// Where it is told to connect to.
        announced: SocketAddr,
    },
}

/// How often things are done, and how much is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// How often the service row says that we are alive.
    pub report_interval: Duration,
    /// How often what is known is compared with the whole store; `None`: only when something may have been lost.
    pub resync_interval: Option<Duration>,
    /// How often what is desired is computed anew and compared; `None`: never.
    pub audit_interval: Option<Duration>,
    /// Packets that guests may send up.
    pub packets: PacketLimits,
}

/// Whether routers may have their gateways on this node, as far as its controller decides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Candidacy {
    /// Whoever else says so, as `df-l3-agent`.
    LeftAlone,
    /// They may, and prefer nodes with a higher priority.
    Offered {
        /// The priority.
        priority: u32,
    },
    /// They may not.
    Refused,
}

/// What a controller has to be told.
#[derive(Debug, Clone)]
pub struct Options {
    /// The name of the node.
    pub chassis: Id<Chassis>,
    /// Where its tunnels end.
    pub tunnel_ip: IpAddr,
    /// Its address to the outside, where it has one.
    pub external_host_ip: Option<IpAddr>,
    /// The encapsulations that it takes, in its order of preference.
    pub tunnel_types: Vec<TunnelType>,
    /// The applications that run.
    pub apps: Apps,
    /// Whether ARP requests are answered on the node of who asks.
    pub answer_arp: bool,
    /// What the switch remembers of addresses that no port has.
    pub learning: engine::Learning,
    /// The bridges that lead to physical networks, by the names of these.
    pub bridge_mappings: BTreeMap<String, String>,
    /// What the links of such bridges carry of what guests send, in kilobits a second, where the operator says so.
    pub link_kbps: BTreeMap<String, u64>,
    /// The proxy of the metadata service; none without the application.
    pub metadata: Option<MetadataOptions>,
    /// Where to keep who asks it, for a proxy in this process.
    pub metadata_directory: Option<Directory>,
    /// Who gets what is sent to multicast addresses.
    pub multicast: Multicast,
    /// Whether routers may have their gateways here.
    pub candidacy: Candidacy,
    /// How often other nodes are asked whether they are there.
    pub bfd_interval_ms: u32,
    /// For how long a node that came back has to be there before it gets its gateways back.
    pub gateway_hold: Duration,
    /// The availability zones of the node.
    pub availability_zones: Vec<String>,
    /// What guests are told by DHCP, and how often.
    pub dhcp: Arc<Dhcp>,
    /// The bridge that guests are plugged into.
    pub bridge: String,
    /// Its datapath, if it has to be made; `None` leaves it to Open vSwitch.
    pub datapath_type: Option<String>,
    /// Where the database of Open vSwitch is.
    pub ovsdb: Address,
    /// How the bridge is spoken to.
    pub access: SwitchAccess,
    /// Where to write down all that the engine is told.
    pub recording: Option<Recording>,
    /// How often and how much.
    pub limits: Limits,
}

/// Where the proxy of the metadata service is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataOptions {
    /// The device of the host that is a port of the bridge.
    pub interface: String,
    /// Where the proxy listens.
    pub address: Ipv4Addr,
    /// The TCP port at which it listens.
    pub port: u16,
}

/// The configuration asks for something that there is not.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OptionsError {
    /// A name that is no name.
    #[error("[DEFAULT] host is empty: give this node a name")]
    NoHost,
    /// A store that has no driver.
    #[error(
        "[df] nb_db_class = {0} is not built yet: use etcd_nb_db_driver, which the embedded store speaks too"
    )]
    NoDriver(&'static str),
}

impl Options {
    /// What the configuration says, and lines for the log. `ovs_rundir` is where Open vSwitch has its sockets.
    ///
    /// # Errors
    /// When it asks for something that is not built.
    pub fn from_config(config: &Config, ovs_rundir: &Path) -> Result<(Self, Vec<String>), OptionsError> {
        let df = &config.df;
        let notices = notices(config);
        refuse(config)?;
        let socket = Some(ovs_rundir.join(OVSDB_SOCKET)).filter(|socket| socket.exists());
        let (ovsdb, access) = match config.ovsdb_connection(socket.as_deref()) {
            OvsdbConnection::Unix(path) => {
                // The sockets of bridges are beside that of the database.
                let rundir = path.parent().map_or_else(|| ovs_rundir.to_owned(), Path::to_owned);
                let bridge = rundir.join(format!("{}.mgmt", df.integration_bridge.as_str()));
                (Address::Unix(path), SwitchAccess::Socket(bridge))
            }
            OvsdbConnection::Tcp(at) => {
                let address = Address::Tcp { host: at.ip().to_string(), port: at.port() };
                (address, listen(config))
            }
        };
        let options = Self {
            chassis: Id::new(config.host()).map_err(|_| OptionsError::NoHost)?,
            tunnel_ip: df.local_ip,
            external_host_ip: df.external_host_ip,
            tunnel_types: df.tunnel_types.iter().map(|kind| tunnel_type(*kind)).collect(),
            apps: df.apps_list.clone(),
            answer_arp: config.df_l2_app.l2_responder,
            learning: engine::Learning {
                age_s: u16::try_from(config.df_l2_app.mac_age_seconds).unwrap_or(u16::MAX),
                addresses_max: config.df_l2_app.learned_macs_max,
                ask_interval_s: config.df_active_port_detection.detection_interval_time.0,
            },
            bridge_mappings: bridge_mappings(config),
            link_kbps: link_kbps(config),
            metadata: metadata(config),
            metadata_directory: None,
            multicast: Multicast {
                snoops: config.df_l2_app.multicast_snooping,
                floods_unregistered: config.df_l2_app.multicast_flood_unregistered,
            },
            candidacy: candidacy(config),
            bfd_interval_ms: config.df_l3_app.gateway_bfd_interval_ms,
            gateway_hold: Duration::from_secs(config.df_l3_app.gateway_hold_seconds.into()),
            availability_zones: config.agent.availability_zone.clone(),
            dhcp: Arc::new(dhcp(config)),
            bridge: df.integration_bridge.as_str().to_owned(),
            datapath_type: df.enable_dpdk.then(|| "netdev".to_owned()),
            ovsdb,
            access,
            recording: None,
            limits: Limits {
                report_interval: df.report_interval.duration(),
                // The watch of this store proves that nothing was lost, or says that it cannot. Reading everything all the
                // time, on every node, is what made the original slow.
                resync_interval: match df.nb_db_class {
                    NbDriver::Etcd => None,
                    NbDriver::Redis | NbDriver::Zookeeper => Some(df.db_sync_time.duration()),
                },
                audit_interval: Some(AUDIT_INTERVAL),
                packets: PacketLimits::default(),
            },
        };
        Ok((options, notices))
    }

    /// What the engine is told of it.
    pub(crate) fn settings(&self) -> Settings {
        Settings {
            chassis: self.chassis.clone(),
            tunnel_ip: self.tunnel_ip,
            answer_arp: self.answer_arp,
            learning: self.learning,
            multicast: self.multicast,
            host_address: self.host_address(),
            dhcp: Arc::clone(&self.dhcp),
        }
    }

    /// The address with which guests leave here that have none of their own outside.
    fn host_address(&self) -> Option<Ipv4Addr> {
        match self.external_host_ip {
            Some(IpAddr::V4(ip)) if self.apps.contains(config::App::ChassisSnat) => Some(ip),
            _ => None,
        }
    }

    /// The tunnel ports that the bridge needs.
    pub(crate) fn tunnel_kinds(&self) -> BTreeSet<TunnelKind> {
        self.tunnel_types.iter().filter_map(kind_of_tunnel).collect()
    }

    /// Where the connection for flows goes.
    pub(crate) fn endpoint(&self) -> Endpoint {
        match &self.access {
            SwitchAccess::Socket(path) => Endpoint::Unix(path.clone()),
            SwitchAccess::Listen { at, .. } => Endpoint::Listen(*at),
        }
    }

    /// Where the connection for packets goes, where it is another.
    pub(crate) fn packet_endpoint(&self) -> Option<Endpoint> {
        match &self.access {
            SwitchAccess::Socket(path) => Some(Endpoint::Unix(path.clone())),
            SwitchAccess::Listen { .. } => None,
        }
    }
}

/// Where a switch on another machine finds us.
fn listen(config: &Config) -> SwitchAccess {
    let of = &config.df_os_ken;
    let at = SocketAddr::new(of.of_listen_address, of.of_listen_port);
    // Nobody can connect to "every address".
    let ip = if at.ip().is_unspecified() { config.df.management_ip } else { at.ip() };
    SwitchAccess::Listen { at, announced: SocketAddr::new(ip, at.port()) }
}

/// The bridges that lead to physical networks; none without the application that uses them.
fn bridge_mappings(config: &Config) -> BTreeMap<String, String> {
    let mappings = config.df_provider_networks.bridge_mappings.iter();
    let mappings = mappings.map(|(network, bridge)| (network.clone(), bridge.as_str().to_owned()));
    mappings.filter(|_| config.df.apps_list.contains(config::App::Provider)).collect()
}

/// What links carry, by the bridges that they are of. 0 is what Neutron's agent takes for none, and nobody has such a link.
fn link_kbps(config: &Config) -> BTreeMap<String, u64> {
    let said = config.ovs.resource_provider_bandwidths.iter();
    said.filter_map(|said| Some((said.bridge.clone(), said.egress_kbps.filter(|rate| *rate > 0)?))).collect()
}

const fn candidacy(config: &Config) -> Candidacy {
    match config.df_l3_app.gateway_candidate {
        None => Candidacy::LeftAlone,
        Some(true) => Candidacy::Offered { priority: config.df_l3_app.gateway_priority },
        Some(false) => Candidacy::Refused,
    }
}

/// Where the proxy of the metadata service is; nowhere without the application, and for an address that guests cannot be led to.
fn metadata(config: &Config) -> Option<MetadataOptions> {
    let options = &config.df_metadata;
    let IpAddr::V4(address) = options.ip else { return None };
    let interface = options.metadata_interface.as_str().to_owned();
    let metadata = MetadataOptions { interface, address, port: options.port };
    Some(metadata).filter(|_| config.df.apps_list.contains(config::App::Metadata))
}

/// What guests are told by DHCP.
fn dhcp(config: &Config) -> Dhcp {
    let options = &config.df_dhcp_app;
    let v4 = |address: &IpAddr| match address {
        IpAddr::V4(address) => Some(*address),
        IpAddr::V6(_) => None,
    };
    let v6 = |address: &IpAddr| match address {
        IpAddr::V6(address) => Some(*address),
        IpAddr::V4(_) => None,
    };
    Dhcp {
        rate_per_s: options.df_dhcp_max_rate_per_sec,
        dns_servers: options.df_dns_servers.iter().filter_map(v4).collect(),
        dns_servers_v6: options.df_dns_servers.iter().filter_map(v6).collect(),
        domain: config.default.dns_domain.clone(),
        // -1 is for ever.
        lease_seconds: u32::try_from(config.default.dhcp_lease_duration).unwrap_or(u32::MAX),
        mtu_bytes: u16::try_from(options.df_default_network_device_mtu).unwrap_or(u16::MAX),
        has_metadata_route: options.df_add_link_local_route,
    }
}

fn refuse(config: &Config) -> Result<(), OptionsError> {
    let df = &config.df;
    match df.nb_db_class {
        NbDriver::Etcd => {}
        driver @ (NbDriver::Redis | NbDriver::Zookeeper) => {
            return Err(OptionsError::NoDriver(driver.word()));
        }
    }
    Ok(())
}

/// What the configuration asks for and does not get, where that harms nobody.
fn notices(config: &Config) -> Vec<String> {
    let df = &config.df;
    let mut notices: Vec<String> = crate::apps_list::select(&df.apps_list)
        .1
        .into_iter()
        .map(|app| format!("[df] apps_list: {} is not built yet and does nothing", app.word()))
        .collect();
    let mut note = |asked: bool, text: &str| {
        if asked {
            notices.push(text.to_owned());
        }
    };
    note(
        df.apps_list.contains(config::App::Metadata) && config.df_metadata.ip.is_ipv6(),
        "[df_metadata] ip is an IPv6 address, so there is no metadata service: say an IPv4 address; who asks by IPv6 is served too",
    );
    note(
        df.apps_list.contains(config::App::ChassisSnat)
            && !matches!(df.external_host_ip, Some(IpAddr::V4(_))),
        "[df] apps_list: chassis_snat does nothing, because [df] external_host_ip is no IPv4 address: guests leave by the gateways of \
         their routers",
    );
    note(
        df.enable_df_pub_sub,
        "[df] enable_df_pub_sub has no effect: with etcd the store itself tells of changes, at once and without loss",
    );
    note(
        df.enable_selective_topology_distribution,
        "[df] enable_selective_topology_distribution has no effect yet: every network is followed",
    );
    note(
        df.enable_neutron_notifier,
        "[df] enable_neutron_notifier has no effect: the state of ports is always in the store, in table port_status",
    );
    notices
}

const fn tunnel_type(kind: config::TunnelType) -> TunnelType {
    match kind {
        config::TunnelType::Geneve => TunnelType::Geneve,
        config::TunnelType::Vxlan => TunnelType::Vxlan,
        config::TunnelType::Gre => TunnelType::Gre,
    }
}

fn kind_of_tunnel(kind: &TunnelType) -> Option<TunnelKind> {
    TunnelKind::from_ovs(kind.as_str())
}

#[cfg(test)]
mod tests;
