//! What requests do, without HTTP: list, show, create, change, delete.

mod body;

use std::collections::BTreeSet;
use std::sync::Arc;

use model::RowId;
use serde_json::Value;
use uuid::Uuid;

use crate::auth::Context;
use crate::error::ApiError;
use crate::policy;
use crate::query::view::Columns;
use crate::query::{ListQuery, Parameters, View};
use crate::registry::Kind;
use crate::registry::body::{Creation, Said};
use crate::registry::document::Document;
use crate::registry::tables::PROJECT_CHARS_MAX;
use crate::replica::State;
use crate::resources;
use crate::resources::address_group::{self, AddressChange};
use crate::server::Core;
use crate::write::{Draft, Halt};

pub use body::Body;

impl Core {
    /// Those of a kind that a requester may see and wants.
    pub(crate) fn list(
        &self,
        kind: Kind,
        context: &Context,
        parameters: &Parameters,
        url: &str,
    ) -> Result<Body, ApiError> {
        let resource = kind.resource();
        self.listed(resource, context, parameters, url, |state, query| {
            let mut found = candidates(state, kind, context, query);
            found.retain(|document| policy::may_see(state, context, document));
            Ok(found)
        })
    }

    /// One that a requester may see.
    pub(crate) fn show(
        &self,
        kind: Kind,
        context: &Context,
        id: &str,
        parameters: &Parameters,
    ) -> Result<Body, ApiError> {
        let state = self.replica.read();
        let document = policy::known(&state, context, kind, id)?;
        let columns = Columns::new(kind.resource().attributes, context, &parameters.fields());
        Ok(Body::One(kind.resource().singular, View::new(&state, document, &columns)))
    }

    /// Makes what is there without anybody having asked for it, before a list that has it in it. A list is also answered
    /// when it cannot be made, with what there is.
    pub(crate) async fn prepare_list(&self, kind: Kind, context: &Context, parameters: &Parameters) {
        let said = |name| parameters.all(name).next().filter(|project| !project.is_empty());
        let project = said("project_id").or_else(|| said("tenant_id")).unwrap_or(&context.project);
        let is_one = project.chars().count() <= PROJECT_CHARS_MAX;
        if !is_one || !resources::lacks_own(&self.replica.read(), kind, project) {
            return;
        }
        let made = self.write(context, |draft| resources::ensure_own(draft, kind, project)).await;
        if let Err(error) = made {
            tracing::warn!(%error, project, "a list may lack what every project has");
        }
    }

    /// Adds addresses to an address group, or takes them from it.
    pub(crate) async fn change_addresses(
        &self,
        context: &Context,
        id: &str,
        change: AddressChange,
        addresses: &[String],
    ) -> Result<Body, ApiError> {
        let document = self
            .write(context, |draft| address_group::change_addresses(draft, id, change, addresses))
            .await?;
        Ok(self.shown(Kind::AddressGroup.resource(), context, &[], document))
    }

    /// Creates one or several: all or none.
    pub(crate) async fn create(
        &self,
        kind: Kind,
        context: &Context,
        creation: Creation,
    ) -> Result<Body, ApiError> {
        let (said, is_many) = creation.into_list();
        if is_many && kind == Kind::SecurityGroupRule {
            resources::security_rule::check_several(context, &said)?;
        }
        let ids: Vec<String> = said.iter().map(|_| Uuid::new_v4().to_string()).collect();
        let documents = self.create_all(context, &said, &ids).await?;
        if kind == Kind::Subnet {
            self.give_addresses(&documents).await;
        }
        Ok(self.created(kind.resource(), context, documents, is_many))
    }

    /// In one transaction as long as the store takes it; then in several, which are undone if one fails.
    async fn create_all(
        &self,
        context: &Context,
        said: &[Said],
        ids: &[String],
    ) -> Result<Vec<Arc<Document>>, ApiError> {
        let rows_max = said.first().map_or(1, |said| self.rows_of_one(said.resource().kind));
        let chunk_items = (self.store.limits().txn_ops / rows_max).max(1);
        let mut created: Vec<Arc<Document>> = Vec::with_capacity(said.len());
        for (said, ids) in said.chunks(chunk_items).zip(ids.chunks(chunk_items)) {
            let chunk = self.write(context, |draft| {
                let each = said.iter().zip(ids).map(|(said, id)| resources::create(draft, id, said));
                each.collect::<Result<Vec<_>, Halt>>()
            });
            match chunk.await {
                Ok(chunk) => created.extend(chunk.into_iter().map(|document| self.settled(document))),
                Err(error) => {
                    self.undo(&created).await;
                    return Err(error);
                }
            }
        }
        Ok(created)
    }

