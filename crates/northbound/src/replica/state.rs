//! Everything that is known of the store.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{Chassis, Id, Model as _, PortState, PortStatus, RowId, Table};
use nb::{CLAIMS, Change, Key, Revision, Row, Selector, Snapshot, Stamp, TableName};
use rustc_hash::{FxHashMap, FxHashSet};

use super::nodes::Nodes;
use super::rows::{Entry, Rows};
use crate::ipam::claim::{ADDRESSES, MACS};
use crate::ipam::{Claim, NetworkAddresses, NetworkId};
use crate::quota::{Limits, QUOTAS};
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::resources::port::Attachment;
use crate::translate::segment::SEGMENTS;
use crate::translate::{CloudDomain, Segment, SegmentPool, SegmentSettings};
use crate::write::GUARDS;

/// What is known.
#[derive(Debug)]
pub struct State {
    revision: Revision,
    kinds: [Rows; Kind::ALL.len()],
    /// What is said of ports, and by which node.
    statuses: FxHashMap<RowId, (PortState, Id<Chassis>)>,
    nodes: Nodes,
    /// Nodes that bound a port to themselves, and the states of the rows that say so.
    bound_by_nodes: FxHashMap<RowId, (Id<Chassis>, Stamp)>,
    quotas: BTreeMap<RowId, (Limits, Stamp)>,
    guards: FxHashMap<Key, Stamp>,
    addresses: FxHashMap<NetworkId, NetworkAddresses>,
    attachment: Attachment,
    cloud_domain: CloudDomain,
    segment_settings: SegmentSettings,
    segments: SegmentPool,
    /// What requests of ours take that are on their way to the store.
    tentative: FxHashSet<Key>,
}

/// Something that one row stands for, so that nobody else has it.
#[derive(Debug)]
enum Taken {
    Address(Claim),
    Segment(Segment),
}

impl Taken {
    fn of_key(key: &Key) -> Option<Self> {
        Claim::of_key(key).map(Self::Address).or_else(|| Segment::of_key(key).map(Self::Segment))
    }
}

/// The tables that are followed.
#[must_use]
pub fn selector() -> Selector {
    let kinds = Kind::ALL.into_iter().map(|kind| kind.resource().table.clone());
    let model = Nodes::TABLES.into_iter().chain([Table::PortStatus]).map(TableName::from);
    Selector::tables(kinds.chain(model).chain([QUOTAS, GUARDS, CLAIMS, ADDRESSES, MACS, SEGMENTS]))
}

impl State {
    /// Nothing known yet.
    #[must_use]
    pub fn new(segment_settings: SegmentSettings, attachment: Attachment, cloud_domain: CloudDomain) -> Self {
        Self {
            revision: Revision::default(),
            kinds: Kind::ALL.map(Rows::new),
            statuses: FxHashMap::default(),
            nodes: Nodes::default(),
            bound_by_nodes: FxHashMap::default(),
            quotas: BTreeMap::new(),
            guards: FxHashMap::default(),
            addresses: FxHashMap::default(),
            attachment,
            cloud_domain,
            segments: SegmentPool::new(segment_settings.clone()),
            segment_settings,
            tentative: FxHashSet::default(),
        }
    }

    /// The state of the store that this is, or a later one that it has parts of.
    #[must_use]
    pub const fn revision(&self) -> Revision {
        self.revision
    }

    /// The resources of a kind.
    #[must_use]
    pub fn rows(&self, kind: Kind) -> &Rows {
        &self.kinds[kind.index()]
    }

    fn rows_mut(&mut self, kind: Kind) -> &mut Rows {
        &mut self.kinds[kind.index()]
    }

    /// A resource by its id in the API.
    #[must_use]
    pub fn find(&self, kind: Kind, id: &str) -> Option<&Entry> {
        self.rows(kind).get(&RowId::new(id).ok()?)
    }

    /// What a controller says of a port.
    #[must_use]
    pub fn port_state(&self, id: &str) -> Option<PortState> {
        self.statuses.get(&RowId::new(id).ok()?).map(|(state, _)| *state)
    }

    /// The controller that says it.
    #[must_use]
    pub fn port_chassis(&self, id: &str) -> Option<&Id<Chassis>> {
        self.statuses.get(&RowId::new(id).ok()?).map(|(_, chassis)| chassis)
    }

    /// What is known of nodes.
    #[must_use]
    pub const fn nodes(&self) -> &Nodes {
        &self.nodes
    }

    /// The node that bound a port to itself, and the state of the row that says so.
    #[must_use]
    pub fn bound_by_node(&self, id: &str) -> Option<&(Id<Chassis>, Stamp)> {
        self.bound_by_nodes.get(&RowId::new(id).ok()?)
    }

    /// What a project may have, where somebody said so, and the state of the row.
    #[must_use]
    pub fn limits(&self, project: &str) -> Option<&(Limits, Stamp)> {
        self.quotas.get(&RowId::new(project).ok()?)
    }

    /// All projects of which somebody said what they may have.
    pub fn all_limits(&self) -> impl Iterator<Item = (&RowId, &Limits)> {
        self.quotas.iter().map(|(project, (limits, _))| (project, limits))
    }

    /// The state of a guard, if it was ever written.
    #[must_use]
    pub fn guard(&self, key: &Key) -> Option<Stamp> {
        self.guards.get(key).copied()
    }

    /// What is in use in a network.
    pub fn addresses(&mut self, network: &NetworkId) -> &NetworkAddresses {
        self.addresses.entry(network.clone()).or_insert_with(|| NetworkAddresses::new(network.clone()))
    }

