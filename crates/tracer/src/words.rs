//! Flows and actions in words: registers by what they mean, their values by the objects that have these numbers.

use engine::numbers::Space;
use model::Table;
use net_types::OfPort;
use ofsim::trace::{DropReason, Event, Note};
use openflow::action::{Action, Controller, Ct, Zone};
use openflow::field::Subfield;
use openflow::meter::MeterUnit;
use openflow::{Field, Match};
use pipeline::tables::PIPELINE;
use pipeline::{Cookie, Miss, Register, filters, regs, tunnels};

use crate::cloud::{Cloud, Host};
use crate::names::Name;
use crate::report::Maker;

/// The numbers that are those of meters.
const OF_METERS: [Space; 6] = [
    Space::Meter,
    Space::EgressRate,
    Space::IngressRate,
    Space::EgressPackets,
    Space::IngressPackets,
    Space::SlowPath,
];

/// What is said of flows of one host.
pub(crate) struct Words<'a> {
    pub(crate) cloud: &'a Cloud,
    pub(crate) host: &'a Host,
}

impl Words<'_> {
    /// Who makes flows with a cookie.
    pub(crate) fn makers(&self, cookie: u64) -> Vec<Maker> {
        let mut makers: Vec<Maker> = Vec::new();
        for made in self.host.engine.explain(Cookie::from_bits(cookie)) {
            let object = made.subject.map(|id| self.cloud.name_of_subject(made.table, &id));
            let maker = Maker { app: made.app, rule: made.rule, object, cookie: format!("{cookie:#x}") };
            // Several units may say the same of one object, as of a rule whose group ports have in several places.
            if !makers.contains(&maker) {
                makers.push(maker);
            }
        }
        makers
    }

    /// What a match says, where people have names for it.
    pub(crate) fn matched(&self, matching: &Match) -> Vec<String> {
        let mut said = Vec::new();
        for register in regs::ALL {
            let mask = register.bits.mask();
            let entry = matching.get(register.bits.field).filter(|entry| entry.mask & mask == mask);
            if let Some(entry) = entry {
                said.push(format!(
                    "{} = {}",
                    register.name,
                    self.value(register, register.bits.get(entry.value))
                ));
            }
        }
        if let Some(port) = matching.exact(Field::InPort).and_then(|port| u32::try_from(port).ok()) {
            said.push(format!("in port = {}", self.port(OfPort::new(port))));
        }
        said
    }

    /// What a register's value stands for.
    fn value(&self, register: &Register, value: u128) -> String {
        let Ok(number) = u64::try_from(value) else { return value.to_string() };
        if *register == regs::EGRESS_PORT && number == tunnels::EGRESS_FLOOD {
            return "everybody in the network".to_owned();
        }
        if *register == regs::GROUPS[0] && number == u64::from(filters::NO_GROUP) {
            return format!("{number}, none: nothing is permitted");
        }
        match self.object(register, number) {
            Some(name) => format!("{number}, {name}"),
            None => number.to_string(),
        }
    }

    /// The object whose number a register holds.
    pub(crate) fn object(&self, register: &Register, number: u64) -> Option<Name> {
        match holds(register)? {
            Holds::Key(table) => self.cloud.name_of_key(table, number),
            Holds::Number(space) => {
                let owner = self.host.engine.numbers().owner(space, u32::try_from(number).ok()?)?;
                Some(self.cloud.name_of_any(owner))
            }
        }
    }

    /// A switch port.
    pub(crate) fn port(&self, port: OfPort) -> String {
        if let Some(guest) = self.host.guest_at(port) {
            return format!("{port}, of {}", self.cloud.name(Table::LogicalPort, guest.row()));
        }
        match self.host.tunnel_at(port) {
            Some(kind) => format!("{port}, of {} tunnels", kind.as_str()),
            None => port.to_string(),
        }
    }

    /// A step, where there is something to say that the tables themselves do not.
    pub(crate) fn event(&self, event: &Event) -> Option<String> {
        Some(match event {
            // Tables are steps of their own, and where they lead is seen by what follows.
            Event::Table { .. } | Event::Goto(_) => return None,
            Event::Action(Action::Resubmit(_)) => return None,
            Event::Action(action) => self.action(action),
            Event::WriteActions(actions) => {
                let actions: Vec<String> = actions.iter().map(|action| self.action(action)).collect();
                format!("at the end: {}", actions.join("; "))
            }
            Event::WriteMetadata(value, mask) => {
                self.written(Field::Metadata, (*value).into(), (*mask).into())
            }
            Event::Meter(id) => format!("passes {}, if it is not faster", self.meter(*id)),
            Event::Bucket { index, .. } => format!("copy {}", index + 1),
            Event::Note(Note::InputPort) => "not sent: it would go back to where it came from".to_owned(),
            Event::Note(Note::Untracked) => return None,
            other => other.to_string(),
        })
    }

    fn action(&self, action: &Action) -> String {
        match action {
            Action::SetField { field, value } => self.written(*field, *value, field.full_mask()),
            Action::Load { dst, value } => self.written(dst.field, u128::from(*value) << dst.ofs, dst.mask()),
            Action::Load2 { field, value, mask } => self.written(*field, *value, *mask),
            Action::Move { src, dst } => format!("{} := {}", part(*dst), part(*src)),
            Action::Output { port: OfPort::IN_PORT, .. } => "back to where it came from".to_owned(),
            Action::Controller(Controller { meter: Some(meter), .. }) => {
                format!("to the controller of the host, if {} lets it pass", self.meter(*meter))
            }
            Action::Output { port: OfPort::CONTROLLER, .. } | Action::Controller(_) => {
                "to the controller of the host".to_owned()
            }
            Action::Output { port, .. } => format!("out of switch port {}", self.port(*port)),
            Action::Group(id) => self.group(*id),
            Action::SetQueue(queue) => self.queue(*queue),
            Action::Ct(ct) => self.ct(ct),
            other => other.to_string(),
        }
    }

    /// A meter: whose it is, and what it lets pass.
    fn meter(&self, id: u32) -> String {
        let numbers = self.host.engine.numbers();
        let owner = OF_METERS.iter().find_map(|space| numbers.owner(*space, id));
        let of = owner.map(|owner| format!(" of {}", self.cloud.name_of_any(owner))).unwrap_or_default();
        let Some(meter) = self.host.switch.meters().find(|meter| meter.id == id) else {
            return format!("meter {id}{of}, which is not there");
        };
        let unit = match meter.unit {
            MeterUnit::Kbps => "kbit/s",
            MeterUnit::Pktps => "packets/s",
        };
        let rates: Vec<String> = meter.bands.iter().map(|band| format!("{} {unit}", band.rate)).collect();
        format!("meter {id}{of} ({})", rates.join(", "))
    }

    /// A queue: whose it is, where, and how much is promised.
    fn queue(&self, queue: u32) -> String {
        let reserves = self.host.engine.reserves();
        let Some(reserve) = reserves.iter().find(|reserve| reserve.queue == queue) else {
            return format!("in queue {queue}, which nothing is known of");
        };
        let port = self.cloud.name(Table::LogicalPort, reserve.port.row());
        let (least, bridge) = (reserve.least_kbps, &reserve.bridge);
        format!("in queue {queue} of {port}, at least {least} kbit/s of what leaves by bridge {bridge}")
    }

    fn group(&self, id: u32) -> String {
        match self.host.switch.group(id) {
            Some(group) => format!("group {id:#x}, {} copies", group.buckets.len()),
            None => format!("group {id:#x}, which is not there"),
        }
    }

    fn ct(&self, ct: &Ct) -> String {
        let zone = match ct.zone {
            Zone::Imm(zone) => zone.to_string(),
            Zone::From(bits) => part(bits),
        };
        let mut text = format!("through the connection tracker, zone {zone}");
        if ct.commit {
            text += ", which remembers the connection";
        }
        for action in &ct.actions {
            text += &format!(", {}", self.action(action));
        }
        text
    }

    /// That bits of a field are written.
    fn written(&self, field: Field, value: u128, mask: u128) -> String {
        let of_field = regs::ALL.iter().filter(|register| register.bits.field == field);
        let whole = of_field.filter(|register| register.bits.mask() & mask == register.bits.mask());
        let said: Vec<String> = whole
            .map(|register| {
                format!("{} := {}", register.name, self.value(register, register.bits.get(value)))
            })
            .collect();
        if said.is_empty() {
            let written = if mask == field.full_mask() {
                Match::new().with(field, value)
            } else {
                Match::new().with_masked(field, value, mask)
            };
            return format!("writes {written}");
        }
        said.join("; ")
    }
}

