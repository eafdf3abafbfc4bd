//! A packet on its way: through the switch of its host, and of every host that it gets to by tunnels.

use std::collections::{BTreeSet, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use engine::{Input, PacketIn, Reply};
use model::{Chassis, ChildPortSegmentation, Id, LogicalPort, Table, TunnelType};
use net_types::OfPort;
use ofsim::environment::{Environment, translate};
use ofsim::key::{REGISTERS, ct_state};
use ofsim::trace::{Event as Happened, Outcome, Output, Pass, Start, Trace, Tracking};
use ofsim::{Key, Packet};
use openflow::action::Action;
use openflow::{Field, Match};
use packet::Headers;
use pipeline::tables::{ANSWER, NEIGHBOR};
use pipeline::{Register, regs};

use crate::cloud::Cloud;
use crate::frame::frame_of;
use crate::names::Name;
use crate::noted::Noted;
use crate::report::{About, Clause, End, Event, Maker, Receiver, Report, Step, TableStep, Verdict, Visit};
use crate::request::{Connection, Injection, Request, TraceError};
use crate::words::{Words, lost, no_match, table_name};

/// Switches that a packet and its copies go through; one that would need more is in a loop.
const VISITS_MAX: usize = 256;

/// A packet that comes in at a switch.
pub(crate) struct Arrival {
    pub(crate) host: Id<Chassis>,
    pub(crate) entered: String,
    pub(crate) packet: Packet,
}

/// Says what it was told, and the last of it for ever.
struct Tracker<'a> {
    says: &'a [Connection],
    asked: usize,
}

impl Environment for Tracker<'_> {
    fn track(&mut self, tracking: &Tracking, key: &mut Key) {
        let said = self.says.get(self.asked).or_else(|| self.says.last());
        self.asked += 1;
        key.ct_state = said.copied().unwrap_or(Connection::New).state();
        if let Some(nat) = &tracking.nat {
            translate(nat, key);
        }
    }
}

impl Cloud {
    /// Where a packet goes, and why.
    ///
    /// # Errors
    /// When the request names no packet, or no place from which it could come.
    pub fn trace(&mut self, request: &Request) -> Result<Report, TraceError> {
        let Injection { host, sender, target, key } = self.injection(request)?;
        let packet = Packet::of_key(key);
        Ok(self.follow(&host, &sender, target.as_ref(), packet, &request.connections))
    }

    /// Where a frame goes that a guest sends.
    ///
    /// # Errors
    /// When the guest is plugged in nowhere.
    pub fn trace_frame(&mut self, sender: &Id<LogicalPort>, frame: &[u8]) -> Result<Report, TraceError> {
        let key = Key::of_headers(OfPort::NONE, &Headers::parse(frame));
        let Injection { host, key, .. } = self.at_port(sender, None, key)?;
        let packet = Packet::of_frame(key.in_port, frame);
        Ok(self.follow(&host, sender, None, packet, &[]))
    }

    fn follow(
        &mut self,
        host: &Id<Chassis>,
        sender: &Id<LogicalPort>,
        target: Option<&Id<LogicalPort>>,
        packet: Packet,
        connections: &[Connection],
    ) -> Report {
        let from = self.name(Table::LogicalPort, sender.row());
        let described = packet.key.to_match();
        let entered = format!("sent by {from}");
        let mut queue = VecDeque::from([Arrival { host: host.clone(), entered, packet }]);
        let mut tracker = Tracker { says: connections, asked: 0 };
        let mut visits = Vec::new();
        while let Some(arrival) = queue.pop_front() {
            visits.push(self.visit(arrival, &mut tracker, &mut queue));
            if visits.len() == VISITS_MAX && !queue.is_empty() {
                let reason = format!("it went through {VISITS_MAX} switches and goes on: it is in a loop");
                visits.extend(
                    visits.last().cloned().map(|last| Visit { ends: vec![End::Lost { reason }], ..last }),
                );
                break;
            }
        }
        let verdict = verdict(&visits, target.map(|target| target.row().to_string()).as_deref());
        Report { from, packet: described.to_string(), visits, verdict }
    }

