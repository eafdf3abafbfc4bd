//! Packets in small clouds: where they end, and that whoever decided is named.

use engine::{Engine, Input, Interface, Settings};
use model::{Id, RowId, Table};
use net_types::OfPort;
use serde_json::json;
use tracer::report::{End, Event};
use tracer::{Cloud, Connection, Dump, Kind, Request};

use crate::support::{cloud, decided, ping, port, receivers, request, row, rows, settings};

#[test]
fn a_ping_on_one_host_is_delivered_and_every_table_names_its_object() {
    let mut cloud = cloud();
    let report = ping(&mut cloud, "vm1", "vm2");
    assert!(report.verdict.is_delivered);
    assert_eq!(receivers(&report), [("a", "port-2")]);
    assert_eq!(report.visits.len(), 1);
    let decided = decided(&report);
    let by = |objects: &str| vec![objects.to_owned()];
    assert_eq!(decided.first(), Some(&("classify".to_owned(), by("port-1"))));
    assert!(decided.contains(&("l2".to_owned(), by("port-2"))), "{decided:?}");
    assert_eq!(decided.last(), Some(&("dispatch".to_owned(), by("port-2"))));
    let text = report.to_string();
    for said in [
        "port vm1 (port-1) sends",
        "network = 1, network the red one (red)",
        "made by [l2: address of port vm2 (port-2)]",
    ] {
        assert!(text.contains(said), "{said:?} is not in\n{text}");
    }
}

#[test]
fn a_ping_crosses_hosts_in_tunnels_of_both_kinds() {
    for (from, to, kind, receiver) in [("vm1", "vm3", "geneve", "port-3"), ("vm7", "vm6", "vxlan", "port-6")]
    {
        let mut cloud = cloud();
        let report = ping(&mut cloud, from, to);
        assert!(report.verdict.is_delivered, "{report}");
        assert_eq!(report.verdict.receivers[0].port.id, receiver);
        let hosts: Vec<&str> = report.visits.iter().map(|visit| visit.host.as_str()).collect();
        let expected = if from == "vm1" { ["a", "b"] } else { ["b", "a"] };
        assert_eq!(hosts, expected);
        assert!(report.visits[0].ends.iter().any(
            |end| matches!(end, End::Tunnel { kind: this, host: Some(host), .. } if this == kind && host == expected[1])
        ));
        assert!(
            report.visits[1].entered.contains(&format!("out of a {kind} tunnel from host {}", expected[0]))
        );
    }
}

#[test]
fn a_broadcast_is_followed_to_every_host() {
    let mut cloud = cloud();
    let fields = "dl_dst=ff:ff:ff:ff:ff:ff,icmp,nw_dst=10.0.0.255".to_owned();
    let report = cloud.trace(&Request { fields: Some(fields), ..request("port-1") }).unwrap();
    assert_eq!(receivers(&report), [("a", "port-2"), ("b", "port-3")]);
}

#[test]
fn what_port_security_forbids_is_dropped_there() {
    let mut cloud = cloud();
    let fields = "icmp,nw_src=10.0.0.66,nw_dst=10.0.0.2".to_owned();
    let report = cloud.trace(&Request { fields: Some(fields), ..request("vm1") }).unwrap();
    assert!(!report.verdict.is_delivered);
    assert!(receivers(&report).is_empty());
    let [End::Dropped { table, reason, makers, .. }] = report.visits[0].ends.as_slice() else {
        panic!("{report}")
    };
    assert_eq!(*table, format!("table {} (port security)", pipeline::tables::PORT_SECURITY.id));
    assert!(makers.is_empty() && reason.contains(pipeline::tables::PORT_SECURITY.purpose), "{reason}");
    // What a flow forbids, that flow's maker forbids.
    let fields = "udp,udp_src=67,udp_dst=68,nw_dst=10.0.0.2".to_owned();
    let report = cloud.trace(&Request { fields: Some(fields), ..request("vm1") }).unwrap();
    let [End::Dropped { makers, .. }] = report.visits[0].ends.as_slice() else { panic!("{report}") };
    assert_eq!((makers[0].app, makers[0].rule), ("portsec", "everybody"));
}

