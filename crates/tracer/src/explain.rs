//! What a cookie stands for: the app, the rule, the object, the facts that the flow was made of; and what a table is for.

use std::fmt::{self, Display, Formatter};

use engine::{Account, Fact, Provider};
use model::{Chassis, Id};
use openflow::Field;
use pipeline::tables::PIPELINE;
use pipeline::{Cookie, Miss, Register, TableSpec};
use serde::Serialize;
use serde_json::Value;

use crate::cloud::Cloud;
use crate::names::Name;

/// What a cookie stands for on one host.
#[derive(Debug, Clone, Serialize)]
pub struct CookieReport {
    /// The host.
    pub host: String,
    /// The cookie.
    pub cookie: String,
    /// Who makes flows with it. More than one only where two objects share a number by chance.
    pub makers: Vec<MakerReport>,
    /// Why there is nobody, where there is nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nobody: Option<String>,
}

/// Who makes flows, and of what.
#[derive(Debug, Clone, Serialize)]
pub struct MakerReport {
    /// The app.
    pub app: &'static str,
    /// Its rule.
    pub rule: &'static str,
    /// The object; nothing for what the node needs whatever there is.
    pub object: Option<Name>,
    /// The facts that it is made of.
    pub facts: Vec<FactReport>,
    /// The flows.
    pub flows: Vec<String>,
    /// The groups that come with them.
    pub groups: Vec<u32>,
    /// The meters that come with them.
    pub meters: Vec<u32>,
    /// What is wrong with the facts.
    pub problems: Vec<String>,
}

/// A fact.
#[derive(Debug, Clone, Serialize)]
pub struct FactReport {
    /// What it is.
    pub fact: String,
    /// What it says, where that is one value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<Value>,
}

/// What a table is for.
#[derive(Debug, Clone, Serialize)]
pub struct TableReport {
    /// Its number.
    pub table: u8,
    /// Its name.
    pub name: &'static str,
    /// The app that owns it.
    pub owner: &'static str,
    /// What it decides.
    pub purpose: &'static str,
    /// What flows match.
    pub matches: Vec<&'static str>,
    /// What flows read that earlier tables found out.
    pub reads: Vec<String>,
    /// What flows write into the packet.
    pub sets: Vec<&'static str>,
    /// What flows tell later tables.
    pub writes: Vec<String>,
    /// Where flows lead.
    pub next: Vec<String>,
    /// Whether packets may leave here.
    pub may_output: bool,
    /// What happens to the rest.
    pub miss: String,
}

impl Cloud {
    /// What a cookie stands for on a host.
    pub fn explain(&mut self, chassis: &Id<Chassis>, cookie: Cookie) -> CookieReport {
        let accounts = self.host(chassis).engine.accounts(cookie);
        let nobody = accounts.is_empty().then(|| nobody(cookie));
        let makers = accounts.into_iter().map(|account| self.maker(chassis, account)).collect();
        CookieReport { host: chassis.to_string(), cookie: cookie.to_string(), makers, nobody }
    }

    fn maker(&self, chassis: &Id<Chassis>, account: Account) -> MakerReport {
        let unit = account.unit;
        let facts = account.facts.iter().map(|fact| self.fact(chassis, fact)).collect();
        MakerReport {
            app: unit.app,
            rule: unit.rule,
            object: unit.subject.map(|id| self.name_of_subject(unit.table, &id)),
            facts,
            flows: account.flows.iter().map(|flow| flow.unpack().to_string()).collect(),
            groups: account.groups,
            meters: account.meters,
            problems: account.problems,
        }
    }

    fn fact(&self, chassis: &Id<Chassis>, fact: &Fact) -> FactReport {
        let engine = self.made(chassis).map(|host| &host.engine);
        let (text, value) = match fact {
            Fact::Row(table, id) => match engine.and_then(|engine| engine.row(*table, id)) {
                Some(row) => (Name::new(*table, id, Some(row)).to_string(), Some(row.to_value())),
                None => (format!("{}, which is not there", Name::new(*table, id, None)), None),
            },
            Fact::Interface(port) => {
                let number = engine.and_then(|engine| {
                    engine.interfaces().find(|interface| interface.port.row() == port).cloned()
                });
                match number {
                    Some(interface) => (
                        format!("{fact}, which is plugged in at switch port {}", interface.of_port()),
                        Some(interface.of_port().get().into()),
                    ),
                    None => (format!("{fact}, which is not there"), None),
                }
            }
            Fact::Settings => {
                let settings = engine.and_then(|engine| serde_json::to_value(engine.settings()?).ok());
                (fact.to_string(), settings)
            }
            Fact::Tunnels => {
                let tunnels = engine.iter().flat_map(|engine| engine.tunnels());
                let tunnels: Vec<String> =
                    tunnels.map(|(kind, port)| format!("{} at switch port {port}", kind.as_str())).collect();
                (
                    format!(
                        "{fact}: {}",
                        if tunnels.is_empty() { "none".to_owned() } else { tunnels.join(", ") }
                    ),
                    None,
                )
            }
            Fact::Providers => {
                let providers = engine.iter().flat_map(|engine| engine.providers());
                let providers: Vec<String> = providers.map(way_to).collect();
                let text = if providers.is_empty() { "none".to_owned() } else { providers.join(", ") };
                (format!("{fact}: {text}"), None)
            }
            Fact::Number(space, owner) => {
                let number = engine.and_then(|engine| engine.numbers().get(*space, owner));
                (
                    number.map_or_else(|| fact.to_string(), |number| format!("{fact}: {number}")),
                    number.map(Value::from),
                )
            }
            other => (other.to_string(), None),
        };
        FactReport { fact: text, value }
    }
}

