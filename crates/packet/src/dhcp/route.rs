//! Classless static routes (RFC 3442): a prefix length, as many bytes of the destination as it needs, a router.

use std::net::Ipv4Addr;

use net_types::ipv4_mask;

use crate::ParseError;
use crate::bytes::Reader;

const LAYER: &str = "classless route";

/// A route of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Route {
    network: Ipv4Addr,
    prefix_length: u8,
    router: Ipv4Addr,
}

impl Route {
    /// The route to the network that `destination` is in, `None` when the prefix is longer than an address.
    /// The router 0.0.0.0 means that the network is on the link.
    #[must_use]
    pub fn new(destination: Ipv4Addr, prefix_length: u8, router: Ipv4Addr) -> Option<Self> {
        let network = destination & ipv4_mask(prefix_length)?;
        Some(Self { network, prefix_length, router })
    }

    /// The route to everywhere.
    #[must_use]
    pub fn default_via(router: Ipv4Addr) -> Self {
        Self { network: Ipv4Addr::UNSPECIFIED, prefix_length: 0, router }
    }

    /// Where to: the first address and the length of the prefix.
    #[must_use]
    pub fn destination(&self) -> (Ipv4Addr, u8) {
        (self.network, self.prefix_length)
    }

    /// Through whom.
    #[must_use]
    pub fn router(&self) -> Ipv4Addr {
        self.router
    }
}

fn significant_bytes(prefix_length: u8) -> usize {
    usize::from(prefix_length.div_ceil(8))
}

/// The content of option 121.
#[must_use]
pub fn encode_routes(routes: &[Route]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for route in routes {
        bytes.push(route.prefix_length);
        bytes.extend(route.network.octets().iter().take(significant_bytes(route.prefix_length)));
        bytes.extend(route.router.octets());
    }
    bytes
}

/// The routes of option 121. Bits behind a prefix are ignored, as the RFC wants it.
pub fn decode_routes(bytes: &[u8]) -> Result<Vec<Route>, ParseError> {
    let mut reader = Reader::new(bytes);
    let mut routes = Vec::new();
    while reader.len() > 0 {
        let offset = reader.offset();
        let [prefix_length] = reader.require(LAYER)?;
        // No more than the four bytes of an address, so that a wrong prefix is reported as such and not as truncation.
        let needed = significant_bytes(prefix_length).min(4);
        let mut network = [0; 4];
        for (slot, byte) in network.iter_mut().zip(reader.require_slice(LAYER, needed)?) {
            *slot = *byte;
        }
        let router = Ipv4Addr::from(reader.require::<4>(LAYER)?);
        let problem = "the prefix is longer than 32 bits";
        let too_long = ParseError::Invalid { layer: LAYER, offset, problem };
        routes.push(Route::new(network.into(), prefix_length, router).ok_or(too_long)?);
    }
    Ok(routes)
}

#[cfg(test)]
mod tests;
