//! Ways from flow to flow: loops, tables that nobody reaches, action sets that recirculate.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use net_types::OfPort;
use openflow::action::Action;
use openflow::matching::registers_of;
use openflow::{Field, Match};

use super::{Finding, LOOPS_MAX};
use crate::entry::{Entry, Op};
use crate::switch::Switch;

/// How deep copies of copies are followed; deeper than any switch nests actions.
const CLONE_DEPTH_MAX: usize = 64;

/// A way from a flow to a table.
#[derive(Debug, Clone)]
pub(super) struct Edge {
    pub(super) table: u8,
    /// Whether the packet goes through the connection tracker on it.
    pub(super) recirculates: bool,
    /// The input port that the table sees, where it is another one.
    in_port: Option<OfPort>,
    /// Fields that may have other values than those that the flow matched.
    changed: Changed,
}

/// Fields that may have changed.
#[derive(Debug, Clone, Default)]
struct Changed {
    fields: BTreeSet<Field>,
    all: bool,
}

/// What leads from where.
#[derive(Debug)]
pub(super) struct Edges {
    /// For each flow, in the order of [`Switch::entries`].
    pub(super) flows: Vec<(Arc<Entry>, Vec<Edge>)>,
    by_table: BTreeMap<u8, Vec<usize>>,
}

impl Edges {
    pub(super) fn of(switch: &Switch) -> Self {
        let mut out = Self { flows: Vec::new(), by_table: BTreeMap::new() };
        for entry in switch.entries() {
            out.by_table.entry(entry.flow.table).or_default().push(out.flows.len());
            out.flows.push((Arc::clone(entry), edges(switch, entry)));
        }
        out
    }

    /// Tables that can be reached from `starts`, these included.
    fn reachable(&self, starts: impl IntoIterator<Item = u8>, by_recirculation: bool) -> BTreeSet<u8> {
        let mut reached: BTreeSet<u8> = starts.into_iter().collect();
        let mut open: Vec<u8> = reached.iter().copied().collect();
        while let Some(table) = open.pop() {
            for &flow in self.by_table.get(&table).map_or(&[][..], Vec::as_slice) {
                for edge in self.flows[flow].1.iter().filter(|edge| by_recirculation || !edge.recirculates) {
                    if reached.insert(edge.table) {
                        open.push(edge.table);
                    }
                }
            }
        }
        reached
    }
}

/// Collects the ways out of one flow.
struct Walk<'a> {
    switch: &'a Switch,
    own_table: u8,
    changed: Changed,
    edges: Vec<Edge>,
    /// Groups whose buckets were followed. Once is enough, as everything counts as changed there.
    groups: BTreeSet<u32>,
}

fn edges(switch: &Switch, entry: &Entry) -> Vec<Edge> {
    let changed = Changed::default();
    let mut walk =
        Walk { switch, own_table: entry.flow.table, changed, edges: Vec::new(), groups: BTreeSet::new() };
    let mut at = 0;
    while let Some((op, next)) = entry.op(at) {
        at = next;
        match op {
            Some(Op::Action(action)) => walk.action(action, 0),
            // They are executed when everything else is done.
            Some(Op::Write(actions)) => {
                let before = walk.changed.clone();
                walk.changed.all = true;
                actions.iter().for_each(|action| walk.action(action, 0));
                walk.changed = before;
                walk.changed.fields.insert(Field::ActsetOutput);
            }
            Some(Op::Metadata(..)) => walk.write(Field::Metadata),
            Some(Op::Goto(table)) => walk.edge(table, false, None),
            _ => {}
        }
    }
    walk.edges
}

