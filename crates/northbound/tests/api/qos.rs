//! Policies for traffic: who has them, who may use them, what keeps them.

use model::{Object, QosDirection, QosRuleType, Table, Topic, Version};
use serde_json::{Value, json};

use crate::refusals::{BAD, case, check};
use crate::support::{Api, Client};

const POLICIES: &str = "/v2.0/qos/policies";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn path(policy: &Value) -> String {
    format!("{POLICIES}/{}", text(&policy["id"]))
}

pub(crate) async fn policy(client: &mut Client, body: Value) -> Value {
    client.post(POLICIES, json!({"policy": body})).await.expect(201)["policy"].take()
}

#[tokio::test]
async fn a_policy_lives() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let made = policy(&mut admin, json!({"name": "gold", "description": "d", "project_id": "p"})).await;
    for (name, value) in [
        ("name", json!("gold")),
        ("description", json!("d")),
        ("project_id", json!("p")),
        ("tenant_id", json!("p")),
        ("shared", json!(false)),
        ("is_default", json!(false)),
        ("rules", json!([])),
        ("tags", json!([])),
        ("revision_number", json!(1)),
    ] {
        assert_eq!(made[name], value, "{name}");
    }
    let listed = admin.get(&format!("{POLICIES}?name=gold&shared=false")).await.expect(200);
    assert_eq!(listed["policies"], json!([made]));
    let changed =
        admin.put(&path(&made), json!({"policy": {"name": "silver", "shared": true}})).await.expect(200);
    assert_eq!((&changed["policy"]["name"], &changed["policy"]["shared"]), (&json!("silver"), &json!(true)));
    for tags in [path(&made), format!("/v2.0/policies/{}", text(&made["id"]))] {
        let tagged = admin.put(&format!("{tags}/tags"), json!({"tags": ["t"]})).await.expect(200);
        assert_eq!(tagged["tags"], json!(["t"]));
    }
    assert_eq!(admin.get(&format!("{POLICIES}?tags=t")).await.expect(200)["policies"][0]["id"], made["id"]);
    let many = json!({"policies": [{"name": "a"}, {"name": "b"}]});
    assert_eq!(admin.post(POLICIES, many).await.expect(201)["policies"][1]["name"], "b");
    admin.delete(&path(&made)).await.expect(204);
    admin.get("/v2.0/policies").await.expect(404);
    let id = text(&made["id"]);
    let missing = format!("QoS policy {id} could not be found.");
    check(
        &api,
        vec![
            case("GET", path(&made), Value::Null, (404, "QosPolicyNotFound"), missing.clone()),
            case("DELETE", path(&made), Value::Null, (404, "QosPolicyNotFound"), missing),
            case(
                "POST",
                POLICIES,
                json!({"policy": {"rules": []}}),
                BAD,
                "Attribute 'rules' not allowed in POST",
            ),
            case("POST", POLICIES, json!({"qos": {}}), BAD, "Unable to find 'policy' in request body"),
        ],
    )
    .await;
}

