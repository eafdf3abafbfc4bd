//! Queues on devices: which get some, that they are mended, and that nothing stays.

use std::collections::BTreeMap;

use ovsdb::Uuid;
use ovsdb::transaction::{Mutations, Rows, Transaction, Values};
use ovsdb::vswitch::{Bridge, Interface, Port, QoS, Queue};

use super::world::{Scene, strings};
use super::{BRIDGE, spec};
use crate::bridge::{BridgeSpec, LINK_KEY, OWNER_KEY, Problem, QueueSpec, ShapeSpec, plan};

const PROVIDER: &str = "br-ex";
const GIGABIT: i64 = 1_000_000_000;

/// The options of each queue.
type Options = BTreeMap<i64, BTreeMap<String, String>>;

/// A provider bridge with a card, a bond, a patch and a device that is its own.
fn scene() -> Scene {
    let scene = Scene::new();
    scene.add_bridge(&Bridge { name: PROVIDER.into(), ..Bridge::default() });
    scene.add_port(PROVIDER, "eth1", &["eth1"], "");
    scene.add_port(PROVIDER, "bond1", &["eth2", "eth3"], "");
    scene.add_port(PROVIDER, "way", &["way"], "");
    scene.add_port(PROVIDER, PROVIDER, &[PROVIDER], "");
    set(&scene, "way", |values| values.set(&Interface::TYPE, "patch".into()));
    set(&scene, PROVIDER, |values| values.set(&Interface::TYPE, "internal".into()));
    for (device, speed) in [("eth1", GIGABIT), ("eth2", 10 * GIGABIT), ("eth3", 25 * GIGABIT)] {
        set(&scene, device, |values| values.set(&Interface::LINK_SPEED, Some(speed)));
    }
    scene
}

fn set(scene: &Scene, device: &str, values: impl FnOnce(Values<Interface>) -> Values<Interface>) {
    let mut transaction = Transaction::new();
    let row = Rows::matching(&Interface::NAME, &device.to_owned());
    transaction.update(&row, &values(Values::new()));
    scene.transact(&transaction);
}

fn promising(link_kbps: Option<u64>, queues: &[(u32, u64)]) -> BridgeSpec {
    let queue = |(number, least_kbps): &(u32, u64)| {
        (*number, QueueSpec { owner: format!("guest-{number}"), least_kbps: *least_kbps })
    };
    let shape = ShapeSpec { bridge: PROVIDER.into(), link_kbps, queues: queues.iter().map(queue).collect() };
    BridgeSpec { shapes: Some(vec![shape]), ..bare() }
}

fn bare() -> BridgeSpec {
    BridgeSpec { tunnels: Vec::new(), datapath_type: None, ..spec() }
}

