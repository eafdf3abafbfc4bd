//! Where ports are, how their guests are attached there, and how they move.

use model::{BindingType, Migration, MigrationStatus, Object, Table};
use nb::memory::MemoryStore;
use nb::{Store as _, Txn};
use northbound::Settings;
use northbound::resources::port::Attachment;
use serde_json::{Value, json};

use crate::refusals::{BAD, case, check};
use crate::support::{Api, Client};

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn path(port: &Value) -> String {
    format!("/v2.0/ports/{}", text(&port["id"]))
}

/// A port of a guest on host `one`.
async fn guest(client: &mut Client) -> Value {
    let network = client.create("network", json!({})).await;
    let body = json!({"network_id": network["id"], "device_owner": "compute:nova", "binding:host_id": "one"});
    client.create("port", body).await
}

async fn migrations(api: &Api) -> Vec<Migration> {
    let rows = api.objects(Table::Migration).await;
    let row = |row: &Object| match row {
        Object::Migration(row) => (**row).clone(),
        other => panic!("{other:?}"),
    };
    rows.iter().map(row).collect()
}

/// Hosts with the states of the bindings to them.
async fn hosts(client: &mut Client, port: &Value) -> Vec<(String, String)> {
    let listed = client.get(&format!("{}/bindings", path(port))).await.expect(200);
    let each = listed["bindings"].as_array().unwrap().iter();
    each.map(|own| (text(&own["host"]).to_owned(), text(&own["status"]).to_owned())).collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(host, status)| ((*host).to_owned(), (*status).to_owned())).collect()
}

async fn host_in_row(api: &Api) -> Option<String> {
    let rows = api.objects(Table::LogicalPort).await;
    let [Object::LogicalPort(row)] = rows.as_slice() else { panic!("{rows:?}") };
    row.chassis().map(ToString::to_string)
}

#[tokio::test]
async fn a_guest_moves() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let port = guest(&mut admin).await;
    let bindings = format!("{}/bindings", path(&port));
    assert_eq!(hosts(&mut admin, &port).await, pairs(&[("one", "ACTIVE")]));
    let body = json!({"binding": {"host": "two", "profile": {"os_vif_delegation": true}}});
    let made = admin.post(&bindings, body).await.expect(201);
    assert_eq!(
        made["binding"],
        json!({"host": "two", "vif_type": "ovs", "vif_details": {"port_filter": true}, "vnic_type": "normal",
            "profile": {"os_vif_delegation": true}, "status": "INACTIVE"})
    );
    let rows = migrations(&api).await;
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].id, *text(&port["id"]));
    assert_eq!(rows[0].lport.as_ref().map(ToString::to_string).as_deref(), port["id"].as_str());
    assert_eq!(rows[0].dest_chassis.as_ref().map(ToString::to_string).as_deref(), Some("two"));
    assert_eq!(rows[0].status, MigrationStatus::DestPlug);
    assert_eq!(host_in_row(&api).await.as_deref(), Some("one"));
    assert_eq!(admin.get(&format!("{bindings}/two")).await.expect(200), made);
    let only = admin.get(&format!("{bindings}?status=INACTIVE&fields=host")).await.expect(200);
    assert_eq!(only["bindings"], json!([{"host": "two"}]));

    // What nodes say of it stays whatever else is said of the port.
    let further = Migration { status: MigrationStatus::SrcUnplug, ..rows[0].clone() };
    api.store.commit(Txn::new().put_object(&Object::from(further))).await.unwrap();
    admin.put(&path(&port), json!({"port": {"name": "n"}})).await.expect(200);
    assert_eq!(migrations(&api).await[0].status, MigrationStatus::SrcUnplug);
    let profile = json!({"binding": {"profile": {"a": 1}}});
    let changed = admin.put(&format!("{bindings}/two"), profile.clone()).await.expect(200);
    assert_eq!(changed["binding"]["profile"], json!({"a": 1}));

    let activated = admin.put(&format!("{bindings}/two/activate"), json!({})).await.expect(200);
    assert_eq!((&activated["host"], &activated["status"]), (&json!("two"), &json!("ACTIVE")));
    assert_eq!(hosts(&mut admin, &port).await, pairs(&[("two", "ACTIVE"), ("one", "INACTIVE")]));
    assert_eq!(migrations(&api).await, []);
    assert_eq!(host_in_row(&api).await.as_deref(), Some("two"));
    let shown = admin.get(&path(&port)).await.expect(200)["port"].take();
    assert_eq!((&shown["binding:host_id"], &shown["binding:profile"]), (&json!("two"), &json!({"a": 1})));
    assert!(shown.get("other_bindings").is_none());
    admin.delete(&format!("{bindings}/one")).await.expect(204);
    assert_eq!(hosts(&mut admin, &port).await, pairs(&[("two", "ACTIVE")]));

    // And it may go nowhere.
    let changed = admin.put(&format!("{bindings}/two"), profile).await.expect(200);
    assert_eq!(changed["binding"]["status"], "ACTIVE");
    admin.delete(&format!("{bindings}/two")).await.expect(204);
    assert_eq!(host_in_row(&api).await, None);
    assert_eq!(hosts(&mut admin, &port).await, pairs(&[("", "ACTIVE")]));
}

