//! Configuration: oslo.config's files, one table of options, typed values.
//!
//! What a program gets is a [`Config`], whose fields have been checked, and a list of [`Notice`]s for its log. What an operator
//! gets is every mistake at once, with file, line, section, option, and what is allowed. Guaranteed:
//!
//! 1. **Nothing is ignored silently.** An option does what it says, or is refused by name with the reason, or is reported as
//!    without effect. An unknown option in a section of ours is an error.
//! 2. **One declaration.** Field, type, default, bounds, help, old names, sample file and reference page come from one row of
//!    [`options`]. They cannot differ.
//! 3. **oslo.config's meaning.** Files that the original ran on mean what they meant there: syntax ([`ini`]), layering,
//!    substitution, old names, spellings of drivers and applications.
//! 4. **Any text is harmless.** Reading never panics, and what one text can cost in memory and time is limited.
//!
//! This crate neither logs nor looks at the machine by itself: host name and environment are [given](Environment).
//!
//! ```
//! use config::{App, Environment, Source, load};
//!
//! let text = "[df]\nlocal_ip = 192.0.2.1\napps_list = l2_app.L2App, dhcp\n".to_owned();
//! let source = Source::Text { name: "dragonflow.ini".to_owned(), text };
//! let loaded = load(&[source], &Environment::new("compute-1"))?;
//! assert_eq!(loaded.config.host(), "compute-1");
//! assert_eq!(loaded.config.df.local_ip.to_string(), "192.0.2.1");
//! assert!(loaded.config.df.apps_list.contains(App::Dhcp));
//! assert!(loaded.notices[0].to_string().starts_with("dragonflow.ini:3: l2_app.L2App is an old spelling of l2"));
//! # Ok::<(), config::Problems>(())
//! ```
//!
//! | module | what it holds |
//! |---|---|
//! | [`ini`] | the syntax of files |
//! | `source`, `layers`, `substitute` | what all sources say together |
//! | `setting`, `drivers`, `apps` | the types of values: text to value and back |
//! | [`table`], [`options`] | how options are declared, and the declarations |
//! | `load` | reading, checking, notices |
//! | [`laws`] | what holds for any text, for fuzzers |
//! | `render` | sample file, reference page, a configuration as a file |

mod apps;
mod config;
mod drivers;
mod error;
pub mod ini;
pub mod laws;
mod layers;
mod load;
mod nearest;
pub mod options;
mod render;
mod setting;
mod source;
mod substitute;
pub mod table;

pub use apps::{App, Apps};
pub use config::Config;
pub use drivers::{
    AuthStrategy, BgpSpeaker, NbDriver, NetworkType, NeutronNotifier, PubSubDriver, PublisherTransport,
    SwitchBackend, TunnelType, VifType, WebProtocol,
};
pub use error::{Notice, Place, Problem, Problems};
pub use load::{Loaded, load};
pub use render::{Secrets, reference, sample};
pub use setting::{
    BindAddress, BridgeBandwidth, FractionalSeconds, Host, HostPort, IdRange, LIST_ITEMS_MAX, Milliseconds,
    Name, OvsdbConnection, Remarks, Repeated, Seconds, Secret, Setting, Single, VlanRange,
};
pub use source::{DEFAULT_FILES, DIRECTORY_FILES_MAX, Environment, FILE_BYTES_MAX, Source};

#[cfg(test)]
mod tests;