#[tokio::test]
async fn the_rows_say_what_each_side_knows() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let made = policy(&mut admin, json!({"name": "gold", "project_id": "p"})).await;
    let rules = async |kind: &str, body: Value| {
        let body = json!({format!("{kind}_rule"): body});
        let reply = api.admin().post(&format!("{}/{kind}_rules", path(&made)), body).await;
        reply.expect(201)[format!("{kind}_rule")].take()
    };
    let limit = rules("bandwidth_limit", json!({"max_kbps": 1000})).await;
    let mark = rules("dscp_marking", json!({"dscp_mark": "10"})).await;
    let rows = async || {
        let policies = api.objects(Table::QosPolicy).await;
        let [Object::QosPolicy(row)] = policies.as_slice() else { panic!("{policies:?}") };
        ((**row).clone(), api.objects(Table::QosPolicyExtra).await)
    };
    let (row, extra) = rows().await;
    assert_eq!(
        (row.name.as_deref(), &row.topic, row.version),
        (Some("gold"), &Topic::new("p"), Some(Version(3)))
    );
    let found: Vec<_> = row.rules.iter().map(|rule| (rule.kind, rule.direction, rule.max_kbps)).collect();
    let egress = Some(QosDirection::Egress);
    assert_eq!(
        found,
        [(QosRuleType::BandwidthLimit, egress, Some(1000)), (QosRuleType::DscpMarking, None, None)]
    );
    assert_eq!((row.rules[0].max_burst_kbps, row.rules[1].dscp_mark), (Some(800), Some(10)));
    assert_eq!(extra, []);
    let ingress = rules("bandwidth_limit", json!({"max_kbps": 5, "direction": "ingress"})).await;
    let (row, extra) = rows().await;
    let [Object::QosPolicyExtra(more)] = extra.as_slice() else { panic!("{extra:?}") };
    assert_eq!((row.rules.len(), more.rules.len(), more.version), (2, 1, Some(Version(4))));
    assert_eq!(more.policy, row.id);
    assert_eq!(more.rules[0].id, *text(&ingress["id"]));
    let gone = async |kind: &str, rule: &Value| {
        let rule = format!("{}/{kind}_rules/{}", path(&made), text(&rule["id"]));
        api.admin().delete(&rule).await.expect(204);
    };
    gone("bandwidth_limit", &ingress).await;
    assert_eq!(rows().await.1, []);
    gone("bandwidth_limit", &limit).await;
    gone("dscp_marking", &mark).await;
    assert_eq!(rows().await.0.rules, []);
    rules("packet_rate_limit", json!({"max_kpps": 5})).await;
    admin.delete(&path(&made)).await.expect(204);
    assert_eq!(api.objects(Table::QosPolicy).await, []);
    assert_eq!(api.objects(Table::QosPolicyExtra).await, []);
}

#[tokio::test]
async fn ports_and_networks_have_policies() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (gold, silver) = (policy(&mut admin, json!({})).await, policy(&mut admin, json!({})).await);
    let network = admin.create("network", json!({"qos_policy_id": gold["id"]})).await;
    assert_eq!(network["qos_policy_id"], gold["id"]);
    let port = admin.create("port", json!({"network_id": network["id"]})).await;
    assert_eq!((&port["qos_policy_id"], &port["qos_network_policy_id"]), (&Value::Null, &gold["id"]));
    let of_port = format!("/v2.0/ports/{}", text(&port["id"]));
    let changed = admin.put(&of_port, json!({"port": {"qos_policy_id": silver["id"]}})).await.expect(200);
    assert_eq!(changed["port"]["qos_policy_id"], silver["id"]);
    for filter in [
        format!("qos_policy_id={}", text(&silver["id"])),
        format!("qos_network_policy_id={}", text(&gold["id"])),
    ] {
        let listed = admin.get(&format!("/v2.0/ports?{filter}&fields=id")).await.expect(200);
        assert_eq!(listed["ports"], json!([{"id": port["id"]}]), "{filter}");
    }
    let ports = api.objects(Table::LogicalPort).await;
    let [Object::LogicalPort(row)] = ports.as_slice() else { panic!("{ports:?}") };
    assert_eq!(row.qos_policy.as_ref().map(ToString::to_string).as_deref(), silver["id"].as_str());
    let switches = api.objects(Table::LogicalSwitch).await;
    let [Object::LogicalSwitch(row)] = switches.as_slice() else { panic!("{switches:?}") };
    assert_eq!(row.qos_policy.as_ref().map(ToString::to_string).as_deref(), gold["id"].as_str());

    let used = |policy: &Value, by: &str, id: &Value| {
        format!("QoS Policy {} is used by {by} {}.", text(&policy["id"]), text(id))
    };
    let of_network = format!("/v2.0/networks/{}", text(&network["id"]));
    let none = "00000000-0000-0000-0000-000000000000";
    let missing = format!("QoS policy {none} could not be found.");
    let unknown = |noun: &str| json!({noun: {"qos_policy_id": none}});
    check(
        &api,
        vec![
            case(
                "DELETE",
                path(&gold),
                Value::Null,
                (409, "QosPolicyInUse"),
                used(&gold, "network", &network["id"]),
            ),
            case(
                "DELETE",
                path(&silver),
                Value::Null,
                (409, "QosPolicyInUse"),
                used(&silver, "port", &port["id"]),
            ),
            case("PUT", of_port.clone(), unknown("port"), (404, "QosPolicyNotFound"), missing.clone()),
            case("PUT", of_network.clone(), unknown("network"), (404, "QosPolicyNotFound"), missing.clone()),
            case("POST", "/v2.0/networks", unknown("network"), (404, "QosPolicyNotFound"), missing),
            case(
                "PUT",
                of_port.clone(),
                json!({"port": {"qos_policy_id": "x"}}),
                BAD,
                "Invalid input for qos_policy_id. Reason: 'x' is not a valid UUID.",
            ),
        ],
    )
    .await;
    admin.put(&of_port, json!({"port": {"qos_policy_id": null}})).await.expect(200);
    admin.put(&of_network, json!({"network": {"qos_policy_id": null}})).await.expect(200);
    let ports = api.objects(Table::LogicalPort).await;
    let [Object::LogicalPort(row)] = ports.as_slice() else { panic!("{ports:?}") };
    assert_eq!(row.qos_policy, None);
    for policy in [&gold, &silver] {
        admin.delete(&path(policy)).await.expect(204);
    }
}

