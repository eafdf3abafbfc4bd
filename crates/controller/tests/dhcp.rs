//! Real DHCP clients behind a real switch: what they are told, what they do with it, and who else hears of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use common::{BRIDGE, Cloud, PATIENCE, Port, blocking, log, pings, until};
use model::{PortState, Table};
use net_types::MacAddr;
use packet::build::{Ethernet, Ip, Ipv4, Transport, Udp};
use packet::dhcp::{CLIENT_PORT, Message, MessageType, Op, SERVER_PORT, codes};
use testkit::process::Daemon;
use testkit::scratch::ScratchDir;
use testkit::{Capture, Guest, GuestSpec};

const BLUE: (&str, u8) = ("blue", 1);
const A: Port = Port::new("a", BLUE, 1);
const B: Port = Port::new("b", BLUE, 2);
const SERVER: &str = "10.1.0.253";

/// A network with a server, and ports A and B on hosts 1 and `host_of_b`. `params` is what A's row says of DHCP.
async fn cloud(hosts: u8, host_of_b: &str, params: &str) -> Cloud {
    log();
    let cloud = Cloud::started(hosts).await;
    cloud.network("blue", 1).await;
    let subnet = r#"{"id": "blue-v4", "topic": "t", "version": 2, "lswitch": "blue", "cidr": "10.1.0.0/24",
        "enable_dhcp": true, "gateway_ip": "10.1.0.254", "dns_nameservers": ["10.1.0.53", "10.1.0.54"],
        "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.1.0.2"}]}"#;
    cloud.put(Table::Subnet, subnet).await;
    let server = r#"{"id": "server", "topic": "t", "unique_key": 999, "version": 1, "lswitch": "blue", "enabled": true,
        "macs": ["fa:16:3e:00:01:fd"], "ips": ["10.1.0.253"], "subnets": ["blue-v4"], "device_owner": "network:dhcp"}"#;
    cloud.put(Table::LogicalPort, server).await;
    let a = A.row(Some("host-1"), 1);
    let a = a.trim_end().strip_suffix('}').unwrap().to_owned() + &format!(r#", "dhcp_params": {params}}}"#);
    cloud.put(Table::LogicalPort, &a).await;
    cloud.port(B, Some(host_of_b)).await;
    cloud
}

/// Plugs in a guest that has no address yet, and waits until its port forwards.
async fn plug(cloud: &Cloud, place: usize, port: Port) -> Guest {
    let spec = GuestSpec {
        bridge: BRIDGE,
        interface: &format!("tap-{}", port.name),
        mac: &port.mac(),
        addresses: &[],
        iface_id: Some(port.name),
    };
    let guest = Guest::plug(&cloud.hosts[place].ovs, spec).unwrap();
    guest.namespace().set_up(guest.device()).unwrap();
    cloud.wait_state(port.name, PortState::Active).await;
    guest
}

/// Where a client and its script keep what they know.
struct Client {
    directory: ScratchDir,
}

impl Client {
    /// `script` is called by the client; `$DIR` in it is the directory.
    fn new(script: &str) -> Self {
        let directory = ScratchDir::new().unwrap();
        let client = Self { directory };
        let script = script.replace("$DIR", client.directory.path().to_str().unwrap());
        fs::write(client.file("script"), script).unwrap();
        fs::set_permissions(client.file("script"), fs::Permissions::from_mode(0o755)).unwrap();
        client
    }

    fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.file(name)).unwrap_or_default()
    }

    /// The variable that the client gave to its script.
    fn told(&self, name: &str) -> Option<String> {
        let text = self.text("environment");
        text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    }
}

/// Asks with `udhcpc` and takes the address.
async fn udhcpc(guest: &Guest, more: &'static [&'static str]) -> Client {
    testkit::require_tool("udhcpc");
    let client = Client::new(
        "#!/bin/sh\n[ \"$1\" = bound ] || exit 0\nenv > $DIR/environment\nip address replace $ip/$mask dev $interface\n",
    );
    let mut command = guest.namespace().command("udhcpc");
    command
        .args(["-f", "-q", "-n", "-t", "10", "-T", "1", "-i", guest.device(), "-s"])
        .arg(client.file("script"));
    command.args(more);
    blocking(move || testkit::process::run(&command)).await.unwrap();
    client
}

