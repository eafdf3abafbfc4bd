//! What the applications and the services beside the controller can be told.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use crate::drivers::BgpSpeaker;
use crate::setting::{Name, Seconds};
use crate::table::section;

section! {
    /// Switching.
    pub struct DfL2App in "df_l2_app", Dragonflow {
        /// Answer ARP requests and neighbour solicitations for known ports on the chassis.
        l2_responder: bool = "True";
        /// After how many seconds an address is forgotten that no port has and that was not heard again; 0 is never.
        mac_age_seconds: u32 [0 to 65535] = "300";
        /// Of how many addresses that no port has the switch remembers where they are: behind one port, and in the physical network
        /// of one network; 0 is any number. What is for others is flooded.
        learned_macs_max: u32 [0 to 1000000] = "1024";
        /// Copy what is sent to a multicast address to those who listen to it (IGMP, MLD), and ask who does.
        multicast_snooping: bool = "False";
        /// Copy what is sent to a multicast address that nobody listens to, to everybody in the network. Counts with snooping.
        multicast_flood_unregistered: bool = "True";
    } retired {}
}

section! {
    /// Routing.
    pub struct DfL3App in "df_l3_app", Dragonflow {
        /// How many "time exceeded" messages routers send a second, on one chassis.
        router_ttl_invalid_max_rate: u32 [0 to 1000000] = "3";
        /// How many "port unreachable" messages routers send a second, on one chassis.
        router_port_unreach_max_rate: u32 [0 to 1000000] = "3";
        /// Whether routers may have their gateways on this chassis: True makes it a candidate as df-l3-agent does, but also while no
        /// df-l3-agent runs; False takes it off the list. Unset leaves that to df-l3-agent.
        gateway_candidate: Option<bool> = unset;
        /// Routers prefer candidates with a higher number, and are spread over those with the same.
        gateway_priority: u32 [0 to 1000000] = "100";
        /// How often, in milliseconds, Open vSwitch asks other chassis whether they are there (BFD); one that is silent for three times
        /// as long is not.
        gateway_bfd_interval_ms: u32 [50 to 10000] = "100";
        /// For how many seconds a chassis that came back has to be there without a break before it gets its gateways back.
        gateway_hold_seconds: u32 [0 to 3600] = "10";
    } retired {}
}

section! {
    /// Floating addresses.
    pub struct DfDnatApp in "df_dnat_app", Dragonflow {
        /// How many "time exceeded" messages are sent a second, in each direction.
        dnat_ttl_invalid_max_rate: u32 [0 to 1000000] = "3";
        /// How many ICMP errors are translated a second.
        dnat_icmp_error_max_rate: u32 [0 to 1000000] = "3";
    } retired {
        /// The bridge to the outside.
        "external_network_bridge": String = "br-ex",
            Refused("say which bridge leads to which network by [df_provider_networks] bridge_mappings");
        /// The port of the integration bridge towards it.
        "int_peer_patch_port": String = "patch-ex",
            Refused("the controller makes and names the ports between bridges itself; remove the option");
        /// The port of that bridge towards the integration bridge.
        "ex_peer_patch_port": String = "patch-int",
            Refused("the controller makes and names the ports between bridges itself; remove the option");
        /// How often the gateway's hardware address is asked for.
        "send_arp_interval": Seconds = "5",
            NoEffect("the controller asks when it has to, and when an answer gets old");
    }
}

section! {
    /// DHCP.
    pub struct DfDhcpApp in "df_dhcp_app", Dragonflow {
        /// The DNS servers for subnets that name none.
        df_dns_servers: Vec<IpAddr> = "8.8.8.8,8.8.4.4";
        /// The MTU for networks that have none.
        df_default_network_device_mtu: u32 [68 to 65535] = "1460";
        /// How many DHCP messages a port may send a second.
        df_dhcp_max_rate_per_sec: u32 [1 to 1000000] = "3";
        /// Give machines a route to the metadata service.
        df_add_link_local_route: bool = "True";
    } retired {
        /// For how long a port that sends more is not answered.
        "df_dhcp_block_time_in_sec": Seconds = "100",
            NoEffect("the switch drops what is beyond the rate, and the port is answered again as soon as it keeps to it");
    }
}

section! {
    /// The metadata service on a chassis.
    pub struct DfMetadata in "df_metadata", Dragonflow {
        /// The address that the proxy listens at.
        ip: IpAddr = "169.254.169.254";
        /// The port that the proxy listens at.
        port: u16 = "18080";
        /// The port of the integration bridge behind which the proxy is.
        metadata_interface: Name = "tap-metadata", also "df/metadata_interface", "df_metadata/interface";
        /// Whether the local controller is the proxy itself. Without, df-metadata-service has to run beside it.
        in_controller: bool = "True";
        /// How many connections guests may have to the proxy.
        connections_max: u32 [1 to 65535] = "1024";
        /// How many of them one port may have.
        port_connections_max: u32 [1 to 65535] = "32";
        /// How many requests a port may send a second; 0 is as many as it likes. What is more is answered with 429.
        port_requests_per_second_max: u32 [0 to 1000000] = "0";
        /// How long Nova may take for an answer, in seconds.
        request_timeout: Seconds = "60";
        /// How many bytes the body of a request may have.
        request_bytes_max: u32 = "1048576";
    } retired {}
}

section! {
    /// Flat and VLAN networks.
    pub struct DfProviderNetworks in "df_provider_networks", Dragonflow {
        /// Which bridge leads to which physical network: physical_network:bridge.
        bridge_mappings: BTreeMap<String, Name> = "public:br-ex",
            also "df_provider_networks_app/bridge_mappings", "df_l2_app/bridge_mappings";
    } retired {}
}

section! {
    /// Outgoing connections by the address of the chassis.
    pub struct DfSnatApp in "df_snat_app", Dragonflow {
        /// The bridge to the outside.
        external_network_bridge: Name = "br-ex";
    } retired {
        /// Have flows between the tables of address translation.
        "enable_goto_flows": bool = "True",
            Refused("each application has the flows that it needs; remove the option");
    }
}

section! {
    /// Load balancers.
    pub struct DfLoadbalancer in "df_loadbalancer", Dragonflow {
        /// Enable ports of virtual addresses of load balancers.
        auto_enable_vip_ports: bool = "True";
    } retired {}
}

section! {
    /// Which of several ports has a shared address.
    pub struct DfActivePortDetection in "df_active_port_detection", Dragonflow {
        /// How often ports are asked.
        detection_interval_time: Seconds [1 to 86400] = "30";
    } retired {}
}

section! {
    /// BGP.
    pub struct DfBgp in "df_bgp", Dragonflow {
        /// How often the northbound store is looked at.
        pulse_interval: Seconds [1 to 86400] = "5";
        /// Who speaks BGP.
        bgp_speaker_driver: BgpSpeaker = "built_in";
        /// The identifier of the speaker.
        bgp_router_id: Ipv4Addr = "127.0.0.1";
    } retired {}
}
