//! Bridge set-up and interface watching against a real ovsdb-server and ovs-vswitchd, dummy datapath.

use std::collections::BTreeMap;
use std::time::Duration;

use ovsdb::address::Address;
use ovsdb::client::{Client, ClientConfig, ConnectionState, Source};
use ovsdb::row::{Batch, BatchKind};
use ovsdb::vswitch;
use switch::bridge::{
    Applied, ApplyOptions, BridgeSpec, PatchSpec, PeerBridge, Problem, TunnelKind, TunnelSpec, apply,
    flow_restore_complete, plan, stored_ids,
};
use switch::configuration;
use switch::interfaces::{Finding, Interface, InterfaceEvent, InterfaceWatch, Role, Unclaimed};
use testkit::{Datapath, Ovs, OvsBuilder};
use tokio::sync::mpsc;

const BRIDGE: &str = "br-int";
const PATIENCE: Duration = Duration::from_secs(60);

/// A watch on the integration bridge and all that it told.
struct Observer {
    client: Client,
    batches: mpsc::Receiver<Batch>,
    watch: InterfaceWatch,
    events: Vec<InterfaceEvent>,
    kinds: Vec<BatchKind>,
    marks: u32,
}

impl Observer {
    fn new(ovs: &Ovs) -> Self {
        let address: Address = format!("unix:{}", ovs.db_socket().display()).parse().expect("an address");
        let mut config = ClientConfig::new(vswitch::DATABASE);
        config.backoff.max_delay = Duration::from_millis(200);
        let source = Source::Dial { addresses: vec![address], tls: None };
        let (client, batches) = Client::spawn(source, config, configuration::monitor());
        let watch = InterfaceWatch::new(BRIDGE, Unclaimed::Ignored);
        Self { client, batches, watch, events: Vec::new(), kinds: Vec::new(), marks: 0 }
    }

    /// Takes batches until the watch satisfies the condition.
    async fn until(&mut self, what: &str, condition: impl Fn(&Self) -> bool) {
        while !condition(self) {
            let batch = tokio::time::timeout(PATIENCE, self.batches.recv()).await;
            let batch = batch.unwrap_or_else(|_| panic!("waited in vain for {what}: {:?}", self.events));
            let batch = batch.expect("the client runs");
            self.kinds.push(batch.kind);
            let events = self.watch.apply(&batch);
            self.events.extend(events);
        }
    }

    async fn until_read(&mut self) {
        self.until("the first batch", |this| !this.kinds.is_empty()).await;
    }

    /// Waits until the switch daemon gave every interface of the bridge a number or an error.
    async fn until_usable(&mut self, names: &[&str]) {
        let what = format!("{names:?} to be usable");
        self.until(&what, |this| names.iter().all(|name| this.named(name).is_some())).await;
    }

    fn named(&self, name: &str) -> Option<&Interface> {
        self.watch.interfaces().find(|interface| interface.name == name)
    }

    fn take_events(&mut self) -> Vec<InterfaceEvent> {
        std::mem::take(&mut self.events)
    }

    async fn apply(&self, spec: &BridgeSpec) -> Applied {
        let known = self.watch.configuration();
        apply(&self.client, spec, known, ApplyOptions::default()).await.expect("the plan is carried out")
    }

    /// Waits until the batches show that the specification is fulfilled.
    async fn until_settled(&mut self, spec: &BridgeSpec) {
        self.until("the specification", |this| plan(spec, this.watch.configuration()).is_empty()).await;
    }

    /// Reads all that the switch daemon has to say about the database as it is now.
    async fn catch_up(&mut self, ovs: &Ovs) {
        // The first change waits for the daemon, so the second comes after everything that it wrote.
        self.marks += 1;
        let mark = format!("other_config:mark={}", self.marks);
        vsctl(ovs, &["set", "Open_vSwitch", ".", "other_config:mark=before"]);
        vsctl(ovs, &["--no-wait", "set", "Open_vSwitch", ".", &mark]);
        let mark = self.marks.to_string();
        let sees_mark = |this: &Self| {
            let root = this.watch.configuration().root();
            root.is_some_and(|(_, root)| root.other_config.get("mark") == Some(&mark))
        };
        self.until("the mark", sees_mark).await;
    }