/// What kind of number a register holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holds {
    /// The unique key of a row.
    Key(Table),
    /// A number that was given on this host.
    Number(Space),
}

/// What kind of number a register holds, if it is that of an object.
pub(crate) fn holds(register: &Register) -> Option<Holds> {
    let of_objects = [
        (&regs::NETWORK, Holds::Key(Table::LogicalSwitch)),
        (&regs::INGRESS_PORT, Holds::Key(Table::LogicalPort)),
        (&regs::EGRESS_PORT, Holds::Key(Table::LogicalPort)),
        (&regs::GROUPS[0], Holds::Number(Space::FirstGroup)),
        (&regs::GROUPS[1], Holds::Number(Space::SecondGroup)),
        (&regs::GROUPS[2], Holds::Number(Space::ThirdGroup)),
        (&regs::GROUPS[3], Holds::Number(Space::OtherGroups)),
        (&regs::ZONE, Holds::Number(Space::Zone)),
    ];
    of_objects.into_iter().find(|(known, _)| *known == register).map(|(_, holds)| holds)
}

/// Bits of a field, by what they mean.
fn part(bits: Subfield) -> String {
    let register = regs::ALL.iter().find(|register| register.bits == bits);
    match register {
        Some(register) => register.name.to_owned(),
        None if bits.is_all() => bits.field.name().to_owned(),
        None => format!("{}[{}..{}]", bits.field.name(), bits.ofs, bits.ofs + bits.n_bits - 1),
    }
}

/// A table, as people call it.
pub(crate) fn table_name(table: u8) -> String {
    PIPELINE
        .table(table)
        .map_or_else(|| format!("table {table}"), |spec| format!("table {table} ({})", spec.name))
}

/// Why a packet ends in a table without a flow that takes it.
pub(crate) fn no_match(table: u8) -> String {
    match PIPELINE.table(table) {
        Some(spec) => match spec.miss {
            Miss::Drop => format!("no flow matches; the table {}", spec.purpose),
            Miss::Goto(next) => format!(
                "no flow of the table matches, not even the one that leads to {}: the flows are not complete",
                table_name(next.id)
            ),
        },
        None => "no flow of the table matches, and the table is none of ours".to_owned(),
    }
}

/// Why a packet goes nowhere, where no table ended it.
pub(crate) fn lost(reason: Option<DropReason>, notes: &[String]) -> String {
    match (notes, reason) {
        ([], Some(reason)) => reason.to_string(),
        ([], None) => "nothing sends it anywhere".to_owned(),
        (notes, _) => notes.join("; "),
    }
}
