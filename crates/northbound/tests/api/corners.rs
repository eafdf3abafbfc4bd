//! Corners in which Neutron's answer is not what one would guess.

use serde_json::{Value, json};

use crate::qos::policy;
use crate::support::Api;

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn who_may_not_add_rules_is_told_so_also_of_policies_that_they_cannot_see() {
    let api = Api::start().await;
    let (mut admin, mut ann) = (api.admin(), api.member("ann"));
    let mut head = api.client(&[("X-Project-Id", "ann"), ("X-Roles", "manager,member")]);
    let of_bob = policy(&mut admin, json!({"name": "hidden", "project_id": "bob"})).await;
    let own = policy(&mut admin, json!({"name": "own", "project_id": "ann"})).await;
    let path = |policy: &str| format!("/v2.0/qos/policies/{policy}/bandwidth_limit_rules");
    let rule = json!({"bandwidth_limit_rule": {"max_kbps": 1000}});
    let forbidden = "rule:create_policy_bandwidth_limit_rule is disallowed by policy";
    let nowhere = "8d0c9f8c-0000-4000-8000-000000000000";
    for policy in [text(&of_bob["id"]), text(&own["id"]), nowhere] {
        let reply = ann.post(&path(policy), rule.clone()).await;
        reply.expect_error(403, "PolicyNotAuthorized", forbidden);
    }
    let reply = head.post(&path(text(&of_bob["id"])), rule.clone()).await;
    reply.expect_error(403, "PolicyNotAuthorized", forbidden);
    let missing = format!("QoS policy {nowhere} could not be found.");
    head.post(&path(nowhere), rule.clone()).await.expect_error(404, "QosPolicyNotFound", &missing);
    head.post(&path(text(&own["id"])), rule.clone()).await.expect(201);
    let hidden = format!("QoS policy {} could not be found.", text(&of_bob["id"]));
    ann.get(&path(text(&of_bob["id"]))).await.expect_error(404, "QosPolicyNotFound", &hidden);
}

#[tokio::test]
async fn subnets_are_found_by_whether_their_network_leads_outside() {
    let api = Api::start().await;
    let mut admin = api.admin();
    for (name, outside) in [("in", false), ("out", true)] {
        let network = admin.create("network", json!({"router:external": outside})).await;
        let subnet =
            json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24", "name": name});
        admin.create("subnet", subnet).await;
    }
    for (value, name) in [("True", "out"), ("false", "in")] {
        let found =
            admin.get(&format!("/v2.0/subnets?router:external={value}&fields=name")).await.expect(200);
        assert_eq!(found["subnets"], json!([{"name": name}]), "{value}");
    }
}

#[tokio::test]
async fn a_mode_of_ipv6_that_is_null_is_one_that_is_not_said() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await;
    let subnet = |version: u8, cidr: &str, announce: Value, address: Value| {
        json!({"network_id": network["id"], "ip_version": version, "cidr": cidr, "ipv6_ra_mode": announce,
            "ipv6_address_mode": address})
    };
    let made = admin.create("subnet", subnet(6, "fd00:1::/64", json!(null), json!(null))).await;
    assert_eq!((&made["ipv6_ra_mode"], &made["ipv6_address_mode"]), (&json!(null), &json!(null)));
    let made = admin.create("subnet", subnet(6, "fd00:2::/64", json!("slaac"), json!(null))).await;
    assert_eq!((&made["ipv6_ra_mode"], &made["ipv6_address_mode"]), (&json!("slaac"), &json!(null)));
    admin.create("subnet", subnet(4, "10.0.0.0/24", json!(null), json!(null))).await;
}
