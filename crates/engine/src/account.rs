//! What an engine can be asked about itself: who said a flow, what that unit read, and the facts as they are.
//!
//! All of it is read-only, so nobody who asks changes what is desired.

use std::collections::BTreeSet;
use std::fmt;

use model::{IndexKey, Object, RowId, Table, TunnelType};
use net_types::OfPort;
use openflow::flow::PackedFlow;
use pipeline::Cookie;

use crate::engine::Engine;
use crate::graph::Unit;
use crate::node::{Interface, Provider, Settings};
use crate::numbers::Space;
use crate::read::{KeyNo, NodeNo, ReadKey};
use crate::registered::Explanation;
use crate::sink::cookie_of;

/// A fact that something was made of.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fact {
    /// A row, there or not.
    Row(Table, RowId),
    /// Which rows of a table an index gives for a key.
    Found(Table, &'static str, IndexKey),
    /// Whether an index gives any row of a table for a key.
    Any(Table, &'static str, IndexKey),
    /// With what else the first half of a key occurs in an index.
    Halves(Table, &'static str, IndexKey),
    /// Which rows there are in a table.
    Rows(Table),
    /// The interface of a port, there or not.
    Interface(RowId),
    /// The settings of the node.
    Settings,
    /// The tunnel ports of the node.
    Tunnels,
    /// The ways to physical networks.
    Providers,
    /// What is seen of another node.
    Peer(RowId),
    /// The switch port of the session with another node.
    PeerPort(RowId),
    /// What is seen of all other nodes.
    Peers,
    /// The proxy of the metadata service.
    Metadata,
    /// The number that an object has in the switch.
    Number(Space, RowId),
}

/// What one unit says, and of what it made it.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Who it is.
    pub unit: Explanation,
    /// Everything that it read, by way of derived values too.
    pub facts: BTreeSet<Fact>,
    /// The flows with the cookie that it says. Where another unit prevails, one of them may not be in force.
    pub flows: Vec<PackedFlow>,
    /// The groups that it says.
    pub groups: Vec<u32>,
    /// The meters that it says.
    pub meters: Vec<u32>,
    /// What is wrong with the facts, in its eyes.
    pub problems: Vec<String>,
}

impl Engine {
    /// What the units with this cookie say, and of what they made it; nothing, for a cookie that is not ours.
    #[must_use]
    pub fn accounts(&self, cookie: Cookie) -> Vec<Account> {
        let mut found: Vec<(&Unit, Explanation)> =
            self.graph.units().filter_map(|unit| Some((unit, self.said_by(unit, cookie)?))).collect();
        found.sort_by(|(one, _), (other, _)| one.name().cmp(&other.name()));
        found.into_iter().map(|(unit, said)| self.account(unit, said, cookie)).collect()
    }

    /// As what a unit says flows with this cookie, if it does: about its subject, or about another object.
    fn said_by(&self, unit: &Unit, cookie: Cookie) -> Option<Explanation> {
        let registered = &self.rules[usize::from(unit.rule)];
        let is_meant =
            |object: Option<&RowId>| cookie_of(registered.app, registered.rule_of_app, object) == cookie;
        let subject = unit.subject();
        if is_meant(subject) {
            return Some(registered.explanation(subject));
        }
        let mut about = unit.said.rest.iter().flat_map(|rest| &rest.about);
        about.find(|object| is_meant(Some(object))).map(|object| registered.explanation_about(object))
    }

    fn account(&self, unit: &Unit, said: Explanation, cookie: Cookie) -> Account {
        let rest = unit.said.rest.as_deref();
        let mut facts = BTreeSet::new();
        self.collect_facts(&unit.reads, &mut facts, &mut BTreeSet::new());
        let flows = unit.said.flows.iter().filter(|flow| flow.unpack().cookie == cookie.bits());
        Account {
            unit: said,
            facts,
            flows: flows.cloned().collect(),
            groups: rest.iter().flat_map(|rest| &rest.groups).map(|group| group.id).collect(),
            meters: rest.iter().flat_map(|rest| &rest.meters).map(|meter| meter.id).collect(),
            problems: rest.iter().flat_map(|rest| &rest.problems).cloned().collect(),
        }
    }

    /// The facts behind some reads. A derived value stands for what it read itself; values may be nested as deep as they
    /// like, and each is looked at once.
    fn collect_facts(&self, reads: &[KeyNo], facts: &mut BTreeSet<Fact>, seen: &mut BTreeSet<NodeNo>) {
        let mut waiting = vec![reads];
        while let Some(reads) = waiting.pop() {
            for key in reads.iter().filter_map(|no| self.graph.reads.key(*no)) {
                match key {
                    ReadKey::Value(node) if seen.insert(*node) => {
                        waiting.extend(self.graph.cell_at(*node).map(|cell| &*cell.reads));
                    }
                    ReadKey::Value(_) => {}
                    key => facts.extend(fact(key)),
                }
            }
        }
    }

    /// A row that the engine knows.
    #[must_use]
    pub fn row(&self, table: Table, id: &RowId) -> Option<&Object> {
        self.graph.facts.row(table, id)
    }

    /// All rows that the engine knows, in no order.
    pub fn rows(&self) -> impl Iterator<Item = &Object> {
        self.graph.facts.rows()
    }

    /// The settings of the node, once they were said.
    #[must_use]
    pub const fn settings(&self) -> Option<&Settings> {
        self.graph.facts.settings.as_ref()
    }

    /// The interfaces that are plugged in, in the order of their ports.
    pub fn interfaces(&self) -> impl Iterator<Item = &Interface> {
        let facts = &self.graph.facts;
        facts.interfaces().filter_map(|port| facts.interface(port))
    }

    /// The tunnel ports, by what they carry.
    pub fn tunnels(&self) -> impl Iterator<Item = (&TunnelType, OfPort)> {
        self.graph.facts.tunnels.iter().map(|(kind, port)| (kind, *port))
    }

    /// The ways of the node to physical networks, by the names of these.
    pub fn providers(&self) -> impl Iterator<Item = (&str, &Provider)> {
        self.graph.facts.providers.iter().map(|(network, provider)| (network.as_str(), provider))
    }
}

fn fact(key: &ReadKey) -> Option<Fact> {
    Some(match key {
        ReadKey::Row(table, id) => Fact::Row(*table, id.clone()),
        ReadKey::Bucket(table, index, key) => Fact::Found(*table, index.name(*table), key.clone()),
        ReadKey::Any(table, index, key) => Fact::Any(*table, index.name(*table), key.clone()),
        ReadKey::Halves(table, index, key) => Fact::Halves(*table, index.name(*table), key.clone()),
        ReadKey::Table(table) => Fact::Rows(*table),
        ReadKey::Interface(port) => Fact::Interface(port.clone()),
        ReadKey::Settings => Fact::Settings,
        ReadKey::Tunnels => Fact::Tunnels,
        ReadKey::Providers => Fact::Providers,
        ReadKey::Peer(chassis) => Fact::Peer(chassis.clone()),
        ReadKey::PeerPort(chassis) => Fact::PeerPort(chassis.clone()),
        ReadKey::Peers => Fact::Peers,
        ReadKey::Metadata => Fact::Metadata,
        ReadKey::Number(space, owner) => Fact::Number(*space, owner.clone()),
        ReadKey::Value(_) => return None,
    })
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Row(table, id) => write!(f, "row {id} of table {table}"),
            Self::Found(table, index, key) => {
                write!(f, "which rows of table {table} have {} {}", index_name(index), Key(key))
            }
            Self::Any(table, index, key) => {
                write!(f, "whether any row of table {table} has {} {}", index_name(index), Key(key))
            }
            Self::Halves(table, index, key) => {
                write!(f, "with what {} occurs in {} of table {table}", Key(key), index_name(index))
            }
            Self::Rows(table) => write!(f, "which rows there are in table {table}"),
            Self::Interface(port) => write!(f, "the interface of port {port}"),
            Self::Settings => f.write_str("the settings of the node"),
            Self::Tunnels => f.write_str("the tunnel ports of the node"),
            Self::Providers => f.write_str("the ways of the node to physical networks"),
            Self::Peer(chassis) => write!(f, "whether chassis {chassis} can be reached"),
            Self::PeerPort(chassis) => write!(f, "the port by which chassis {chassis} is watched"),
            Self::Peers => f.write_str("which chassis can be reached"),
            Self::Metadata => f.write_str("the proxy of the metadata service on the node"),
            Self::Number(space, owner) => write!(f, "the {space:?} number of {owner}"),
        }
    }
}

/// What an index is by, in words: `BY_LSWITCH_AND_CHASSIS` is "lswitch and chassis".
fn index_name(index: &str) -> String {
    let lower = index.to_lowercase();
    lower.strip_prefix("by_").unwrap_or(&lower).replace('_', " ")
}

struct Key<'a>(&'a IndexKey);

impl fmt::Display for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IndexKey::Row(row) => write!(f, "{row}"),
            IndexKey::Topic(topic) => topic.with_str(|text| f.write_str(text)),
            IndexKey::Number(number) => write!(f, "{number}"),
            IndexKey::Address(address) => write!(f, "{address}"),
            IndexKey::Text(text) => f.write_str(text),
            IndexKey::Pair(pair) => write!(f, "{} and {}", Key(&pair.0), Key(&pair.1)),
        }
    }
}
