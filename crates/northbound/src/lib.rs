//! The northbound: Neutron's API, and what follows from it in the store.
//!
//! A request is checked against the registry of resources, decided on a replica of the store, and written in one
//! transaction together with everything that follows from it: the rows that controllers read, the addresses that it
//! takes. Several servers may do so on one store: what they could both take is a row that a transaction requires to be
//! absent.
//!
//! | module | what it holds |
//! |---|---|
//! | [`ipam`] | which addresses there are and who gets which |
//! | [`translate`] | the one translation from Neutron's objects to the rows of the model |

pub mod ipam;
pub mod translate;
