//! What an operator does to the rows of a northbound store by hand: the commands of the original's `df-db`, over any driver.
//!
//! # Guarantees
//! - **A row that is written is one.** What is added or changed is decoded by the model first, gets its number from the counter
//!   of its table and counts its version, as a row that Neutron writes.
//! - **Nothing is overwritten unseen.** A row is added only where there is none, and changed only if nobody changed it since it
//!   was read; then it is read again.
//! - **What cannot be read is shown all the same**, as text: looking at a damaged row is what one needs this for.
//! - Deletions are told to controllers as any other change.

mod admin;
mod error;

pub use admin::{Admin, TABLES_OF_OUR_OWN};
pub use error::AdminError;
