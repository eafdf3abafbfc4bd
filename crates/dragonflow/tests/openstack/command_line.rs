//! `openstack network`, `subnet`, `port` and the rest, with every option that they have for what there is.

use std::process::Command;

use serde_json::json;
use testkit::process;

use crate::checker::{assert_consistent, assert_shows};
use crate::shell::Shell;
use crate::support::{Server, text};

/// The program itself, and the two ways to say where the server is; all else here is run faster.
#[test]
fn the_program_needs_an_address_and_no_keystone() {
    let server = Server::new();
    server.network("blue", "10.0.0.0/24");
    let url = format!("http://{}", server.address());
    for arguments in [
        vec!["--os-auth-type", "none", "--os-endpoint", &url],
        vec!["--os-auth-type", "none", "--os-endpoint", &format!("{url}/v2.0")],
        vec!["--os-auth-type", "admin_token", "--os-endpoint", &url, "--os-token", "any"],
    ] {
        let mut command = Command::new(testkit::require_tool("openstack"));
        command.args(arguments).args(["network", "list", "-f", "value", "-c", "Name"]);
        assert_eq!(process::run(&command).expect("it runs"), "blue\n");
    }
}

#[test]
fn networks() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    let shown = openstack.json(
        "network create --share --description \"two words\" --mtu 1400 --tag red --tag blue --disable-port-security \
         --provider-network-type geneve --provider-segment 77 --availability-zone-hint nova plain",
    );
    assert_shows(
        &shown,
        &json!({
            "name": "plain", "description": "two words", "mtu": 1400, "shared": true, "status": "ACTIVE",
            "admin_state_up": true, "port_security_enabled": false, "provider:network_type": "geneve",
            "provider:segmentation_id": 77, "provider:physical_network": null, "tags": ["blue", "red"],
            "router:external": false, "availability_zone_hints": ["nova"], "subnets": [],
        }),
    );
    let shown = openstack.json("network create --external --default --disable outside");
    assert_shows(&shown, &json!({"router:external": true, "is_default": true, "admin_state_up": false}));
    openstack.silently("network set --internal outside");
    openstack.silently("network set --external --no-default outside");

    network_lists(&mut openstack);

    openstack.silently(
        "network set --name renamed --disable --no-share --description new --mtu 1300 --enable-port-security \
         --tag green plain",
    );
    assert_shows(
        &openstack.json("network show renamed"),
        &json!({
            "admin_state_up": false, "shared": false, "description": "new", "mtu": 1300,
            "port_security_enabled": true, "tags": ["blue", "green", "red"],
        }),
    );
    openstack.silently("network unset --tag red renamed");
    assert_eq!(openstack.json("network show renamed")["tags"], json!(["blue", "green"]));
    openstack.silently("network unset --all-tag renamed");
    assert_eq!(openstack.json("network show renamed")["tags"], json!([]));

    openstack.refuses("network create --mtu 65000 long", "Requested MTU is too big, maximum is 1442");
    let flat = "--provider-network-type flat --provider-physical-network x";
    openstack.refuses(
        &format!("network create --transparent-vlan {flat} tags"),
        "Backend does not support VLAN Transparency",
    );
    openstack.refuses("network show none", "No Network found for none");
    openstack.refuses("network delete renamed none outside", "1 of 3 networks failed to delete");
    assert_eq!(openstack.names("network list"), [""; 0]);
}