#[tokio::test]
async fn a_move_ends_in_other_ways() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let port = guest(&mut admin).await;
    let bindings = format!("{}/bindings", path(&port));
    let bind = async |host: &str| {
        let body = json!({"binding": {"host": host}});
        api.admin().post(&bindings, body).await.expect(201);
        let rows = migrations(&api).await;
        assert_eq!(rows[0].dest_chassis.as_ref().map(ToString::to_string).as_deref(), Some(host));
    };
    // It is called off.
    bind("two").await;
    admin.delete(&format!("{bindings}/two")).await.expect(204);
    assert_eq!(migrations(&api).await, []);
    // Somebody thinks better of it.
    bind("two").await;
    bind("three").await;
    assert_eq!(migrations(&api).await.len(), 1);
    admin.delete(&format!("{bindings}/two")).await.expect(204);
    assert_eq!(migrations(&api).await.len(), 1);
    // Nova of old binds the port itself.
    let moved = json!({"port": {"binding:host_id": "three"}});
    admin.put(&path(&port), moved).await.expect(200);
    assert_eq!(hosts(&mut admin, &port).await, pairs(&[("three", "ACTIVE")]));
    assert_eq!(migrations(&api).await, []);
    // It is unbound.
    bind("one").await;
    admin.put(&path(&port), json!({"port": {"binding:host_id": ""}})).await.expect(200);
    assert_eq!(migrations(&api).await, []);
    assert_eq!(hosts(&mut admin, &port).await, pairs(&[("", "ACTIVE"), ("one", "INACTIVE")]));
    admin.put(&format!("{bindings}/one/activate"), json!({})).await.expect(200);
    assert_eq!(hosts(&mut admin, &port).await, pairs(&[("one", "ACTIVE")]));
    // The port goes.
    bind("two").await;
    admin.delete(&path(&port)).await.expect(204);
    assert_eq!(migrations(&api).await, []);
}

#[tokio::test]
async fn what_a_port_carries_moves_with_it() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let port = guest(&mut admin).await;
    let child = admin.create("port", json!({"network_id": port["network_id"]})).await;
    let subport = json!({"port_id": child["id"], "segmentation_type": "vlan", "segmentation_id": 7});
    admin.create("trunk", json!({"port_id": port["id"], "sub_ports": [subport]})).await;
    let bindings = format!("{}/bindings", path(&port));
    admin.post(&bindings, json!({"binding": {"host": "two"}})).await.expect(201);
    admin.put(&format!("{bindings}/two/activate"), json!({})).await.expect(200);
    let shown = admin.get(&path(&child)).await.expect(200);
    assert_eq!(shown["port"]["binding:host_id"], "two");
}

