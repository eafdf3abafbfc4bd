//! DHCP: guests get their addresses from the controller of their own node.
//!
//! # Guarantees
//! - A port that has an address of a subnet with DHCP is offered that address and no other, at once, also while the store
//!   and all other nodes cannot be reached: the answer follows from the view.
//! - What a guest asks of everybody or of the server of its network is answered here, and nobody else hears of it. What it asks
//!   of another server goes there. Ports without such an address are left alone: their requests are switched like any
//!   other packet, to a server that is a guest, where there is one.
//! - A guest whose port got another address while it ran is told so when it asks to keep the old one: of everybody, or of the
//!   server while it remembers where that is, for ARP from the old address is not answered.
//! - The answer goes to the port that asked and to nobody else. It names what the port's row says now, so changed routes,
//!   name servers and options reach a guest when it renews its lease.
//! - A port gets as many messages a second to its controller as the operator allows; the switch drops what is more, before
//!   it costs anybody else an answer.
//! - An extra option that does not say what its number needs is left out, and a finding says so. The others are told.
//!
//! The server of a network is its port with the owner `network:dhcp`: its address in the subnet and its MAC address are
//! those under which the answers come. It is a reservation; nobody is plugged in there.
//!
//! What each message means is [`packet::dhcp`]'s knowledge; which facts a guest is told is in [`lease`].

mod lease;
mod respond;
mod server;

use std::net::Ipv4Addr;

use engine::numbers::Space;
use engine::{App, Responder, Rule, Sink, View};
use model::LogicalSwitch;
use openflow::action::{Action, Controller};
use openflow::meter::{Band, BandKind, Meter, MeterUnit};
use openflow::{Field, Match};
use packet::ethertype;
use pipeline::tables::{DHCP, DHCP_OWNER, REQUEST_SECURITY};
use pipeline::{Priority, regs, userdata};

use crate::local::{self, LocalPort};
use crate::network::{tagged, with_tags};

/// The app.
#[must_use]
pub fn app() -> App {
    let mut rules = vec![Rule::once("unanswered", unanswered)];
    rules.push(Rule::each("behind a tag", behind_a_tag));
    rules.extend(local::each("guest", guest));
    let responders = vec![Responder { op: userdata::DHCP, respond: respond::respond }];
    App { id: DHCP_OWNER, rules, responders }
}

fn unanswered(_: &mut View<'_>, sink: &mut Sink) {
    sink.flow(&DHCP, Priority::MISS, |flow| flow.goto(&REQUEST_SECURITY));
}

/// What is asked behind a tag of a guest is not asked of the server here.
fn behind_a_tag(view: &mut View<'_>, row: &LogicalSwitch, sink: &mut Sink) {
    let Some(network) = with_tags(view, &row.id) else { return };
    sink.flow(&DHCP, Priority::GUARD, |flow| {
        flow.matching(tagged()).when(&regs::NETWORK, network.key.into()).goto(&REQUEST_SECURITY)
    });
}

/// Sends up what a guest asks of everybody, and of its server when it renews its lease.
fn guest(view: &mut View<'_>, local: &LocalPort, sink: &mut Sink) {
    let (served, problems) = server::serving(view, &local.port);
    problems.into_iter().for_each(|problem| sink.problem(problem));
    let Some(served) = served else { return };
    lease::overrides(&local.port).1.into_iter().for_each(|problem| sink.problem(problem));
    let Some(settings) = view.settings() else { return };
    let Some(meter) = view.number(Space::Meter, &local.port.id) else {
        return sink.problem("all meters are taken, so the DHCP requests of the port could not be limited and are not answered");
    };
    // The burst is what Open vSwitch takes if none is said, and then shows as if it had been said.
    let rate = settings.dhcp.rate_per_s;
    let bands = vec![Band { kind: BandKind::Drop, rate, burst: rate }];
    sink.meter(Meter { id: meter, unit: MeterUnit::Pktps, burst: true, stats: false, bands });
    let answered = Controller { userdata: vec![userdata::DHCP], meter: Some(meter), ..Controller::default() };
    for destination in [Ipv4Addr::BROADCAST, served.server.address] {
        // Only requests of clients come here, so the address is all that there is to look at.
        let request = Match::new().with(Field::EthType, ethertype::IPV4).with(Field::Ipv4Dst, destination);
        sink.flow(&DHCP, Priority::EXACT, |flow| {
            flow.matching(request)
                .when(&regs::INGRESS_PORT, local.key())
                .action(Action::Controller(answered.clone()))
        });
    }
}