const DHCLIENT_SCRIPT: &str = "#!/bin/sh
case $reason in
BOUND|RENEW|REBIND|REBOOT)
    env > $DIR/environment
    ip address replace $new_ip_address/$new_subnet_mask dev $interface ;;
esac
";

/// Asks with `dhclient`, which stays and renews what it got. `leases` is what it remembers.
fn dhclient(guest: &Guest, leases: &str) -> (Client, Daemon) {
    testkit::require_tool("dhclient");
    let client = Client::new(DHCLIENT_SCRIPT);
    fs::write(client.file("leases"), leases).unwrap();
    let configuration = "option rfc3442-classless-static-routes code 121 = array of unsigned integer 8;\n\
        request subnet-mask, broadcast-address, rfc3442-classless-static-routes, routers, domain-name,\n\
        domain-name-servers, interface-mtu;\ninitial-interval 1; select-timeout 0; reboot 2;\n";
    fs::write(client.file("configuration"), configuration).unwrap();
    let mut command = guest.namespace().command("dhclient");
    for (option, name) in [("-lf", "leases"), ("-pf", "pid"), ("-sf", "script"), ("-cf", "configuration")] {
        command.arg(option).arg(client.file(name));
    }
    command.args(["-4", "-d", "-v", guest.device()]);
    let daemon = Daemon::start("dhclient", &command, &client.file("log")).unwrap();
    (client, daemon)
}