fn network_lists(openstack: &mut Shell) {
    for (filter, expected) in [
        ("--external", vec!["outside"]),
        ("--internal", vec!["plain"]),
        ("--name plain", vec!["plain"]),
        ("--name none", vec![]),
        ("--enable", vec!["plain"]),
        ("--disable", vec!["outside"]),
        ("--share", vec!["plain"]),
        ("--no-share", vec!["outside"]),
        ("--status ACTIVE", vec!["outside", "plain"]),
        ("--provider-network-type geneve", vec!["outside", "plain"]),
        ("--provider-network-type vlan", vec![]),
        ("--provider-segment 77", vec!["plain"]),
        ("--tags red,blue", vec!["plain"]),
        ("--any-tags red,green", vec!["plain"]),
        ("--not-tags red", vec!["outside"]),
        ("--not-any-tags red,green", vec!["outside"]),
    ] {
        assert_eq!(openstack.names(&format!("network list {filter}")), expected, "{filter}");
    }
    assert_eq!(openstack.column("network list --sort-column Name", "Name"), ["outside", "plain"]);
    let descending = "network list --sort-column Name --sort-descending";
    assert_eq!(openstack.column(descending, "Name"), ["plain", "outside"]);
    let long = openstack.json("network list --long --name plain");
    assert_shows(
        &long[0],
        &json!({"Status": "ACTIVE", "State": true, "Shared": true, "Network Type": "geneve", "Tags": ["blue", "red"]}),
    );
    assert!(openstack.run("network list").output().contains("| outside |"), "a table for people");
}

#[test]
fn subnets_of_ipv4() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    openstack.json("network create net");
    let shown = openstack.json(
        "subnet create --network net --subnet-range 192.0.2.0/24 --dns-nameserver 192.0.2.53 --dns-nameserver 192.0.2.54 \
         --host-route destination=198.51.100.0/24,gateway=192.0.2.9 --allocation-pool start=192.0.2.10,end=192.0.2.20 \
         --allocation-pool start=192.0.2.100,end=192.0.2.120 --gateway 192.0.2.254 --no-dhcp \
         --service-type compute:nova --description d --tag t first",
    );
    assert_shows(
        &shown,
        &json!({
            "name": "first", "cidr": "192.0.2.0/24", "gateway_ip": "192.0.2.254", "enable_dhcp": false, "ip_version": 4,
            "dns_nameservers": ["192.0.2.53", "192.0.2.54"], "service_types": ["compute:nova"], "tags": ["t"],
            "host_routes": [{"destination": "198.51.100.0/24", "nexthop": "192.0.2.9"}], "description": "d",
            "allocation_pools": [
                {"start": "192.0.2.10", "end": "192.0.2.20"}, {"start": "192.0.2.100", "end": "192.0.2.120"},
            ],
        }),
    );
    openstack.json("subnet create --network net --subnet-range 198.51.100.0/24 --gateway none second");
    subnet_lists(&mut openstack);
    openstack.silently(
        "subnet set --name changed --dhcp --gateway 192.0.2.1 --dns-nameserver 192.0.2.55 --description z --tag u \
         --host-route destination=203.0.113.0/24,gateway=192.0.2.8 --allocation-pool start=192.0.2.200,end=192.0.2.210 \
         --service-type network:dhcp first",
    );
    let shown = openstack.json("subnet show changed");
    assert_shows(&shown, &json!({"enable_dhcp": true, "gateway_ip": "192.0.2.1", "description": "z"}));
    assert_eq!(shown["tags"], json!(["t", "u"]));
    for (name, length) in
        [("dns_nameservers", 3), ("host_routes", 2), ("allocation_pools", 3), ("service_types", 2)]
    {
        assert_eq!(shown[name].as_array().map(Vec::len), Some(length), "{name} of {shown}");
    }
    openstack.silently(
        "subnet unset --dns-nameserver 192.0.2.55 --host-route destination=203.0.113.0/24,gateway=192.0.2.8 \
         --allocation-pool start=192.0.2.100,end=192.0.2.120 --service-type compute:nova --tag t changed",
    );
    let shown = openstack.json("subnet show changed");
    assert_shows(&shown, &json!({"service_types": ["network:dhcp"], "tags": ["u"]}));
    openstack.silently("subnet set --no-dns-nameservers --no-host-route --no-tag changed");
    let shown = openstack.json("subnet show changed");
    assert_shows(&shown, &json!({"dns_nameservers": [], "host_routes": [], "tags": []}));

    openstack
        .refuses("subnet create --network net --subnet-range 192.0.2.0/25 x", "overlaps with another subnet");
    let outside = "subnet create --network net --subnet-range 10.1.0.0/24 --allocation-pool start=10.2.0.1,end=10.2.0.9 x";
    openstack.refuses(outside, "spans beyond the subnet cidr");
    openstack.silently("subnet delete changed second");
    openstack.silently("network delete net");
    assert_consistent(&server.dump());
}