impl Walk<'_> {
    fn edge(&mut self, table: u8, recirculates: bool, in_port: Option<OfPort>) {
        self.edges.push(Edge { table, recirculates, in_port, changed: self.changed.clone() });
    }

    fn write(&mut self, field: Field) {
        match (registers_of(field), field) {
            (Some(registers), _) => self.changed.fields.extend(registers),
            (None, Field::InPort16) => drop(self.changed.fields.insert(Field::InPort)),
            (None, Field::VlanTci | Field::VlanVid | Field::VlanPcp) => {
                self.changed.fields.extend([Field::VlanVid, Field::VlanPcp]);
            }
            (None, Field::IpTos) => drop(self.changed.fields.insert(Field::IpDscp)),
            (None, field) => drop(self.changed.fields.insert(field)),
        }
    }

    fn action(&mut self, action: &Action, depth: usize) {
        match action {
            Action::Resubmit(resubmit) => {
                let in_port = resubmit.in_port.filter(|port| *port != OfPort::IN_PORT);
                let table = resubmit.table.unwrap_or(self.own_table);
                if resubmit.ct {
                    self.changed.all = true;
                }
                self.edge(table, false, in_port);
                // What the flows there did to the packet stays done.
                self.changed.all = true;
            }
            Action::Output { port: OfPort::TABLE, .. } => {
                self.edge(0, false, None);
                self.changed.all = true;
            }
            Action::Ct(ct) => {
                if let Some(table) = ct.table {
                    let before = self.changed.clone();
                    self.conntrack(!ct.actions.is_empty());
                    self.edge(table, true, None);
                    self.changed = before;
                }
                self.conntrack(false);
            }
            Action::CtClear => self.conntrack(false),
            Action::Clone(actions) if depth < CLONE_DEPTH_MAX => {
                let before = self.changed.clone();
                actions.iter().for_each(|action| self.action(action, depth + 1));
                self.changed = before;
            }
            Action::Group(id) => self.group(*id),
            _ => self.writes_of(action),
        }
    }

    /// Follows the buckets of a group, and of the groups that these hand on to.
    fn group(&mut self, id: u32) {
        let before = std::mem::take(&mut self.changed);
        self.changed.all = true;
        let mut open = vec![id];
        while let Some(id) = open.pop() {
            if !self.groups.insert(id) {
                continue;
            }
            let switch = self.switch;
            for action in
                switch.group(id).into_iter().flat_map(|group| &group.buckets).flat_map(|b| &b.actions)
            {
                match action {
                    Action::Group(next) => open.push(*next),
                    _ => self.action(action, 0),
                }
            }
        }
        self.changed = before;
    }

    fn writes_of(&mut self, action: &Action) {
        match action {
            Action::SetField { field, .. } | Action::Load2 { field, .. } | Action::DeleteField(field) => {
                self.write(*field);
            }
            Action::Load { dst, .. }
            | Action::Move { dst, .. }
            | Action::StackPop(dst)
            | Action::CheckPktLarger { dst, .. } => self.write(dst.field),
            Action::SetTtl(_) | Action::DecTtl | Action::DecTtlIds(_) => self.write(Field::IpTtl),
            Action::SetMplsTtl(_) | Action::DecMplsTtl => self.write(Field::MplsTtl),
            Action::PushVlan(_) | Action::PopVlan => self.write(Field::VlanTci),
            Action::PushMpls(_) | Action::PopMpls(_) | Action::Unknown(_) => self.changed.all = true,
            Action::Learn(learn) => learn.result.iter().for_each(|result| self.write(result.field)),
            _ => {}
        }
    }

    /// The tracker says something new about the packet, and may translate it.
    fn conntrack(&mut self, translates: bool) {
        let conntrack = Field::CtState.index()..=Field::CtTpDst.index();
        self.changed.fields.extend(&Field::ALL[conntrack]);
        self.changed.all |= translates;
    }
}

/// Whether a packet that `from` matched can match `to` at the end of the way.
fn leads_to(from: &Match, edge: &Edge, to: &Match) -> bool {
    to.fields().iter().all(|wanted| {
        if let (Field::InPort, Some(port)) = (wanted.field, edge.in_port) {
            return u128::from(port.get()) == wanted.value;
        }
        let changed =
            edge.changed.all || wanted.field == Field::ConjId || edge.changed.fields.contains(&wanted.field);
        changed
            || from.get(wanted.field).is_none_or(|known| {
                let both = known.mask & wanted.mask;
                known.value & both == wanted.value & both
            })
    })
}

/// Ways that end where they began.
pub(super) fn loops(switch: &Switch, edges: &Edges) -> Vec<Finding> {
    let mut left = circular_tables(switch, edges);
    let mut out = Vec::new();
    while out.len() < LOOPS_MAX {
        let Some(cycle) = cycle(edges, &mut left) else {
            break;
        };
        left.retain(|flow| !cycle.contains(flow));
        out.push(Finding::Loop {
            flows: cycle.iter().map(|flow| edges.flows[*flow].0.key.clone()).collect(),
        });
    }
    out
}