    /// Sends a packet through one switch. What leaves for other hosts is queued.
    fn visit(&mut self, arrival: Arrival, tracker: &mut Tracker<'_>, queue: &mut VecDeque<Arrival>) -> Visit {
        let Arrival { host: chassis, entered, packet } = arrival;
        let described = packet.key.to_string();
        let host = self.host(&chassis);
        let trace = ofsim::trace(&host.switch, packet, tracker);
        let (is_live, mut remarks) = (host.is_live, host.remarks.clone());
        let mut ends = self.outcomes(&chassis, &trace, queue);
        let steps = self.steps(&chassis, &trace);
        ends.extend(self.dead_ends(&chassis, &trace));
        if ends.is_empty() {
            let notes =
                trace.passes.iter().flat_map(|pass| &pass.steps).filter_map(|step| match &step.event {
                    Happened::Note(_) => self.words(&chassis)?.event(&step.event),
                    _ => None,
                });
            let notes: Vec<String> = notes.collect();
            ends.push(End::Lost { reason: lost(trace.drop_reason(), &notes) });
        }
        remarks.extend(self.findings(&chassis, &steps, &ends));
        Visit { host: chassis.to_string(), entered, packet: described, is_live, remarks, steps, ends }
    }

    /// What the host finds wrong with objects that have to do with the packet.
    fn findings(&self, chassis: &Id<Chassis>, steps: &[Step], ends: &[End]) -> Vec<String> {
        let Some(host) = self.made(chassis) else { return Vec::new() };
        let mut concerned: BTreeSet<&str> = BTreeSet::new();
        for step in steps {
            if let Event::Table(table) = &step.event {
                concerned
                    .extend(table.makers.iter().filter_map(|maker| Some(maker.object.as_ref()?.id.as_str())));
            }
        }
        for end in ends {
            if let End::Dropped { about, .. } = end {
                concerned.extend(about.iter().map(|about| about.object.id.as_str()));
            }
        }
        let of_them = host.engine.findings().into_iter().filter_map(|finding| {
            let subject =
                finding.subject.filter(|subject| concerned.contains(subject.to_string().as_str()))?;
            let name = self.name_of_any(&subject);
            Some(format!("{}: {} of {name}: {}", finding.app, finding.rule, finding.problem))
        });
        of_them.collect()
    }

