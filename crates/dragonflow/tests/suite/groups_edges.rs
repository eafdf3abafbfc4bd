//! Groups that permit almost nothing: what a port has all the same, and whether answers pass.

use serde_json::json;
use testkit::cloud::Vm;
use testkit::{Capture, try_wait_until};

use crate::groups::{Group, boot, pings, wait_pings};
use crate::support::{Lab, PATIENCE};

/// Takes back everything that a group permits.
fn shut(lab: &Lab, group: &Group<'_>) {
    let path = format!("/v2.0/security-group-rules?security_group_id={}", group.id);
    let shown = lab.cloud.api().get(&path).and_then(|shown| shown.expect(200)).expect("rules");
    for rule in shown["security_group_rules"].as_array().expect("rules") {
        group.take_back(rule["id"].as_str().expect("an id"));
    }
}

/// Whether a machine has found out where another one is.
fn knows(from: &Vm, other: &Vm) -> bool {
    let target = other.address().expect("an address").to_string();
    from.namespace().ip(&["neigh", "show", &target]).expect("neighbours").contains(other.mac())
}

#[test]
fn a_port_that_nothing_is_permitted_to_has_its_address_and_its_neighbours() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (nothing, everything) =
        (Group::new(&lab, "nothing", &json!({})), Group::new(&lab, "everything", &json!({})));
    shut(&lab, &nothing);
    everything.rule(&json!({}));
    // Both have got their addresses by DHCP when this returns.
    let mute = boot(&lab, 0, "mute", &network, &[&nothing]);
    let others =
        [(0, "near"), (1, "far")].map(|(host, name)| boot(&lab, host, name, &network, &[&everything]));
    for other in &others {
        let heard = [&mute, other].map(|vm| {
            Capture::start(vm.namespace(), vm.guest().device(), "icmp[icmptype] == 8").expect("a capture")
        });
        assert!(!pings(&mute, other) && !pings(other, &mute), "{} and a port without rules", other.name());
        assert!(knows(&mute, other) && knows(other, &mute), "{} is a neighbour", other.name());
        // What it sent was seen by itself alone, and what it was sent by who sent it.
        for (capture, sender) in heard.iter().zip([&mute, other]) {
            let text = capture.text().expect("what was seen");
            let own = format!("{} > ", sender.address().expect("an address"));
            let requests = text.matches("echo request").count();
            assert!(requests > 0 && requests == text.matches(&own).count(), "{text}");
        }
    }
    // It is told anew what it is as well.
    mute.dhcp().expect("its address again");
    everything.rule(&json!({"ethertype": "IPv6"}));
    assert!(pings(&others[0], &others[1]), "others talk");
}

#[test]
fn answers_pass_groups_that_remember_and_not_those_that_do_not() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let everything = Group::new(&lab, "everything", &json!({}));
    everything.rule(&json!({}));
    let peer = boot(&lab, 1, "peer", &network, &[&everything]);
    for (name, remembers) in [("stateful", true), ("stateless", false)] {
        let group = Group::new(&lab, name, &json!({"stateful": remembers}));
        let vm = boot(&lab, 0, name, &network, &[&group]);
        wait_pings(&vm, &peer, remembers);
        assert!(!pings(&peer, &vm), "{name}: nothing is permitted to it");
        if !remembers {
            // Each direction needs a rule of its own.
            let rule = group.rule(&json!({"protocol": "icmp"}));
            wait_pings(&vm, &peer, true);
            wait_pings(&peer, &vm, true);
            group.take_back(&rule);
            wait_pings(&vm, &peer, false);
        }
        let tracked = || {
            let own = vm.address().expect("an address").to_string();
            let shown = lab.cloud.sites()[0].ovs.appctl(&["dpctl/dump-conntrack"]).expect("connections");
            shown.lines().any(|line| line.contains(&own))
        };
        try_wait_until(PATIENCE, "what the tracker knows", || (tracked() == remembers).then_some(()))
            .unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}