fn subnet_lists(openstack: &mut Shell) {
    for (filter, expected) in [
        ("--network net", vec!["first", "second"]),
        ("--ip-version 4", vec!["first", "second"]),
        ("--ip-version 6", vec![]),
        ("--dhcp", vec!["second"]),
        ("--no-dhcp", vec!["first"]),
        ("--gateway 192.0.2.254", vec!["first"]),
        ("--subnet-range 198.51.100.0/24", vec!["second"]),
        ("--name second", vec!["second"]),
        ("--tags t", vec!["first"]),
        ("--not-tags t", vec!["second"]),
    ] {
        assert_eq!(openstack.names(&format!("subnet list {filter}")), expected, "{filter}");
    }
    assert_shows(
        &openstack.json("subnet list --long --name second")[0],
        &json!({"Subnet": "198.51.100.0/24", "DHCP": true, "Gateway": null, "IP Version": 4}),
    );
}

#[test]
fn subnets_of_ipv6() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    openstack.json("network create net");
    let create = "subnet create --network net --ip-version 6";
    for (place, mode) in ["slaac", "dhcpv6-stateless", "dhcpv6-stateful"].into_iter().enumerate() {
        let modes = format!("--ipv6-ra-mode {mode} --ipv6-address-mode {mode}");
        let shown = openstack.json(&format!("{create} --subnet-range 2001:db8:{place}::/64 {modes} {mode}"));
        assert_shows(&shown, &json!({"ipv6_ra_mode": mode, "ipv6_address_mode": mode, "ip_version": 6}));
    }
    let differ = "--ipv6-ra-mode slaac --ipv6-address-mode dhcpv6-stateful x";
    openstack.refuses(&format!("{create} --subnet-range 2001:db8:9::/64 {differ}"), "must be the same value");
    let short = "--ipv6-ra-mode slaac --ipv6-address-mode slaac x";
    openstack.refuses(&format!("{create} --subnet-range 2001:db8:9::/72 {short}"), "/64");
    let port = openstack.json("port create --network net --mac-address 02:00:00:00:00:01 port");
    let own: Vec<String> =
        port["fixed_ips"].as_array().expect("a list").iter().map(|ip| text(&ip["ip_address"])).collect();
    for address in ["2001:db8::ff:fe00:1", "2001:db8:1:0:0:ff:fe00:1"] {
        assert!(
            own.iter().any(|own| own.parse::<std::net::Ipv6Addr>() == address.parse()),
            "{address}: {own:?}"
        );
    }
}

