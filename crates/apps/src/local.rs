//! Ports that are plugged into this node.

use std::sync::Arc;

use engine::{Interface, View};
use model::LogicalPort;
use net_types::OfPort;

use crate::network::{self, Network};

/// A port that is on this node, plugged in and enabled, with what flows need of its network.
#[derive(Debug, Clone)]
pub struct LocalPort {
    /// The port.
    pub port: Arc<LogicalPort>,
    /// Its network.
    pub network: Network,
    /// The switch port that it is plugged into.
    pub of_port: OfPort,
}

/// The port of an interface, if this node may serve it: it is bound here, enabled, and its network is known
/// and has a key that fits.
pub fn port_of(view: &mut View<'_>, interface: &Interface) -> Option<LocalPort> {
    let port = view.get(&interface.port)?;
    let settings = view.settings()?;
    if port.chassis() != Some(&settings.chassis) || port.enabled == Some(false) {
        return None;
    }
    let network = network::present(view, port.lswitch.as_ref()?)?;
    Some(LocalPort { port, network, of_port: interface.of_port() })
}
