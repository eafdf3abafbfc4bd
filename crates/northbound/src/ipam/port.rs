//! Which addresses a port gets, keeps and gives up.
//!
//! # Rules, as Neutron's
//! - A port for which nothing is asked gets one IPv4 address and one address of those IPv6 subnets in which addresses are
//!   given out, each from the first subnet that has one left. Subnets for ports of its kind come first, then by id.
//! - A port gets an address in each subnet in which hosts make their addresses of MAC addresses, whatever is asked:
//!   its guest would make it anyway. Inner ports of routers do not.
//! - An address that is asked for has to be one of a host in a subnet of the network; it need not be in a pool.
//! - A change keeps what is named again or what follows from the MAC address, and gives up the rest.

use std::net::IpAddr;

use nb::Key;
use net_types::MacAddr;

use super::error::InvalidInput;
use super::{
    Claim, Claims, Entropy, IpVersion, IpamError, MacBase, NetworkAddresses, NetworkId, Subnet, SubnetId,
    owner,
};

/// An address that a port has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FixedIp {
    /// Its subnet.
    pub subnet_id: SubnetId,
    /// The address.
    pub ip_address: IpAddr,
}

/// An address that is asked for: any of a subnet, a certain one, or a certain one of a certain subnet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FixedIpRequest {
    /// The subnet.
    pub subnet_id: Option<SubnetId>,
    /// The address.
    pub ip_address: Option<IpAddr>,
}

/// The addresses of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortAddresses {
    /// Its MAC address.
    pub mac: MacAddr,
    /// Its addresses, in the order in which they were asked for.
    pub fixed_ips: Vec<FixedIp>,
}

/// What a request changes of a port; what it does not name stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PortChange {
    /// Another MAC address.
    pub mac: Option<MacAddr>,
    /// All addresses that it then has.
    pub fixed_ips: Option<Vec<FixedIpRequest>>,
}

/// What a port then has, and what its transaction takes and gives up for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortPlan {
    /// What it then has.
    pub addresses: PortAddresses,
    /// What is taken and given up.
    pub claims: Claims,
}

impl PortAddresses {
    /// The rows that stand for them.
    #[must_use]
    pub fn keys(&self, network: &NetworkId) -> Vec<Key> {
        let addresses = self.fixed_ips.iter().map(|fixed| Claim::Address(network.clone(), fixed.ip_address));
        addresses.chain([Claim::Mac(network.clone(), self.mac)]).map(|claim| claim.key()).collect()
    }

    /// What a transaction gives up that deletes the port.
    #[must_use]
    pub fn release(&self, network: &NetworkId) -> Claims {
        Claims::releasing(self.keys(network))
    }
}

/// Decides on the addresses of a port of some kind.
#[derive(Debug, Clone, Copy)]
pub struct PortPlanner<'a> {
    /// What is in use in its network.
    pub addresses: &'a NetworkAddresses,
    /// All subnets of its network.
    pub subnets: &'a [Subnet],
    /// What it belongs to: `device_owner`.
    pub device_owner: &'a str,
}

