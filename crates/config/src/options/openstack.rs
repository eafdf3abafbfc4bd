//! What we take from files that are shared with OpenStack services. Everything else in these sections is theirs.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::drivers::{NetworkType, WebProtocol};
use crate::setting::{BridgeBandwidth, Host, IdRange, Name, Secret, VlanRange};
use crate::table::section;

section! {
    /// Options that Neutron has as well, with Neutron's meaning, and the name of the chassis.
    pub struct DefaultSection in "DEFAULT", OpenStack {
        /// The name of this chassis.
        host: Name = host_name;
        /// Log in detail.
        debug: bool = "False";
        /// For how long an address is lent by DHCP, in seconds; -1 is for ever.
        dhcp_lease_duration: i32 [-1 to 2147483647] = "86400";
        /// The domain that machines are told by DHCP, and that names of ports are in. In openstacklocal, and without any, ports have no names.
        dns_domain: String = "openstacklocal";
        /// The MTU of the physical network between chassis.
        global_physnet_mtu: u32 [68 to 65535] = "1500", also "ml2/segment_mtu";
        /// Routers are distributed of which nobody says whether they are. Neutron's own default is that they are not.
        router_distributed: bool = "True";
        /// How many allowed address pairs a port may have, such as one for each container behind a guest's port.
        max_allowed_address_pair: u32 [0 to 1000] = "10";
        /// How many routes a router may have.
        max_routes: u32 [0 to 1000] = "30";
        /// The host of Nova's metadata service.
        nova_metadata_host: Host = "127.0.0.1", also "DEFAULT/nova_metadata_ip";
        /// Its port.
        nova_metadata_port: u16 = "8775";
        /// The protocol that it speaks.
        nova_metadata_protocol: WebProtocol = "http";
        /// Believe it without a valid certificate.
        nova_metadata_insecure: bool = "False";
        /// The certificates of authorities that vouch for it, as PEM.
        auth_ca_cert: Option<PathBuf> = unset;
        /// The certificate that we show to it, as PEM.
        nova_client_cert: Option<PathBuf> = unset;
        /// Its private key, as PEM.
        nova_client_priv_key: Option<PathBuf> = unset;
        /// The secret shared with it, which proves that requests come from us.
        metadata_proxy_shared_secret: Option<Secret> = unset;
    } retired {}
}

section! {
    /// What agents say of themselves.
    pub struct Agent in "agent", OpenStack {
        /// The availability zones that this chassis is in.
        availability_zone: Vec<String> = "nova";
    } retired {}
}

section! {
    /// What Neutron's agent of Open vSwitch is told.
    pub struct Ovs in "ovs", OpenStack {
        /// What the links of bridges to physical networks carry, in kbit/s: bridge:egress:ingress. The first number is what bandwidth is
        /// promised of to what guests send (policies with a minimum), and what each network card of the bridge sends at most while any is;
        /// unset, it is the speed that the card has. The second one is for Placement.
        resource_provider_bandwidths: Vec<BridgeBandwidth> = "";
    } retired {}
}

section! {
    /// How networks are made where nobody says how.
    pub struct Ml2 in "ml2", OpenStack {
        /// The types of networks that users get, the first that has a number left. Neutron's own default is local.
        tenant_network_types: Vec<NetworkType> = "geneve";
        /// The MTU that overlay networks start from; 0 takes global_physnet_mtu.
        path_mtu: u32 [0 to 65535] = "0";
        /// The MTU of physical networks where it is not global_physnet_mtu: physical_network:mtu.
        physical_network_mtus: BTreeMap<String, u32> = "";
    } retired {}
}

section! {
    /// Geneve networks.
    pub struct Ml2TypeGeneve in "ml2_type_geneve", OpenStack {
        /// The numbers that networks get. Neutron's own default is none.
        vni_ranges: Vec<IdRange> = "1:65536";
        /// The room for Geneve headers in a packet, in bytes. Less than 38 counts as 38, which is what every packet needs.
        max_header_size: u32 [0 to 260] = "38";
    } retired {}
}

