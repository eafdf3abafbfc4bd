//! The rules of policies.

use serde_json::{Value, json};

use crate::qos::policy;
use crate::refusals::{BAD, Case, INPUT, case, check};
use crate::support::Api;

/// Each type of rule with what it needs.
const TYPES: [(&str, &str); 5] = [
    ("bandwidth_limit", "max_kbps"),
    ("dscp_marking", "dscp_mark"),
    ("minimum_bandwidth", "min_kbps"),
    ("packet_rate_limit", "max_kpps"),
    ("minimum_packet_rate", "min_kpps"),
];

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test]
async fn rules_of_all_types_live() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let made = policy(&mut admin, json!({})).await;
    let base = format!("/v2.0/qos/policies/{}", text(&made["id"]));
    for (kind, parameter) in TYPES {
        let (singular, plural) = (format!("{kind}_rule"), format!("{kind}_rules"));
        let reply =
            admin.post(&format!("{base}/{plural}"), json!({&singular: {parameter: 8}})).await.expect(201);
        let rule = reply[&singular].clone();
        let mut expected = json!({"id": rule["id"], parameter: 8});
        if kind != "dscp_marking" {
            expected["direction"] = json!("egress");
        }
        if let Some(burst) = parameter.strip_prefix("max_") {
            expected[format!("max_burst_{burst}")] = json!(0);
        }
        assert_eq!(rule, expected);
        let path = format!("{base}/{plural}/{}", text(&rule["id"]));
        assert_eq!(admin.get(&path).await.expect(200)[&singular], rule);
        // Neutron's paths have either.
        assert_eq!(admin.get(&path.replace("_rules", "-rules")).await.expect(200)[&singular], rule);
        let listed = admin.get(&format!("{base}/{plural}?{parameter}=8")).await.expect(200);
        assert_eq!(listed[&plural], json!([rule]));
        assert_eq!(
            admin.get(&format!("{base}/{plural}?{parameter}=9")).await.expect(200)[&plural],
            json!([])
        );
        let changed = admin.put(&path, json!({&singular: {parameter: "10"}})).await.expect(200);
        assert_eq!(changed[&singular][parameter], 10);
        let shown = admin.get(&base).await.expect(200);
        let of_policy = &shown["policy"]["rules"][0];
        assert_eq!((&of_policy["type"], &of_policy["qos_policy_id"]), (&json!(kind), &made["id"]));
        assert_eq!(of_policy[parameter], 10);
        admin.delete(&path).await.expect(204);
        assert_eq!(admin.get(&base).await.expect(200)["policy"]["rules"], json!([]));
    }
    let shown = admin.get(&base).await.expect(200);
    assert_eq!(shown["policy"]["revision_number"], 16, "each change of a rule is one of the policy");
}

#[tokio::test]
async fn rules_are_found_without_their_policy() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let made = policy(&mut admin, json!({})).await;
    let base = format!("/v2.0/qos/policies/{}", text(&made["id"]));
    for (kind, parameter) in TYPES {
        let (singular, alias) = (format!("{kind}_rule"), format!("alias_{kind}_rule"));
        let rules = format!("{base}/{kind}_rules");
        let reply = admin.post(&rules, json!({&singular: {parameter: 8}})).await.expect(201);
        let id = text(&reply[&singular]["id"]).to_owned();
        let path = format!("/v2.0/qos/alias-{}-rules/{id}", kind.replace('_', "-"));
        if kind == "packet_rate_limit" {
            admin.get(&path).await.expect_error(404, "HTTPNotFound", "The resource could not be found.");
            admin.delete(&format!("{rules}/{id}")).await.expect(204);
            continue;
        }
        assert_eq!(admin.get(&path).await.expect(200)[&alias][parameter], 8);
        assert_eq!(admin.get(&format!("{path}?fields=id")).await.expect(200)[&alias], json!({"id": id}));
        let changed = admin.put(&path, json!({&alias: {parameter: 10}})).await.expect(200);
        assert_eq!(changed[&alias][parameter], 10);
        admin.put(&path, json!({&singular: {}})).await.expect_error(
            400,
            "HTTPBadRequest",
            &format!("Unable to find '{alias}' in request body"),
        );
        admin.delete(&path).await.expect(204);
        let missing = format!("QoS rule {id} for policy  could not be found.");
        admin.get(&path).await.expect_error(404, "QosRuleNotFound", &missing);
    }
}