/// A physical network, and what leads there.
fn way_to((network, provider): (&str, &Provider)) -> String {
    let port = provider.of_port.map(|port| format!(" at switch port {port}"));
    format!("{network} by bridge {}{}", provider.bridge, port.as_deref().unwrap_or(", which is missing"))
}

/// Why nobody makes flows with a cookie.
fn nobody(cookie: Cookie) -> String {
    let owner = PIPELINE.tables.iter().map(|table| table.owner).find(|owner| owner.number == cookie.app());
    match owner {
        Some(owner) => format!(
            "app {} makes such cookies, and none of its objects has this one here: the object is gone, or is known to other hosts",
            owner.name
        ),
        None => format!("no app has the number {}: the flow is somebody else's", cookie.app()),
    }
}

/// What a table is for, by its name or number.
#[must_use]
pub fn table(text: &str) -> Option<TableReport> {
    let number = text.parse().ok();
    let is_it = |table: &&&'static TableSpec| table.name == text || Some(table.id) == number;
    PIPELINE.tables.iter().find(is_it).map(|table| report(table))
}

/// The names of all tables.
#[must_use]
pub fn table_names() -> Vec<&'static str> {
    PIPELINE.tables.iter().map(|table| table.name).collect()
}

fn report(spec: &'static TableSpec) -> TableReport {
    let names = |fields: &[Field]| fields.iter().map(|field| field.name()).collect();
    let meanings = |registers: &[&'static Register]| {
        registers.iter().map(|register| format!("{}: {}", register.name, register.meaning)).collect()
    };
    let table = |table: &&'static TableSpec| format!("{} ({})", table.id, table.name);
    TableReport {
        table: spec.id,
        name: spec.name,
        owner: spec.owner.name,
        purpose: spec.purpose,
        matches: names(spec.matches),
        reads: meanings(spec.reads),
        sets: names(spec.sets),
        writes: meanings(spec.writes),
        next: spec.next.iter().map(table).collect(),
        may_output: spec.may_output,
        miss: match spec.miss {
            Miss::Drop => "is dropped".to_owned(),
            Miss::Goto(next) => format!("goes on in table {}", table(&next)),
        },
    }
}

fn list(f: &mut Formatter<'_>, title: &str, items: &[impl Display]) -> fmt::Result {
    if items.is_empty() {
        return Ok(());
    }
    writeln!(f, "  {title}:")?;
    items.iter().try_for_each(|item| writeln!(f, "    {item}"))
}

impl Display for CookieReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(nobody) = &self.nobody {
            return writeln!(f, "cookie {} on host {}: {nobody}", self.cookie, self.host);
        }
        for maker in &self.makers {
            write!(
                f,
                "cookie {} on host {}: app {}, rule {}",
                self.cookie, self.host, maker.app, maker.rule
            )?;
            match &maker.object {
                Some(object) => writeln!(f, ", {object}")?,
                None => writeln!(f, ", for the node itself")?,
            }
            let facts: Vec<&str> = maker.facts.iter().map(|fact| fact.fact.as_str()).collect();
            list(f, "made of", &facts)?;
            list(f, "flows", &maker.flows)?;
            list(f, "groups", &maker.groups)?;
            list(f, "meters", &maker.meters)?;
            list(f, "problems", &maker.problems)?;
        }
        Ok(())
    }
}

impl Display for TableReport {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "table {} ({}) of app {}: {}", self.table, self.name, self.owner, self.purpose)?;
        if !self.matches.is_empty() {
            writeln!(f, "  flows match: {}", self.matches.join(", "))?;
        }
        list(f, "flows read", &self.reads)?;
        if !self.sets.is_empty() {
            writeln!(f, "  flows change: {}", self.sets.join(", "))?;
        }
        list(f, "flows say to later tables", &self.writes)?;
        if !self.next.is_empty() {
            writeln!(f, "  flows lead to tables: {}", self.next.join(", "))?;
        }
        if self.may_output {
            writeln!(f, "  packets may leave here")?;
        }
        writeln!(f, "  what no flow matches {}", self.miss)
    }
}
