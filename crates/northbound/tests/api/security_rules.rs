//! Rules of security groups: every check, in Neutron's words.

use std::collections::BTreeSet;

use nb::memory::MemoryStore;
use northbound::{Limits, Settings};
use serde_json::{Value, json};

use crate::support::{Api, Client};

const RULES: &str = "/v2.0/security-group-rules";

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// A rule of a group, ingress unless more is said.
fn rule(group: &Value, more: &Value) -> Value {
    let mut rule = json!({"security_group_id": group["id"], "direction": "ingress"});
    rule.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    rule
}

async fn start() -> (Api, Client, Value) {
    let settings = Settings { default_quota: Limits::unlimited(), ..Settings::default() };
    let api = Api::with(MemoryStore::new(), settings).await;
    let mut client = api.member("ann");
    let group = client.create("security_group", json!({"name": "g"})).await;
    (api, client, group)
}

#[tokio::test]
async fn a_rule_says_what_was_said() {
    let (_api, mut ann, group) = start().await;
    let said = json!({
        "ethertype": "ipv4", "protocol": "TCP", "port_range_min": "80", "port_range_max": 443,
        "remote_ip_prefix": "10.0.0.7/24", "description": "d",
    });
    let made = ann.create("security_group_rule", rule(&group, &said)).await;
    for (name, expected) in [
        ("direction", json!("ingress")),
        ("ethertype", json!("IPv4")),
        ("protocol", json!("tcp")),
        ("port_range_min", json!(80)),
        ("port_range_max", json!(443)),
        ("remote_ip_prefix", json!("10.0.0.7/24")),
        ("normalized_cidr", json!("10.0.0.0/24")),
        ("remote_group_id", Value::Null),
        ("remote_address_group_id", Value::Null),
        ("description", json!("d")),
        ("belongs_to_default_sg", json!(false)),
        ("security_group_id", group["id"].clone()),
        ("project_id", json!("ann")),
        ("tenant_id", json!("ann")),
        ("revision_number", json!(1)),
    ] {
        assert_eq!(made[name], expected, "{name}");
    }
    assert!(made["created_at"].is_string() && made["updated_at"].is_string());
    let path = format!("{RULES}/{}", text(&made["id"]));
    assert_eq!(ann.get(&path).await.expect(200)["security_group_rule"], made);
    let shown = ann.get(&format!("/v2.0/security-groups/{}", text(&group["id"]))).await.expect(200);
    let shown = &shown["security_group"];
    assert!(shown["security_group_rules"].as_array().unwrap().contains(&made), "{shown}");
    assert_eq!(shown["revision_number"], 2, "a rule changes its group");
    let read_only = "Cannot update read-only attribute description";
    let change = json!({"security_group_rule": {"description": "new"}});
    ann.put(&path, change).await.expect_error(400, "HTTPBadRequest", read_only);
    ann.put(&path, json!({"security_group_rule": {}})).await.expect(405);
    ann.get(&format!("{path}/tags")).await.expect(404);
    ann.delete(&path).await.expect(204);
    let missing = format!("Security group rule {} does not exist", text(&made["id"]));
    ann.delete(&path).await.expect_error(404, "SecurityGroupRuleNotFound", &missing);
}

#[tokio::test]
async fn every_protocol_by_name_and_number() {
    let (_api, mut ann, group) = start().await;
    let v4 = [
        "ah", "dccp", "egp", "esp", "gre", "hopopt", "icmp", "igmp", "ipip", "ospf", "pgm", "rsvp", "sctp",
        "tcp", "udp", "udplite", "vrrp",
    ];
    let v6 = ["ipv6-encap", "ipv6-frag", "ipv6-icmp", "ipv6-nonxt", "ipv6-opts", "ipv6-route"];
    for (protocol, ethertype) in
        v4.iter().map(|name| (name, "IPv4")).chain(v6.iter().map(|name| (name, "IPv6")))
    {
        let said = json!({"protocol": protocol, "ethertype": ethertype});
        let made = ann.create("security_group_rule", rule(&group, &said)).await;
        assert_eq!(made["protocol"], *protocol);
    }
    for number in 0..=255 {
        let said = json!({"protocol": number, "ethertype": "IPv6"});
        let mut rule = rule(&group, &said);
        rule["direction"] = "egress".into();
        let reply = ann.post(RULES, json!({"security_group_rule": rule})).await;
        // ICMP is ICMPv6 there, which comes again later.
        let expected = if number == 58 { 409 } else { 201 };
        let body = reply.expect(expected);
        if expected == 201 {
            let kept = if number == 1 { 58 } else { number };
            assert_eq!(body["security_group_rule"]["protocol"], kept.to_string());
        }
    }
    for (said, kept) in [("icmp", "ipv6-icmp"), ("icmpv6", "ipv6-icmp")] {
        let other = ann.create("security_group", json!({})).await;
        let said = json!({"protocol": said, "ethertype": "IPv6", "port_range_min": 128, "port_range_max": 0});
        let made = ann.create("security_group_rule", rule(&other, &said)).await;
        assert_eq!((&made["protocol"], &made["port_range_max"]), (&json!(kept), &json!(0)));
    }
    for any in [json!("any"), json!(null)] {
        let other = ann.create("security_group", json!({})).await;
        let said = json!({"protocol": any, "port_range_min": 1, "port_range_max": 65535});
        let made = ann.create("security_group_rule", rule(&other, &said)).await;
        assert_eq!(
            (&made["protocol"], &made["port_range_min"]),
            (&Value::Null, &Value::Null),
            "all ports is none"
        );
    }
}

