//! What a client is to be told, and in which order of importance.
//!
//! A [`Lease`] says it all at once: the address is assigned, nothing is looked up. Which of it a message carries
//! depends on the client's wishes only where an RFC says so. What the client asked for comes first and in its
//! order, behind the netmask alone. What an operator set for the client comes whether it asked or not: the firmware that network-boots a
//! machine often does not ask. Last come the facts without which a network rarely works.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use net_types::{MacAddr, ipv4_mask};
use thiserror::Error;

use super::text::{self, TextError};
use super::{Options, Route, codes, decode_routes, encode_routes};
use crate::ParseError;

/// Told to every client, in this order, whether it asked or not.
const ALWAYS: [u8; 5] =
    [codes::CLASSLESS_ROUTES, codes::ROUTER, codes::DNS_SERVERS, codes::DOMAIN_NAME, codes::INTERFACE_MTU];

/// A lease that does not end (RFC 2131, section 3.3).
const INFINITE_SECONDS: u32 = u32::MAX;

/// The address of a client and all that it is told with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    /// Whose lease it is.
    pub client_mac: MacAddr,
    /// Its address.
    pub address: Ipv4Addr,
    /// The length of its network's prefix, at most 32.
    pub prefix_length: u8,
    /// The address under which the server answers.
    pub server: Ipv4Addr,
    /// The hardware address under which the server answers.
    pub server_mac: MacAddr,
    /// The default router.
    pub router: Option<Ipv4Addr>,
    /// The name servers.
    pub dns_servers: Vec<Ipv4Addr>,
    /// The domain of the client; none when empty.
    pub domain: String,
    /// The client's own name without a domain, for those that ask for it; none when empty.
    pub host_name: String,
    /// The MTU of the network.
    pub mtu_bytes: Option<u16>,
    /// Routes besides the default route.
    pub routes: Vec<Route>,
    /// For how long the client may use the address before it asks again.
    pub seconds: u32,
    /// The server to boot from; else it is the server itself.
    pub next_server: Option<Ipv4Addr>,
    /// What an operator wants else for this client.
    pub overrides: Overrides,
}

/// Options that replace what a lease would say, or add to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    values: BTreeMap<u8, Vec<u8>>,
    routes: Vec<Route>,
}

/// An option that cannot be set for a client.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OverrideError {
    /// The protocol needs it.
    #[error("DHCP option {code} belongs to the protocol and cannot be set: leave it out")]
    Reserved {
        /// Its number.
        code: u8,
    },
    /// The content is not routes.
    #[error("DHCP option {code} is not a list of routes: {source}")]
    Routes {
        /// Its number.
        code: u8,
        /// What is wrong.
        source: ParseError,
    },
    /// The text does not say what the option needs.
    #[error(transparent)]
    Text(#[from] TextError),
}

impl Overrides {
    /// Whether an option is left to operators. The others are what a client or the protocol itself says.
    #[must_use]
    pub fn allows(code: u8) -> bool {
        !matches!(
            code,
            codes::PAD
                | codes::REQUESTED_ADDRESS
                | codes::OVERLOAD
                | codes::MESSAGE_TYPE
                | codes::SERVER_ID
                | codes::PARAMETER_LIST
                | codes::TEXT_MESSAGE
                | codes::MAX_MESSAGE_BYTES
                | codes::CLIENT_ID
                | codes::RAPID_COMMIT
                | codes::RELAY_AGENT
                | codes::END
        )
    }

    /// Sets an option for this client. Nothing in it means that the client is not told this option at all.
    /// Routes are added to those of the lease, and replace those with the same destination.
    pub fn set(&mut self, code: u8, value: Vec<u8>) -> Result<(), OverrideError> {
        if !Self::allows(code) {
            return Err(OverrideError::Reserved { code });
        }
        if matches!(code, codes::CLASSLESS_ROUTES | codes::CLASSLESS_ROUTES_MICROSOFT) && !value.is_empty() {
            let routes = decode_routes(&value).map_err(|source| OverrideError::Routes { code, source })?;
            self.routes.extend(routes);
            return Ok(());
        }
        self.values.insert(code, value);
        Ok(())
    }

    /// The same, from what a person wrote; see [`text`].
    pub fn set_text(&mut self, code: u8, text: &str) -> Result<(), OverrideError> {
        if !Self::allows(code) {
            return Err(OverrideError::Reserved { code });
        }
        self.set(code, text::encode(code, text)?)
    }

    /// The content of an option that was set, empty if it is not to be told. Routes are not here.
    #[must_use]
    pub fn get(&self, code: u8) -> Option<&[u8]> {
        self.values.get(&code).map(Vec::as_slice)
    }
}

impl Lease {
    /// The name of an operator's option as a text of a field of this length, padded; zeros when there is none.
    pub(super) fn name_field<const N: usize>(&self, code: u8) -> [u8; N] {
        let mut field = [0; N];
        // The last byte stays zero: it ends the text.
        if let Some(name) = self.overrides.get(code).filter(|name| name.len() < N) {
            for (slot, byte) in field.iter_mut().zip(name) {
                *slot = *byte;
            }
        }
        field
    }

    pub(super) fn mask(&self) -> Ipv4Addr {
        ipv4_mask(self.prefix_length).unwrap_or(Ipv4Addr::BROADCAST)
    }

    /// Whether an address is in the network of the client.
    pub(super) fn is_on_network(&self, address: Ipv4Addr) -> bool {
        address & self.mask() == self.address & self.mask()
    }

