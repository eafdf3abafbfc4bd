//! Recordings: what the engine was told, step by step, as text that anybody can read and that replays.
//!
//! A recording is a line of JSON for each step. The process around the engine writes and keeps it; feeding the lines to a new
//! engine gives every output again.

use thiserror::Error;

use crate::input::Input;

/// A line of a recording is not one.
#[derive(Debug, Error)]
#[error("not a step of a recording")]
pub struct NotAStep(#[from] serde_json::Error);

/// The line of one step, without the line feed.
#[must_use]
pub fn to_line(inputs: &[Input]) -> String {
    serde_json::to_string(inputs).expect("members of inputs have texts for names")
}

/// The step that a line says.
///
/// # Errors
/// When the line is not what [`to_line`] writes.
pub fn from_line(line: &str) -> Result<Vec<Input>, NotAStep> {
    Ok(serde_json::from_str(line)?)
}
