//! What the configuration says to the API.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use config::{AuthStrategy, Config, NetworkType, VifType};
use northbound::quota::Limits;
use northbound::registry::Kind;
use northbound::resources::port::Attachment;
use northbound::translate::{
    CloudDomain, FlatNetworks, IdRange, MtuSettings, SegmentSettings, SegmentType, VlanNetwork,
};
use northbound::{Domain, Keystone, KeystoneSettings, Settings};

/// How long keystone may take.
const KEYSTONE_TIMEOUT_S: u64 = 10;

pub(crate) fn from_config(config: &Config) -> Result<Settings> {
    let api = &config.df_api;
    ensure!(
        api.tls_cert_file.is_none(),
        "[df_api] tls_cert_file is not built yet: put a proxy that speaks TLS before the API"
    );
    let settings = Settings {
        auth: match api.auth_strategy {
            AuthStrategy::NoAuth => northbound::AuthStrategy::NoAuth,
            AuthStrategy::Keystone => northbound::AuthStrategy::Keystone(Arc::new(keystone(config)?)),
        },
        default_quota: quota(config),
        segments: segments(config)?,
        mtu: MtuSettings {
            global_physnet_mtu: config.default.global_physnet_mtu,
            path_mtu: config.ml2.path_mtu,
            physical_network_mtus: config.ml2.physical_network_mtus.clone(),
            geneve_header_size: config.ml2_type_geneve.max_header_size,
            ..MtuSettings::default()
        },
        attachment: match config.df.vif_type {
            VifType::Ovs => Attachment::Ovs,
            VifType::VhostUser => {
                Attachment::VhostUser { socket_dir: config.df.vhost_sock_dir.display().to_string() }
            }
        },
        cloud_domain: CloudDomain::new(&config.default.dns_domain),
        nests_ports_by_pairs: config.df.auto_detect_port_behind_port,
        router_distributed: config.default.router_distributed,
        address_pairs_max: usize::try_from(config.default.max_allowed_address_pair)?,
        routes_max: usize::try_from(config.default.max_routes)?,
        service_down_time_s: config.df.service_down_time.duration().as_secs_f64(),
        page_items_max: usize::try_from(api.page_rows_max).ok(),
        body_bytes_max: usize::try_from(api.request_bytes_max)?,
        request_timeout_s: api.request_timeout_seconds.duration().as_secs(),
        connections_max: api.connections_max,
        ..Settings::default()
    };
    for address in &api.bind.0 {
        ensure!(
            settings.may_listen(*address),
            "[df_api] bind = {address}: with auth_strategy = noauth whoever reaches it may do everything: listen on a \
             loopback address, or set auth_strategy = keystone"
        );
    }
    Ok(settings)
}

fn keystone(config: &Config) -> Result<Keystone> {
    let keystone = &config.keystone_authtoken;
    ensure!(
        !keystone.insecure,
        "[keystone_authtoken] insecure is not supported: name the authority that vouches for keystone with cafile"
    );
    ensure!(
        ["password", "v3password"].contains(&keystone.auth_type.as_str()),
        "[keystone_authtoken] auth_type = {} is not supported: give the server a user and a password",
        keystone.auth_type
    );
    let domain = |id: &Option<String>, name: &str| match id {
        Some(id) => Domain::Id(id.clone()),
        None => Domain::Name(name.to_owned()),
    };
    let said = |value: &Option<String>, name: &str| {
        value
            .clone()
            .with_context(|| format!("[df_api] auth_strategy = keystone needs [keystone_authtoken] {name}"))
    };
    Ok(Keystone::new(KeystoneSettings {
        auth_url: said(&keystone.auth_url, "auth_url")?,
        www_authenticate_uri: keystone.www_authenticate_uri.clone(),
        username: said(&keystone.username, "username")?,
        password: said(&keystone.password.as_ref().map(|secret| secret.reveal().to_owned()), "password")?,
        user_domain: domain(&keystone.user_domain_id, &keystone.user_domain_name),
        project_name: said(&keystone.project_name, "project_name")?,
        project_domain: domain(&keystone.project_domain_id, &keystone.project_domain_name),
        cafile: keystone.cafile.clone(),
        token_cache_s: u64::try_from(keystone.token_cache_time).unwrap_or(0),
        timeout_s: KEYSTONE_TIMEOUT_S,
    })?)
}

fn quota(config: &Config) -> Limits {
    let quotas = &config.quotas;
    let mut limits = Limits::default();
    limits.set(Kind::SubnetPool, quotas.default_quota.into());
    limits.set(Kind::QosPolicy, quotas.default_quota.into());
    limits.set(Kind::Trunk, quotas.default_quota.into());
    limits.set(Kind::FloatingIp, quotas.quota_floatingip.into());
    limits.set(Kind::Network, quotas.quota_network.into());
    limits.set(Kind::Subnet, quotas.quota_subnet.into());
    limits.set(Kind::Port, quotas.quota_port.into());
    limits.set(Kind::Router, quotas.quota_router.into());
    limits.set(Kind::SecurityGroup, quotas.quota_security_group.into());
    limits.set(Kind::SecurityGroupRule, quotas.quota_security_group_rule.into());
    limits.set(Kind::AddressGroup, quotas.default_quota.into());
    limits
}

fn segments(config: &Config) -> Result<SegmentSettings> {
    let ranges = |kind: SegmentType, ranges: &[config::IdRange]| -> Result<_> {
        let ranges =
            ranges.iter().map(|range| IdRange::parse(&format!("{}:{}", range.first, range.last), kind));
        Ok((kind, ranges.collect::<Result<Vec<_>, _>>()?))
    };
    let tunnels = [
        ranges(SegmentType::Geneve, &config.ml2_type_geneve.vni_ranges)?,
        ranges(SegmentType::Vxlan, &config.ml2_type_vxlan.vni_ranges)?,
        ranges(SegmentType::Gre, &config.ml2_type_gre.tunnel_id_ranges)?,
    ];
    let vlans = config.ml2_type_vlan.network_vlan_ranges.iter().map(|range| match range.vlans {
        Some((first, last)) => format!("{}:{first}:{last}", range.physical_network),
        None => range.physical_network.clone(),
    });
    let vlans: Vec<String> = vlans.collect();
    Ok(SegmentSettings {
        project_types: config.ml2.tenant_network_types.iter().map(|kind| segment_type(*kind)).collect(),
        tunnels: tunnels.into(),
        vlans: VlanNetwork::parse_all(vlans.iter().map(String::as_str))?,
        flat: FlatNetworks::parse_all(config.ml2_type_flat.flat_networks.iter().map(String::as_str)),
        ..SegmentSettings::default()
    })
}

const fn segment_type(kind: NetworkType) -> SegmentType {
    match kind {
        NetworkType::Geneve => SegmentType::Geneve,
        NetworkType::Vxlan => SegmentType::Vxlan,
        NetworkType::Gre => SegmentType::Gre,
        NetworkType::Vlan => SegmentType::Vlan,
        NetworkType::Flat => SegmentType::Flat,
        NetworkType::Local => SegmentType::Local,
    }
}
