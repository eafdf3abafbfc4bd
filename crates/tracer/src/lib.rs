//! Where a packet goes and why, over all hosts that it crosses; and what a cookie stands for.
//!
//! ```text
//!  rows -----> engine of a host -----> simulated switch -----> steps, in words
//!  (all)       (made when a packet      |          `---------> tunnel ----> switch of the next host
//!               reaches the host)       `--> controller --> what its responder answers
//! ```
//!
//! # Guarantees
//! - **It is the product that is asked.** Flows come from the engine with the apps that run on nodes, the way through them from
//!   `ofsim`, answers from the apps' own responders. Nothing about any table or app is written down here: a new app is
//!   traced from the day on which it is there.
//! - **Whoever decided is named**: each table's flow with the app, the rule and the object that it was made for; of a conjunctive
//!   match every clause.
//! - Pure: no I/O, no clock, no runtime. What is asked changes nothing.
//!
//! | module | what it holds |
//! |---|---|
//! | [`cloud`] | the hosts, each with its engine and its switch |
//! | [`request`], `draft` | from what an operator says to a packet, filled from the rows |
//! | [`walk`] | the packet on its way |
//! | [`report`] | what became of it, as a structure; `text` says it in words |
//! | [`explain`] | what a cookie stands for, and what a table is for |
//! | `names`, `words`, `frame` | objects by their names; actions in words; frames of keys |
//! | `vtep` | who gets what goes to the end of a tunnel that is no host's |
//! | `noted` | what was known of a packet when it was dropped |

pub mod cloud;
mod draft;
pub mod explain;
mod frame;
mod names;
mod noted;
pub mod report;
pub mod request;
mod text;
mod vtep;
pub mod walk;
mod wire;
mod words;

pub use cloud::{Cloud, Dump, Host};
pub use names::Name;
pub use report::Report;
pub use request::{Connection, Kind, Request, TraceError};
