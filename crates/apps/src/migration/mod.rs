//! Guests that move between nodes: the first frame at the destination says that they run there.
//!
//! # Guarantees
//! - While a guest is on its way, frames for it reach it wherever it runs: both nodes get them. What an interface at the
//!   destination sends before the guest runs there goes nowhere.
//! - The first frame at the destination, whatever it is, makes the row of the migration say so; from then on all nodes send to the
//!   destination only, the guest's frames pass there, and those of the interface that it left do not.
//! - Ports inside a guest move with it: the first frame of any of them is that of the guest.
//! - A row that was changed or deleted meanwhile stays as it is. A migration that is given up leaves the destination as it was.
//!
//! Where a port is on its way is in [`crate::places`], and how frames get to two nodes where they leave.

use engine::{App, PacketIn, Reply, Responder, Rule, Sink, View, Write};
use model::{Migration, MigrationStatus};
use pipeline::tables::{ARRIVAL, MIGRATION_OWNER, PORT_SECURITY};
use pipeline::{Priority, regs, userdata};

use crate::local::{self, LocalPort};
use crate::{places, slow_path};

/// The app.
#[must_use]
pub fn app() -> App {
    let mut rules = vec![Rule::once("others", others)];
    rules.extend(local::each("arriving", arriving));
    let responders = vec![Responder { op: userdata::FIRST_FRAME, respond: first_frame }];
    App { id: MIGRATION_OWNER, rules, responders }
}

fn others(_: &mut View<'_>, sink: &mut Sink) {
    sink.flow(&ARRIVAL, Priority::MISS, |flow| flow.goto(&PORT_SECURITY));
}

/// Has the first frames of a guest told, and keeps them from everybody else.
fn arriving(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    if !local.is_arriving {
        return;
    }
    let Some(told) = slow_path::to_controller(view, &local.port.id, userdata::FIRST_FRAME, sink) else {
        return;
    };
    sink.flow(&ARRIVAL, Priority::EXACT, |flow| flow.when(&regs::INGRESS_PORT, local.key()).action(told));
}

fn first_frame(view: &mut View<'_>, packet: &PacketIn) -> Reply {
    let Some(port) = local::sender_row(view, packet) else {
        return Reply::Ignore("the first frame of a guest is from a port that is gone");
    };
    let us = view.settings().map(|settings| settings.chassis);
    match places::migration(view, &port) {
        Some(row) if row.status == MigrationStatus::DestPlug && row.dest_chassis == us => {
            let runs = Migration { status: MigrationStatus::SrcUnplug, ..(*row).clone() };
            Reply::Write(Box::new(Write::change((*row).clone().into(), runs.into())))
        }
        _ => Reply::Ignore("the port is not on its way to this node"),
    }
}
