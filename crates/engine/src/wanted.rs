//! What all units want together, kept up to date as each says something else, and what follows for the switch.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use model::{RowId, Table};
use net_types::OfPort;
use openflow::delta::Delta;
use openflow::flow::PackedFlow;
use openflow::group::Group;
use openflow::meter::Meter;

use crate::beacon::Beacon;
use crate::counted::Counted;
use crate::desired::{Claims, Desired, Entry, Finding, Settled};
use crate::dispute;
use crate::graph::Graph;
use crate::input::Outputs;
use crate::peers::Watched;
use crate::read::NodeNo;
use crate::registered::Registered;
use crate::reserve::Reserve;
use crate::sink::Said;

/// What all units want together.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    flows: Claims<PackedFlow>,
    groups: Claims<Group>,
    meters: Claims<Meter>,
    ready: BTreeMap<RowId, u32>,
    /// Ports whose readiness changed in this step, with what it was.
    ready_before: BTreeMap<RowId, bool>,
    tunnel_ends: Counted<(OfPort, IpAddr)>,
    watched: Counted<Watched>,
    beacons: Counted<Beacon>,
    reserves: Counted<Reserve>,
    stale_rows: Counted<(Table, RowId)>,
    findings: BTreeSet<Finding>,
    findings_changed: bool,
}

impl Wanted {
    /// Takes what a unit says in the place of what it said.
    pub(crate) fn replace(
        &mut self,
        no: NodeNo,
        before: &Said,
        now: &Said,
        rules: &[Registered],
        graph: &Graph,
    ) {
        let name = |no: NodeNo| graph.name_of(no);
        replace_claims(&mut self.flows, no, &before.flows, &now.flows, &name);
        let (nothing, empty) = (Default::default(), Default::default());
        let before = before.rest.as_deref().unwrap_or(&nothing);
        let now = now.rest.as_deref().unwrap_or(&empty);
        if before == now {
            return;
        }
        replace_claims(&mut self.groups, no, &before.groups, &now.groups, &name);
        replace_claims(&mut self.meters, no, &before.meters, &now.meters, &name);
        for port in &now.ready {
            self.ready_before.entry(port.clone()).or_insert_with(|| self.ready.contains_key(port));
            *self.ready.entry(port.clone()).or_default() += 1;
        }
        for port in &before.ready {
            self.ready_before.entry(port.clone()).or_insert_with(|| self.ready.contains_key(port));
            if let Some(count) = self.ready.get_mut(port) {
                *count -= 1;
                if *count == 0 {
                    self.ready.remove(port);
                }
            }
        }
        self.tunnel_ends.replace(&before.tunnel_ends, &now.tunnel_ends);
        self.watched.replace(&before.watched, &now.watched);
        self.beacons.replace(&before.beacons, &now.beacons);
        self.reserves.replace(&before.reserves, &now.reserves);
        self.stale_rows.replace(&before.stale_rows, &now.stale_rows);
        if before.problems != now.problems {
            let Some(unit) = graph.unit(no) else { return };
            let registered = &rules[usize::from(unit.rule)];
            let finding = |problem: &String| registered.finding(unit.subject(), problem.clone());
            before.problems.iter().map(finding).for_each(|finding| {
                self.findings.remove(&finding);
            });
            self.findings.extend(now.problems.iter().map(finding));
            self.findings_changed = true;
        }
    }

    /// What differs from what the switch was told last.
    pub(crate) fn settle(&mut self, rules: &[Registered], graph: &Graph) -> Outputs {
        let name = |no: NodeNo| graph.name_of(no);
        let Settled { put: flows, delete: delete_flows, disputes: flow_disputes } = self.flows.settle(&name);
        let Settled { put: groups, delete: delete_groups, disputes: group_disputes } =
            self.groups.settle(&name);
        let Settled { put: meters, delete: delete_meters, disputes: meter_disputes } =
            self.meters.settle(&name);
        let mut outputs = Outputs {
            delta: Delta { flows, delete_flows, groups, delete_groups, meters, delete_meters },
            ..Outputs::default()
        };
        for (port, was) in std::mem::take(&mut self.ready_before) {
            match (was, self.ready.contains_key(&port)) {
                (false, true) => outputs.ready.push(port),
                (true, false) => outputs.not_ready.push(port),
                _ => {}
            }
        }
        outputs.tunnel_ends = self.tunnel_ends.settle();
        outputs.watched = self.watched.settle();
        outputs.beacons = self.beacons.settle();
        outputs.reserves = self.reserves.settle();
        outputs.stale_rows = self.stale_rows.settle();
        let disputes_changed = flow_disputes || group_disputes || meter_disputes;
        if std::mem::take(&mut self.findings_changed) || disputes_changed {
            outputs.findings = Some(self.findings(rules, graph));
        }
        outputs
    }

    /// All that is wrong now.
    pub(crate) fn findings(&self, rules: &[Registered], graph: &Graph) -> Vec<Finding> {
        let name = |no: NodeNo| graph.name_of(no);
        let flows = self.flows.disputed(&name).map(|(no, key)| (no, dispute::flow(key)));
        let groups = self.groups.disputed(&name).map(|(no, id)| (no, format!("group {id}")));
        let meters = self.meters.disputed(&name).map(|(no, id)| (no, format!("meter {id}")));
        let dispute = |(no, what): (NodeNo, String)| {
            let unit = graph.unit(no)?;
            let problem = format!("others want {what} to be something else; this one prevails");
            Some(rules[usize::from(unit.rule)].finding(unit.subject(), problem))
        };
        let mut findings: Vec<Finding> = flows.chain(groups).chain(meters).filter_map(dispute).collect();
        findings.extend(self.findings.iter().cloned());
        findings.sort_unstable();
        findings
    }

    /// How many flows there should be.
    pub(crate) fn flow_count(&self) -> usize {
        self.flows.len()
    }

    /// Bandwidth that ports are promised, in order.
    pub(crate) fn reserves(&self) -> Vec<Reserve> {
        self.reserves.all()
    }

    /// What should be in the switch now.
    pub(crate) fn desired(&self, rules: &[Registered], graph: &Graph) -> Desired {
        let name = |no: NodeNo| graph.name_of(no);
        Desired {
            flows: self.flows.all(&name),
            groups: self.groups.all(&name),
            meters: self.meters.all(&name),
            ready: self.ready.keys().cloned().collect(),
            beacons: self.beacons.all(),
            watched: self.watched.all(),
            reserves: self.reserves.all(),
            stale_rows: self.stale_rows.all(),
            findings: self.findings(rules, graph),
        }
    }
}

fn replace_claims<E: Entry, N: Ord>(
    claims: &mut Claims<E>,
    no: NodeNo,
    before: &[E],
    now: &[E],
    name: &impl Fn(NodeNo) -> N,
) {
    let is_in = |list: &[E], entry: &E| {
        list.binary_search_by(|other| other.cmp_key(entry)).is_ok_and(|place| list[place] == *entry)
    };
    for entry in now.iter().filter(|entry| !is_in(before, entry)) {
        claims.claim(no, entry.clone(), name);
    }
    for entry in before.iter().filter(|entry| !is_in(now, entry)) {
        claims.withdraw(no, entry, name);
    }
}
