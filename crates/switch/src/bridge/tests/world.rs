//! An in-memory database with the operations of a careless operator.

use std::collections::BTreeMap;

use ovsdb::testserver::TestServer;
use ovsdb::transaction::{Mutations, RowRef, Rows, Transaction, Values};
use ovsdb::vswitch::{Bridge, Interface, OpenvSwitch, Port};

use super::test_server;
use crate::bridge::{BridgeSpec, OWNER_KEY, Plan, plan};
use crate::configuration::{Configuration, Query};

pub(super) fn strings(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub(super) struct Scene {
    pub(super) server: TestServer,
}

impl std::fmt::Debug for Scene {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let configuration = self.configuration();
        for bridge in configuration.bridges().values() {
            writeln!(f, "{} {:?}: {:?}", bridge.name, bridge.external_ids, self.port_names(&bridge.name))?;
        }
        for port in configuration.ports().values() {
            let interfaces = port.interfaces.iter().map(|row| &configuration.interfaces()[row].name);
            writeln!(f, "{} {:?}: {:?}", port.name, port.external_ids, interfaces.collect::<Vec<_>>())?;
        }
        Ok(())
    }
}

impl Scene {
    pub(super) fn new() -> Self {
        Self { server: test_server() }
    }

    pub(super) fn transact(&self, transaction: &Transaction) {
        self.server.transact(transaction).unwrap();
    }

    pub(super) fn configuration(&self) -> Configuration {
        let query = Query::new();
        query.read(&self.server.transact(&query.transaction).unwrap()).unwrap()
    }

    /// Carries a plan out, checks that nothing is left to do, and says what was done.
    pub(super) fn settle(&self, spec: &BridgeSpec) -> Vec<String> {
        let first = plan(spec, &self.configuration());
        assert_eq!(first.is_empty(), first.transaction().is_empty());
        if !first.is_empty() {
            self.transact(&first.transaction());
        }
        let second = plan(spec, &self.configuration());
        assert!(second.is_empty(), "after {:?}: {:?}", first.edits(), second.edits());
        assert_eq!(second.problems(), first.problems());
        first.edits().iter().map(ToString::to_string).collect()
    }

    /// The plan was made for something else, so it must fail as a conflict and change nothing.
    pub(super) fn refuses(&self, plan: &Plan, why: &str) {
        let before = self.configuration();
        let error = self.server.transact(&plan.transaction()).expect_err(why);
        assert!(error.is_conflict(), "{why}: {error}");
        assert_eq!(self.configuration(), before, "{why}");
    }

    pub(super) fn bridge(&self, name: &str) -> Bridge {
        self.configuration().bridge(name).expect("the bridge").1.as_ref().clone()
    }

    pub(super) fn port(&self, name: &str) -> Port {
        let configuration = self.configuration();
        let found = configuration.ports().values().find(|row| row.name == name);
        found.expect("the port").as_ref().clone()
    }

    pub(super) fn interface(&self, name: &str) -> Interface {
        let configuration = self.configuration();
        let found = configuration.interfaces().values().find(|row| row.name == name);
        found.expect("the interface").as_ref().clone()
    }

    /// The ports of a bridge, sorted.
    pub(super) fn port_names(&self, bridge: &str) -> Vec<String> {
        let configuration = self.configuration();
        let (_, bridge) = configuration.bridge(bridge).expect("the bridge");
        let mut names: Vec<_> =
            bridge.ports.iter().map(|port| configuration.ports()[port].name.clone()).collect();
        names.sort();
        names
    }

    pub(super) fn add_bridge(&self, bridge: &Bridge) {
        let mut transaction = Transaction::new();
        let row = transaction.insert(&Values::of(bridge));
        let root: RowRef = match self.configuration().root() {
            Some((root, _)) => root.into(),
            None => transaction.insert(&Values::<OpenvSwitch>::new()),
        };
        let mutations = Mutations::new().insert_references(&OpenvSwitch::BRIDGES, [row]);
        transaction.mutate(&Rows::row(root), &mutations);
        self.transact(&transaction);
    }

    pub(super) fn remove_bridge(&self, name: &str) {
        let row = self.configuration().bridge(name).expect("the bridge").0;
        let mut transaction = Transaction::new();
        let mutations = Mutations::new().delete_references(&OpenvSwitch::BRIDGES, [row.into()]);
        transaction.mutate(&Rows::all(), &mutations);
        self.transact(&transaction);
    }

    /// With a mark unless the owner is empty.
    pub(super) fn add_port(&self, bridge: &str, name: &str, interfaces: &[&str], owner: &str) {
        let mut transaction = Transaction::new();
        let rows: Vec<RowRef> = interfaces
            .iter()
            .map(|name| {
                transaction.insert(&Values::<Interface>::new().set(&Interface::NAME, (*name).to_owned()))
            })
            .collect();
        let external_ids = if owner.is_empty() { BTreeMap::new() } else { strings(&[(OWNER_KEY, owner)]) };
        let port = Port { name: name.to_owned(), external_ids, ..Port::default() };
        let port = transaction.insert(&Values::of(&port).refer(&Port::INTERFACES, rows));
        let mutations = Mutations::new().insert_references(&Bridge::PORTS, [port]);
        transaction.mutate(&Rows::matching(&Bridge::NAME, &bridge.to_owned()), &mutations);
        self.transact(&transaction);
    }

    pub(super) fn remove_port(&self, bridge: &str, name: &str) {
        let configuration = self.configuration();
        let port = configuration.ports().iter().find(|(_, row)| row.name == name).expect("the port").0;
        let mut transaction = Transaction::new();
        let mutations = Mutations::new().delete_references(&Bridge::PORTS, [(*port).into()]);
        transaction.mutate(&Rows::matching(&Bridge::NAME, &bridge.to_owned()), &mutations);
        self.transact(&transaction);
    }
}
