//! IPv6 as the kernels and clients of guests see it: addresses that they make or are given, neighbours, name servers.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};
use testkit::cloud::Vm;
use testkit::process::Daemon;
use testkit::scratch::ScratchDir;
use testkit::try_wait_until;

use crate::support::{Lab, PATIENCE};

const NEIGHBOR_SOLICITATION: u8 = 135;
const ICMPV6: u8 = 58;

/// A network with an IPv6 subnet of a mode; its id.
fn network(lab: &Lab, mode: &str) -> String {
    let body = json!({"network": {"name": mode, "provider:network_type": "geneve"}});
    let made = lab.cloud.api().post("/v2.0/networks", &body).and_then(|made| made.expect(201));
    let network = made.expect("a network")["network"]["id"].as_str().expect("an id").to_owned();
    let subnet = lab.subnet(&json!({
        "network_id": network, "ip_version": 6, "cidr": "fd00:77::/64", "ipv6_ra_mode": mode, "ipv6_address_mode": mode,
        "dns_nameservers": ["fd00:77::53"],
    }));
    modes(lab, &network, &subnet, mode);
    network
}

/// The row that says how hosts of a subnet get their addresses, for whoever does not want to rely on the API for it.
fn modes(lab: &Lab, network: &str, subnet: &str, mode: &str) {
    let topic = lab.row(&format!("/lsubnet/{subnet}"))["topic"].clone();
    let row = json!({
        "id": subnet, "subnet": subnet, "lswitch": network, "topic": topic, "ra_mode": mode, "address_mode": mode, "version": 1,
    });
    let mut command = std::process::Command::new(testkit::require_tool("etcdctl"));
    command.env("ETCDCTL_API", "3");
    command.args([
        "--endpoints",
        lab.cloud.store(),
        "put",
        &format!("/lsubnet_ipv6/{subnet}"),
        &row.to_string(),
    ]);
    testkit::process::run(&command).expect("etcdctl writes to the store");
}

/// The address that the API gave to the port of a machine.
fn assigned(lab: &Lab, vm: &Vm) -> String {
    let port = lab.cloud.api().get(&format!("/v2.0/ports/{}", vm.port_id()));
    let port = port.and_then(|port| port.expect(200)).expect("a port");
    let text = |ip: &Value| ip["ip_address"].as_str().map(str::to_owned);
    port["port"]["fixed_ips"].as_array().into_iter().flatten().find_map(text).expect("an address")
}

/// A machine that checks whether its addresses are free before it uses them, as machines do.
fn boot(lab: &Lab, host: usize, name: &str, network: &str) -> Vm {
    let vm = lab.cloud.boot(host, name, network).expect("a machine");
    lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
    with_link_local(vm)
}

/// A machine that has checked its address of the link.
pub(crate) fn with_link_local(vm: Vm) -> Vm {
    let device = vm.guest().device();
    vm.namespace().run("sysctl", &["-qw", &format!("net.ipv6.conf.{device}.accept_dad=1")]).expect("sysctl");
    for state in ["down", "up"] {
        vm.namespace().ip(&["link", "set", "dev", device, state]).expect("its link");
    }
    let link_local = || {
        let text =
            vm.namespace().ip(&["-6", "address", "show", "dev", device, "scope", "link", "-tentative"]);
        text.ok()?.contains("inet6 fe80").then_some(())
    };
    try_wait_until(PATIENCE, "an address of the link", link_local).expect("it has one");
    vm
}

/// What the kernel of a machine says of its addresses.
fn addresses(vm: &Vm) -> String {
    vm.namespace().ip(&["-6", "address", "show", "dev", vm.guest().device()]).expect("addresses")
}

/// Waits until a machine has an address that nobody else has.
#[track_caller]
fn wait_for_address(vm: &Vm, address: &str) {
    try_wait_until(PATIENCE, "an address", || {
        let text = addresses(vm);
        let line = text.lines().find(|line| line.contains(&format!("inet6 {address}/")))?;
        (!line.contains("tentative") && !line.contains("dadfailed")).then_some(())
    })
    .unwrap_or_else(|error| panic!("{} has no {address}: {error}: {}", vm.name(), addresses(vm)));
}

#[track_caller]
fn reaches(from: &Vm, address: &str) {
    from.namespace().wait_for_ping(address.parse().expect("an address"), PATIENCE).expect("it is reached");
    let report = from.namespace().ping(address.parse().expect("an address"), 3).expect("ping runs");
    assert_eq!(report.lost(), 0, "{} to {address}: {report:?}", from.name());
}