#[tokio::test]
async fn a_project_has_one_default() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let own = policy(&mut admin, json!({"is_default": true, "project_id": "p"})).await;
    policy(&mut admin, json!({"is_default": true, "project_id": "q"})).await;
    let other = policy(&mut admin, json!({"project_id": "p"})).await;
    let second = "A default QoS policy exists for project p.";
    let exists = (409, "QoSPolicyDefaultAlreadyExists");
    let default = json!({"policy": {"is_default": true, "project_id": "p"}});
    let make = json!({"policy": {"is_default": true}});
    check(
        &api,
        vec![
            case("POST", POLICIES, default, exists, second),
            case("PUT", path(&other), make.clone(), exists, second),
        ],
    )
    .await;
    admin.put(&path(&own), make.clone()).await.expect(200);
    let network = admin.create("network", json!({"project_id": "p"})).await;
    assert_eq!(network["qos_policy_id"], own["id"]);
    let network = admin.create("network", json!({"project_id": "p", "qos_policy_id": other["id"]})).await;
    assert_eq!(network["qos_policy_id"], other["id"]);
    let network = admin.create("network", json!({"project_id": "r"})).await;
    assert_eq!(network["qos_policy_id"], Value::Null);
    admin.put(&path(&own), json!({"policy": {"is_default": false}})).await.expect(200);
    admin.put(&path(&other), make).await.expect(200);
}

