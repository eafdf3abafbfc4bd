//! Random flow tables, groups included, that a switch accepts.

use net_types::OfPort;
use openflow::action::{Action, Controller, Ct, Nat, NatAddrs, NatKind, Resubmit, Zone};
use openflow::field::{Prereq, Subfield};
use openflow::group::{Bucket, Group, GroupKind};
use openflow::{Field, Flow, Instructions, Match};

use ofsim::key::VLAN_TAGS_MAX;

use super::fields::{PORTS, constrain, random_match, value_of};
use super::rng::Rng;

const TABLES: u8 = 6;
const FLOWS_PER_TABLE: usize = 22;
const GROUPS: u32 = 6;
/// A port that is not there.
const NO_PORT: u32 = 77;
const REGISTERS: [Field; 4] = [Field::Reg0, Field::Reg1, Field::Reg2, Field::Reg3];

/// What one test switch holds.
#[derive(Debug, Clone)]
pub(crate) struct FlowSet {
    pub(crate) flows: Vec<Flow>,
    pub(crate) groups: Vec<Group>,
}

/// Which of two things the flows of a set use. A switch aborts when a packet recirculates with an action set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    ActionSets,
    Recirculation,
}

impl FlowSet {
    pub(crate) fn random(rng: &mut Rng) -> Self {
        let style = rng.pick(&[Style::ActionSets, Style::Recirculation]);
        let mut flows = Vec::new();
        for table in 0..TABLES {
            // Every flow of a table has a priority of its own: a switch promises nothing about equals.
            let mut priorities = (1..=60_000_u16).step_by(97);
            for _ in 0..FLOWS_PER_TABLE {
                let matching = random_match(rng);
                let priority = priorities.next().unwrap();
                flows.push(flow(rng, style, table, priority, matching));
            }
            if style == Style::Recirculation {
                for ethertype in [0x0800_u16, 0x86dd] {
                    let matching = Match::new().with(Field::EthType, ethertype);
                    flows.push(flow(rng, style, table, priorities.next().unwrap(), matching));
                }
            }
            if rng.percent(60) {
                add_conjunction(rng, style, table, &mut priorities, &mut flows);
            }
            if rng.percent(50) {
                flows.push(flow(rng, style, table, 0, Match::new()));
            }
        }
        for (cookie, flow) in (1..).zip(&mut flows) {
            flow.cookie = cookie;
        }
        Self { flows, groups: (1..=GROUPS).map(|id| group(rng, id)).collect() }
    }
}

fn flow(rng: &mut Rng, style: Style, table: u8, priority: u16, matching: Match) -> Flow {
    let mut flow = Flow::new(table, priority);
    let tags = usize::from(matching.meets(Prereq::Vlan));
    flow.instructions =
        Author { rng, style, table, matching: matching.clone(), nested: 0, tags, tags_max: tags }
            .instructions();
    flow.matching(matching)
}

/// Flows that only together are a match, and what happens then.
fn add_conjunction(
    rng: &mut Rng,
    style: Style,
    table: u8,
    priorities: &mut impl Iterator<Item = u16>,
    flows: &mut Vec<Flow>,
) {
    let mut next = || priorities.next().unwrap();
    let below = next();
    let fields = [Field::InPort, Field::EthDst, Field::Reg0, Field::EthSrc];
    let first = rng.below(fields.len());
    let n_clauses = rng.pick(&[2_u8, 3]);
    let id = u32::from(table) * 10 + 1;
    let hit = Match::new().with(Field::ConjId, id);
    let (priority, of_hit) = if rng.percent(50) { (next(), next()) } else { (60_500, 60_501) };
    let of_hit = if rng.percent(30) { below } else { of_hit };
    for clause in 1..=n_clauses {
        let field = fields[(first + usize::from(clause)) % fields.len()];
        let mut values: Vec<u128> = (0..3).map(|_| value_of(rng, field)).collect();
        values.sort_unstable();
        values.dedup();
        for value in values {
            let mut matching = Match::new();
            matching.set(field, value, field.full_mask());
            let part = Action::Conjunction { id, clause, n_clauses };
            flows.push(Flow::new(table, priority).matching(matching.clone()).action(part));
            if rng.percent(20)
                && !flows
                    .iter()
                    .any(|flow| flow.table == table && flow.matching == matching && flow.priority < priority)
            {
                let hidden = next();
                if hidden < priority {
                    flows.push(flow(rng, style, table, hidden, matching));
                }
            }
        }
    }
    let mut matching = hit;
    if rng.percent(30) {
        constrain(rng, &mut matching, Field::Reg1);
    }
    flows.push(flow(rng, style, table, of_hit, matching));
}

