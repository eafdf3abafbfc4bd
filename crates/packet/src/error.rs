//! Why a message was not accepted.

use thiserror::Error;

/// A message that a host must not act on. Offsets count from the start of the slice that was given to `parse`.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum ParseError {
    /// The bytes end inside a field.
    #[error("{layer} truncated at offset {offset}: {needed} bytes needed, {available} left")]
    Truncated {
        /// What was being read.
        layer: &'static str,
        /// Where the field starts.
        offset: usize,
        /// Length of the field.
        needed: usize,
        /// How much of it is there.
        available: usize,
    },
    /// A field has a value that the protocol does not allow.
    #[error("invalid {layer} at offset {offset}: {problem}")]
    Invalid {
        /// What was being read.
        layer: &'static str,
        /// Where the field is.
        offset: usize,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The checksum does not match the contents.
    #[error("wrong {layer} checksum: drop the message, it was damaged on its way")]
    Checksum {
        /// What was being read.
        layer: &'static str,
    },
}