    fn words(&self, chassis: &Id<Chassis>) -> Option<Words<'_>> {
        Some(Words { cloud: self, host: self.made(chassis)? })
    }

    fn makers(&self, chassis: &Id<Chassis>, cookie: u64) -> Vec<Maker> {
        self.words(chassis).map(|words| words.makers(cookie)).unwrap_or_default()
    }

    /// Where the packet and its copies went.
    fn outcomes(&mut self, chassis: &Id<Chassis>, trace: &Trace, queue: &mut VecDeque<Arrival>) -> Vec<End> {
        let mut ends = Vec::new();
        for pass in &trace.passes {
            for outcome in &pass.outcomes {
                match outcome {
                    Outcome::Output(output) => {
                        ends.push(self.output(chassis, output, pass, queue));
                    }
                    Outcome::PacketIn(sent_up) => ends.push(self.sent_up(chassis, sent_up)),
                    Outcome::Tracked(_) | Outcome::Metered(_) | Outcome::Learned(_) => {}
                }
            }
        }
        ends
    }

    fn output(
        &mut self,
        chassis: &Id<Chassis>,
        output: &Output,
        pass: &Pass,
        queue: &mut VecDeque<Arrival>,
    ) -> End {
        let host = self.host(chassis);
        let key = &output.key;
        // Flows that answer may hide where a packet came in, so that it can go back there.
        let came_in = pass.first.in_port;
        let port = if output.port == OfPort::IN_PORT { came_in } else { output.port };
        let changes = changes(key, &pass.first);
        if let Some(kind) = host.tunnel_at(port) {
            return self.enter_tunnel(chassis, &kind, key, queue);
        }
        if let Some(network) = host.wire_at(port) {
            return self.enter_wire(chassis, network, key, queue);
        }
        let answerer = answerer(pass);
        match (host.guest_at(port), answerer) {
            (Some(_), Some((table, cookie))) => {
                let makers = self.makers(chassis, cookie);
                End::Answered { table: table_name(table), makers, answer: changes }
            }
            (Some(guest), None) => End::Delivered { port: self.guest(&guest, key), changes },
            (None, _) => End::Left { port: port.to_string() },
        }
    }

    /// The port that hears a frame: the one that it is for, if that is plugged in there or inside of what is; or who has its tag.
    fn guest(&self, plugged: &Id<LogicalPort>, key: &Key) -> Name {
        let egress = register(key, &regs::EGRESS_PORT);
        let meant = self.all::<LogicalPort>().find(|port| port.unique_key.get() == egress);
        if let Some(meant) = meant.filter(|port| self.outer(&port.id).0 == *plugged) {
            return self.name(Table::LogicalPort, meant.id.row());
        }
        let vid = key.vlans.first().filter(|tag| tag.is_present()).map(|tag| u32::from(tag.tci & 0x0fff));
        let inner = self
            .all::<ChildPortSegmentation>()
            .find(|inner| inner.parent == *plugged && vid.is_some() && inner.segmentation_id == vid);
        let id = inner.map_or(plugged, |inner| &inner.port);
        self.name(Table::LogicalPort, id.row())
    }

    fn enter_tunnel(
        &mut self,
        chassis: &Id<Chassis>,
        kind: &TunnelType,
        sent: &Key,
        queue: &mut VecDeque<Arrival>,
    ) -> End {
        let ip = match sent.tunnel.ipv6_dst {
            0 => IpAddr::from(Ipv4Addr::from_bits(sent.tunnel.dst)),
            dst => Ipv6Addr::from_bits(dst).into(),
        };
        let to = self.host_at(ip);
        if to.is_none() {
            let ports = crate::vtep::receivers(self, ip, sent);
            if !ports.is_empty() {
                return End::Vtep { kind: kind.as_str().to_owned(), ip: ip.to_string(), ports };
            }
        }
        let source = self.host(chassis).tunnel_ip();
        let port = to.as_ref().and_then(|to| self.host(to).tunnel_port(kind));
        if let (Some(to), Some(port)) = (&to, port) {
            let packet = Packet::of_key(received(sent, kind, port, source));
            let entered = format!("out of a {} tunnel from host {chassis}", kind.as_str());
            queue.push_back(Arrival { host: to.clone(), entered, packet });
        }
        let host = to.filter(|_| port.is_some()).map(|to| to.to_string());
        End::Tunnel { kind: kind.as_str().to_owned(), ip: ip.to_string(), host }
    }

    /// A packet for the controller, and what it answers.
    fn sent_up(&mut self, chassis: &Id<Chassis>, sent_up: &ofsim::trace::PacketIn) -> End {
        let key = &sent_up.key;
        let packet = PacketIn {
            frame: frame_of(key),
            in_port: key.in_port.get(),
            network: register(key, &regs::NETWORK),
            ingress: register(key, &regs::INGRESS_PORT),
            userdata: sent_up.controller.userdata.clone(),
            at_ms: 0,
            router: register(key, &regs::ROUTER),
            next_hop: next_hop(key),
        };
        let host = self.host(chassis);
        let reply = host.engine.step(vec![Input::Packet(packet)]).replies.into_iter().next();
        let (is_answered, answer) = match reply {
            Some(Reply::Send { frame, port }) => {
                let answer = Key::of_headers(OfPort::new(0), &Headers::parse(&frame)).to_match();
                let to = self.words(chassis).map_or_else(|| port.to_string(), |words| words.port(port));
                (true, format!("answers out of switch port {to}, with {answer}"))
            }
            Some(Reply::Instead(instead)) => {
                let answer = Key::of_headers(OfPort::new(0), &Headers::parse(&instead.frame)).to_match();
                let to = self.words(chassis);
                let to = to.map_or_else(|| instead.port.to_string(), |words| words.port(instead.port));
                (
                    true,
                    format!(
                        "answers out of switch port {to}, with {answer}, and tells who was asked that it is over"
                    ),
                )
            }
            Some(Reply::Resume(resume)) => {
                let answer = Key::of_headers(OfPort::new(0), &Headers::parse(&resume.frame)).to_match();
                (true, format!("answers by way of table {}, with {answer}", table_name(resume.table)))
            }
            Some(Reply::Ask(ask)) => (
                false,
                format!("asks who has {}, and keeps the packet until somebody says so", ask.neighbor.ip),
            ),
            Some(Reply::Told(neighbor)) => (true, format!("lets go what waits for {}", neighbor.ip)),
            Some(Reply::Write(write)) => {
                let row = write.object().map(|row| format!(" {} {}", row.table().name(), row.id()));
                (false, format!("changes a row of the store:{}", row.unwrap_or_default()))
            }
            Some(Reply::Listens(listens)) => {
                (true, format!("remembers what port {} listens to", listens.port))
            }
            Some(Reply::Heard(table, row)) => {
                (false, format!("notes that row {} {row} is still true", table.name()))
            }
            Some(Reply::Ignore(reason)) => (false, format!("does nothing: {reason}")),
            None => (false, "does nothing".to_owned()),
        };
        let makers = self.makers(chassis, sent_up.cookie);
        End::Controller { table: table_name(sent_up.table), makers, answer, is_answered }
    }

    /// Tables in which the packet or a copy of it ended.
    fn dead_ends(&self, chassis: &Id<Chassis>, trace: &Trace) -> Vec<End> {
        let mut ends = Vec::new();
        for pass in &trace.passes {
            let mut noted = Noted::of(&pass.first);
            for step in &pass.steps {
                noted.note(step);
                let Happened::Table { table, found } = &step.event else { continue };
                let (reason, makers) = match found {
                    None => (no_match(*table), Vec::new()),
                    Some(found) if found.entry.flow.instructions.is_empty() => {
                        let flow = &found.entry.flow;
                        (
                            format!("a flow says so: {}", shown(&flow.matching)),
                            self.makers(chassis, flow.cookie),
                        )
                    }
                    Some(_) => continue,
                };
                let about = self.words(chassis).map(|words| noted.objects(&words)).unwrap_or_default();
                ends.push(End::Dropped { table: table_name(*table), reason, makers, about });
            }
        }
        ends
    }

    fn steps(&self, chassis: &Id<Chassis>, trace: &Trace) -> Vec<Step> {
        let Some(words) = self.words(chassis) else { return Vec::new() };
        let mut steps = Vec::new();
        for pass in &trace.passes {
            if let Start::Tracked { zone, .. } = pass.start {
                let state = state_words(pass.first.ct_state);
                let text = format!("comes back from the connection tracker, zone {zone}, as {state}");
                steps.push(Step { depth: 0, event: Event::Did(text) });
            }
            for step in &pass.steps {
                let event = match &step.event {
                    Happened::Table { table, found } => {
                        Event::Table(Box::new(table_step(&words, *table, found.as_ref())))
                    }
                    other => match words.event(other) {
                        Some(text) => Event::Did(text),
                        None => continue,
                    },
                };
                steps.push(Step { depth: step.depth, event });
            }
        }
        steps
    }
}