async fn log_line(client: &Client, wanted: &str, count: usize) {
    let what = format!("dhclient to say {count} times: {wanted}");
    until(&what, async || (client.text("log").matches(wanted).count() >= count).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn udhcpc_is_told_everything_and_nobody_else_hears_of_it() {
    let params = r#"{"opts": {"67": "pxelinux.0", "42": "10.1.0.123"}, "siaddr": "10.1.0.69"}"#;
    let cloud = cloud(2, "host-2", params).await;
    let a = plug(&cloud, 0, A).await;
    let b = plug(&cloud, 1, B).await;
    let underlay = Capture::start(&cloud.hosts[0].namespace, "underlay0", "").unwrap();
    let elsewhere = Capture::start(b.namespace(), b.device(), "udp port 67 or udp port 68").unwrap();
    let client = udhcpc(&a, &["-O", "ntpsrv", "-O", "mtu", "-O", "bootfile", "-O", "broadcast"]).await;
    for (name, value) in [
        ("ip", "10.1.0.1"),
        ("mask", "24"),
        ("router", "10.1.0.254"),
        ("broadcast", "10.1.0.255"),
        ("dns", "10.1.0.53 10.1.0.54"),
        ("domain", "openstacklocal"),
        ("mtu", "1400"),
        ("lease", "86400"),
        ("serverid", SERVER),
        ("siaddr", "10.1.0.69"),
        ("boot_file", "pxelinux.0"),
        ("ntpsrv", "10.1.0.123"),
    ] {
        assert_eq!(client.told(name).as_deref(), Some(value), "{name} in:\n{}", client.text("environment"));
    }
    // Who understands classless routes finds the router among them.
    let client = udhcpc(&a, &["-O", "staticroutes", "-B"]).await;
    let routes = "169.254.169.254/32 10.1.0.1 10.9.0.0/16 10.1.0.2 0.0.0.0/0 10.1.0.254";
    assert_eq!(client.told("staticroutes").as_deref(), Some(routes));
    assert_eq!(client.told("router"), None);
    // Its wish for another address is not granted.
    let client = udhcpc(&a, &["-r", "10.1.0.77"]).await;
    assert_eq!(client.told("ip").as_deref(), Some("10.1.0.1"));

    udhcpc(&b, &[]).await;
    assert_eq!(pings(&a, B.ip(), 2).await, 2);
    assert_eq!(pings(&b, A.ip(), 2).await, 2);
    // The pings came after, and were seen on the wire: so would have been the messages before them.
    let frames = underlay.frames().unwrap();
    assert!(frames.len() >= 4, "{}", underlay.text().unwrap());
    let cookie = [99, 130, 83, 99];
    assert!(!frames.iter().any(|frame| frame.windows(cookie.len()).any(|bytes| bytes == cookie)));
    let a_octets = A.mac().parse::<MacAddr>().unwrap().octets();
    let of_a = |frame: &Vec<u8>| frame.windows(6).any(|bytes| bytes == a_octets);
    assert!(!elsewhere.frames().unwrap().iter().any(of_a), "{}", elsewhere.text().unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dhclient_gives_up_an_old_address_and_renews_the_new_one_with_the_server_alone() {
    let cloud = cloud(1, "host-1", r#"{"opts": {"51": "6"}, "siaddr": null}"#).await;
    let a = plug(&cloud, 0, A).await;
    let b = plug(&cloud, 0, B).await;
    let capture = Capture::start(a.namespace(), a.device(), "udp port 67 or udp port 68").unwrap();
    let remembered = "lease {\n  interface \"eth0\";\n  fixed-address 10.1.0.99;\n\
        option subnet-mask 255.255.255.0;\n  option dhcp-lease-time 86400;\n  option dhcp-message-type 5;\n\
        option dhcp-server-identifier 10.1.0.253;\n  renew never;\n  rebind never;\n  expire never;\n}\n";
    let (client, dhclient_of_a) = dhclient(&a, remembered);
    log_line(&client, "DHCPREQUEST for 10.1.0.99", 1).await;
    log_line(&client, "DHCPNAK from 10.1.0.253", 1).await;
    log_line(&client, "bound to 10.1.0.1", 1).await;
    for (name, value) in [
        ("new_ip_address", "10.1.0.1"),
        ("new_dhcp_server_identifier", SERVER),
        ("new_domain_name_servers", "10.1.0.53 10.1.0.54"),
        ("new_broadcast_address", "10.1.0.255"),
        ("new_interface_mtu", "1400"),
        ("new_dhcp_lease_time", "6"),
        ("new_rfc3442_classless_static_routes", "32 169 254 169 254 10 1 0 1 16 10 9 10 1 0 2 0 10 1 0 254"),
    ] {
        assert_eq!(client.told(name).as_deref(), Some(value), "{name} in:\n{}", client.text("environment"));
    }
    assert_eq!(client.told("new_routers"), None);
    // Renewed, and once more: by unicast, to a server that nobody is plugged in for and whose MAC address ARP tells.
    log_line(&client, "DHCPREQUEST for 10.1.0.1 on eth0 to 10.1.0.253", 2).await;
    log_line(&client, "bound to 10.1.0.1", 3).await;
    let renewals = capture
        .frames()
        .unwrap()
        .into_iter()
        .filter(|frame| frame.get(26..34) == Some(&[10, 1, 0, 1, 10, 1, 0, 253]));
    assert!(renewals.count() >= 2, "{}", capture.text().unwrap());
    drop(dhclient_of_a);

    let (client, _dhclient_of_b) = dhclient(&b, "");
    log_line(&client, "bound to 10.1.0.2", 1).await;
    assert_eq!(client.told("new_dhcp_lease_time").as_deref(), Some("86400"));
    assert_eq!(pings(&b, A.ip(), 2).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn changes_reach_a_guest_when_it_asks_again() {
    let cloud = cloud(1, "host-1", "null").await;
    let a = plug(&cloud, 0, A).await;
    assert_eq!(udhcpc(&a, &[]).await.told("dns").as_deref(), Some("10.1.0.53 10.1.0.54"));
    let other = r#"{"id": "blue-v4", "topic": "t", "version": 3, "lswitch": "blue", "cidr": "10.1.0.0/24",
        "enable_dhcp": true, "gateway_ip": "10.1.0.254", "dns_nameservers": ["10.1.0.55"], "host_routes": []}"#;
    cloud.put(Table::Subnet, other).await;
    until("the new name server to be told", async || {
        (udhcpc(&a, &[]).await.told("dns").as_deref() == Some("10.1.0.55")).then_some(())
    })
    .await;
}

fn discover(port: Port) -> Vec<u8> {
    let mac: MacAddr = port.mac().parse().unwrap();
    let mut message = Message::new(Op::Request, 7, mac);
    message.options.set(codes::MESSAGE_TYPE, [MessageType::Discover.number()]);
    let datagram = Udp { src_port: CLIENT_PORT, dst_port: SERVER_PORT, payload: message.emit() };
    let header = Ip::V4(Ipv4::new(Ipv4Addr::UNSPECIFIED, Ipv4Addr::BROADCAST));
    Ethernet::new(mac, MacAddr::BROADCAST).ip(&header, &Transport::Udp(datagram)).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_one_guest_is_cut_by_the_switch_and_costs_others_nothing() {
    const SENT: usize = 60;
    let cloud = cloud(1, "host-1", "null").await;
    let a = plug(&cloud, 0, A).await;
    let b = plug(&cloud, 0, B).await;
    let ovs = &cloud.hosts[0].ovs;
    let offers = Capture::start(a.namespace(), a.device(), "udp src port 67").unwrap();
    let hex: String = discover(A).iter().map(|byte| format!("{byte:02x}")).collect();
    let packet = format!("packet-out in_port={},packet={hex},actions=table\n", a.ofport(ovs).unwrap());
    let directory = ScratchDir::new().unwrap();
    let flood = directory.path().join("flood");
    fs::write(&flood, packet.repeat(SENT)).unwrap();
    // All at once, however busy the machine is.
    ovs.ofctl(&["-O", "OpenFlow14", "bundle", BRIDGE, flood.to_str().unwrap()]).unwrap();
    // While A is over its rate, B is answered at its first try.
    udhcpc(&b, &["-t", "1", "-T", "5"]).await;
    let answered = offers.frames().unwrap().len();
    assert!((1..SENT / 4).contains(&answered), "{answered} of {SENT} were answered");
    // Both meters took what was sent, and one of them dropped most of it.
    let stats = ovs.ofctl(&["-O", "OpenFlow13", "meter-stats", BRIDGE]).unwrap();
    let counts = |word: &str| -> Vec<usize> {
        let values = stats.split_whitespace().filter_map(|text| text.strip_prefix(word));
        values.filter_map(|count| count.parse().ok()).collect()
    };
    assert!(counts("packet_in_count:").contains(&SENT), "{stats}");
    assert!(counts("packet_count:").iter().any(|dropped| *dropped > SENT / 2), "{stats}");
    // Later it is served again.
    let served = tokio::time::timeout(PATIENCE, udhcpc(&a, &["-t", "30"])).await.unwrap();
    assert_eq!(served.told("ip").as_deref(), Some("10.1.0.1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guests_are_answered_while_the_store_is_away_and_after_a_restart_that_changes_nothing() {
    let mut cloud = cloud(1, "host-1", "null").await;
    let a = plug(&cloud, 0, A).await;
    let _b = plug(&cloud, 0, B).await;
    let before = udhcpc(&a, &[]).await.text("environment");
    cloud.store.go_away("the cable is pulled");
    cloud.hosts[0].wait(|status| status.is_store_away).await;
    assert_eq!(udhcpc(&a, &[]).await.told("ip").as_deref(), Some("10.1.0.1"));
    cloud.store.come_back();
    cloud.hosts[0].wait(|status| !status.is_store_away).await;

    cloud.hosts[0].kill().await;
    cloud.start(0);
    let status = cloud.hosts[0].wait(|status| status.is_ready && status.ports_active == 2).await;
    let sync = status.last_sync.unwrap();
    assert_eq!((status.flow_mods, sync.others_changed, sync.found.adopted_meters), (0, 0, 2), "{sync:?}");
    let after = udhcpc(&a, &[]).await.text("environment");
    let told = |text: &str| -> Vec<String> {
        // Without what the shell adds, and the directory, which is another for each client.
        text.lines()
            .filter(|line| line.starts_with(|first: char| first.is_ascii_lowercase()))
            .map(str::to_owned)
            .collect()
    };
    assert_eq!(told(&after), told(&before));
}
