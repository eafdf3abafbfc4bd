//! What in a bridge is ours.
//!
//! Entries inside the scope are made to be exactly the desired ones: a stranger's flow there is removed. Entries outside
//! it are never touched, and not even compared, so other software can use the tables that we leave.

use std::ops::RangeInclusive;

/// The tables, groups and meters that belong to us.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    tables: [bool; 256],
    groups: RangeInclusive<u32>,
    meters: RangeInclusive<u32>,
}

impl Scope {
    /// Everything that a switch can hold.
    pub fn everything() -> Self {
        Self { tables: [true; 256], groups: 0..=u32::MAX, meters: 0..=u32::MAX }
    }

    /// Nothing: for a connection that carries only packets, so that a flood of them delays no flow.
    pub fn nothing() -> Self {
        #[expect(clippy::reversed_empty_ranges, reason = "a range without any id")]
        let none = 1..=0;
        Self::new([], none.clone(), none)
    }

    /// Whether there is anything to compare.
    pub fn is_nothing(&self) -> bool {
        *self == Self::nothing()
    }

    /// These tables and id ranges.
    pub fn new(
        tables: impl IntoIterator<Item = u8>,
        groups: RangeInclusive<u32>,
        meters: RangeInclusive<u32>,
    ) -> Self {
        let mut scope = Self { tables: [false; 256], groups, meters };
        for table in tables {
            scope.tables[usize::from(table)] = true;
        }
        scope
    }

    /// Whether the flows of `table` are ours.
    pub fn has_table(&self, table: u8) -> bool {
        self.tables[usize::from(table)]
    }

    /// Whether group `id` is ours.
    pub fn has_group(&self, id: u32) -> bool {
        self.groups.contains(&id)
    }

    /// Whether meter `id` is ours.
    pub fn has_meter(&self, id: u32) -> bool {
        self.meters.contains(&id)
    }
}
