//! Names of ports for DNS: `dns-integration` and `dns-domain-ports`, and the rows that nodes answer from.

use model::{Object, Table};
use nb::memory::MemoryStore;
use northbound::Settings;
use northbound::translate::CloudDomain;
use serde_json::{Value, json};

use crate::support::{Api, Client};

async fn start(domain: &str) -> Api {
    let settings = Settings { cloud_domain: CloudDomain::new(domain), ..Settings::default() };
    Api::with(MemoryStore::new(), settings).await
}

/// A network with a subnet.
async fn network(admin: &mut Client, domain: &str) -> Value {
    let network = admin.create("network", json!({"project_id": "p", "dns_domain": domain})).await;
    let subnet =
        json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "project_id": "p"});
    admin.create("subnet", subnet).await;
    network
}

fn path(kind: &str, resource: &Value) -> String {
    format!("/v2.0/{kind}/{}", resource["id"].as_str().expect("an id"))
}

async fn names(api: &Api) -> Vec<(String, Option<String>)> {
    let name = |row: Object| match row {
        Object::PortDns(row) => (row.name.clone(), row.domain.clone()),
        other => panic!("{other:?}"),
    };
    api.objects(Table::PortDns).await.into_iter().map(name).collect()
}

async fn extras(api: &Api) -> Vec<(Option<String>, Option<bool>)> {
    let extra = |row: Object| match row {
        Object::NetworkExtra(row) => (row.dns_domain.clone(), row.vlan_transparent),
        other => panic!("{other:?}"),
    };
    api.objects(Table::NetworkExtra).await.into_iter().map(extra).collect()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[tokio::test]
async fn a_port_has_a_name_that_comes_changes_and_goes_with_its_row() {
    let api = start("example.test").await;
    let mut admin = api.admin();
    let network = network(&mut admin, "").await;
    let body = json!({"network_id": network["id"], "project_id": "p", "dns_name": "WEB",
        "fixed_ips": [{"ip_address": "10.0.0.5"}]});
    let port = admin.create("port", body).await;
    let port_path = path("ports", &port);
    let assignment =
        |hostname: &str, fqdn: &str| json!([{"ip_address": "10.0.0.5", "hostname": hostname, "fqdn": fqdn}]);
    assert_eq!((&port["dns_name"], &port["dns_domain"]), (&json!("web"), &json!("")));
    assert_eq!(port["dns_assignment"], assignment("web", "web.example.test."));
    assert_eq!(names(&api).await, [("web".to_owned(), None)]);

    let change = async |admin: &mut Client, body: Value| {
        admin.put(&port_path, json!({"port": body})).await.expect(200)["port"].take()
    };
    let changed = change(&mut admin, json!({"dns_domain": "Red.Org."})).await;
    assert_eq!((&changed["dns_name"], &changed["dns_domain"]), (&json!("web"), &json!("red.org.")));
    assert_eq!(changed["dns_assignment"], assignment("web", "web.red.org."));
    assert_eq!(names(&api).await, [("web".to_owned(), text("red.org."))]);
    change(&mut admin, json!({"description": "d"})).await;
    assert_eq!(names(&api).await, [("web".to_owned(), text("red.org."))], "another change leaves it");

    let changed = change(&mut admin, json!({"dns_name": "a.web.example.test."})).await;
    assert_eq!(changed["dns_assignment"], assignment("a.web.example.test.", "a.web.example.test."));
    assert_eq!(names(&api).await, [("a.web".to_owned(), text("example.test."))]);

    let changed = change(&mut admin, json!({"dns_name": "", "dns_domain": ""})).await;
    assert_eq!(changed["dns_name"], "");
    assert_eq!(changed["dns_assignment"], assignment("host-10-0-0-5", "host-10-0-0-5.example.test."));
    assert_eq!(names(&api).await, []);

    change(&mut admin, json!({"dns_name": "db"})).await;
    assert_eq!(names(&api).await, [("db".to_owned(), None)]);
    admin.delete(&port_path).await.expect(204);
    assert_eq!(names(&api).await, []);
}

#[tokio::test]
async fn lists_fields_and_bulk_requests_have_names() {
    let api = start("example.test").await;
    let mut admin = api.admin();
    let network = network(&mut admin, "net.org.").await;
    let port =
        |name: &str| json!({"network_id": network["id"], "project_id": "p", "name": name, "dns_name": name});
    let many = json!({"ports": [port("a"), port("b")]});
    let made = admin.post("/v2.0/ports", many).await.expect(201);
    assert_eq!(made["ports"][1]["dns_assignment"][0]["fqdn"], "b.net.org.");
    let mut found = names(&api).await;
    found.sort();
    assert_eq!(found, [("a".to_owned(), None), ("b".to_owned(), None)]);

    let listed = admin.get("/v2.0/ports?name=a&fields=dns_name&fields=dns_domain").await.expect(200);
    assert_eq!(listed["ports"], json!([{"dns_name": "a", "dns_domain": ""}]));
    let refused =
        json!({"ports": [port("c"), {"network_id": network["id"], "project_id": "p", "dns_name": "d_"}]});
    admin.post("/v2.0/ports", refused).await.expect(400);
    assert_eq!(names(&api).await.len(), 2, "all or none");
    admin.get("/v2.0/ports?dns_name=a").await.expect_error(
        400,
        "HTTPBadRequest",
        "['dns_name'] is invalid attribute for filtering",
    );

    let mut member = api.member("p");
    let own = json!({"network_id": network["id"], "dns_name": "mine"});
    assert_eq!(member.create("port", own).await["dns_name"], "mine");
    let mut stranger = api.member("q");
    stranger.get(&path("ports", &made["ports"][0])).await.expect(404);
}

#[tokio::test]
async fn a_network_has_a_domain_and_a_row_while_it_says_anything() {
    let api = start("example.test").await;
    let mut admin = api.admin();
    let network = network(&mut admin, "").await;
    assert_eq!(network["dns_domain"], "");
    assert_eq!(extras(&api).await, []);
    let body = json!({"network_id": network["id"], "project_id": "p", "dns_name": "web"});
    let port = admin.create("port", body).await;

    let network_path = path("networks", &network);
    let change = async |admin: &mut Client, domain: &str| {
        let body = json!({"network": {"dns_domain": domain}});
        admin.put(&network_path, body).await.expect(200)["network"]["dns_domain"].take()
    };
    assert_eq!(change(&mut admin, "Net.Org.").await, "net.org.");
    assert_eq!(extras(&api).await, [(text("net.org."), None)]);
    let shown = admin.get(&path("ports", &port)).await.expect(200);
    assert_eq!(shown["port"]["dns_assignment"][0]["fqdn"], "web.net.org.");
    assert_eq!(change(&mut admin, "").await, "");
    assert_eq!(extras(&api).await, []);
    change(&mut admin, "again.org.").await;
    assert_eq!(extras(&api).await.len(), 1);
    admin.delete(&path("ports", &port)).await.expect(204);
    admin.delete(&network_path).await.expect(204);
    assert_eq!(extras(&api).await, []);

    let both = json!({"project_id": "p", "vlan_transparent": true, "dns_domain": "net.org."});
    let both = admin.create("network", both).await;
    assert_eq!(extras(&api).await, [(text("net.org."), Some(true))]);
    admin.put(&path("networks", &both), json!({"network": {"dns_domain": ""}})).await.expect(200);
    assert_eq!(extras(&api).await, [(None, Some(true))], "what else it says stays");
    admin.delete(&path("networks", &both)).await.expect(204);
    assert_eq!(extras(&api).await, []);
}

#[tokio::test]
async fn names_that_are_none_are_refused_with_neutrons_words() {
    let api = start("example.test").await;
    let mut admin = api.admin();
    let network = network(&mut admin, "").await;
    let port = admin.create("port", json!({"network_id": network["id"], "project_id": "p"})).await;
    let of_domain = "The dns_name passed is a FQDN. Its higher level labels must be equal to the dns_domain option in \
                     neutron.conf, that has been set to 'example.test'. It must also include one or more valid DNS labels \
                     to the left of 'example.test'";
    for (attribute, value, reason) in [
        ("dns_name", "a.b.", of_domain),
        (
            "dns_name",
            "a_b",
            "'a_b' not a valid PQDN or FQDN. Reason: Name 'a_b' must be 1-63 characters long, each of which can only be \
             alphanumeric or a hyphen",
        ),
        ("dns_domain", "org", "'org' is not a FQDN"),
    ] {
        let text = format!("Invalid input for {attribute}. Reason: {reason}.");
        let create = json!({"port": {"network_id": network["id"], "project_id": "p", attribute: value}});
        admin.post("/v2.0/ports", create).await.expect_error(400, "HTTPBadRequest", &text);
        let change = json!({"port": {attribute: value}});
        admin.put(&path("ports", &port), change).await.expect_error(400, "HTTPBadRequest", &text);
    }
    let change = json!({"network": {"dns_domain": "org"}});
    let text = "Invalid input for dns_domain. Reason: 'org' is not a FQDN.";
    admin.put(&path("networks", &network), change).await.expect_error(400, "HTTPBadRequest", text);
    let text = "Invalid input for operation: Input value None must be string type.";
    let change = json!({"port": {"dns_name": null}});
    admin.put(&path("ports", &port), change).await.expect_error(400, "InvalidInput", text);
    let said = json!({"port": {"dns_assignment": []}});
    let text = "Cannot update read-only attribute dns_assignment";
    admin.put(&path("ports", &port), said).await.expect_error(400, "HTTPBadRequest", text);
    assert_eq!(names(&api).await, []);
}

#[tokio::test]
async fn in_the_domain_that_a_cloud_comes_with_ports_have_no_names() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = network(&mut admin, "").await;
    let body = json!({"network_id": network["id"], "project_id": "p", "dns_name": "web", "dns_domain": "a.org.",
        "fixed_ips": [{"ip_address": "10.0.0.5"}]});
    let port = admin.create("port", body).await;
    let expected = json!([{"ip_address": "10.0.0.5", "hostname": "host-10-0-0-5", "fqdn": "host-10-0-0-5.openstacklocal."}]);
    assert_eq!(
        (&port["dns_name"], &port["dns_domain"], &port["dns_assignment"]),
        (&json!(""), &json!(""), &expected)
    );
    let changed = admin.put(&path("ports", &port), json!({"port": {"dns_name": "db"}})).await.expect(200);
    assert_eq!(changed["port"]["dns_name"], "");
    assert_eq!(names(&api).await, []);
}