#[tokio::test]
async fn members_use_what_is_shared_and_make_none() {
    let api = Api::start().await;
    let (mut admin, mut ann) = (api.admin(), api.member("ann"));
    let shared = policy(&mut admin, json!({"shared": true, "name": "s"})).await;
    let hidden = policy(&mut admin, json!({"name": "h"})).await;
    let rule = json!({"bandwidth_limit_rule": {"max_kbps": 1}});
    let rules = format!("{}/bandwidth_limit_rules", path(&shared));
    let made = admin.post(&rules, rule.clone()).await.expect(201);
    let of_rule = format!("{rules}/{}", text(&made["bandwidth_limit_rule"]["id"]));
    let listed = ann.get(&format!("{POLICIES}?fields=name")).await.expect(200);
    assert_eq!(listed["policies"], json!([{"name": "s"}]));
    assert_eq!(ann.get(&rules).await.expect(200)["bandwidth_limit_rules"][0]["max_kbps"], 1);
    let forbidden = |rule: &str| format!("{rule} is disallowed by policy");
    let denied = "PolicyNotAuthorized";
    ann.post(POLICIES, json!({"policy": {}})).await.expect_error(
        403,
        denied,
        &forbidden("rule:create_policy"),
    );
    ann.delete(&path(&shared)).await.expect_error(403, denied, &forbidden("rule:delete_policy"));
    ann.put(&path(&shared), json!({"policy": {"name": "mine"}})).await.expect_error(
        403,
        denied,
        &forbidden("rule:update_policy"),
    );
    let create = forbidden("rule:create_policy_bandwidth_limit_rule");
    ann.post(&rules, rule.clone()).await.expect_error(403, denied, &create);
    ann.delete(&of_rule).await.expect_error(
        403,
        denied,
        &forbidden("rule:delete_policy_bandwidth_limit_rule"),
    );
    let alias = of_rule.replace(&rules, "/v2.0/qos/alias-bandwidth-limit-rules");
    let update = json!({"alias_bandwidth_limit_rule": {"max_kbps": 2}});
    let refused = forbidden("rule:update_alias_bandwidth_limit_rule");
    ann.put(&alias, update).await.expect_error(403, denied, &refused);
    let missing = format!("QoS policy {} could not be found.", text(&hidden["id"]));
    let rules_of_hidden = format!("{}/bandwidth_limit_rules", path(&hidden));
    ann.get(&rules_of_hidden).await.expect_error(404, "QosPolicyNotFound", &missing);
    ann.post(&rules_of_hidden, rule).await.expect_error(403, denied, &create);
    ann.post("/v2.0/networks", json!({"network": {"qos_policy_id": hidden["id"]}})).await.expect_error(
        404,
        "QosPolicyNotFound",
        &missing,
    );

    // Who manages a project has its policies, and shares none.
    let mut manager = api.client(&[("X-Project-Id", "ann"), ("X-Roles", "manager")]);
    let own = policy(&mut manager, json!({})).await;
    let limit = json!({"dscp_marking_rule": {"dscp_mark": 8}});
    manager.post(&format!("{}/dscp_marking_rules", path(&own)), limit).await.expect(201);
    let share = json!({"policy": {"shared": true}});
    let refused = forbidden("(rule:update_policy and rule:update_policy:shared)");
    manager.put(&path(&own), share).await.expect_error(403, denied, &refused);

    // Sharing ends when nobody else uses it.
    let network = ann.create("network", json!({"qos_policy_id": shared["id"]})).await;
    let unshare = json!({"policy": {"shared": false}});
    admin.put(&path(&shared), unshare.clone()).await.expect_error(
        409,
        "RbacPolicyInUse",
        &format!(
            "RBAC policy on object {} cannot be removed because other objects depend on it.\nDetails: project_id=*",
            text(&shared["id"])
        ),
    );
    let of_network = format!("/v2.0/networks/{}", text(&network["id"]));
    let none = json!({"network": {"qos_policy_id": null}});
    ann.put(&of_network, none.clone()).await.expect(200);
    admin.put(&path(&shared), unshare).await.expect(200);
    // What an administrator gave, its owner does not take away.
    let give = json!({"network": {"qos_policy_id": hidden["id"]}});
    admin.put(&of_network, give).await.expect(200);
    ann.put(&of_network, none).await.expect_error(
        403,
        "PolicyRemoveAuthorizationError",
        &format!("Failed to remove provided policy {} because you are not authorized.", text(&hidden["id"])),
    );
    ann.put(&of_network, json!({"network": {"name": "n"}})).await.expect(200);
}

#[tokio::test]
async fn policies_have_a_quota() {
    let api = Api::start().await;
    let mut admin = api.admin();
    assert_eq!(admin.get("/v2.0/quotas/p").await.expect(200)["quota"]["qos_policy"], -1);
    admin.put("/v2.0/quotas/p", json!({"quota": {"qos_policy": 1}})).await.expect(200);
    let body = json!({"policy": {"project_id": "p"}});
    admin.post(POLICIES, body.clone()).await.expect(201);
    admin.post(POLICIES, body).await.expect_error(
        409,
        "OverQuota",
        "Quota exceeded for resources: ['qos_policy'].",
    );
    let details = admin.get("/v2.0/quotas/p/details").await.expect(200);
    assert_eq!(details["quota"]["qos_policy"], json!({"limit": 1, "used": 1, "reserved": 0}));
}

