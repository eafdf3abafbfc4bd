//! What is said through the API reaches real DHCP clients, and what they have is kept, renewed or taken away.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use testkit::Capture;
use testkit::cloud::Vm;
use testkit::process::Daemon;
use testkit::scratch::ScratchDir;
use testkit::try_wait_until;

use crate::support::{Lab, PATIENCE, talks};

/// Takes what it is told, and writes it down.
const DHCLIENT_SCRIPT: &str = "#!/bin/sh
case $reason in
BOUND|RENEW|REBIND|REBOOT)
    env > $DIR/told
    [ \"$old_ip_address\" = \"$new_ip_address\" ] || ip address flush dev $interface scope global
    ip address replace $new_ip_address/$new_subnet_mask dev $interface ;;
EXPIRE|FAIL|STOP|RELEASE)
    ip address flush dev $interface scope global ;;
esac
";
const DHCLIENT_CONFIGURATION: &str =
    "option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;
request subnet-mask, broadcast-address, rfc3442-classless-static-routes, routers, domain-name,
    domain-name-servers, interface-mtu, ntp-servers;
initial-interval 1; select-timeout 0; reboot 2; retry 5;
";

/// A `dhclient` that stays and renews what it got.
struct Dhclient {
    daemon: Daemon,
    directory: ScratchDir,
}

impl Dhclient {
    fn start(vm: &Vm) -> Self {
        let directory = ScratchDir::new().expect("a directory");
        let file = |name: &str| directory.path().join(name);
        let script = DHCLIENT_SCRIPT.replace("$DIR", &directory.path().display().to_string());
        for (name, text) in
            [("script", script.as_str()), ("configuration", DHCLIENT_CONFIGURATION), ("leases", "")]
        {
            fs::write(file(name), text).expect("a file is written");
        }
        fs::set_permissions(file("script"), fs::Permissions::from_mode(0o755)).expect("it can be executed");
        let daemon = Self::run(vm, directory.path());
        Self { daemon, directory }
    }

    fn run(vm: &Vm, directory: &Path) -> Daemon {
        let mut command = vm.namespace().command("dhclient");
        for (option, name) in [("-lf", "leases"), ("-pf", "pid"), ("-sf", "script"), ("-cf", "configuration")]
        {
            command.arg(option).arg(directory.join(name));
        }
        command.args(["-4", "-d", "-v", vm.guest().device()]);
        Daemon::start("dhclient", &command, &directory.join("log")).expect("dhclient starts")
    }

    /// Starts it with what it remembers, and as if no time had passed.
    fn start_again(&mut self, vm: &Vm) {
        let ends =
            |line: &str| ["renew", "rebind", "expire"].into_iter().find(|word| line.trim().starts_with(word));
        let remembered = self.text("leases");
        let remembered = remembered.lines().map(|line| match ends(line) {
            Some(word) => format!("  {word} never;\n"),
            None => format!("{line}\n"),
        });
        fs::write(self.file("leases"), remembered.collect::<String>()).expect("a file is written");
        self.daemon = Self::run(vm, self.directory.path());
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Waits until it has said something so many times.
    #[track_caller]
    fn says(&mut self, wanted: &str, count: usize) {
        try_wait_until(PATIENCE, wanted, || {
            (self.daemon.check_running().is_err() || self.text("log").matches(wanted).count() >= count)
                .then_some(())
        })
        .unwrap_or_else(|error| panic!("{error}: {}", self.text("log")));
        self.daemon.check_running().expect("dhclient runs");
    }

    /// What it was told last.
    fn told(&self, name: &str) -> Option<String> {
        let text = self.text("told");
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    }
}

#[test]
fn a_client_is_told_what_the_api_was_told_and_hears_of_changes() {
    let lab = Lab::new(1);
    let network = json!({"network": {"name": "blue", "provider:network_type": "geneve"}});
    let network = lab.cloud.api().post("/v2.0/networks", &network).and_then(|made| made.expect(201));
    let network = network.expect("a network")["network"]["id"].as_str().expect("an id").to_owned();
    let subnet = lab.subnet(&json!({
        "network_id": network, "ip_version": 4, "cidr": "10.7.0.0/24", "gateway_ip": null,
        "allocation_pools": [{"start": "10.7.0.100", "end": "10.7.0.200"}],
        "dns_nameservers": ["10.7.0.53", "10.7.0.54"],
        "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.7.0.9"}],
    }));
    let port = json!({"network_id": network, "extra_dhcp_opts": [
        {"opt_name": "mtu", "opt_value": "1300"},
        {"opt_name": "bootfile-name", "opt_value": "pxelinux.0"},
        {"opt_name": "server-ip-address", "opt_value": "10.7.0.69"},
        {"opt_name": "domain-name", "opt_value": "example.org"},
    ]});
    let vm = lab.cloud.boot_port(0, "vm", &port).expect("a machine");
    lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
    let lease = vm.dhcp().expect("an address");
    let address = vm.address().expect("an address");
    assert_eq!(lease.get("ip"), Some(address.to_string().as_str()), "{lease:?}");
    assert_eq!(lease.get("dns"), Some("10.7.0.53 10.7.0.54"), "{lease:?}");
    assert_eq!(lease.get("mtu"), Some("1300"), "{lease:?}");
    assert_eq!(lease.get("domain"), Some("example.org"), "{lease:?}");
    assert_eq!(lease.get("siaddr"), Some("10.7.0.69"), "{lease:?}");
    assert_eq!(lease.get("boot_file"), Some("pxelinux.0"), "{lease:?}");
    assert_eq!(lease.get("router"), None, "a network without a gateway: {lease:?}");
    let routes = lease.get("staticroutes").unwrap_or_default();
    assert!(routes.contains("10.9.0.0/16 10.7.0.9") && !routes.contains("0.0.0.0/0"), "{lease:?}");
    let table = vm.namespace().ip(&["route"]).expect("routes");
    assert!(table.contains("10.9.0.0/16 via 10.7.0.9") && !table.contains("default"), "{table}");

    // Another time it hears what was changed since.
    let change =
        json!({"subnet": {"gateway_ip": "10.7.0.1", "dns_nameservers": ["10.7.0.55"], "host_routes": []}});
    let changed = lab.cloud.api().put(&format!("/v2.0/subnets/{subnet}"), &change);
    changed.and_then(|changed| changed.expect(200)).expect("the subnet is changed");
    let options = json!({"port": {"extra_dhcp_opts": [{"opt_name": "mtu", "opt_value": null}]}});
    let changed = lab.cloud.api().put(&format!("/v2.0/ports/{}", vm.port_id()), &options);
    changed.and_then(|changed| changed.expect(200)).expect("the port is changed");
    let lease = try_wait_until(PATIENCE, "the changes to be told", || {
        vm.dhcp()
            .ok()
            .filter(|lease| lease.get("dns") == Some("10.7.0.55") && lease.get("mtu") != Some("1300"))
    })
    .unwrap_or_else(|error| panic!("{error}: {:?}", vm.dhcp()));
    let routes = lease.get("staticroutes").unwrap_or_default();
    assert!(routes.contains("0.0.0.0/0 10.7.0.1") && !routes.contains("10.9.0.0/16"), "{lease:?}");
}

