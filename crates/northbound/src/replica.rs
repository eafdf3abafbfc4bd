//! What the server knows of the store: all of our tables in memory, with indexes.
//!
//! Requests are decided on the replica and not on the store: reading costs nothing, and what was decided on something
//! stale is refused by the store, because transactions require what they were decided on to be unchanged. Whoever wrote
//! waits until the replica has what was written, so a client reads what it wrote.
//!
//! | module | what it holds |
//! |---|---|
//! | [`nodes`] | what nodes say of themselves |
//! | [`rows`] | the resources of one kind, and who has which value |
//! | [`state`] | everything that is known |
//! | [`follow`] | how it is kept up to date |

pub mod follow;
pub mod nodes;
pub mod rows;
pub mod state;

pub use follow::Replica;
pub use rows::{Entry, Rows};
pub use state::State;