#[tokio::test]
async fn ports_ask_placement_for_what_their_policy_promises() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let (plain, own) = (policy(&mut admin, json!({})).await, policy(&mut admin, json!({})).await);
    for (kind, body) in [
        ("minimum_bandwidth", json!({"min_kbps": 1000})),
        ("minimum_bandwidth", json!({"min_kbps": 2000, "direction": "ingress"})),
        ("minimum_packet_rate", json!({"min_kpps": 3, "direction": "any"})),
    ] {
        let rules = format!("{}/{kind}_rules", path(&own));
        admin.post(&rules, json!({format!("{kind}_rule"): body})).await.expect(201);
    }
    let physical = json!({"provider:network_type": "flat", "provider:physical_network": "phys-1",
        "qos_policy_id": own["id"]});
    let physical = admin.create("network", physical).await;
    let port =
        admin.create("port", json!({"network_id": physical["id"], "binding:vnic_type": "smart-nic"})).await;
    let groups = &port["resource_request"]["request_groups"];
    let (bandwidth, packets) = (&groups[0], &groups[1]);
    assert_eq!(
        bandwidth["resources"],
        json!({"NET_BW_EGR_KILOBIT_PER_SEC": 1000, "NET_BW_IGR_KILOBIT_PER_SEC": 2000})
    );
    assert_eq!(bandwidth["required"], json!(["CUSTOM_PHYSNET_PHYS_1", "CUSTOM_VNIC_TYPE_SMART_NIC"]));
    assert_eq!(packets["resources"], json!({"NET_PACKET_RATE_KILOPACKET_PER_SEC": 3}));
    assert_eq!(packets["required"], json!(["CUSTOM_VNIC_TYPE_SMART_NIC"]));
    assert_eq!(port["resource_request"]["same_subtree"], json!([bandwidth["id"], packets["id"]]));
    let again = admin.get(&format!("/v2.0/ports/{}", text(&port["id"]))).await.expect(200);
    assert_eq!(again["port"]["resource_request"], port["resource_request"], "the ids stay");
    let tunnels = admin.create("network", json!({})).await;
    let body = json!({"network_id": tunnels["id"], "qos_policy_id": own["id"]});
    let port = admin.create("port", body).await;
    assert_eq!(
        port["resource_request"]["request_groups"][0]["required"],
        json!(["CUSTOM_NETWORK_TUNNEL_PROVIDER", "CUSTOM_VNIC_TYPE_NORMAL"])
    );
    // Its own policy counts, not that of its network.
    let body = json!({"network_id": physical["id"], "qos_policy_id": plain["id"]});
    assert_eq!(admin.create("port", body).await["resource_request"], Value::Null);
}

#[tokio::test]
async fn of_those_who_want_a_policy_at_the_same_time_none_is_left_with_half_of_it() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let default = json!({"policy": {"is_default": true, "project_id": "p"}});
    let mut making = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let (mut client, body) = (api.admin(), default.clone());
        making.spawn(async move { client.post(POLICIES, body).await.status });
    }
    let mut statuses = making.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409, 409, 409, 409, 409]);

    let network = admin.create("network", json!({})).await;
    for _ in 0..8 {
        let gold = policy(&mut admin, json!({})).await;
        let mut racing = tokio::task::JoinSet::new();
        for _ in 0..3 {
            let mut client = api.admin();
            let body = json!({"port": {"network_id": network["id"], "qos_policy_id": gold["id"]}});
            racing.spawn(async move { client.post("/v2.0/ports", body).await.status });
        }
        let (mut client, path) = (api.admin(), path(&gold));
        racing.spawn(async move { client.delete(&path).await.status });
        racing.join_all().await;
        let used = admin.get(&format!("/v2.0/ports?qos_policy_id={}", text(&gold["id"]))).await.expect(200);
        let is_used = !used["ports"].as_array().unwrap().is_empty();
        let is_there = admin.get(&format!("{POLICIES}/{}", text(&gold["id"]))).await.status == 200;
        assert!(is_there || !is_used, "a port has a policy that is gone");
    }
}
