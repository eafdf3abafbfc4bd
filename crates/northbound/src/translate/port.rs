//! A port, and its row.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use model::{
    AddressPair, AddressRange, BindingType, Chassis, DhcpOptions, DhcpParams, Dhcpv6Option, Id, LogicalPort,
    PortAddressRanges, PortBinding, PortDhcpv6, QosPolicy, SecurityGroup, Topic, UniqueKey, Version,
    VnicType,
};
use net_types::MacAddr;

use super::dhcp_options::{Tag, tag};
use super::error::{TranslateError, Untranslatable};
use crate::ipam::{FixedIp, IpVersion, NetworkId, PortId};

/// The value of `port_key` in `binding:profile` by which the original knows ports behind foreign tunnels.
pub const REMOTE_PORT: &str = "remote_port";

/// What of a port its row says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Port {
    /// Its id.
    pub id: PortId,
    /// Its network.
    pub network_id: NetworkId,
    /// The project, `project_id`; empty for ports that Neutron makes for itself.
    pub project_id: String,
    /// The project of the network, to which a port without one belongs.
    pub network_project_id: String,
    /// A name for people.
    pub name: Option<String>,
    /// Its MAC address.
    pub mac: MacAddr,
    /// Its addresses.
    pub fixed_ips: Vec<FixedIp>,
    /// Whether it is up by the will of its owner.
    pub admin_state_up: bool,
    /// What it belongs to.
    pub device_id: Option<String>,
    /// What kind of thing that is.
    pub device_owner: Option<String>,
    /// The groups that it is in.
    pub security_groups: Vec<Id<SecurityGroup>>,
    /// Whether it may use its own addresses only.
    pub port_security_enabled: bool,
    /// What it may use besides.
    pub allowed_address_pairs: Vec<AllowedAddressPair>,
    /// How the guest is attached, `binding:vnic_type`.
    pub vnic_type: Option<VnicType>,
    /// Where it is.
    pub place: Place,
    /// Its policy, `qos_policy_id`.
    pub qos_policy: Option<Id<QosPolicy>>,
    /// Its name for DNS, `dns_name`.
    pub dns_name: Option<String>,
    /// The domain of that, `dns_domain`.
    pub dns_domain: Option<String>,
    /// What it is told by DHCP besides.
    pub extra_dhcp_opts: Vec<ExtraDhcpOption>,
    /// How often it was changed, `revision_number`.
    pub revision: u64,
}

/// An address that a port may use besides its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct AllowedAddressPair {
    /// The address, or a range of them.
    pub ip_address: IpNet,
    /// The MAC address that goes with it; that of the port when it is not said.
    pub mac_address: Option<MacAddr>,
}

/// An option that a port is told by DHCP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtraDhcpOption {
    /// Its name or number.
    pub name: String,
    /// What it says.
    pub value: String,
    /// Of which DHCP it is.
    pub ip_version: IpVersion,
}

/// Where a port is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Place {
    /// Nobody said, so where its interface appears.
    #[default]
    Anywhere,
    /// On this hypervisor.
    Host(Id<Chassis>),
    /// Behind the tunnel that ends at this address.
    Remote(Option<IpAddr>),
}

impl AllowedAddressPair {
    /// What `ip_address` of a pair says: an address, or a range as address and prefix length.
    #[must_use]
    pub fn parse_address(text: &str) -> Option<IpNet> {
        text.parse::<IpAddr>().ok().map(IpNet::from).or_else(|| text.parse().ok())
    }
}

impl Place {
    /// Where a port is by its binding: `binding:host_id`, and `port_key` and `host_ip` of `binding:profile`.
    ///
    /// # Errors
    /// When the profile names a remote end that is no address.
    pub fn of_binding(
        host: &str,
        port_key: Option<&str>,
        host_ip: Option<&str>,
    ) -> Result<Self, TranslateError> {
        if port_key != Some(REMOTE_PORT) {
            return Ok(Id::new(host).map_or(Self::Anywhere, Self::Host));
        }
        let bad_end = |value: &str| Untranslatable::RemoteHost { value: value.to_owned() };
        let end = host_ip.map(|text| text.parse().map_err(|_| bad_end(text))).transpose()?;
        Ok(Self::Remote(end))
    }

    fn binding(&self) -> Option<PortBinding> {
        match self {
            Self::Anywhere => None,
            Self::Host(chassis) => Some(PortBinding {
                chassis: Some(chassis.clone()),
                kind: BindingType::Chassis,
                vtep_address: None,
            }),
            Self::Remote(end) => {
                Some(PortBinding { chassis: None, kind: BindingType::Vtep, vtep_address: *end })
            }
        }
    }
}

