//! The bridge as it should be, as it follows from the options.

use std::collections::{BTreeMap, BTreeSet};

use switch::bridge::{BridgeSpec, PatchSpec, PeerBridge, TunnelSpec};

use crate::options::{Options, SwitchAccess};
use crate::ways::{internal, patch_name};

/// The bridge as it should be.
pub(super) fn bridge(options: &Options) -> BridgeSpec {
    let tunnel = |kind| TunnelSpec::flow_based(kind, Some(options.tunnel_ip));
    let (controllers, other_config) = match &options.access {
        SwitchAccess::Socket(_) => (None, BTreeMap::new()),
        // Open vSwitch would otherwise look for the controller through the bridge itself.
        SwitchAccess::Listen { announced, .. } => (
            Some(BTreeSet::from([format!("tcp:{announced}")])),
            BTreeMap::from([("disable-in-band".to_owned(), "true".to_owned())]),
        ),
    };
    BridgeSpec {
        name: options.bridge.clone(),
        datapath_type: options.datapath_type.clone(),
        other_config,
        controllers,
        tunnels: options.tunnel_kinds().into_iter().map(tunnel).collect(),
        patches: patches(options),
        internals: options.metadata.iter().map(internal).collect(),
        ..BridgeSpec::default()
    }
}

/// A pair of patch ports for each bridge to physical networks.
fn patches(options: &Options) -> Vec<PatchSpec> {
    let bridges: BTreeSet<&String> = options.bridge_mappings.values().collect();
    let is_alone = bridges.len() == 1;
    let patch = |bridge: &String| PatchSpec {
        name: patch_name(bridge),
        peer_name: peer_name(&options.bridge, bridge, is_alone),
        peer_bridge: bridge.clone(),
        if_missing: PeerBridge::Report,
    };
    bridges.into_iter().map(patch).collect()
}

/// The port of a mapped bridge that leads to the integration bridge. The names of ports are those of the whole switch: the original's is of use for
/// one bridge only, so where there are several, each says whose it is.
fn peer_name(integration: &str, bridge: &str, is_alone: bool) -> String {
    let original = patch_name(integration);
    if is_alone { original } else { format!("{original}-{bridge}") }
}

/// What `bridge_mappings` is where nobody said anything.
pub(super) fn default_mappings() -> BTreeMap<String, String> {
    BTreeMap::from([("public".to_owned(), "br-ex".to_owned())])
}
