//! Security groups, with real connections through the trackers of real switches.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::{Value, json};
use testkit::cloud::Vm;
use testkit::process::Daemon;
use testkit::try_wait_until;

use crate::support::{Lab, Watch, talks, times_ready, wait_ready};

const PATIENCE: Duration = Duration::from_secs(30);

/// A group of one project, made through the API.
pub(crate) struct Group<'a> {
    lab: &'a Lab,
    pub(crate) id: String,
}

impl<'a> Group<'a> {
    /// A group that lets its members send everything, and be sent nothing.
    pub(crate) fn new(lab: &'a Lab, name: &str, body: &Value) -> Self {
        let mut group = json!({"name": name});
        for (key, value) in body.as_object().expect("members of a group") {
            group[key] = value.clone();
        }
        let made = lab.cloud.api().post("/v2.0/security-groups", &json!({ "security_group": group }));
        let made = made.and_then(|made| made.expect(201)).expect("a group");
        Self { lab, id: made["security_group"]["id"].as_str().expect("an id").to_owned() }
    }

    /// Permits something; the id of the rule.
    pub(crate) fn rule(&self, body: &Value) -> String {
        let mut rule = json!({"security_group_id": self.id, "direction": "ingress", "ethertype": "IPv4"});
        for (key, value) in body.as_object().expect("members of a rule") {
            rule[key] = value.clone();
        }
        let made =
            self.lab.cloud.api().post("/v2.0/security-group-rules", &json!({ "security_group_rule": rule }));
        let made = made.and_then(|made| made.expect(201)).expect("a rule");
        made["security_group_rule"]["id"].as_str().expect("an id").to_owned()
    }

    pub(crate) fn take_back(&self, rule: &str) {
        let gone = self.lab.cloud.api().delete(&format!("/v2.0/security-group-rules/{rule}"));
        gone.and_then(|gone| gone.expect(204)).expect("the rule is gone");
    }
}

/// Puts a port into groups, and into no others.
fn put_into(lab: &Lab, vm: &Vm, groups: &[&Group<'_>]) {
    let ids: Vec<&str> = groups.iter().map(|group| group.id.as_str()).collect();
    let body = json!({"port": {"security_groups": ids}});
    let put = lab.cloud.api().put(&format!("/v2.0/ports/{}", vm.port_id()), &body);
    put.and_then(|put| put.expect(200)).expect("the port is in its groups");
}

/// A machine in groups, ready to talk.
pub(crate) fn boot(lab: &Lab, host: usize, name: &str, network: &str, groups: &[&Group<'_>]) -> Vm {
    let ids: Vec<&str> = groups.iter().map(|group| group.id.as_str()).collect();
    let body = json!({"network_id": network, "name": name, "security_groups": ids});
    let vm = lab.cloud.boot_port(host, name, &body).expect("a machine");
    lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
    vm.dhcp().expect("an address, whatever groups say");
    vm
}

fn address(vm: &Vm) -> String {
    vm.address().expect("an address").to_string()
}

/// Whether one ping of several is answered.
pub(crate) fn pings(from: &Vm, to: &Vm) -> bool {
    from.namespace().ping(to.address().expect("an address").into(), 2).expect("ping runs").received > 0
}

/// Waits until pings are answered, or until they are not.
#[track_caller]
pub(crate) fn wait_pings(from: &Vm, to: &Vm, arrive: bool) {
    let what = format!("{} to reach {}: {arrive}", from.name(), to.name());
    try_wait_until(PATIENCE, &what, || (pings(from, to) == arrive).then_some(())).expect("groups say so");
}

/// A TCP server that keeps what it is sent.
struct Server {
    _process: Daemon,
    file: PathBuf,
}

impl Server {
    fn start(lab: &Lab, vm: &Vm, port: u16) -> Self {
        let file = lab.cloud.path(&format!("{}-{port}", vm.name()));
        let mut command = vm.namespace().command("nc");
        command.args(["-l", "-k", "-n", &port.to_string()]);
        let process = Daemon::start("nc", &command, &file).expect("nc runs");
        let listens = || {
            let shown = vm.namespace().run("ss", &["-ltn"]).ok()?;
            shown.contains(&format!(":{port} ")).then_some(())
        };
        try_wait_until(PATIENCE, "nc to listen", listens).expect("it listens");
        Self { _process: process, file }
    }

    fn received(&self) -> u64 {
        std::fs::metadata(&self.file).map_or(0, |file| file.len())
    }

    /// Whether more comes in.
    fn goes_on(&self) -> bool {
        let before = self.received();
        try_wait_until(Duration::from_secs(3), "data", || (self.received() > before).then_some(())).is_ok()
    }
}

/// Whether a connection can be made.
fn connects(from: &Vm, to: &Vm, port: u16) -> bool {
    from.namespace().run("nc", &["-z", "-n", "-w", "2", &address(to), &port.to_string()]).is_ok()
}

/// A connection that something is written to ten times a second.
fn talk_on(lab: &Lab, from: &Vm, to: &Vm, port: u16) -> Daemon {
    let script = format!("while echo on; do sleep 0.1; done | nc -n {} {port}", address(to));
    let mut command = from.namespace().command("sh");
    command.args(["-c", &script]);
    Daemon::start("talk", &command, &lab.cloud.path("talk")).expect("sh runs")
}

#[test]
fn the_default_group_lets_members_talk_and_keeps_others_out() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (one, two) = (lab.boot(0, "one", &network), lab.boot(1, "two", &network));
    talks(&one, &two);
    talks(&two, &one);
    let stranger = Group::new(&lab, "strangers", &json!({}));
    let three = boot(&lab, 1, "three", &network, &[&stranger]);
    assert!(!pings(&three, &one), "it is no member");
    assert!(!pings(&one, &three), "its group permits nobody in");
    // ICMP and TCP 22, and nothing else.
    stranger.rule(&json!({"protocol": "icmp"}));
    stranger.rule(&json!({"protocol": "tcp", "port_range_min": 22, "port_range_max": 22}));
    let (ssh, other) = (Server::start(&lab, &three, 22), Server::start(&lab, &three, 23));
    wait_pings(&one, &three, true);
    assert!(connects(&one, &three, 22) && !connects(&one, &three, 23));
    assert!(!connects(&three, &one, 22));
    drop((ssh, other));
}

#[test]
fn taking_a_rule_away_cuts_its_sessions_and_no_others() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (clients, web) = (Group::new(&lab, "clients", &json!({})), Group::new(&lab, "web", &json!({})));
    let (client, server) =
        (boot(&lab, 0, "client", &network, &[&clients]), boot(&lab, 0, "server", &network, &[&web]));
    web.rule(&json!({"protocol": "icmp"}));
    let first = web.rule(&json!({"protocol": "tcp", "port_range_min": 80, "port_range_max": 81}));
    web.rule(&json!({"protocol": "tcp", "port_range_min": 81, "port_range_max": 90, "remote_group_id": clients.id}));
    wait_pings(&client, &server, true);
    let (cut, kept) = (Server::start(&lab, &server, 80), Server::start(&lab, &server, 81));
    let talks = [talk_on(&lab, &client, &server, 80), talk_on(&lab, &client, &server, 81)];
    assert!(cut.goes_on() && kept.goes_on());
    let watch = Watch::start(&client, &server);
    web.take_back(&first);
    try_wait_until(PATIENCE, "the session to be cut", || (!cut.goes_on()).then_some(())).expect("it is cut");
    assert!(kept.goes_on(), "another rule permits it");
    assert!(!connects(&client, &server, 80) && connects(&client, &server, 81));
    watch.nothing_was_lost();
    drop(talks);
}

