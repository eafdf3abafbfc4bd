//! `openstack network qos` and `openstack network trunk`.

use serde_json::json;

use crate::checker::{assert_consistent, assert_shows};
use crate::shell::Shell;
use crate::support::{Server, text};

#[test]
fn policies_and_their_rules_are_made_changed_and_gone() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    let shown = openstack.json("network qos policy create --share --default --description \"for some\" gold");
    assert_shows(
        &shown,
        &json!({"name": "gold", "description": "for some", "shared": true, "is_default": true, "rules": []}),
    );
    openstack.refuses("network qos policy create --default other", "A default QoS policy exists for project");
    openstack.silently("network qos policy set --name silver --no-share --no-default gold");
    assert_eq!(openstack.names("network qos policy list --no-share"), ["silver"]);
    assert_eq!(openstack.names("network qos policy list --share"), [""; 0]);

    let limit = "network qos rule create --type bandwidth-limit --max-kbps 1000";
    let ingress = openstack.json(&format!("{limit} --max-burst-kbits 100 --ingress silver"));
    assert_shows(&ingress, &json!({"max_kbps": 1000, "max_burst_kbps": 100, "direction": "ingress"}));
    openstack.json(&format!("{limit} silver"));
    openstack.json("network qos rule create --type dscp-marking --dscp-mark 10 silver");
    openstack.json("network qos rule create --type minimum-packet-rate --min-kpps 3 --any silver");
    openstack.json("network qos rule create --type minimum-bandwidth --min-kbps 3 --egress silver");
    openstack.refuses(&format!("{limit} silver"), "Rule bandwidth_limit conflicts with rule");
    let much = "network qos rule create --type minimum-bandwidth --min-kbps 2000 --ingress silver";
    openstack.refuses(much, "as the existing rule of type bandwidth_limit restricts the bandwidth to 1000");
    let mut types = openstack.column("network qos rule list silver", "Type");
    types.sort_unstable();
    assert_eq!(
        types,
        ["bandwidth_limit", "bandwidth_limit", "dscp_marking", "minimum_bandwidth", "minimum_packet_rate"]
    );
    let rule = text(&ingress["id"]);
    openstack.silently(&format!("network qos rule set --max-kbps 700 silver {rule}"));
    assert_eq!(openstack.json(&format!("network qos rule show silver {rule}"))["max_kbps"], 700);
    openstack.silently(&format!("network qos rule delete silver {rule}"));
    openstack.refuses(&format!("network qos rule show silver {rule}"), "not found");
    assert_eq!(openstack.column("network qos rule type list", "Type").len(), 5);
    let details = openstack.json("network qos rule type show bandwidth_limit");
    assert_eq!(details["drivers"][0]["supported_parameters"][0]["parameter_name"], "max_kbps");

    let policy = openstack.json("network qos policy show silver")["id"].clone();
    let network = openstack.json("network create --qos-policy silver net");
    assert_eq!(network["qos_policy_id"], policy);
    let port = openstack.json("port create --network net --qos-policy silver port");
    assert_shows(&port, &json!({"qos_policy_id": policy, "qos_network_policy_id": policy}));
    openstack.refuses("network qos policy delete silver", "is used by port");
    openstack.silently("port unset --qos-policy port");
    assert_eq!(openstack.json("port show port")["qos_policy_id"], json!(null));
    openstack.silently("port set --qos-policy silver port");
    openstack.silently("port unset --qos-policy port");
    openstack.refuses("network qos policy delete silver", "is used by network");
    assert_consistent(&server.dump());
    openstack.silently("network set --no-qos-policy net");
    openstack.silently("network qos policy delete silver");
    assert_consistent(&server.dump());
}

#[test]
fn trunks_are_made_changed_and_gone() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    openstack.json("network create net");
    for name in ["parent", "one", "two"] {
        openstack.json(&format!("port create --network net {name}"));
    }
    let subport = |port: &str, vlan: u32| {
        format!("--subport port={port},segmentation-type=vlan,segmentation-id={vlan}")
    };
    let create = format!("network trunk create --parent-port parent {} --description d", subport("one", 7));
    let trunk = openstack.json(&format!("{create} trunk"));
    assert_shows(
        &trunk,
        &json!({"name": "trunk", "description": "d", "status": "DOWN", "admin_state_up": true}),
    );
    let one = openstack.json("port show one");
    assert_shows(&one, &json!({"device_owner": "trunk:subport", "device_id": trunk["id"]}));
    assert_eq!(
        trunk["sub_ports"],
        json!([{"port_id": one["id"], "segmentation_id": 7, "segmentation_type": "vlan"}])
    );
    openstack.refuses(
        &format!("{create} again"),
        "is currently in use and is not eligible for use as a parent port",
    );
    let same = format!("network trunk set {} trunk", subport("two", 7));
    openstack.refuses(&same, "segmentation_type vlan and segmentation_id 7 already in use on trunk");
    openstack.silently(&format!("network trunk set {} --name renamed trunk", subport("two", 8)));
    assert_eq!(openstack.column("network subport list --trunk renamed", "Segmentation ID"), ["7", "8"]);
    assert_eq!(openstack.names("network trunk list"), ["renamed"]);
    openstack.silently("network trunk unset --subport one renamed");
    let parent = openstack.json("port show parent");
    let details = &parent["trunk_details"];
    let two = openstack.json("port show two");
    assert_eq!(details["sub_ports"][0]["mac_address"], two["mac_address"]);
    openstack.refuses("port delete parent", "is currently a parent port for trunk");
    openstack.refuses("port delete two", "is currently a subport for trunk");
    openstack.silently("network trunk set --disable renamed");
    openstack.refuses("network trunk unset --subport two renamed", "is currently disabled");
    openstack.refuses("network trunk delete renamed", "is currently disabled");
    assert_consistent(&server.dump());
    openstack.silently("network trunk set --enable renamed");
    openstack.silently("network trunk delete renamed");
    openstack.silently("port delete parent one two");
    assert_consistent(&server.dump());
}