const PROTOCOLS: &str = "Only protocol values (None, 'any', 'ah', 'dccp', 'egp', 'esp', 'gre', 'hopopt', 'icmp', \
                         'igmp', 'ip', 'ipip', 'ipv6-encap', 'ipv6-frag', 'ipv6-icmp', 'icmpv6', 'ipv6-nonxt', \
                         'ipv6-opts', 'ipv6-route', 'ospf', 'pgm', 'rsvp', 'sctp', 'tcp', 'udp', 'udplite', 'vrrp') \
                         and integer representations [0 to 255] are supported.";

/// Something that a rule may not say, the name of the refusal and its text.
type Case = (Value, &'static str, String);

fn case(said: Value, kind: &'static str, message: &str) -> Case {
    (said, kind, message.to_owned())
}

/// What is wrong with a protocol, a direction or a version of IP.
fn wrong_words() -> Vec<Case> {
    let unknown = |said: Value, shown: &str| {
        let text = format!("Security group rule protocol {shown} not supported. {PROTOCOLS}");
        (said, "SecurityGroupRuleInvalidProtocol", text)
    };
    let of_v6 = |protocol: Value, shown: &str| {
        let text = format!("Invalid ethertype IPv4 for protocol {shown}.");
        (json!({"protocol": protocol}), "SecurityGroupEthertypeConflictWithProtocol", text)
    };
    vec![
        unknown(json!({"protocol": 256}), "256"),
        unknown(json!({"protocol": "-1"}), "-1"),
        unknown(json!({"protocol": "nonsense"}), "nonsense"),
        unknown(json!({"protocol": ["tcp"]}), "['tcp']"),
        case(
            json!({"ethertype": "ARP"}),
            "SecurityGroupRuleInvalidEtherType",
            "Security group rule for ethertype 'ARP' not supported. Allowed values are ['IPv4', 'IPv6'].",
        ),
        case(
            json!({"direction": "both"}),
            "HTTPBadRequest",
            "Invalid input for direction. Reason: both is not in valid_values.",
        ),
        of_v6(json!("ipv6-icmp"), "ipv6-icmp"),
        of_v6(json!("icmpv6"), "icmpv6"),
        of_v6(json!(58), "58"),
    ]
}

/// What is wrong with ports, or with types and codes of ICMP.
fn wrong_ports() -> Vec<Case> {
    let of = |protocol: &str, min: Value, max: Value| json!({"protocol": protocol, "port_range_min": min, "port_range_max": max});
    let value = |said: Value, port: &str| {
        (said, "SecurityGroupInvalidPortValue", format!("Invalid value for port {port}"))
    };
    let range = |said: Value| {
        let text = "For TCP/UDP protocols, port_range_min must be <= port_range_max";
        case(said, "SecurityGroupInvalidPortRange", text)
    };
    let icmp = |said: Value, field: &str| {
        let text = format!("Invalid value for ICMP {field}. It must be 0 to 255.");
        (said, "SecurityGroupInvalidIcmpValue", text)
    };
    vec![
        value(json!({"port_range_min": 65536}), "65536"),
        value(json!({"port_range_max": "x"}), "x"),
        value(of("tcp", json!(0), json!(80)), "0"),
        case(
            json!({"port_range_min": 80, "port_range_max": 80}),
            "SecurityGroupProtocolRequiredWithPorts",
            "Must also specify protocol if port range is given.",
        ),
        range(of("tcp", json!(81), json!(80))),
        range(of("udp", json!(80), json!(null))),
        range(of("sctp", json!(null), json!(80))),
        range(of("17", json!(null), json!(80))),
        case(
            of("vrrp", json!(1), json!(2)),
            "SecurityGroupInvalidProtocolForPort",
            "Ports cannot be specified for protocol 112. Ports are only supported for DCCP, SCTP, TCP, UDP, UDPLITE.",
        ),
        icmp(of("icmp", json!(256), json!(null)), "type (port_range_min) 256"),
        icmp(of("1", json!(8), json!(300)), "code (port_range_max) 300"),
        case(
            of("icmp", json!(null), json!(3)),
            "SecurityGroupMissingIcmpType",
            "ICMP code (port-range-max) 3 is provided but ICMP type (port-range-min) is missing.",
        ),
    ]
}

/// What is wrong with the other side.
fn wrong_remotes() -> Vec<Case> {
    let id = "11111111-1111-4111-8111-111111111111";
    let several = |said: Value| {
        let text =
            "Only one of remote_ip_prefix or remote_group_id or remote_address_group_id may be provided.";
        case(said, "SecurityGroupMultipleRemoteEntites", text)
    };
    let version = |ethertype: &str, prefix: &str| {
        let text = format!("Conflicting value ethertype {ethertype} for CIDR {prefix}");
        (
            json!({"remote_ip_prefix": prefix, "ethertype": ethertype}),
            "SecurityGroupRuleParameterConflict",
            text,
        )
    };
    vec![
        case(
            json!({"remote_ip_prefix": "10.0.0.0/33"}),
            "InvalidCIDR",
            "Invalid CIDR 10.0.0.0/33 given as IP prefix.",
        ),
        version("IPv4", "fd00::/8"),
        version("IPv6", "10.0.0.0/8"),
        several(json!({"remote_ip_prefix": "10.0.0.0/8", "remote_group_id": id})),
        several(json!({"remote_address_group_id": id, "remote_group_id": id})),
    ]
}

#[tokio::test]
async fn what_makes_no_sense_is_refused_by_name() {
    let (_api, mut ann, group) = start().await;
    for (said, kind, message) in [wrong_words(), wrong_ports(), wrong_remotes()].concat() {
        let reply = ann.post(RULES, json!({"security_group_rule": rule(&group, &said)})).await;
        println!("{said}");
        reply.expect_error(400, kind, &message);
    }
    for name in ["security_group_id", "direction"] {
        let mut rule = rule(&group, &json!({}));
        rule.as_object_mut().unwrap().remove(name);
        let text = format!("Failed to parse request. Required attribute '{name}' not specified");
        let reply = ann.post(RULES, json!({"security_group_rule": rule})).await;
        reply.expect_error(400, "HTTPBadRequest", &text);
    }
    let shown = ann.get(&format!("/v2.0/security-groups/{}", text(&group["id"]))).await.expect(200);
    assert_eq!(shown["security_group"]["revision_number"], 1, "nothing came of any of them");
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let (api, mut ann, group) = start().await;
    let none = "11111111-1111-4111-8111-111111111111";
    let group_missing = format!("Security group {none} does not exist");
    for said in [json!({"security_group_id": none}), json!({"remote_group_id": none})] {
        let reply = ann.post(RULES, json!({"security_group_rule": rule(&group, &said)})).await;
        reply.expect_error(404, "SecurityGroupNotFound", &group_missing);
    }
    let said = json!({"remote_address_group_id": none});
    let reply = ann.post(RULES, json!({"security_group_rule": rule(&group, &said)})).await;
    reply.expect_error(404, "AddressGroupNotFound", &format!("Address group {none} could not be found."));
    // What is there of others is not there.
    let mut bob = api.member("bob");
    let his = bob.create("security_group", json!({})).await;
    let addresses = bob.create("address_group", json!({})).await;
    let said = json!({"remote_group_id": his["id"]});
    ann.post(RULES, json!({"security_group_rule": rule(&group, &said)})).await.expect(404);
    let said = json!({"remote_address_group_id": addresses["id"]});
    ann.post(RULES, json!({"security_group_rule": rule(&group, &said)})).await.expect(404);
    let refused = ann.post(RULES, json!({"security_group_rule": rule(&his, &json!({}))})).await;
    refused.expect_error(
        403,
        "PolicyNotAuthorized",
        "rule:create_security_group_rule is disallowed by policy",
    );
}

#[tokio::test]
async fn nobody_says_the_same_twice() {
    let (_api, mut ann, group) = start().await;
    let exists = |id: &Value| format!("Security group rule already exists. Rule id is {}.", text(id));
    for (said, again) in [
        (json!({}), json!({"description": "other", "remote_ip_prefix": "0.0.0.0/0"})),
        (json!({"ethertype": "IPv6"}), json!({"ethertype": "IPv6", "remote_ip_prefix": "::/0"})),
        (json!({"protocol": "tcp"}), json!({"protocol": 6, "port_range_min": 1, "port_range_max": 65535})),
        (json!({"protocol": "icmp", "ethertype": "IPv6"}), json!({"protocol": "58", "ethertype": "IPv6"})),
        (json!({"remote_ip_prefix": "10.0.0.1"}), json!({"remote_ip_prefix": "10.0.0.1/32"})),
        (json!({"remote_group_id": group["id"]}), json!({"remote_group_id": group["id"], "protocol": "any"})),
    ] {
        let made = ann.create("security_group_rule", rule(&group, &said)).await;
        let reply = ann.post(RULES, json!({"security_group_rule": rule(&group, &again)})).await;
        reply.expect_error(409, "SecurityGroupRuleExists", &exists(&made["id"]));
    }
    // Host bits tell two ranges apart, as in Neutron.
    for prefix in ["10.1.0.0/24", "10.1.0.1/24"] {
        ann.create("security_group_rule", rule(&group, &json!({"remote_ip_prefix": prefix}))).await;
    }
    let mut egress = rule(&group, &json!({}));
    egress["direction"] = "egress".into();
    let reply = ann.post(RULES, json!({"security_group_rule": egress})).await;
    reply.expect(409);
}

#[tokio::test]
async fn several_rules_are_of_one_group_and_all_or_none() {
    let (_api, mut ann, group) = start().await;
    let other = ann.create("security_group", json!({})).await;
    let of =
        |port: u64| rule(&group, &json!({"protocol": "tcp", "port_range_min": port, "port_range_max": port}));
    let many: Vec<Value> = (1..=30).map(of).collect();
    let made = ann.post(RULES, json!({"security_group_rules": many})).await.expect(201);
    let ids: BTreeSet<&str> =
        made["security_group_rules"].as_array().unwrap().iter().map(|rule| text(&rule["id"])).collect();
    assert_eq!(ids.len(), 30);
    for (rules, status, kind, message) in [
        (
            vec![of(40), rule(&other, &json!({}))],
            400,
            "SecurityGroupNotSingleGroupRules",
            "Only allowed to update rules for one security profile at a time",
        ),
        (
            vec![of(40), of(41), of(40)],
            409,
            "DuplicateSecurityGroupRuleInPost",
            "Duplicate Security Group Rule in POST.",
        ),
        (
            vec![of(40), rule(&group, &json!({"port_range_min": 1}))],
            400,
            "SecurityGroupProtocolRequiredWithPorts",
            "Must also specify protocol if port range is given.",
        ),
    ] {
        let reply = ann.post(RULES, json!({"security_group_rules": rules})).await;
        reply.expect_error(status, kind, message);
    }
    let reply = ann.post(RULES, json!({"security_group_rules": [of(40), of(41), of(30)]})).await;
    assert_eq!(reply.expect(409)["NeutronError"]["type"], "SecurityGroupRuleExists");
    let listed = ann.get(&format!("{RULES}?security_group_id={}&protocol=tcp", text(&group["id"]))).await;
    assert_eq!(listed.expect(200)["security_group_rules"].as_array().map(Vec::len), Some(30));
}

#[tokio::test]
async fn projects_of_rules_are_one() {
    let (api, _ann, group) = start().await;
    let mut rules = [rule(&group, &json!({"protocol": "tcp"})), rule(&group, &json!({"protocol": "udp"}))];
    rules[0]["project_id"] = "ann".into();
    let reply = api.admin().post(RULES, json!({"security_group_rules": rules})).await;
    reply.expect_error(
        400,
        "SecurityGroupRulesNotSingleProject",
        "Multiple project_ids in bulk security group rule create not allowed",
    );
}

#[tokio::test]
async fn rules_are_seen_by_the_owner_of_the_group() {
    let (api, mut ann, group) = start().await;
    let mut admin = api.admin();
    let by_admin = admin.create("security_group_rule", rule(&group, &json!({"protocol": "tcp"}))).await;
    assert_eq!(by_admin["project_id"], "admin");
    let of_admin = admin.create("security_group", json!({})).await;
    let hidden = admin.create("security_group_rule", rule(&of_admin, &json!({"protocol": "tcp"}))).await;
    let listed = ann.get(RULES).await.expect(200);
    let ids: Vec<&Value> =
        listed["security_group_rules"].as_array().unwrap().iter().map(|rule| &rule["id"]).collect();
    assert!(ids.contains(&&by_admin["id"]) && !ids.contains(&&hidden["id"]), "{listed}");
    let path = format!("{RULES}/{}", text(&by_admin["id"]));
    api.member("bob").get(&path).await.expect(404);
    let reader = [("X-Project-Id", "ann"), ("X-Roles", "reader")];
    let refused = api.client(&reader).delete(&path).await;
    refused.expect_error(
        403,
        "PolicyNotAuthorized",
        "rule:delete_security_group_rule is disallowed by policy",
    );
    ann.delete(&path).await.expect(204);
}

#[tokio::test]
async fn rules_are_found_by_what_they_say() {
    let (_api, mut ann, group) = start().await;
    for said in [
        json!({"protocol": "tcp", "port_range_min": 80, "port_range_max": 90, "remote_ip_prefix": "10.0.0.7/24"}),
        json!({"protocol": "udp", "ethertype": "IPv6", "remote_group_id": group["id"], "description": "d"}),
    ] {
        ann.create("security_group_rule", rule(&group, &said)).await;
    }
    let id = text(&group["id"]);
    for (query, count) in [
        (format!("security_group_id={id}"), 4),
        (format!("security_group_id={id}&direction=egress"), 2),
        ("protocol=tcp".to_owned(), 1),
        ("protocol=TCP&port_range_min=80".to_owned(), 1),
        ("port_range_max=91".to_owned(), 0),
        ("remote_ip_prefix=10.0.0.7/24".to_owned(), 1),
        ("normalized_cidr=10.0.0.0/24".to_owned(), 1),
        (format!("remote_group_id={id}&ethertype=IPv6"), 1),
        ("belongs_to_default_sg=True".to_owned(), 4),
        ("belongs_to_default_sg=False&protocol=udp".to_owned(), 1),
        ("description=d".to_owned(), 1),
        ("project_id=ann&limit=3".to_owned(), 3),
        ("sort_key=port_range_min&sort_dir=desc&limit=1".to_owned(), 1),
    ] {
        let listed = ann.get(&format!("{RULES}?{query}")).await.expect(200);
        assert_eq!(listed["security_group_rules"].as_array().map(Vec::len), Some(count), "{query}");
    }
    ann.get(&format!("{RULES}?tags=red")).await.expect_error(
        400,
        "HTTPBadRequest",
        "['tags'] is invalid attribute for filtering",
    );
}

#[tokio::test]
async fn a_project_may_have_so_many_rules() {
    let api = Api::start().await;
    let mut ann = api.member("ann");
    let group = ann.create("security_group", json!({})).await;
    api.admin().put("/v2.0/quotas/ann", json!({"quota": {"security_group_rule": 7}})).await.expect(200);
    ann.create("security_group_rule", rule(&group, &json!({}))).await;
    let reply =
        ann.post(RULES, json!({"security_group_rule": rule(&group, &json!({"protocol": "tcp"}))})).await;
    reply.expect_error(409, "OverQuota", "Quota exceeded for resources: ['security_group_rule'].");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_rules_at_once() {
    let (first, mut ann, group) = start().await;
    let settings = Settings { default_quota: Limits::unlimited(), ..Settings::default() };
    let second = Api::with(first.store.clone(), settings).await;
    let tasks: Vec<_> = (0..60_u64)
        .map(|number| {
            // Each rule is wanted twice, by clients of two servers.
            let mut client = [&first, &second][usize::from(number % 2 == 0)].member("ann");
            let port = number / 2 + 1;
            let said = json!({"protocol": "tcp", "port_range_min": port, "port_range_max": port});
            let body = json!({"security_group_rule": rule(&group, &said)});
            tokio::spawn(async move { client.post(RULES, body).await.status })
        })
        .collect();
    let mut statuses = Vec::new();
    for task in tasks {
        statuses.push(task.await.unwrap());
    }
    let count = |status: u16| statuses.iter().filter(|own| **own == status).count();
    assert_eq!((count(201), count(409)), (30, 30), "{statuses:?}");
    crate::support::eventually(async || {
        let shown = ann.get(&format!("/v2.0/security-groups/{}", text(&group["id"]))).await.expect(200);
        shown["security_group"]["revision_number"] == 31
    })
    .await;
}
