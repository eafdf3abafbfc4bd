//! Trunks: ports that carry others.

use model::{
    ChildPortSegmentation, Id, LogicalPort, Object, PortState, PortStatus, SegmentationType, Table, Topic,
};
use nb::{Store as _, Txn};
use serde_json::{Value, json};

use crate::refusals::{BAD, Case, INPUT, case, check};
use crate::support::{Api, Client, eventually};

const TRUNKS: &str = "/v2.0/trunks";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn path(collection: &str, resource: &Value) -> String {
    format!("/v2.0/{collection}/{}", text(&resource["id"]))
}

/// Ports of a new network.
async fn ports(client: &mut Client, count: usize) -> Vec<Value> {
    let network = client.create("network", json!({})).await;
    let body = json!({"ports": vec![json!({"network_id": network["id"]}); count]});
    client.post("/v2.0/ports", body).await.expect(201)["ports"].as_array().unwrap().clone()
}

fn vlan(port: &Value, id: u32) -> Value {
    json!({"port_id": port["id"], "segmentation_type": "vlan", "segmentation_id": id})
}

async fn shown(client: &mut Client, port: &Value) -> Value {
    client.get(&path("ports", port)).await.expect(200)["port"].take()
}

#[tokio::test]
async fn a_trunk_lives() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let own = ports(&mut admin, 4).await;
    let body = json!({"port_id": own[0]["id"], "name": "t", "description": "d", "project_id": "p",
        "sub_ports": [vlan(&own[1], 7)]});
    let trunk = admin.create("trunk", body).await;
    for (name, value) in [
        ("name", json!("t")),
        ("description", json!("d")),
        ("project_id", json!("p")),
        ("port_id", own[0]["id"].clone()),
        ("status", json!("DOWN")),
        ("admin_state_up", json!(true)),
        ("sub_ports", json!([vlan(&own[1], 7)])),
        ("revision_number", json!(1)),
        ("tags", json!([])),
    ] {
        assert_eq!(trunk[name], value, "{name}");
    }
    let subport = shown(&mut admin, &own[1]).await;
    assert_eq!((&subport["device_owner"], &subport["device_id"]), (&json!("trunk:subport"), &trunk["id"]));
    assert!(subport.get("trunk_details").is_none(), "only what carries has details");
    let mut with_mac = vlan(&own[1], 7);
    with_mac["mac_address"] = own[1]["mac_address"].clone();
    let parent = shown(&mut admin, &own[0]).await;
    assert_eq!(parent["trunk_details"], json!({"trunk_id": trunk["id"], "sub_ports": [with_mac]}));

    let added = json!({"sub_ports": [vlan(&own[2], 8), vlan(&own[3], 9)]});
    let added = admin.put(&format!("{}/add_subports", path("trunks", &trunk)), added).await.expect(200);
    assert_eq!((&added["id"], added["sub_ports"].as_array().unwrap().len()), (&trunk["id"], 3));
    let removed = json!({"sub_ports": [{"port_id": own[1]["id"]}]});
    let removed =
        admin.put(&format!("{}/remove_subports", path("trunks", &trunk)), removed).await.expect(200);
    let left = json!([vlan(&own[2], 8), vlan(&own[3], 9)]);
    assert_eq!(removed["sub_ports"], left);
    let listed = admin.get(&format!("{}/get_subports", path("trunks", &trunk))).await.expect(200);
    assert_eq!(listed, json!({"sub_ports": left}));
    let freed = shown(&mut admin, &own[1]).await;
    assert_eq!((&freed["device_owner"], &freed["device_id"]), (&json!(""), &json!("")));
    admin.delete(&path("ports", &own[1])).await.expect(204);

    let change = json!({"trunk": {"name": "u", "description": "", "admin_state_up": "true"}});
    let changed = admin.put(&path("trunks", &trunk), change).await.expect(200);
    assert_eq!((&changed["trunk"]["name"], &changed["trunk"]["description"]), (&json!("u"), &json!("")));
    let found = admin.get(&format!("{TRUNKS}?port_id={}&name=u", text(&own[0]["id"]))).await.expect(200);
    assert_eq!(found["trunks"].as_array().unwrap().len(), 1);
    admin.put(&format!("{}/tags", path("trunks", &trunk)), json!({"tags": ["x"]})).await.expect(200);
    admin.delete(&path("trunks", &trunk)).await.expect(204);
    assert!(shown(&mut admin, &own[0]).await.get("trunk_details").is_none());
    for port in [&own[0], &own[2], &own[3]] {
        assert_eq!(shown(&mut admin, port).await["device_id"], "");
        admin.delete(&path("ports", port)).await.expect(204);
    }
}

