//! What `dragonflow trace` and `explain` say of a running cloud is what real packets do there.

use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::cloud::Vm;
use testkit::process::{Daemon, output_of};
use testkit::try_wait_until;

use crate::support::{Lab, PATIENCE, binary, talks};

/// What the program says, and how it ends.
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    out: String,
    pub(crate) errors: String,
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out)
            .unwrap_or_else(|error| panic!("{error}: {} {}", self.out, self.errors))
    }

    /// The ids of the ports that get the packet.
    pub(crate) fn receivers(&self) -> Vec<String> {
        let report = self.json();
        let receivers = report["verdict"]["receivers"].as_array().expect("a list").clone();
        receivers.iter().map(|one| one["port"]["id"].as_str().expect("an id").to_owned()).collect()
    }
}

/// Asks on a host, with its configuration.
pub(crate) fn ask(lab: &Lab, host: usize, command: &str, args: &[&str]) -> Said {
    let config = lab.cloud.path(&format!("{}.ini", lab.cloud.sites()[host].name));
    let mut call = Command::new(binary());
    call.arg(command).arg("--config-file").arg(config).args(args);
    said(&call)
}

fn said(call: &Command) -> Said {
    let output = output_of(call).expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Said { code: output.status.code(), out: text(&output.stdout), errors: text(&output.stderr) }
}

fn hears(from: &Vm, to: &Vm) -> bool {
    from.namespace().ping(to.address().expect("an address").into(), 2).expect("ping runs").received > 0
}

/// The cookie of a flow of a dump.
fn cookie_of(flow: &str) -> Option<String> {
    let (_, rest) = flow.split_once("cookie=")?;
    rest.split(',').next().map(str::to_owned)
}

/// Disables or enables the port of a machine, and waits until the host of another one knows.
fn enable(lab: &Lab, vm: &Vm, is_enabled: bool, reached_from: &Vm) {
    let path = format!("/v2.0/ports/{}", vm.port_id());
    let change = json!({"port": {"admin_state_up": is_enabled}});
    lab.cloud.api().put(&path, &change).and_then(|done| done.expect(200)).expect("the port is changed");
    try_wait_until(PATIENCE, "the change to be in force", || {
        (hears(reached_from, vm) == is_enabled).then_some(())
    })
    .expect("it is in force");
}

#[test]
fn what_is_traced_is_what_pings_do() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two, far) =
        (lab.boot(0, "one", &network), lab.boot(0, "two", &network), lab.boot(1, "far", &network));
    let trace = |args: &[&str]| ask(&lab, 0, "trace", &[&["--json"], args].concat());

    for to in [&two, &far] {
        talks(&one, to);
        let said = trace(&["--port", "one", "--to", to.name()]);
        assert_eq!(said.code, Some(0), "{} {}", said.out, said.errors);
        assert_eq!(said.receivers(), [to.port_id()]);
    }
    // In words, the hosts, the tunnel, and by whom.
    let words = ask(
        &lab,
        0,
        "trace",
        &["--port", one.port_id(), &format!("icmp,nw_dst={}", far.address().expect("an address"))],
    );
    let receiver = format!("delivered to port far ({}) on host host-2", far.port_id());
    for expected in [
        "host host-1: sent by port one",
        "through a geneve tunnel to host host-2, 192.0.2.2",
        receiver.as_str(),
    ] {
        assert!(words.out.contains(expected), "{expected:?} is not in {} {}", words.out, words.errors);
    }

    // An address that is not the port's.
    let device = one.guest().device();
    one.namespace().add_address(device, "10.0.0.99/24").expect("another address");
    let target = far.address().expect("an address").to_string();
    let stolen = one.namespace().run("ping", &["-c", "1", "-W", "1", "-I", "10.0.0.99", &target]);
    assert!(stolen.is_err(), "an address that is not the port's was answered");
    let said = trace(&["--port", "one", "--to", "far", "--ping", "nw_src=10.0.0.99,ip"]);
    assert_eq!(said.code, Some(1), "{} {}", said.out, said.errors);
    let drop = said.json()["verdict"]["drops"][0].as_str().expect("a reason").to_owned();
    assert!(drop.contains("(port security) on host host-1") && drop.contains("port one"), "{drop}");

    // A port that is switched off and on again.
    enable(&lab, &far, false, &one);
    let said = trace(&["--port", "one", "--to", "far"]);
    assert_eq!(said.code, Some(1));
    let drop = said.json()["verdict"]["drops"][0].as_str().expect("a reason").to_owned();
    assert!(drop.contains("port far") && drop.contains("is disabled"), "{drop}");
    enable(&lab, &far, true, &one);
    assert_eq!(trace(&["--port", "one", "--to", "far"]).code, Some(0));

    // What the switch and the controller answer.
    assert_eq!(trace(&["--port", "one", "--who", &target]).code, Some(0));
    assert_eq!(trace(&["--port", "one", "--dhcp"]).code, Some(0));
}