#[test]
fn who_joins_and_leaves_a_group_is_known_on_other_hosts() {
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (clients, web) = (Group::new(&lab, "clients", &json!({})), Group::new(&lab, "web", &json!({})));
    web.rule(&json!({"remote_group_id": clients.id}));
    let outside = Group::new(&lab, "outside", &json!({}));
    let server = boot(&lab, 0, "server", &network, &[&web]);
    let client = boot(&lab, 1, "client", &network, &[&outside]);
    assert!(!pings(&client, &server));
    put_into(&lab, &client, &[&clients, &outside]);
    wait_pings(&client, &server, true);
    // A datagram of several fragments, and an error about one that nobody takes.
    let large = client.namespace().run("ping", &["-c", "2", "-W", "2", "-s", "4000", &address(&server)]);
    assert!(large.is_ok(), "fragments arrive together: {large:?}");
    let refused = format!(
        "echo x | nc -u -n -w 2 {} 9; echo y | nc -u -n -w 2 {} 9 && false || true",
        address(&server),
        address(&server)
    );
    let capture = testkit::Capture::start(client.namespace(), client.guest().device(), "icmp[0] == 3")
        .expect("tcpdump runs");
    client.namespace().run("sh", &["-c", &refused]).expect("nc runs");
    try_wait_until(PATIENCE, "an ICMP error", || (!capture.frames().ok()?.is_empty()).then_some(()))
        .expect("errors about what is permitted pass");
    put_into(&lab, &client, &[&outside]);
    wait_pings(&client, &server, false);
}