#[tokio::test]
async fn nodes_find_which_port_is_in_which() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let own = ports(&mut admin, 3).await;
    let host = json!({"port": {"binding:host_id": "h"}});
    admin.put(&path("ports", &own[0]), host).await.expect(200);
    let body = json!({"port_id": own[0]["id"], "project_id": "p", "sub_ports": [vlan(&own[1], 7)]});
    let trunk = admin.create("trunk", body).await;
    let rows = async || api.objects(Table::ChildPortSegmentation).await;
    let written = rows().await;
    let [Object::ChildPortSegmentation(row)] = written.as_slice() else { panic!("{written:?}") };
    let (parent, child): (Id<LogicalPort>, Id<LogicalPort>) =
        (Id::new(text(&own[0]["id"])).unwrap(), Id::new(text(&own[1]["id"])).unwrap());
    assert_eq!((&row.parent, &row.port, row.segmentation_id), (&parent, &child, Some(7)));
    assert_eq!(row.id, ChildPortSegmentation::id_of(&parent, &child));
    assert_eq!((row.segmentation_type, &row.topic), (SegmentationType::Vlan, &Topic::new("p")));
    let host_of = async |port: &Value| {
        let rows = api.objects(Table::LogicalPort).await;
        let row = rows.iter().find(|row| *row.id() == *text(&port["id"])).unwrap();
        let Object::LogicalPort(row) = row else { panic!("{row:?}") };
        (row.chassis().map(ToString::to_string), row.device_owner.clone())
    };
    let owner = Some("trunk:subport".to_owned());
    assert_eq!(host_of(&own[1]).await, (Some("h".to_owned()), owner.clone()));
    admin.put(&path("ports", &own[0]), json!({"port": {"binding:host_id": "i"}})).await.expect(200);
    assert_eq!(host_of(&own[1]).await, (Some("i".to_owned()), owner));
    assert_eq!(shown(&mut admin, &own[1]).await["binding:host_id"], "i");
    let change = json!({"sub_ports": [vlan(&own[2], 8)]});
    admin.put(&format!("{}/add-subports", path("trunks", &trunk)), change).await.expect(200);
    assert_eq!(host_of(&own[2]).await.0.as_deref(), Some("i"));
    let change = json!({"sub_ports": [{"port_id": own[1]["id"]}]});
    admin.put(&format!("{}/remove-subports", path("trunks", &trunk)), change).await.expect(200);
    assert_eq!(host_of(&own[1]).await, (None, Some(String::new())));
    assert_eq!(rows().await.len(), 1);
    admin.delete(&path("trunks", &trunk)).await.expect(204);
    assert_eq!(rows().await, []);
    assert_eq!(host_of(&own[2]).await.0, None);
}

#[tokio::test]
async fn a_trunk_carries_more_than_a_transaction_of_the_store_takes() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let own = ports(&mut admin, 151).await;
    let number = |at: usize| u32::try_from(at).unwrap() + 1;
    let subports: Vec<Value> =
        own[1..101].iter().enumerate().map(|(at, port)| vlan(port, number(at))).collect();
    let trunk = admin.create("trunk", json!({"port_id": own[0]["id"], "sub_ports": subports})).await;
    assert_eq!(trunk["sub_ports"].as_array().unwrap().len(), 100);
    let more: Vec<Value> =
        own[101..].iter().enumerate().map(|(at, port)| vlan(port, number(at) + 100)).collect();
    let add = format!("{}/add_subports", path("trunks", &trunk));
    // One that cannot be added, among those that would be added last, keeps all out.
    let mut wrong = more.clone();
    wrong[49]["segmentation_id"] = json!(1);
    let refused = admin.put(&add, json!({"sub_ports": wrong})).await.expect(409);
    assert_eq!(refused["NeutronError"]["type"], "DuplicateSubPort");
    let rows = async || api.objects(Table::ChildPortSegmentation).await.len();
    assert_eq!(rows().await, 100);
    let added = admin.put(&add, json!({"sub_ports": more})).await.expect(200);
    assert_eq!((added["sub_ports"].as_array().unwrap().len(), rows().await), (150, 150));
    admin.put(&path("ports", &own[0]), json!({"port": {"binding:host_id": "h"}})).await.expect(200);
    let moved = admin.get("/v2.0/ports?binding:host_id=h&fields=id").await.expect(200);
    assert_eq!(moved["ports"].as_array().unwrap().len(), 151, "all are where the trunk is");
    let removed: Vec<Value> = own[1..61].iter().map(|port| json!({"port_id": port["id"]})).collect();
    let remove = format!("{}/remove_subports", path("trunks", &trunk));
    let left = admin.put(&remove, json!({"sub_ports": removed})).await.expect(200);
    assert_eq!((left["sub_ports"].as_array().unwrap().len(), rows().await), (90, 90));
    admin.delete(&path("trunks", &trunk)).await.expect(204);
    assert_eq!(rows().await, 0);
    let left = admin.get("/v2.0/ports?device_owner=trunk:subport").await.expect(200);
    assert_eq!(left["ports"], json!([]));
}

