//! Where ports of the bridge lead to that are no guest's and no tunnel's: to physical networks, and to the metadata service of the node.

use std::collections::BTreeMap;

use engine::{MetadataProxy, Provider};
use switch::bridge::InternalSpec;
use switch::interfaces::{InterfaceWatch, Role};

use crate::options::MetadataOptions;

/// The device of the host that leads to the proxy of the metadata service.
pub(crate) fn internal(metadata: &MetadataOptions) -> InternalSpec {
    InternalSpec { name: metadata.interface.clone(), mac: pipeline::metadata::MAC }
}

/// The way to the proxy of the metadata service, if there is one.
pub(crate) fn present_metadata(
    watch: &InterfaceWatch,
    options: Option<&MetadataOptions>,
) -> Option<MetadataProxy> {
    let options = options?;
    let is_it = |interface: &&switch::interfaces::Interface| {
        interface.name == options.interface && interface.role == Role::Internal
    };
    let of_port = watch.interfaces().find(is_it)?.ofport.get();
    Some(MetadataProxy { of_port, address: options.address, port: options.port })
}

/// The ways to physical networks. A port whose other end is gone leads nowhere.
pub(crate) fn present_providers(
    watch: &InterfaceWatch,
    mappings: &BTreeMap<String, String>,
) -> BTreeMap<String, Provider> {
    let patch_to = |bridge: &String| {
        watch.configuration().bridge(bridge)?;
        let name = patch_name(bridge);
        let is_it = |interface: &&switch::interfaces::Interface| {
            interface.name == name && matches!(interface.role, Role::Patch { .. })
        };
        watch.interfaces().find(is_it).map(|interface| interface.ofport.get())
    };
    let provider = |bridge: &String| Provider { bridge: bridge.clone(), of_port: patch_to(bridge) };
    mappings.iter().map(|(network, bridge)| (network.clone(), provider(bridge))).collect()
}

/// The port of another bridge that leads to this one.
pub(crate) fn patch_name(bridge: &str) -> String {
    format!("{bridge}-patch")
}
