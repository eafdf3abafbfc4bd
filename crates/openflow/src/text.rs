//! `ovs-ofctl` syntax in both directions, so that golden files are readable and Open vSwitch can judge them.
//!
//! ```
//! use openflow::text;
//!
//! let flow = text::parse_flow("table=3 priority=100,tcp,tp_dst=80 actions=mod_dl_dst:fa:16:3e:00:00:01,output:2")?;
//! assert_eq!(
//!     flow.to_string(),
//!     "table=3,priority=100,tcp,tp_dst=80 actions=set_field:fa:16:3e:00:00:01->eth_dst,output:2",
//! );
//! let error = text::parse_flow("tp_dst=80,actions=drop").unwrap_err();
//! assert_eq!(error.to_string(), "at column 1: a match of tcp_dst needs tcp or tcp6");
//! # Ok::<(), text::TextError>(())
//! ```

mod flags;
mod parse;
pub(crate) mod print;
mod protocol;
mod reference;
mod source;
#[cfg(test)]
mod tests;
mod value;

use std::str::FromStr;

use thiserror::Error;

pub use reference::{dictionary, field_reference};
pub use source::TextError;

use crate::action::Action;
use crate::flow::Flow;
use crate::group::Group;
use crate::matching::Match;
use crate::meter::Meter;
use source::Piece;

/// A line of a file that is not a flow.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("line {line}, {error}")]
pub struct LineError {
    /// Number of the line, from 1.
    pub line: usize,
    /// What is wrong in it.
    pub error: TextError,
}

/// Reads a flow, as `ovs-ofctl add-flow` takes it and `dump-flows` writes it.
pub fn parse_flow(text: &str) -> Result<Flow, TextError> {
    parse::flow(Piece::new(text))
}

/// Reads a file of flows: one a line, `#` begins a comment, blank lines mean nothing.
pub fn parse_flows(text: &str) -> Result<Vec<Flow>, LineError> {
    let content = |line: &'_ str| line.find('#').map_or(line.len(), |comment| comment);
    text.lines()
        .enumerate()
        .map(|(number, line)| (number + 1, &line[..content(line)]))
        .filter(|(_, line)| !line.trim().is_empty())
        .map(|(line, text)| parse_flow(text).map_err(|error| LineError { line, error }))
        .collect()
}

/// Reads a match.
pub fn parse_match(text: &str) -> Result<Match, TextError> {
    parse::matching(Piece::new(text))
}

/// Reads a list of actions, without instructions.
///
/// Where an action depends on the match (`mod_tp_dst`, `mod_vlan_vid`), that is taken to match everything.
pub fn parse_actions(text: &str) -> Result<Vec<Action>, TextError> {
    parse::actions(Piece::new(text))
}

/// Reads a group, as `ovs-ofctl add-group` takes it and `dump-groups` writes it.
pub fn parse_group(text: &str) -> Result<Group, TextError> {
    parse::group(Piece::new(text))
}

/// Reads a meter, as `ovs-ofctl add-meter` takes it and `dump-meters` writes it.
pub fn parse_meter(text: &str) -> Result<Meter, TextError> {
    parse::meter(Piece::new(text))
}

macro_rules! from_str {
    ($($type:ty, $parse:ident;)+) => {$(
        impl FromStr for $type {
            type Err = TextError;

            fn from_str(text: &str) -> Result<Self, TextError> {
                $parse(text)
            }
        }
    )+};
}

from_str! {
    Flow, parse_flow;
    Match, parse_match;
    Group, parse_group;
    Meter, parse_meter;
}
