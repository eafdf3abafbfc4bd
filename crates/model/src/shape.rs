//! What a member may hold, as data: the documentation, the checks against the original's schema and the order of
//! tables are computed from it.

use crate::Table;

/// The kind of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Any text.
    Text,
    /// A text that names a row of this or another table; see [`FieldSpec::strength`].
    Id,
    /// The topic of the row.
    Topic,
    /// True or false.
    Boolean,
    /// A whole number from zero to this.
    Integer(u64),
    /// The number that the store's counter gave.
    UniqueKey,
    /// A number.
    Number,
    /// Seconds since 1970.
    Timestamp,
    /// An IP address.
    Address,
    /// An address with a prefix length; bits behind the prefix may be set.
    Network,
    /// An Ethernet address.
    Mac,
    /// Two ports, the lower first.
    PortRange,
    /// Number of a DHCP option to its text.
    DhcpOptions,
    /// One of these texts, or any other where it is open.
    Choice {
        /// The texts that mean something.
        known: &'static [&'static str],
        /// Whether others are read as well.
        open: bool,
    },
    /// The id of a row of this table.
    Reference(Table),
    /// A list of such values.
    List(&'static Self),
    /// A record.
    Record {
        /// The original's name of the class.
        name: &'static str,
        /// Its members.
        fields: &'static [FieldSpec],
    },
}

/// Whether a member has to be there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A row without it cannot be read.
    Required,
    /// It is left out when there is nothing to say.
    Optional,
    /// It is always written, and taken as empty when it is missing.
    Always,
}

/// Whether a row makes sense without the row that it refers to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Strength {
    /// The other row is known before this one is of use; tables are ordered by it.
    Strong,
    /// The other row may come later, or never.
    Weak,
}

/// A member of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldSpec {
    /// Its name in JSON.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What it holds.
    pub shape: Shape,
    /// Whether it has to be there.
    pub presence: Presence,
    /// Of references in it.
    pub strength: Strength,
}

impl FieldSpec {
    /// Calls `visit` for each table that the member refers to, and how strongly.
    pub fn visit_references(&self, visit: &mut dyn FnMut(Table, Strength)) {
        visit_shape(&self.shape, self.strength, visit);
    }
}

/// Shapes are constants without cycles, so this ends.
fn visit_shape(shape: &Shape, strength: Strength, visit: &mut dyn FnMut(Table, Strength)) {
    match shape {
        Shape::Reference(table) => visit(*table, strength),
        Shape::List(element) => visit_shape(element, strength, visit),
        Shape::Record { fields, .. } => {
            for field in *fields {
                visit_shape(&field.shape, strength.max(field.strength), visit);
            }
        }
        _ => {}
    }
}