/// Takes what it is told, and writes it down.
const SCRIPT: &str = "#!/bin/sh
case $reason in
BOUND6|REBIND6|RENEW6) ip -6 address replace $new_ip6_address/128 dev $interface; env > $DIR/new; mv $DIR/new $DIR/told ;;
*) [ -n \"$new_dhcp6_name_servers\" ] && env > $DIR/new && mv $DIR/new $DIR/told ;;
esac
exit 0
";

/// What `dhclient` is told, by its names of options.
fn dhclient(vm: &Vm, more: &[&str]) -> String {
    dhclient_with(vm, "", more)
}

/// The same with more lines in its configuration.
pub(crate) fn dhclient_with(vm: &Vm, lines: &str, more: &[&str]) -> String {
    let directory = ScratchDir::new().expect("a directory");
    let file = |name: &str| directory.path().join(name);
    fs::write(file("script"), SCRIPT.replace("$DIR", &directory.path().display().to_string()))
        .expect("a file");
    fs::set_permissions(file("script"), fs::Permissions::from_mode(0o755)).expect("it can be executed");
    let configuration = format!("also request dhcp6.name-servers, dhcp6.domain-search;\n{lines}");
    fs::write(file("configuration"), configuration).expect("a file");
    fs::write(file("leases"), "").expect("a file");
    let mut command = vm.namespace().command("dhclient");
    command.args(["-6", "-v"]).args(more);
    for (option, name) in [("-lf", "leases"), ("-pf", "pid"), ("-sf", "script"), ("-cf", "configuration")] {
        command.arg(option).arg(file(name));
    }
    command.args(["-d", vm.guest().device()]);
    let _daemon = Daemon::start("dhclient", &command, &file("log")).expect("dhclient starts");
    let told =
        || fs::read_to_string(file("told")).ok().filter(|told| told.contains("new_dhcp6_name_servers="));
    try_wait_until(PATIENCE, "dhclient to be told something", told)
        .unwrap_or_else(|error| panic!("{error}: {}", fs::read_to_string(file("log")).unwrap_or_default()))
}

#[test]
fn machines_make_their_addresses_and_talk_and_no_question_for_a_neighbour_crosses_the_wire() {
    let lab = Lab::new(2);
    let network = network(&lab, "slaac");
    let wire = lab.cloud.sites()[0].capture_underlay("udp port 6081").expect("tcpdump runs");
    let (one, two) = (boot(&lab, 0, "one", &network), boot(&lab, 1, "two", &network));
    let (first, second) = (assigned(&lab, &one), assigned(&lab, &two));
    wait_for_address(&one, &first);
    wait_for_address(&two, &second);
    reaches(&one, &second);
    reaches(&two, &first);

    // Nobody is a router here, and the link's MTU is that of the network.
    let default = one.namespace().ip(&["-6", "route", "show", "default"]).expect("routes");
    assert_eq!(default.trim(), "", "a router that is none");
    let mtu = lab.row(&format!("/lswitch/{network}"))["mtu"].as_u64().expect("an MTU");
    let path = format!("/proc/sys/net/ipv6/conf/{}/mtu", one.guest().device());
    let known = one.namespace().run("cat", &[&path]).expect("the MTU");
    assert_eq!(known.trim(), mtu.to_string());

    // Checks for duplicates cross the wire, as they have to, and no other question for a neighbour.
    let frames = wire.frames().expect("a capture");
    let questions: Vec<bool> = frames.iter().filter_map(|frame| question_of_somebody(frame)).collect();
    assert!(questions.contains(&false), "nobody has checked whether its address is free");
    assert!(!questions.contains(&true), "a question for a neighbour crossed the wire");
}

/// Of a neighbour solicitation in a Geneve packet: whether somebody asks who has an address. One option, without VLAN tags.
fn question_of_somebody(frame: &[u8]) -> Option<bool> {
    let geneve = frame.get(42..)?;
    let inner = geneve.get(8 + usize::from(geneve.first()? & 0x3f) * 4..)?;
    let is_question = inner.get(12..14)? == [0x86, 0xdd]
        && *inner.get(20)? == ICMPV6
        && *inner.get(54)? == NEIGHBOR_SOLICITATION;
    is_question.then(|| inner.get(22..38) != Some(&[0; 16]))
}

#[test]
fn machines_are_given_their_addresses_by_dhcpv6() {
    let lab = Lab::new(2);
    let network = network(&lab, "dhcpv6-stateful");
    let (one, two) = (boot(&lab, 0, "one", &network), boot(&lab, 1, "two", &network));
    for vm in [&one, &two] {
        let told = dhclient(vm, &[]);
        let address = assigned(&lab, vm);
        assert!(told.contains(&format!("new_ip6_address={address}\n")), "{told}");
        assert!(told.contains("new_dhcp6_name_servers=fd00:77::53\n"), "{told}");
        assert!(told.contains("new_dhcp6_domain_search=openstacklocal"), "{told}");
        wait_for_address(vm, &address);
        // It makes none itself, and knows that the others are on the link.
        assert_eq!(addresses(vm).matches("inet6 fd00:77:").count(), 1, "{}", addresses(vm));
    }
    reaches(&one, &assigned(&lab, &two));
    reaches(&two, &assigned(&lab, &one));
}

#[test]
fn machines_that_make_their_addresses_may_ask_for_the_rest() {
    let lab = Lab::new(1);
    let network = network(&lab, "dhcpv6-stateless");
    let vm = boot(&lab, 0, "one", &network);
    wait_for_address(&vm, &assigned(&lab, &vm));
    let told = dhclient(&vm, &["-S"]);
    assert!(told.contains("new_dhcp6_name_servers=fd00:77::53\n"), "{told}");
}