#[tokio::test]
async fn a_trunk_is_active_where_its_port_is() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let own = ports(&mut admin, 1).await;
    let trunk = admin.create("trunk", json!({"port_id": own[0]["id"]})).await;
    let lport: Id<LogicalPort> = Id::new(text(&own[0]["id"])).unwrap();
    let status = PortStatus {
        chassis: Id::new("h").unwrap(),
        generation: 1,
        id: PortStatus::id_of(&lport),
        lport,
        lport_version: None,
        state: PortState::Active,
        topic: Topic::new("admin"),
        version: None,
    };
    api.store.commit(Txn::new().put_object(&Object::from(status))).await.unwrap();
    eventually(async || {
        let listed = api.admin().get(&format!("{TRUNKS}?status=ACTIVE")).await.expect(200);
        listed["trunks"][0]["id"] == trunk["id"]
    })
    .await;
}

fn create(parent: &Value, subports: Value, error: (u16, &'static str), message: impl Into<String>) -> Case {
    let body = json!({"trunk": {"port_id": parent["id"], "sub_ports": subports}});
    case("POST", TRUNKS, body, error, message)
}

#[tokio::test]
async fn trunks_that_cannot_be() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let own = ports(&mut admin, 8).await;
    let (parent, carried, free, other, used) = (&own[0], &own[1], &own[2], &own[3], &own[4]);
    let trunk =
        admin.create("trunk", json!({"port_id": parent["id"], "sub_ports": [vlan(carried, 7)]})).await;
    admin.put(&path("ports", used), json!({"port": {"device_id": "vm"}})).await.expect(200);
    let subnet = json!({"network_id": used["network_id"], "ip_version": 4, "cidr": "10.0.0.0/24"});
    admin.create("subnet", subnet).await;
    let server = admin.get("/v2.0/ports?device_owner=network:dhcp").await.expect(200)["ports"][0].take();
    let large = admin.create("network", json!({"mtu": 1400})).await;
    let small = admin.create("port", json!({"network_id": large["id"]})).await;
    let none = "00000000-0000-0000-0000-000000000000";
    let id = |resource: &Value| text(&resource["id"]).to_owned();
    let in_trunk = |port: &Value| format!("Port {} is in use by another trunk.", id(port));
    let not_eligible = |port: &Value| {
        format!("Port {} is currently in use and is not eligible for use as a parent port.", id(port))
    };
    let (in_use, parent_in_use) = ((409, "TrunkPortInUse"), (409, "ParentPortInUse"));
    let untyped = json!({"port_id": other["id"]});
    let add = format!("{}/add_subports", path("trunks", &trunk));
    let missing = |subport: &str| {
        format!(
            "Invalid input for operation: Invalid subport details '{subport}': missing segmentation information. Must \
             specify both segmentation_id and segmentation_type."
        )
    };
    let subports = |subport: Value| json!({"sub_ports": [subport]});
    let half = json!({"port_id": other["id"], "segmentation_type": "vlan"});
    check(
        &api,
        vec![
            case("POST", TRUNKS, json!({"trunk": {}}), BAD, "Failed to parse request. Required attribute 'port_id' not specified"),
            create(&json!({"id": none}), json!([]), (404, "PortNotFound"), format!("Port {none} could not be found.")),
            create(parent, json!([]), parent_in_use, not_eligible(parent)),
            create(carried, json!([]), in_use, in_trunk(carried)),
            create(free, json!([vlan(carried, 9)]), in_use, in_trunk(carried)),
            create(free, json!([vlan(parent, 9)]), parent_in_use, not_eligible(parent)),
            create(free, json!([vlan(free, 9)]), parent_in_use, not_eligible(free)),
            create(free, json!([vlan(&json!({"id": none}), 9)]), (404, "PortNotFound"), format!("Port {none} could not be found.")),
            create(free, json!([vlan(used, 9)]), (409, "PortInUse"), format!("Unable to complete operation on port {} for network {}. Port already has an attached device vm.", id(used), text(&used["network_id"]))),
            create(&server, json!([]), parent_in_use, not_eligible(&server)),
            create(free, json!([vlan(&server, 9)]), (409, "PortInUse"), format!("Unable to complete operation on port {} for network {}. Port already has an attached device network:dhcp.", id(&server), text(&used["network_id"]))),
            create(free, json!([vlan(other, 4095)]), INPUT, "Invalid input for operation: Segmentation ID '4095' is not in range."),
            create(free, json!([{"port_id": other["id"], "segmentation_type": "vlan", "segmentation_id": "x"}]), INPUT, "Invalid input for operation: Invalid subport details: segmentation_id 'x' is not an integer."),
            create(free, json!([{"port_id": other["id"], "segmentation_type": "vxlan", "segmentation_id": 9}]), (404, "SegmentationTypeValidatorNotFound"), "Validator not found for segmentation type vxlan. It must be registered before the plugin can handle it."),
            create(free, json!([{"port_id": other["id"], "segmentation_type": "inherit"}]), (404, "SegmentationTypeValidatorNotFound"), "Validator not found for segmentation type geneve. It must be registered before the plugin can handle it."),
            create(free, json!([untyped]), INPUT, missing(&format!("{{'port_id': '{}'}}", id(other)))),
            create(free, json!([half]), BAD, format!("Invalid input for sub_ports. Reason: Invalid subport details '{{'port_id': '{}', 'segmentation_type': 'vlan'}}': missing segmentation information. Must specify both segmentation_id and segmentation_type.", id(other))),
            create(&small, json!([vlan(other, 9)]), (409, "SubPortMtuGreaterThanTrunkPortMtu"), format!("MTU 1442 of subport {} cannot be greater than MTU 1400 of trunk {}.", id(other), id(&small))),
            case("PUT", add.clone(), subports(vlan(other, 7)), (409, "DuplicateSubPort"), format!("segmentation_type vlan and segmentation_id 7 already in use on trunk {}.", id(&trunk))),
            case("PUT", add.clone(), subports(vlan(carried, 8)), in_use, in_trunk(carried)),
            case("PUT", add.clone(), subports(untyped), INPUT, missing(&format!("{{'port_id': '{}'}}", id(other)))),
            case("PUT", add.clone(), json!({"sub_ports": [{}]}), INPUT, "Invalid input for operation: A valid port UUID must be specified."),
            case("PUT", add.clone(), json!({}), INPUT, "Invalid input for operation: Invalid data format for subports: 'None' is not a list."),
            case("PUT", add.replace("add", "remove"), subports(json!({"port_id": other["id"]})), (404, "SubPortNotFound"), format!("SubPort on trunk {} with parent port {} could not be found.", id(&trunk), id(other))),
            case("POST", add, json!({}), (405, "HTTPMethodNotAllowed"), "The method is not allowed for the requested resource."),
            case("GET", format!("{TRUNKS}/{none}/get_subports"), Value::Null, (404, "TrunkNotFound"), format!("Trunk {none} could not be found.")),
            case("GET", format!("{}/cats", path("trunks", &trunk)), Value::Null, (404, "HTTPNotFound"), "The resource could not be found."),
            case("PUT", path("trunks", &trunk), json!({"trunk": {"sub_ports": []}}), BAD, "Cannot update read-only attribute sub_ports"),
            case("DELETE", path("ports", parent), Value::Null, (409, "PortInUseAsTrunkParent"), format!("Port {} is currently a parent port for trunk {}.", id(parent), id(&trunk))),
            case("DELETE", path("ports", carried), Value::Null, (409, "PortInUseAsSubPort"), format!("Port {} is currently a subport for trunk {}.", id(carried), id(&trunk))),
        ],
    )
    .await;
    assert_eq!(api.objects(Table::ChildPortSegmentation).await.len(), 1, "nothing of it was done");
}

