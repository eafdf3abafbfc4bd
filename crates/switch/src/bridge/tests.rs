//! Plans carried out on the in-memory server, which enforces the schema, references and indexes.

use std::collections::{BTreeMap, BTreeSet};

use net_types::MacAddr;
use ovsdb::testserver::TestServer;
use ovsdb::transaction::{Mutations, Rows, Transaction, Values};
use ovsdb::vswitch::{Bridge, Controller, Interface, OpenvSwitch, Port};
use world::{Scene, strings};

use super::{
    BridgeSpec, InternalSpec, OWNER_KEY, PatchSpec, PeerBridge, Problem, TunnelKind, TunnelSpec,
    flow_restore_complete, plan, stored_ids,
};

mod applying;
mod property;
mod sessions;
mod shaping;
mod world;

const BRIDGE: &str = "br-int";

fn spec() -> BridgeSpec {
    BridgeSpec {
        name: BRIDGE.into(),
        datapath_type: Some("netdev".into()),
        protocols: BTreeSet::from(["OpenFlow13".into(), "OpenFlow15".into()]),
        other_config: strings(&[("mac-table-size", "50000")]),
        tunnels: vec![
            TunnelSpec::flow_based(TunnelKind::Geneve, Some([192, 0, 2, 1].into())).option("csum", "true"),
            TunnelSpec::flow_based(TunnelKind::Vxlan, None),
        ],
        ..BridgeSpec::default()
    }
}

fn patch(if_missing: PeerBridge) -> PatchSpec {
    PatchSpec {
        name: "br-ex-patch".into(),
        peer_name: "br-int-patch".into(),
        peer_bridge: "br-ex".into(),
        if_missing,
    }
}