/// What a port has: its rate, and the options of each queue.
fn shaped(scene: &Scene, port: &str) -> Option<(String, Options)> {
    let configuration = scene.configuration();
    let row = configuration.qos()[&scene.port(port).qos?].clone();
    assert_eq!(
        (row.r#type.as_str(), row.external_ids.get(OWNER_KEY)),
        ("linux-htb", Some(&BRIDGE.to_owned()))
    );
    assert_eq!(row.external_ids[LINK_KEY], port);
    let options =
        |(number, queue): (&i64, &Uuid)| (*number, configuration.queues()[queue].other_config.clone());
    Some((row.other_config["max-rate"].clone(), row.queues.iter().map(options).collect()))
}

fn rows(scene: &Scene) -> (Vec<Uuid>, Vec<Uuid>) {
    let configuration = scene.configuration();
    (configuration.qos().keys().copied().collect(), configuration.queues().keys().copied().collect())
}

fn problems(spec: &BridgeSpec, scene: &Scene) -> Vec<Problem> {
    plan(spec, &scene.configuration()).problems().to_vec()
}

#[test]
fn each_device_gets_queues_that_have_their_least_and_may_have_all_of_the_link() {
    let scene = scene();
    scene.settle(&bare());
    let edits = scene.settle(&promising(None, &[(31, 5_000), (47, 7_000)]));
    assert_eq!(
        edits,
        [
            "divide 10000000 kbit/s of port bond1 by 3 queues",
            "divide 1000000 kbit/s of port eth1 by 3 queues"
        ]
    );
    let options = |max: &str| {
        let queue = |least: &str| strings(&[("max-rate", max), ("min-rate", least)]);
        // Who is promised nothing has what is not promised.
        let rest = (max.parse::<u64>().unwrap() - 12_000_000).to_string();
        BTreeMap::from([(0, queue(&rest)), (31, queue("5000000")), (47, queue("7000000"))])
    };
    assert_eq!(shaped(&scene, "eth1"), Some(("1000000000".into(), options("1000000000"))));
    let bond = "10000000000";
    assert_eq!(shaped(&scene, "bond1"), Some((bond.into(), options(bond))), "what all its members carry");
    assert_eq!((shaped(&scene, "way"), shaped(&scene, PROVIDER)), (None, None));
    assert_eq!(rows(&scene).1.len(), 6, "no port has the queue of another");
}

#[test]
fn another_promise_changes_its_row_and_what_nobody_wants_goes() {
    let scene = scene();
    scene.settle(&bare());
    scene.settle(&promising(Some(100_000), &[(31, 5_000), (47, 7_000)]));
    let before = rows(&scene);
    scene.settle(&promising(Some(100_000), &[(31, 5_000), (47, 8_000)]));
    assert_eq!(rows(&scene), before, "the same rows");
    assert_eq!(shaped(&scene, "eth1").unwrap().1[&47]["min-rate"], "8000000");

    // Nobody was told yet: an earlier run may have made them for good reason.
    assert_eq!(scene.settle(&bare()), [] as [&str; 0]);
    assert_eq!(
        scene.settle(&promising(Some(100_000), &[(47, 8_000)])),
        [
            "divide 100000 kbit/s of port bond1 by 2 queues",
            "divide 100000 kbit/s of port eth1 by 2 queues",
            "remove 2 queues"
        ]
    );
    let nothing = BridgeSpec { shapes: Some(Vec::new()), ..bare() };
    scene.settle(&nothing);
    assert_eq!((rows(&scene), scene.port("eth1").qos), ((vec![], vec![]), None));
    scene.settle(&promising(Some(100_000), &[(47, 8_000)]));
    scene.settle(&promising(Some(100_000), &[]));
    assert_eq!(rows(&scene), (vec![], vec![]), "without a promise there is no queue either");
}

#[test]
fn what_somebody_changes_is_mended() {
    type Change = fn(&mut Transaction, Rows<Port>);
    let scene = scene();
    let wanted = promising(None, &[(31, 5_000)]);
    scene.settle(&bare());
    scene.settle(&wanted);
    let (before, right) = (rows(&scene), shaped(&scene, "eth1"));
    let eth1 = || Rows::matching(&Port::NAME, &"eth1".to_owned());
    let changes: [(&str, Change); 5] = [
        ("it is taken off the port", |transaction, port| {
            transaction.update(&port, &Values::new().set(&Port::QOS, None));
        }),
        ("the rate of the link", |transaction, _| {
            let rate = strings(&[("max-rate", "5")]);
            transaction.update(&Rows::all(), &Values::new().set(&QoS::OTHER_CONFIG, rate));
        }),
        ("the rates of all queues", |transaction, _| {
            let rate = strings(&[("min-rate", "5")]);
            transaction.update(&Rows::all(), &Values::new().set(&Queue::OTHER_CONFIG, rate));
        }),
        ("a mark of all packets", |transaction, _| {
            transaction.update(&Rows::all(), &Values::new().set(&Queue::DSCP, Some(46)));
        }),
        ("its kind", |transaction, _| {
            transaction.update(&Rows::all(), &Values::new().set(&QoS::TYPE, "linux-noop".into()));
        }),
    ];
    for (what, change) in changes {
        let mut transaction = Transaction::new();
        change(&mut transaction, eth1());
        scene.transact(&transaction);
        assert!(!scene.settle(&wanted).is_empty(), "{what}");
        assert_eq!((rows(&scene), shaped(&scene, "eth1")), (before.clone(), right.clone()), "{what}");
    }
    // A queue that is gone is made anew, and one that nobody asked for goes.
    let mut transaction = Transaction::new();
    transaction.mutate(&Rows::all(), &Mutations::new().delete_keys(&QoS::QUEUES, [31]));
    transaction.insert(&Values::<Queue>::new().set(&Queue::EXTERNAL_IDS, strings(&[(OWNER_KEY, BRIDGE)])));
    scene.transact(&transaction);
    scene.settle(&wanted);
    assert_eq!((shaped(&scene, "eth1"), rows(&scene).1.len()), (right, before.1.len()));
    // Our row on a port that is nobody's business.
    let mut transaction = Transaction::new();
    let row = scene.port("eth1").qos;
    let way = Rows::matching(&Port::NAME, &"way".to_owned());
    transaction.update(&way, &Values::new().set(&Port::QOS, row));
    scene.transact(&transaction);
    let nothing = BridgeSpec { shapes: Some(Vec::new()), ..bare() };
    scene.settle(&nothing);
    assert_eq!((rows(&scene), scene.port("way").qos), ((vec![], vec![]), None));
}

#[test]
fn what_others_have_there_stays_and_is_said() {
    let scene = scene();
    scene.settle(&bare());
    let mut transaction = Transaction::new();
    let queue = transaction.insert(&Values::<Queue>::new().set(&Queue::DSCP, Some(1)));
    let row =
        Values::<QoS>::new().set(&QoS::TYPE, "linux-hfsc".into()).refer_numbered(&QoS::QUEUES, [(31, queue)]);
    let row = transaction.insert(&row);
    let eth1 = Rows::matching(&Port::NAME, &"eth1".to_owned());
    transaction.update(&eth1, &Values::new().refer(&Port::QOS, [row]));
    scene.transact(&transaction);
    let (before, theirs) = (rows(&scene), scene.port("eth1"));

    let wanted = promising(None, &[(31, 5_000)]);
    let taken = Problem::QueuesTaken { bridge: PROVIDER.into(), port: "eth1".into() };
    assert_eq!(problems(&wanted, &scene), std::slice::from_ref(&taken));
    assert_eq!(scene.settle(&wanted), ["divide 10000000 kbit/s of port bond1 by 2 queues"]);
    assert_eq!(scene.port("eth1"), theirs);
    // Somebody takes a queue of ours into use: it stays as long as they have it.
    let ours = scene.configuration().qos()[&scene.port("bond1").qos.unwrap()].queues[&31];
    let mut transaction = Transaction::new();
    let more = Mutations::new().insert(&QoS::QUEUES, &BTreeMap::from([(32, ours)]));
    transaction.mutate(&Rows::row(theirs.qos.unwrap()), &more);
    scene.transact(&transaction);
    let nothing = BridgeSpec { shapes: Some(Vec::new()), ..bare() };
    scene.settle(&nothing);
    assert_eq!((scene.port("eth1"), rows(&scene).1.len()), (theirs, before.1.len() + 1));
    assert!(scene.configuration().queues().contains_key(&ours));

    // When theirs is gone, ours comes.
    let mut transaction = Transaction::new();
    transaction
        .update(&Rows::matching(&Port::NAME, &"eth1".to_owned()), &Values::new().set(&Port::QOS, None));
    scene.transact(&transaction);
    scene.settle(&wanted);
    assert!(shaped(&scene, "eth1").is_some() && problems(&wanted, &scene).is_empty());
}

#[test]
fn where_the_rate_of_a_link_is_not_known_nothing_is_done_and_the_option_is_named() {
    let scene = scene();
    scene.settle(&bare());
    for (speed, link) in [(None, "up"), (Some(0), "up"), (None, "down")] {
        let values = |values: Values<Interface>| values.set(&Interface::LINK_SPEED, speed);
        set(&scene, "eth1", |row| values(row).set(&Interface::LINK_STATE, Some(link.into())));
        let wanted = promising(None, &[(31, 5_000)]);
        let problem = problems(&wanted, &scene).into_iter().next().expect("a problem");
        assert_eq!(problem, Problem::UnknownRate { bridge: PROVIDER.into(), port: "eth1".into() });
        assert!(problem.to_string().contains("br-ex:<kbit/s> in [ovs] resource_provider_bandwidths"));
        scene.settle(&wanted);
        assert_eq!(shaped(&scene, "eth1"), None);
        assert!(shaped(&scene, "bond1").is_some());
    }
    // The operator says it.
    let wanted = promising(Some(2_000), &[(31, 5_000)]);
    let too_much = |port: &str| Problem::TooMuchPromised {
        bridge: PROVIDER.into(),
        port: port.into(),
        promised_kbps: 5_000,
        link_kbps: 2_000,
    };
    assert_eq!(problems(&wanted, &scene), [too_much("bond1"), too_much("eth1")]);
    scene.settle(&wanted);
    let (rate, queues) = shaped(&scene, "eth1").unwrap();
    let least = |number| queues[&number]["min-rate"].as_str();
    assert_eq!((rate.as_str(), least(31), least(0)), ("2000000", "2000000", "0"));

    let too_fast = promising(Some(40_000_000), &[(31, 5_000)]);
    let problem = |port: &str| {
        let (bridge, port) = (PROVIDER.into(), port.into());
        Problem::LinkTooFast { bridge, port, rate: 40_000_000 }
    };
    assert_eq!(problems(&too_fast, &scene), [problem("bond1"), problem("eth1")]);
    scene.settle(&too_fast);
    assert_eq!(rows(&scene), (vec![], vec![]));
}

#[test]
fn a_card_whose_cable_is_pulled_keeps_its_queues() {
    let scene = scene();
    let wanted = promising(None, &[(31, 5_000)]);
    scene.settle(&bare());
    scene.settle(&wanted);
    let before = shaped(&scene, "eth1");
    set(&scene, "eth1", |row| {
        row.set(&Interface::LINK_SPEED, None).set(&Interface::LINK_STATE, Some("down".into()))
    });
    assert_eq!((scene.settle(&wanted), problems(&wanted, &scene)), (vec![], vec![]));
    assert_eq!(shaped(&scene, "eth1"), before);
}

#[test]
fn a_bridge_that_cannot_have_queues_is_named_and_one_that_is_not_there_is_not() {
    let scene = Scene::new();
    let wanted = promising(Some(1_000), &[(31, 5)]);
    scene.settle(&wanted);
    assert_eq!(problems(&wanted, &scene), [], "it is named where it is patched to");
    scene.add_bridge(&Bridge { name: PROVIDER.into(), ..Bridge::default() });
    assert_eq!(problems(&wanted, &scene), [Problem::NoLink { bridge: PROVIDER.into() }]);

    let scene = Scene::new();
    scene.settle(&bare());
    scene.add_bridge(&Bridge { name: PROVIDER.into(), datapath_type: "netdev".into(), ..Bridge::default() });
    scene.add_port(PROVIDER, "eth1", &["eth1"], "");
    assert_eq!(problems(&wanted, &scene), [Problem::NoQueues { bridge: PROVIDER.into() }]);
    scene.settle(&wanted);
    assert_eq!(rows(&scene), (vec![], vec![]));
}

/// What happens between planning and carrying out.
#[test]
fn a_stale_plan_changes_no_queue() {
    type Change = fn(&Scene);
    let changes: [(&str, Change); 3] = [
        ("the port got a qos", |scene| {
            let mut transaction = Transaction::new();
            let row = transaction.insert(&Values::<QoS>::new().set(&QoS::TYPE, "linux-noop".into()));
            let eth1 = Rows::matching(&Port::NAME, &"eth1".to_owned());
            transaction.update(&eth1, &Values::new().refer(&Port::QOS, [row]));
            scene.transact(&transaction);
        }),
        ("our row was changed", |scene| {
            let mut transaction = Transaction::new();
            transaction.update(&Rows::all(), &Values::new().set(&QoS::TYPE, "linux-noop".into()));
            scene.transact(&transaction);
        }),
        ("a queue of ours was changed", |scene| {
            let mut transaction = Transaction::new();
            transaction.update(&Rows::all(), &Values::new().set(&Queue::DSCP, Some(1)));
            scene.transact(&transaction);
        }),
    ];
    for (what, change) in changes {
        let scene = scene();
        scene.settle(&promising(None, &[(31, 5_000)]));
        let stale = plan(&promising(None, &[(31, 6_000)]), &scene.configuration());
        let gone = plan(&BridgeSpec { shapes: Some(Vec::new()), ..bare() }, &scene.configuration());
        change(&scene);
        scene.refuses(&stale, what);
        scene.refuses(&gone, what);
    }
}
