//! Security groups and address groups with OpenStack's command line.

use serde_json::{Value, json};

use crate::checker::assert_consistent;
use crate::checker::assert_shows;
use crate::shell::Shell;
use crate::support::{Server, text};

#[test]
fn groups() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    assert_eq!(openstack.names("security group list"), ["default"]);
    let shown = openstack.json("security group show default");
    assert_shows(&shown, &json!({"description": "Default security group", "stateful": true}));
    assert_eq!(shown["rules"].as_array().map(Vec::len), Some(4));
    let shown = openstack.json("security group create --description \"two words\" --stateless --tag red web");
    assert_shows(
        &shown,
        &json!({"name": "web", "description": "two words", "stateful": false, "tags": ["red"]}),
    );
    // Without keystone, this release of the client has no words for another project.
    server.client().create("security_group", &json!({"name": "other", "project_id": "blue"}));
    for (filter, expected) in [
        ("", vec!["default", "default", "other", "web"]),
        ("--tags red", vec!["web"]),
        ("--not-tags red", vec!["default", "default", "other"]),
    ] {
        assert_eq!(openstack.names(&format!("security group list {filter}")), expected, "{filter}");
    }
    openstack.silently("security group set --name w --description d --stateful --tag blue web");
    openstack.silently("security group unset --tag red w");
    assert_shows(
        &openstack.json("security group show w"),
        &json!({"description": "d", "stateful": true, "tags": ["blue"]}),
    );
    openstack.refuses("security group create default", "Default security group already exists.");
    openstack.refuses("security group show none", "No SecurityGroup found for none");
    openstack.silently("security group delete w");
    openstack.refuses("security group show w", "No SecurityGroup found for w");
    assert_consistent(&server.dump());
}

/// A rule of a group, made with these options: its id.
#[track_caller]
fn make(openstack: &mut Shell, options: &str, expected: &Value) -> String {
    let shown = openstack.json(&format!("security group rule create {options} web"));
    assert_shows(&shown, expected);
    text(&shown["id"])
}

#[test]
fn rules() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    let web = text(&openstack.json("security group create web")["id"]);
    openstack.json("security group create friends");
    let friends = text(&openstack.json("security group show friends")["id"]);
    let http = make(
        &mut openstack,
        "--protocol tcp --dst-port 80:90 --remote-ip 10.0.0.7/24 --description http",
        &json!({
            "direction": "ingress", "ether_type": "IPv4", "protocol": "tcp", "port_range_min": 80,
            "port_range_max": 90, "remote_ip_prefix": "10.0.0.7/24", "description": "http", "security_group_id": web,
        }),
    );
    for (options, expected) in [
        (
            "--egress --ethertype IPv6 --protocol ipv6-icmp --icmp-type 128 --icmp-code 0",
            json!({"direction": "egress", "protocol": "ipv6-icmp", "port_range_min": 128, "port_range_max": 0}),
        ),
        (
            "--protocol icmp --icmp-type 8",
            json!({"protocol": "icmp", "port_range_min": 8, "port_range_max": null}),
        ),
        ("--protocol vrrp --remote-group friends", json!({"protocol": "vrrp", "remote_group_id": friends})),
        ("--protocol 47", json!({"protocol": "47", "remote_ip_prefix": "0.0.0.0/0"})),
        ("--ethertype IPv6", json!({"protocol": null, "remote_ip_prefix": "::/0"})),
    ] {
        make(&mut openstack, options, &expected);
    }
    assert_eq!(openstack.column("security group rule list web", "ID").len(), 8);
    assert_eq!(openstack.column("security group rule list --protocol tcp web", "ID"), [http.as_str()]);
    assert_eq!(openstack.column("security group rule list --egress web", "ID").len(), 3);
    assert_shows(
        &openstack.json(&format!("security group rule show {http}")),
        &json!({"description": "http"}),
    );
    for (options, words) in [
        (
            "--protocol tcp --dst-port 80:90 --remote-ip 10.0.0.7/24",
            "Security group rule already exists. Rule id is",
        ),
        ("--protocol nonsense", "Security group rule protocol nonsense not supported"),
        ("--protocol tcp --dst-port 0:80", "Invalid value for port 0"),
        ("--ethertype IPv6 --remote-ip 10.0.0.0/8", "Conflicting value ethertype IPv6 for CIDR 10.0.0.0/8"),
        ("--protocol icmp --icmp-type 300", "Invalid value for ICMP type (port_range_min) 300"),
        ("--ethertype IPv4 --protocol ipv6-frag", "Invalid ethertype IPv4 for protocol ipv6-frag."),
    ] {
        openstack.refuses(&format!("security group rule create {options} web"), words);
    }
    openstack.silently(&format!("security group rule delete {http}"));
    openstack.refuses(&format!("security group rule show {http}"), "No SecurityGroupRule found for");
    // The rule that names the other group goes with it.
    openstack.silently("security group delete friends");
    assert_eq!(openstack.column("security group rule list web", "ID").len(), 6);
    assert_consistent(&server.dump());
}