#[test]
fn an_empty_database_gets_everything_in_one_transaction() {
    let scene = Scene::new();
    let spec = BridgeSpec { patches: vec![patch(PeerBridge::Create)], ..spec() };
    let edits = scene.settle(&spec);
    assert_eq!(
        edits,
        [
            "add bridge br-int",
            "add bridge br-ex",
            "add patch port br-ex-patch to br-int",
            "add patch port br-int-patch to br-ex",
            "add geneve port geneve-vtp to br-int",
            "add vxlan port vxlan-vtp to br-int",
        ]
    );
    let bridge = scene.bridge(BRIDGE);
    assert_eq!(bridge.fail_mode.as_deref(), Some("secure"));
    assert_eq!((bridge.datapath_type.as_str(), bridge.protocols.len()), ("netdev", 2));
    assert_eq!(bridge.external_ids, strings(&[(OWNER_KEY, BRIDGE)]));
    assert_eq!(bridge.other_config, spec.other_config);
    assert_eq!(scene.port_names(BRIDGE), ["br-ex-patch", BRIDGE, "geneve-vtp", "vxlan-vtp"]);
    let peer = scene.bridge("br-ex");
    assert_eq!((peer.datapath_type.as_str(), peer.fail_mode), ("netdev", None));

    let geneve = scene.interface("geneve-vtp");
    assert_eq!(geneve.r#type, "geneve");
    let options = [("csum", "true"), ("key", "flow"), ("local_ip", "192.0.2.1"), ("remote_ip", "flow")];
    assert_eq!(geneve.options, strings(&options));
    assert_eq!(geneve.ofport_request, Some(TunnelKind::Geneve.port_number().into()));
    assert_eq!(scene.interface("br-int-patch").options, strings(&[("peer", "br-ex-patch")]));
    assert_eq!(scene.interface(BRIDGE).r#type, "internal");
    assert_eq!(scene.configuration().root().unwrap().1.bridges.len(), 2);
}

#[test]
fn a_device_of_the_host_is_made_with_its_address_and_comes_back() {
    let scene = Scene::new();
    let internal = InternalSpec { name: "tap".into(), mac: MacAddr([2, 0, 0, 0, 0, 9]) };
    let spec = BridgeSpec { internals: vec![internal], ..spec() };
    scene.settle(&spec);
    let interface = scene.interface("tap");
    assert_eq!(
        (interface.r#type.as_str(), interface.mac.as_deref()),
        ("internal", Some("02:00:00:00:00:09"))
    );
    let other = InternalSpec { name: "tap".into(), mac: MacAddr([2, 0, 0, 0, 0, 8]) };
    let edits = scene.settle(&BridgeSpec { internals: vec![other], ..spec.clone() });
    assert_eq!(edits, ["set type, options and number of internal port tap"]);
    assert_eq!(scene.settle(&BridgeSpec { internals: vec![], ..spec }), ["remove port tap"]);
}

#[test]
fn our_rows_are_brought_back_in_place() {
    let scene = Scene::new();
    scene.settle(&spec());
    let before = scene.configuration();

    let mut drift = Transaction::new();
    let geneve = Rows::matching(&Interface::NAME, &"geneve-vtp".to_owned());
    let elsewhere = Values::new().set(&Interface::OPTIONS, strings(&[("remote_ip", "192.0.2.9")]));
    drift.update(&geneve, &elsewhere.set(&Interface::OFPORT_REQUEST, Some(9)));
    let values = Values::new()
        .set(&Bridge::FAIL_MODE, Some("standalone".to_owned()))
        .set(&Bridge::DATAPATH_TYPE, String::new())
        .set(&Bridge::PROTOCOLS, BTreeSet::new())
        .set(&Bridge::OTHER_CONFIG, strings(&[("hwaddr", "02:00:00:00:00:01")]));
    drift.update(&Rows::matching(&Bridge::NAME, &BRIDGE.to_owned()), &values);
    let note = Values::new().set(&Port::EXTERNAL_IDS, strings(&[("note", "by hand"), (OWNER_KEY, BRIDGE)]));
    drift.update(&Rows::matching(&Port::NAME, &"geneve-vtp".to_owned()), &note);
    scene.transact(&drift);

    assert_eq!(
        scene.settle(&spec()),
        [
            "set fail_mode, datapath_type, protocols, other_config of bridge br-int",
            "set type, options and number of geneve port geneve-vtp",
        ]
    );
    let after = scene.configuration();
    assert_eq!(after.interfaces(), before.interfaces());
    assert!(after.ports().keys().eq(before.ports().keys()), "no port was made anew");
    assert_eq!(scene.port("geneve-vtp").external_ids["note"], "by hand");
    let other_config = [("hwaddr", "02:00:00:00:00:01"), ("mac-table-size", "50000")];
    assert_eq!(scene.bridge(BRIDGE).other_config, strings(&other_config));
}

#[test]
fn a_deleted_or_mangled_port_of_ours_is_made_anew_and_an_unwanted_one_goes() {
    let scene = Scene::new();
    scene.settle(&spec());
    scene.remove_port(BRIDGE, "geneve-vtp");
    assert_eq!(scene.settle(&spec()), ["add geneve port geneve-vtp to br-int"]);

    let mut mangle = Transaction::new();
    let extra = mangle.insert(&Values::<Interface>::new().set(&Interface::NAME, "extra".into()));
    mangle.mutate(
        &Rows::matching(&Port::NAME, &"vxlan-vtp".to_owned()),
        &Mutations::new().insert_references(&Port::INTERFACES, [extra]),
    );
    scene.transact(&mangle);
    assert_eq!(scene.settle(&spec()), ["remove port vxlan-vtp", "add vxlan port vxlan-vtp to br-int"]);

    let only_geneve = BridgeSpec { tunnels: spec().tunnels[..1].to_vec(), ..spec() };
    assert_eq!(scene.settle(&only_geneve), ["remove port vxlan-vtp"]);
    assert_eq!(scene.port_names(BRIDGE), [BRIDGE, "geneve-vtp"]);
}

#[test]
fn a_bridge_of_somebody_else_is_completed_and_otherwise_left_alone() {
    let scene = Scene::new();
    let protocols = BTreeSet::from(["OpenFlow10".to_owned()]);
    let ids = strings(&[("bridge-id", "br-int")]);
    scene.add_bridge(&Bridge {
        name: BRIDGE.into(),
        protocols,
        external_ids: ids.clone(),
        ..Bridge::default()
    });
    scene.add_port(BRIDGE, "tap1", &["tap1"], "");
    let tap = (scene.port("tap1"), scene.interface("tap1"));

    let planned = plan(&spec(), &scene.configuration());
    let problems: Vec<String> = planned.problems().iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        [
            "bridge \"br-int\" has datapath_type \"system\" instead of \"netdev\": change one of them",
            "bridge \"br-int\" is not ours, so other_config:mac-table-size=50000 is not set: set it by hand, or \
             remove it from the configuration",
            "bridge \"br-int\" is not ours, so protocol OpenFlow15 is not set: set it by hand, or remove it from \
             the configuration",
        ]
    );
    assert_eq!(scene.settle(&spec())[0], "set fail_mode, protocols of bridge br-int");
    let bridge = scene.bridge(BRIDGE);
    assert_eq!(bridge.protocols, BTreeSet::from(["OpenFlow10".into(), "OpenFlow13".into()]));
    assert_eq!((bridge.fail_mode.as_deref(), bridge.external_ids), (Some("secure"), ids));
    assert!(bridge.other_config.is_empty() && bridge.datapath_type.is_empty());
    assert_eq!((scene.port("tap1"), scene.interface("tap1")), tap);
    assert_eq!(scene.port_names(BRIDGE), ["geneve-vtp", "tap1", "vxlan-vtp"]);
}

#[test]
fn what_the_owner_of_a_bridge_decided_is_not_changed() {
    let scene = Scene::new();
    let fail_mode = Some("standalone".to_owned());
    let bridge =
        Bridge { name: BRIDGE.into(), fail_mode, datapath_type: "netdev".into(), ..Bridge::default() };
    scene.add_bridge(&bridge);
    let spec = BridgeSpec { other_config: BTreeMap::new(), tunnels: Vec::new(), ..spec() };
    let planned = plan(&spec, &scene.configuration());
    assert!(planned.is_empty() && planned.transaction().is_empty(), "{:?}", planned.edits());
    let problem = Problem::FailMode { bridge: BRIDGE.into(), fail_mode: "standalone".into() };
    assert_eq!(planned.problems(), [problem]);
}

#[test]
fn names_that_others_use_are_reported_and_the_rest_is_set_up() {
    let scene = Scene::new();
    scene.add_bridge(&Bridge { name: "br-ex".into(), ..Bridge::default() });
    scene.add_port("br-ex", "geneve-vtp", &["geneve-vtp"], "somebody");
    scene.add_port("br-ex", "bond0", &["eth0", "vxlan-vtp"], "");
    let before = scene.configuration();
    let planned = plan(&spec(), &before);
    assert_eq!(
        planned.problems(),
        [
            Problem::PortTaken { port: "geneve-vtp".into(), bridges: vec!["br-ex".into()] },
            Problem::InterfaceTaken("vxlan-vtp".into()),
        ]
    );
    assert_eq!(scene.settle(&spec()), ["add bridge br-int"]);
    for (uuid, row) in before.ports() {
        assert_eq!(scene.configuration().ports()[uuid], *row);
    }

    let scene = Scene::new();
    scene.add_bridge(&Bridge { name: "br-ex".into(), ..Bridge::default() });
    scene.add_port("br-ex", BRIDGE, &["eth0"], "");
    let planned = plan(&spec(), &scene.configuration());
    let problem = Problem::PortTaken { port: BRIDGE.into(), bridges: vec!["br-ex".into()] };
    assert_eq!((planned.is_empty(), planned.problems()), (true, &[problem][..]));
}

#[test]
fn a_name_wanted_twice_is_given_once() {
    let scene = Scene::new();
    let mut spec = BridgeSpec { patches: vec![patch(PeerBridge::Create)], ..spec() };
    spec.tunnels[1].name = "geneve-vtp".into();
    spec.patches[0].peer_name = "br-ex".into();
    let planned = plan(&spec, &scene.configuration());
    let twice = |name: &str| Problem::WantedTwice(name.into());
    assert_eq!(planned.problems(), [twice("br-ex"), twice("geneve-vtp")]);
    scene.settle(&spec);
    assert_eq!(scene.port_names(BRIDGE), [BRIDGE, "geneve-vtp"]);
}

#[test]
fn a_patch_needs_both_bridges() {
    let scene = Scene::new();
    let spec = BridgeSpec { tunnels: Vec::new(), patches: vec![patch(PeerBridge::Report)], ..spec() };
    let planned = plan(&spec, &scene.configuration());
    let problem = Problem::NoPeerBridge { bridge: "br-ex".into(), patch: "br-ex-patch".into() };
    assert_eq!(planned.problems(), [problem]);
    assert_eq!(scene.settle(&spec), ["add bridge br-int"]);

    let provider = Bridge { name: "br-ex".into(), datapath_type: "netdev".into(), ..Bridge::default() };
    scene.add_bridge(&provider);
    scene.add_port("br-ex", "eth1", &["eth1"], "");
    scene.settle(&spec);
    assert_eq!(scene.port_names("br-ex"), ["br-int-patch", "eth1"]);
    let without = BridgeSpec { patches: Vec::new(), ..spec.clone() };
    assert_eq!(scene.settle(&without), ["remove port br-ex-patch", "remove port br-int-patch"]);
    assert_eq!(scene.port_names("br-ex"), ["eth1"]);
    assert_eq!(scene.bridge("br-ex").external_ids, provider.external_ids);

    // When the other bridge goes, our end goes too: it would lead nowhere.
    scene.settle(&spec);
    scene.remove_bridge("br-ex");
    assert_eq!(scene.settle(&spec), ["remove port br-ex-patch"]);
}

#[test]
fn two_controllers_with_a_bridge_each_do_not_touch_each_other() {
    let scene = Scene::new();
    let one = BridgeSpec { tunnels: Vec::new(), patches: vec![patch(PeerBridge::Create)], ..spec() };
    let mut two = BridgeSpec { name: "br-two".into(), ..one.clone() };
    two.patches[0].name = "br-ex-patch2".into();
    two.patches[0].peer_name = "br-two-patch".into();
    scene.settle(&one);
    scene.settle(&two);
    assert_eq!(scene.settle(&one), [] as [&str; 0]);
    assert_eq!(scene.port_names("br-ex"), ["br-ex", "br-int-patch", "br-two-patch"]);
    scene.settle(&BridgeSpec { patches: Vec::new(), ..one });
    assert_eq!(scene.port_names("br-ex"), ["br-ex", "br-two-patch"]);
}

#[test]
fn controllers_are_set_where_asked_and_only_ours_go() {
    let scene = Scene::new();
    let targets = |targets: &[&str]| Some(targets.iter().map(|target| (*target).to_owned()).collect());
    let with = |controllers| BridgeSpec { tunnels: Vec::new(), controllers, ..spec() };
    scene.settle(&with(targets(&["tcp:192.0.2.1:6653", "tcp:192.0.2.2:6653"])));
    let mut foreign = Transaction::new();
    let row = Controller { target: "ptcp:6634".into(), ..Controller::default() };
    let row = foreign.insert(&Values::of(&row));
    foreign.mutate(&Rows::all(), &Mutations::new().insert_references(&Bridge::CONTROLLER, [row]));
    scene.transact(&foreign);

    let wanted = with(targets(&["tcp:192.0.2.2:6653", "ptcp:6634"]));
    assert_eq!(scene.settle(&wanted), ["remove controller tcp:192.0.2.1:6653 from br-int"]);
    assert_eq!(scene.settle(&with(None)), [] as [&str; 0]);
    assert_eq!(scene.settle(&with(targets(&[]))), ["remove controller tcp:192.0.2.2:6653 from br-int"]);
    let left: Vec<_> = scene.configuration().controllers().values().map(|row| row.target.clone()).collect();
    assert_eq!(left, ["ptcp:6634"]);
}

#[test]
fn ids_are_stored_for_the_next_run() {
    let scene = Scene::new();
    let with = |ids: &[(&str, &str)]| BridgeSpec { ids: Some(strings(ids)), ..spec() };
    scene.settle(&with(&[("chassis", "c1"), ("zone", "7")]));
    let stored = || stored_ids(&scene.configuration(), BRIDGE);
    assert_eq!(stored(), strings(&[("chassis", "c1"), ("zone", "7")]));
    assert_eq!(scene.settle(&spec()), [] as [&str; 0], "nothing said, nothing changed");
    assert_eq!(scene.settle(&with(&[("chassis", "c2")])), ["set external_ids of bridge br-int"]);
    assert_eq!(stored(), strings(&[("chassis", "c2")]));
    assert_eq!(scene.bridge(BRIDGE).external_ids[OWNER_KEY], BRIDGE);
    assert_eq!(stored_ids(&scene.configuration(), "br-ex"), BTreeMap::new());
}

#[test]
fn restored_flows_end_the_wait_and_nothing_else() {
    let scene = Scene::new();
    assert_eq!(flow_restore_complete(&scene.configuration()), None);
    let root = |other_config| {
        let mut transaction = Transaction::new();
        let values = Values::new().set(&OpenvSwitch::OTHER_CONFIG, other_config);
        transaction.update(&Rows::all(), &values);
        scene.transact(&transaction);
    };
    scene.settle(&spec());
    root(strings(&[("flow-restore-wait", "false"), ("max-idle", "1000")]));
    assert_eq!(flow_restore_complete(&scene.configuration()), None);
    root(strings(&[("flow-restore-wait", "true"), ("max-idle", "1000")]));
    let transaction = flow_restore_complete(&scene.configuration()).expect("it waits");
    scene.transact(&transaction);
    assert_eq!(scene.configuration().root().unwrap().1.other_config, strings(&[("max-idle", "1000")]));
}

/// What happens between planning and carrying out, each in the way of one guard only.
#[test]
fn a_stale_plan_changes_nothing() {
    type Change = fn(&Scene);
    type Case<'a> = (&'a str, &'a dyn Fn(&Scene), BridgeSpec, Change);
    let add_bridge = |scene: &Scene, name: &str| {
        scene.add_bridge(&Bridge { name: name.into(), ..Bridge::default() });
    };
    let without_tunnels = || BridgeSpec { tunnels: Vec::new(), ..spec() };
    let nothing: Change = |_| {};
    let root: Change = |scene| {
        let mut transaction = Transaction::new();
        transaction.insert(&Values::<OpenvSwitch>::new());
        scene.transact(&transaction);
    };
    let disowned: Change = |scene| {
        let mut transaction = Transaction::new();
        let values = Values::new().set(&Port::EXTERNAL_IDS, BTreeMap::new());
        transaction.update(&Rows::matching(&Port::NAME, &"geneve-vtp".to_owned()), &values);
        scene.transact(&transaction);
    };
    let reconfigured: Change = |scene| {
        let mut transaction = Transaction::new();
        let values = Values::new().set(&Interface::OPTIONS, strings(&[("key", "7")]));
        transaction.update(&Rows::matching(&Interface::NAME, &"geneve-vtp".to_owned()), &values);
        scene.transact(&transaction);
    };
    let mut other_options = spec();
    other_options.tunnels[0].options.clear();
    let settled = |scene: &Scene| drop(scene.settle(&spec()));
    let bare = |scene: &Scene| drop(scene.settle(&without_tunnels()));
    let provider = |scene: &Scene| add_bridge(scene, "br-ex");
    let cases: [Case<'_>; 9] = [
        ("a root came", &nothing, spec(), root),
        ("the bridge came", &provider, spec(), |scene| {
            scene.add_bridge(&Bridge { name: BRIDGE.into(), ..Bridge::default() });
        }),
        ("a port with the name of the bridge came", &provider, spec(), |scene| {
            scene.add_port("br-ex", BRIDGE, &["eth0"], "");
        }),
        ("a port with the name of a tunnel came", &bare, spec(), |scene| {
            scene.add_port(BRIDGE, "vxlan-vtp", &["eth0"], "");
        }),
        ("an interface with the name of a tunnel came", &bare, spec(), |scene| {
            scene.add_port(BRIDGE, "bond0", &["eth0", "vxlan-vtp"], "");
        }),
        ("the bridge went", &bare, spec(), |scene| scene.remove_bridge(BRIDGE)),
        ("the port to remove is not ours any more", &settled, without_tunnels(), disowned),
        ("the port to change is not ours any more", &settled, other_options.clone(), disowned),
        ("the interface to change is another", &settled, other_options, reconfigured),
    ];
    for (what, prepare, wanted, change) in cases {
        let scene = Scene::new();
        prepare(&scene);
        let stale = plan(&wanted, &scene.configuration());
        change(&scene);
        scene.refuses(&stale, what);
    }
}

fn test_server() -> TestServer {
    const SCHEMA: &str = "/usr/share/openvswitch/vswitch.ovsschema";
    let schema = std::fs::read_to_string(SCHEMA).unwrap_or_else(|error| {
        panic!("{SCHEMA}: {error}: run `cargo xtask setup`, or `apt-get install openvswitch-switch`")
    });
    TestServer::new(&schema).unwrap()
}
