//! Names of ports and the domains that they are in: what DNS answers and DHCP tells, so that a guest finds the names of its neighbours in the
//! domain that it was told.

use std::net::IpAddr;

use engine::View;
use model::{Id, LogicalPort, LogicalSwitch, NetworkExtra, PortDns, UNNAMED_DOMAIN};

/// What a guest is told of its own name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnName {
    /// The name without a domain, a label.
    pub(crate) host: String,
    /// The name with its domain, and without a dot at its end.
    pub(crate) full: String,
    /// Whether it was given, so that DNS answers it. Else it is made of an address.
    pub(crate) is_given: bool,
}

/// The domains that a port's name is in, in small letters and without a dot at their ends. The first is that of its full name.
pub(crate) fn domains_of(view: &mut View<'_>, row: &PortDns) -> [String; 3] {
    let cloud = of_cloud(view);
    let network = of_network(view, &row.lswitch).unwrap_or_else(|| cloud.clone());
    let own = row.domain.as_deref().map(plain).filter(|domain| !domain.is_empty());
    [own.unwrap_or_else(|| network.clone()), network, cloud]
}

/// The full name of a port.
pub(crate) fn full_name(view: &mut View<'_>, row: &PortDns) -> String {
    let [domain, ..] = domains_of(view, row);
    joined(&row.name, &domain)
}

/// What a guest with this address is told of its own name. A port without a name has one that is made of the address where the cloud has a
/// domain of its own, and none elsewhere.
pub(crate) fn own(view: &mut View<'_>, port: &LogicalPort, address: IpAddr) -> Option<OwnName> {
    if let Some(row) = view.get(&PortDns::id_of(&port.id)) {
        let host = row.name.split('.').next().unwrap_or_default().to_owned();
        return Some(OwnName { host, full: full_name(view, &row), is_given: true });
    }
    let cloud = of_cloud(view);
    if cloud.is_empty() || cloud == UNNAMED_DOMAIN {
        return None;
    }
    let host = format!("host-{}", address.to_string().replace(['.', ':'], "-"));
    Some(OwnName { full: joined(&host, &cloud), host, is_given: false })
}

/// The domain in which guests of a network look for names; empty for none.
pub(crate) fn searched(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> String {
    let of_network = of_network(view, network);
    of_network.or_else(|| view.settings().map(|settings| settings.dhcp.domain.clone())).unwrap_or_default()
}

fn of_network(view: &mut View<'_>, network: &Id<LogicalSwitch>) -> Option<String> {
    let extra = view.get(&NetworkExtra::id_of(network))?;
    extra.dns_domain.as_deref().map(plain).filter(|domain| !domain.is_empty())
}

fn of_cloud(view: &mut View<'_>) -> String {
    view.settings().map(|settings| plain(&settings.dhcp.domain)).unwrap_or_default()
}

/// A domain in small letters and without a dot at its end.
fn plain(domain: &str) -> String {
    domain.trim_end_matches('.').to_ascii_lowercase()
}

fn joined(name: &str, domain: &str) -> String {
    if domain.is_empty() { name.to_owned() } else { format!("{name}.{domain}") }
}
