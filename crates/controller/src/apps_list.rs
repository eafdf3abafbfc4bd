//! Which apps run, by the names that operators know.
//!
//! An application of the original may be one app here, or several, or none yet. One that is asked for and is not there is
//! named, so that nobody looks for its flows in vain.

use config::{App, Apps};
use pipeline::AppId;
use pipeline::tables;

/// The apps for an operator's list, and the applications in it that are not built. In the place of an app that is not listed
/// stands one that lets packets pass its tables.
pub(crate) fn select(listed: &Apps) -> (Vec<engine::App>, Vec<App>) {
    let wanted: Vec<AppId> = listed.iter().flat_map(parts).copied().collect();
    let missing = listed.iter().filter(|app| parts(*app).is_empty()).collect();
    let built = apps::all().into_iter();
    let apps = built.map(|app| if wanted.contains(&app.id) { app } else { apps::passing(app.id) });
    (apps.collect(), missing)
}

/// What an application consists of.
const fn parts(app: App) -> &'static [AppId] {
    match app {
        // Where ports are, also inside others, and how chassis reach each other is decided where packets are classified.
        // Questions for names are looked at wherever ports have names.
        App::Classifier => &[tables::CLASSIFY_OWNER, tables::DNS_OWNER],
        App::PortBinding | App::Trunk => &[tables::CLASSIFY_OWNER],
        // Who has tunnels to others watches whether they are there.
        App::Tunneling => &[tables::CLASSIFY_OWNER, tables::GATEWAY_OWNER],
        App::PortSecurity => &[tables::PORT_SECURITY_OWNER],
        App::L2 => &[tables::L2_OWNER, tables::ARP_OWNER, tables::ND_OWNER, tables::NEIGHBOR_OWNER],
        // How frames get to a physical network is part of where they leave and how they are switched; without this application
        // no bridge is patched to, see `Options`.
        App::Provider => &[tables::CLASSIFY_OWNER],
        App::Dhcp => &[tables::DHCP_OWNER, tables::DHCPV6_OWNER],
        // Who uses the addresses of pairs is seen, and answered, where ARP and neighbour discovery are.
        App::ActivePortDetection => &[tables::ARP_OWNER, tables::ND_OWNER, tables::NEIGHBOR_OWNER],
        App::SecurityGroups => &[tables::GROUPS_OWNER],
        App::Qos => &[tables::QOS_OWNER],
        App::Migration => &[tables::MIGRATION_OWNER],
        App::Metadata => &[tables::METADATA_OWNER],
        // Where routers send packets and with which addresses these leave is one thing.
        // Whether the address of the node is one of these is in `Options`.
        App::L3 | App::Dnat | App::LegacySnat | App::ChassisSnat => {
            &[tables::ROUTER_OWNER, tables::NEIGHBOR_OWNER]
        }
        App::FlowClassifier | App::ServiceChain => &[],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_app_that_is_built_is_part_of_an_application() {
        let everything: Apps = apps_of_the_default_list().collect();
        let (selected, _) = select(&everything);
        let rules = |apps: &[engine::App]| apps.iter().map(|app| app.rules.len()).collect::<Vec<_>>();
        assert_eq!(rules(&selected), rules(&apps::all()));
    }

    #[test]
    fn what_is_not_listed_does_not_run_and_what_is_not_built_is_named() {
        let (selected, missing) = select(&[App::L2, App::ServiceChain].into_iter().collect());
        let dhcp = selected.iter().find(|app| app.id == tables::DHCP_OWNER).unwrap();
        assert!(dhcp.responders.is_empty() && dhcp.rules.len() == 1, "packets pass its tables");
        assert_eq!(missing, [App::ServiceChain]);
        // Guests that ask for others are answered from the table of neighbours, also where there are no routers.
        let neighbor = selected.iter().find(|app| app.id == tables::NEIGHBOR_OWNER).unwrap();
        let router = selected.iter().find(|app| app.id == tables::ROUTER_OWNER).unwrap();
        assert!(neighbor.rules.len() > 1 && router.rules.len() == 1);
    }

    fn apps_of_the_default_list() -> impl Iterator<Item = App> {
        let loaded = config::load(&[], &config::Environment::new("n1")).unwrap();
        loaded.config.df.apps_list.iter().collect::<Vec<_>>().into_iter()
    }
}
