//! What a table declares, and whether declarations fit together.

use std::collections::{BTreeMap, BTreeSet};

use openflow::Field;
use thiserror::Error;

use crate::build::FlowBuilder;
use crate::cookie::{AppId, Cookie};
use crate::priority::Priority;
use crate::regs::Register;

/// What happens to a packet that no flow of the table matches.
#[derive(Debug, Clone, Copy)]
pub enum Miss {
    /// It is dropped; OpenFlow does so without a flow.
    Drop,
    /// It goes on in another table; a flow of the lowest priority says so.
    Goto(&'static TableSpec),
}

/// A table's declaration.
#[derive(Debug)]
pub struct TableSpec {
    /// Number on the wire.
    pub id: u8,
    /// Name in listings and explanations.
    pub name: &'static str,
    /// The one app whose flows live here.
    pub owner: AppId,
    /// What the table decides, in a sentence.
    pub purpose: &'static str,
    /// Fields that flows may match, besides registers.
    pub matches: &'static [Field],
    /// Registers that flows may match.
    pub reads: &'static [&'static Register],
    /// Fields that flows may write, besides registers.
    pub sets: &'static [Field],
    /// Registers that flows may write.
    pub writes: &'static [&'static Register],
    /// Later tables that flows may lead to.
    pub next: &'static [&'static TableSpec],
    /// Tables that flows may send packets back to: those that a router let in again, which have one hop less to live. Open
    /// vSwitch ends a packet that passes too many tables.
    pub again: &'static [&'static TableSpec],
    /// Whether packets may leave the pipeline here: to a port, a group or the controller.
    pub may_output: bool,
    /// What happens to the rest.
    pub miss: Miss,
}

impl TableSpec {
    /// Begins a flow of this table.
    pub fn flow(&'static self, priority: Priority, cookie: Cookie) -> FlowBuilder {
        FlowBuilder::new(self, priority, cookie)
    }

    /// Whether flows may match `field`.
    pub(crate) fn may_match(&self, field: Field) -> bool {
        self.matches.contains(&field) || self.reads.iter().any(|register| register.is_matched_by(field))
    }

    /// Whether flows may write `field`.
    pub(crate) fn may_set(&self, field: Field) -> bool {
        self.sets.contains(&field) || self.writes.iter().any(|register| register.bits.field == field)
    }

    /// Whether flows may lead to table `id`.
    pub(crate) fn may_goto(&self, id: u8) -> bool {
        let miss = match self.miss {
            Miss::Drop => None,
            Miss::Goto(table) => Some(table),
        };
        self.next.iter().chain(self.again).copied().chain(miss).any(|table| table.id == id)
    }
}

/// Tables that together make a pipeline.
#[derive(Debug, Clone, Copy)]
pub struct Pipeline {
    /// The tables; packets enter at the first.
    pub tables: &'static [&'static TableSpec],
}

/// A contradiction between declarations.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Defect {
    /// Two tables have one number.
    #[error("tables {0} and {1} have the same number")]
    SameNumber(&'static str, &'static str),
    /// Two apps have one number.
    #[error("apps {0} and {1} have the same number")]
    SameApp(&'static str, &'static str),
    /// A table leads back, which may loop.
    #[error("table {0} leads to {1}, which does not come after it")]
    Backwards(&'static str, &'static str),
    /// A table leads out of the pipeline.
    #[error("table {0} leads to {1}, which is not in the pipeline")]
    Missing(&'static str, &'static str),
    /// No table leads here.
    #[error("no table leads to {0}")]
    Unreachable(&'static str),
}

impl Pipeline {
    /// Everything that contradicts itself.
    pub fn check(&self) -> Vec<Defect> {
        let mut defects = Vec::new();
        let mut by_id: BTreeMap<u8, &TableSpec> = BTreeMap::new();
        let mut apps: BTreeMap<u8, AppId> = BTreeMap::new();
        for table in self.tables {
            if let Some(other) = by_id.insert(table.id, table) {
                defects.push(Defect::SameNumber(other.name, table.name));
            }
            let app = apps.entry(table.owner.number).or_insert(table.owner);
            if app.name != table.owner.name {
                defects.push(Defect::SameApp(app.name, table.owner.name));
            }
        }
        let mut reached: BTreeSet<u8> = self.tables.first().map(|table| table.id).into_iter().collect();
        for table in by_id.values() {
            let miss = match table.miss {
                Miss::Drop => None,
                Miss::Goto(next) => Some(next),
            };
            for next in table.next.iter().copied().chain(miss) {
                if next.id <= table.id {
                    defects.push(Defect::Backwards(table.name, next.name));
                }
                if !by_id.contains_key(&next.id) {
                    defects.push(Defect::Missing(table.name, next.name));
                }
                reached.insert(next.id);
            }
            let again = table.again.iter().filter(|again| !by_id.contains_key(&again.id));
            defects.extend(again.map(|again| Defect::Missing(table.name, again.name)));
        }
        let unreached = by_id.values().filter(|table| !reached.contains(&table.id));
        defects.extend(unreached.map(|table| Defect::Unreachable(table.name)));
        defects
    }

    /// The numbers of the tables whose flows are said by apps: all but those that the switch fills by itself.
    pub fn table_ids(&self) -> impl Iterator<Item = u8> {
        self.tables.iter().filter(|table| table.owner != crate::tables::LEARNED_OWNER).map(|table| table.id)
    }

    /// The table with this number.
    pub fn table(&self, id: u8) -> Option<&'static TableSpec> {
        self.tables.iter().copied().find(|table| table.id == id)
    }
}