#[test]
fn what_is_answered_here_says_by_whom() {
    let mut cloud = cloud();
    let who = |kind| Request { kind: Some(kind), ..request("vm1") };
    let report = cloud.trace(&who(Kind::Who("10.0.0.3".parse().unwrap()))).unwrap();
    assert!(report.verdict.is_delivered && receivers(&report).is_empty(), "{report}");
    let [End::Answered { makers, answer, .. }] = report.visits[0].ends.as_slice() else { panic!("{report}") };
    assert_eq!((makers[0].app, makers[0].object.as_ref().unwrap().id.as_str()), ("neighbor", "port-3"));
    assert!(answer.contains("arp_sha=02:00:00:00:00:03"), "{answer}");

    // As a guest asks: to the group of who may have the address, with its own address as an option.
    let report = cloud.trace(&who(Kind::Who("fd00::3".parse().unwrap()))).unwrap();
    let by = &report.verdict.answers[0];
    assert!(
        by.contains("[neighbor: neighbor of port vm3 (port-3)]") && receivers(&report).is_empty(),
        "{report}"
    );
    for field in [
        "ipv6_dst=ff02::1:ff00:3",
        "dl_dst=33:33:ff:00:00:03",
        "nw_ttl=255",
        "nd_sll=02:00:00:00:00:01",
        "nd_options_type=1",
    ] {
        assert!(report.packet.contains(field), "{field}: {report}");
    }

    let report = cloud.trace(&who(Kind::Dhcp)).unwrap();
    assert!(report.verdict.is_delivered, "{report}");
    let [End::Controller { is_answered: true, answer, makers, .. }] = report.visits[0].ends.as_slice() else {
        panic!("{report}")
    };
    assert!(answer.contains("tp_dst=68") && answer.contains("port vm1"), "{answer}");
    assert_eq!(makers[0].app, "dhcp");
}

#[test]
fn who_cannot_be_reached_is_why() {
    let mut cloud = cloud();
    for (from, to, table, about) in [
        ("vm1", "vm4", "(dispatch)", "egress port: port vm4 (port-4), which is bound to no host"),
        (
            "vm1",
            "vm5",
            "(dispatch)",
            "egress port: port vm5 (port-5), which is disabled (admin_state_up is false)",
        ),
        ("vm5", "vm1", "(classify)", "plugged in: port vm5 (port-5), which is disabled"),
    ] {
        let report = ping(&mut cloud, from, to);
        assert!(!report.verdict.is_delivered, "{report}");
        let why = &report.verdict.drops[0];
        assert!(why.contains(table) && why.contains(about), "{about}: {report}");
    }
}

#[test]
fn networks_are_not_confused_and_the_gateway_is_the_next_hop() {
    let mut cloud = cloud();
    let of = |cloud: &mut Cloud, fields: &str| {
        cloud
            .trace(&Request { fields: Some(fields.to_owned()), ..request("vm1") })
            .map(|report| report.packet)
    };
    // vm7 has 10.0.0.7, in another network.
    let packet = of(&mut cloud, "icmp,nw_dst=10.0.0.7").unwrap();
    assert!(packet.contains("dl_dst=02:00:00:00:00:09"), "{packet}");
    let packet = of(&mut cloud, "tcp,nw_dst=198.51.100.1,tp_dst=80").unwrap();
    assert!(packet.contains("dl_dst=02:00:00:00:00:09") && packet.contains("nw_src=10.0.0.1"), "{packet}");
    let packet = of(&mut cloud, "icmp6,ipv6_dst=fd00::2").unwrap();
    assert!(packet.contains("dl_dst=02:00:00:00:00:02") && packet.contains("ipv6_src=fd00::1"), "{packet}");
}

