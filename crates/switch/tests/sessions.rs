//! Two switches that watch each other, with real packets: BFD that goes the way of everything through flows and tunnels, and what the
//! database tells of it.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use net_types::OfPort;
use ovsdb::client::{Client, ClientConfig, Source};
use ovsdb::row::Batch;
use ovsdb::vswitch;
use switch::bridge::{ApplyOptions, BridgeSpec, SessionSpec, TunnelKind, TunnelSpec, apply};
use switch::configuration;
use switch::interfaces::{InterfaceWatch, Role, Unclaimed};
use switch::sessions::{Session, observed};
use testkit::{Capture, Datapath, Guest, GuestSpec, Namespace, Ovs, OvsBuilder, wait_until};
use tokio::sync::mpsc;
use tokio::time::timeout;

const BRIDGE: &str = "br-int";
const PATIENCE: Duration = Duration::from_secs(60);
const KINDS: [TunnelKind; 3] = [TunnelKind::Geneve, TunnelKind::Vxlan, TunnelKind::Gre];

/// A switch, and what its database tells.
struct Host {
    name: &'static str,
    ip: &'static str,
    client: Client,
    batches: mpsc::Receiver<Batch>,
    watch: InterfaceWatch,
    ovs: Ovs,
    namespace: Namespace,
}

impl Host {
    fn new(namespace: Namespace, name: &'static str, ip: &'static str) -> Self {
        let ovs = OvsBuilder::new(Datapath::Netdev(namespace.clone())).start().expect("a switch");
        ovs.add_underlay("br-phy", "underlay", &format!("{ip}/24")).expect("a way to the other");
        let address = format!("unix:{}", ovs.db_socket().display()).parse().expect("an address");
        let source = Source::Dial { addresses: vec![address], tls: None };
        let config = ClientConfig::new(vswitch::DATABASE);
        let (client, batches) = Client::spawn(source, config, configuration::monitor());
        let watch = InterfaceWatch::new(BRIDGE, Unclaimed::Ignored);
        Self { name, ip, client, batches, watch, ovs, namespace }
    }

    fn address(&self) -> IpAddr {
        self.ip.parse().expect("an address")
    }

    /// A bridge with all kinds of tunnels, and a session with the other.
    async fn set_up(&mut self, other: &'static str) {
        let session = SessionSpec { peer: other.to_owned(), interval_ms: 100 };
        let spec = BridgeSpec {
            name: BRIDGE.to_owned(),
            datapath_type: Some("netdev".to_owned()),
            tunnels: KINDS.map(|kind| TunnelSpec::flow_based(kind, Some(self.address()))).to_vec(),
            sessions: Some(vec![session]),
            ..BridgeSpec::default()
        };
        let known = self.watch.configuration();
        apply(&self.client, &spec, known, ApplyOptions::default()).await.expect("it is set up");
        while self.port().is_none() || self.tunnel(KINDS[0]).is_none() {
            self.next_batch("ports that can be used").await;
        }
    }

    /// The port that the flows of the session are for.
    fn port(&self) -> Option<OfPort> {
        observed(&self.watch).into_values().next()?.port
    }

    fn tunnel(&self, kind: TunnelKind) -> Option<OfPort> {
        self.watch.interfaces().find(|one| one.role == Role::Tunnel(kind)).map(|one| one.ofport)
    }

    /// Takes the session to the other end in such tunnels.
    fn lead(&self, other: &Self, kind: TunnelKind) {
        let (port, tunnel) = (self.port().expect("a port"), self.tunnel(kind).expect("a tunnel"));
        let ip = other.ip;
        for flow in [
            format!(
                "priority=9,in_port={port} actions=set_field:0->tun_id,set_field:{ip}->tun_dst,output:{tunnel}"
            ),
            format!("priority=9,in_port={tunnel},tun_id=0,tun_src={ip} actions=output:{port}"),
        ] {
            self.ovs.ofctl(&["add-flow", BRIDGE, &flow]).expect("a flow");
        }
    }

    async fn next_batch(&mut self, what: &str) {
        let batch = timeout(PATIENCE, self.batches.recv()).await;
        let batch = batch.unwrap_or_else(|_| panic!("{}: waited in vain for {what}", self.name));
        self.watch.apply(&batch.expect("the client runs"));
    }

    fn session(&self) -> Option<Session> {
        observed(&self.watch).into_values().next()?.session
    }

    /// Takes what the database tells until the session is so.
    async fn until(&mut self, wanted: Session) {
        while self.session() != Some(wanted) {
            self.next_batch(&format!("{wanted:?}, and not {:?}", self.session())).await;
        }
    }
}

async fn pair(kind: TunnelKind) -> [Host; 2] {
    testkit::require_root();
    let (one, two) = (Namespace::new().expect("a namespace"), Namespace::new().expect("a namespace"));
    one.connect("underlay", &two, "underlay").expect("a cable");
    let mut hosts = [Host::new(one, "host-1", "192.0.2.1"), Host::new(two, "host-2", "192.0.2.2")];
    let [first, second] = &mut hosts;
    first.set_up(second.name).await;
    second.set_up(first.name).await;
    first.lead(second, kind);
    second.lead(first, kind);
    for host in &mut hosts {
        host.until(Session::Up).await;
    }
    hosts
}

