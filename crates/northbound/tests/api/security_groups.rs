//! Security groups: the one that every project has, and those that it makes.

use std::collections::BTreeSet;

use nb::memory::MemoryStore;
use northbound::{Limits, Settings};
use serde_json::{Value, json};

use crate::support::{Api, Client, Reply, eventually};

const GROUPS: &str = "/v2.0/security-groups";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn path(group: &Value) -> String {
    format!("{GROUPS}/{}", text(&group["id"]))
}

async fn groups(client: &mut Client, query: &str) -> Vec<Value> {
    let listed = client.get(&format!("{GROUPS}{query}")).await.expect(200);
    listed["security_groups"].as_array().unwrap().clone()
}

/// What the rules of a group say, sorted.
fn rules(group: &Value) -> BTreeSet<String> {
    let rule = |rule: &Value| {
        let remote = if rule["remote_group_id"] == group["id"] { "itself" } else { "anybody" };
        format!("{} {} {remote}", text(&rule["direction"]), text(&rule["ethertype"]))
    };
    group["security_group_rules"].as_array().unwrap().iter().map(rule).collect()
}

const BOTH_WAYS: [&str; 4] =
    ["egress IPv4 anybody", "egress IPv6 anybody", "ingress IPv4 itself", "ingress IPv6 itself"];

#[tokio::test]
async fn every_project_has_a_group_with_the_first_request_that_could_need_it() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let [group] = groups(&mut ann, "").await.try_into().unwrap();
    assert_eq!((text(&group["name"]), text(&group["description"])), ("default", "Default security group"));
    assert_eq!((&group["stateful"], &group["shared"]), (&json!(true), &json!(false)));
    assert_eq!((&group["project_id"], &group["tenant_id"]), (&json!("ann"), &json!("ann")));
    assert_eq!(group["revision_number"], 1);
    assert_eq!(rules(&group), BOTH_WAYS.map(str::to_owned).into());
    let rule = &group["security_group_rules"][0];
    assert_eq!((&rule["belongs_to_default_sg"], &rule["description"]), (&json!(true), &Value::Null));
    assert_eq!((&rule["project_id"], &rule["protocol"]), (&json!("ann"), &Value::Null));
    assert_eq!(groups(&mut ann, "").await, std::slice::from_ref(&group), "it is made once");

    // By a network, a port of somebody else, a group, and a list of rules.
    let network = api.member("bob").create("network", json!({})).await;
    assert_eq!(groups(&mut api.admin(), "?project_id=bob&name=default").await.len(), 1);
    api.admin().create("port", json!({"network_id": network["id"], "project_id": "cat"})).await;
    api.member("dan").create("security_group", json!({"name": "own"})).await;
    let listed = api.member("eve").get("/v2.0/security-group-rules").await.expect(200);
    assert_eq!(listed["security_group_rules"].as_array().map(Vec::len), Some(4));
    let all = groups(&mut api.admin(), "?name=default&fields=project_id").await;
    let projects: BTreeSet<&str> = all.iter().map(|group| text(&group["project_id"])).collect();
    assert_eq!(projects, ["admin", "ann", "bob", "cat", "dan", "eve"].into());
}

#[tokio::test]
async fn a_list_makes_no_group_for_others() {
    let api = Api::start().await;
    assert_eq!(groups(&mut api.member("ann"), "?project_id=bob").await, [] as [Value; 0]);
    assert_eq!(groups(&mut api.admin(), "?tenant_id=bob").await.len(), 1, "an administrator's does");
    assert_eq!(groups(&mut api.member("bob"), "").await.len(), 1);
    let long = "x".repeat(256);
    assert_eq!(
        groups(&mut api.admin(), &format!("?project_id={long}")).await.len(),
        0,
        "nobody is called so"
    );
}

