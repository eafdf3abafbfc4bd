//! Security groups: the rule that let a packet pass is named, and who made it match; or which groups did not.

use model::{Object, Table};
use serde_json::{Value, json};
use tracer::report::{Event, TableStep};
use tracer::{Cloud, Connection, Kind, Report, Request};

use crate::support::{port, request, row, rows, settings};

fn rule(id: &str, direction: &str, more: &Value) -> Value {
    let mut rule = json!({"id": id, "topic": "t", "version": 1, "direction": direction, "ethertype": "IPv4",
        "security_group_id": "group-web"});
    for (member, value) in more.as_object().into_iter().flatten() {
        rule[member] = value.clone();
    }
    rule
}

fn group(id: &str, name: &str, key: u32, rules: &[Value]) -> Object {
    row(
        Table::SecurityGroup,
        &json!({"id": id, "name": name, "topic": "t", "unique_key": key, "version": 1, "rules": rules}),
    )
}

/// vm21 on a and vm22 on b are web servers; vm23 on a is a client, and may do anything.
fn cloud() -> Cloud {
    let anything = [rule("out", "egress", &json!({})), rule("in", "ingress", &json!({}))];
    let of_web = [
        rule("http", "ingress", &json!({"protocol": 6, "port_range_min": 80, "port_range_max": 80})),
        rule("peers", "ingress", &json!({"protocol": 17, "remote_group_id": "group-web"})),
        rule("out-of-web", "egress", &json!({})),
    ];
    let mut rows = rows();
    rows.push(group("group-web", "web", 1, &of_web));
    rows.push(group("group-all", "all", 2, &anything));
    let of = |groups: &[&str]| json!({"security_groups": groups, "port_security_enabled": true});
    rows.push(port(21, "red", Some("a"), &of(&["group-web"])));
    rows.push(port(22, "red", Some("b"), &of(&["group-web"])));
    rows.push(port(23, "red", Some("a"), &of(&["group-all"])));
    Cloud::new(apps::all, settings(), rows)
}

fn trace(from: &str, to: &str, kind: Kind, connections: &[Connection]) -> Report {
    let request = Request {
        to: Some(to.to_owned()),
        kind: Some(kind),
        connections: connections.to_vec(),
        ..request(from)
    };
    cloud().trace(&request).expect("a packet")
}

/// The last table that rules of groups are in, of those that were passed.
fn last_of_groups(report: &Report) -> TableStep {
    let steps = report.visits.iter().flat_map(|visit| &visit.steps).rev();
    let mut rules = steps.filter_map(|step| match &step.event {
        Event::Table(table) if table.table == pipeline::tables::INGRESS_RULES.id => Some(table),
        _ => None,
    });
    *rules.next().expect("rules were asked").clone()
}

#[test]
fn the_rule_that_permits_is_named_with_its_group() {
    let report = trace("vm23", "vm22", Kind::Tcp(80), &[]);
    assert!(report.verdict.is_delivered, "{report}");
    let step = last_of_groups(&report);
    let object = step.makers[0].object.as_ref().expect("the rule");
    assert_eq!((object.kind, object.id.as_str()), ("rule", "http"));
    assert_eq!(object.of.as_ref().expect("its group").name.as_deref(), Some("web"));
    assert!(report.to_string().contains(
        "of rule http (direction=ingress ethertype=IPv4 port_range_max=80 port_range_min=80 protocol=6) of security group web"
    ), "{report}");
    assert!(report.to_string().contains("first group = "), "{report}");
}

#[test]
fn what_no_rule_permits_names_port_and_groups() {
    let report = trace("vm23", "vm21", Kind::Tcp(22), &[]);
    assert!(!report.verdict.is_delivered, "{report}");
    let drop = &report.verdict.drops[0];
    for said in ["egress port: port vm21 (port-21)", "first group: security group web (group-web)"] {
        assert!(drop.contains(said), "{said:?} is not in {drop}");
    }
    let shut = port(21, "red", Some("a"), &json!({"port_security_enabled": true}));
    let mut rows = rows();
    rows.push(group("group-web", "web", 1, &[rule("out", "egress", &json!({}))]));
    rows.push(shut);
    rows.push(port(23, "red", Some("a"), &json!({"security_groups": ["group-web"]})));
    let request = Request { to: Some("vm21".to_owned()), ..request("vm23") };
    let report = Cloud::new(apps::all, settings(), rows).trace(&request).expect("a packet");
    assert!(report.verdict.drops[0].contains("[sg: what no rule permits]"), "{report}");
    assert!(report.to_string().contains("first group := 65535, none: nothing is permitted"), "{report}");
    // An answer to what the port itself began passes all the same.
    assert!(trace("vm23", "vm21", Kind::Tcp(22), &[Connection::Reply]).verdict.is_delivered);
    assert!(
        !trace("vm23", "vm21", Kind::Tcp(80), &[Connection::New, Connection::Invalid]).verdict.is_delivered
    );
}

#[test]
fn of_a_conjunction_both_the_rule_and_the_member_are_named() {
    let report = trace("vm22", "vm21", Kind::Udp(53), &[]);
    assert!(report.verdict.is_delivered, "{report}");
    let step = last_of_groups(&report);
    let objects: Vec<(u8, &str, &str)> = step
        .clauses
        .iter()
        .map(|clause| (clause.clause, clause.makers[0].object.as_ref().expect("an object")))
        .map(|(clause, object)| (clause, object.kind, object.id.as_str()))
        .collect();
    assert_eq!(objects, [(1, "rule", "peers"), (2, "port", "port-22")], "{report}");
    assert_eq!(step.makers[0].object.as_ref().expect("the group").id, "group-web");
    // Who is in no such group is no member.
    assert!(!trace("vm23", "vm21", Kind::Udp(53), &[]).verdict.is_delivered);
}

#[test]
fn a_cookie_of_a_rule_explains_that_rule_and_no_other() {
    let mut cloud = cloud();
    let request = Request { to: Some("vm21".to_owned()), kind: Some(Kind::Tcp(80)), ..request("vm23") };
    let report = cloud.trace(&request).expect("a packet");
    let cookie = last_of_groups(&report).makers[0].cookie.clone();
    let cookie = u64::from_str_radix(cookie.trim_start_matches("0x"), 16).expect("a number");
    let explained = cloud.explain(&model::Id::new("a").expect("a name"), pipeline::Cookie::from_bits(cookie));
    let [maker] = explained.makers.as_slice() else { panic!("{explained}") };
    assert_eq!(maker.object.as_ref().expect("the rule").id, "http");
    assert!(maker.flows.iter().all(|flow| flow.contains("tp_dst=80")), "{:?}", maker.flows);
    assert!(maker.facts.iter().any(|fact| fact.fact == "security group web (group-web)"), "{explained}");
}
