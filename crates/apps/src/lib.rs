//! The apps: each says, for its subjects, which flows there should be now.
//!
//! An app is a folder: what it guarantees in prose, its rules, its answers to packets, its tests. It is registered by one
//! line in [`all`]. Apps do not know each other; what several need to know about ports and networks is in [`local`], [`network`]
//! and [`tunnel`]. How to write one is in `docs/writing-an-app.md`.

pub mod arp;
pub mod classify;
pub mod dhcp;
pub mod l2;
pub mod local;
pub mod network;
pub mod port_security;
pub mod tunnel;

use engine::App;

/// All apps.
#[must_use]
pub fn all() -> Vec<App> {
    vec![classify::app(), l2::app(), port_security::app(), arp::app(), dhcp::app()]
}

/// The page's example has to compile and to do what the page says.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/writing-an-app.md")]
mod writing_an_app {}