#[test]
fn a_switch_that_is_not_as_it_should_be_is_seen() {
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "vxlan", "10.0.0.0/24");
    let (one, far) = (lab.boot(0, "one", &network), lab.boot(1, "far", &network));
    talks(&one, &far);
    let live = ["--live", "--json", "--port", "one", "--to", "far"];
    let said = ask(&lab, 0, "trace", &live);
    assert_eq!(said.code, Some(0), "{} {}", said.out, said.errors);
    let first = &said.json()["visits"][0];
    assert_eq!((&first["is_live"], &first["remarks"]), (&json!(true), &Value::Null), "{first}");

    // Nobody mends what somebody takes away now.
    lab.cloud.site_mut(0).kill_controller().expect("it is killed");
    let all_to = format!("metadata=0/0,dl_dst={}", far.mac());
    let site = &lab.cloud.sites()[0];
    site.ovs.ofctl(&["-O", "OpenFlow13", "del-flows", "br-int", &all_to]).expect("flows are deleted");
    let is_gone =
        try_wait_until(Duration::from_secs(30), "pings to be lost", || (!hears(&one, &far)).then_some(()));
    is_gone.expect("nothing passes without the flow");
    let said = ask(&lab, 0, "trace", &live);
    assert_eq!(said.code, Some(1), "{} {}", said.out, said.errors);
    let remarks = said.json()["visits"][0]["remarks"].to_string();
    assert!(remarks.contains("the switch lacks") && remarks.contains(&far.mac().to_lowercase()), "{remarks}");
    // What should be is not what is.
    assert_eq!(ask(&lab, 0, "trace", &live[1..]).code, Some(0));
}

#[test]
fn every_cookie_of_a_real_switch_has_an_app_and_its_facts() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, far) = (lab.boot(0, "one", &network), lab.boot(1, "far", &network));
    talks(&one, &far);
    let flows = lab.cloud.sites()[0].flows().expect("flows");
    let cookies: BTreeSet<String> = flows.iter().filter_map(|flow| cookie_of(flow)).collect();
    assert!(cookies.len() > 10, "{flows:#?}");
    for cookie in &cookies {
        let said = ask(&lab, 0, "explain", &["--json", cookie]);
        assert_eq!(said.code, Some(0), "{}", said.errors);
        let report = said.json();
        assert!(report["makers"].as_array().is_some_and(|makers| !makers.is_empty()), "{cookie}: {report}");
    }
    let to_far = flows
        .iter()
        .find(|flow| flow.contains(&format!("dl_dst={}", far.mac().to_lowercase())))
        .and_then(|flow| cookie_of(flow));
    let said = ask(&lab, 0, "explain", &[&to_far.expect("a flow to the other machine")]);
    let object = format!("app l2, rule address, port far ({})", far.port_id());
    for expected in [object.as_str(), "network blue", "made of:", "flows:"] {
        assert!(said.out.contains(expected), "{expected:?} is not in {}", said.out);
    }
    let said = ask(&lab, 0, "explain", &["0xffffffffffffffff"]);
    assert!(said.out.contains("somebody else's"), "{}", said.out);
    assert_eq!(ask(&lab, 0, "explain", &["l2"]).code, Some(2));
    for (wrong, named) in
        [(["table"].as_slice(), "classify, arrival"), (&["--chassis", "host-9", "0x1"], "host-1, host-2")]
    {
        let said = ask(&lab, 0, "explain", wrong);
        assert!(said.code == Some(2) && said.errors.contains(named), "{wrong:?}: {}", said.errors);
    }
    assert!(ask(&lab, 0, "explain", &["table", "dispatch"]).out.contains("of app classify"));
}

#[test]
fn a_recording_answers_without_the_cloud_that_it_is_of() {
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    lab.cloud.site_mut(0).stop_controller().expect("it stops");
    let file = lab.cloud.path("recording");
    let mut command = Command::new(binary());
    command.args(["local-controller", "--config-file"]).arg(lab.cloud.path("host-1.ini"));
    command.arg("--record").arg(&file).env("OVS_RUNDIR", lab.cloud.sites()[0].ovs.rundir());
    let recorded = Daemon::start("dragonflow local-controller", &command, &lab.cloud.path("recorded.log"));
    let recorded = recorded.expect("it starts");
    let (one, far) = (lab.boot(0, "one", &network), lab.boot(1, "far", &network));
    talks(&one, &far);
    let (one_id, far_id) = (one.port_id().to_owned(), far.port_id().to_owned());
    let number = far.address().expect("an address");
    let flows = lab.cloud.sites()[0].flows().expect("flows");
    let of_guest = flows.iter().find(|flow| flow.contains("in_port=")).and_then(|flow| cookie_of(flow));
    drop(recorded);
    let kept = testkit::scratch::ScratchDir::new().expect("a directory");
    let copy = kept.path().join("recording");
    std::fs::copy(&file, &copy).expect("a copy");
    drop(lab);

    let ask = |command: &str, args: &[&str]| {
        let mut call = Command::new(binary());
        call.arg(command).arg("--recording").arg(&copy).args(args);
        said(&call)
    };
    let answer = ask("trace", &["--json", "--port", &one_id, "--to", "far"]);
    assert_eq!(answer.code, Some(0), "{} {}", answer.out, answer.errors);
    assert_eq!(answer.receivers(), [far_id]);
    let words = ask("trace", &["--port", "one", "--udp", "53", &format!("ip,nw_dst={number}")]);
    assert!(words.code == Some(0) && words.out.contains("on host host-2"), "{} {}", words.out, words.errors);
    let explained = ask("explain", &[&of_guest.expect("a flow that looks at a port")]);
    assert!(explained.out.contains("on host host-1: app classify"), "{} {}", explained.out, explained.errors);
}

