//! A node that starts beside a switch which is not as it was left: with what an earlier life, or somebody else, put there, or of a version
//! that cannot do what is needed.

use serde_json::json;
use testkit::cloud::{BRIDGE, Site};
use testkit::try_wait_until;

use crate::support::{Lab, PATIENCE, talks, times_ready, wait_ready};

/// A table, a group and a meter that nobody has given us.
const FOREIGN_TABLE: u8 = 250;
const FOREIGN_FLOW: &str = "table=250,priority=7,tcp,tp_dst=7 actions=drop";

fn ofctl(site: &Site, words: &[&str]) -> String {
    site.ovs
        .ofctl(&[&["-O", "OpenFlow13"], words].concat())
        .unwrap_or_else(|error| panic!("{words:?}: {error:#}"))
}

/// Groups, meters and ports of the bridge, as they are configured.
fn configured(site: &Site) -> Vec<String> {
    let mut all = Vec::new();
    for what in ["dump-groups", "dump-meters"] {
        let shown = ofctl(site, &[what, BRIDGE]);
        all.extend(shown.lines().skip(1).map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()));
    }
    all.extend(site.ovs.vsctl(&["list-ports", BRIDGE]).expect("ports").lines().map(str::to_owned));
    all.sort_unstable();
    all
}

/// What an earlier life leaves behind: flows that lead astray, groups, meters, ports with our mark, and what is not ours at all.
fn spoil(site: &Site, mark: &str) {
    // One flow for each table that there is: it drops what was to pass.
    let tables: std::collections::BTreeSet<String> = site
        .flows()
        .expect("flows")
        .iter()
        .filter_map(|flow| {
            flow.split([' ', ',']).find_map(|word| word.strip_prefix("table=")).map(str::to_owned)
        })
        .collect();
    assert!(tables.len() > 5, "{tables:?}");
    for table in &tables {
        let flow = format!("table={table},cookie=0xdead,priority=65000,ip actions=drop");
        ofctl(site, &["add-flow", BRIDGE, &flow]);
    }
    // Flows that were right are changed, and some are gone.
    ofctl(site, &["mod-flows", BRIDGE, "table=80 actions=drop"]);
    ofctl(site, &["del-flows", BRIDGE, "table=0"]);
    ofctl(site, &["add-group", BRIDGE, "group_id=16777999,type=all,bucket=actions=in_port"]);
    ofctl(site, &["add-meter", BRIDGE, "meter=2000,kbps,bands=type=drop,rate=1"]);
    ofctl(site, &["add-flow", BRIDGE, FOREIGN_FLOW]);
    // A way to a node that is gone, and one of somebody else.
    let owner = format!("external_ids:dragonflow-owner={mark}");
    for (name, more) in [("old-vtp", Some(&*owner)), ("not-ours", None)] {
        let mut words = vec!["add-port", BRIDGE, name, "--", "set", "Interface", name, "type=internal"];
        if let Some(owner) = more {
            words.extend(["--", "set", "Port", name, owner]);
        }
        site.ovs.vsctl(&words).expect("a port");
    }
}