    async fn until_connection_lost(&self) {
        let mut state = self.client.state();
        let lost = state.wait_for(|state| matches!(state, ConnectionState::Down { .. }));
        tokio::time::timeout(PATIENCE, lost).await.expect("the connection breaks").expect("the client runs");
    }
}

fn ovs() -> Ovs {
    OvsBuilder::new(Datapath::Dummy).start().expect("a private Open vSwitch starts")
}

fn spec() -> BridgeSpec {
    BridgeSpec {
        name: BRIDGE.into(),
        datapath_type: Some("dummy".into()),
        protocols: ["OpenFlow13".to_owned(), "OpenFlow14".to_owned()].into(),
        ids: Some(BTreeMap::from([("zone-1".to_owned(), "1".to_owned())])),
        tunnels: vec![
            TunnelSpec::flow_based(TunnelKind::Geneve, Some([127, 0, 0, 1].into())).option("csum", "true"),
            TunnelSpec::flow_based(TunnelKind::Vxlan, None).option("dst_port", "4790"),
            TunnelSpec::flow_based(TunnelKind::Gre, None),
        ],
        patches: vec![PatchSpec {
            name: "ex-patch".into(),
            peer_name: "int-patch".into(),
            peer_bridge: "br-ex".into(),
            if_missing: PeerBridge::Create,
        }],
        ..BridgeSpec::default()
    }
}

const OUR_PORTS: [&str; 4] = ["geneve-vtp", "vxlan-vtp", "gre-vtp", "ex-patch"];

fn vsctl(ovs: &Ovs, arguments: &[&str]) -> String {
    ovs.vsctl(arguments).expect("ovs-vsctl succeeds")
}

/// Every column of every row but what the daemons themselves write all the time.
fn dump(ovs: &Ovs, table: &str, row: &str) -> String {
    let columns = match table {
        "Bridge" => "_uuid,name,datapath_type,external_ids,fail_mode,other_config,ports,protocols,controller",
        "Port" => "_uuid,name,external_ids,interfaces,other_config,tag",
        _ => "_uuid,name,external_ids,options,other_config,type,ofport,ofport_request",
    };
    vsctl(ovs, &["--format=json", &format!("--columns={columns}"), "list", table, row])
}

fn stored_bytes(ovs: &Ovs) -> u64 {
    // The server appends each transaction to its file.
    std::fs::metadata(ovs.rundir().join("conf.db")).expect("the database is a file").len()
}

fn add_vif(ovs: &Ovs, name: &str, iface_id: &str, kind: &str) {
    let (external_id, kind) = (format!("external_ids:iface-id={iface_id}"), format!("type={kind}"));
    vsctl(ovs, &["--no-wait", "add-port", BRIDGE, name, "--", "set", "Interface", name, &external_id, &kind]);
}

#[tokio::test]
async fn a_bridge_with_tunnels_is_made_once() {
    let ovs = ovs();
    let mut observer = Observer::new(&ovs);
    observer.until_read().await;
    let applied = observer.apply(&spec()).await;
    assert_eq!(applied.problems, []);
    assert_eq!(applied.edits.len(), 7, "{:?}", applied.edits);
    observer.until_usable(&OUR_PORTS).await;
    observer.until_settled(&spec()).await;
    assert_eq!(observer.watch.findings().count(), 0);
    let roles: Vec<&Role> = OUR_PORTS.iter().map(|name| &observer.named(name).unwrap().role).collect();
    let tunnel = Role::Tunnel;
    let patch = Role::Patch { peer: "int-patch".into() };
    let kinds = [TunnelKind::Geneve, TunnelKind::Vxlan, TunnelKind::Gre];
    assert_eq!(roles, [&tunnel(kinds[0]), &tunnel(kinds[1]), &tunnel(kinds[2]), &patch]);
    assert!(ovs.ofctl(&["-O", "OpenFlow13", "show", BRIDGE]).unwrap().contains("(geneve-vtp)"));
    assert_eq!(stored_ids(observer.watch.configuration(), BRIDGE)["zone-1"], "1");

    observer.catch_up(&ovs).await;
    let before = stored_bytes(&ovs);
    assert!(observer.apply(&spec()).await.edits.is_empty());
    // A controller that starts anew, and knows only what it reads.
    let mut restarted = Observer::new(&ovs);
    restarted.until_read().await;
    assert!(restarted.apply(&spec()).await.edits.is_empty());
    assert_eq!(stored_bytes(&ovs), before, "the server stored a transaction");
}

