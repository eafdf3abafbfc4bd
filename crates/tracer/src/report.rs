//! What became of a packet.

use serde::Serialize;

use crate::names::Name;

/// All that became of one packet.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The port that sent it.
    pub from: Name,
    /// The packet.
    pub packet: String,
    /// Each time that it went through a switch, in order.
    pub visits: Vec<Visit>,
    /// How it ended.
    pub verdict: Verdict,
}

/// Once through a switch.
#[derive(Debug, Clone, Serialize)]
pub struct Visit {
    /// The host.
    pub host: String,
    /// How the packet came in.
    pub entered: String,
    /// The packet as it came in.
    pub packet: String,
    /// Whether the flows are those that the real switch holds.
    pub is_live: bool,
    /// What is worth knowing of the host.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
    /// What happened, in order.
    pub steps: Vec<Step>,
    /// Where the packet and its copies went.
    pub ends: Vec<End>,
}

/// One thing that happened.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// How many tables and copies it is inside of.
    pub depth: usize,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// A table was looked up.
    Table(Box<TableStep>),
    /// Something was done with the packet.
    Did(String),
}

/// A table that was looked up.
#[derive(Debug, Clone, Serialize)]
pub struct TableStep {
    /// Its number.
    pub table: u8,
    /// Its name.
    pub name: String,
    /// What it is for.
    pub purpose: String,
    /// The flow that decided; nothing where none matched.
    pub flow: Option<String>,
    /// What the flow matched, where people have names for it.
    pub matched: Vec<String>,
    /// Who made the flow.
    pub makers: Vec<Maker>,
    /// Of a conjunctive match, the flows that met its clauses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub clauses: Vec<Clause>,
}

/// One side of a conjunctive match.
#[derive(Debug, Clone, Serialize)]
pub struct Clause {
    /// Which, from 1.
    pub clause: u8,
    /// The flow that met it.
    pub flow: String,
    /// Who made that.
    pub makers: Vec<Maker>,
}

/// Who made a flow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Maker {
    /// The app.
    pub app: &'static str,
    /// Its rule.
    pub rule: &'static str,
    /// The object that it was made for; nothing for what the node needs whatever there is.
    pub object: Option<Name>,
    /// The flow's cookie.
    pub cookie: String,
}

/// Where a packet or a copy of it went.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case", tag = "end")]
pub enum End {
    /// To a guest.
    Delivered {
        /// Its port.
        port: Name,
        /// What was changed on the way.
        changes: String,
    },
    /// Back to the guest that sent it, as an answer that the switch made of it.
    Answered {
        /// The table that did.
        table: String,
        /// Who made its flow.
        makers: Vec<Maker>,
        /// The answer.
        answer: String,
    },
    /// Through a tunnel.
    Tunnel {
        /// What kind of tunnel.
        kind: String,
        /// Where it ends.
        ip: String,
        /// Whose that is.
        host: Option<String>,
    },
    /// Through a tunnel that ends at no host, but where ports are.
    Vtep {
        /// What kind of tunnel.
        kind: String,
        /// Where it ends.
        ip: String,
        /// The ports that are there and get it.
        ports: Vec<Name>,
    },
    /// To a physical network.
    Wire {
        /// Its name.
        network: String,
        /// The other hosts that have ports of the network of the packet.
        hosts: Vec<String>,
    },
    /// To the controller of the host.
    Controller {
        /// The table that sent it.
        table: String,
        /// Who made its flow.
        makers: Vec<Maker>,
        /// What the controller does with it.
        answer: String,
        /// Whether it answers.
        is_answered: bool,
    },
    /// Nowhere.
    Dropped {
        /// In this table.
        table: String,
        /// For this reason.
        reason: String,
        /// Who made the flow that did, where one did.
        makers: Vec<Maker>,
        /// What was known of the packet by then.
        about: Vec<About>,
    },
    /// Out of a port of the switch that is neither a guest's nor a tunnel's.
    Left {
        /// The port.
        port: String,
    },
    /// Nowhere, without a flow that says so.
    Lost {
        /// Why.
        reason: String,
    },
}

/// Something that the tables had found out of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct About {
    /// What, as "egress port".
    pub what: &'static str,
    /// Which object that is.
    pub object: Name,
    /// Why nothing can be sent to it or from it, where that is so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// How it ended.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Whether it reached the port that it was for; any port, if it was for none in particular; or was answered.
    pub is_delivered: bool,
    /// Who got it, each as often as it did.
    pub receivers: Vec<Receiver>,
    /// Who answered in the place of a guest.
    pub answers: Vec<String>,
    /// Why it, or copies of it, went no further.
    pub drops: Vec<String>,
}

/// A guest that got the packet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Receiver {
    /// On this host, or behind the end of tunnels at this address.
    pub host: String,
    /// Whether it is behind the end of tunnels, and on no host.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub is_behind_vtep: bool,
    /// At this port.
    pub port: Name,
}