/// Waits until both ends ask as often as they were told to. A session begins with a question a second, and for a moment after it is up
/// silence counts only after three seconds.
fn until_brisk(hosts: [&Host; 2]) {
    for host in hosts {
        wait_until(PATIENCE, "a session at its full rate", || {
            let shown = host.ovs.appctl(&["bfd/show"]).expect("what there is");
            let interval = |which: &str| shown.contains(&format!("{which} Interval: Approx 100ms"));
            (interval("TX") && interval("RX")).then_some(())
        });
    }
}

/// How long it takes until the first sees that the second is gone, beside what it should take.
#[expect(clippy::print_stderr, reason = "a figure for whoever reads the output of the test")]
async fn measured(host: &mut Host, what: &str) {
    let start = Instant::now();
    host.until(Session::Down).await;
    eprintln!("{what}: seen after {} ms", start.elapsed().as_millis());
}

#[tokio::test]
async fn a_switch_that_dies_is_seen_and_one_that_comes_back_says_that_it_is_new() {
    let [mut one, mut two] = pair(TunnelKind::Geneve).await;
    until_brisk([&one, &two]);
    two.ovs.kill9_vswitchd().expect("it dies");
    measured(&mut one, "the other switch is killed").await;
    assert_eq!(two.session(), Some(Session::Up), "what was written last stays");
    two.ovs.restart_vswitchd().expect("it starts");
    two.until(Session::Fresh).await;
    two.lead(&one, TunnelKind::Geneve);
    two.until(Session::Up).await;
    one.until(Session::Up).await;
}

#[tokio::test]
async fn a_switch_that_runs_without_flows_is_not_there() {
    let [mut one, mut two] = pair(TunnelKind::Geneve).await;
    two.ovs.ofctl(&["del-flows", BRIDGE]).expect("no flows");
    one.until(Session::Down).await;
    two.until(Session::Down).await;
    two.lead(&one, TunnelKind::Geneve);
    one.until(Session::Up).await;
}

#[tokio::test]
async fn a_cable_that_is_cut_is_seen_at_both_ends() {
    for kind in KINDS {
        let [mut one, mut two] = pair(kind).await;
        until_brisk([&one, &two]);
        one.namespace.ip(&["link", "set", "underlay", "down"]).expect("the cable is cut");
        measured(&mut one, &format!("{kind}: a cable is cut")).await;
        two.until(Session::Down).await;
        one.namespace.ip(&["link", "set", "underlay", "up"]).expect("the cable is mended");
        one.until(Session::Up).await;
        two.until(Session::Up).await;
    }
}

#[tokio::test]
async fn sessions_and_guests_share_the_tunnel() {
    let hosts = pair(TunnelKind::Geneve).await;
    let guest = |host: &Host, mac: &str, address: &str| {
        let spec =
            GuestSpec { bridge: BRIDGE, interface: "tap0", mac, addresses: &[address], iface_id: None };
        Guest::plug(&host.ovs, spec).expect("a guest")
    };
    let one = guest(&hosts[0], "02:00:00:00:00:01", "10.0.0.1/24");
    let two = guest(&hosts[1], "02:00:00:00:00:02", "10.0.0.2/24");
    for (host, guest, other) in [(&hosts[0], &one, &hosts[1]), (&hosts[1], &two, &hosts[0])] {
        let tap = guest.ofport(&host.ovs).expect("a number");
        let tunnel = host.tunnel(TunnelKind::Geneve).expect("a tunnel");
        for flow in [
            format!(
                "in_port={tap} actions=set_field:5->tun_id,set_field:{}->tun_dst,output:{tunnel}",
                other.ip
            ),
            format!("in_port={tunnel},tun_id=5 actions=output:{tap}"),
        ] {
            host.ovs.ofctl(&["add-flow", BRIDGE, &flow]).expect("a flow");
        }
    }
    let mut wire = Capture::start(&hosts[1].namespace, "underlay", "udp port 6081").expect("a capture");
    one.namespace().wait_for_ping("10.0.0.2".parse().expect("an address"), PATIENCE).expect("they talk");
    // The identifier of the network is behind the headers of Ethernet, IPv4 and UDP, and four octets of Geneve.
    let key = |frame: &[u8]| frame.get(14 + 20 + 8 + 4..14 + 20 + 8 + 7).map(<[u8]>::to_vec);
    wire.wait_for(PATIENCE, "a guest's frame", |frame| key(frame) == Some(vec![0, 0, 5]))
        .expect("it is there");
    wire.wait_for(PATIENCE, "a session's packet", |frame| key(frame) == Some(vec![0, 0, 0]))
        .expect("it is there");
}
