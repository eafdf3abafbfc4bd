//! The agent of one host: it watches what is plugged in, and keeps the switch as it should be.
//!
//! ```text
//!   ovsdb-server --- batches ---> InterfaceWatch --> Plugged --> compile --> delta --- bundles ---> ovs-vswitchd
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result};
use net_types::OfPort;
use openflow::delta::Delta;
use openflow::flow::FlowSet;
use openflow::group::Group;
use ovsdb::address::Address;
use ovsdb::client::{Client, ClientConfig, Source};
use ovsdb::row::Batch;
use pipeline::tables::PIPELINE;
use pipeline::{groups, tunnels};
use switch::bridge::{ApplyOptions, BridgeSpec, TunnelKind, TunnelSpec, apply};
use switch::configuration::{Configuration, monitor};
use switch::endpoint::Endpoint;
use switch::interfaces::{InterfaceEvent, InterfaceWatch, Role, Unclaimed};
use switch::machine::{ChangeId, Event, MachineOptions, SyncReport};
use switch::{Handle, Options, Scope};
use tokio::sync::{mpsc, watch};

use crate::compile::{self, Plugged};
use crate::topology::Host;

/// The bridge that guests are plugged into.
pub(crate) const BRIDGE: &str = "br-int";

/// What the agent knows and has done.
#[derive(Debug, Clone, Default)]
pub(crate) struct Status {
    /// Guests whose flows the switch confirmed.
    pub(crate) active: BTreeSet<String>,
    /// Desired flows, all confirmed.
    pub(crate) flows: FlowSet,
    /// Desired groups, all confirmed.
    pub(crate) groups: BTreeMap<u32, Group>,
    /// Flow-mods sent, ever.
    pub(crate) flow_mods: usize,
    /// Synchronisations after a connection, and the last of them.
    pub(crate) syncs: Vec<SyncReport>,
    /// Whether the tunnel is there.
    pub(crate) tunnel: bool,
}

/// What is plugged in, and what follows from it.
struct Wishes {
    host: Host,
    watch: InterfaceWatch,
    plugged: Plugged,
    flows: FlowSet,
    groups: BTreeMap<u32, Group>,
}

struct Agent {
    wishes: Wishes,
    switch: Handle,
    /// What was wished and is not confirmed yet.
    unconfirmed: Option<ChangeId>,
    status: watch::Sender<Status>,
}

/// Starts the agent of `host` for the Open vSwitch in `rundir`.
pub(crate) async fn start(host: Host, rundir: PathBuf) -> Result<watch::Receiver<Status>> {
    let database = Address::Unix(rundir.join("db.sock"));
    let source = Source::Dial { addresses: vec![database], tls: None };
    let (client, mut batches) = Client::spawn(source, ClientConfig::new("Open_vSwitch"), monitor());
    let first = batches.recv().await.context("the database client stopped")?;
    let mut known = Configuration::default();
    known.apply(&first);
    let applied = apply(&client, &bridge(host), &known, ApplyOptions::default()).await?;
    anyhow::ensure!(applied.problems.is_empty(), "{:?}", applied.problems);

    let scope = Scope::new(PIPELINE.table_ids(), groups::OURS, 1..=u32::MAX);
    let mut machine = MachineOptions::new(scope);
    machine.tlv_maps = vec![tunnels::OPTION];
    let endpoint = Endpoint::Unix(rundir.join(format!("{BRIDGE}.mgmt")));
    let (status, statuses) = watch::channel(Status::default());
    // What is desired is known before the switch is asked what it has, so nothing that is right is ever taken away.
    let mut wishes = Wishes::new(host);
    let initial = wishes.interfaces_changed(&first)?;
    let switch = Handle::spawn(Options::new(endpoint, machine), initial);
    let mut agent = Agent { wishes, switch, unconfirmed: Some(0), status };
    tokio::spawn(async move {
        // The client lives as long as the agent.
        let _client = client;
        if let Err(error) = agent.run(batches).await {
            tracing::error!(host = host.name, %error, "the agent stopped");
        }
    });
    Ok(statuses)
}

fn bridge(host: Host) -> BridgeSpec {
    BridgeSpec {
        name: BRIDGE.to_owned(),
        datapath_type: Some("netdev".to_owned()),
        protocols: ["OpenFlow13".to_owned()].into(),
        tunnels: vec![TunnelSpec::flow_based(TunnelKind::Geneve, Some(IpAddr::V4(host.underlay)))],
        ..BridgeSpec::default()
    }
}