fn table_step(words: &Words<'_>, table: u8, found: Option<&ofsim::lookup::Found>) -> TableStep {
    let spec = pipeline::tables::PIPELINE.table(table);
    let clause = |(clause, entry): &(u8, std::sync::Arc<ofsim::Entry>)| Clause {
        clause: *clause,
        flow: entry.flow.to_string(),
        makers: words.makers(entry.flow.cookie),
    };
    TableStep {
        table,
        name: spec.map_or_else(String::new, |spec| spec.name.to_owned()),
        purpose: spec.map_or_else(String::new, |spec| spec.purpose.to_owned()),
        flow: found.map(|found| found.entry.flow.to_string()),
        matched: found.map(|found| words.matched(&found.entry.flow.matching)).unwrap_or_default(),
        makers: found.map(|found| words.makers(found.entry.flow.cookie)).unwrap_or_default(),
        clauses: found.iter().flat_map(|found| &found.clauses).map(clause).collect(),
    }
}

/// The flow that made an answer of the packet, as who gives it another sender before it leaves where answers do: its table and cookie. Where
/// who is asked for was looked up, it is the flow that knew.
fn answerer(pass: &Pass) -> Option<(u8, u64)> {
    let (mut current, mut knew, mut answerer) = (None, None, None);
    for step in &pass.steps {
        match &step.event {
            Happened::Table { table, found: Some(_) } if *table == ANSWER.id => return answerer,
            Happened::Table { table, found: Some(found) } => {
                current = Some((*table, found.entry.flow.cookie));
                knew = if *table == NEIGHBOR.id { current } else { knew };
            }
            Happened::Action(Action::Move { dst, .. }) if dst.field == Field::EthSrc => {
                answerer = knew.or(current);
            }
            Happened::Action(Action::SetField { field: Field::EthSrc, .. }) => answerer = current,
            _ => {}
        }
    }
    None
}

/// A packet as it comes out of a tunnel.
fn received(sent: &Key, kind: &TunnelType, port: OfPort, source: Option<IpAddr>) -> Key {
    let mut key = sent.clone();
    key.in_port = port;
    (key.metadata, key.regs) = (0, [0; REGISTERS]);
    key.clear_conntrack();
    match source {
        Some(IpAddr::V4(ip)) => key.tunnel.src = ip.to_bits(),
        Some(IpAddr::V6(ip)) => key.tunnel.ipv6_src = ip.to_bits(),
        None => {}
    }
    if *kind != TunnelType::Geneve {
        key.tunnel.metadata.fill(None);
    }
    key
}