#[test]
fn subnet_pools() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    let shown = openstack.json(
        "subnet pool create --pool-prefix 10.8.0.0/16 --pool-prefix 10.11.0.0/16 --default-prefix-length 26 \
         --min-prefix-length 20 --max-prefix-length 28 --description d --default --share --default-quota 1024 --tag x pool",
    );
    assert_shows(
        &shown,
        &json!({
            "name": "pool", "prefixes": ["10.8.0.0/16", "10.11.0.0/16"], "default_prefixlen": 26, "min_prefixlen": 20,
            "max_prefixlen": 28, "is_default": true, "shared": true, "default_quota": 1024, "ip_version": 4, "tags": ["x"],
        }),
    );
    openstack.json("subnet pool create --pool-prefix 2001:db8:1::/48 --default-prefix-length 64 pool6");
    for (filter, expected) in [
        ("--long", vec!["pool", "pool6"]),
        ("--share", vec!["pool"]),
        ("--no-share", vec!["pool6"]),
        ("--default", vec!["pool"]),
        ("--name pool6", vec!["pool6"]),
        ("--tags x", vec!["pool"]),
    ] {
        assert_eq!(openstack.names(&format!("subnet pool list {filter}")), expected, "{filter}");
    }
    openstack.json("network create net");
    let cut = openstack.json("subnet create --network net --subnet-pool pool --prefix-length 25 first");
    assert_eq!(cut["cidr"], "10.8.0.0/25");
    let cut = openstack.json("subnet create --network net --use-default-subnet-pool second");
    assert_eq!(cut["cidr"], "10.8.0.128/26");
    assert_eq!(openstack.names("subnet list --subnet-pool pool"), ["first", "second"]);
    let modes = "--ipv6-ra-mode slaac --ipv6-address-mode slaac";
    let cut = openstack
        .json(&format!("subnet create --network net --ip-version 6 --subnet-pool pool6 {modes} third"));
    assert_eq!(cut["cidr"], "2001:db8:1::/64");
    let much = "subnet create --network net --subnet-pool pool --prefix-length 20 x";
    openstack.refuses(much, "Per-project subnet pool prefix quota exceeded");
    let short = "subnet create --network net --subnet-pool pool --prefix-length 29 x";
    openstack.refuses(short, "maximum allowed prefix is 28");
    let elsewhere = "subnet create --network net --subnet-range 10.77.0.0/24 x";
    openstack.refuses(elsewhere, "must be allocated from the same subnet pool");

    openstack.silently(
        "subnet pool set --pool-prefix 10.10.0.0/16 --default-prefix-length 27 --description e --no-default --tag y pool",
    );
    assert_shows(
        &openstack.json("subnet pool show pool"),
        &json!({"prefixes": ["10.8.0.0/16", "10.10.0.0/15"], "default_prefixlen": 27, "is_default": false}),
    );
    openstack.silently("subnet pool unset --tag y pool");
    openstack.refuses("subnet pool delete pool", "Subnet pool has existing allocations");
    openstack.silently("network delete net");
    openstack.silently("subnet pool delete pool pool6");
}

#[test]
fn ports() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    let (_, subnet) = server.network("net", "10.1.0.0/24");
    let shown = openstack.json(
        "port create --network net --description d --device d1 --device-owner compute:nova --mac-address 02:00:00:00:00:01 \
         --vnic-type normal --binding-profile a=b --host h1 --fixed-ip subnet=net,ip-address=10.1.0.77 --fixed-ip subnet=net \
         --extra-dhcp-option name=mtu,value=1300,ip-version=4 --extra-dhcp-option name=domain-name,value=x \
         --allowed-address ip-address=10.1.0.200,mac-address=02:00:00:00:00:02 --allowed-address ip-address=10.2.0.9 \
         --enable --enable-port-security --enable-uplink-status-propagation --tag a first",
    );
    assert_shows(
        &shown,
        &json!({
            "name": "first", "status": "DOWN", "admin_state_up": true, "mac_address": "02:00:00:00:00:01",
            "device_id": "d1", "device_owner": "compute:nova", "binding_host_id": "h1", "binding_vif_type": "ovs",
            "binding_vnic_type": "normal", "binding_profile": {"a": "b"}, "port_security_enabled": true, "tags": ["a"],
            "propagate_uplink_status": true, "ip_allocation": "immediate",
            "allowed_address_pairs": [
                {"ip_address": "10.1.0.200", "mac_address": "02:00:00:00:00:02"},
                {"ip_address": "10.2.0.9", "mac_address": "02:00:00:00:00:01"},
            ],
            "extra_dhcp_opts": [
                {"opt_name": "mtu", "opt_value": "1300", "ip_version": 4},
                {"opt_name": "domain-name", "opt_value": "x", "ip_version": 4},
            ],
        }),
    );
    assert_eq!(shown["fixed_ips"][0], json!({"ip_address": "10.1.0.77", "subnet_id": subnet}));
    assert_eq!(shown["fixed_ips"].as_array().map(Vec::len), Some(2));
    let shown = openstack.json(
        "port create --network net --disable --no-security-group --disable-port-security --no-fixed-ip \
         --disable-uplink-status-propagation second",
    );
    assert_shows(
        &shown,
        &json!({
            "admin_state_up": false, "fixed_ips": [], "port_security_enabled": false, "propagate_uplink_status": false,
            "binding_vif_type": "unbound", "ip_allocation": "none",
        }),
    );
    port_lists(&mut openstack, &subnet);
    port_changes(&mut openstack);
    for (wrong, words) in [
        ("--fixed-ip ip-address=10.1.0.78", "IP address 10.1.0.78 already allocated in subnet"),
        ("--fixed-ip ip-address=10.9.0.1", "10.9.0.1 is not a valid IP for any of the subnets"),
        ("--mac-address 02:00:00:00:00:01", "The mac address 02:00:00:00:00:01 is in use"),
        ("--security-group none", "No SecurityGroup found for none"),
        ("--device-profile a", "Unrecognized attribute(s) 'device_profile'"),
    ] {
        openstack.refuses(&format!("port create --network net {wrong} x"), words);
    }
    openstack.refuses("subnet delete net", "One or more ports have an IP allocation from this subnet");
    openstack.refuses("network delete net", "There are one or more ports still in use on the network");
    assert_consistent(&server.dump());
    openstack.silently("port delete changed second");
    openstack.silently("network delete net");
    assert_eq!(openstack.names("port list"), [""; 0]);
}

