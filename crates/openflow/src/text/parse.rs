//! Parsing: what `ovs-ofctl` accepts for the fields and actions of the tables, and a little more.
//!
//! # Guarantees
//! - An action becomes what `ovs-ofctl -O OpenFlow13` would send for it: `mod_dl_src` a `set_field`, a masked
//!   `set_field` a `load` for each run of bits, `enqueue` three actions.
//! - Nothing is dropped silently. Where Open vSwitch logs that it normalised a match, or ignores what OpenFlow 1.3 cannot
//!   say, here is an error that says what is missing.
//! - Any input gives a value or an error with its place; nesting is limited like that of the wire.

mod action;
mod ct;
mod flow;
mod group;
mod learn;
mod matching;
mod meter;
mod value;

pub(super) use action::{actions, words};
pub(super) use flow::flow;
pub(super) use group::group;
pub(super) use matching::matching;
pub(super) use meter::meter;
