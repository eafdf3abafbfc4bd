//! The northbound: Neutron's API, and what follows from it in the store.
//!
//! A request is checked against the registry of resources, decided on a replica of the store, and written in one
//! transaction together with everything that follows from it: the rows that controllers read, the addresses that it
//! takes. Several servers may do so on one store: what they could both take is a row that a transaction requires to be
//! absent.
//!
//! | module | what it holds |
//! |---|---|
//! | [`registry`] | resources as data: attributes, values, what requests may say |
//! | [`query`] | lists: filters, order, pages, what answers show |
//! | [`policy`], [`auth`] | who asks, and what they may do |
//! | [`replica`] | what is known of the store |
//! | [`write`] | from a decision to a transaction |
//! | [`resources`] | what each kind of resource does |
//! | [`quota`] | how much a project may have |
//! | [`ipam`] | which addresses there are and who gets which |
//! | [`translate`] | the one translation from Neutron's objects to the rows of the model |
//! | [`service`], [`http`] | requests, without HTTP and with it |
//! | [`server`], [`settings`] | the whole |

pub mod auth;
pub mod clock;
pub mod error;
pub mod http;
pub mod ipam;
pub mod policy;
pub mod query;
pub mod quota;
pub mod registry;
pub mod replica;
pub mod resources;
pub mod server;
pub mod service;
pub mod settings;
pub mod translate;
pub mod write;

pub use auth::{AuthStrategy, Context, Domain, Keystone, KeystoneSettings};
pub use error::ApiError;
pub use quota::Limits;
pub use server::Server;
pub use settings::Settings;