#[tokio::test]
async fn bindings_that_cannot_be() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let port = guest(&mut admin).await;
    let id = text(&port["id"]);
    let plain = admin.create("port", json!({"network_id": port["network_id"]})).await;
    let bindings = format!("{}/bindings", path(&port));
    admin.post(&bindings, json!({"binding": {"host": "two"}})).await.expect(201);
    let none = "00000000-0000-0000-0000-000000000000";
    let of_host = |host: &str| json!({"binding": {"host": host}});
    let exists = |host: &str| format!("Binding for port {id} on host {host} already exists.");
    let missing = format!("Binding for port {id} for host three could not be found.");
    let (conflict, not_found) = ((409, "PortBindingAlreadyExists"), (404, "PortBindingNotFound"));
    check(
        &api,
        vec![
            case("POST", bindings.clone(), of_host("one"), conflict, exists("one")),
            case("POST", bindings.clone(), of_host("two"), conflict, exists("two")),
            case(
                "POST",
                bindings.clone(),
                json!({"binding": {}}),
                BAD,
                "Failed to parse request. Required attribute 'host' not specified",
            ),
            case(
                "POST",
                bindings.clone(),
                json!({"bindings": [{"host": "x"}]}),
                BAD,
                "Unable to find 'binding' in request body",
            ),
            case(
                "POST",
                bindings.clone(),
                json!({"binding": {"host": "x", "vnic_type": "y"}}),
                BAD,
                "Invalid input for vnic_type. Reason: y is not in valid_values.",
            ),
            case(
                "POST",
                bindings.clone(),
                json!({"binding": {"host": "x", "profile": 1}}),
                BAD,
                "Invalid input for profile. Reason: '1' is not a dictionary.",
            ),
            case(
                "POST",
                bindings.clone(),
                json!({"binding": {"host": "x", "status": "ACTIVE"}}),
                BAD,
                "Attribute 'status' not allowed in POST",
            ),
            case(
                "PUT",
                format!("{bindings}/two"),
                of_host("x"),
                BAD,
                "Cannot update read-only attribute host",
            ),
            case(
                "POST",
                format!("{}/bindings", path(&plain)),
                of_host("two"),
                (400, "BadRequest"),
                format!(
                    "Bad port request: Invalid port {}. Operation only valid on compute ports.",
                    text(&plain["id"])
                ),
            ),
            case(
                "POST",
                format!("/v2.0/ports/{none}/bindings"),
                of_host("two"),
                (404, "PortNotFound"),
                format!("Port {none} could not be found."),
            ),
            case(
                "PUT",
                format!("{bindings}/one/activate"),
                json!({}),
                (409, "PortBindingAlreadyActive"),
                format!("Binding for port {id} on host one is already active."),
            ),
            case("PUT", format!("{bindings}/three/activate"), json!({}), not_found, missing.clone()),
            case(
                "PUT",
                format!("{bindings}/three"),
                json!({"binding": {"profile": {}}}),
                not_found,
                missing.clone(),
            ),
            case("GET", format!("{bindings}/three"), Value::Null, not_found, missing.clone()),
            case("DELETE", format!("{bindings}/three"), Value::Null, not_found, missing),
            case(
                "GET",
                format!("{bindings}?x=1"),
                Value::Null,
                BAD,
                "['x'] is invalid attribute for filtering",
            ),
            case(
                "GET",
                format!("{bindings}/one/activate"),
                Value::Null,
                (405, "HTTPMethodNotAllowed"),
                "The method is not allowed for the requested resource.",
            ),
            case(
                "GET",
                format!("{bindings}/one/cat"),
                Value::Null,
                (404, "HTTPNotFound"),
                "The resource could not be found.",
            ),
        ],
    )
    .await;
    let mut member = api.member("admin");
    assert_eq!(member.get(&bindings).await.expect(200)["bindings"], json!([]));
    member.post(&bindings, of_host("x")).await.expect_error(
        403,
        "PolicyNotAuthorized",
        "rule:create_port_binding is disallowed by policy",
    );
    member.delete(&format!("{bindings}/two")).await.expect_error(
        403,
        "PolicyNotAuthorized",
        "rule:delete_port_binding is disallowed by policy",
    );
}

#[tokio::test]
async fn guests_are_attached_by_sockets_where_an_operator_says_so() {
    let attachment = Attachment::VhostUser { socket_dir: "/run/vhost".to_owned() };
    let api = Api::with(MemoryStore::new(), Settings { attachment, ..Settings::default() }).await;
    let mut admin = api.admin();
    let port = guest(&mut admin).await;
    let id = text(&port["id"]);
    let details = json!({"port_filter": true, "vhostuser_mode": "client", "vhostuser_ovs_plug": true,
        "vhostuser_socket": format!("/run/vhost/vhu{}", &id[..11])});
    assert_eq!((&port["binding:vif_type"], &port["binding:vif_details"]), (&json!("vhostuser"), &details));
    let binding = admin.get(&format!("{}/bindings/one", path(&port))).await.expect(200);
    assert_eq!(binding["binding"]["vif_details"], details);
    let other = admin.create("port", json!({"network_id": port["network_id"]})).await;
    assert_eq!((&other["binding:vif_type"], &other["binding:vif_details"]), (&json!("unbound"), &json!({})));
    let change = json!({"port": {"mac_address": "fa:16:3e:00:00:01"}});
    let bound = admin.put(&path(&port), change).await.expect(409);
    assert!(text(&bound["NeutronError"]["message"]).contains("port type: vhostuser, "), "{bound}");
    // It is the same after everything was read anew.
    api.store.force_gap("a test wants it");
    admin.create("network", json!({})).await;
    let shown = admin.get(&path(&port)).await.expect(200);
    assert_eq!(shown["port"]["binding:vif_type"], "vhostuser");
}

#[tokio::test]
async fn a_port_may_be_behind_a_foreign_tunnel() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    let body = json!({"network_id": network["id"],
        "binding:profile": {"port_key": "remote_port", "host_ip": "192.0.2.77"}});
    admin.create("port", body).await;
    let rows = api.objects(Table::LogicalPort).await;
    let [Object::LogicalPort(row)] = rows.as_slice() else { panic!("{rows:?}") };
    let binding = row.binding.as_ref().unwrap();
    assert_eq!((binding.kind, &binding.chassis), (BindingType::Vtep, &None));
    assert_eq!(binding.vtep_address.map(|address| address.to_string()).as_deref(), Some("192.0.2.77"));
    let wrong = json!({"port": {"network_id": network["id"],
        "binding:profile": {"port_key": "remote_port", "host_ip": "cat"}}});
    admin.post("/v2.0/ports", wrong).await.expect_error(
        400,
        "InvalidInput",
        "Invalid input for operation: binding:profile has the host_ip 'cat', which is not an IP address.",
    );
}
