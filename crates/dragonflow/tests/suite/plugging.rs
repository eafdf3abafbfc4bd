//! Interfaces and ports that come, go, move and multiply, in any order.

use std::thread;

use serde_json::{Value, json};
use testkit::cloud::{BRIDGE, Site, Vm};
use testkit::{Guest, GuestSpec, try_wait_until};

use crate::support::{Lab, PATIENCE, Watch, Wire, binary, gets_address, talks, times_ready, wait_ready};

/// Machines that are plugged in at once.
const CROWD: usize = 20;
/// How many plug in at the same time.
const HANDS: usize = 4;

/// Devices of nobody that come and go.
const STRANGERS: usize = 40;

fn no_flow_mentions(lab: &Lab, text: &str) {
    for site in lab.cloud.sites() {
        try_wait_until(PATIENCE, "flows to go", || {
            (!site.flows().ok()?.iter().any(|flow| flow.contains(text))).then_some(())
        })
        .unwrap_or_else(|error| panic!("{} on {}: {error}: {:#?}", text, site.name, site.flows()));
    }
}

/// The rows of a table, or those whose ids begin somehow, that name something.
fn rows_that_name(lab: &Lab, table: &str, id: &str) -> usize {
    let mut command = std::process::Command::new(testkit::require_tool("etcdctl"));
    command.env("ETCDCTL_API", "3");
    command.args(["--endpoints", lab.cloud.store(), "get", "--prefix", &format!("/{table}")]);
    testkit::process::run(&command).expect("etcdctl reads the store").matches(id).count()
}

fn api_port(lab: &Lab, id: &str) -> Value {
    let port = lab.cloud.api().get(&format!("/v2.0/ports/{id}")).and_then(|port| port.expect(200));
    port.expect("the port")["port"].clone()
}

/// Waits until one machine reaches another.
#[track_caller]
fn comes_to_reach(from: &Vm, to: &Vm) {
    let target = to.address().expect("an address").into();
    from.namespace().wait_for_ping(target, PATIENCE).expect("they talk");
}

fn reaches(from: &Vm, to: &Vm) -> bool {
    from.namespace().ping(to.address().expect("an address").into(), 2).expect("ping runs").received > 0
}

#[test]
fn a_port_that_is_deleted_under_a_machine_is_gone_everywhere_and_others_stay() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    let doomed = lab.boot(0, "doomed", &network);
    talks(&doomed, &two);
    let api = lab.cloud.api();
    let refused = api.delete(&format!("/v2.0/networks/{network}")).expect("an answer");
    assert_eq!((refused.status, &refused.body["NeutronError"]["type"]), (409, &json!("NetworkInUse")));

    let (id, mac) = (doomed.port_id().to_owned(), doomed.mac().to_owned());
    let of_port = doomed.guest().ofport(&lab.cloud.sites()[0].ovs).expect("a number");
    api.delete(&format!("/v2.0/ports/{id}")).and_then(|gone| gone.expect(204)).expect("it is deleted");
    no_flow_mentions(&lab, &mac);
    no_flow_mentions(&lab, &format!("in_port={of_port},"));
    no_flow_mentions(&lab, &format!("output:{of_port},"));
    assert!(!reaches(&doomed, &one) && !reaches(&two, &doomed));
    assert!(!gets_address(&doomed), "a machine without a port got an address");
    for table in ["lport", "port_status", "port_claim"] {
        try_wait_until(PATIENCE, table, || (rows_that_name(&lab, table, &id) == 0).then_some(()))
            .expect("no row mentions it");
    }
    talks(&one, &two);
    // Its id is not given again; the machine gets another port by being told so.
    let again =
        api.post("/v2.0/ports", &json!({"port": {"network_id": network, "id": id}})).expect("an answer");
    assert_eq!(again.status, 400, "{}", again.body);
    doomed.unplug(&lab.cloud.sites()[0].ovs).expect("it is pulled out");

    // Without ports, the network goes, and leaves nothing.
    for vm in [&one, &two] {
        api.delete(&format!("/v2.0/ports/{}", vm.port_id())).and_then(|gone| gone.expect(204)).expect("gone");
    }
    api.delete(&format!("/v2.0/networks/{network}")).and_then(|gone| gone.expect(204)).expect("gone");
    no_flow_mentions(&lab, "metadata=");
    for table in ["lswitch", "lport", "subnet", "port_status", "port_claim"] {
        try_wait_until(PATIENCE, table, || (rows_that_name(&lab, table, "-") == 0).then_some(()))
            .unwrap_or_else(|error| panic!("rows of {table} are left: {error}"));
    }
}