/// Flows of tables from which there is a way back to the table.
fn circular_tables(switch: &Switch, edges: &Edges) -> BTreeSet<usize> {
    let mut flows = BTreeSet::new();
    for (table, _) in switch.tables() {
        let own = edges.by_table.get(&table).map_or(&[][..], Vec::as_slice);
        let next = own.iter().flat_map(|flow| &edges.flows[*flow].1).map(|edge| edge.table);
        let next: BTreeSet<u8> = next.collect();
        if edges.reachable(next, true).contains(&table) {
            flows.extend(own);
        }
    }
    flows
}

/// A circle through flows of `left`; flows that are not on one and lead to none are taken out.
fn cycle(edges: &Edges, left: &mut BTreeSet<usize>) -> Option<Vec<usize>> {
    let next = |flow: usize, left: &BTreeSet<usize>| {
        let (entry, ways) = &edges.flows[flow];
        ways.iter().find_map(|edge| {
            let there = edges.by_table.get(&edge.table)?;
            let to = |to: &&usize| {
                left.contains(to) && leads_to(&entry.flow.matching, edge, &edges.flows[**to].0.flow.matching)
            };
            there.iter().find(to).copied()
        })
    };
    // Follows any way until it meets itself, or ends and is taken back.
    let mut path: Vec<usize> = Vec::new();
    let mut on_path: BTreeMap<usize, usize> = BTreeMap::new();
    loop {
        let at = match path.last() {
            Some(at) => *at,
            None => {
                let first = *left.first()?;
                path.push(first);
                on_path.insert(first, 0);
                first
            }
        };
        match next(at, left) {
            Some(to) => match on_path.get(&to) {
                Some(start) => return Some(path.split_off(*start)),
                None => {
                    on_path.insert(to, path.len());
                    path.push(to);
                }
            },
            None => {
                left.remove(&at);
                on_path.remove(&at);
                path.pop();
            }
        }
    }
}

/// Tables with flows that no way leads to.
pub(super) fn unreachable(switch: &Switch, edges: &Edges, entries: &[u8]) -> Vec<Finding> {
    let reached = edges.reachable([0].into_iter().chain(entries.iter().copied()), true);
    let lost = switch.tables().filter(|(table, _)| !reached.contains(table));
    lost.filter_map(|(id, table)| {
        let flow = table.entries().first()?.key.clone();
        Some(Finding::Unreachable { table: id, flows: table.len(), flow })
    })
    .collect()
}

/// Flows that write an action set with which the packet may then recirculate.
pub(super) fn recirculating_action_sets(switch: &Switch, edges: &Edges) -> Vec<Finding> {
    let tables: Vec<u8> = switch.tables().map(|(table, _)| table).collect();
    let flows_of =
        |table: u8| edges.by_table.get(&table).into_iter().flatten().map(|flow| &edges.flows[*flow]);
    // What can happen in a table, and in those that it leads to without the tracker.
    let mut tracking = BTreeSet::new();
    let mut writing = BTreeSet::new();
    for table in tables {
        let within = edges.reachable([table], false);
        let mut all = within.iter().flat_map(|table| flows_of(*table));
        if all.clone().any(|(_, ways)| ways.iter().any(|edge| edge.recirculates)) {
            tracking.insert(table);
        }
        if all.any(|(entry, _)| !entry.flow.instructions.write.is_empty()) {
            writing.insert(table);
        }
    }
    let risky = |(entry, ways): &&(Arc<Entry>, Vec<Edge>)| {
        let instructions = &entry.flow.instructions;
        let then_tracked = !instructions.write.is_empty()
            && instructions.goto.is_some_and(|table| tracking.contains(&table));
        let written_before = ways.iter().enumerate().any(|(index, edge)| {
            let earlier = ways[..index].iter().filter(|way| !way.recirculates);
            (edge.recirculates || tracking.contains(&edge.table))
                && earlier.into_iter().any(|way| writing.contains(&way.table))
        });
        then_tracked || written_before
    };
    let flows = edges.flows.iter().filter(risky);
    flows.map(|(entry, _)| Finding::RecirculatesWithActionSet { flow: entry.key.clone() }).collect()
}