#[test]
fn address_groups() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    let shown = openstack
        .json("address group create --description d --address 10.0.0.7/24 --address fd00::1 friends");
    assert_shows(
        &shown,
        &json!({"name": "friends", "description": "d", "addresses": ["10.0.0.0/24", "fd00::1/128"]}),
    );
    let id = text(&shown["id"]);
    assert_eq!(openstack.names("address group list"), ["friends"]);
    assert_eq!(openstack.names("address group list --name none"), [""; 0]);
    openstack.silently("address group set --name f --description e --address 192.0.2.0/24 friends");
    openstack.silently("address group unset --address 10.0.0.0/24 f");
    assert_shows(
        &openstack.json("address group show f"),
        &json!({"description": "e", "addresses": ["fd00::1/128", "192.0.2.0/24"]}),
    );
    openstack.refuses("address group set --address 192.0.2.0/24 f", "already exist in the address group");
    openstack.refuses("address group unset --address 10.9.0.0/24 f", "not found in the address group");
    openstack.json("security group create web");
    let rule = openstack
        .json("security group rule create --protocol udp --dst-port 53 --remote-address-group f web");
    assert_shows(&rule, &json!({"remote_address_group_id": id, "remote_ip_prefix": null}));
    openstack.refuses("address group delete f", "is in use on one or more security group rules");
    assert_consistent(&server.dump());
    openstack.silently("security group delete web");
    openstack.silently("address group delete f");
    assert_consistent(&server.dump());
}

#[test]
fn ports() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    server.network("net", "10.1.0.0/24");
    let id = |shown: Value| text(&shown["id"]);
    let default = id(openstack.json("security group show default"));
    let web = id(openstack.json("security group create web"));
    let stateless = id(openstack.json("security group create --stateless stateless"));
    for (options, expected) in [
        ("", json!([default])),
        ("--no-security-group", json!([])),
        ("--security-group web", json!([web])),
        ("--security-group web --security-group default", json!([web, default])),
        ("--security-group stateless", json!([stateless])),
        ("--disable-port-security --no-security-group", json!([])),
        ("--device-owner network:router_interface", json!([])),
    ] {
        let shown = openstack.json(&format!("port create --network net {options} p"));
        assert_eq!(shown["security_group_ids"], expected, "{options}");
        openstack.silently(&format!("port delete {}", text(&shown["id"])));
    }
    openstack.json("port create --network net p");
    openstack.silently("port set --security-group web p");
    let found = server.client().get(&format!("/v2.0/ports?security_groups={web}"));
    assert_eq!(found["ports"].as_array().map(Vec::len), Some(1), "the client cannot ask for it");
    openstack.silently("port unset --security-group default p");
    assert_eq!(openstack.json("port show p")["security_group_ids"], json!([web]));
    openstack.refuses("security group delete web", &format!("Security Group {web} in use."));
    openstack.refuses("security group set --stateless web", &format!("Security Group {web} in use."));
    openstack.refuses("port set --disable-port-security p", "Port has security group associated");
    openstack.refuses("port set --security-group stateless p", "both stateful and stateless security groups");
    openstack.silently("port set --no-security-group --disable-port-security p");
    openstack.refuses("port set --security-group web p", "Port security must be enabled");
    openstack.silently("security group delete web");
    assert_consistent(&server.dump());
}