#[test]
fn what_makes_no_packet_is_refused_by_name() {
    let mut cloud = cloud();
    // As the program says it: what is wrong, and once why.
    let mut refusal = |request: &Request| {
        let error = cloud.trace(request).unwrap_err();
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        let said = error.to_string();
        assert!(!cause.as_ref().is_some_and(|cause| said.contains(cause)), "{said}");
        said + &cause.unwrap_or_default()
    };
    let fields = |fields: &str| Request { fields: Some(fields.to_owned()), ..request("vm1") };
    assert!(refusal(&request("vm77")).contains("\"vm77\""));
    assert!(refusal(&request("vm1")).contains("--ping"));
    assert!(refusal(&Request { to: Some("vm1".to_owned()), ..request("vm4") }).contains("bound to no host"));
    assert!(refusal(&fields("icmp,nw_dst=10.0.0.0/8")).contains("ip_dst has a mask"));
    assert!(refusal(&fields("in_port=3")).contains("--port"));
    assert!(refusal(&fields("icmp")).contains("nw_dst"));
    assert!(refusal(&fields("tp_dst=80")).contains("needs tcp"));
    let request = Request { kind: Some(Kind::Ping), ..request("vm6") };
    assert!(refusal(&request).contains("--to"));
    let far = Request { fields: Some("icmp,nw_dst=198.51.100.1".to_owned()), ..request.clone() };
    assert!(refusal(&far).contains("dl_dst"));
}

#[test]
fn a_port_of_another_network_is_sent_to_by_way_of_the_gateway() {
    let mut cloud = cloud();
    let request = Request { to: Some("vm7".to_owned()), ..request("vm1") };
    let report = cloud.trace(&request).expect("red has a gateway");
    assert!(
        report.packet.contains("dl_dst=02:00:00:00:00:09") && report.packet.contains("nw_dst=10.0.0.7"),
        "{report}"
    );
    assert!(!report.verdict.is_delivered, "nobody routes");
    let back = Request { port: "vm7".to_owned(), to: Some("vm1".to_owned()), ..request };
    assert!(cloud.trace(&back).unwrap_err().to_string().contains("no gateway of the network is known"));
}

#[test]
fn what_a_host_found_wrong_with_the_objects_is_said() {
    let gone = RowId::new("b").unwrap();
    let rows = rows().into_iter().filter(|row| row.table() != Table::Chassis || *row.id() != gone);
    let mut cloud = Cloud::new(apps::all, settings(), rows.collect());
    let report = ping(&mut cloud, "vm1", "vm3");
    assert!(!report.verdict.is_delivered);
    let remarks = &report.visits[0].remarks;
    let is_said = |remark: &String| {
        remark.contains("network the red one (red)")
            && remark.contains("b has ports of the network and is not registered")
    };
    assert!(remarks.iter().any(is_said), "{remarks:#?}");
    // The networks that have nothing to do with the packet are left out.
    assert!(!remarks.iter().any(|remark| remark.contains("(blue)")), "{remarks:#?}");
}

#[test]
fn meters_are_those_of_their_ports() {
    let mut rows = rows();
    let limit = json!({"id": "r", "type": "bandwidth_limit", "direction": "egress", "max_kbps": 1234, "max_burst_kbps": 100});
    rows.push(row(Table::QosPolicy, &json!({"id": "slow", "topic": "t", "version": 1, "rules": [limit]})));
    rows.push(port(31, "red", Some("a"), &json!({"qos_policy": "slow"})));
    let mut cloud = Cloud::new(apps::all, settings(), rows);
    let report = ping(&mut cloud, "vm31", "vm1").to_string();
    assert!(report.contains("of port vm31 (port-31) (1234 kbit/s), if it is not faster"), "{report}");
    let report = cloud.trace(&Request { kind: Some(Kind::Dhcp), ..request("vm31") }).unwrap().to_string();
    assert!(
        report.contains("to the controller of the host, if meter ")
            && report.contains("packets/s) lets it pass"),
        "{report}"
    );
}

#[test]
fn names_that_several_ports_have_are_no_names() {
    let mut rows = rows();
    rows.push(port(10, "red", Some("a"), &json!({"name": "vm1"})));
    let mut cloud = Cloud::new(apps::all, settings(), rows);
    let refusal = cloud.trace(&Request { to: Some("vm2".to_owned()), ..request("vm1") }).unwrap_err();
    assert!(refusal.to_string().contains("port-1, port-10"), "{refusal}");
    assert!(ping(&mut cloud, "port-10", "vm2").verdict.is_delivered);
}

