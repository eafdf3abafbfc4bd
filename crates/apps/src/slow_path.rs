//! How much of what a port sends reaches the controller, besides DHCP: everything together has one meter.

use engine::Sink;
use engine::View;
use engine::numbers::Space;
use model::Id;
use openflow::action::{Action, Controller};
use openflow::meter::{Band, BandKind, Meter, MeterUnit};

/// What a guest needs when it starts, with room; the controller's own limit for a port is above.
const PACKETS_PER_S: u32 = 20;

/// Sends a packet of a port (or router) to the responder with this number, as often as the port's meter lets it; nothing, if there are
/// no meters left, which a finding says. Whoever says so says the meter as well.
pub fn to_controller<T>(view: &mut View<'_>, port: &Id<T>, responder: u8, sink: &mut Sink) -> Option<Action> {
    to_controller_at(view, port, responder, PACKETS_PER_S, sink)
}

/// The same for who has a meter of its own, at another rate.
pub(crate) fn to_controller_at<T>(
    view: &mut View<'_>,
    owner: &Id<T>,
    responder: u8,
    rate: u32,
    sink: &mut Sink,
) -> Option<Action> {
    let Some(id) = view.number(Space::SlowPath, owner) else {
        sink.problem("all meters are taken, so what the port asks could not be limited and is not answered");
        return None;
    };
    // The burst is what Open vSwitch takes if none is said, and then shows as if it had been said.
    let bands = vec![Band { kind: BandKind::Drop, rate, burst: rate }];
    sink.meter(Meter { id, unit: MeterUnit::Pktps, burst: true, stats: false, bands });
    Some(Action::Controller(Controller {
        userdata: vec![responder],
        meter: Some(id),
        ..Controller::default()
    }))
}