section! {
    /// VXLAN networks.
    pub struct Ml2TypeVxlan in "ml2_type_vxlan", OpenStack {
        /// The numbers that networks get. Neutron's own default is none.
        vni_ranges: Vec<IdRange> = "1:65536";
    } retired {}
}

section! {
    /// GRE networks.
    pub struct Ml2TypeGre in "ml2_type_gre", OpenStack {
        /// The numbers that networks get. Neutron's own default is none.
        tunnel_id_ranges: Vec<IdRange> = "1:65536";
    } retired {}
}

section! {
    /// VLAN networks.
    pub struct Ml2TypeVlan in "ml2_type_vlan", OpenStack {
        /// The physical networks, and the VLANs on them that users get.
        network_vlan_ranges: Vec<VlanRange> = "";
    } retired {}
}

section! {
    /// Flat networks.
    pub struct Ml2TypeFlat in "ml2_type_flat", OpenStack {
        /// The physical networks on which flat networks may be made; * is any.
        flat_networks: Vec<String> = "*";
    } retired {}
}

section! {
    /// How much a project may have; -1 is as much as it likes.
    pub struct Quotas in "quotas", OpenStack {
        /// Of everything that is not listed.
        default_quota: i32 [-1 to 2147483647] = "-1";
        /// Networks.
        quota_network: i32 [-1 to 2147483647] = "100";
        /// Subnets.
        quota_subnet: i32 [-1 to 2147483647] = "100";
        /// Ports.
        quota_port: i32 [-1 to 2147483647] = "500";
        /// Routers.
        quota_router: i32 [-1 to 2147483647] = "10";
        /// Floating addresses.
        quota_floatingip: i32 [-1 to 2147483647] = "50";
        /// Security groups.
        quota_security_group: i32 [-1 to 2147483647] = "10";
        /// Rules of security groups.
        quota_security_group_rule: i32 [-1 to 2147483647] = "100";
    } retired {}
}

section! {
    /// Keystone, for auth_strategy = keystone.
    pub struct KeystoneAuthtoken in "keystone_authtoken", OpenStack {
        /// Where tokens are checked.
        auth_url: Option<String> = unset;
        /// Where users are sent to get one.
        www_authenticate_uri: Option<String> = unset, also "keystone_authtoken/auth_uri";
        /// How we prove who we are: password, or its other name v3password.
        auth_type: String = "password", also "keystone_authtoken/auth_plugin";
        /// The user that we are to Keystone.
        username: Option<String> = unset, also "keystone_authtoken/user_name", "keystone_authtoken/user-name";
        /// The user's password.
        password: Option<Secret> = unset;
        /// The user's project.
        project_name: Option<String> = unset,
            also "keystone_authtoken/project-name", "keystone_authtoken/tenant_name";
        /// The domain of the user, by its id; where it is said, the name does not matter.
        user_domain_id: Option<String> = unset, also "keystone_authtoken/user-domain-id";
        /// The domain of the user.
        user_domain_name: String = "Default", also "keystone_authtoken/user-domain-name";
        /// The domain of the project, by its id; where it is said, the name does not matter.
        project_domain_id: Option<String> = unset, also "keystone_authtoken/project-domain-id";
        /// The domain of the project.
        project_domain_name: String = "Default", also "keystone_authtoken/project-domain-name";
        /// For how many seconds Keystone's word for a token is believed without asking again; a token that was revoked may
        /// live on so long. -1 asks for every request.
        token_cache_time: i32 [-1 to 86400] = "300";
        /// The certificates of authorities that vouch for Keystone, as PEM.
        cafile: Option<PathBuf> = unset;
        /// Believe it without a valid certificate.
        insecure: bool = "False";
    } retired {}
}

section! {
    /// OSProfiler, of which there is none here.
    pub(crate) struct Profiler in "profiler", OpenStack {
    } retired {
        /// Measure requests.
        "enabled": bool = "False",
            NoEffect("there is no OSProfiler here; the metrics tell how long things take");
    }
}