#[test]
fn dhclient_renews_with_its_server_alone_and_leaves_an_address_that_is_taken_from_it() {
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let other = lab.boot(1, "other", &network);
    // Renewed every few seconds.
    let port = json!({"network_id": network, "extra_dhcp_opts": [{"opt_name": "51", "opt_value": "6"}]});
    let mut vm = lab.cloud.boot_port(0, "vm", &port).expect("a machine");
    lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
    let capture =
        Capture::start(vm.namespace(), vm.guest().device(), "udp dst port 67").expect("tcpdump runs");
    let elsewhere = lab.cloud.sites()[0].capture_underlay("").expect("tcpdump runs");
    let mut client = Dhclient::start(&vm);
    let address = vm.address().expect("an address");
    client.says(&format!("bound to {address}"), 1);
    let server = client.told("new_dhcp_server_identifier").expect("a server");
    client.says(&format!("DHCPREQUEST for {address} on eth0 to {server} port 67"), 2);
    client.says(&format!("bound to {address}"), 3);
    let server: std::net::Ipv4Addr = server.parse().expect("an address");
    let unicast = |frame: &&Vec<u8>| frame.get(30..34) == Some(&server.octets());
    let frames = capture.frames().expect("a capture");
    assert!(frames.iter().filter(unicast).count() >= 2, "{}", capture.text().expect("a capture"));

    // Renewals need nobody but the node.
    lab.cloud.kill_server().expect("it ends");
    let renewals = client.text("log").matches("bound to").count();
    client.says("bound to", renewals + 2);
    lab.cloud.start_server().expect("it starts");
    let cookie = [99, 130, 83, 99];
    let leaked = |frame: &Vec<u8>| frame.windows(cookie.len()).any(|bytes| bytes == cookie);
    assert!(!elsewhere.frames().expect("a capture").iter().any(leaked), "DHCP of a guest left its node");

    // Its port gets another address. It is told so when it renews the old one, with which it reaches nobody else. Where the
    // server is it has to know: it is not told by ARP any more, and forgets it at a moment that nobody chooses.
    let known = vm.namespace().ip(&["neighbor", "show", &server.to_string()]).expect("neighbors");
    let server_mac =
        known.split_whitespace().skip_while(|word| *word != "lladdr").nth(1).expect("its MAC address");
    let device = vm.guest().device();
    let remembers =
        ["neighbor", "replace", &server.to_string(), "lladdr", server_mac, "dev", device, "nud", "permanent"];
    vm.namespace().ip(&remembers).expect("a neighbor that is not forgotten");
    vm.renumbered(&renumber(&lab, &vm, "10.0.0.77"));
    client.says("DHCPNAK", 1);
    client.says("bound to 10.0.0.77", 1);
    other.namespace().wait_for_ping("10.0.0.77".parse().expect("an address"), PATIENCE).expect("it answers");
    talks(&other, &vm);
    assert_eq!(
        other.namespace().ping(address.into(), 2).expect("ping runs").received,
        0,
        "the old one answers"
    );

    // And another one while the machine is off: the address that it remembers is refused.
    client.daemon.kill().expect("it ends");
    vm.renumbered(&renumber(&lab, &vm, "10.0.0.88"));
    try_wait_until(PATIENCE, "the node to know", || {
        lab.cloud.sites()[0].flows().ok()?.iter().any(|flow| flow.contains("10.0.0.88")).then_some(())
    })
    .expect("it knows");
    client.start_again(&vm);
    client.says("DHCPREQUEST for 10.0.0.77 on eth0 to 255.255.255.255", 1);
    client.says("DHCPNAK", 2);
    client.says("bound to 10.0.0.88", 1);
    talks(&other, &vm);
}

/// Gives a machine's port another address; the port as it is then.
fn renumber(lab: &Lab, vm: &Vm, address: &str) -> Value {
    let change = json!({"port": {"fixed_ips": [{"ip_address": address}]}});
    let changed = lab.cloud.api().put(&format!("/v2.0/ports/{}", vm.port_id()), &change);
    changed.and_then(|changed| changed.expect(200)).expect("the port is changed")["port"].clone()
}
