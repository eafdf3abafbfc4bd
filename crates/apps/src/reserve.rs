//! Bandwidth that a port is promised of what leaves its node: which queue its frames are in, and on which bridge.
//!
//! # Guarantees
//! - The frames of a port whose policy asks for bandwidth carry the number of a queue, from where they come in to where they leave. That is
//!   one action of a flow that is there anyway; another number of kilobits changes no flow.
//! - The port has that queue on every device by which the bridge of its network leads out of the node. Where there is none, its frames
//!   carry no number, and a finding says that nobody keeps the promise.
//!
//! The queues themselves are the kernel's. What they need is said to whoever has the devices, as an [`engine::Reserve`].

use engine::numbers::Space;
use engine::{Reserve, Sink, View};
use pipeline::queues;

use crate::local::LocalPort;
use crate::policy::{self, Policy};

/// The queue of a port, if it is promised bandwidth and there is a device to have some of.
pub(crate) fn queue(view: &mut View<'_>, local: &LocalPort) -> Option<u32> {
    if !policy::shape_for(view, &local.port).reserves {
        return None;
    }
    bridge(view, local).ok()?;
    view.number(Space::Queue, &local.port.id).map(queues::of_port)
}

/// Says what a port is promised.
pub(crate) fn say(view: &mut View<'_>, local: &LocalPort, policy: &Policy, sink: &mut Sink) {
    let Some(least_kbps) = policy.egress_least else { return };
    let bridge = match bridge(view, local) {
        Ok(bridge) => bridge,
        Err(why) => {
            sink.problem(format!(
                "the {least_kbps} kbit/s that the port's policy promises are not kept: {why}"
            ));
            return;
        }
    };
    match view.number(Space::Queue, &local.port.id) {
        Some(number) => {
            let (queue, port) = (queues::of_port(number), local.port.id.clone());
            sink.reserve(Reserve { bridge, queue, port, least_kbps });
        }
        None => sink.problem(format!(
            "all queues are taken, so the {least_kbps} kbit/s that the port's policy promises are not kept: there are {} on a node",
            queues::PORTS.count()
        )),
    }
}

/// The bridge by which frames of the port leave the node, or why there is none.
fn bridge(view: &mut View<'_>, local: &LocalPort) -> Result<String, &'static str> {
    if local.network.tunnel.is_some() {
        return Err(
            "frames of its network leave in tunnels, by a device that is not Open vSwitch's to divide",
        );
    }
    if local.network.wire.is_none() {
        return Err("its network does not leave the node");
    }
    let row = local.port.lswitch.as_ref().and_then(|network| view.get(network));
    let provider = row.and_then(|row| view.providers().get(row.physical_network.as_ref()?).cloned());
    provider.map(|provider| provider.bridge).ok_or("its network does not leave the node")
}
