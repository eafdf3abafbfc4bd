//! Addresses under a name, and the rules that every group begins with.

use nb::memory::MemoryStore;
use northbound::{Limits, Settings};
use serde_json::{Value, json};

use crate::support::{Api, eventually};

const GROUPS: &str = "/v2.0/address-groups";
const TEMPLATE: &str = "/v2.0/default-security-group-rules";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn addresses_come_and_go() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let said = json!({
        "name": "friends", "description": "d",
        "addresses": ["10.10.10.3/32", "192.168.0.10/24", "2001:db8::f00/64"],
    });
    let group = ann.create("address_group", said).await;
    let first = ["10.10.10.3/32", "192.168.0.0/24", "2001:db8::/64"];
    assert_eq!(group["addresses"], json!(first), "without host bits");
    assert_eq!((&group["name"], &group["project_id"]), (&json!("friends"), &json!("ann")));
    assert_eq!(group["shared"], Value::Null, "nobody is told");
    let path = format!("{GROUPS}/{}", text(&group["id"]));
    let id = text(&group["id"]);
    let (add, remove) = (format!("{path}/add_addresses"), format!("{path}/remove_addresses"));
    let changed = ann.put(&add, json!({"addresses": ["10.20.30.40", "10.20.30.40/32"]})).await.expect(200);
    let four = json!([first[0], first[1], first[2], "10.20.30.40/32"]);
    assert_eq!(changed["address_group"]["addresses"], four, "each once");
    assert_eq!(changed["address_group"]["revision_number"], 2);
    let changed = ann.put(&remove, json!({"addresses": ["192.168.0.77/24"]})).await.expect(200);
    assert_eq!(changed["address_group"]["addresses"], json!([first[0], first[2], "10.20.30.40/32"]));
    for (path, addresses, status, kind, message) in [
        (
            &add,
            json!(["10.10.10.3", "10.0.0.1"]),
            400,
            "AddressesAlreadyExist",
            format!("Addresses ['10.10.10.3/32'] already exist in the address group {id}."),
        ),
        (
            &remove,
            json!(["10.200.200.200", "fd00::/8"]),
            404,
            "AddressesNotFound",
            format!("Addresses ['10.200.200.200/32', 'fd00::/8'] not found in the address group {id}."),
        ),
        (
            &add,
            json!(["this is no address"]),
            400,
            "HTTPBadRequest",
            "Invalid input for addresses. Reason: 'this is no address' is not a valid IP subnet.".to_owned(),
        ),
        (
            &remove,
            json!([7]),
            400,
            "HTTPBadRequest",
            "Invalid input for addresses. Reason: '7' is not a valid IP subnet.".to_owned(),
        ),
        (
            &add,
            json!("10.0.0.1"),
            400,
            "HTTPBadRequest",
            "Invalid input for addresses. Reason: '10.0.0.1' is not a list.".to_owned(),
        ),
    ] {
        ann.put(path, json!({"addresses": addresses})).await.expect_error(status, kind, &message);
    }
}

#[tokio::test]
async fn nothing_else_of_an_address_group_says_addresses() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let group = ann.create("address_group", json!({"addresses": ["10.0.0.0/8"]})).await;
    let id = text(&group["id"]);
    let path = format!("{GROUPS}/{id}");
    let add = format!("{path}/add_addresses");
    let missing = "Unable to find 'addresses' in request body";
    ann.put(&add, json!({})).await.expect_error(400, "HTTPBadRequest", missing);
    ann.get(&add).await.expect(405);
    let change = json!({"address_group": {"description": "new", "name": "n"}});
    let changed = ann.put(&path, change).await.expect(200)["address_group"].take();
    assert_eq!((&changed["description"], &changed["revision_number"]), (&json!("new"), &json!(2)));
    let read_only = "Cannot update read-only attribute addresses";
    let change = json!({"address_group": {"addresses": []}});
    ann.put(&path, change).await.expect_error(400, "HTTPBadRequest", read_only);
    ann.delete(&path).await.expect(204);
    let missing = format!("Address group {id} could not be found.");
    ann.put(&add, json!({"addresses": []})).await.expect_error(404, "AddressGroupNotFound", &missing);
}

