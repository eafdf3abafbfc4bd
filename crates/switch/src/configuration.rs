//! The configuration of an Open vSwitch as its database has it: the rows that interface watching and bridge
//! set-up look at.
//!
//! It is a plain value: built from batches, a replica or one atomic read, compared with `==`, and looked at by
//! pure functions. Columns outside [`columns`] (statistics above all) are neither asked for nor kept, so traffic
//! alone never wakes anybody up.

use std::collections::BTreeMap;
use std::sync::Arc;

use ovsdb::Uuid;
use ovsdb::monitor::MonitorSpec;
use ovsdb::replica::Replica;
use ovsdb::row::{Batch, Change};
use ovsdb::transaction::{OperationId, Outcome, Rows, SelectError, Transaction};
use ovsdb::typed::{ColumnInfo, Table};
use ovsdb::vswitch::{Bridge, Controller, Interface, OpenvSwitch, Port, QoS, Queue};

/// Rows of one table, shared with whoever looks at them.
pub type TableRows<T> = BTreeMap<Uuid, Arc<T>>;

/// See the [module](self).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Configuration {
    roots: TableRows<OpenvSwitch>,
    bridges: TableRows<Bridge>,
    ports: TableRows<Port>,
    interfaces: TableRows<Interface>,
    controllers: TableRows<Controller>,
    qos: TableRows<QoS>,
    queues: TableRows<Queue>,
}

/// The columns to follow for a [`Configuration`] that is complete.
#[must_use]
pub const fn columns() -> [ColumnInfo; 40] {
    [
        OpenvSwitch::BRIDGES.info(),
        OpenvSwitch::OTHER_CONFIG.info(),
        OpenvSwitch::OVS_VERSION.info(),
        Bridge::CONTROLLER.info(),
        Bridge::DATAPATH_TYPE.info(),
        Bridge::EXTERNAL_IDS.info(),
        Bridge::FAIL_MODE.info(),
        Bridge::NAME.info(),
        Bridge::OTHER_CONFIG.info(),
        Bridge::PORTS.info(),
        Bridge::PROTOCOLS.info(),
        Port::EXTERNAL_IDS.info(),
        Port::INTERFACES.info(),
        Port::NAME.info(),
        Port::QOS.info(),
        Interface::ADMIN_STATE.info(),
        Interface::BFD.info(),
        Interface::BFD_STATUS.info(),
        Interface::ERROR.info(),
        Interface::EXTERNAL_IDS.info(),
        Interface::LINK_SPEED.info(),
        Interface::LINK_STATE.info(),
        Interface::MAC.info(),
        Interface::MAC_IN_USE.info(),
        Interface::MTU.info(),
        Interface::NAME.info(),
        Interface::OFPORT.info(),
        Interface::OFPORT_REQUEST.info(),
        Interface::OPTIONS.info(),
        Interface::TYPE.info(),
        Controller::EXTERNAL_IDS.info(),
        Controller::IS_CONNECTED.info(),
        Controller::TARGET.info(),
        QoS::EXTERNAL_IDS.info(),
        QoS::OTHER_CONFIG.info(),
        QoS::QUEUES.info(),
        QoS::TYPE.info(),
        Queue::DSCP.info(),
        Queue::EXTERNAL_IDS.info(),
        Queue::OTHER_CONFIG.info(),
    ]
}

/// [`columns`] as a monitor request.
#[must_use]
pub fn monitor() -> MonitorSpec {
    MonitorSpec::new(&columns())
}

impl Configuration {
    /// The content of a replica that follows [`columns`].
    #[must_use]
    pub fn of(replica: &Replica) -> Self {
        Self {
            roots: shared(replica.typed()),
            bridges: shared(replica.typed()),
            ports: shared(replica.typed()),
            interfaces: shared(replica.typed()),
            controllers: shared(replica.typed()),
            qos: shared(replica.typed()),
            queues: shared(replica.typed()),
        }
    }

