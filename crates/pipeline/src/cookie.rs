//! Cookies: who made a flow, and of what.
//!
//! ```text
//! 63      56 55        48 47                                  0
//! |  app  8 | generation 8 |          subject 48               |
//! ```
//! The app is the owner of the flow's tables, the generation tells the pipelines of two versions apart while one replaces
//! the other, and the subject is the app's number for the object the flow is about.

use std::fmt;

/// An app, by the number under which its cookies are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AppId {
    /// Number in the cookie; 0 is nobody.
    pub number: u8,
    /// Name in explanations.
    pub name: &'static str,
}

/// Cookie of a flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cookie(u64);

/// Generation of the pipeline that this code makes. It changes when a table or register changes its meaning, so that flows of
/// both can be told apart while one replaces the other.
const GENERATION: u8 = 0;
const SUBJECT_BITS: u32 = 48;
const GENERATION_BITS: u32 = 8;

impl Cookie {
    /// Largest subject.
    pub const SUBJECT_MAX: u64 = (1 << SUBJECT_BITS) - 1;

    /// The cookie of `app`'s flows about `subject` (its low 48 bits), in the present generation.
    pub const fn new(app: AppId, subject: u64) -> Self {
        Self(
            (app.number as u64) << (SUBJECT_BITS + GENERATION_BITS)
                | (GENERATION as u64) << SUBJECT_BITS
                | subject & Self::SUBJECT_MAX,
        )
    }

    /// A cookie as the switch shows it.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// The number on the wire.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// Number of the app.
    pub const fn app(self) -> u8 {
        self.0.to_be_bytes()[0]
    }

    /// Generation of the pipeline.
    pub const fn generation(self) -> u8 {
        self.0.to_be_bytes()[1]
    }

    /// The app's number for the object.
    pub const fn subject(self) -> u64 {
        self.0 & Self::SUBJECT_MAX
    }
}

impl fmt::Display for Cookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}