    /// The address that all hosts of the network listen to; networks of two addresses or one have none.
    pub(super) fn broadcast_address(&self) -> Option<Ipv4Addr> {
        const PREFIX_LENGTH_MAX: u8 = 30;
        (self.prefix_length <= PREFIX_LENGTH_MAX).then(|| self.address | !self.mask())
    }

    /// Adds the time for which the lease is given. An operator's word on it prevails, if it makes sense.
    pub(super) fn add_time(&self, options: &mut Options) {
        options.set(codes::LEASE_TIME, self.effective_seconds().to_be_bytes());
    }

    fn effective_seconds(&self) -> u32 {
        let wanted = self.overrides.get(codes::LEASE_TIME).and_then(|value| value.try_into().ok());
        wanted.map_or(self.seconds, u32::from_be_bytes)
    }

    /// Adds what the client is told about its network. `wanted` is its list of parameters; `has_lease` is false
    /// for a client that only asks for the configuration, and is told no times.
    pub(super) fn add_configuration(&self, wanted: &[u8], has_lease: bool, options: &mut Options) {
        let is_wanted = |code| wanted.contains(&code);
        // Some clients ask for both numbers; they know the one of the RFC.
        let routes_code =
            if is_wanted(codes::CLASSLESS_ROUTES_MICROSOFT) && !is_wanted(codes::CLASSLESS_ROUTES) {
                codes::CLASSLESS_ROUTES_MICROSOFT
            } else {
                codes::CLASSLESS_ROUTES
            };
        let routes = self.classless_routes();
        // RFC 3442: a client that understands classless routes ignores the router option, so the router is among
        // the routes, and the option only for clients that do not say that they understand.
        let omits_router = !routes.is_empty() && is_wanted(routes_code);

        let set_by_operator = self.overrides.values.keys();
        // RFC 2132, section 3.3: the netmask stands before the router, wherever the client wants it.
        let first = [codes::SUBNET_MASK];
        for code in first.iter().chain(wanted).chain(set_by_operator).chain(&ALWAYS).copied() {
            let is_time = matches!(code, codes::LEASE_TIME | codes::RENEWAL_TIME | codes::REBINDING_TIME);
            let is_left_out = (is_time && !has_lease) || (code == codes::ROUTER && omits_router);
            if is_left_out || !Overrides::allows(code) || options.get(code).is_some() {
                continue;
            }
            let value = match code {
                codes::CLASSLESS_ROUTES | codes::CLASSLESS_ROUTES_MICROSOFT => {
                    (code == routes_code).then(|| encode_routes(&routes))
                }
                _ => self.overrides.get(code).map(<[u8]>::to_vec).or_else(|| self.own_value(code)),
            };
            if let Some(value) = value.filter(|value| !value.is_empty()) {
                options.set(code, value);
            }
        }
    }

    /// What the lease itself says in an option.
    fn own_value(&self, code: u8) -> Option<Vec<u8>> {
        let octets = |address: Ipv4Addr| address.octets().to_vec();
        match code {
            codes::SUBNET_MASK => Some(octets(self.mask())),
            codes::BROADCAST_ADDRESS => self.broadcast_address().map(octets),
            codes::ROUTER => self.router.map(octets),
            codes::DNS_SERVERS => Some(self.dns_servers.iter().flat_map(|server| server.octets()).collect()),
            codes::HOST_NAME => Some(self.host_name.clone().into_bytes()),
            codes::DOMAIN_NAME => Some(self.domain.clone().into_bytes()),
            codes::INTERFACE_MTU => self.mtu_bytes.map(|mtu| mtu.to_be_bytes().to_vec()),
            codes::RENEWAL_TIME => self.fraction_of_time(4),
            codes::REBINDING_TIME => self.fraction_of_time(7),
            _ => None,
        }
    }

    /// Eighths of the lease time: RFC 2131, section 4.4.5, recommends four for renewal and seven for rebinding.
    fn fraction_of_time(&self, eighths: u32) -> Option<Vec<u8>> {
        let seconds = self.effective_seconds();
        let fraction = || {
            // No overflow: the quotient times at most eight is at most the whole.
            (seconds / 8 * eighths + seconds % 8 * eighths / 8).to_be_bytes().to_vec()
        };
        (seconds != INFINITE_SECONDS).then(fraction)
    }

    /// The first default router that the client is told.
    fn first_router(&self) -> Option<Ipv4Addr> {
        match self.overrides.get(codes::ROUTER) {
            Some(routers) => routers.first_chunk::<4>().copied().map(Ipv4Addr::from),
            None => self.router,
        }
    }

    /// The routes of the lease and of the operator, and behind them the default route; none when there is
    /// nothing but a default route, which the router option says as well.
    fn classless_routes(&self) -> Vec<Route> {
        let is_suppressed = |code| self.overrides.get(code).is_some_and(<[u8]>::is_empty);
        if is_suppressed(codes::CLASSLESS_ROUTES) || is_suppressed(codes::CLASSLESS_ROUTES_MICROSOFT) {
            return Vec::new();
        }
        let mut routes: Vec<Route> = Vec::new();
        for route in self.routes.iter().chain(&self.overrides.routes) {
            match routes.iter_mut().find(|known| known.destination() == route.destination()) {
                Some(known) => *known = *route,
                None => routes.push(*route),
            }
        }
        // The default route comes last, so that the way to its router is known by then.
        let has_default = routes.iter().any(|route| route.destination() == (Ipv4Addr::UNSPECIFIED, 0));
        if !routes.is_empty() && !has_default {
            routes.extend(self.first_router().map(Route::default_via));
        }
        routes
    }
}

#[cfg(test)]
pub(super) mod tests;