impl Wishes {
    fn new(host: Host) -> Self {
        let watch = InterfaceWatch::new(BRIDGE, Unclaimed::Ignored);
        Self { host, watch, plugged: Plugged::default(), flows: FlowSet::new(), groups: BTreeMap::new() }
    }

    /// What has to change in the switch because of a change in the database.
    fn interfaces_changed(&mut self, batch: &Batch) -> Result<Delta> {
        for event in self.watch.apply(batch) {
            match event {
                InterfaceEvent::Gone(interface) => self.set(&interface.role, None),
                InterfaceEvent::Appeared(interface) | InterfaceEvent::Changed { new: interface, .. } => {
                    self.set(&interface.role, Some(interface.ofport));
                }
                InterfaceEvent::Found(finding) => tracing::warn!(%finding, "an interface cannot be used"),
                InterfaceEvent::Cleared(_) => {}
            }
        }
        let desired = compile::desired(self.host, &self.plugged)?;
        let flows: FlowSet = desired.flows.into_iter().collect();
        let groups: BTreeMap<u32, Group> =
            desired.groups.into_iter().map(|group| (group.id, group)).collect();
        let delta = difference((&self.flows, &self.groups), (&flows, &groups));
        (self.flows, self.groups) = (flows, groups);
        Ok(delta)
    }

    fn set(&mut self, role: &Role, ofport: Option<OfPort>) {
        match (role, ofport) {
            (Role::Vif { iface_id, .. }, Some(ofport)) => {
                self.plugged.guests.insert(iface_id.clone(), ofport);
            }
            (Role::Vif { iface_id, .. }, None) => {
                self.plugged.guests.remove(iface_id);
            }
            (Role::Tunnel(_), ofport) => self.plugged.tunnel = ofport,
            _ => {}
        }
    }
}

impl Agent {
    async fn run(&mut self, mut batches: mpsc::Receiver<Batch>) -> Result<()> {
        loop {
            tokio::select! {
                batch = batches.recv() => {
                    let batch = batch.context("the database client stopped")?;
                    let delta = self.wishes.interfaces_changed(&batch)?;
                    if !delta.is_empty() {
                        self.unconfirmed = Some(self.switch.change(delta).await?);
                    }
                }
                event = self.switch.next_event() => {
                    self.switch_says(event.context("the connection to the switch stopped")?);
                }
            }
        }
    }

    fn switch_says(&mut self, event: Event) {
        match event {
            Event::Committed { up_to, flow_mods } => {
                self.status.send_modify(|status| status.flow_mods += flow_mods);
                self.confirmed(up_to);
            }
            Event::Synced { up_to, report } => {
                self.status.send_modify(|status| {
                    status.flow_mods += report.flows_put + report.flows_deleted;
                    status.syncs.push(report);
                });
                self.confirmed(up_to);
            }
            Event::Refused { entry, refusal } => tracing::error!(%entry, %refusal, "refused"),
            _ => {}
        }
    }

    fn confirmed(&mut self, up_to: ChangeId) {
        if self.unconfirmed.is_some_and(|id| id <= up_to) {
            self.unconfirmed = None;
        }
        if self.unconfirmed.is_none() {
            self.status.send_modify(|status| {
                status.active = self.wishes.plugged.guests.keys().cloned().collect();
                status.flows = self.wishes.flows.clone();
                status.groups = self.wishes.groups.clone();
                status.tunnel = self.wishes.plugged.tunnel.is_some();
            });
        }
    }
}

/// What leads from one state to another.
fn difference(old: (&FlowSet, &BTreeMap<u32, Group>), new: (&FlowSet, &BTreeMap<u32, Group>)) -> Delta {
    Delta {
        flows: new.0.iter().filter(|flow| old.0.get(flow.key_bytes()) != Some(flow)).cloned().collect(),
        delete_flows: old
            .0
            .iter()
            .filter(|flow| new.0.get(flow.key_bytes()).is_none())
            .map(|flow| flow.key())
            .collect(),
        groups: new.1.values().filter(|group| old.1.get(&group.id) != Some(group)).cloned().collect(),
        delete_groups: old.1.keys().filter(|id| !new.1.contains_key(id)).copied().collect(),
        ..Delta::default()
    }
}

/// Waits until the status is as wanted.
pub(crate) async fn wait_for(
    status: &mut watch::Receiver<Status>,
    what: &str,
    wanted: impl FnMut(&Status) -> bool,
) -> Result<Status> {
    let waiting = tokio::time::timeout(Duration::from_secs(60), status.wait_for(wanted));
    let found = waiting.await.with_context(|| format!("waited in vain for {what}"))?;
    Ok(found.context("the agent stopped")?.clone())
}