#[test]
fn a_port_moves_to_another_host_with_its_addresses() {
    let lab = Lab::new(3);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let friend = lab.boot(2, "friend", &network);
    let port = json!({"network_id": network, "binding:host_id": "host-1"});
    let before = lab.cloud.boot_port(0, "before", &port).expect("a machine");
    lab.cloud.wait_status(&before, "ACTIVE").expect("it is up");
    before.dhcp().expect("an address");
    talks(&friend, &before);
    // The new place gets ready first, as in a migration; the old one is not pulled out.
    let path = format!("/v2.0/ports/{}", before.port_id());
    let after =
        Vm::plug(&lab.cloud.sites()[1].ovs, "after", &api_port(&lab, before.port_id())).expect("a machine");
    talks(&friend, &before);
    let moved = json!({"port": {"binding:host_id": "host-2"}});
    lab.cloud.api().put(&path, &moved).and_then(|put| put.expect(200)).expect("it is moved");
    try_wait_until(PATIENCE, "the new host to serve it", || {
        let status: Value = lab.row(&format!("/port_status/{}", before.port_id()));
        (status["chassis"] == "host-2" && status["state"] == "ACTIVE").then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {}", lab.row(&format!("/port_status/{}", before.port_id()))));
    after.dhcp().expect("the same address");
    comes_to_reach(&friend, &after);
    talks(&friend, &after);
    assert_eq!(api_port(&lab, before.port_id())["status"], "ACTIVE");
    try_wait_until(PATIENCE, "the old place to fall silent", || (!reaches(&before, &friend)).then_some(()))
        .expect("it does not speak for the port any more");
    // That the old one goes at last disturbs nobody.
    before.unplug(&lab.cloud.sites()[0].ovs).expect("it is pulled out");
    talks(&friend, &after);
    assert_eq!(api_port(&lab, after.port_id())["status"], "ACTIVE");
}

#[test]
fn of_two_interfaces_with_one_port_one_is_used_and_the_other_takes_over() {
    let lab = Lab::new(1);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (friend, first) = (lab.boot(0, "friend", &network), lab.boot(0, "first", &network));
    let site = &lab.cloud.sites()[0];
    let spec = GuestSpec {
        bridge: testkit::cloud::BRIDGE,
        interface: "second",
        mac: first.mac(),
        addresses: &[],
        iface_id: Some(first.port_id()),
    };
    let second = Guest::plug(&site.ovs, spec).expect("a guest");
    second
        .namespace()
        .add_address(second.device(), &format!("{}/24", first.address().expect("one")))
        .expect("it");
    try_wait_until(PATIENCE, "the mistake to be named", || {
        site.log().lines().any(|line| line.contains("WARN") && line.contains(r#""second""#)).then_some(())
    })
    .expect("it is named");
    talks(&friend, &first);
    let friend_ip = friend.address().expect("an address").into();
    assert_eq!(second.namespace().ping(friend_ip, 2).expect("ping runs").received, 0);
    let id = first.port_id().to_owned();
    first.unplug(&site.ovs).expect("it is pulled out");
    second.namespace().wait_for_ping(friend_ip, PATIENCE).expect("the other takes over");
    try_wait_until(PATIENCE, "it to be active", || (api_port(&lab, &id)["status"] == "ACTIVE").then_some(()))
        .expect("it is active");
}

#[test]
fn an_interface_may_be_there_before_its_port() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let friend = lab.boot(1, "friend", &network);
    let port = lab.port(&json!({"network_id": network}));
    let row = lab.row(&format!("/lport/{}", port["id"].as_str().expect("an id")));
    let path = format!("/v2.0/ports/{}", port["id"].as_str().expect("an id"));
    lab.cloud.api().delete(&path).and_then(|gone| gone.expect(204)).expect("it is deleted");
    let early = Vm::plug(&lab.cloud.sites()[0].ovs, "early", &port).expect("a machine");
    try_wait_until(PATIENCE, "the interface to be seen", || {
        lab.cloud.sites()[0].log().contains(early.port_id()).then_some(())
    })
    .expect("it is seen");
    assert!(!gets_address(&early), "a machine without a port got an address");
    // The row comes as another Neutron would write it.
    let config = lab.cloud.path("host-1.ini");
    let add = ["db", "add", "lport", "--json", &row.to_string(), "--config-file"];
    testkit::process::run(std::process::Command::new(binary()).args(add).arg(&config)).expect("it is added");
    let status = format!("port_status/{}", early.port_id());
    try_wait_until(PATIENCE, "it to be served", || {
        (rows_that_name(&lab, &status, "ACTIVE") == 1).then_some(())
    })
    .expect("it is served");
    early.dhcp().expect("an address");
    comes_to_reach(&friend, &early);
}

#[test]
fn many_machines_at_once_all_come_up() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let ports: Vec<Value> =
        (0..CROWD).map(|n| json!({"network_id": network, "name": format!("vm{n}")})).collect();
    let made = lab.cloud.api().post("/v2.0/ports", &json!({ "ports": ports }));
    let made = made.and_then(|made| made.expect(201)).expect("all at once");
    let ports = made["ports"].as_array().expect("a list");
    assert_eq!(ports.len(), CROWD);
    let sites: [&Site; 2] = [&lab.cloud.sites()[0], &lab.cloud.sites()[1]];
    let vms: Vec<Vm> = thread::scope(|scope| {
        let hands: Vec<_> = (0..HANDS)
            .map(|hand| {
                scope.spawn(move || {
                    let mine = ports.iter().enumerate().skip(hand).step_by(HANDS);
                    let plug =
                        |(n, port): (usize, &Value)| Vm::plug(&sites[n % 2].ovs, &format!("vm{n}"), port);
                    mine.map(|port| plug(port).expect("a machine")).collect::<Vec<_>>()
                })
            })
            .collect();
        hands.into_iter().flat_map(|hand| hand.join().expect("no panic")).collect()
    });
    for vm in &vms {
        lab.cloud.wait_status(vm, "ACTIVE").expect("it is up");
    }
    thread::scope(|scope| {
        for some in vms.chunks(CROWD / HANDS) {
            scope.spawn(move || some.iter().for_each(|vm| drop(vm.dhcp().expect("an address"))));
        }
    });
    for pair in vms.windows(2) {
        comes_to_reach(&pair[0], &pair[1]);
    }
}

#[test]
fn the_order_in_which_programs_start_and_die_does_not_matter() {
    let mut lab = Lab::new(1);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(0, "two", &network));
    let flows = lab.cloud.sites()[0].flows().expect("flows");
    let back = |lab: &Lab, why: &str| {
        let site = &lab.cloud.sites()[0];
        try_wait_until(PATIENCE, why, || (site.flows().ok()? == flows).then_some(()))
            .unwrap_or_else(|error| panic!("{error}: {:#?} and not {flows:#?}", site.flows()));
    };

    // The controller before its switch.
    let site = lab.cloud.site_mut(0);
    site.kill_controller().expect("it ends");
    site.ovs.kill9_vswitchd().expect("it ends");
    site.ovs.kill9_ovsdb_server().expect("it ends");
    site.start_controller().expect("it starts");
    try_wait_until(PATIENCE, "it to miss the database", || {
        site.log().contains("the database of open vswitch cannot be reached").then_some(())
    })
    .expect("it says what it misses");
    site.ovs.restart_ovsdb_server().expect("it starts");
    site.ovs.restart_vswitchd().expect("it starts");
    back(&lab, "the flows after a controller that was first");
    comes_to_reach(&one, &two);

    // The switch, while nobody controls it.
    let site = lab.cloud.site_mut(0);
    site.stop_controller().expect("it stops");
    site.ovs.restart_vswitchd().expect("it starts");
    site.start_controller().expect("it starts");
    back(&lab, "the flows after a switch that was alone");
    comes_to_reach(&one, &two);

    // The controller before its store: what is there stays.
    let mut watch = Watch::start(&one, &two);
    lab.cloud.kill_server().expect("it ends");
    let site = lab.cloud.site_mut(0);
    let ready = times_ready(site);
    site.kill_controller().expect("it ends");
    site.start_controller().expect("it starts");
    watch.on_for(100);
    assert_eq!(times_ready(&lab.cloud.sites()[0]), ready, "it is ready without having read the store");
    lab.cloud.start_server().expect("it starts");
    wait_ready(&lab.cloud.sites()[0], ready);
    back(&lab, "the flows after a store that was late");

    // The database of the switch.
    let site = lab.cloud.site_mut(0);
    site.ovs.kill9_ovsdb_server().expect("it ends");
    site.ovs.restart_ovsdb_server().expect("it starts");
    watch.on_for(100);
    watch.nothing_was_lost();
    let three = lab.boot(0, "three", &network);
    talks(&three, &one);
}

#[test]
fn strange_devices_that_come_and_go_disturb_nobody() {
    let lab = Lab::new(1);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(0, "two", &network));
    let before = lab.cloud.sites()[0].flows().expect("flows");
    let Site { ovs, namespace, .. } = &lab.cloud.sites()[0];
    let mut watch = Watch::start(&one, &two);
    let cable = ["link", "add", "strange", "type", "veth", "peer", "name", "stranger"];
    for _ in 0..STRANGERS {
        namespace.ip(&cable).expect("a device");
        namespace.set_up("strange").expect("it is up");
        ovs.vsctl(&["add-port", BRIDGE, "strange"]).expect("it is plugged in");
        watch.on_for(5);
        ovs.vsctl(&["del-port", BRIDGE, "strange"]).expect("it is pulled out");
        namespace.ip(&["link", "delete", "strange"]).expect("it goes");
    }
    watch.nothing_was_lost();
    assert_eq!(lab.cloud.sites()[0].flows().expect("flows"), before);
}

