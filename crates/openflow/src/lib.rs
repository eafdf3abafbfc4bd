//! OpenFlow 1.3 with the Nicira and ONF extensions that Open vSwitch speaks.
//!
//! One declarative table of [fields](field) and one of [actions](action) are the source of the codec, of the
//! `ovs-ofctl` [text] in both directions, and of the fuzzers' dictionary. Nothing here does I/O.
//!
//! ```
//! use openflow::{Field, Flow, Match};
//!
//! let flow = Flow::new(3, 100)
//!     .matching(Match::new().with(Field::InPort, 1_u32).with(Field::EthType, 0x0800_u16))
//!     .set(Field::Reg6, 7_u32)
//!     .goto(4);
//! assert_eq!(flow.to_string(), "table=3,priority=100,ip,in_port=1 actions=set_field:0x7->reg6,goto_table:4");
//! ```
//!
//! # Module map
//! | module | what it holds |
//! |---|---|
//! | [`wire`] | cursor, errors with offsets |
//! | [`field`], [`matching`] | the field table, matches in canonical order |
//! | [`action`], [`instruction`] | the action table, what a flow does |
//! | [`flow`] | flows, their packed form, sets of them |
//! | [`group`], [`meter`] | groups and meters |
//! | [`message`] | every message that crosses the connection |
//! | [`text`] | `ovs-ofctl` syntax, parsed and printed |
//! | `arbitrary` | random values for property tests (feature `arbitrary`) |

pub mod action;
#[cfg(any(test, feature = "arbitrary"))]
pub mod arbitrary;
pub mod delta;
pub mod field;
pub mod flow;
pub mod group;
pub mod instruction;
pub mod matching;
pub mod message;
pub mod meter;
pub mod text;
pub mod wire;

pub use action::Action;
pub use delta::Delta;
pub use field::{Field, Subfield};
pub use flow::{Flow, FlowKey, PackedFlow};
pub use instruction::Instructions;
pub use matching::Match;
pub use message::Message;
pub use wire::WireError;