#[tokio::test]
async fn a_trunk_that_is_switched_off_stays_as_it_is() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let own = ports(&mut admin, 3).await;
    let body = json!({"port_id": own[0]["id"], "admin_state_up": false, "sub_ports": [vlan(&own[1], 7)]});
    let trunk = admin.create("trunk", body).await;
    let of_trunk = path("trunks", &trunk);
    let disabled = format!("Trunk {} is currently disabled.", text(&trunk["id"]));
    let error = (409, "TrunkDisabled");
    check(
        &api,
        vec![
            case(
                "PUT",
                format!("{of_trunk}/add_subports"),
                json!({"sub_ports": [vlan(&own[2], 8)]}),
                error,
                disabled.clone(),
            ),
            case(
                "PUT",
                format!("{of_trunk}/remove_subports"),
                json!({"sub_ports": [{"port_id": own[1]["id"]}]}),
                error,
                disabled.clone(),
            ),
            case("DELETE", of_trunk.clone(), Value::Null, error, disabled),
        ],
    )
    .await;
    admin.put(&of_trunk, json!({"trunk": {"admin_state_up": true}})).await.expect(200);
    admin.delete(&of_trunk).await.expect(204);
}

#[tokio::test]
async fn a_port_may_inherit_the_vlan_of_its_network() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let own = ports(&mut admin, 1).await;
    let settings = northbound::Settings {
        segments: northbound::translate::SegmentSettings {
            vlans: northbound::translate::VlanNetwork::parse_all(["phys:1:4094"]).unwrap(),
            ..Default::default()
        },
        ..Default::default()
    };
    let second = Api::with(api.store.clone(), settings).await;
    let mut admin = second.admin();
    let network = json!({"provider:network_type": "vlan", "provider:physical_network": "phys",
        "provider:segmentation_id": 77, "mtu": 1400});
    let network = admin.create("network", network).await;
    let inherit = async |admin: &mut Client| {
        let port = admin.create("port", json!({"network_id": network["id"]})).await;
        json!({"port_id": port["id"], "segmentation_type": "inherit"})
    };
    let (first, second_port) = (inherit(&mut admin).await, inherit(&mut admin).await);
    let both = json!({"trunk": {"port_id": own[0]["id"], "sub_ports": [first, second_port]}});
    let refused = admin.post(TRUNKS, both).await.expect(400);
    let said = text(&refused["NeutronError"]["message"]);
    assert!(said.starts_with("Invalid input for operation: Segmentation ID '77' for"), "{said}");
    let trunk = admin.create("trunk", json!({"port_id": own[0]["id"], "sub_ports": [first]})).await;
    assert_eq!(
        trunk["sub_ports"],
        json!([{"port_id": first["port_id"], "segmentation_type": "vlan", "segmentation_id": 77}])
    );
}