#[test]
fn a_port_that_is_renamed_stays_where_it_is_and_loses_nothing() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    talks(&two, &one);
    // Nobody said where it is: the host where it was plugged in did.
    assert_eq!(api_port(&lab, one.port_id())["binding:host_id"], "");
    let row = format!("/lport/{}", one.port_id());
    assert_eq!(lab.row(&row)["binding"]["chassis"], "host-1");
    let wires = [Wire::watch(&lab.cloud.sites()[0]), Wire::watch(&lab.cloud.sites()[1])];
    let mut watch = Watch::start(&two, &one);
    for number in 0..10 {
        let change = json!({"port": {"name": format!("name-{number}"), "description": "another"}});
        let path = format!("/v2.0/ports/{}", one.port_id());
        let changed = lab.cloud.api().put(&path, &change).and_then(|changed| changed.expect(200));
        changed.expect("it is renamed");
        assert_eq!(
            lab.row(&row)["binding"]["chassis"],
            "host-1",
            "the row says where the port is, at any time"
        );
    }
    watch.on_for(50);
    watch.nothing_was_lost();
    for wire in &wires {
        assert_eq!(wire.changes(), [""; 0], "the name of a port is in no flow");
    }
    assert_eq!(api_port(&lab, one.port_id())["status"], "ACTIVE");
}