#[tokio::test]
async fn what_is_said_of_names_of_floating_ips_is_checked_and_not_kept() {
    let api = start("example.test").await;
    let mut admin = api.admin();
    let outside = admin.create("network", json!({"project_id": "p", "router:external": true})).await;
    let subnet =
        json!({"network_id": outside["id"], "ip_version": 4, "cidr": "172.24.4.0/24", "project_id": "p"});
    admin.create("subnet", subnet).await;
    let body = |name: &str, domain: &str| {
        json!({"floatingip": {"floating_network_id": outside["id"], "project_id": "p",
        "dns_name": name, "dns_domain": domain}})
    };
    let made = admin.post("/v2.0/floatingips", body("web", "a.org.")).await.expect(201);
    let shown = &made["floatingip"];
    assert_eq!((&shown["dns_name"], &shown["dns_domain"]), (&json!(""), &json!("")));
    for (name, domain, text) in [
        (
            "web.a.org.",
            "",
            "Invalid input for dns_name. Reason: 'web.a.org.' is a FQDN. It should be a relative domain name.",
        ),
        ("web", "a.org", "Invalid input for dns_domain. Reason: 'a.org' is not a FQDN."),
    ] {
        let refused = admin.post("/v2.0/floatingips", body(name, domain)).await;
        refused.expect_error(400, "HTTPBadRequest", text);
    }
    let change = json!({"floatingip": {"dns_name": "web"}});
    let text = "Cannot update read-only attribute dns_name";
    admin.put(&path("floatingips", shown), change).await.expect_error(400, "HTTPBadRequest", text);
}

#[tokio::test]
async fn clients_hear_that_there_are_names() {
    let api = Api::start().await;
    let mut admin = api.admin();
    for alias in ["dns-integration", "dns-domain-ports"] {
        let shown = admin.get(&format!("/v2.0/extensions/{alias}")).await.expect(200);
        assert_eq!(shown["extension"]["alias"], alias);
    }
    admin.get("/v2.0/extensions/subnet-dns-publish-fixed-ip").await.expect(404);
}
