//! A decision in the making: what is known, with what the decision changes on top.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use model::{Object, RowId, Table, UniqueKey};
use nb::{Key, Op, Require, Txn};

use super::{Decision, Halt, guard_of_network, guard_of_quota};
use crate::auth::Context;
use crate::ipam::{Claims, NetworkAddresses, NetworkId};
use crate::quota::{self, PLACES_LEFT_CAREFREE};
use crate::registry::Kind;
use crate::registry::document::Document;
use crate::replica::State;
use crate::replica::rows::visit_terms;
use crate::server::Core;

/// What a decision does to a resource.
#[derive(Debug)]
pub struct Change {
    /// As it is known, unless it is new.
    pub before: Option<Arc<Document>>,
    /// As it then is, unless it goes.
    pub after: Option<Arc<Document>>,
}

/// A decision in the making.
#[derive(Debug)]
pub struct Draft<'a> {
    state: &'a mut State,
    core: &'a Core,
    context: &'a Context,
    /// Whether no other request of this server may take what is nearly used up.
    has_turn: bool,
    /// The time, as resources say it.
    now: String,
    /// What changes; `None` is deleted.
    documents: BTreeMap<(Kind, RowId), Option<Arc<Document>>>,
    /// Rows other than resources; `None` is deleted.
    rows: BTreeMap<Key, Option<Bytes>>,
    require: BTreeMap<Key, Require>,
    held: Vec<Key>,
    /// How many of a kind projects get or lose.
    growth: BTreeMap<(Kind, String), i64>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(state: &'a mut State, core: &'a Core, context: &'a Context, has_turn: bool) -> Self {
        Self {
            state,
            core,
            context,
            has_turn,
            now: core.clock.now(),
            documents: BTreeMap::new(),
            rows: BTreeMap::new(),
            require: BTreeMap::new(),
            held: Vec::new(),
            growth: BTreeMap::new(),
        }
    }

    /// Who asks.
    #[must_use]
    pub const fn context(&self) -> &'a Context {
        self.context
    }

    /// The server.
    #[must_use]
    pub const fn core(&self) -> &'a Core {
        self.core
    }

    /// What is known, without what this decision changes.
    #[must_use]
    pub const fn state(&self) -> &State {
        self.state
    }

    /// A resource, as this decision leaves it.
    #[must_use]
    pub fn get(&self, kind: Kind, id: &str) -> Option<Arc<Document>> {
        let id = RowId::new(id).ok()?;
        match self.documents.get(&(kind, id.clone())) {
            Some(changed) => changed.clone(),
            None => self.state.rows(kind).get(&id).map(|entry| Arc::clone(&entry.document)),
        }
    }

    /// The resources that have a value of an attribute that has an index, by their ids, as this decision leaves them.
    #[must_use]
    pub fn with(&self, kind: Kind, attribute: &str, term: &str) -> Vec<Arc<Document>> {
        let known = self.state.rows(kind).with(attribute, term);
        let known = known.filter(|(id, _)| !self.documents.contains_key(&(kind, (*id).clone())));
        let mut found: Vec<Arc<Document>> = known.map(|(_, entry)| Arc::clone(&entry.document)).collect();
        let drafted = self.documents.iter().filter(|((other, _), _)| *other == kind);
        let holds = |document: &Arc<Document>| {
            let mut holds = false;
            visit_terms(document.get(attribute), &mut |own| holds |= own == term);
            holds
        };
        found.extend(drafted.filter_map(|(_, document)| document.clone()).filter(holds));
        found.sort_by(|first, second| first.id().cmp(second.id()));
        found
    }

    /// How many resources of a kind this decision changes.
    #[must_use]
    pub fn count_changed(&self, kind: Kind) -> usize {
        self.documents.keys().filter(|(other, _)| *other == kind).count()
    }

    /// Requires that a resource stays as it is known.
    pub fn depend_on(&mut self, document: &Document) {
        let kind = document.resource().kind;
        let Ok(id) = RowId::new(document.id()) else {
            return;
        };
        if let Some(entry) = self.state.rows(kind).get(&id) {
            let key = Key::new(kind.resource().table.clone(), id);
            self.require.insert(key.clone(), Require::Unchanged(key, entry.stamp));
        }
    }

    /// A new resource of a project, with what all have.
    #[must_use]
    pub fn new_document(&self, kind: Kind, id: &str, project: &str) -> Document {
        let mut document = Document::new(kind.resource());
        document.set("id", id);
        document.set("project_id", project);
        document.set("revision_number", 1);
        document.set("created_at", self.now.as_str());
        document.set("updated_at", self.now.as_str());
        if kind.resource().slot("tags").is_some() {
            document.set("tags", Vec::<serde_json::Value>::new());
        }
        document
    }

    /// Writes a new resource.
    pub fn create(&mut self, document: Document) -> Arc<Document> {
        *self.growth.entry((document.resource().kind, document.project().to_owned())).or_default() += 1;
        self.put(document)
    }

    /// Writes a new resource that nobody asked for, and that counts for nobody's quota.
    pub fn create_uncounted(&mut self, document: Document) -> Arc<Document> {
        self.put(document)
    }

    /// Writes a changed resource, with the next revision.
    pub fn change(&mut self, mut document: Document) -> Arc<Document> {
        let kind = document.resource().kind;
        // Several changes in one decision are one revision.
        let known = self.state.find(kind, document.id()).map(|entry| entry.document.revision());
        let revision = known.unwrap_or_else(|| document.revision());
        document.set("revision_number", revision.saturating_add(1));
        document.set("updated_at", self.now.as_str());
        self.put(document)
    }

    /// Writes a resource that this decision may have changed or created already, which is one change of it still.
    pub fn amend(&mut self, document: Document) -> Arc<Document> {
        let id = RowId::new(document.id());
        let is_drafted = id.is_ok_and(|id| self.documents.contains_key(&(document.resource().kind, id)));
        if is_drafted { self.put(document) } else { self.change(document) }
    }

    /// The resources of a kind that this decision changes.
    #[must_use]
    pub fn changes(&self, kind: Kind) -> Vec<Change> {
        let drafted = self.documents.iter().filter(|((other, _), _)| *other == kind);
        let known = |id| self.state.rows(kind).get(id).map(|entry| Arc::clone(&entry.document));
        drafted.map(|((_, id), document)| Change { before: known(id), after: document.clone() }).collect()
    }

    /// How many rows more fit the transaction.
    #[must_use]
    pub fn room(&self) -> usize {
        let rows = (self.documents.len() + self.rows.len()).max(self.require.len());
        self.core.store.limits().txn_ops.saturating_sub(rows)
    }

    /// Whether a row that is no resource is written, and not deleted.
    #[must_use]
    pub fn is_put(&self, key: &Key) -> bool {
        self.rows.get(key).is_some_and(Option::is_some)
    }

    fn put(&mut self, document: Document) -> Arc<Document> {
        self.depend_on(&document);
        let document = Arc::new(document);
        if let Ok(id) = RowId::new(document.id()) {
            self.documents.insert((document.resource().kind, id), Some(Arc::clone(&document)));
        }
        document
    }

    /// Deletes a resource.
    pub fn delete(&mut self, document: &Document) {
        self.depend_on(document);
        let kind = document.resource().kind;
        *self.growth.entry((kind, document.project().to_owned())).or_default() -= 1;
        if let Ok(id) = RowId::new(document.id()) {
            self.documents.insert((kind, id), None);
        }
    }

    /// Writes a row that controllers read.
    pub fn put_object(&mut self, object: &Object) {
        self.rows.insert(Key::of(object), Some(object.to_text().into()));
    }

    /// Writes a row of our own.
    pub fn put_row(&mut self, key: Key, text: impl Into<Bytes>) {
        self.rows.insert(key, Some(text.into()));
    }

    /// Deletes a row.
    pub fn delete_row(&mut self, key: Key) {
        self.rows.insert(key, None);
    }

    /// Requires something of a row that is no resource.
    pub fn require(&mut self, require: Require) {
        self.require.insert(require.key().clone(), require);
    }

    /// Takes and gives up addresses for a port. What this decision takes, nobody else gets meanwhile.
    pub fn claim(&mut self, claims: &Claims, owner: &RowId) {
        self.state.hold(&claims.take);
        self.held.extend_from_slice(&claims.take);
        claims.required().for_each(|require| self.require(require));
        self.rows.extend(claims.rows(owner).map(|(key, text)| (key, text.map(Bytes::from))));
    }

    /// What is in use in a network.
    pub fn addresses(&mut self, network: &NetworkId) -> &NetworkAddresses {
        self.state.addresses(network)
    }

    /// A number for a new row that controllers read.
    ///
    /// # Errors
    /// When there is none left.
    pub fn unique_key(&mut self, table: Table) -> Decision<UniqueKey> {
        self.core.keys.take(table).ok_or(Halt::NeedsKeys(table))
    }

    /// Notes that a port of a network gets an address.
    pub fn touch_network(&mut self, network: &str) {
        self.rows.insert(guard_of_network(network), Some(Bytes::new()));
    }

    /// Requires that no port of a network got an address that is not known.
    pub fn seal_network(&mut self, network: &str) {
        self.require_guard(guard_of_network(network));
    }

    /// Forgets the guard of a network that is deleted.
    pub fn drop_network_guard(&mut self, network: &str) {
        self.rows.insert(guard_of_network(network), None);
    }

    /// Requires that requests of this server that do the same come one after the other: they would only make each other's
    /// transactions fail.
    ///
    /// # Errors
    /// When it is not the turn of this one yet.
    pub const fn take_turn(&self) -> Decision<()> {
        if self.has_turn { Ok(()) } else { Err(Halt::NeedsTurn) }
    }

    /// Whether a guard was ever written, or is by this decision.
    #[must_use]
    pub fn is_guarded(&self, guard: &Key) -> bool {
        self.state.guard(guard).is_some() || self.rows.contains_key(guard)
    }

    /// Writes a guard, whoever else does; others require that nobody did.
    pub fn touch(&mut self, guard: Key) {
        self.rows.insert(guard, Some(Bytes::new()));
    }

    /// Requires that nobody wrote a guard.
    pub fn seal(&mut self, guard: Key) {
        self.require_guard(guard);
    }

    /// The same, and forgets it.
    pub fn seal_and_drop(&mut self, guard: Key) {
        self.seal(guard.clone());
        self.delete_row(guard);
    }

    /// Requires that nobody wrote a guard, and writes it: of all that do so, one is the first.
    pub fn lock(&mut self, guard: Key) {
        self.require_guard(guard.clone());
        self.rows.insert(guard, Some(Bytes::new()));
    }

    fn require_guard(&mut self, key: Key) {
        let require = match self.state.guard(&key) {
            Some(stamp) => Require::Unchanged(key.clone(), stamp),
            None => Require::Absent(key.clone()),
        };
        self.require.insert(key, require);
    }

    /// Requires that a project may have as many of a kind as it then has.
    pub(super) fn check_quota(&mut self) -> Decision<()> {
        let growth: Vec<_> = self.growth.iter().filter(|(_, growth)| **growth > 0).collect();
        let mut guards = Vec::new();
        for ((kind, project), growth) in growth {
            let defaults = &self.core.settings.default_quota;
            let own = self.state.limits(project).map(|(limits, _)| limits.or(defaults));
            let limit = own.as_ref().unwrap_or(defaults).get(*kind).unwrap_or(quota::UNLIMITED);
            if limit < 0 {
                continue;
            }
            let used = i64::try_from(self.state.rows(*kind).count("project_id", project)).unwrap_or(i64::MAX);
            let left = limit.saturating_sub(used).saturating_sub(*growth);
            if left < 0 {
                return Err(quota::over(*kind).into());
            }
            if left < PLACES_LEFT_CAREFREE {
                self.take_turn()?;
            }
            guards.push((guard_of_quota(project, kind.quota_name()), left < PLACES_LEFT_CAREFREE));
        }
        for (guard, is_near) in guards {
            if is_near {
                self.require_guard(guard.clone());
            }
            self.rows.insert(guard, Some(Bytes::new()));
        }
        Ok(())
    }

    /// The transaction that does all this, and what it holds.
    pub(super) fn finish(self) -> (Txn, Vec<Key>) {
        let mut require = self.require;
        let mut ops = Vec::with_capacity(self.documents.len() + self.rows.len());
        for ((kind, id), document) in self.documents {
            let is_known = self.state.rows(kind).get(&id).is_some();
            let key = Key::new(kind.resource().table.clone(), id);
            match document {
                Some(document) => {
                    require.entry(key.clone()).or_insert_with(|| Require::Absent(key.clone()));
                    ops.push(Op::Put { key, value: document.to_text().into(), lease: None });
                }
                None if is_known => ops.push(Op::Delete(key)),
                None => {}
            }
        }
        ops.extend(self.rows.into_iter().map(|(key, value)| match value {
            Some(value) => Op::Put { key, value, lease: None },
            None => Op::Delete(key),
        }));
        (Txn { require: require.into_values().collect(), ops }, self.held)
    }

    /// Gives up what is held.
    pub(super) fn abandon(self) {
        self.state.let_go(&self.held);
    }
}
