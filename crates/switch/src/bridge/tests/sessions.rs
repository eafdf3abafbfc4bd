//! Ports through which other nodes are watched.

use ovsdb::transaction::{Rows, Transaction, Values};
use ovsdb::vswitch::{Interface, Port};

use super::world::{Scene, strings};
use super::{BRIDGE, spec};
use crate::bridge::{BridgeSpec, OWNER_KEY, PEER_KEY, SPEAKER_KEY, SessionSpec};

fn session(peer: &str) -> SessionSpec {
    SessionSpec { peer: peer.to_owned(), interval_ms: 100 }
}

fn watching(sessions: Option<Vec<SessionSpec>>) -> BridgeSpec {
    BridgeSpec { sessions, ..spec() }
}

#[test]
fn a_node_is_watched_through_a_pair_of_ports_of_its_own() {
    let scene = Scene::new();
    scene.settle(&spec());
    let (one, two) = (session("host-1"), session("a host with a name that is longer than any port's"));
    let edits = scene.settle(&watching(Some(vec![one.clone(), two.clone()])));
    assert_eq!(edits.len(), 4, "{edits:?}");
    let [speaker, flows] = one.port_names();
    for name in two.port_names() {
        assert!(name.len() < 16 && name != speaker && name != flows, "{name}");
    }
    let bfd = [("enable", "true"), ("min_rx", "100"), ("min_tx", "100"), ("mult", "3")];
    let configuration = scene.configuration();
    for (name, other, mark, bfd) in
        [(&speaker, &flows, SPEAKER_KEY, &bfd[..]), (&flows, &speaker, PEER_KEY, &[])]
    {
        let interface = scene.interface(name);
        assert_eq!(interface.r#type, "patch");
        assert_eq!(interface.options, strings(&[("peer", other)]));
        assert_eq!(interface.bfd, strings(bfd));
        let port = configuration.ports().values().find(|port| port.name == *name).unwrap();
        assert_eq!(port.external_ids, strings(&[(OWNER_KEY, BRIDGE), (mark, "host-1")]));
    }
}

#[test]
fn who_has_not_been_told_ends_no_session() {
    let scene = Scene::new();
    let one = session("host-1");
    scene.settle(&watching(Some(vec![one.clone()])));
    let rows = scene.configuration().interfaces().clone();
    assert_eq!(scene.settle(&watching(None)), [""; 0]);
    assert_eq!(scene.settle(&watching(Some(vec![one]))), [""; 0]);
    assert_eq!(*scene.configuration().interfaces(), rows);
    assert_eq!(scene.settle(&watching(Some(Vec::new()))).len(), 2, "nobody is watched any more");
}

#[test]
fn a_port_is_mended_in_place_and_one_that_is_for_another_node_is_made_anew() {
    let scene = Scene::new();
    let wanted = watching(Some(vec![session("host-1")]));
    let [name, _] = session("host-1").port_names();
    scene.settle(&wanted);
    let row_of = |scene: &Scene| {
        let configuration = scene.configuration();
        let found = configuration.interfaces().iter().find(|(_, interface)| interface.name == name);
        *found.expect("the port is there").0
    };
    let first = row_of(&scene);
    let mut transaction = Transaction::new();
    let off = Values::new().set(&Interface::BFD, strings(&[("enable", "false")]));
    transaction.update(&Rows::matching(&Interface::NAME, &name), &off);
    scene.transact(&transaction);
    assert_eq!(scene.settle(&wanted).len(), 1);
    let slower = SessionSpec { interval_ms: 200, ..session("host-1") };
    assert_eq!(scene.settle(&watching(Some(vec![slower]))).len(), 1);
    assert_eq!(row_of(&scene), first, "its session goes on");

    let mut transaction = Transaction::new();
    let other = strings(&[(OWNER_KEY, BRIDGE), (SPEAKER_KEY, "host-2")]);
    transaction.update(&Rows::matching(&Port::NAME, &name), &Values::new().set(&Port::EXTERNAL_IDS, other));
    scene.transact(&transaction);
    scene.settle(&wanted);
    assert_ne!(row_of(&scene), first);
}
