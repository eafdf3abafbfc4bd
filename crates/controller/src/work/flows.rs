//! The connection for flows: what the switch says of what it was sent, and what follows for ports.

use std::collections::BTreeSet;
use std::net::IpAddr;

use model::{RowId, Table};
use net_types::OfPort;
use openflow::delta::Delta;
use openflow::message::{CtFlushZone, Message};
use pipeline::tables::PIPELINE;
use pipeline::{Cookie, groups, meters, tunnels};
use switch::machine::{MachineOptions, SyncReport};
use switch::{ChangeId, EntryId, Event, Handle, Scope, Stopped};
use tracing::{debug, error, info, warn};

use super::{PacketPath, Worker};
use crate::options::Options;
use crate::packets::{Hears, greeting, want};

pub(super) fn connect_flows(options: &Options, initial: Delta) -> Handle {
    let mut machine = MachineOptions::new(Scope::new(PIPELINE.table_ids(), groups::OURS, meters::OURS));
    machine.tlv_maps = vec![tunnels::OPTION];
    Handle::spawn(switch::Options::new(options.endpoint(), machine), initial)
}

impl Worker<'_> {
    /// Forgets the connections of ports that are gone, so that a port that gets their zone begins with none.
    pub(super) async fn empty_zones(&mut self) {
        // What is sent to a switch that is away goes nowhere.
        if !self.status.borrow().is_switch_connected {
            return;
        }
        while let Some(zone) = self.stale_zones.first().copied() {
            if let Err(error) = self.switch.send(Message::CtFlushZone(CtFlushZone(zone))).await {
                debug!(%error, zone, "connections of a port that is gone are forgotten later");
                return;
            }
            self.stale_zones.remove(&zone);
        }
    }

    /// Sends something to ends of tunnels, so that their neighbours are known before guests send: see [`greeting`].
    pub(super) async fn greet(&self, ends: impl Iterator<Item = &(OfPort, IpAddr)>) {
        for (port, end) in ends {
            if let Err(error) = self.switch.send(greeting(*port, *end)).await {
                debug!(%error, %end, "the end of a tunnel is not greeted");
            }
        }
    }

    pub(super) async fn switch_says(&mut self, event: Event) -> Result<(), Stopped> {
        match event {
            Event::Connected(_) => {
                if matches!(self.packets, PacketPath::Own(_)) {
                    want(&self.switch, Hears::Rest).await;
                }
                self.status.send_modify(|status| status.is_switch_connected = true);
            }
            Event::Disconnected { reason } => {
                warn!(reason, "the switch is disconnected; it forwards as it was told last");
                self.status.send_modify(|status| status.is_switch_connected = false);
            }
            Event::Synced { up_to, report } => {
                self.synced(report);
                self.empty_zones().await;
                self.greet(self.tunnel_ends.iter()).await;
                self.confirmed(up_to).await?;
            }
            Event::Committed { up_to, flow_mods } => {
                let flow_mods = u64::try_from(flow_mods).unwrap_or_default();
                self.status.send_modify(|status| status.flow_mods += flow_mods);
                self.confirmed(up_to).await?;
            }
            Event::Refused { entry, refusal } => {
                error!(%entry, %refusal, "the switch does not take an entry");
                self.has_new_refusals = true;
                self.status.send_modify(|status| status.entries_refused += 1);
            }
            Event::OptionConflict { wanted, reason } => error!(
                ?wanted,
                reason,
                "tunnels lose the option that carries the keys of ports: another program uses its place"
            ),
            Event::PacketIn(packet) => {
                if let PacketPath::Shared(filter, _) = &mut self.packets {
                    self.intake.pending.packet(filter.take(*packet));
                }
            }
            Event::Ports(_) | Event::Port(_) | Event::FlowRemoved(_) => {}
        }
        Ok(())
    }

    fn synced(&mut self, report: SyncReport) {
        info!(
            found = ?report.found,
            put = report.flows_put,
            deleted = report.flows_deleted,
            "the switch holds what it should"
        );
        let is_first = !self.status.borrow().is_ready;
        self.status.send_modify(|status| {
            status.is_ready = true;
            status.syncs += 1;
            status.flow_mods += u64::try_from(report.flows_put + report.flows_deleted).unwrap_or_default();
            status.last_sync = Some(report);
        });
        self.orders.flows_are_back();
        if is_first {
            self.notifier.ready();
        }
        self.notifier.status("working");
    }

    async fn confirmed(&mut self, up_to: ChangeId) -> Result<(), Stopped> {
        self.intake.ports.confirmed(up_to);
        // A switch may refuse thousands of entries: they are looked at together, before anything is told of their ports.
        if std::mem::take(&mut self.has_new_refusals) || self.intake.ports.has_refused() {
            self.look_at_refusals().await?;
        }
        Ok(())
    }

    /// Finds the ports that need what the switch refuses.
    async fn look_at_refusals(&mut self) -> Result<(), Stopped> {
        let cookies: Vec<u64> = self
            .switch
            .inspect(|machine| {
                let desired = machine.desired();
                let cookie = |entry: &EntryId| match entry {
                    EntryId::Flow(key) => desired.flows().get(key.as_bytes()).map(|flow| flow.cookie()),
                    EntryId::Group(_) | EntryId::Meter(_) => None,
                };
                desired.refused().iter().filter_map(cookie).collect()
            })
            .await?;
        let cookies: BTreeSet<Cookie> = cookies.into_iter().map(Cookie::from_bits).collect();
        let ports: BTreeSet<RowId> = self
            .engine
            .explain_all(&cookies)
            .into_iter()
            .filter(|maker| matches!(maker.table, None | Some(Table::LogicalPort)))
            .filter_map(|maker| maker.subject)
            .collect();
        self.intake.ports.refused(&ports);
        Ok(())
    }
}
