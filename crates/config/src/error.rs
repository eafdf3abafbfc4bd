//! What can be wrong with a configuration, and what there is to say about one that is not.
//!
//! Both carry the place: the file and line, or the environment variable. A value that is a secret appears in neither.

use std::fmt;
use std::sync::Arc;

use crate::ini::SyntaxFault;

/// Where something was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The path of the file, or the name of another source.
    pub source: Arc<str>,
    /// The line, counted from one; sources other than files have none.
    pub line: Option<usize>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}", self.source),
            None => f.write_str(&self.source),
        }
    }
}

/// One thing that has to be mended before anything can start.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A file or directory that was asked for cannot be read.
    #[error("{path}: {reason}")]
    Unreadable {
        /// What was asked for.
        path: String,
        /// Why it cannot be read.
        reason: String,
    },
    /// A line that is not configuration.
    #[error("{place}: {fault}: {text:?}")]
    Syntax {
        /// The line.
        place: Place,
        /// What is wrong with it.
        fault: SyntaxFault,
        /// What it begins with.
        text: String,
    },
    /// A value that the option does not take.
    #[error("{place}: [{section}] {option} = {value}: {reason}")]
    Value {
        /// Where the value was given.
        place: Place,
        /// The section that was written.
        section: String,
        /// The option that was written.
        option: String,
        /// The value in quotes, or stars.
        value: String,
        /// What is allowed.
        reason: String,
    },
    /// An option that is known and that we do not do.
    #[error("{place}: [{section}] {option} is refused: {reason}")]
    Refused {
        /// Where the option was given.
        place: Place,
        /// The section that was written.
        section: String,
        /// The option that was written.
        option: String,
        /// Why, and what to do.
        reason: String,
    },
    /// An option in a section of ours that does not exist.
    #[error("{place}: [{section}] has no option {option}{hint}")]
    UnknownOption {
        /// Where the option was given.
        place: Place,
        /// The section that was written.
        section: String,
        /// The option that was written.
        option: String,
        /// The nearest one that exists, as the end of the sentence.
        hint: String,
    },
    /// A section that has a name like ours and does not exist.
    #[error("{place}: there is no section [{section}]{hint}")]
    UnknownSection {
        /// Where its first option was given.
        place: Place,
        /// The section.
        section: String,
        /// The nearest one that exists, as the end of the sentence.
        hint: String,
    },
    /// Options that are fine each and do not go together.
    #[error("{0}")]
    Conflict(String),
}

/// Everything that is wrong, in one go. Shown with a line for each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", lines(.0))]
pub struct Problems(pub Vec<Problem>);

fn lines(problems: &[Problem]) -> String {
    problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
}

/// Something to know about a configuration that is in force: a line for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// What it is about.
    pub place: Place,
    /// The sentence.
    pub text: String,
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.text)
    }
}