/// An address that a port is to get.
enum Wish<'a> {
    /// One that it has already.
    Kept(FixedIp),
    /// This one.
    Exactly(&'a Subnet, IpAddr),
    /// Any of the first of these subnets that has one.
    AnyOf(Vec<&'a Subnet>),
}

impl<'a> PortPlanner<'a> {
    /// What a new port gets: `fixed_ips` is `None` when nothing is asked, which is not the same as asking for none.
    ///
    /// # Errors
    /// When what is asked for makes no sense, is in use, or nothing is left.
    pub fn create(
        &self,
        mac: Option<MacAddr>,
        fixed_ips: Option<&[FixedIpRequest]>,
        base: MacBase,
        random: Entropy<'_>,
    ) -> Result<PortPlan, IpamError> {
        let mac = match mac {
            Some(mac) => self.check_mac(mac)?,
            None => self.draw_mac(base, random)?,
        };
        let candidates = self.candidates()?;
        let mut wishes = match fixed_ips {
            Some(asked) => self.wishes(asked, &candidates, mac)?,
            None => default_wishes(&candidates),
        };
        self.add_imposed(&mut wishes, &candidates, mac);
        let addresses = PortAddresses { mac, fixed_ips: self.fulfil(wishes, random)? };
        let claims = Claims::taking(addresses.keys(self.addresses.network()));
        Ok(PortPlan { addresses, claims })
    }

    /// What a port gets that has `current`.
    ///
    /// # Errors
    /// When what is asked for makes no sense, is in use, or nothing is left.
    pub fn change(
        &self,
        current: &PortAddresses,
        change: &PortChange,
        random: Entropy<'_>,
    ) -> Result<PortPlan, IpamError> {
        let mac = match change.mac {
            Some(mac) if mac != current.mac => self.check_mac(mac)?,
            _ => current.mac,
        };
        if mac == current.mac && change.fixed_ips.is_none() {
            return Ok(PortPlan { addresses: current.clone(), claims: Claims::default() });
        }
        let has_none = change.fixed_ips.is_none() && current.fixed_ips.is_empty();
        let candidates = if has_none { Vec::new() } else { self.candidates()? };
        let (stale, mut rest) = self.split_stale(current, mac);
        let mut wishes = match &change.fixed_ips {
            Some(asked) => self.changed_wishes(asked, &stale, &mut rest, &candidates, mac)?,
            None => std::mem::take(&mut rest).into_iter().map(Wish::Kept).collect(),
        };
        self.keep_imposed(&mut wishes, rest);
        self.add_imposed(&mut wishes, &candidates, mac);
        let addresses = PortAddresses { mac, fixed_ips: self.fulfil(wishes, random)? };
        let network = self.addresses.network();
        let claims = Claims::moving(&current.keys(network), &addresses.keys(network));
        Ok(PortPlan { addresses, claims })
    }

    /// Addresses that followed from a MAC address which the port then has no more, and the others.
    fn split_stale(&self, current: &PortAddresses, mac: MacAddr) -> (Vec<FixedIp>, Vec<FixedIp>) {
        let is_stale = |fixed: &FixedIp| {
            let subnet = self.subnets.iter().find(|subnet| subnet.id == fixed.subnet_id);
            let followed = subnet.and_then(|subnet| subnet.automatic_address(current.mac));
            mac != current.mac && followed == Some(fixed.ip_address)
        };
        current.fixed_ips.iter().cloned().partition(is_stale)
    }

    /// What is asked for, with what of it the port has already. What it has and nobody asks for remains in `rest`.
    fn changed_wishes(
        &self,
        asked: &[FixedIpRequest],
        stale: &[FixedIp],
        rest: &mut Vec<FixedIp>,
        candidates: &[&'a Subnet],
        mac: MacAddr,
    ) -> Result<Vec<Wish<'a>>, IpamError> {
        // A client that sends back what it read means the address that follows from the new MAC address.
        let is_stale =
            |request: &FixedIpRequest| stale.iter().any(|fixed| request.ip_address == Some(fixed.ip_address));
        let asked: Vec<&FixedIpRequest> = asked.iter().filter(|request| !is_stale(request)).collect();
        let mut kept: Vec<Option<FixedIp>> = Vec::with_capacity(asked.len());
        for request in &asked {
            let is_it = |fixed: &FixedIp| {
                let of_subnet = request.subnet_id.as_ref().is_none_or(|subnet| *subnet == fixed.subnet_id);
                request.ip_address == Some(fixed.ip_address) && of_subnet
            };
            kept.push(rest.iter().position(is_it).map(|at| rest.remove(at)));
        }
        let mut wishes = Vec::with_capacity(asked.len());
        for (request, kept) in asked.into_iter().zip(kept) {
            let in_subnet = |fixed: &FixedIp| request.subnet_id.as_ref() == Some(&fixed.subnet_id);
            let reused = || request.ip_address.is_none().then(|| rest.iter().position(in_subnet)).flatten();
            let kept = match kept {
                None => reused().map(|at| rest.remove(at)),
                kept => kept,
            };
            match kept {
                Some(fixed) => wishes.push(Wish::Kept(fixed)),
                None => wishes.extend(self.wish(request, candidates, mac)?),
            }
        }
        Ok(wishes)
    }

    /// Of what nobody asks for, what the guest has made itself stays.
    fn keep_imposed(&self, wishes: &mut Vec<Wish<'a>>, rest: Vec<FixedIp>) {
        let is_automatic = |fixed: &FixedIp| {
            let subnet = self.subnets.iter().find(|subnet| subnet.id == fixed.subnet_id);
            subnet.is_some_and(Subnet::is_automatic) && !owner::is_inner_router_port(self.device_owner)
        };
        wishes.extend(rest.into_iter().filter(is_automatic).map(Wish::Kept));
    }

    /// The subnets of which the port may have addresses, in the order in which they are tried.
    fn candidates(&self) -> Result<Vec<&'a Subnet>, IpamError> {
        let mut candidates: Vec<&Subnet> =
            self.subnets.iter().filter(|subnet| subnet.is_for(self.device_owner)).collect();
        if candidates.is_empty() && !self.subnets.is_empty() {
            return Err(IpamError::NoMatchingServiceSubnet {
                network: self.addresses.network().clone(),
                service_type: self.device_owner.to_owned(),
            });
        }
        candidates.sort_by_key(|subnet| (subnet.service_types.is_empty(), &subnet.id));
        Ok(candidates)
    }

    fn wishes(
        &self,
        asked: &[FixedIpRequest],
        candidates: &[&'a Subnet],
        mac: MacAddr,
    ) -> Result<Vec<Wish<'a>>, IpamError> {
        asked.iter().filter_map(|request| self.wish(request, candidates, mac).transpose()).collect()
    }

    /// What is asked for; `None` when the port gets it in any case.
    fn wish(
        &self,
        request: &FixedIpRequest,
        candidates: &[&'a Subnet],
        mac: MacAddr,
    ) -> Result<Option<Wish<'a>>, IpamError> {
        let subnet = self.subnet_of(request, candidates)?;
        let is_imposed = subnet.is_automatic() && !owner::is_inner_router_port(self.device_owner);
        let Some(address) = request.ip_address else {
            return Ok((!is_imposed).then(|| Wish::AnyOf(vec![subnet])));
        };
        let is_router = owner::is_router_interface(self.device_owner);
        if subnet.is_automatic() && !is_router && subnet.automatic_address(mac) != Some(address) {
            return Err(IpamError::AllocationOnAutoAddressSubnet { address, subnet: subnet.id.clone() });
        }
        Ok(Some(Wish::Exactly(subnet, address)))
    }

    fn subnet_of(
        &self,
        request: &FixedIpRequest,
        candidates: &[&'a Subnet],
    ) -> Result<&'a Subnet, IpamError> {
        if candidates.is_empty() {
            return Err(InvalidInput::NoSubnets.into());
        }
        let Some(id) = &request.subnet_id else {
            let address = request.ip_address.ok_or(InvalidInput::NothingAsked)?;
            let admitting = candidates.iter().find(|subnet| subnet.admits(address, self.device_owner));
            return admitting.copied().ok_or(IpamError::InvalidIpForNetwork { address });
        };
        let subnet = candidates.iter().find(|subnet| subnet.id == *id).copied();
        let subnet = subnet.ok_or_else(|| InvalidInput::SubnetNotOfNetwork {
            network: self.addresses.network().clone(),
            subnet: id.clone(),
        })?;
        match request.ip_address {
            Some(address) if !subnet.admits(address, self.device_owner) => {
                Err(IpamError::InvalidIpForSubnet { address })
            }
            _ => Ok(subnet),
        }
    }

    /// Adds what the port gets in any case and does not have yet.
    fn add_imposed(&self, wishes: &mut Vec<Wish<'a>>, candidates: &[&'a Subnet], mac: MacAddr) {
        for subnet in candidates {
            let Some(address) = subnet.imposed_address(self.device_owner, mac) else { continue };
            let is_there = wishes.iter().any(|wish| match wish {
                Wish::Kept(fixed) => fixed.ip_address == address,
                Wish::Exactly(_, exactly) => *exactly == address,
                Wish::AnyOf(_) => false,
            });
            if !is_there {
                wishes.push(Wish::Exactly(subnet, address));
            }
        }
    }

    /// The addresses that are wished for, in the order of the wishes. Certain ones are taken first, so that a draw does
    /// not take them away.
    fn fulfil(&self, wishes: Vec<Wish<'a>>, random: Entropy<'_>) -> Result<Vec<FixedIp>, IpamError> {
        let mut has: Vec<IpAddr> = Vec::with_capacity(wishes.len());
        for wish in &wishes {
            match wish {
                Wish::Kept(fixed) => has.push(fixed.ip_address),
                Wish::Exactly(subnet, address)
                    if self.addresses.has_address(*address) || has.contains(address) =>
                {
                    let (address, subnet) = (*address, subnet.id.clone());
                    return Err(IpamError::IpAddressAlreadyAllocated { address, subnet });
                }
                Wish::Exactly(_, address) => has.push(*address),
                Wish::AnyOf(_) => {}
            }
        }
        let mut fixed_ips = Vec::with_capacity(wishes.len());
        for wish in wishes {
            fixed_ips.push(match wish {
                Wish::Kept(fixed) => fixed,
                Wish::Exactly(subnet, ip_address) => FixedIp { subnet_id: subnet.id.clone(), ip_address },
                Wish::AnyOf(subnets) => {
                    let (subnet, ip_address) = self.draw(&subnets, &has, random)?;
                    has.push(ip_address);
                    FixedIp { subnet_id: subnet.id.clone(), ip_address }
                }
            });
        }
        Ok(fixed_ips)
    }

    fn draw(
        &self,
        subnets: &[&'a Subnet],
        has: &[IpAddr],
        random: Entropy<'_>,
    ) -> Result<(&'a Subnet, IpAddr), IpamError> {
        for subnet in subnets {
            let drawn = if owner::prefers_first_address(self.device_owner) {
                self.addresses.first(&subnet.pools, has)
            } else {
                self.addresses.draw(&subnet.pools, has, random)
            };
            if let Some(address) = drawn {
                return Ok((subnet, address));
            }
        }
        Err(IpamError::IpAddressGenerationFailure { network: self.addresses.network().clone() })
    }

    fn check_mac(&self, mac: MacAddr) -> Result<MacAddr, IpamError> {
        if !mac.is_unicast() {
            return Err(IpamError::InvalidMac { mac });
        }
        if self.addresses.has_mac(mac) {
            return Err(IpamError::MacAddressInUse { network: self.addresses.network().clone(), mac });
        }
        Ok(mac)
    }

    /// A MAC address that no port of the network has.
    ///
    /// # Errors
    /// When none is found.
    pub fn draw_mac(&self, base: MacBase, random: Entropy<'_>) -> Result<MacAddr, IpamError> {
        let drawn = base.draw(|mac| self.addresses.has_mac(mac), random);
        drawn.ok_or_else(|| IpamError::NetworkMacAddressGenerationFailure {
            network: self.addresses.network().clone(),
        })
    }
}

/// One IPv4 address, and one IPv6 address that is given out.
fn default_wishes<'a>(candidates: &[&'a Subnet]) -> Vec<Wish<'a>> {
    let of_version = |version| {
        let given_out = |subnet: &&Subnet| subnet.version() == version && !subnet.is_automatic();
        candidates.iter().copied().filter(given_out).collect::<Vec<_>>()
    };
    let families = [of_version(IpVersion::V4), of_version(IpVersion::V6)];
    families.into_iter().filter(|subnets| !subnets.is_empty()).map(Wish::AnyOf).collect()
}

#[cfg(test)]
mod tests;