#[tokio::test]
async fn the_default_group_keeps_its_name_and_comes_back() {
    let api = Api::start().await;
    let (mut ann, mut admin) = (api.member("ann"), api.admin());
    let [group] = groups(&mut ann, "").await.try_into().unwrap();
    for name in ["default", "Default"] {
        ann.post(GROUPS, json!({"security_group": {"name": name}})).await.expect_error(
            409,
            "SecurityGroupDefaultAlreadyExists",
            "Default security group already exists.",
        );
    }
    let own = ann.create("security_group", json!({"name": "own"})).await;
    ann.put(&path(&own), json!({"security_group": {"name": "DEFAULT"}})).await.expect(409);
    for client in [&mut ann, &mut admin] {
        client.put(&path(&group), json!({"security_group": {"name": "x"}})).await.expect_error(
            409,
            "SecurityGroupCannotUpdateDefault",
            "Updating default security group not allowed.",
        );
    }
    let changed =
        ann.put(&path(&group), json!({"security_group": {"description": "mine"}})).await.expect(200);
    assert_eq!(changed["security_group"]["description"], "mine");
    ann.delete(&path(&group)).await.expect_error(
        409,
        "SecurityGroupCannotRemoveDefault",
        "Insufficient rights for removing default security group.",
    );
    // A change of a port is enough for it to be made again.
    let network = ann.create("network", json!({})).await;
    let port = ann.create("port", json!({"network_id": network["id"], "security_groups": []})).await;
    admin.delete(&path(&group)).await.expect(204);
    let port = format!("/v2.0/ports/{}", text(&port["id"]));
    ann.put(&port, json!({"port": {"name": "p"}})).await.expect(200);
    let again = groups(&mut admin, "?project_id=ann&name=default").await;
    assert_eq!(again.len(), 1);
    assert_ne!(again[0]["id"], group["id"]);
}

#[tokio::test]
async fn groups_are_made_changed_found_and_deleted() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let group =
        ann.create("security_group", json!({"name": " web ", "description": "d", "stateful": "false"})).await;
    assert_eq!((text(&group["name"]), text(&group["description"])), (" web ", "d"));
    assert_eq!(group["stateful"], false);
    assert_eq!(rules(&group), BOTH_WAYS[..2].iter().map(ToString::to_string).collect());
    assert_eq!(group["security_group_rules"][0]["belongs_to_default_sg"], false);

    let change = json!({"security_group": {"name": "w", "stateful": true}});
    let changed = ann.put(&path(&group), change).await.expect(200)["security_group"].take();
    assert_eq!(
        (&changed["name"], &changed["stateful"], &changed["revision_number"]),
        (&json!("w"), &json!(true), &json!(2))
    );
    ann.put(&format!("{}/tags", path(&group)), json!({"tags": ["red"]})).await.expect(200);
    for (query, count) in [
        ("", 2),
        ("?name=w", 1),
        ("?tags=red", 1),
        ("?stateful=true", 2),
        ("?stateful=false", 0),
        ("?shared=false", 2),
        ("?shared=true", 0),
        ("?description=d", 1),
        ("?limit=1", 1),
        ("?sort_key=name&sort_dir=asc", 2),
    ] {
        assert_eq!(groups(&mut ann, query).await.len(), count, "{query}");
    }
    ann.get(&format!("{GROUPS}?colour=red")).await.expect(400);
    let bob = api.member("bob").get(&path(&group)).await;
    let missing = format!("Security group {} does not exist", text(&group["id"]));
    bob.expect_error(404, "SecurityGroupNotFound", &missing);
    let reader = [("X-Project-Id", "ann"), ("X-Roles", "reader")];
    let refused = api.client(&reader).post(GROUPS, json!({"security_group": {}})).await;
    refused.expect_error(403, "PolicyNotAuthorized", "rule:create_security_group is disallowed by policy");
    ann.delete(&path(&group)).await.expect(204);
    ann.get(&path(&group)).await.expect_error(404, "SecurityGroupNotFound", &missing);
    let rules = ann.get("/v2.0/security-group-rules").await.expect(200);
    assert_eq!(rules["security_group_rules"].as_array().map(Vec::len), Some(4), "its rules went with it");
}