fn add(base: &str, kind: &str, rule: Value, error: (u16, &'static str), message: String) -> Case {
    case("POST", format!("{base}/{kind}_rules"), json!({format!("{kind}_rule"): rule}), error, message)
}

#[tokio::test]
async fn rules_that_cannot_be() {
    let api = Api::start().await;
    let made = policy(&mut api.admin(), json!({})).await;
    let base = format!("/v2.0/qos/policies/{}", text(&made["id"]));
    let add =
        |kind: &str, rule: Value, error, message: &str| add(&base, kind, rule, error, message.to_owned());
    let none = "00000000-0000-0000-0000-000000000000";
    let of_none = format!("/v2.0/qos/policies/{none}/bandwidth_limit_rules");
    let no_policy = format!("QoS policy {none} could not be found.");
    let no_rule = format!("QoS rule {none} for policy {} could not be found.", text(&made["id"]));
    check(
        &api,
        vec![
            add("bandwidth_limit", json!({}), BAD, "Failed to parse request. Required attribute 'max_kbps' not specified"),
            add("dscp_marking", json!({}), BAD, "Failed to parse request. Required attribute 'dscp_mark' not specified"),
            add("bandwidth_limit", json!({"max_kbps": -1}), BAD, "Invalid input for max_kbps. Reason: '-1' is too small - must be at least '0'."),
            add("bandwidth_limit", json!({"max_kbps": 2147483648_u64}), BAD, "Invalid input for max_kbps. Reason: '2147483648' is too large - must be no larger than '2147483647'."),
            add("bandwidth_limit", json!({"max_kbps": "x"}), BAD, "Invalid input for max_kbps. Reason: 'x' is not an integer."),
            add("bandwidth_limit", json!({"max_kbps": 1, "max_burst_kbps": -1}), BAD, "Invalid input for max_burst_kbps. Reason: '-1' is too small - must be at least '0'."),
            add("bandwidth_limit", json!({"max_kbps": 1, "direction": "any"}), BAD, "Invalid input for direction. Reason: any is not in valid_values."),
            add("packet_rate_limit", json!({"max_kpps": 1, "direction": "any"}), BAD, "Invalid input for direction. Reason: any is not in valid_values."),
            add("minimum_packet_rate", json!({"min_kpps": 1, "direction": "both"}), BAD, "Invalid input for direction. Reason: both is not in valid_values."),
            add("dscp_marking", json!({"dscp_mark": 58}), BAD, "Invalid input for dscp_mark. Reason: 58 is not in valid_values."),
            add("dscp_marking", json!({"dscp_mark": "x"}), INPUT, "Invalid input for operation: 'x' is not an integer."),
            add("dscp_marking", json!({"dscp_mark": 8, "direction": "egress"}), BAD, "Unrecognized attribute(s) 'direction'"),
            add("bandwidth_limit", json!({"max_kbps": 1, "id": none}), BAD, "Attribute 'id' not allowed in POST"),
            case("POST", of_none.clone(), json!({"bandwidth_limit_rule": {"max_kbps": 1}}), (404, "QosPolicyNotFound"), no_policy.clone()),
            case("GET", of_none, Value::Null, (404, "QosPolicyNotFound"), no_policy),
            case("GET", format!("{base}/bandwidth_limit_rules/{none}"), Value::Null, (404, "QosRuleNotFound"), no_rule.clone()),
            case("DELETE", format!("{base}/dscp_marking_rules/{none}"), Value::Null, (404, "QosRuleNotFound"), no_rule),
            case("GET", format!("{base}/cat_rules"), Value::Null, (404, "HTTPNotFound"), "The resource could not be found."),
            case("GET", format!("{base}/bandwidth_limit_rules?tags=x"), Value::Null, BAD, "['tags'] is invalid attribute for filtering"),
            case("PATCH", format!("{base}/bandwidth_limit_rules"), Value::Null, (405, "HTTPMethodNotAllowed"), "The method is not allowed for the requested resource."),
        ],
    )
    .await;
}

#[tokio::test]
async fn rules_that_contradict_each_other() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let made = policy(&mut admin, json!({})).await;
    let id = text(&made["id"]);
    let base = format!("/v2.0/qos/policies/{id}");
    let mut make = async |kind: &str, rule: Value| {
        let reply = admin.post(&format!("{base}/{kind}_rules"), json!({format!("{kind}_rule"): rule})).await;
        text(&reply.expect(201)[format!("{kind}_rule")]["id"]).to_owned()
    };
    let limit = make("bandwidth_limit", json!({"max_kbps": 100})).await;
    make("bandwidth_limit", json!({"max_kbps": 100, "direction": "ingress"})).await;
    let least = make("minimum_bandwidth", json!({"min_kbps": 50})).await;
    let mark = make("dscp_marking", json!({"dscp_mark": 8})).await;
    let rate = make("packet_rate_limit", json!({"max_kpps": 100})).await;
    let packets = make("minimum_packet_rate", json!({"min_kpps": 5, "direction": "ingress"})).await;
    let same = |kind: &str, rule: &str| {
        format!("Rule {kind} conflicts with rule {rule} which already exists in QoS Policy {id}.")
    };
    let conflict = (409, "QoSRulesConflict");
    let parameter = (409, "QoSRuleParameterConflict");
    let add = |kind: &str, rule: Value, error, message: String| add(&base, kind, rule, error, message);
    let restricts = |value: u32, kind: &str, bound: u32| {
        format!(
            "Unable to add the rule with value {value} to the policy {id} as the existing rule of type {kind} restricts \
             the bandwidth to {bound}."
        )
    };
    check(
        &api,
        vec![
            add("bandwidth_limit", json!({"max_kbps": 200}), conflict, same("bandwidth_limit", &limit)),
            add("minimum_bandwidth", json!({"min_kbps": 60}), conflict, same("minimum_bandwidth", &least)),
            add("dscp_marking", json!({"dscp_mark": 10}), conflict, same("dscp_marking", &mark)),
            add("packet_rate_limit", json!({"max_kpps": 9}), conflict, same("packet_rate_limit", &rate)),
            add(
                "minimum_packet_rate",
                json!({"min_kpps": 9, "direction": "any"}),
                conflict,
                same("minimum_packet_rate", &packets),
            ),
            add(
                "minimum_bandwidth",
                json!({"min_kbps": 101, "direction": "ingress"}),
                parameter,
                restricts(101, "bandwidth_limit", 100),
            ),
            case(
                "PUT",
                format!("{base}/bandwidth_limit_rules/{limit}"),
                json!({"bandwidth_limit_rule": {"max_kbps": 49}}),
                parameter,
                restricts(49, "minimum_bandwidth", 50),
            ),
            case(
                "PUT",
                format!("{base}/bandwidth_limit_rules/{limit}"),
                json!({"bandwidth_limit_rule": {"direction": "ingress"}}),
                conflict,
                same(
                    "bandwidth_limit",
                    text(
                        &api.admin()
                            .get(&format!("{base}/bandwidth_limit_rules?direction=ingress"))
                            .await
                            .expect(200)["bandwidth_limit_rules"][0]["id"],
                    ),
                ),
            ),
        ],
    )
    .await;
    // All or none, of several at once too.
    let two = json!({"minimum_packet_rate_rules": [{"min_kpps": 1}, {"min_kpps": 2}]});
    let refused = api.admin().post(&format!("{base}/minimum_packet_rate_rules"), two).await.expect(409);
    assert_eq!(refused["NeutronError"]["type"], "QoSRulesConflict");
    let left = api.admin().get(&base).await.expect(200);
    assert_eq!(left["policy"]["rules"].as_array().unwrap().len(), 6);
}