#[test]
fn what_cannot_be_traced_is_named() {
    let lab = Lab::new(1);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let one = lab.boot(0, "one", &network);
    for (args, expected) in [
        (&["--port", "two", "--ping"][..], "no port has the id or name \"two\""),
        (&["--port", "one"], "--ping"),
        (&["--port", one.port_id(), "icmp,nw_dst=10.0.0.0/24"], "has a mask"),
        (&["--port", "one", "icmp,nw_dst=198.51.100.1"], "dl_dst=MAC"),
        (&["--port", "one", "--ping", "--tcp", "80"], "--ping"),
        (&["--port", "one", "--recording", "/nonexistent", "--ping"], "cannot open the recording"),
        (&["--ping"], "--port"),
    ] {
        let said = ask(&lab, 0, "trace", args);
        assert_eq!(said.code, Some(2), "{args:?}: {} {}", said.out, said.errors);
        assert!(said.errors.contains(expected), "{args:?}: {}", said.errors);
    }
    // A switch that is not there, and one that listens to its controller alone.
    for (connection, expected) in [
        ("unix:/nonexistent/db.sock", "/nonexistent/br-int.mgmt cannot be asked what it holds"),
        ("tcp:127.0.0.1:1", "the switch connects to its controller here"),
    ] {
        let mut call = Command::new(binary());
        call.args(["trace", "--live", "--port", "one", "--dhcp", "--config-file"]);
        call.arg(lab.cloud.path("host-1.ini")).env("OS_DF__OVSDB_CONNECTION", connection);
        let said = said(&call);
        assert_eq!(said.code, Some(2), "{} {}", said.out, said.errors);
        assert!(said.errors.contains(expected), "{}", said.errors);
    }
}

/// Writes a row by hand, or changes one.
fn write(lab: &Lab, what: &str, table: &str, row: &Value) {
    let config = lab.cloud.path(&format!("{}.ini", lab.cloud.sites()[0].name));
    let mut call = Command::new(binary());
    call.args(["db", "--config-file"]).arg(config).args([what, table, "--json", &row.to_string()]);
    let said = said(&call);
    assert_eq!(said.code, Some(0), "{row}: {}", said.errors);
}

#[test]
fn the_rule_that_lets_a_ping_pass_is_named_and_so_are_the_groups_that_do_not() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, far) = (lab.boot(0, "one", &network), lab.boot(1, "far", &network));
    let rule = |id: &str, direction: &str, more: &Value| {
        let mut rule = json!({"id": id, "topic": "t", "direction": direction, "ethertype": "IPv4", "security_group_id": "by-hand"});
        let more = more.as_object().expect("members").clone();
        rule.as_object_mut().expect("members").extend(more);
        rule
    };
    let anything_out = rule("anything-out", "egress", &json!({}));
    let pings_of_members =
        rule("pings-of-members", "ingress", &json!({"protocol": 1, "remote_group_id": "by-hand"}));
    let group = |rules: &[&Value]| json!({"id": "by-hand", "name": "friends", "topic": "t", "rules": rules});
    write(&lab, "add", "secgroup", &group(&[&anything_out, &pings_of_members]));
    for vm in [&one, &far] {
        write(&lab, "update", "lport", &json!({"id": vm.port_id(), "security_groups": ["by-hand"]}));
    }
    let wait = |is_heard: bool| {
        try_wait_until(PATIENCE, "the groups to be in force", || {
            (hears(&one, &far) == is_heard).then_some(())
        })
        .expect("they are in force");
    };
    wait(true);
    let said = ask(&lab, 0, "trace", &["--port", "one", "--to", "far"]);
    assert_eq!(said.code, Some(0), "{} {}", said.out, said.errors);
    let member = format!("member of port one ({})", one.port_id());
    for expected in ["of rule pings-of-members (", "of security group friends (by-hand)", member.as_str()] {
        assert!(said.out.contains(expected), "{expected:?} is not in {}", said.out);
    }

    write(&lab, "update", "secgroup", &group(&[&anything_out]));
    wait(false);
    let said = ask(&lab, 0, "trace", &["--json", "--port", "one", "--to", "far"]);
    assert_eq!(said.code, Some(1), "{} {}", said.out, said.errors);
    let drop = said.json()["verdict"]["drops"][0].as_str().expect("a reason").to_owned();
    for expected in
        ["on host host-2", "first group: security group friends (by-hand)", "egress port: port far"]
    {
        assert!(drop.contains(expected), "{expected:?} is not in {drop}");
    }
    // The other way, the one that is asked for answers.
    assert_eq!(ask(&lab, 1, "trace", &["--port", "far", "--to", "one", "--ct", "reply"]).code, Some(0));
}
