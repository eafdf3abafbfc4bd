//! Names of ports and domains of networks, with `openstack` and OpenStack's own tests of them.

use serde_json::{Value, json};

use crate::checker::{assert_consistent, assert_shows, documents};
use crate::identity::Cloud;
use crate::shell::Shell;
use crate::support::{Dump, Server, text};
use crate::tempest::assert_pass;
use crate::tempest_routers::public_network;

/// All tests of the plugin that need `dns-integration` or `dns-domain-ports` and no guests.
const TESTS: [&str; 5] = [
    "test_ports.PortsTestJSON.test_create_update_port_with_dns_name",
    "test_ports.PortsTestJSON.test_create_update_port_with_no_dns_name",
    "test_ports.PortsTestJSON.test_create_update_port_with_dns_domain",
    "test_networks.NetworksTestJSON.test_create_update_network_dns_domain",
    "test_revisions.TestRevisions.test_update_dns_domain_bumps_revision",
];

/// Asserts that the ports with a name have a row that says it, and no others do; and the same of domains of networks.
#[track_caller]
pub(crate) fn assert_names(dump: &Dump) {
    let said = |table: &str, attribute: &str| -> Vec<(String, String)> {
        let filled = |(id, document): (&str, Value)| {
            let value = document[attribute].as_str().filter(|value| !value.is_empty())?.to_owned();
            Some((id.to_owned(), value))
        };
        documents(dump, table).into_iter().filter_map(filled).collect()
    };
    assert_eq!(
        said("neutron_network", "dns_domain"),
        said("lswitch_extra", "dns_domain"),
        "domains of networks"
    );
    let full = |(port, name): (String, String)| (port, name.trim_end_matches(".example.test.").to_owned());
    let names: Vec<_> = said("neutron_port", "dns_name").into_iter().map(full).collect();
    assert_eq!(names, said("port_dns", "name"), "names of ports");
}

#[test]
fn ports_have_names_and_networks_domains() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    let shown = openstack.json("network create --dns-domain Net.org. net");
    assert_shows(&shown, &json!({"dns_domain": "net.org."}));
    openstack.json("subnet create --network net --subnet-range 10.1.0.0/24 net");
    let port = "port create --network net --fixed-ip ip-address=10.1.0.9";
    let shown = openstack.json(&format!("{port} --dns-name WEB web"));
    let assigned =
        |hostname: &str, fqdn: &str| json!([{"ip_address": "10.1.0.9", "hostname": hostname, "fqdn": fqdn}]);
    assert_shows(
        &shown,
        &json!({"dns_name": "web", "dns_domain": "", "dns_assignment": assigned("web", "web.net.org.")}),
    );
    assert_consistent(&server.dump());

    openstack.silently("port set --dns-name db --dns-domain red.org. web");
    let shown = openstack.json("port show web");
    assert_shows(
        &shown,
        &json!({"dns_name": "db", "dns_domain": "red.org.", "dns_assignment": assigned("db", "db.red.org.")}),
    );
    openstack.silently("port set --dns-domain \"\" web");
    openstack.silently("network set --dns-domain other.org. net");
    assert_shows(
        &openstack.json("port show web"),
        &json!({"dns_assignment": assigned("db", "db.other.org.")}),
    );
    assert_consistent(&server.dump());

    openstack.silently("port set --dns-name \"\" web");
    let assigned = assigned("host-10-1-0-9", "host-10-1-0-9.example.test.");
    assert_shows(&openstack.json("port show web"), &json!({"dns_name": "", "dns_assignment": assigned}));
    for (command, words) in [
        ("network create --dns-domain a named", "Invalid input for dns_domain. Reason: 'a' is not a FQDN"),
        (
            "port create --network net --dns-name a_b x",
            "'a_b' not a valid PQDN or FQDN. Reason: Name 'a_b' must be",
        ),
        (
            "port set --dns-name a.b. web",
            "The dns_name passed is a FQDN. Its higher level labels must be equal",
        ),
    ] {
        openstack.refuses(command, words);
    }
    openstack.json("network create --external outside");
    openstack.json("subnet create --network outside --subnet-range 172.24.4.0/24 outside");
    let shown = openstack.json("floating ip create --dns-name web --dns-domain a.org. outside");
    assert_shows(&shown, &json!({"dns_name": "", "dns_domain": ""}));
    openstack.silently(&format!("floating ip delete {}", text(&shown["id"])));
    openstack.silently("port set --dns-name web web");
    assert_consistent(&server.dump());
    openstack.silently("port delete web");
    openstack.silently("network delete net outside");
    assert_consistent(&server.dump());
}

#[test]
fn the_tests_of_names_pass() {
    let cloud = Cloud::new();
    let of_network = public_network(&cloud);
    let tests = TESTS.map(|test| format!("neutron_tempest_plugin.api.{test}"));
    let tests: Vec<(&str, u32)> = tests.iter().map(|test| (test.as_str(), 1)).collect();
    assert_pass(&cloud, &tests, &of_network);
}
