//! What comes in, sorted: facts for the engine, and what they mean for the ports of the node.

use std::time::Duration;

use engine::{Peers, RowChange};
use tokio::time::Instant;

use crate::metadata::Directory;
use crate::nested::Nested;
use crate::northbound::{self, tables};
use crate::options::Options;
use crate::pending::Pending;
use crate::ports::Ports;
use crate::status::Status;
use crate::vswitch;

/// How long after a change of who is reached another node may still be saying what it took itself for before.
const SETTLES: Duration = Duration::from_secs(60);

/// Facts and ports.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) pending: Pending,
    pub(crate) ports: Ports,
    /// What is seen of other nodes.
    pub(crate) peers: Peers,
    peers_changed: Option<Instant>,
    nested: Nested,
    /// Who asks the metadata service, where we are its proxy.
    directory: Option<Directory>,
    knows_store: bool,
    knows_vswitch: bool,
}

impl Intake {
    pub(crate) fn new(options: &Options) -> Self {
        let mut pending = Pending::default();
        pending.settings(options.settings());
        let ports = Ports::new(options.chassis.clone());
        Self {
            pending,
            ports,
            peers: Peers::default(),
            peers_changed: None,
            nested: Nested::default(),
            directory: options.metadata_directory.clone(),
            knows_store: false,
            knows_vswitch: false,
        }
    }

    /// Whether enough is known for a first step.
    pub(crate) const fn is_complete(&self) -> bool {
        self.knows_store && self.knows_vswitch
    }

    /// Has the store looked at for what is translated here, while another node may have the last word about it.
    pub(crate) fn look_again(&mut self) {
        if self.peers_changed.is_some_and(|changed| changed.elapsed() < SETTLES) {
            self.ports.look_again();
        }
    }

    /// News of the store.
    pub(crate) fn store(&mut self, news: northbound::News, status: &mut Status) {
        if let Some(directory) = &self.directory {
            directory.store(&news);
        }
        match news {
            northbound::News::Snapshot(rows) => {
                self.knows_store = true;
                status.snapshots += 1;
                self.ports.snapshot(&rows);
                self.nested.snapshot(&rows);
                self.pending.snapshot(tables(), rows);
            }
            northbound::News::Changes(changes) => changes.into_iter().for_each(|change| self.row(change)),
            northbound::News::Away(_) => {
                status.is_store_away = true;
                status.store_outages += 1;
            }
            northbound::News::Back => status.is_store_away = false,
            northbound::News::Undecodable(count) => status.rows_unreadable = count,
        }
        self.nested.settle(&mut self.ports);
    }

    fn row(&mut self, change: RowChange) {
        self.ports.row(&change);
        self.nested.row(&change);
        self.pending.row(change);
    }

    /// News of the bridge.
    pub(crate) fn vswitch(&mut self, news: vswitch::News) {
        self.knows_vswitch = true;
        if let Some(numbers) = news.numbers {
            self.pending.numbers(numbers);
        }
        if let Some(tunnels) = news.tunnels {
            self.pending.tunnels(tunnels);
        }
        if let Some(providers) = news.providers {
            self.pending.providers(providers);
        }
        if let Some(peers) = news.peers {
            self.peers.clone_from(&peers);
            self.peers_changed = Some(Instant::now());
            self.pending.peers(peers);
        }
        if let Some(metadata) = news.metadata {
            self.pending.metadata(metadata);
        }
        for (port, interface) in news.interfaces {
            self.ports.interface(&port, interface.is_some());
            self.nested.interface(&port, interface.is_some());
            self.pending.interface(port, interface);
        }
        self.nested.settle(&mut self.ports);
    }
}
