use nb::memory::MemoryStore;

use super::*;

fn id<T>(text: &str) -> Id<T> {
    Id::new(text).expect("a name")
}

fn said(port: &str, changes: &[(&str, bool)]) -> Listens {
    let changes = changes.iter().map(|(group, listens)| (group.parse().expect("an address"), *listens));
    Listens { port: id(port), network: id("red"), topic: Topic::new("t"), changes: changes.collect() }
}

/// The addresses, each with the ports that listen to it.
fn listened(memberships: &Memberships) -> Vec<(String, Vec<String>)> {
    let names = |row: &MulticastMember| row.ports.iter().map(ToString::to_string).collect();
    memberships.rows().values().map(|row| (row.group.to_string(), names(row))).collect()
}

fn of(group: &str, ports: &[&str]) -> (String, Vec<String>) {
    (group.to_owned(), ports.iter().map(|port| (*port).to_owned()).collect())
}

#[test]
fn what_is_not_repeated_is_forgotten_and_a_goodbye_counts_at_once() {
    let mut memberships = Memberships::new(id("n1"));
    memberships.hear(said("p1", &[("239.1.1.1", true), ("ff05::1", true)]), 0);
    memberships.hear(said("p2", &[("239.1.1.1", true)]), 1_000);
    assert_eq!(listened(&memberships), [of("239.1.1.1", &["p1", "p2"]), of("ff05::1", &["p1"])]);
    memberships.hear(said("p2", &[("239.1.1.1", false)]), 2_000);
    assert_eq!(listened(&memberships)[0], of("239.1.1.1", &["p1"]));
    memberships.hear(said("p1", &[("ff05::1", true)]), 200_000);
    assert_eq!(memberships.next_ms(), Some(260_000));
    memberships.forget(260_000);
    assert_eq!(listened(&memberships), [of("ff05::1", &["p1"])]);
    memberships.forget(460_000);
    assert_eq!((listened(&memberships), memberships.next_ms()), (vec![], None));
}

#[test]
fn a_guest_that_listens_to_everything_takes_no_more_than_its_share() {
    let mut memberships = Memberships::new(id("n1"));
    let changes = (0..=255_u8).map(|last| (IpAddr::from([239, 1, 1, last]), true));
    memberships.hear(Listens { changes: changes.collect(), ..said("p1", &[]) }, 0);
    assert_eq!(memberships.groups.len(), GROUPS_OF_PORT_MAX);
    memberships.hear(said("p2", &[("239.9.9.9", true)]), 0);
    assert_eq!(memberships.groups.len(), GROUPS_OF_PORT_MAX + 1, "others are not concerned");
    memberships.hear(said("p1", &[("239.1.1.1", true)]), 100_000);
    memberships.forget(300_000);
    assert_eq!(listened(&memberships), [of("239.1.1.1", &["p1"])], "what it has may be repeated");
}

#[test]
fn only_what_changed_is_written() {
    let mut memberships = Memberships::new(id("n1"));
    memberships.hear(said("p1", &[("239.1.1.1", true), ("239.1.1.2", true)]), 0);
    let (txn, written) = difference(&Rows::new(), &memberships.rows());
    assert_eq!((txn.ops.len(), &written), (2, &memberships.rows()));
    memberships.hear(said("p1", &[("239.1.1.1", true)]), 5_000);
    assert!(difference(&written, &memberships.rows()).0.ops.is_empty(), "nothing new");
    memberships.hear(said("p1", &[("239.1.1.1", false)]), 6_000);
    let (txn, written) = difference(&written, &memberships.rows());
    assert_eq!((txn.ops.len(), written), (1, memberships.rows()));
}

async fn stored(store: &MemoryStore) -> Vec<MulticastMember> {
    let snapshot = store.snapshot(&Selector::tables([MulticastMember::TABLE])).await.expect("it is there");
    let read = |value: &[u8]| MulticastMember::from_text(std::str::from_utf8(value).unwrap()).unwrap();
    snapshot.rows.iter().map(|row| read(&row.value)).collect()
}

#[tokio::test(start_paused = true)]
async fn rows_come_and_go_and_a_restart_keeps_them() {
    let store = MemoryStore::new();
    let (say, task) = follow(Arc::new(store.clone()), id("n1"));
    let task = tokio::spawn(task);
    say.send(said("p1", &[("239.1.1.1", true)])).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let rows = stored(&store).await;
    assert_eq!(
        (rows.len(), rows[0].ports.clone(), rows[0].chassis.to_string()),
        (1, vec![id("p1")], "n1".to_owned())
    );
    task.abort();

    let (say, task) = follow(Arc::new(store.clone()), id("n1"));
    let _task = tokio::spawn(task);
    sleep(Duration::from_secs(200)).await;
    assert_eq!(stored(&store).await, rows, "its guests have not been asked yet");
    say.send(said("p2", &[("239.1.1.1", true)])).await.unwrap();
    sleep(Duration::from_secs(100)).await;
    assert_eq!(stored(&store).await[0].ports, [id("p2")], "the other one did not repeat itself");
    sleep(AGE).await;
    assert!(stored(&store).await.is_empty());
}