    /// Rows that a resource of a kind needs in a transaction, in an ordinary case.
    fn rows_of_one(&self, kind: Kind) -> usize {
        let rules = || self.replica.read().rows(Kind::DefaultSecurityGroupRule).len();
        match kind {
            Kind::SecurityGroup => ROWS_OF_A_RESOURCE_MAX + rules(),
            // All are of one group, which is written once.
            Kind::SecurityGroupRule => ROWS_OF_A_RULE_MAX,
            Kind::FloatingIp => ROWS_OF_A_FLOATING_IP_MAX,
            _ => ROWS_OF_A_RESOURCE_MAX,
        }
    }

    /// Gives the ports that did not fit the transaction of a new subnet their addresses in it. The subnet is there in any case.
    async fn give_addresses(&self, subnets: &[Arc<Document>]) {
        let context = Context::internal();
        for subnet in subnets {
            let give = |draft: &mut Draft<'_>| match draft.get(Kind::Subnet, subnet.id()) {
                Some(subnet) => resources::subnet::give_some(draft, &subnet),
                None => Ok(false),
            };
            loop {
                match self.write(&context, give).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => {
                        tracing::error!(subnet = subnet.id(), %error, "ports are left without an address in a new subnet");
                        break;
                    }
                }
            }
        }
    }

    async fn undo(&self, created: &[Arc<Document>]) {
        for document in created.iter().rev() {
            let kind = document.resource().kind;
            let undone = self.delete(kind, &Context::internal(), document.id(), None).await;
            if let Err(error) = undone {
                tracing::error!(id = document.id(), %error, "a resource of a failed bulk creation stays");
            }
        }
    }

    /// Changes one, if it has the revision that is wanted.
    pub(crate) async fn change(
        &self,
        kind: Kind,
        context: &Context,
        id: &str,
        said: &Said,
        revision: Option<u64>,
    ) -> Result<Body, ApiError> {
        let document = self.write(context, |draft| {
            let document = resources::visible(draft, kind, id)?;
            check_revision(&document, revision)?;
            resources::change(draft, &document, said)
        });
        let document = document.await?;
        if kind == Kind::Port {
            self.move_subports(id).await?;
        }
        let document = self.settled(document);
        Ok(self.shown(kind.resource(), context, &[], document))
    }

    /// A resource that was written, as it is when ports have been brought to where they belong.
    fn settled(&self, document: Arc<Document>) -> Arc<Document> {
        let state = self.replica.read();
        let known = state.find(document.resource().kind, document.id()).map(|entry| &entry.document);
        let is_newer = |known: &&Arc<Document>| known.revision() >= document.revision();
        match known.filter(is_newer).filter(|_| document.resource().kind == Kind::Port) {
            Some(known) => Arc::clone(known),
            None => document,
        }
    }

    /// Brings those ports that a port carries to where it is now which did not fit the transaction that moved it.
    pub(crate) async fn move_subports(&self, port: &str) -> Result<(), ApiError> {
        if resources::trunk::carried_by(&self.replica.read(), port).is_none() {
            return Ok(());
        }
        let follow = |draft: &mut Draft<'_>| match draft.get(Kind::Port, port) {
            Some(port) => resources::trunk::follow_some(draft, &port),
            None => Ok(false),
        };
        while self.write(&Context::internal(), follow).await? {}
        Ok(())
    }

    /// Lets some of what hangs on one go that is to be deleted; says whether that has to be done again.
    async fn release_some(
        &self,
        kind: Kind,
        context: &Context,
        id: &str,
        revision: Option<u64>,
    ) -> Result<bool, ApiError> {
        let release = |draft: &mut Draft<'_>| {
            let document = resources::visible(draft, kind, id)?;
            check_revision(&document, revision)?;
            policy::enforce_delete(draft.state(), draft.context(), &document)?;
            match kind {
                Kind::Subnet => resources::subnet::release_some(draft, &document),
                Kind::SecurityGroup => resources::security_group::release_some(draft, &document),
                Kind::Trunk => resources::trunk::release_some(draft, &document),
                Kind::Network => resources::floating_ip::release_some(draft, &document),
                Kind::Port => resources::floating_ip::forwarding::release_some(draft, &document),
                _ => Ok(false),
            }
        };
        self.write(context, release).await
    }

    /// Deletes one, if it has the revision that is wanted.
    pub(crate) async fn delete(
        &self,
        kind: Kind,
        context: &Context,
        id: &str,
        revision: Option<u64>,
    ) -> Result<(), ApiError> {
        let mut revision = revision;
        if RELEASED_KINDS.contains(&kind) {
            while self.release_some(kind, context, id, revision).await? {
                if matches!(kind, Kind::SecurityGroup | Kind::Trunk) {
                    // What was released made another revision of it.
                    revision = None;
                }
            }
        }
        let deletion = self.write(context, |draft| {
            let document = resources::visible(draft, kind, id)?;
            check_revision(&document, revision)?;
            resources::delete(draft, &document)
        });
        deletion.await
    }
}