fn port_lists(openstack: &mut Shell, subnet: &str) {
    for (filter, expected) in [
        // The third is the port of DHCP, which has no name.
        ("", vec!["", "first", "second"]),
        ("--network net", vec!["", "first", "second"]),
        ("--fixed-ip subnet=net", vec!["", "first"]),
        ("--fixed-ip ip-address=10.1.0.77", vec!["first"]),
        ("--fixed-ip subnet=net,ip-address=10.1.0.77", vec!["first"]),
        ("--fixed-ip ip-address=10.1.0.250", vec![]),
        ("--fixed-ip ip-substring=1.0.7", vec!["first"]),
        ("--fixed-ip ip-substring=9.9", vec![]),
        ("--mac-address 02:00:00:00:00:01", vec!["first"]),
        ("--device-owner compute:nova", vec!["first"]),
        ("--device-owner network:dhcp", vec![""]),
        ("--device-id d1", vec!["first"]),
        ("--host h1", vec!["first"]),
        ("--host h2", vec![]),
        ("--name second", vec!["second"]),
        ("--tags a", vec!["first"]),
        ("--any-tags a,b", vec!["first"]),
        ("--not-tags a --name second", vec!["second"]),
    ] {
        assert_eq!(openstack.names(&format!("port list {filter}")), expected, "{filter}");
    }
    assert_eq!(
        openstack.column("port list --sort-column Name --sort-descending", "Name"),
        ["second", "first", ""]
    );
    let long = openstack.json("port list --long --name first");
    assert_shows(&long[0], &json!({"Status": "DOWN", "Device Owner": "compute:nova", "Tags": ["a"]}));
    assert_eq!(long[0]["Fixed IP Addresses"][0]["subnet_id"], subnet);
}

fn port_changes(openstack: &mut Shell) {
    openstack
        .refuses("port set --mac-address 02:00:00:00:00:09 first", "port is already bound, port type: ovs");
    openstack.silently(
        "port set --name changed --description e --device d2 --device-owner compute:az --host h2 --disable --tag z \
         --binding-profile c=d --no-allowed-address --extra-dhcp-option name=mtu,value=1200 first",
    );
    assert_shows(
        &openstack.json("port show changed"),
        &json!({
            "description": "e", "device_id": "d2", "device_owner": "compute:az", "binding_host_id": "h2",
            "admin_state_up": false, "allowed_address_pairs": [], "binding_profile": {"a": "b", "c": "d"},
            "tags": ["a", "z"],
            "extra_dhcp_opts": [
                {"opt_name": "domain-name", "opt_value": "x", "ip_version": 4},
                {"opt_name": "mtu", "opt_value": "1200", "ip_version": 4},
            ],
        }),
    );
    openstack.silently("port set --no-fixed-ip --fixed-ip subnet=net,ip-address=10.1.0.78 changed");
    openstack
        .silently("port set --data-plane-status ACTIVE --disable-port-security --no-security-group changed");
    let shown = openstack.json("port show changed");
    assert_shows(&shown, &json!({"data_plane_status": "ACTIVE", "port_security_enabled": false}));
    assert_eq!(shown["fixed_ips"][0]["ip_address"], "10.1.0.78");
    openstack.silently("port unset --host --data-plane-status --binding-profile a --tag z changed");
    assert_shows(
        &openstack.json("port show changed"),
        &json!({
            "binding_host_id": "", "binding_vif_type": "unbound", "data_plane_status": null,
            "binding_profile": {"c": "d"}, "tags": ["a"],
        }),
    );
    openstack.silently("port set --mac-address 02:00:00:00:00:09 changed");
    openstack.silently("port set --mac-address 02:00:00:00:00:01 changed");
}

