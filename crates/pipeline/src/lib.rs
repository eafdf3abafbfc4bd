//! The pipeline: which tables there are, what each may do, and every number that reaches the switch.
//!
//! # Guarantees
//! - Numbers of tables, registers, priorities and cookies are written here and nowhere else. The rest of the project says
//!   [`tables::L2`], [`regs::NETWORK`], [`Priority::EXACT`].
//! - A table declares what its flows may match, write and lead to, what happens to a packet that no flow matches, and
//!   which app owns it. A flow that breaks the declaration cannot be built: [`FlowBuilder::build`] refuses it by name.
//! - The declarations fit together: numbers are unique, every table leads only to later ones, every table can be reached.
//!   [`Pipeline::check`] says so for any set of tables, and a test says so for ours.
//!
//! ```
//! use openflow::{Field, Match};
//! use pipeline::{Cookie, Priority, regs, tables};
//!
//! let flow = tables::CLASSIFY
//!     .flow(Priority::EXACT, Cookie::new(tables::CLASSIFY_OWNER, 7))
//!     .matching(Match::new().with(Field::InPort, 3_u32))
//!     .set(&regs::NETWORK, 12)
//!     .set(&regs::INGRESS_PORT, 7)
//!     .goto(&tables::L2)
//!     .build()?;
//! assert_eq!(flow.table(), 0);
//! # Ok::<(), pipeline::Violation>(())
//! ```

mod build;
mod cookie;
pub mod filters;
pub mod groups;
pub mod host_address;
pub mod metadata;
pub mod meters;
mod priority;
pub mod queues;
pub mod regs;
mod spec;
pub mod tables;
pub mod tunnels;
pub mod userdata;

pub use build::{FlowBuilder, Violation};
pub use cookie::{AppId, Cookie};
pub use priority::Priority;
pub use regs::Register;
pub use spec::{Defect, Miss, Pipeline, TableSpec};