#[tokio::test]
async fn what_others_configured_stays_byte_for_byte() {
    let ovs = ovs();
    vsctl(
        &ovs,
        &["add-br", BRIDGE, "--", "set", "Bridge", BRIDGE, "datapath_type=dummy", "fail_mode=secure"],
    );
    vsctl(&ovs, &["set", "Bridge", BRIDGE, "protocols=OpenFlow13,OpenFlow14", "external_ids:note=by-hand"]);
    vsctl(&ovs, &["add-br", "br-ex", "--", "set", "Bridge", "br-ex", "datapath_type=dummy"]);
    vsctl(
        &ovs,
        &["add-port", BRIDGE, "tap1", "tag=7", "--", "set", "Interface", "tap1", "external_ids:iface-id=p1"],
    );
    vsctl(&ovs, &["add-port", "br-ex", "gre-vtp", "--", "set", "Interface", "gre-vtp", "type=dummy"]);
    let rows = [
        ("Port", "tap1"),
        ("Interface", "tap1"),
        ("Port", "gre-vtp"),
        ("Interface", "gre-vtp"),
        ("Port", "br-ex"),
    ];
    let dumps = || rows.map(|(table, row)| dump(&ovs, table, row));
    let before = dumps();
    let bridge_before = dump(&ovs, "Bridge", "br-ex");

    let mut observer = Observer::new(&ovs);
    observer.until_read().await;
    let mut without_patch = BridgeSpec { ids: None, patches: Vec::new(), ..spec() };
    let applied = observer.apply(&without_patch).await;
    let problem = Problem::PortTaken { port: "gre-vtp".into(), bridges: vec!["br-ex".into()] };
    assert_eq!(applied.problems, [problem]);
    assert_eq!(applied.edits, ["add geneve port geneve-vtp to br-int", "add vxlan port vxlan-vtp to br-int"]);
    observer.until_usable(&["geneve-vtp", "vxlan-vtp"]).await;
    assert_eq!(dumps(), before);
    assert_eq!(dump(&ovs, "Bridge", "br-ex"), bridge_before);

    without_patch.tunnels.clear();
    assert_eq!(
        observer.apply(&without_patch).await.edits,
        ["remove port geneve-vtp", "remove port vxlan-vtp"]
    );
    observer.until_settled(&without_patch).await;
    assert_eq!(dumps(), before);
    assert_eq!(vsctl(&ovs, &["list-ports", BRIDGE]), "tap1\n");
    assert_eq!(vsctl(&ovs, &["get", "Bridge", BRIDGE, "external_ids"]), "{note=by-hand}\n");
}