#[tokio::test]
async fn address_groups_are_made_found_and_kept_from_others() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    for wrong in ["10.20.30.40", "this is no address"] {
        let reply = ann.post(GROUPS, json!({"address_group": {"addresses": [wrong]}})).await;
        let message = format!("Invalid input for addresses. Reason: '{wrong}' is not a valid IP subnet.");
        reply.expect_error(400, "HTTPBadRequest", &message);
    }
    let none = ann.create("address_group", json!({"addresses": null})).await;
    assert_eq!((&none["addresses"], &none["name"]), (&json!([]), &json!("")));
    let many = json!({"address_groups": [{"name": "a"}, {"name": "b", "addresses": ["10.0.0.0/8"]}]});
    let made = ann.post(GROUPS, many).await.expect(201);
    let group = &made["address_groups"][1];
    for (query, count) in
        [("", 3), ("?name=b", 1), ("?project_id=ann", 3), ("?description=x", 0), ("?limit=2", 2)]
    {
        let listed = ann.get(&format!("{GROUPS}{query}")).await.expect(200);
        assert_eq!(listed["address_groups"].as_array().map(Vec::len), Some(count), "{query}");
    }
    let path = format!("{GROUPS}/{}", text(&group["id"]));
    let mut bob = api.member("bob");
    assert_eq!(bob.get(GROUPS).await.expect(200)["address_groups"], json!([]));
    bob.get(&path).await.expect(404);
    bob.put(&format!("{path}/add_addresses"), json!({"addresses": []})).await.expect(404);
    let mut reader = api.client(&[("X-Project-Id", "ann"), ("X-Roles", "reader")]);
    reader.get(&path).await.expect(200);
    for action in ["add_addresses", "remove_addresses"] {
        let refused = reader.put(&format!("{path}/{action}"), json!({"addresses": []})).await;
        refused.expect_error(403, "PolicyNotAuthorized", &format!("rule:{action} is disallowed by policy"));
    }
    reader.delete(&path).await.expect_error(
        403,
        "PolicyNotAuthorized",
        "rule:delete_address_group is disallowed by policy",
    );
    ann.get(&format!("{path}/tags")).await.expect(404);
}

#[tokio::test]
async fn addresses_that_a_rule_needs_stay() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let addresses = ann.create("address_group", json!({})).await["id"].clone();
    let group = ann.create("security_group", json!({})).await["id"].clone();
    let rule =
        json!({"security_group_id": group, "direction": "egress", "remote_address_group_id": addresses});
    let rule = ann.create("security_group_rule", rule).await;
    let path = format!("{GROUPS}/{}", text(&addresses));
    let message =
        format!("Address group {} is in use on one or more security group rules.", text(&addresses));
    ann.delete(&path).await.expect_error(409, "AddressGroupInUse", &message);
    ann.delete(&format!("/v2.0/security-group-rules/{}", text(&rule["id"]))).await.expect(204);
    ann.delete(&path).await.expect(204);
}

/// A rule that names addresses while they go: one of the two is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_rule_names_addresses_that_are_gone() {
    let settings = || Settings { default_quota: Limits::unlimited(), ..Settings::default() };
    let first = Api::with(MemoryStore::new(), settings()).await;
    let second = Api::with(first.store.clone(), settings()).await;
    let group = first.member("ann").create("security_group", json!({})).await["id"].clone();
    for _ in 0..20 {
        let addresses = first.member("ann").create("address_group", json!({})).await["id"].clone();
        let path = format!("{GROUPS}/{}", text(&addresses));
        eventually(async || second.member("ann").get(&path).await.status == 200).await;
        let mut deleter = first.member("ann");
        let deleted = tokio::spawn(async move { deleter.delete(&path).await.status });
        let rule =
            json!({"security_group_id": group, "direction": "egress", "remote_address_group_id": addresses});
        let body = json!({"security_group_rule": rule});
        let created = second.member("ann").post("/v2.0/security-group-rules", body).await;
        let statuses = (deleted.await.unwrap(), created.status);
        assert!([(204, 404), (409, 201)].contains(&statuses), "{statuses:?}");
    }
}

/// What the rules of the template say, sorted.
async fn template(api: &Api, query: &str) -> Vec<String> {
    let listed = api.member("somebody").get(&format!("{TEMPLATE}{query}")).await.expect(200);
    let rules = listed["default_security_group_rules"].as_array().unwrap().iter();
    let mut rules: Vec<String> = rules
        .map(|rule| {
            let flags = (&rule["used_in_default_sg"], &rule["used_in_non_default_sg"]);
            format!(
                "{} {} {} {}/{}",
                text(&rule["direction"]),
                text(&rule["ethertype"]),
                rule["remote_group_id"],
                flags.0,
                flags.1
            )
        })
        .collect();
    rules.sort();
    rules
}