impl Port {
    /// The row that controllers read. The number is the one that was allocated when the port was created.
    ///
    /// # Errors
    /// When a row cannot say what the port says.
    pub fn row(&self, unique_key: UniqueKey) -> Result<LogicalPort, TranslateError> {
        // Of a range, its first address: more has no room here, see [`PortAddressRanges`].
        let pair = |pair: &AllowedAddressPair| AddressPair {
            ip_address: pair.ip_address.network(),
            mac_address: pair.mac_address.unwrap_or(self.mac),
        };
        Ok(LogicalPort {
            allowed_address_pairs: self.allowed_address_pairs.iter().map(pair).collect(),
            binding: self.place.binding(),
            binding_vnic_type: self.vnic_type.clone(),
            device_id: self.device_id.clone(),
            device_owner: self.device_owner.clone(),
            dhcp_params: Some(dhcp_params(&self.extra_dhcp_opts)?),
            enabled: Some(self.admin_state_up),
            id: self.id.clone(),
            ips: self.fixed_ips.iter().map(|fixed| fixed.ip_address).collect(),
            lswitch: Some(self.network_id.clone()),
            macs: vec![self.mac],
            name: self.name.clone(),
            port_security_enabled: Some(self.port_security_enabled),
            qos_policy: self.qos_policy.clone(),
            security_groups: self.security_groups.clone(),
            subnets: self.fixed_ips.iter().map(|fixed| fixed.subnet_id.clone()).collect(),
            topic: self.topic(),
            unique_key,
            version: Some(Version(self.revision)),
        })
    }

    /// The row with the ranges among its address pairs, if there are any.
    #[must_use]
    pub fn address_ranges(&self) -> Option<PortAddressRanges> {
        let is_range =
            |pair: &&AllowedAddressPair| pair.ip_address.prefix_len() != pair.ip_address.max_prefix_len();
        let range = |pair: &AllowedAddressPair| AddressRange {
            cidr: pair.ip_address.trunc(),
            mac_address: pair.mac_address.unwrap_or(self.mac),
        };
        let ranges: Vec<AddressRange> =
            self.allowed_address_pairs.iter().filter(is_range).map(range).collect();
        (!ranges.is_empty()).then(|| PortAddressRanges {
            id: PortAddressRanges::id_of(&self.id),
            lport: self.id.clone(),
            ranges,
            topic: self.topic(),
            version: Some(Version(self.revision)),
        })
    }

    /// The row with what it is told by DHCPv6 besides, if that is anything.
    #[must_use]
    pub fn dhcpv6_options(&self) -> Option<PortDhcpv6> {
        let said = self.extra_dhcp_opts.iter().filter(|option| option.ip_version == IpVersion::V6);
        let options: Vec<Dhcpv6Option> = said
            .map(|option| Dhcpv6Option { name: option.name.clone(), value: option.value.clone() })
            .collect();
        (!options.is_empty()).then(|| PortDhcpv6 {
            id: PortDhcpv6::id_of(&self.id),
            lport: self.id.clone(),
            options,
            topic: self.topic(),
            version: Some(Version(self.revision)),
        })
    }

    /// The project whose rows its rows are among.
    #[must_use]
    pub fn topic(&self) -> Topic {
        Topic::new(if self.project_id.is_empty() { &self.network_project_id } else { &self.project_id })
    }
}

/// The options of DHCPv4 by number. Those of DHCPv6 have other numbers and a row of their own. (The original takes them for options of DHCPv4.)
fn dhcp_params(options: &[ExtraDhcpOption]) -> Result<DhcpParams, Untranslatable> {
    let mut by_number = BTreeMap::new();
    let mut siaddr = None;
    for option in options.iter().filter(|option| option.ip_version == IpVersion::V4) {
        let (name, value) = (&option.name, &option.value);
        match tag(name).ok_or_else(|| Untranslatable::DhcpOption { name: name.clone() })? {
            Tag::Number(number) => {
                by_number.insert(number, value.clone());
            }
            Tag::NextServer => {
                let bad_server = || Untranslatable::NextServer { name: name.clone(), value: value.clone() };
                siaddr = Some(value.parse().map_err(|_| bad_server())?);
            }
        }
    }
    let opts = DhcpOptions::new(by_number).unwrap_or_default();
    Ok(DhcpParams { opts, siaddr })
}

#[cfg(test)]
mod tests;