#[tokio::test]
async fn several_groups_are_made_at_once() {
    let api = Api::start().await;
    let body = json!({"security_groups": [{"name": "a"}, {"name": "a", "stateful": false}]});
    let made = api.member("ann").post(GROUPS, body).await.expect(201);
    assert_eq!(made["security_groups"].as_array().map(Vec::len), Some(2));
    assert_eq!(made["security_groups"][1]["stateful"], false);
    let (name, long) = (json!(true), "x".repeat(256));
    for (name, message) in [
        (name, "Invalid input for name. Reason: 'True' is not a valid string.".to_owned()),
        (json!(long), format!("Invalid input for name. Reason: '{long}' exceeds maximum length of 255.")),
    ] {
        let refused = api.member("ann").post(GROUPS, json!({"security_group": {"name": name}})).await;
        refused.expect_error(400, "HTTPBadRequest", &message);
    }
}

#[tokio::test]
async fn a_group_that_ports_are_in_stays_as_it_is() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let network = ann.create("network", json!({})).await;
    let group = ann.create("security_group", json!({"name": "used"})).await;
    let port = json!({"network_id": network["id"], "security_groups": [group["id"]]});
    let port = ann.create("port", port).await;
    let in_use = format!("Security Group {} in use.", text(&group["id"]));
    let is_in_use = |reply: &Reply| reply.expect_error(409, "SecurityGroupInUse", &in_use);
    is_in_use(&ann.delete(&path(&group)).await);
    is_in_use(&ann.put(&path(&group), json!({"security_group": {"stateful": false}})).await);
    ann.put(&path(&group), json!({"security_group": {"stateful": true, "name": "n"}})).await.expect(200);
    let port = format!("/v2.0/ports/{}", text(&port["id"]));
    ann.put(&port, json!({"port": {"security_groups": []}})).await.expect(200);
    ann.put(&path(&group), json!({"security_group": {"stateful": false}})).await.expect(200);
    ann.put(&port, json!({"port": {"security_groups": [group["id"]]}})).await.expect(200);
    is_in_use(&ann.delete(&path(&group)).await);
    ann.delete(&port).await.expect(204);
    ann.delete(&path(&group)).await.expect(204);
}

#[tokio::test]
async fn rules_that_name_a_group_go_with_it() {
    let api = Api::with(MemoryStore::new(), unlimited()).await;
    let mut ann = api.member("ann");
    let gone = ann.create("security_group", json!({"name": "gone"})).await;
    let mut others = Vec::new();
    for number in 0..30 {
        let other = ann.create("security_group", json!({"name": number.to_string()})).await;
        let rule =
            json!({"security_group_id": other["id"], "direction": "ingress", "remote_group_id": gone["id"]});
        ann.create("security_group_rule", rule).await;
        let rule = json!({
            "security_group_id": gone["id"], "direction": "ingress", "protocol": "tcp",
            "port_range_min": number + 1, "port_range_max": number + 1,
        });
        ann.create("security_group_rule", rule).await;
        others.push(other);
    }
    let shown = ann.get(&path(&gone)).await.expect(200);
    assert_eq!(shown["security_group"]["revision_number"], 31, "each rule changes its group");
    let stale = ann.send("DELETE", &path(&gone), &[("If-Match", "revision_number=1")], b"").await;
    stale.expect(412);
    // More than fit a transaction; the revision is asked about once.
    ann.send("DELETE", &path(&gone), &[("If-Match", "revision_number=31")], b"").await.expect(204);
    for other in &others {
        let shown = ann.get(&path(other)).await.expect(200)["security_group"].take();
        assert_eq!((rules(&shown).len(), &shown["revision_number"]), (2, &json!(3)));
    }
    let left = ann.get("/v2.0/security-group-rules").await.expect(200);
    assert_eq!(left["security_group_rules"].as_array().map(Vec::len), Some(4 + 2 * 30));
}