    /// What is in use in a network, if anything is.
    #[must_use]
    pub fn known_addresses(&self, network: &NetworkId) -> Option<&NetworkAddresses> {
        self.addresses.get(network)
    }

    /// Notes what a request is about to take, so that no other of ours takes it meanwhile.
    pub fn hold(&mut self, keys: &[Key]) {
        for key in keys {
            if let Some(taken) = Taken::of_key(key)
                && self.tentative.insert(key.clone())
            {
                self.occupy(&taken);
            }
        }
    }

    /// Notes that a request did not take it after all. What the store says is taken stays so.
    pub fn let_go(&mut self, keys: &[Key]) {
        for key in keys {
            if self.tentative.remove(key)
                && let Some(taken) = Taken::of_key(key)
            {
                self.vacate(&taken);
            }
        }
    }

    fn occupy(&mut self, taken: &Taken) {
        match taken {
            Taken::Segment(segment) => self.segments.occupy(segment),
            Taken::Address(claim) => {
                let network = claim.network();
                let nothing = || NetworkAddresses::new(network.clone());
                self.addresses.entry(network.clone()).or_insert_with(nothing).occupy(claim);
            }
        }
    }

    fn vacate(&mut self, taken: &Taken) {
        match taken {
            Taken::Segment(segment) => self.segments.vacate(segment),
            Taken::Address(claim) => {
                if let Some(addresses) = self.addresses.get_mut(claim.network()) {
                    addresses.vacate(claim);
                    if addresses.is_empty() {
                        self.addresses.remove(claim.network());
                    }
                }
            }
        }
    }

    /// How guests are attached.
    #[must_use]
    pub const fn attachment(&self) -> &Attachment {
        &self.attachment
    }

    /// The domain that names of ports are in.
    #[must_use]
    pub const fn cloud_domain(&self) -> &CloudDomain {
        &self.cloud_domain
    }

    /// Which segments are in use.
    #[must_use]
    pub const fn segments(&self) -> &SegmentPool {
        &self.segments
    }

    /// Forgets everything but what is on its way, and knows this instead.
    pub fn replace(&mut self, snapshot: Snapshot) {
        let held: Vec<Key> = std::mem::take(&mut self.tentative).into_iter().collect();
        *self = Self::new(
            std::mem::take(&mut self.segment_settings),
            std::mem::take(&mut self.attachment),
            std::mem::take(&mut self.cloud_domain),
        );
        self.hold(&held);
        for row in snapshot.rows {
            self.put(row);
        }
        self.revision = snapshot.revision;
    }

    /// Notes what happened up to `revision`.
    pub fn apply(&mut self, revision: Revision, changes: Vec<Change>) {
        for change in changes {
            match change {
                Change::Put(row) => self.put(row),
                Change::Delete(key, _) => self.delete(&key),
            }
        }
        self.revision = self.revision.max(revision);
    }

    fn put(&mut self, row: Row) {
        if self.nodes.put(&row) {
            return;
        }
        let Row { key, value, stamp } = row;
        if let Some(kind) = Kind::of_table(&key.table) {
            self.put_document(kind, key, &value, stamp);
        } else if let Some(taken) = Taken::of_key(&key) {
            self.tentative.remove(&key);
            self.occupy(&taken);
        } else if key.table == GUARDS {
            self.guards.insert(key, stamp);
        } else if key.table == CLAIMS {
            match serde_json::from_slice::<nb::Claim>(&value) {
                Ok(claim) => drop(self.bound_by_nodes.insert(key.id, (claim.chassis, stamp))),
                Err(error) => tracing::warn!(row = %key, %error, "the claim of a node makes no sense"),
            }
        } else if key.table == QUOTAS {
            self.quotas.insert(key.id, (Limits::from_text(&value), stamp));
        } else if key.table.model() == Some(Table::PortStatus) {
            let status = std::str::from_utf8(&value).ok().and_then(|text| PortStatus::from_text(text).ok());
            match status {
                Some(status) => {
                    drop(self.statuses.insert(status.lport.row().clone(), (status.state, status.chassis)))
                }
                None => tracing::warn!(row = %key, "what a controller says of a port makes no sense"),
            }
        }
    }

    fn put_document(&mut self, kind: Kind, key: Key, value: &Bytes, stamp: Stamp) {
        match Document::from_text(kind.resource(), value) {
            Ok(document) => {
                let entry = Entry { document: Arc::new(document), stamp };
                self.rows_mut(kind).put(key.id, entry);
            }
            Err(error) => {
                tracing::error!(row = %key, %error, "a resource cannot be read and is left out");
                self.rows_mut(kind).remove(&key.id);
            }
        }
    }

    fn delete(&mut self, key: &Key) {
        if self.nodes.delete(key) {
            return;
        }
        if let Some(kind) = Kind::of_table(&key.table) {
            self.rows_mut(kind).remove(&key.id);
        } else if let Some(taken) = Taken::of_key(key) {
            // A request of ours may hold it again: then it is the older owner that is gone.
            if !self.tentative.contains(key) {
                self.vacate(&taken);
            }
        } else if key.table == GUARDS {
            self.guards.remove(key);
        } else if key.table == CLAIMS {
            self.bound_by_nodes.remove(&key.id);
        } else if key.table == QUOTAS {
            self.quotas.remove(&key.id);
        } else if key.table.model() == Some(Table::PortStatus) {
            self.statuses.remove(&key.id);
        }
    }
}