#[test]
fn a_node_that_boots_beside_a_strange_switch_makes_it_its_own_and_leaves_alone_what_is_not() {
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (stays, goes) = (lab.boot(0, "stays", &network), lab.boot(0, "goes", &network));
    let far = lab.boot(1, "far", &network);
    talks(&stays, &far);
    lab.cloud.site_mut(0).kill_controller().expect("it is killed");
    // Meanwhile the world changes: a port goes while its machine stays plugged in, and another network comes.
    let gone = lab.cloud.api().delete(&format!("/v2.0/ports/{}", goes.port_id()));
    gone.and_then(|gone| gone.expect(204)).expect("the port goes");
    let green = lab.network("green", "geneve", "10.0.1.0/24");
    let port = lab.port(&json!({"network_id": green, "name": "late"}));
    let late = testkit::cloud::Vm::plug(&lab.cloud.sites()[0].ovs, "late", &port).expect("a machine");
    spoil(&lab.cloud.sites()[0], BRIDGE);
    talks_not(&lab, &stays, &far);

    let site = lab.cloud.site_mut(0);
    let ready = times_ready(site);
    site.start_controller().expect("it starts");
    wait_ready(&lab.cloud.sites()[0], ready);
    lab.cloud.wait_status(&late, "ACTIVE").expect("what came meanwhile is served");
    late.dhcp().expect("an address");
    talks(&stays, &far);
    let report = goes.namespace().ping(stays.address().expect("an address").into(), 2);
    assert!(report.map_or(true, |report| report.received == 0), "a machine without a port is heard");
    let site = &lab.cloud.sites()[0];
    let ports = || site.ovs.vsctl(&["list-ports", BRIDGE]).expect("ports");
    try_wait_until(PATIENCE, "the old way to go", || (!ports().contains("old-vtp")).then_some(()))
        .unwrap_or_else(|error| panic!("{error}: {}", ports()));
    assert!(ports().contains("not-ours"), "{}", ports());

    // It is exactly what one has that never saw anything else, and what is not ours is as it was.
    let is_foreign = |flow: &String| flow.contains(&format!("table={FOREIGN_TABLE},"));
    let (mut flows, mended) = (site.flows().expect("flows"), configured(site));
    assert_eq!(flows.iter().filter(|flow| is_foreign(flow)).count(), 1, "{flows:#?}");
    flows.retain(|flow| !is_foreign(flow));
    let site = lab.cloud.site_mut(0);
    site.kill_controller().expect("it is killed");
    ofctl(site, &["del-flows", BRIDGE]);
    ofctl(site, &["del-groups", BRIDGE]);
    ofctl(site, &["del-meters", BRIDGE]);
    let ready = times_ready(site);
    site.start_controller().expect("it starts");
    let site = &lab.cloud.sites()[0];
    wait_ready(site, ready);
    try_wait_until(PATIENCE, "the same flows", || (site.flows().ok()? == flows).then_some(()))
        .unwrap_or_else(|error| panic!("{error}: {:#?} and not {flows:#?}", site.flows()));
    assert_eq!(configured(site), mended);
}

fn talks_not(lab: &Lab, from: &testkit::cloud::Vm, to: &testkit::cloud::Vm) {
    let report = from.namespace().ping(to.address().expect("an address").into(), 2).expect("ping runs");
    assert_eq!(report.received, 0, "the switch is as it was: {:?}", lab.cloud.sites()[0].flows());
}

#[test]
fn a_node_whose_switch_lacks_features_says_which_and_does_nothing_until_it_has_them() {
    let mut lab = Lab::new(1);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let vm = lab.boot(0, "vm", &network);
    let site = lab.cloud.site_mut(0);
    site.stop_controller().expect("it stops");
    // Another switch, which is too old and has no bridge yet.
    let tap = site.ovs.vsctl(&["list-ports", BRIDGE]).expect("ports");
    let tap = tap
        .lines()
        .find(|name| name.starts_with("tap") && *name != "tap-metadata")
        .expect("a port")
        .to_owned();
    site.ovs.vsctl(&["del-br", BRIDGE]).expect("no bridge");
    site.ovs.vsctl(&["set", "Open_vSwitch", ".", "ovs_version=2.3.2"]).expect("a version");
    let (ready, said) = (times_ready(site), site.log().len());
    site.start_controller().expect("it starts");
    let said = |site: &Site| site.log().get(said..).unwrap_or_default().to_owned();
    try_wait_until(PATIENCE, "it to be said", || said(site).contains("lacks features").then_some(()))
        .unwrap_or_else(|error| panic!("{error}: {}", said(site)));
    for feature in ["2.3.2", "connection tracking (ct)", "learned flows with a limit"] {
        assert!(said(site).contains(feature), "{feature}: {}", said(site));
    }
    // A change that anybody else would act on.
    let port = lab.port(&json!({"network_id": network, "name": "more"}));
    let site = &lab.cloud.sites()[0];
    site.ovs.vsctl(&["set", "Open_vSwitch", ".", "external_ids:seen=it"]).expect("something changes");
    assert_eq!(site.ovs.vsctl(&["list-br"]).expect("bridges").trim(), "br-phys", "nothing is configured");
    assert_eq!(times_ready(site), ready);

    site.ovs.vsctl(&["set", "Open_vSwitch", ".", "ovs_version=3.1.0"]).expect("a version");
    wait_ready(site, ready);
    let id = format!("external_ids:iface-id={}", vm.port_id());
    site.ovs.vsctl(&["add-port", BRIDGE, &tap, "--", "set", "Interface", &tap, &id]).expect("plugged in");
    lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
    vm.dhcp().expect("an address");
    drop(port);
}