#[tokio::test]
async fn projects_have_trunks_of_their_own() {
    let api = Api::start().await;
    let (mut admin, mut ann, mut bob) = (api.admin(), api.member("ann"), api.member("bob"));
    let own = ports(&mut ann, 3).await;
    let trunk = ann.create("trunk", json!({"port_id": own[0]["id"], "sub_ports": [vlan(&own[1], 7)]})).await;
    let missing = format!("Trunk {} could not be found.", text(&trunk["id"]));
    bob.get(&path("trunks", &trunk)).await.expect_error(404, "TrunkNotFound", &missing);
    let list = format!("{}/get_subports", path("trunks", &trunk));
    bob.get(&list).await.expect_error(404, "TrunkNotFound", &missing);
    assert_eq!(bob.get(TRUNKS).await.expect(200)["trunks"], json!([]));
    assert_eq!(ann.get(TRUNKS).await.expect(200)["trunks"].as_array().unwrap().len(), 1);
    let foreign = json!({"trunk": {"port_id": own[2]["id"]}});
    let no_port = format!("Port {} could not be found.", text(&own[2]["id"]));
    bob.post(TRUNKS, foreign.clone()).await.expect_error(404, "PortNotFound", &no_port);
    let mut reader = api.client(&[("X-Project-Id", "ann"), ("X-Roles", "reader")]);
    let add = format!("{}/add_subports", path("trunks", &trunk));
    let body = json!({"sub_ports": [vlan(&own[2], 8)]});
    reader.put(&add, body).await.expect_error(
        403,
        "PolicyNotAuthorized",
        "rule:add_subports is disallowed by policy",
    );
    reader.get(&list).await.expect(200);
    admin.put("/v2.0/quotas/ann", json!({"quota": {"trunk": 1}})).await.expect(200);
    ann.post(TRUNKS, foreign).await.expect_error(
        409,
        "OverQuota",
        "Quota exceeded for resources: ['trunk'].",
    );
}

#[tokio::test]
async fn of_many_who_want_a_port_one_gets_it() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let own = ports(&mut admin, 5).await;
    let mut wanted = tokio::task::JoinSet::new();
    for parent in &own[1..] {
        let mut client = api.admin();
        let body = json!({"trunk": {"port_id": parent["id"], "sub_ports": [vlan(&own[0], 7)]}});
        wanted.spawn(async move { client.post(TRUNKS, body).await.status });
        let mut client = api.admin();
        let body = json!({"trunk": {"port_id": own[0]["id"]}});
        wanted.spawn(async move { client.post(TRUNKS, body).await.status });
    }
    let mut statuses = wanted.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409, 409, 409]);
    assert!(api.objects(Table::ChildPortSegmentation).await.len() <= 1);
}