pub(crate) fn register(key: &Key, register: &Register) -> u32 {
    u32::try_from(key.get_part(register.bits)).unwrap_or_default()
}

/// What a guest sees changed: not what the pipeline noted for itself.
fn changes(key: &Key, first: &Key) -> String {
    let is_sent = Field::EthSrc.index()..=Field::ArpTha.index();
    let mut changes = Match::new();
    for (field, value) in key.changes_since(first) {
        if is_sent.contains(&field.index()) {
            changes.set(field, value, field.full_mask());
        }
    }
    changes.to_string()
}

/// The bits of a connection's state that are set.
fn state_words(state: u32) -> String {
    let names = [
        (ct_state::NEW, "new"),
        (ct_state::ESTABLISHED, "established"),
        (ct_state::REPLY, "reply"),
        (ct_state::RELATED, "related"),
        (ct_state::INVALID, "invalid"),
    ];
    let set = names.iter().filter(|(bit, _)| state & bit != 0).map(|(_, name)| *name);
    set.collect::<Vec<_>>().join(", ")
}

fn shown(matching: &Match) -> String {
    if matching.is_empty() { "everything".to_owned() } else { matching.to_string() }
}

/// What all visits come to.
fn verdict(visits: &[Visit], target: Option<&str>) -> Verdict {
    let mut verdict = Verdict::default();
    for visit in visits {
        let host = &visit.host;
        for end in &visit.ends {
            match end {
                End::Delivered { port, .. } => {
                    let (host, port) = (host.clone(), port.clone());
                    verdict.receivers.push(Receiver { host, is_behind_vtep: false, port });
                }
                End::Vtep { ip, ports, .. } => verdict.receivers.extend(ports.iter().map(|port| Receiver {
                    host: ip.clone(),
                    is_behind_vtep: true,
                    port: port.clone(),
                })),
                End::Answered { table, makers, .. } => {
                    verdict.answers.push(format!("{table} on host {host}{}", by(makers)));
                }
                End::Controller { is_answered: true, table, makers, .. } => {
                    verdict.answers.push(format!("the controller of host {host}, by {table}{}", by(makers)));
                }
                End::Controller { answer, table, .. } => {
                    verdict.drops.push(format!("the controller of host {host}, by {table}, {answer}"));
                }
                End::Dropped { table, reason, makers, about } => {
                    let about = about_words(about);
                    verdict.drops.push(format!("in {table} on host {host}{}{about}: {reason}", by(makers)));
                }
                End::Tunnel { kind, ip, host: None } => verdict
                    .drops
                    .push(format!("in the {kind} tunnel from host {host}: no host takes {kind} at {ip}")),
                End::Wire { network, hosts } if hosts.is_empty() => verdict.drops.push(format!(
                    "to physical network {network} from host {host}: who is there is not known here"
                )),
                End::Lost { reason } => verdict.drops.push(format!("on host {host}: {reason}")),
                End::Tunnel { .. } | End::Wire { .. } | End::Left { .. } => {}
            }
        }
    }
    verdict.receivers.sort();
    verdict.is_delivered = match target {
        Some(target) => verdict.receivers.iter().any(|receiver| receiver.port.id == target),
        None => !verdict.receivers.is_empty(),
    } || !verdict.answers.is_empty();
    verdict
}

/// Who made a flow, in a few words.
pub(crate) fn by(makers: &[Maker]) -> String {
    let makers: Vec<String> = makers
        .iter()
        .map(|maker| match &maker.object {
            Some(object) => format!("{}: {} of {object}", maker.app, maker.rule),
            None => format!("{}: {}", maker.app, maker.rule),
        })
        .collect();
    if makers.is_empty() { String::new() } else { format!(" [{}]", makers.join(" or ")) }
}

/// What a dropped packet was about, in a few words.
pub(crate) fn about_words(about: &[About]) -> String {
    let about: Vec<String> = about.iter().map(ToString::to_string).collect();
    if about.is_empty() { String::new() } else { format!(" ({})", about.join("; ")) }
}

/// The address that a router hands a packet to.
fn next_hop(key: &Key) -> Option<IpAddr> {
    let ip = register(key, &regs::NEXT_HOP);
    match key.eth_type {
        packet::ethertype::IPV4 if ip != 0 => Some(Ipv4Addr::from(ip).into()),
        packet::ethertype::IPV6 => {
            let ip = key.get(regs::NEXT_HOP_V6.bits.field);
            (ip != 0).then(|| Ipv6Addr::from(ip).into())
        }
        _ => None,
    }
}
