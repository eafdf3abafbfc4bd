//! What nodes say of themselves: that they are there and alive, where they are, and what they can be used for.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::{Chassis, ChassisExtra, GatewayCandidate, Id, Model, Service, ServiceExtra, Table};
use nb::{Key, Row, Stamp};

/// A row, and the state of it.
#[derive(Debug, Clone)]
pub struct Known<T> {
    /// What it says.
    pub row: Arc<T>,
    /// The state.
    pub stamp: Stamp,
}

type Rows<T> = BTreeMap<Id<T>, Known<T>>;

/// What is known of nodes.
#[derive(Debug, Default)]
pub struct Nodes {
    services: Rows<Service>,
    times: Rows<ServiceExtra>,
    chassis: Rows<Chassis>,
    extras: Rows<ChassisExtra>,
    candidates: Rows<GatewayCandidate>,
}

impl Nodes {
    /// The tables that say it.
    pub const TABLES: [Table; 5] =
        [Table::Service, Table::ServiceExtra, Table::Chassis, Table::ChassisExtra, Table::GatewayCandidate];

    /// The heartbeats of daemons.
    pub fn services(&self) -> impl Iterator<Item = &Known<Service>> {
        self.services.values()
    }

    /// The heartbeat of a daemon.
    #[must_use]
    pub fn service(&self, id: &Id<Service>) -> Option<&Known<Service>> {
        self.services.get(id)
    }

    /// When a daemon was there first, and when it was started.
    #[must_use]
    pub fn times(&self, id: &Id<Service>) -> Option<&Known<ServiceExtra>> {
        self.times.get(&ServiceExtra::id_of(id))
    }

    /// A node.
    #[must_use]
    pub fn chassis(&self, id: &Id<Chassis>) -> Option<&Known<Chassis>> {
        self.chassis.get(id)
    }

    /// What a node says besides.
    #[must_use]
    pub fn extra(&self, id: &Id<Chassis>) -> Option<&Known<ChassisExtra>> {
        self.extras.get(&ChassisExtra::id_of(id))
    }

    /// The nodes that routers may have their gateways on.
    pub fn candidates(&self) -> impl Iterator<Item = &Known<GatewayCandidate>> {
        self.candidates.values()
    }

    /// A node as one that routers may have their gateways on.
    #[must_use]
    pub fn candidate(&self, id: &Id<Chassis>) -> Option<&Known<GatewayCandidate>> {
        self.candidates.get(&GatewayCandidate::id_of(id))
    }

    /// Notes a row; says whether it is one of a node.
    pub(super) fn put(&mut self, row: &Row) -> bool {
        match row.key.table.model() {
            Some(Table::Service) => note(&mut self.services, row),
            Some(Table::ServiceExtra) => note(&mut self.times, row),
            Some(Table::Chassis) => note(&mut self.chassis, row),
            Some(Table::ChassisExtra) => note(&mut self.extras, row),
            Some(Table::GatewayCandidate) => note(&mut self.candidates, row),
            _ => return false,
        }
        true
    }

    /// Forgets a row; says whether it was one of a node.
    pub(super) fn delete(&mut self, key: &Key) -> bool {
        match key.table.model() {
            Some(Table::Service) => drop(self.services.remove(&Id::from_row(key.id.clone()))),
            Some(Table::ServiceExtra) => drop(self.times.remove(&Id::from_row(key.id.clone()))),
            Some(Table::Chassis) => drop(self.chassis.remove(&Id::from_row(key.id.clone()))),
            Some(Table::ChassisExtra) => drop(self.extras.remove(&Id::from_row(key.id.clone()))),
            Some(Table::GatewayCandidate) => drop(self.candidates.remove(&Id::from_row(key.id.clone()))),
            _ => return false,
        }
        true
    }
}

fn note<T: Model>(rows: &mut Rows<T>, row: &Row) {
    let said = std::str::from_utf8(&row.value).ok().and_then(|text| T::from_text(text).ok());
    let id = Id::from_row(row.key.id.clone());
    match said {
        Some(said) => drop(rows.insert(id, Known { row: Arc::new(said), stamp: row.stamp })),
        None => {
            tracing::warn!(row = %row.key, "what a node says of itself makes no sense");
            rows.remove(&id);
        }
    }
}