#[test]
fn a_recording_has_the_numbers_of_its_host() {
    let mut engine = Engine::new(apps::all());
    let mut inputs = vec![
        Input::Settings(Settings {
            chassis: Id::new("a").unwrap(),
            tunnel_ip: [192, 0, 2, 1].into(),
            ..settings()
        }),
        Input::Snapshot { tables: Table::ALL.to_vec(), rows: rows() },
        Input::Tunnels([(model::TunnelType::Geneve, 501)].into()),
    ];
    for (port, number) in [("port-1", 41), ("port-2", 42)] {
        let port = Id::from_row(RowId::new(port).unwrap());
        inputs.push(Input::Interface(Interface::new(port, OfPort::new(number))));
    }
    engine.step(inputs);
    let (mut cloud, host) = Cloud::of_engine(apps::all, engine).expect("the host has a name");
    assert_eq!(host.to_string(), "a");
    let report = ping(&mut cloud, "vm1", "vm3");
    assert!(report.verdict.is_delivered);
    assert!(report.to_string().contains("out of switch port 501, of geneve tunnels"), "{report}");
    // Who was not plugged in when it was recorded sends nothing.
    let text =
        cloud.trace(&Request { to: Some("vm1".to_owned()), ..request("vm5") }).unwrap_err().to_string();
    assert!(text.contains("nothing is plugged in for port vm5"), "{text}");
}

#[test]
fn a_switch_that_lacks_a_flow_is_walked_as_it_is() {
    let mut cloud = cloud();
    let host = cloud.host(&Id::new("a").unwrap());
    let desired = host.engine.desired();
    let is_address_of_2 = |flow: &&openflow::flow::PackedFlow| {
        flow.unpack().to_string().contains(&format!("table={},", pipeline::tables::L2.id))
            && flow.unpack().to_string().contains("dl_dst=02:00:00:00:00:02")
    };
    let flows = desired.flows.iter().filter(|flow| !is_address_of_2(flow)).cloned().collect::<Vec<_>>();
    assert_eq!(flows.len() + 1, desired.flows.len());
    host.replace_switch(Dump { flows, groups: desired.groups.clone(), meters: desired.meters });
    let report = ping(&mut cloud, "vm1", "vm2");
    assert!(!report.verdict.is_delivered && report.visits[0].is_live);
    assert!(
        report.visits[0]
            .remarks
            .iter()
            .any(|remark| remark.contains("lacks") && remark.contains("02:00:00:00:00:02"))
    );
}

#[test]
fn a_port_in_a_trunk_sends_with_its_tag_at_the_port_around_it() {
    let mut rows = rows();
    rows.push(port(11, "blue", Some("a"), &json!({})));
    rows.push(row(
        Table::ChildPortSegmentation,
        &json!({"id": "x", "topic": "t", "parent": "port-1", "port": "port-11", "segmentation_id": 42, "segmentation_type": "vlan"}),
    ));
    let mut cloud = Cloud::new(apps::all, settings(), rows);
    let report = cloud.trace(&Request { to: Some("vm7".to_owned()), ..request("vm11") }).unwrap();
    let entered = &report.visits[0].packet;
    assert!(entered.contains("dl_vlan=42"), "{entered}");
    assert_eq!(receivers(&report), [("b", "port-7")]);
    let first = &decided(&report)[0];
    assert_eq!(first.0, "classify");
    let classified = report.to_string();
    assert!(classified.contains("of port vm11 (port-11)"), "{classified}");
    let host = cloud.host(&Id::new("a").unwrap());
    assert_eq!(host.of_port(&Id::new("port-11").unwrap()), None, "it has no interface of its own");
    // What comes with its tag is for it, and not for the port around it.
    assert_eq!(receivers(&ping(&mut cloud, "vm7", "vm11")), [("a", "port-11")]);
}

/// A cookie of the flows that lead to a port.
fn cookie_of_address(cloud: &mut Cloud, mac: &str) -> u64 {
    let desired = cloud.host(&Id::new("a").expect("a name")).engine.desired();
    let mut flows = desired.flows.iter().map(openflow::flow::PackedFlow::unpack);
    flows.find(|flow| flow.to_string().contains(&format!("dl_dst={mac}"))).expect("a flow").cookie
}