/// Rows that one resource needs in a transaction, in an ordinary case: itself, what controllers read, its guard, a MAC
/// address and a few addresses.
const ROWS_OF_A_RESOURCE_MAX: usize = 10;

/// The same of a rule of a security group: itself, and the mark of what it names; some room for the group.
const ROWS_OF_A_RULE_MAX: usize = 3;

/// Floating IPs come with a port outside and change the one inside.
const ROWS_OF_A_FLOATING_IP_MAX: usize = 16;

/// Kinds on which more can hang than fits the transaction that deletes one.
const RELEASED_KINDS: [Kind; 5] = [Kind::Network, Kind::Subnet, Kind::Port, Kind::SecurityGroup, Kind::Trunk];

fn check_revision(document: &Document, wanted: Option<u64>) -> Result<(), ApiError> {
    match wanted {
        Some(wanted) if wanted != document.revision() => {
            Err(ApiError::revision_mismatch(wanted, document.revision()))
        }
        _ => Ok(()),
    }
}

/// All that may be meant, found by the index that leaves fewest.
fn candidates(state: &State, kind: Kind, context: &Context, query: &ListQuery) -> Vec<Arc<Document>> {
    let rows = state.rows(kind);
    if let Some(id) = by_id(kind, query) {
        let ids: BTreeSet<RowId> = id.iter().filter_map(|id| RowId::new(id).ok()).collect();
        return ids.iter().filter_map(|id| rows.get(id)).map(|entry| Arc::clone(&entry.document)).collect();
    }
    let mut best: Option<(usize, &str, Vec<String>)> = None;
    for (attribute, terms) in query.filters.iter().filter_map(crate::query::filter::Filter::terms) {
        if rows.holders(attribute, "").is_none() {
            continue;
        }
        let cost = terms.iter().map(|term| rows.count(attribute, term)).sum();
        if best.as_ref().is_none_or(|(least, ..)| cost < *least) {
            best = Some((cost, attribute, terms));
        }
    }
    if let Some((_, attribute, terms)) = best {
        let found = terms.iter().flat_map(|term| rows.with(attribute, term));
        let found: BTreeSet<&RowId> = found.map(|(id, _)| id).collect();
        return found
            .into_iter()
            .filter_map(|id| rows.get(id))
            .map(|entry| Arc::clone(&entry.document))
            .collect();
    }
    if context.is_privileged() {
        return rows.iter().map(|(_, entry)| Arc::clone(&entry.document)).collect();
    }
    visible_ids(state, kind, context)
        .into_iter()
        .filter_map(|id| rows.get(id))
        .map(|entry| Arc::clone(&entry.document))
        .collect()
}

/// The ids that a query names.
fn by_id(kind: Kind, query: &ListQuery) -> Option<Vec<&str>> {
    use crate::query::filter::Filter;
    let id = kind.resource().slot("id")?;
    query.filters.iter().find_map(|filter| match filter {
        Filter::OneOf { slot, values, .. } if *slot == id => {
            Some(values.iter().filter_map(Value::as_str).collect())
        }
        _ => None,
    })
}

/// The ids of those that somebody who is no administrator may see, without looking at those of others.
fn visible_ids<'a>(state: &'a State, kind: Kind, context: &Context) -> BTreeSet<&'a RowId> {
    let rows = state.rows(kind);
    if kind == Kind::DefaultSecurityGroupRule {
        return rows.iter().map(|(id, _)| id).collect();
    }
    let mut ids: BTreeSet<&RowId> = rows.with("project_id", &context.project).map(|(id, _)| id).collect();
    let networks = state.rows(Kind::Network);
    let open = || {
        let shared = networks.with("shared", "true").chain(networks.with("router:external", "true"));
        shared.map(|(id, _)| id)
    };
    let own = || networks.with("project_id", &context.project).map(|(id, _)| id);
    match kind {
        Kind::Network => ids.extend(open()),
        Kind::SecurityGroup | Kind::AddressGroup | Kind::DefaultSecurityGroupRule => {}
        Kind::SecurityGroupRule => {
            let groups = state.rows(Kind::SecurityGroup).with("project_id", &context.project);
            for (group, _) in groups {
                ids.extend(rows.with("security_group_id", &group.to_string()).map(|(id, _)| id));
            }
        }
        Kind::SubnetPool | Kind::QosPolicy => ids.extend(rows.with("shared", "true").map(|(id, _)| id)),
        Kind::Subnet => {
            for network in open().chain(own()) {
                ids.extend(rows.with("network_id", &network.to_string()).map(|(id, _)| id));
            }
        }
        Kind::Port => {
            for network in own() {
                ids.extend(rows.with("network_id", &network.to_string()).map(|(id, _)| id));
            }
        }
        Kind::Trunk | Kind::Router | Kind::FloatingIp => {}
    }
    ids
}