fn group(rng: &mut Rng, id: u32) -> Group {
    let kind = rng.pick(&[GroupKind::All, GroupKind::All, GroupKind::Indirect, GroupKind::FastFailover]);
    let count = if kind == GroupKind::Indirect { 1 } else { 1 + rng.below(3) };
    let mut buckets = Vec::new();
    for _ in 0..count {
        let mut author = Author {
            rng: &mut *rng,
            style: Style::ActionSets,
            table: 2,
            matching: Match::new(),
            nested: 1,
            tags: 0,
            tags_max: 0,
        };
        let mut bucket = Bucket::new(author.set_like());
        if kind == GroupKind::FastFailover {
            bucket.watch_port = Some(OfPort::new(rng.pick(&[1, 2, NO_PORT])));
        }
        buckets.push(bucket);
    }
    Group { id, kind, buckets }
}

/// Writes what a flow does. What it may do depends on what its match guarantees.
struct Author<'a> {
    rng: &'a mut Rng,
    style: Style,
    table: u8,
    matching: Match,
    nested: usize,
    /// Tags that the packet has for sure at this point of the list.
    tags: usize,
    /// Tags that it may have.
    tags_max: usize,
}

impl Author<'_> {
    fn instructions(&mut self) -> Instructions {
        let mut out = Instructions { apply: self.list(4), ..Instructions::default() };
        if self.style == Style::Recirculation && self.matching.meets(Prereq::Ip) && self.rng.percent(50) {
            out.apply.push(self.ct());
        }
        out.clear = self.rng.percent(5);
        if self.style == Style::ActionSets && self.rng.percent(30) {
            out.write = self.set_like();
        }
        if self.rng.percent(10) {
            let mask = self.rng.pick(&[u64::MAX, 0xff, 0xffff_ffff_0000]);
            out.metadata = Some((self.rng.pick(&[1, 2, 0x1_0000_0002]) & mask, mask));
        }
        if self.rng.percent(45) {
            out.goto = self.later_table();
        }
        out
    }

    fn later_table(&mut self) -> Option<u8> {
        let tables: Vec<u8> = (self.table + 1..TABLES).collect();
        (!tables.is_empty()).then(|| self.rng.pick(&tables))
    }

    fn list(&mut self, len_max: usize) -> Vec<Action> {
        let mut actions = Vec::new();
        for _ in 0..self.rng.below(len_max + 1) {
            actions.push(self.action());
        }
        if self.nested == 0 && self.rng.percent(4) {
            // A label hides what the match guarantees, so it comes last.
            if self.matching.meets(Prereq::Mpls) {
                actions.push(Action::PopMpls(0x8847));
            } else {
                actions.push(Action::PushMpls(0x8847));
            }
            self.matching = Match::new();
            actions.push(self.output());
        }
        actions
    }

    fn action(&mut self) -> Action {
        if self.tags > 0 && self.rng.percent(15) {
            return self.vlan();
        }
        match self.rng.below(32) {
            0..=6 => self.output(),
            7..=9 => self.set_pipeline(),
            10..=12 => self.set_packet(),
            13 => self.copy(),
            14 | 15 => Action::StackPush(self.register_part()),
            16 => Action::StackPop(self.register_part()),
            17..=20 => self.resubmit(),
            21 => Action::Group(self.rng.pick(&[1, 2, 3, 4, 5, 6])),
            22 if self.nested < 2 => self.clone_action(),
            23 | 24 if self.matching.meets(Prereq::Ip) => self.ct(),
            25 if self.matching.meets(Prereq::Ip) => {
                self.rng.pick(&[Action::DecTtl, Action::SetTtl(5), Action::DecTtlIds(vec![1, 2])])
            }
            26 => self.vlan(),
            27 => self.controller(),
            28 => Action::CheckPktLarger { len: self.rng.pick(&[100, 1500]), dst: self.register_bit() },
            29 => self.rng.pick(&[Action::CtClear, Action::Note(vec![1, 2, 3]), Action::PopQueue]),
            30 if self.rng.percent(30) => Action::Exit,
            31 => self.rng.pick(&[Action::SetQueue(3), Action::SetQueue(7)]),
            _ => self.set_pipeline(),
        }
    }

    fn output(&mut self) -> Action {
        let port = self.port();
        match self.rng.below(12) {
            0 => Action::output(OfPort::IN_PORT),
            1 => Action::output(OfPort::LOCAL),
            2 => Action::output(OfPort::CONTROLLER),
            3 => Action::OutputReg { src: self.rng.pick(&REGISTERS).into(), max_len: 64 },
            4 => Action::OutputTrunc { port, max_len: 100 },
            5 => Action::output(self.rng.pick(&[OfPort::ALL, OfPort::FLOOD, OfPort::new(NO_PORT)])),
            _ => Action::output(port),
        }
    }

    fn port(&mut self) -> OfPort {
        OfPort::new(self.rng.pick(&PORTS))
    }

    fn register_part(&mut self) -> Subfield {
        let ofs = self.rng.pick(&[0, 0, 4, 8]);
        let n_bits = self.rng.pick(&[4, 8, 16]);
        Subfield::new(self.rng.pick(&REGISTERS), ofs, n_bits).unwrap()
    }

    fn register_bit(&mut self) -> Subfield {
        Subfield::new(self.rng.pick(&REGISTERS), self.rng.pick(&[0, 1, 8]), 1).unwrap()
    }

    fn set_pipeline(&mut self) -> Action {
        match self.rng.below(8) {
            0 => Action::load(self.register_part(), self.rng.next()),
            1 => {
                let value = self.rng.pick(&[1, 0x0001_0000_0002_u128]);
                Action::set(self.rng.pick(&[Field::XReg0, Field::XReg1]), value)
            }
            2 if self.rng.percent(50) => {
                Action::load(Subfield::all(Field::InPort16), self.rng.pick(&PORTS).into())
            }
            2 => Action::set(Field::XxReg0, self.rng.pick(&[1_u128, 2 << 96])),
            _ => {
                let fields =
                    [Field::Reg0, Field::Reg1, Field::Reg2, Field::Reg3, Field::Metadata, Field::TunId];
                let rare = [Field::TunDst, Field::PktMark, Field::EthSrc, Field::EthDst];
                let field = if self.rng.percent(70) { self.rng.pick(&fields) } else { self.rng.pick(&rare) };
                Action::set(field, value_of(self.rng, field))
            }
        }
    }

    /// Writes a header field that every packet of the match has.
    fn set_packet(&mut self) -> Action {
        let fields = [
            Field::Ipv4Src,
            Field::Ipv4Dst,
            Field::Ipv6Src,
            Field::Ipv6Dst,
            Field::IpDscp,
            Field::IpEcn,
            Field::IpTtl,
            Field::TcpSrc,
            Field::TcpDst,
            Field::UdpDst,
            Field::SctpDst,
            Field::IcmpType,
            Field::Icmp6Code,
            Field::NdTarget,
            Field::NdSll,
            Field::ArpOp,
            Field::ArpSpa,
            Field::ArpTha,
            Field::VlanPcp,
            Field::MplsLabel,
            Field::MplsTtl,
            Field::EthSrc,
            Field::EthDst,
        ];
        let there: Vec<Field> = fields.into_iter().filter(|field| self.has(field.def().prereq)).collect();
        let field = self.rng.pick(&there);
        Action::set(field, value_of(self.rng, field))
    }

    fn copy(&mut self) -> Action {
        if self.matching.meets(Prereq::Ipv4) && self.rng.percent(40) {
            return Action::copy(Field::Ipv4Src, self.rng.pick(&REGISTERS));
        }
        if self.matching.meets(Prereq::Arp) && self.rng.percent(60) {
            return Action::copy(Field::ArpSha, self.rng.pick(&[Field::EthDst, Field::ArpTha]));
        }
        let src = self.register_part();
        let dst = Subfield::new(self.rng.pick(&REGISTERS), self.rng.pick(&[0, 8, 16]), src.n_bits).unwrap();
        match self.rng.below(4) {
            0 => Action::copy(Field::EthSrc, Field::EthDst),
            1 => Action::copy(
                Subfield::new(Field::InPort16, 0, 16).unwrap(),
                Subfield::new(Field::Reg1, 0, 16).unwrap(),
            ),
            _ => Action::Move { src, dst },
        }
    }

    fn resubmit(&mut self) -> Action {
        let in_port = self.rng.percent(20).then(|| self.port());
        // Looking up the same table again may go round in circles until the switch gives up, so it is rare.
        let again = self.nested == 0 && self.rng.percent(2);
        match self.later_table() {
            Some(table) if !again => {
                let state = self.matching.get(Field::CtState).map_or(0, |state| state.value);
                let ct = state & u128::from(ofsim::key::ct_state::VALID) != 0 && self.rng.percent(30);
                Action::Resubmit(Resubmit { in_port, table: Some(table), ct })
            }
            _ if again => Action::Resubmit(Resubmit { in_port: Some(self.port()), table: None, ct: false }),
            _ => self.output(),
        }
    }

    fn clone_action(&mut self) -> Action {
        self.nested += 1;
        let (tags, tags_max) = (self.tags, self.tags_max);
        let mut actions = self.list(3);
        (self.tags, self.tags_max) = (tags.min(self.tags), tags_max.max(self.tags_max));
        self.nested -= 1;
        actions.push(self.output());
        Action::Clone(actions)
    }

    fn ct(&mut self) -> Action {
        // A switch refuses to remember connections that the match says are invalid.
        let invalid = self.matching.get(Field::CtState).is_some_and(|state| state.value & 0x10 != 0);
        let mut ct =
            Ct { commit: !invalid && self.rng.percent(50), table: self.later_table(), ..Ct::default() };
        if self.style == Style::ActionSets || self.rng.percent(30) {
            ct.table = None;
        }
        ct.force = ct.commit && self.rng.percent(20);
        ct.zone = match self.rng.below(3) {
            0 => Zone::From(Subfield::new(Field::Reg1, 0, 16).unwrap()),
            _ => Zone::Imm(self.rng.pick(&[0, 5, 6])),
        };
        if self.rng.percent(30) {
            ct.actions.push(Action::Nat(self.nat(ct.commit)));
        }
        if ct.commit && self.rng.percent(50) {
            let field = self.rng.pick(&[Field::CtMark, Field::CtLabel]);
            ct.actions.push(Action::set(field, value_of(self.rng, field)));
        }
        Action::Ct(ct)
    }

    fn nat(&mut self, commit: bool) -> Nat {
        if !commit || !self.matching.meets(Prereq::Ipv4) {
            return Nat::default();
        }
        // `ofproto/trace` would write the port over the type of an ICMP message, which no tracker does.
        let has_ports = [Prereq::Tcp, Prereq::Udp, Prereq::Sctp].into_iter().any(|prereq| self.has(prereq));
        let port_min = if has_ports { self.rng.pick(&[0, 4000]) } else { 0 };
        let min = "10.9.0.1".parse().unwrap();
        Nat {
            kind: Some(self.rng.pick(&[NatKind::Src, NatKind::Dst])),
            addrs: Some(NatAddrs::V4 { min, max: None }),
            port_min,
            ..Nat::default()
        }
    }

    fn vlan(&mut self) -> Action {
        match self.rng.below(4) {
            0 if self.tags > 0 => {
                self.tags -= 1;
                self.tags_max -= 1;
                Action::PopVlan
            }
            1 if self.tags > 0 => Action::set(Field::VlanVid, 0x1000 | 30_u16),
            2 if self.tags > 0 => Action::set(Field::VlanPcp, 5_u8),
            _ => self.push_vlan(),
        }
    }

    /// A switch refuses a list that surely makes more tags than it can handle.
    fn push_vlan(&mut self) -> Action {
        if self.tags_max == VLAN_TAGS_MAX {
            return self.output();
        }
        self.tags += 1;
        self.tags_max += 1;
        Action::PushVlan(0x8100)
    }

    fn has(&self, prereq: Prereq) -> bool {
        let later = self.matching.get(Field::IpFrag).is_some_and(|frag| frag.value & 2 != 0);
        match prereq {
            Prereq::Vlan => self.tags > 0,
            Prereq::Tcp | Prereq::Udp | Prereq::Sctp if later => false,
            _ => self.matching.meets(prereq),
        }
    }

    /// One without anything special would be printed like `output:CONTROLLER`, which is another action.
    fn controller(&mut self) -> Action {
        let special = [
            Controller { id: 3, ..Controller::default() },
            Controller { userdata: vec![1, 2], ..Controller::default() },
            Controller { id: 3, userdata: vec![7], max_len: 128, ..Controller::default() },
        ];
        Action::Controller(self.rng.pick(&special))
    }

    /// Actions that may be in an action set or a bucket.
    fn set_like(&mut self) -> Vec<Action> {
        let mut actions = Vec::new();
        for _ in 0..self.rng.below(3) {
            actions.push(match self.rng.below(5) {
                0 if self.tags_max < VLAN_TAGS_MAX => self.push_vlan(),
                1 if self.matching.meets(Prereq::Ip) => Action::DecTtl,
                2 => Action::SetQueue(3),
                3 => self.set_packet(),
                _ => Action::set(self.rng.pick(&REGISTERS), self.rng.pick(&[1_u32, 2, 3])),
            });
        }
        actions.push(match self.rng.below(10) {
            0 => Action::output(OfPort::CONTROLLER),
            1 => Action::resubmit(TABLES - 1),
            // Groups that hand on to groups must not do it in a ring.
            2 if self.nested == 0 => Action::Group(self.rng.pick(&[1, 2, 3])),
            3 => Action::output(OfPort::IN_PORT),
            _ => Action::output(self.port()),
        });
        actions
    }
}