#[test]
fn what_there_is_besides() {
    let server = Server::new();
    let mut openstack = Shell::without_keystone(server.address());
    server.network("net", "10.1.0.0/24");
    let extensions = openstack.column("extension list --network", "Alias");
    assert!(extensions.iter().any(|alias| alias == "revision-if-match"), "{extensions:?}");
    assert_eq!(openstack.json("extension show quotas")["alias"], "quotas");
    assert_eq!(openstack.column("availability zone list --network", "Zone Name"), ["nova", "nova"]);
    let available = openstack.json("ip availability list");
    assert_shows(&available[0], &json!({"Network Name": "net", "Total IPs": 253, "Used IPs": 1}));
    assert_shows(&openstack.json("ip availability show net"), &json!({"total_ips": 253, "used_ips": 1}));
    assert_eq!(openstack.json("network agent list"), json!([]));
    assert_eq!(openstack.json("network agent list --agent-type dhcp"), json!([]));
    assert_eq!(openstack.json("floating ip list"), json!([]));
    openstack.refuses("network agent show none", "No Agent found for none");
    // What is not there says so; no client is left with half an answer.
    openstack.refuses("network segment list", "The resource could not be found.");
}

/// Without keystone any password is right, and a project is there when somebody names it.
#[test]
fn passwords_and_projects() {
    let server = Server::new();
    let url = format!("http://{}", server.address());
    let clouds = json!({"clouds": {"own": {
        "auth": {
            "auth_url": format!("{url}/v3"), "username": "ann", "password": "any", "project_name": "blue",
            "user_domain_name": "Default", "project_domain_name": "Default",
        },
        // This release of the client looks for Nova's quotas, too; the answer is not needed.
        "compute_endpoint_override": &url,
    }}});
    let file = server.path("clouds.yaml");
    std::fs::write(&file, clouds.to_string()).expect("the file is written");
    let mut openstack =
        Shell::new(&[("OS_CLOUD", "own"), ("OS_CLIENT_CONFIG_FILE", file.to_str().expect("a path"))]);
    assert_eq!(openstack.json("network create own")["project_id"], "blue");
    assert_eq!(openstack.json("network create --project red other")["project_id"], "red");
    assert_eq!(openstack.names("network list"), ["other", "own"]);
    assert_eq!(openstack.names("network list --project red"), ["other"]);
    assert_shows(&openstack.json("token issue"), &json!({"project_id": "blue", "user_id": "ann"}));
    assert_eq!(openstack.names("project list"), ["blue"]);

    openstack.silently("quota set --networks 1 --ports 7 --subnets 3 --subnetpools 8 red");
    assert_shows(
        &openstack.json("quota show red"),
        &json!({"networks": 1, "ports": 7, "subnets": 3, "subnet_pools": 8, "project_name": "red"}),
    );
    openstack.refuses("network create --project red more", "Quota exceeded for resources: ['network']");
    let details = openstack.json("quota list --network --detail --project red");
    let networks = details.as_array().expect("a list").iter().find(|row| row["Resource"] == "networks");
    assert_shows(networks.expect("networks"), &json!({"In Use": 1, "Limit": 1, "Reserved": 0}));
}