fn unlimited() -> Settings {
    Settings { default_quota: Limits::unlimited(), ..Settings::default() }
}

#[tokio::test]
async fn a_project_may_have_so_many() {
    let api = Api::start().await;
    let (mut ann, mut admin) = (api.member("ann"), api.admin());
    for _ in 0..9 {
        ann.create("security_group", json!({})).await;
    }
    let full = ann.post(GROUPS, json!({"security_group": {}})).await;
    full.expect_error(409, "OverQuota", "Quota exceeded for resources: ['security_group'].");
    let details = admin.get("/v2.0/quotas/ann/details").await.expect(200)["quota"].take();
    assert_eq!(
        details["security_group"],
        json!({"limit": 10, "used": 10, "reserved": 0}),
        "the default counts"
    );
    assert_eq!(details["security_group_rule"], json!({"limit": 100, "used": 22, "reserved": 0}));
    assert_eq!(details["address_group"]["limit"], -1);
    assert_eq!(details["default_security_group_rule"], Value::Null, "that belongs to nobody");
    let limits = json!({"quota": {"security_group": -1, "security_group_rule": 23}});
    admin.put("/v2.0/quotas/ann", limits).await.expect(200);
    let full = ann.post(GROUPS, json!({"security_group": {}})).await;
    full.expect_error(409, "OverQuota", "Quota exceeded for resources: ['security_group_rule'].");
    admin.put("/v2.0/quotas/zoe", json!({"quota": {"security_group_rule": 0}})).await.expect(200);
    api.member("zoe").create("network", json!({})).await;
    assert_eq!(groups(&mut api.member("zoe"), "").await.len(), 1, "what nobody asked for has no limit");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_at_once_make_one_default_group() {
    let first = Api::with(MemoryStore::new(), unlimited()).await;
    let second = Api::with(first.store.clone(), unlimited()).await;
    for round in 0..5 {
        let project = format!("p{round}");
        let tasks: Vec<_> = (0..12)
            .map(|number| {
                let mut client = [&first, &second][number % 2].member(&project);
                tokio::spawn(async move {
                    match number % 3 {
                        0 => client.get(GROUPS).await.status == 200,
                        1 => client.post("/v2.0/networks", json!({"network": {}})).await.status == 201,
                        _ => client.post(GROUPS, json!({"security_group": {}})).await.status == 201,
                    }
                })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap());
        }
        eventually(async || {
            let found = groups(&mut first.member(&project), "?name=default").await;
            assert_eq!(found.len(), 1, "{found:?}");
            groups(&mut second.member(&project), "?name=default").await == found
        })
        .await;
    }
    let template = first.admin().get("/v2.0/default-security-group-rules").await.expect(200);
    assert_eq!(template["default_security_group_rules"].as_array().map(Vec::len), Some(4));
}

/// A port that comes into a group while the group goes: one of the two is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_port_is_in_a_group_that_is_gone() {
    let first = Api::with(MemoryStore::new(), unlimited()).await;
    let second = Api::with(first.store.clone(), unlimited()).await;
    let network = first.member("ann").create("network", json!({})).await["id"].clone();
    for _ in 0..20 {
        let group = first.member("ann").create("security_group", json!({})).await;
        eventually(async || second.member("ann").get(&path(&group)).await.status == 200).await;
        let (mut deleter, own) = (first.member("ann"), path(&group));
        let deleted = tokio::spawn(async move { deleter.delete(&own).await.status });
        let body = json!({"port": {"network_id": network, "security_groups": [group["id"]]}});
        let created = second.member("ann").post("/v2.0/ports", body).await;
        let statuses = (deleted.await.unwrap(), created.status);
        assert!([(204, 404), (409, 201)].contains(&statuses), "{statuses:?}");
    }
}
