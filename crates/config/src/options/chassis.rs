//! The chassis, the northbound store as it sees it, and the messages between them.

use std::net::IpAddr;
use std::path::PathBuf;

use crate::apps::Apps;
use crate::drivers::{
    NbDriver, NeutronNotifier, PubSubDriver, PublisherTransport, SwitchBackend, TunnelType, VifType,
};
use crate::setting::{BindAddress, FractionalSeconds, Host, HostPort, Name, OvsdbConnection, Seconds};
use crate::table::section;

section! {
    /// Everything that all programs share: the northbound store, the chassis, publish and subscribe.
    pub struct Df in "df", Dragonflow {
        /// Where the northbound store is. With etcd, redis and ZooKeeper the members of a cluster, any of which will do.
        remote_db_hosts: Vec<HostPort> = "$remote_db_ip:$remote_db_port";
        /// What the northbound store is. The embedded store of `dragonflow server` speaks the protocol of etcd.
        nb_db_class: NbDriver = "etcd_nb_db_driver";
        /// The address at which other chassis reach this one through tunnels.
        local_ip: IpAddr = "127.0.0.1";
        /// The address at which this machine is managed: OVSDB is looked for there if it has no socket on this machine.
        management_ip: IpAddr = "127.0.0.1";
        /// The encapsulations that this chassis offers, all of them at once.
        tunnel_types: Vec<TunnelType> = "geneve,vxlan,gre", also "df/tunnel_type";
        /// The applications that run. classifier, portbinding, tunneling and portsec always do, listed or not.
        /// The original's default had no security groups, no floating addresses and no provider networks; here what the
        /// API promises is there unless somebody takes it away.
        apps_list: Apps =
            "l2,l3_proactive,dhcp,dnat,sg,portqos,provider,metadata_service,trunk,fc,sfc,migration";
        /// The bridge that virtual machines are plugged into.
        integration_bridge: Name = "br-int";
        /// Where the OVSDB server of the chassis is. By default the socket in the run directory of Open vSwitch, and if there
        /// is none port 6640 of management_ip.
        ovsdb_connection: Option<OvsdbConnection> = unset;
        /// What the controller programs.
        switch_backend: SwitchBackend = "vswitch_backend_driver";
        /// Make bridges for the datapath in user space (netdev) instead of the one in the kernel.
        enable_dpdk: bool = "False";
        /// How virtual machines are plugged in.
        vif_type: VifType = "ovs";
        /// The directory of vhost-user sockets.
        vhost_sock_dir: PathBuf = "/var/run/openvswitch";
        /// The address of this chassis to the outside, for chassis_snat and as next hop in BGP.
        external_host_ip: Option<IpAddr> = unset, also "df_snat_app/external_host_ip";
        /// Put a port inside the one whose allowed address pair names it, by its address and MAC address (macvlan) or by its address
        /// alone (ipvlan), as containers in a guest have them. The server does it, so it is read there.
        auto_detect_port_behind_port: bool = "False";
        /// Give each controller only what concerns its ports.
        enable_selective_topology_distribution: bool = "False";
        /// How often what is known is compared with the whole northbound store, where changes of it are messages that may
        /// be lost. etcd proves that none was, and is read as a whole only where it cannot.
        db_sync_time: Seconds [1 to 86400] = "120";
        /// Use publish and subscribe for changes.
        enable_df_pub_sub: bool = "False";
        /// What carries the messages.
        pub_sub_driver: PubSubDriver = "zmq_pubsub_driver";
        /// Publishers that are always connected to, besides those that the northbound store names.
        publishers_ips: Vec<Host> = "$local_ip";
        /// The port of publishers.
        publisher_port: u16 = "8866";
        /// The transport to publishers.
        publisher_transport: PublisherTransport = "tcp";
        /// Where the publisher listens.
        publisher_bind_address: BindAddress = "*";
        /// A publisher that has been silent for so long is forgotten.
        publisher_timeout: Seconds [1 to 86400] = "300";
        /// The period in which a publisher renews its row at most publisher_rate_limit_count times.
        publisher_rate_limit_timeout: Seconds [1 to 86400] = "180";
        /// How often a publisher renews its row in publisher_rate_limit_timeout.
        publisher_rate_limit_count: u32 [1 to 1000000] = "1";
        /// How often the publisher looks for changes that nobody published.
        monitor_table_poll_time: FractionalSeconds = "30";
        /// Tell Neutron what became of its ports.
        enable_neutron_notifier: bool = "False", also "df/enable_port_status_notifier";
        /// How Neutron is told.
        neutron_notifier: NeutronNotifier = "nb_api_neutron_notifier_driver", also "df/port_status_notifier";
        /// A service without a sign of life for so long is down. At least three times report_interval, so that a lost
        /// report is no alarm.
        service_down_time: Seconds [1 to 86400] = "80";
        /// How often a service gives a sign of life.
        report_interval: Seconds [1 to 86400] = "25";
        /// How often a listener of Neutron gives a sign of life.
        neutron_listener_report_interval: Seconds [1 to 86400] = "25";
        /// The largest random delay added to neutron_listener_report_interval.
        neutron_listener_report_delay: Seconds [0 to 86400] = "10";
    } retired {
        /// The address of the northbound store.
        "remote_db_ip": IpAddr = "127.0.0.1",
            Deprecated("remote_db_hosts says it, for several hosts too");
        /// The port of the northbound store.
        "remote_db_port": u16 = "4001",
            Deprecated("remote_db_hosts says it, for several hosts too");
        /// Leave DHCPv6 to an agent.
        "use_centralized_ipv6_DHCP": bool = "False",
            Refused("DHCPv6 is answered on the chassis of the port; remove the option");
        /// The socket of the OVSDB server. The original never read it.
        "ovsdb_local_address": PathBuf = "/usr/local/var/run/openvswitch/db.sock",
            Refused("the original never read it; set ovsdb_connection = unix:PATH");
        /// How long a lock of the Neutron plug-in lasts.
        "distributed_lock_ttl": Seconds = "120",
            NoEffect("changes are transactions of the store, there is no lock that could be left behind");
        /// The layout of the pipeline.
        "datapath_layout_path": PathBuf = "/etc/neutron/dragonflow_datapath_layout.yaml",
            Refused("the pipeline is built in; remove the option, and choose applications by apps_list");
        /// Write down which table is whose.
        "write_datapath_allocation": bool = "True",
            NoEffect("the tables are always the same ones, and the documentation lists them");
        /// The file for that.
        "datapath_allocation_output_path": PathBuf = "/var/run/dragonflow/dragonflow_datapath_allocation.json",
            NoEffect("the tables are always the same ones, and the documentation lists them");
        /// Whether the file may be overwritten.
        "overwrite_datapath_allocation_output_path": bool = "True",
            NoEffect("the tables are always the same ones, and the documentation lists them");
        /// The first table that is given away.
        "datapath_autoalloc_table_offset": u32 = "201",
            Refused("the tables are always the same ones; remove the option");
        /// Publish through the publisher service.
        "pub_sub_use_multiproc": bool = "True",
            Refused("with zmq, events always go through the publisher service; remove the option");
        /// The driver for that.
        "pub_sub_multiproc_driver": String = "zmq_pubsub_multiproc_driver",
            Refused("zmq_pubsub_driver does both; remove the option");
        /// Make tunnels by flows rather than a port for each chassis.
        "enable_virtual_tunnel_port": bool = "True",
            Refused("tunnels are always made by flows; remove the option");
        /// Compare with the northbound store from time to time.
        "enable_df_db_consistency": bool = "True",
            Refused("that is always done; set db_sync_time to have it seldom");
        /// Look for changes that nobody published.
        "is_monitor_tables": bool = "$enable_df_pub_sub",
            NoEffect("the publisher service always does; monitor_table_poll_time says how often");
        /// Where to look for them.
        "monitor_tables": Vec<String> = "chassis",
            NoEffect("the publisher service knows which tables need it");
    }
}

section! {
    /// OpenFlow connections, where Open vSwitch connects to us instead of having its socket on this machine.
    pub struct DfOpenFlow in "df_os_ken", Dragonflow {
        /// The address to listen at.
        of_listen_address: IpAddr = "127.0.0.1", also "df_ryu/of_listen_address";
        /// The port to listen at.
        of_listen_port: u16 = "6653", also "df_ryu/of_listen_port";
    } retired {}
}

section! {
    /// Publish and subscribe by ZeroMQ.
    pub struct DfZmq in "df_zmq", Dragonflow {
        /// The socket by which programs of one machine reach its publisher service.
        ipc_socket: PathBuf = "/var/run/zmq_pubsub/zmq-publisher-socket", also "df/publisher_multiproc_socket";
    } retired {}
}

section! {
    /// redis as northbound store.
    pub struct DfRedis in "df_redis", Dragonflow {
        /// How often a command is tried again. At least 2 where redis is a cluster.
        retries: u32 [1 to 1000] = "5";
        /// How many commands are sent in one go.
        batch_amount: u32 [10 to 100000] = "50";
    } retired {}
}