#[tokio::test]
async fn new_groups_begin_with_the_rules_of_the_template() {
    let api = Api::start().await;
    assert_eq!(
        template(&api, "").await,
        [
            "egress IPv4 null true/true",
            "egress IPv6 null true/true",
            "ingress IPv4 \"PARENT\" true/false",
            "ingress IPv6 \"PARENT\" true/false",
        ]
    );
    assert_eq!(template(&api, "?used_in_non_default_sg=True").await.len(), 2);
    let mut admin = api.admin();
    let said = json!({
        "direction": "ingress", "protocol": "tcp", "port_range_min": 22, "port_range_max": 22,
        "remote_ip_prefix": "10.0.0.7/8", "used_in_default_sg": false, "used_in_non_default_sg": true,
        "description": "ssh",
    });
    let rule = admin.create("default_security_group_rule", said).await;
    for (name, expected) in [
        ("description", json!("ssh")),
        ("ethertype", json!("IPv4")),
        ("protocol", json!("tcp")),
        ("remote_ip_prefix", json!("10.0.0.7/8")),
        ("remote_group_id", Value::Null),
        ("used_in_default_sg", json!(false)),
    ] {
        assert_eq!(rule[name], expected, "{name}");
    }
    assert_eq!(
        (&rule["project_id"], &rule["tenant_id"], &rule["created_at"]),
        (&Value::Null, &Value::Null, &Value::Null)
    );
    let mut ann = api.member("ann");
    let own = ann.create("security_group", json!({})).await;
    let default = ann.get("/v2.0/security-groups?name=default").await.expect(200);
    let has_ssh = |group: &Value| {
        let rules = group["security_group_rules"].as_array().unwrap();
        rules.iter().any(|rule| rule["port_range_min"] == 22 && rule["normalized_cidr"] == "10.0.0.0/8")
    };
    assert!(has_ssh(&own) && !has_ssh(&default["security_groups"][0]));
    let path = format!("{TEMPLATE}/{}", text(&rule["id"]));
    ann.get(&path).await.expect(200);
    ann.delete(&path).await.expect_error(
        403,
        "PolicyNotAuthorized",
        "rule:delete_default_security_group_rule is disallowed by policy",
    );
    admin.put(&path, json!({"default_security_group_rule": {}})).await.expect(405);
    admin.delete(&path).await.expect(204);
    let missing = format!("Default Security Group rule {} does not exist", text(&rule["id"]));
    admin.get(&path).await.expect_error(404, "DefaultSecurityGroupRuleNotFound", &missing);
    // What was taken away stays away.
    let listed = admin.get(TEMPLATE).await.expect(200);
    for rule in listed["default_security_group_rules"].as_array().unwrap() {
        admin.delete(&format!("{TEMPLATE}/{}", text(&rule["id"]))).await.expect(204);
    }
    assert_eq!(template(&api, "").await, [""; 0]);
    let bare = api.member("bob").create("security_group", json!({})).await;
    assert_eq!(bare["security_group_rules"], json!([]));
}

#[tokio::test]
async fn the_template_says_nothing_twice() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let said = |in_default: bool, in_others: bool| {
        json!({
            "direction": "ingress", "protocol": "tcp", "port_range_min": 80, "port_range_max": 80,
            "used_in_default_sg": in_default, "used_in_non_default_sg": in_others,
        })
    };
    let first = admin.create("default_security_group_rule", said(true, false)).await;
    let second = admin.create("default_security_group_rule", said(false, true)).await;
    for (flags, id) in
        [((true, false), &first["id"]), ((true, true), &first["id"]), ((false, true), &second["id"])]
    {
        let body = json!({"default_security_group_rule": said(flags.0, flags.1)});
        let message = format!("Default Security group rule already exists. Rule id is {}.", text(id));
        admin.post(TEMPLATE, body).await.expect_error(409, "DefaultSecurityGroupRuleExists", &message);
    }
    let mut wrong = said(true, true);
    wrong["port_range_min"] = json!(81);
    let reply = admin.post(TEMPLATE, json!({"default_security_group_rule": wrong})).await;
    reply.expect_error(
        400,
        "SecurityGroupInvalidPortRange",
        "For TCP/UDP protocols, port_range_min must be <= port_range_max",
    );
    let mut unsaid = said(true, true);
    unsaid.as_object_mut().unwrap().remove("used_in_default_sg");
    let reply = admin.post(TEMPLATE, json!({"default_security_group_rule": unsaid})).await;
    let message = "Failed to parse request. Required attribute 'used_in_default_sg' not specified";
    reply.expect_error(400, "HTTPBadRequest", message);
    let refused =
        api.member("ann").post(TEMPLATE, json!({"default_security_group_rule": said(true, true)})).await;
    refused.expect_error(
        403,
        "PolicyNotAuthorized",
        "rule:create_default_security_group_rule is disallowed by policy",
    );
}