    /// Takes in what changed.
    pub fn apply(&mut self, batch: &Batch) {
        for change in &batch.changes {
            // Rows of other tables, which the caller may follow for itself, fit none of these.
            put(&mut self.roots, change);
            put(&mut self.bridges, change);
            put(&mut self.ports, change);
            put(&mut self.interfaces, change);
            put(&mut self.controllers, change);
            put(&mut self.qos, change);
            put(&mut self.queues, change);
        }
    }

    /// The row of `Open_vSwitch`, of which there is one as soon as anybody has used the database.
    #[must_use]
    pub fn root(&self) -> Option<(Uuid, &OpenvSwitch)> {
        self.roots.iter().next().map(|(uuid, row)| (*uuid, row.as_ref()))
    }

    #[must_use]
    pub fn bridges(&self) -> &TableRows<Bridge> {
        &self.bridges
    }

    #[must_use]
    pub fn ports(&self) -> &TableRows<Port> {
        &self.ports
    }

    #[must_use]
    pub fn interfaces(&self) -> &TableRows<Interface> {
        &self.interfaces
    }

    #[must_use]
    pub fn controllers(&self) -> &TableRows<Controller> {
        &self.controllers
    }

    #[must_use]
    pub fn qos(&self) -> &TableRows<QoS> {
        &self.qos
    }

    #[must_use]
    pub fn queues(&self) -> &TableRows<Queue> {
        &self.queues
    }

    /// The bridge of this name; the database allows one at most.
    #[must_use]
    pub fn bridge(&self, name: &str) -> Option<(Uuid, &Arc<Bridge>)> {
        let found = self.bridges.iter().find(|(_, row)| row.name == name);
        found.map(|(uuid, row)| (*uuid, row))
    }
}

fn shared<T>(rows: impl IntoIterator<Item = (Uuid, T)>) -> TableRows<T> {
    rows.into_iter().map(|(uuid, row)| (uuid, Arc::new(row))).collect()
}

fn put<T: Table>(rows: &mut TableRows<T>, change: &Change) {
    if change.table() != T::NAME {
        return;
    }
    match change.new.as_ref().and_then(|row| row.decode::<T>()) {
        Some(row) => drop(rows.insert(change.uuid, Arc::new(row))),
        None => drop(rows.remove(&change.uuid)),
    }
}

/// One atomic read of a whole [`Configuration`], for whoever cannot wait for the batches.
#[derive(Debug)]
pub struct Query {
    /// What to run.
    pub transaction: Transaction,
    roots: OperationId,
    bridges: OperationId,
    ports: OperationId,
    interfaces: OperationId,
    controllers: OperationId,
    qos: OperationId,
    queues: OperationId,
}

impl Default for Query {
    fn default() -> Self {
        Self::new()
    }
}

impl Query {
    #[must_use]
    pub fn new() -> Self {
        let mut transaction = Transaction::new();
        Self {
            roots: select::<OpenvSwitch>(&mut transaction),
            bridges: select::<Bridge>(&mut transaction),
            ports: select::<Port>(&mut transaction),
            interfaces: select::<Interface>(&mut transaction),
            controllers: select::<Controller>(&mut transaction),
            qos: select::<QoS>(&mut transaction),
            queues: select::<Queue>(&mut transaction),
            transaction,
        }
    }

    /// Reads the results of the transaction.
    pub fn read(&self, outcome: &Outcome) -> Result<Configuration, SelectError> {
        Ok(Configuration {
            roots: shared(outcome.rows(self.roots)?),
            bridges: shared(outcome.rows(self.bridges)?),
            ports: shared(outcome.rows(self.ports)?),
            interfaces: shared(outcome.rows(self.interfaces)?),
            controllers: shared(outcome.rows(self.controllers)?),
            qos: shared(outcome.rows(self.qos)?),
            queues: shared(outcome.rows(self.queues)?),
        })
    }
}

fn select<T: Table>(transaction: &mut Transaction) -> OperationId {
    let wanted = columns().into_iter().filter(|column| column.table == T::NAME);
    let names: Vec<&'static str> = wanted.map(|column| column.name).collect();
    transaction.select(&Rows::<T>::all(), &names)
}
