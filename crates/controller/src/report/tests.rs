use model::{Object, PortState, Topic, Version};
use nb::{MemoryStore, Txn};
use tokio::time::{Instant, timeout};

use super::*;
use crate::claims::{Forwarding, Here};

fn id(text: &str) -> RowId {
    RowId::new(text).unwrap()
}

fn wish(is_plugged: bool, forwarding: Forwarding) -> Wish {
    Wish { topic: Some(Topic::new("t")), here: Here { is_plugged, forwarding } }
}

fn lport(name: &str, chassis: Option<&str>) -> Object {
    let binding = match chassis {
        Some(chassis) => format!(r#"{{"chassis": "{chassis}", "type": "chassis"}}"#),
        None => "null".to_owned(),
    };
    let text = format!(
        r#"{{"id": "{name}", "topic": "t", "unique_key": 7, "version": 1, "lswitch": "n", "binding": {binding}}}"#
    );
    Object::from_text(Table::LogicalPort, &text).unwrap()
}

async fn read<T: Model>(store: &MemoryStore, name: &str) -> Option<T> {
    let key = Key::new(T::TABLE, id(name)).with_topic(Topic::new("t"));
    let row = Store::read(store, &[key]).await.unwrap().remove(0)?;
    Some(T::from_text(std::str::from_utf8(&row.value).unwrap()).unwrap())
}

fn start(store: &MemoryStore, node: &str) -> Wishes {
    let name = watch::Sender::new(true);
    let wishes = start_named(store, node, &name);
    // Nobody else takes the name as long as the test runs.
    tokio::spawn(async move { name.closed().await });
    wishes
}

fn start_named(store: &MemoryStore, node: &str, name_is_own: &watch::Sender<bool>) -> Wishes {
    let (wishes, us) = (Wishes::default(), Id::new(node).unwrap());
    tokio::spawn(run(Arc::new(store.clone()), us, name_is_own.subscribe(), wishes.clone()));
    wishes
}

/// Waits until the store says something.
async fn until<T: Model>(store: &MemoryStore, name: &str, what: impl Fn(&T) -> bool) -> T {
    let look = async {
        loop {
            if let Some(row) = read::<T>(store, name).await.filter(|row| what(row)) {
                return row;
            }
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), look).await.expect("the store says it in time")
}

#[tokio::test(start_paused = true)]
async fn a_node_claims_nothing_in_the_name_of_another() {
    let store = MemoryStore::new();
    for port in ["p1", "p2"] {
        store.commit(Txn::new().put_object(&lport(port, None))).await.unwrap();
    }
    let name = watch::Sender::new(false);
    let wishes = start_named(&store, "a", &name);
    let revision = store.revision();
    wishes.add(vec![(id("p1"), wish(true, Forwarding::Unknown))]);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(store.revision(), revision, "nothing is written");
    name.send_replace(true);
    until::<LogicalPort>(&store, "p1", |port| port.binding.is_some()).await;

    name.send_replace(false);
    let revision = store.revision();
    wishes.add(vec![(id("p2"), wish(true, Forwarding::Unknown))]);
    sleep(Duration::from_secs(60)).await;
    assert_eq!(store.revision(), revision, "somebody else has the name again");
}

#[tokio::test(start_paused = true)]
async fn of_two_nodes_that_claim_a_port_one_has_it() {
    let store = MemoryStore::new();
    let count = 40;
    for port in 0..count {
        store.commit(Txn::new().put_object(&lport(&format!("p{port}"), None))).await.unwrap();
    }
    let nodes = ["a", "b"].map(|node| start(&store, node));
    for port in 0..count {
        for wishes in &nodes {
            wishes.add(vec![(id(&format!("p{port}")), wish(true, Forwarding::No))]);
        }
    }
    for port in 0..count {
        let row = until::<LogicalPort>(&store, &format!("p{port}"), |row| row.chassis().is_some()).await;
        assert_eq!(row.version, Some(Version(2)), "one claim, not one over the other");
    }
}

#[tokio::test(start_paused = true)]
async fn many_ports_are_told_and_only_the_last_word_on_each() {
    let store = MemoryStore::new();
    let wishes = start(&store, "a");
    let names: Vec<String> = (0..100).map(|port| format!("p{port}")).collect();
    for name in &names {
        store.commit(Txn::new().put_object(&lport(name, Some("a")))).await.unwrap();
    }
    let all = |forwarding| names.iter().map(|name| (id(name), wish(true, forwarding))).collect();
    wishes.add(all(Forwarding::No));
    wishes.add(all(Forwarding::Yes(Some(Version(1)))));
    for name in &names {
        let status = until::<PortStatus>(&store, name, |row| row.state == PortState::Active).await;
        assert_eq!((status.generation, status.version), (1, Some(Version::FIRST)));
    }
    // Rows that change together are written together: ports, counted in commits.
    let commits = store.revision().0 - u64::try_from(names.len()).unwrap();
    assert!(commits < 10, "{commits} commits for {} ports", names.len());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_was_away_hears_how_things_are_then() {
    let store = MemoryStore::new();
    store.commit(Txn::new().put_object(&lport("p", Some("a")))).await.unwrap();
    let wishes = start(&store, "a");
    store.go_away("cable");
    wishes.add(vec![(id("p"), wish(true, Forwarding::Yes(Some(Version(1)))))]);
    sleep(Duration::from_secs(60)).await;
    wishes.add(vec![(id("p"), wish(true, Forwarding::Yes(Some(Version(2)))))]);
    sleep(Duration::from_secs(60)).await;
    store.come_back();
    let back = Instant::now();
    let status = until::<PortStatus>(&store, "p", |_| true).await;
    assert_eq!((status.lport_version, status.version), (Some(Version(2)), Some(Version::FIRST)));
    assert!(back.elapsed() <= RETRY_MAX + Duration::from_secs(1));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_was_lost_does_no_harm() {
    let store = MemoryStore::new();
    store.commit(Txn::new().put_object(&lport("p", None))).await.unwrap();
    let wishes = start(&store, "a");
    store.lose_answers(1);
    wishes.add(vec![(id("p"), wish(true, Forwarding::No))]);
    until::<LogicalPort>(&store, "p", |row| row.chassis().is_some()).await;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(read::<LogicalPort>(&store, "p").await.unwrap().version, Some(Version(2)));
    // And unplugged it is nobody's again, because the claim is known to be ours.
    wishes.add(vec![(id("p"), wish(false, Forwarding::No))]);
    let row = until::<LogicalPort>(&store, "p", |row| row.binding.is_none()).await;
    assert_eq!(row.version, Some(Version(3)));
    assert_eq!(Store::read(&store, &[Key::new(CLAIMS, id("p"))]).await.unwrap(), [None]);
}