#[test]
fn datagrams_in_pieces_pass_a_rule_with_ports_and_no_others() {
    const PORT: u16 = 5000;
    const LONG_BYTES: u64 = 5000;
    let lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    lab.subnet(&json!({"network_id": network, "ip_version": 6, "cidr": "fd00:5::/64", "enable_dhcp": false}));
    let (some, none) = (Group::new(&lab, "some", &json!({})), Group::new(&lab, "none", &json!({})));
    some.rule(&json!({"protocol": "udp", "port_range_min": PORT, "port_range_max": PORT + 1}));
    some.rule(&json!({"protocol": "ipv6-icmp", "ethertype": "IPv6"}));
    let client = boot(&lab, 1, "client", &network, &[&none]);
    let server = boot(&lab, 0, "server", &network, &[&some]);
    let received = |port: u16| {
        let file = lab.cloud.path(&format!("server-{port}"));
        let mut command = server.namespace().command("nc");
        command.args(["-l", "-u", "-k", "-n", &port.to_string()]);
        let process = Daemon::start("nc", &command, &file).expect("nc runs");
        let listens =
            || server.namespace().run("ss", &["-lun"]).ok()?.contains(&format!(":{port} ")).then_some(());
        try_wait_until(PATIENCE, "nc to listen", listens).expect("it listens");
        (process, file)
    };
    let (open, closed) = (received(PORT + 1), received(PORT + 2));
    let send = |port: u16| {
        let send = format!("head -c {LONG_BYTES} /dev/zero | nc -u -n -w 1 {} {port}", address(&server));
        client.namespace().run("sh", &["-c", &send]).expect("nc runs");
    };
    let bytes = |file: &PathBuf| std::fs::metadata(file).map_or(0, |file| file.len());
    try_wait_until(PATIENCE, "a long datagram", || {
        send(PORT + 2);
        send(PORT + 1);
        (bytes(&open.1) >= LONG_BYTES).then_some(())
    })
    .expect("its pieces pass");
    assert_eq!(bytes(&closed.1), 0, "nothing permits that port");
    // Of later pieces of IPv6 not even the protocol is seen.
    let link_local = |vm: &Vm| {
        let device = vm.guest().device();
        let mac =
            vm.namespace().run("cat", &[&format!("/sys/class/net/{device}/address")]).expect("an address");
        let ip = mac.trim().parse::<net_types::MacAddr>().expect("a MAC address").link_local();
        let address = format!("{ip}/64");
        vm.namespace()
            .ip(&["-6", "address", "replace", &address, "dev", device, "nodad"])
            .expect("an address");
        format!("{ip}%{device}")
    };
    link_local(&client);
    let server6 = link_local(&server);
    let ping = || client.namespace().run("ping", &["-6", "-c", "1", "-W", "1", "-s", "4000", &server6]).ok();
    try_wait_until(PATIENCE, "a long ping by IPv6", ping).expect("its pieces pass");
}

#[test]
fn rules_hold_while_controllers_and_switches_restart() {
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let (open, shut) = (Group::new(&lab, "open", &json!({})).id, Group::new(&lab, "shut", &json!({})).id);
    let group = |lab: &Lab, id: &str, name: &str, host: usize| {
        let body = json!({"network_id": network, "name": name, "security_groups": [id]});
        let vm = lab.cloud.boot_port(host, name, &body).expect("a machine");
        lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
        vm.dhcp().expect("an address");
        vm
    };
    let (one, two) = (group(&lab, &open, "one", 0), group(&lab, &shut, "two", 0));
    // Whatever reaches the second machine from the first is too much.
    let ear = testkit::Capture::start(two.namespace(), two.guest().device(), "icmp").expect("tcpdump runs");
    let target = two.address().expect("an address").into();
    let mut ping = one.namespace().start_ping(target, Duration::from_millis(10)).expect("ping runs");
    ping.wait_for_requests(50).expect("pings");
    let before = times_ready(&lab.cloud.sites()[0]);
    lab.cloud.site_mut(0).kill_controller().expect("it is killed");
    lab.cloud.site_mut(0).start_controller().expect("it starts");
    wait_ready(&lab.cloud.sites()[0], before);
    let before = times_ready(&lab.cloud.sites()[0]);
    lab.cloud.site_mut(0).ovs.restart_vswitchd().expect("the switch restarts");
    wait_ready(&lab.cloud.sites()[0], before);
    let sent = ping.requests().expect("pings");
    ping.wait_for_requests(sent + 50).expect("pings");
    assert_eq!(ping.stop().expect("a report").received, 0);
    assert!(ear.frames().expect("a capture").is_empty(), "a ping got through");
}

#[test]
fn stateless_groups_leave_nothing_in_the_tracker_and_ports_nothing_behind() {
    let lab = Lab::new(1);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let still = Group::new(&lab, "still", &json!({"stateful": false}));
    still.rule(&json!({"protocol": "icmp"}));
    let (one, two) = (boot(&lab, 0, "one", &network, &[&still]), boot(&lab, 0, "two", &network, &[&still]));
    wait_pings(&one, &two, true);
    let tracked = |of: &str| {
        let shown = lab.cloud.sites()[0].ovs.appctl(&["dpctl/dump-conntrack"]).expect("the tracker");
        shown.lines().filter(|line| line.contains(of)).count()
    };
    assert_eq!(tracked("icmp"), 0);
    // Tracked, and forgotten with the port.
    let loud = Group::new(&lab, "loud", &json!({}));
    loud.rule(&json!({"protocol": "icmp"}));
    put_into(&lab, &two, &[&loud]);
    let source = address(&two);
    let appears = || (pings(&one, &two) && tracked(&format!("dst={source}")) > 0).then_some(());
    try_wait_until(PATIENCE, "a connection to be tracked", appears).expect("it is tracked");
    let path = format!("/v2.0/ports/{}", two.port_id());
    lab.cloud.api().delete(&path).and_then(|gone| gone.expect(204)).expect("the port is gone");
    let is_forgotten = || (tracked(&source) == 0).then_some(());
    try_wait_until(PATIENCE, "its connections to be forgotten", is_forgotten).expect("nothing is left of it");
}