#[tokio::test]
async fn a_tunnel_that_somebody_deleted_comes_back() {
    let ovs = ovs();
    let mut observer = Observer::new(&ovs);
    observer.until_read().await;
    observer.apply(&spec()).await;
    observer.until_usable(&OUR_PORTS).await;
    observer.take_events();

    vsctl(&ovs, &["del-port", "geneve-vtp"]);
    // Before the batches have said so, the plan is made from stale knowledge, which is empty.
    observer.until("the tunnel to go", |this| this.named("geneve-vtp").is_none()).await;
    assert_eq!(observer.apply(&spec()).await.edits, ["add geneve port geneve-vtp to br-int"]);
    observer.until_usable(&OUR_PORTS).await;
    let events = observer.take_events();
    let [InterfaceEvent::Gone(old), InterfaceEvent::Appeared(new)] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((&old.role, old.row == new.row), (&new.role, false));
    assert_eq!((old.ofport, new.ofport.get()), (new.ofport, TunnelKind::Geneve.port_number().into()));

    // Several changes at once, by someone else, under a plan that knows of none of them.
    let stale = observer.watch.configuration().clone();
    vsctl(&ovs, &["del-port", "vxlan-vtp", "--", "set", "Interface", "geneve-vtp", "options:csum=false"]);
    vsctl(&ovs, &["set", "Port", "geneve-vtp", "external_ids:note=mine"]);
    let moved = TunnelSpec::flow_based(TunnelKind::Geneve, Some([127, 0, 0, 2].into()));
    let wanted = BridgeSpec { tunnels: vec![moved, spec().tunnels[1].clone()], ..spec() };
    let applied = apply(&observer.client, &wanted, &stale, ApplyOptions::default()).await.unwrap();
    assert_eq!(
        applied.edits,
        [
            "remove port gre-vtp",
            "set type, options and number of geneve port geneve-vtp",
            "add vxlan port vxlan-vtp to br-int",
        ]
    );
    observer.until_settled(&wanted).await;
    let options = vsctl(&ovs, &["get", "Interface", "geneve-vtp", "options"]);
    assert_eq!(options.trim(), r#"{key=flow, local_ip="127.0.0.2", remote_ip=flow}"#);
    assert_eq!(vsctl(&ovs, &["get", "Port", "geneve-vtp", "external_ids:note"]).trim(), "mine");
}

#[tokio::test]
async fn an_interface_appears_when_its_device_does() {
    let ovs = ovs();
    ovs.add_bridge(BRIDGE).unwrap();
    let mut observer = Observer::new(&ovs);
    observer.until_read().await;
    // A type that the daemon does not know stands for a device that is not there.
    add_vif(&ovs, "tap1", "p1", "nonexistent");
    observer.until("the failure", |this| this.watch.findings().count() == 1).await;
    let events = observer.take_events();
    let [InterfaceEvent::Found(Finding::Failed { interface, error, .. })] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(interface, "tap1");
    assert!(error.as_ref().is_some_and(|error| !error.is_empty()), "{events:?}");
    assert_eq!(observer.watch.vif("p1"), None);

    vsctl(&ovs, &["set", "Interface", "tap1", "type=dummy"]);
    observer.until("the port", |this| this.watch.vif("p1").is_some()).await;
    let events = observer.take_events();
    let [InterfaceEvent::Cleared(_), InterfaceEvent::Appeared(appeared)] = &events[..] else {
        panic!("{events:?}")
    };
    let role = Role::Vif { iface_id: "p1".into(), attached_mac: None };
    assert_eq!((&appeared.name, &appeared.role), (&"tap1".to_owned(), &role));
    let shown = ovs.ofctl(&["show", BRIDGE]).unwrap();
    assert!(shown.contains(&format!(" {}(tap1)", appeared.ofport)), "{shown}");

    // The number moves.
    vsctl(&ovs, &["set", "Interface", "tap1", "ofport_request=77"]);
    observer
        .until("the new number", |this| this.watch.vif("p1").is_some_and(|vif| vif.ofport.get() == 77))
        .await;
    assert_one_identity(&observer.take_events(), "p1");
    // An id that comes last, and goes again.
    vsctl(&ovs, &["add-port", BRIDGE, "tap2", "--", "set", "Interface", "tap2", "type=dummy"]);
    vsctl(&ovs, &["set", "Interface", "tap2", "external_ids:iface-id=p2"]);
    observer.until("the second port", |this| this.watch.vif("p2").is_some()).await;
    vsctl(&ovs, &["set", "Interface", "tap2", "external_ids:iface-id=p1"]);
    observer.until("the duplicate", |this| this.watch.findings().count() == 1).await;
    assert_eq!(observer.watch.vif("p2"), None);
    let finding = observer.watch.findings().next().unwrap();
    let Finding::DuplicateIfaceId { used, .. } = finding else { panic!("{finding}") };
    let number: u32 = vsctl(&ovs, &["get", "Interface", "tap2", "ofport"]).trim().parse().unwrap();
    let lowest = if number < 77 { "tap2" } else { "tap1" };
    assert_eq!(used, lowest);
    vsctl(&ovs, &["del-port", "tap2"]);
    observer.until("the end of it", |this| this.watch.findings().count() == 0).await;
    assert_eq!(observer.watch.vif("p1").unwrap().name, "tap1");
}

/// A port id that moves never has two interfaces, and ends with one.
fn assert_one_identity(events: &[InterfaceEvent], iface_id: &str) {
    let mut present = true;
    for event in events {
        match event {
            InterfaceEvent::Gone(_) => assert!(std::mem::replace(&mut present, false), "{events:?}"),
            InterfaceEvent::Appeared(_) => assert!(!std::mem::replace(&mut present, true), "{events:?}"),
            InterfaceEvent::Changed { old, new } => assert!(present && old.row == new.row, "{events:?}"),
            InterfaceEvent::Found(_) | InterfaceEvent::Cleared(_) => panic!("{iface_id}: {events:?}"),
        }
    }
    assert!(present, "{events:?}");
}

/// What identifies an interface to the flows.
fn identities(watch: &InterfaceWatch) -> Vec<(String, Role, u32)> {
    let identity =
        |interface: &Interface| (interface.name.clone(), interface.role.clone(), interface.ofport.get());
    let mut all: Vec<_> = watch.interfaces().map(identity).collect();
    all.sort();
    all
}

#[tokio::test]
async fn kills_of_both_daemons_give_real_differences_only() {
    let mut ovs = ovs();
    let mut observer = Observer::new(&ovs);
    observer.until_read().await;
    observer.apply(&spec()).await;
    for number in 1..=5 {
        add_vif(&ovs, &format!("tap{number}"), &format!("p{number}"), "dummy");
    }
    observer.until("the ports", |this| this.watch.interfaces().count() == OUR_PORTS.len() + 5).await;
    let before = identities(&observer.watch);
    observer.take_events();

    // The switch daemon forgets everything but the database, where the port numbers are.
    ovs.kill9_vswitchd().unwrap();
    ovs.restart_vswitchd().unwrap();
    observer.catch_up(&ovs).await;
    assert_eq!(identities(&observer.watch), before);
    assert!(plan(&spec(), observer.watch.configuration()).is_empty());

    // Ports that come while it is away may take the numbers of others: it promises these to nobody.
    ovs.kill9_vswitchd().unwrap();
    vsctl(&ovs, &["--no-wait", "del-port", "tap5"]);
    add_vif(&ovs, "tap6", "p6", "dummy");
    observer.until("the deletion", |this| this.watch.vif("p5").is_none()).await;
    assert!(observer.watch.vif("p6").is_none(), "nobody is there to give it a number");
    ovs.restart_vswitchd().unwrap();
    observer.catch_up(&ovs).await;
    let names = |identities: &[(String, Role, u32)]| {
        identities.iter().map(|(name, ..)| name.replace("tap5", "tap6")).collect::<Vec<_>>()
    };
    assert_eq!(names(&identities(&observer.watch)), names(&before));
    let shown = ovs.ofctl(&["-O", "OpenFlow13", "show", BRIDGE]).unwrap();
    for (name, _, ofport) in identities(&observer.watch) {
        assert!(shown.contains(&format!(" {ofport}({name})")), "{name} is not port {ofport}: {shown}");
    }

    // The database server comes back with all of its rows but without states that it does not store.
    let before = identities(&observer.watch);
    observer.take_events();
    observer.kinds.clear();
    ovs.kill9_ovsdb_server().unwrap();
    observer.until_connection_lost().await;
    ovs.restart_ovsdb_server().unwrap();
    vsctl(&ovs, &["--no-wait", "set", "Interface", "tap1", "external_ids:iface-id=p7"]);
    observer.until("the new id", |this| this.watch.vif("p7").is_some()).await;
    assert!(observer.kinds.contains(&BatchKind::Reread), "{:?}", observer.kinds);
    let (moves, others): (Vec<_>, Vec<_>) = observer.take_events().into_iter().partition(|event| {
        matches!(event, InterfaceEvent::Gone(old) | InterfaceEvent::Appeared(old) if old.name == "tap1")
    });
    assert_eq!(moves.len(), 2, "{moves:?}");
    for event in &others {
        let InterfaceEvent::Changed { old, new } = event else { panic!("{event:?}") };
        assert_eq!(
            (&old.role, old.ofport),
            (&new.role, new.ofport),
            "only states that are not stored change"
        );
    }
    let renamed = |(name, role, ofport): (String, Role, u32)| match role {
        Role::Vif { attached_mac, .. } if name == "tap1" => {
            (name, Role::Vif { iface_id: "p7".into(), attached_mac }, ofport)
        }
        role => (name, role, ofport),
    };
    assert_eq!(identities(&observer.watch), before.into_iter().map(renamed).collect::<Vec<_>>());
    assert!(observer.apply(&spec()).await.edits.is_empty());
}

#[tokio::test]
async fn a_tunnel_keeps_its_number_while_ports_come_behind_the_back_of_the_daemon() {
    let mut ovs = ovs();
    let mut observer = Observer::new(&ovs);
    observer.until_read().await;
    let tunnels = BridgeSpec { patches: Vec::new(), ..spec() };
    observer.apply(&tunnels).await;
    observer.until_usable(&OUR_PORTS[..3]).await;
    let numbers = |this: &Observer| {
        let number = |name: &&str| this.named(name).map(|interface| interface.ofport.get());
        OUR_PORTS[..3].iter().map(number).collect::<Vec<_>>()
    };
    let expected = [TunnelKind::Geneve, TunnelKind::Vxlan, TunnelKind::Gre];
    let expected = expected.map(|kind| Some(u32::from(kind.port_number())));
    assert_eq!(numbers(&observer), expected);

    // The daemon adds ports in an order of its own, and those that came first take the lowest numbers.
    ovs.kill9_vswitchd().unwrap();
    for number in 1..=20 {
        add_vif(&ovs, &format!("tap{number}"), &format!("p{number}"), "dummy");
    }
    ovs.restart_vswitchd().unwrap();
    observer.until("the ports", |this| this.watch.interfaces().count() == 23).await;
    observer.catch_up(&ovs).await;
    assert_eq!(numbers(&observer), expected);
    assert!(observer.apply(&tunnels).await.edits.is_empty());
}

#[tokio::test]
async fn the_wait_for_flows_ends_when_told() {
    let ovs = ovs();
    let mut observer = Observer::new(&ovs);
    observer.until_read().await;
    assert!(flow_restore_complete(observer.watch.configuration()).is_none());
    vsctl(
        &ovs,
        &["--no-wait", "set", "Open_vSwitch", ".", "other_config:flow-restore-wait=true", "other_config:x=y"],
    );
    let is_waiting = |this: &Observer| flow_restore_complete(this.watch.configuration()).is_some();
    observer.until("the wait", is_waiting).await;
    let transaction = flow_restore_complete(observer.watch.configuration()).unwrap();
    observer.client.transact(transaction, PATIENCE).await.unwrap();
    observer.until("the end of the wait", |this| !is_waiting(this)).await;
    assert_eq!(vsctl(&ovs, &["get", "Open_vSwitch", ".", "other_config"]).trim(), "{x=y}");
}
