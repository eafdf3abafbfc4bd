//! The apps: each says, for its subjects, which flows there should be now.
//!
//! An app is a folder: what it guarantees in prose, its rules, its answers to packets, its tests. It is registered by one
//! line in [`all`]. Apps do not know each other; what several need to know about ports and networks is in [`local`], [`network`],
//! [`places`], [`filter`], [`host_address`], `names`, [`policy`], [`provider`], [`routers`], [`slow_path`] and [`tunnel`]. How to write
//! one is in `docs/writing-an-app.md`.

pub mod arp;
pub mod classify;
pub mod dhcp;
pub mod dhcpv6;
pub mod dns;
pub mod filter;
pub mod gateway;
pub mod groups;
pub(crate) mod holders;
pub(crate) mod host_address;
pub mod l2;
pub mod local;
pub mod metadata;
pub mod migration;
pub(crate) mod names;
pub mod nd;
pub mod neighbor;
mod neighbors;
mod nested;
pub mod network;
pub mod places;
pub mod policy;
pub mod port_security;
pub mod provider;
pub mod qos;
pub(crate) mod reserve;
pub mod router;
pub mod routers;
pub mod slow_path;
mod speaker;
mod tags;
pub mod tunnel;

use engine::{App, Rule, Sink, View};
use pipeline::tables::PIPELINE;
use pipeline::{AppId, Miss, Priority};

/// All apps.
#[must_use]
pub fn all() -> Vec<App> {
    vec![
        classify::app(),
        l2::app(),
        port_security::app(),
        arp::app(),
        dhcp::app(),
        groups::app(),
        qos::app(),
        nd::app(),
        dhcpv6::app(),
        migration::app(),
        neighbor::app(),
        router::app(),
        gateway::app(),
        metadata::app(),
        dns::app(),
    ]
}

/// Stands for an app that an operator does not want: packets pass its tables as if nothing were there to say.
#[must_use]
pub fn passing(owner: AppId) -> App {
    let pass = move |_: &mut View<'_>, sink: &mut Sink| {
        for table in PIPELINE.tables.iter().filter(|table| table.owner == owner) {
            if let Miss::Goto(next) = table.miss {
                sink.flow(table, Priority::MISS, |flow| flow.goto(next));
            }
        }
    };
    App { id: owner, rules: vec![Rule::once("not wanted", pass)], responders: vec![] }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    /// Cookies tell apps apart by their numbers, people by their names.
    #[test]
    fn no_two_apps_have_one_number_or_name() {
        let apps = super::all();
        let names: BTreeMap<&str, u8> = apps.iter().map(|app| (app.id.name, app.id.number)).collect();
        let numbers: BTreeMap<u8, &str> = apps.iter().map(|app| (app.id.number, app.id.name)).collect();
        assert_eq!((names.len(), numbers.len()), (apps.len(), apps.len()), "{numbers:?}");
    }
}

/// The page's example has to compile and to do what the page says.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/writing-an-app.md")]
mod writing_an_app {}
