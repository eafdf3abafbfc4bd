//! Names of ports for DNS, as Neutron's `dns-integration` has them.
//!
//! - Names are only given where the operator gave the cloud a domain. In the one that it comes with, `openstacklocal`, and without any, what is
//!   said of names is checked for its form and forgotten, as in Neutron.
//! - A name is relative, or ends in a dot and is then one in the domain of the cloud.
//! - A relative name is in the domain of its port, or else that of its network, or else that of the cloud. Neutron says so where it
//!   publishes names in another DNS; here the nodes answer them.

use std::net::IpAddr;

use model::{PortDns, UNNAMED_DOMAIN, Version};
use serde_json::{Value, json};

use super::port::Port;

/// Octets of a full name.
const NAME_BYTES_MAX: usize = 255;

/// The domain of the cloud, `[DEFAULT] dns_domain`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloudDomain {
    said: String,
    /// In small letters and with a dot at its end; empty for none.
    full: String,
}

impl Default for CloudDomain {
    fn default() -> Self {
        Self::new(UNNAMED_DOMAIN)
    }
}

impl CloudDomain {
    /// The domain that the configuration says.
    #[must_use]
    pub fn new(said: &str) -> Self {
        let trimmed = said.trim_end_matches('.').to_lowercase();
        let full = if trimmed.is_empty() { trimmed } else { format!("{trimmed}.") };
        Self { said: said.to_owned(), full }
    }

    /// Whether ports may have names.
    #[must_use]
    pub fn names_ports(&self) -> bool {
        !self.full.is_empty() && self.full.trim_end_matches('.') != UNNAMED_DOMAIN
    }

    /// Whether a port may have this name, of which the form is known to be right.
    ///
    /// # Errors
    /// With Neutron's reason, when it may not.
    pub fn check(&self, name: &str) -> Result<(), String> {
        if name.is_empty() || !self.names_ports() {
            return Ok(());
        }
        let (said, behind) = (&self.said, format!(".{}", self.full));
        if !name.ends_with('.') {
            if name.len().saturating_add(behind.len()) <= NAME_BYTES_MAX {
                return Ok(());
            }
            return Err(format!(
                "The dns_name passed is a PQDN and its size is '{}'. The dns_domain option in neutron.conf is set to \
                 {said}, with a length of '{}'. When the two are concatenated to form a FQDN (with a '.' at the end), \
                 the resulting length exceeds the maximum size of '{NAME_BYTES_MAX}'",
                name.len(),
                behind.len()
            ));
        }
        if name.len() > behind.len() && name.ends_with(&behind) {
            return Ok(());
        }
        Err(format!(
            "The dns_name passed is a FQDN. Its higher level labels must be equal to the dns_domain option in \
             neutron.conf, that has been set to '{said}'. It must also include one or more valid DNS labels to the left of \
             '{said}'"
        ))
    }

    /// What is shown of the name of a port with this address: that of the port, or one made of the address. `domain` is that of the port, or of
    /// its network; empty for none.
    #[must_use]
    pub fn assignment(&self, name: &str, domain: &str, address: &str) -> Value {
        let (hostname, fqdn) = if !self.names_ports() || name.is_empty() {
            let hostname = name_of(address);
            let fqdn =
                if self.full.is_empty() { hostname.clone() } else { format!("{hostname}.{}", self.full) };
            (hostname, fqdn)
        } else if name.ends_with('.') {
            (name.to_owned(), name.to_owned())
        } else {
            let domain = if domain.is_empty() { &self.full } else { domain };
            (name.to_owned(), format!("{name}.{domain}"))
        };
        json!({"ip_address": address, "hostname": hostname, "fqdn": fqdn})
    }

    /// The part of a full name before the domain of the cloud, and the domain. Where the cloud had another domain when the name was given, the
    /// name is its first label.
    fn split<'a>(&self, full: &'a str) -> (&'a str, &'a str) {
        let within = full.strip_suffix(&self.full).and_then(|name| name.strip_suffix('.'));
        match within {
            Some(name) if !name.is_empty() => (name, &full[name.len() + 1..]),
            _ => full.split_once('.').unwrap_or((full, "")),
        }
    }
}

/// The name that Neutron makes of an address.
fn name_of(address: &str) -> String {
    let address = address.parse().map_or_else(|_| address.to_owned(), |address: IpAddr| address.to_string());
    format!("host-{}", address.replace(['.', ':'], "-"))
}

impl Port {
    /// The row with its name, if it has one.
    #[must_use]
    pub fn name_row(&self, cloud: &CloudDomain) -> Option<PortDns> {
        let said = self.dns_name.as_deref().filter(|name| !name.is_empty())?;
        let own = self.dns_domain.as_deref().filter(|domain| !domain.is_empty());
        let (name, domain) = match said.strip_suffix('.') {
            Some(_) => {
                let (name, domain) = cloud.split(said);
                (name, Some(domain).filter(|domain| !domain.is_empty()))
            }
            None => (said, own),
        };
        Some(PortDns {
            domain: domain.map(str::to_owned),
            id: PortDns::id_of(&self.id),
            lport: self.id.clone(),
            lswitch: self.network_id.clone(),
            name: name.to_owned(),
            topic: self.topic(),
            version: Some(Version(self.revision)),
        })
    }
}

#[cfg(test)]
mod tests;