#[test]
fn a_conjunctive_match_names_the_objects_of_all_clauses_and_the_tracker_says_what_it_is_told() {
    let mut cloud = cloud();
    let (two, three) = (
        cookie_of_address(&mut cloud, "02:00:00:00:00:02"),
        cookie_of_address(&mut cloud, "02:00:00:00:00:03"),
    );
    let flows = [
        "table=0,in_port=1 actions=ct(zone=5,table=1)".to_owned(),
        format!("cookie={two:#x},table=1,priority=9,ip,nw_src=10.0.0.1 actions=conjunction(7,1/2)"),
        format!("cookie={three:#x},table=1,priority=9,ip,ct_state=+trk+est actions=conjunction(7,2/2)"),
        "table=1,priority=9,conj_id=7,ip actions=output:2".to_owned(),
        "table=1,priority=1,ct_state=+inv+trk actions=drop".to_owned(),
    ];
    let flows = flows
        .iter()
        .map(|flow| openflow::flow::PackedFlow::new(&openflow::text::parse_flow(flow).unwrap()).unwrap());
    let dump = Dump { flows: flows.collect(), ..Dump::default() };
    cloud.host(&Id::new("a").unwrap()).replace_switch(dump);

    let mut as_told = |connections: &[Connection]| {
        let request =
            Request { to: Some("vm2".to_owned()), connections: connections.to_vec(), ..request("vm1") };
        cloud.trace(&request).unwrap()
    };
    let report = as_told(&[Connection::Established]);
    assert_eq!(receivers(&report), [("a", "port-2")], "{report}");
    let mut steps = report.visits[0].steps.iter().filter_map(|step| match &step.event {
        Event::Table(table) => Some(table),
        Event::Did(_) => None,
    });
    let clauses = &steps.next_back().unwrap().clauses;
    let objects = |clause: &tracer::report::Clause| clause.makers[0].object.as_ref().unwrap().id.clone();
    let named: Vec<(u8, String)> = clauses.iter().map(|clause| (clause.clause, objects(clause))).collect();
    assert_eq!(named, [(1, "port-2".to_owned()), (2, "port-3".to_owned())]);
    let text = report.to_string();
    assert!(text.contains("comes back from the connection tracker, zone 5, as established"), "{text}");

    for connection in [Connection::New, Connection::Invalid] {
        assert!(!as_told(&[connection]).verdict.is_delivered);
    }
    assert!(!as_told(&[]).verdict.is_delivered, "a connection is new where nobody says otherwise");
}

#[test]
fn a_cookie_names_its_object_and_the_facts_and_a_table_its_purpose() {
    let mut cloud = cloud();
    let report = ping(&mut cloud, "vm1", "vm3");
    let step = report.visits[0].steps.iter().find_map(|step| match &step.event {
        Event::Table(table) if table.name == "dispatch" => Some(table),
        _ => None,
    });
    let step = step.expect("a packet leaves there");
    let cookie = u64::from_str_radix(step.makers[0].cookie.trim_start_matches("0x"), 16).unwrap();
    let host = Id::new("a").unwrap();
    let explained = cloud.explain(&host, pipeline::Cookie::from_bits(cookie));
    let [maker] = explained.makers.as_slice() else { panic!("{explained}") };
    assert_eq!((maker.app, maker.rule), ("classify", "remote port"));
    assert_eq!(maker.object.as_ref().unwrap().id, "port-3");
    let facts: Vec<&str> = maker.facts.iter().map(|fact| fact.fact.as_str()).collect();
    // The network comes by a derived value.
    for fact in ["port vm3 (port-3)", "network the red one (red)", "host b", "the settings of the node"] {
        assert!(facts.contains(&fact), "{fact} is not among {facts:#?}");
    }
    assert!(maker.flows.iter().any(|flow| flow.contains("192.0.2.2")), "{:?}", maker.flows);
    let strange = cloud.explain(&host, pipeline::Cookie::from_bits(u64::MAX));
    assert!(strange.makers.is_empty() && strange.to_string().contains("somebody else's"));

    let l2 = tracer::explain::table("l2").unwrap();
    assert_eq!(l2.table, pipeline::tables::L2.id);
    assert!(tracer::explain::table(&l2.table.to_string()).unwrap().to_string().contains(l2.purpose));
    assert!(tracer::explain::table("l3000").is_none());
}