#[tokio::test]
async fn the_types_of_rules_are_listed() {
    let api = Api::start().await;
    let (mut admin, mut ann) = (api.admin(), api.member("ann"));
    let all: Value = TYPES.iter().map(|(kind, _)| json!({"type": kind})).collect();
    for query in ["", "?all_supported=True", "?all_rules=True"] {
        assert_eq!(
            ann.get(&format!("/v2.0/qos/rule-types{query}")).await.expect(200)["rule_types"]
                .as_array()
                .unwrap()
                .len(),
            5
        );
    }
    let mut listed = ann.get("/v2.0/qos/rule-types").await.expect(200)["rule_types"].take();
    let (mut listed, mut all) = (listed.as_array_mut().unwrap().clone(), all.as_array().unwrap().clone());
    listed.sort_by_key(ToString::to_string);
    all.sort_by_key(ToString::to_string);
    assert_eq!(listed, all);
    let one = ann.get("/v2.0/qos/rule-types?type=dscp_marking").await.expect(200);
    assert_eq!(one["rule_types"], json!([{"type": "dscp_marking"}]));
    let shown = admin.get("/v2.0/qos/rule-types/minimum_packet_rate").await.expect(200);
    assert_eq!(
        shown["rule_type"],
        json!({"type": "minimum_packet_rate", "drivers": [{"name": "df", "supported_parameters": [
            {"parameter_name": "min_kpps", "parameter_type": "range", "parameter_values": {"start": 0, "end": 2147483647}},
            {"parameter_name": "direction", "parameter_type": "choices", "parameter_values": ["any", "egress", "ingress"]},
        ]}]})
    );
    ann.get("/v2.0/qos/rule-types/dscp_marking").await.expect_error(403, "NotAuthorized", "Not authorized.");
    check(
        &api,
        vec![
            case("GET", "/v2.0/qos/rule-types/cat", Value::Null, (404, "HTTPNotFound"), "The resource could not be found."),
            case("GET", "/v2.0/qos/rule-types?x=1", Value::Null, BAD, "['x'] is invalid attribute for filtering"),
            case("GET", "/v2.0/qos/rule-types?all_rules=true&all_supported=true", Value::Null, INPUT, "Invalid input for operation: Only one of \"all_supported\" and \"all_rules\" can be provided at the same time."),
            case("POST", "/v2.0/qos/rule-types", json!({}), (405, "HTTPMethodNotAllowed"), "The method is not allowed for the requested resource."),
        ],
    )
    .await;
}
