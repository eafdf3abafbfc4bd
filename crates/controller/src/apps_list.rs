//! Which apps run, by the names that operators know.
//!
//! An application of the original may be one app here, or several, or none yet. One that is asked for and is not there is
//! named, so that nobody looks for its flows in vain.

use config::{App, Apps};
use pipeline::AppId;
use pipeline::tables;

/// The apps for an operator's list, and the applications in it that are not built.
pub(crate) fn select(listed: &Apps) -> (Vec<engine::App>, Vec<App>) {
    let wanted: Vec<AppId> = listed.iter().flat_map(parts).copied().collect();
    let missing = listed.iter().filter(|app| parts(*app).is_empty()).collect();
    (apps::all().into_iter().filter(|app| wanted.contains(&app.id)).collect(), missing)
}

/// What an application consists of.
const fn parts(app: App) -> &'static [AppId] {
    match app {
        // Where ports are and how chassis reach each other is decided where packets are classified.
        App::Classifier | App::PortBinding | App::Tunneling => &[tables::CLASSIFY_OWNER],
        App::PortSecurity => &[tables::PORT_SECURITY_OWNER],
        App::L2 => &[tables::L2_OWNER, tables::ARP_OWNER],
        App::Dhcp => &[tables::DHCP_OWNER],
        App::L3
        | App::Dnat
        | App::SecurityGroups
        | App::Qos
        | App::Provider
        | App::Metadata
        | App::Trunk
        | App::FlowClassifier
        | App::ServiceChain
        | App::Migration
        | App::ActivePortDetection
        | App::ChassisSnat
        | App::LegacySnat => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_app_that_is_built_is_part_of_an_application() {
        let everything: Apps = apps_of_the_default_list().collect();
        let (selected, _) = select(&everything);
        assert_eq!(selected.len(), apps::all().len());
    }

    #[test]
    fn what_is_not_listed_does_not_run_and_what_is_not_built_is_named() {
        let (selected, missing) = select(&[App::L2, App::Trunk].into_iter().collect());
        assert!(selected.iter().all(|app| app.id != tables::DHCP_OWNER));
        assert_eq!(missing, [App::Trunk]);
    }

    fn apps_of_the_default_list() -> impl Iterator<Item = App> {
        let loaded = config::load(&[], &config::Environment::new("n1")).unwrap();
        loaded.config.df.apps_list.iter().collect::<Vec<_>>().into_iter()
    }
}
