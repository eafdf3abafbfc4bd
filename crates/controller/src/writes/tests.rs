use model::{Chassis, Id, Migration, MigrationStatus, Model};
use nb::MemoryStore;
use tokio::time::timeout;

use super::*;

fn migration(status: MigrationStatus) -> Migration {
    let text = r#"{"id": "p", "lport": "p", "dest_chassis": "b", "status": "dest_plug"}"#;
    Migration { status, ..Migration::from_text(text).unwrap() }
}

fn change_to(status: MigrationStatus) -> Write {
    Write::change(migration(MigrationStatus::DestPlug).into(), migration(status).into())
}

fn start(store: &MemoryStore) -> Writes {
    let writes = Writes::default();
    tokio::spawn(run(Arc::new(store.clone()), "seed".to_owned(), writes.clone()));
    writes
}

async fn put(store: &MemoryStore, row: Migration) {
    store.commit(Txn::new().put_object(&row.into())).await.unwrap();
}

async fn stored(store: &MemoryStore) -> Option<Migration> {
    let key = Key::of(&migration(MigrationStatus::DestPlug).into());
    let row = Store::read(store, &[key]).await.unwrap().remove(0)?;
    Some(Migration::from_text(std::str::from_utf8(&row.value).unwrap()).unwrap())
}

async fn until(what: impl AsyncFn() -> bool) {
    let look = async {
        while !what().await {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(Duration::from_secs(60), look).await.expect("it happens in time");
}

#[tokio::test(start_paused = true)]
async fn what_was_seen_is_changed_also_when_the_store_was_away_or_lost_its_answer() {
    let store = MemoryStore::new();
    put(&store, migration(MigrationStatus::DestPlug)).await;
    let writes = start(&store);
    store.go_away("it is being moved");
    writes.add(change_to(MigrationStatus::Rebound));
    writes.add(change_to(MigrationStatus::SrcUnplug));
    sleep(Duration::from_secs(20)).await;
    store.come_back();
    store.lose_answers(1);
    until(async || stored(&store).await == Some(migration(MigrationStatus::SrcUnplug))).await;
    until(async || writes.lock().is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_row_that_somebody_else_changed_or_deleted_stays_as_it_is() {
    let store = MemoryStore::new();
    let other = Migration {
        dest_chassis: Some(Id::<Chassis>::new("c").unwrap()),
        ..migration(MigrationStatus::DestPlug)
    };
    let writes = start(&store);
    for row in [None, Some(other)] {
        if let Some(row) = &row {
            put(&store, row.clone()).await;
        }
        let before = store.revision();
        writes.add(change_to(MigrationStatus::SrcUnplug));
        until(async || writes.lock().is_empty()).await;
        sleep(Duration::from_secs(1)).await;
        assert_eq!((stored(&store).await, store.revision()), (row, before));
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_said_already_is_not_written_and_rows_come_and_go() {
    let store = MemoryStore::new();
    let writes = start(&store);
    let row: Object = migration(MigrationStatus::DestPlug).into();
    let comes = Write { seen: None, wanted: Some(row.clone()) };
    writes.add(comes.clone());
    until(async || stored(&store).await.is_some()).await;
    let revision = store.revision();
    writes.add(comes);
    until(async || writes.lock().is_empty()).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(store.revision(), revision);
    writes.add(Write { seen: Some(row), wanted: None });
    until(async || stored(&store).await.is_none()).await;
}

#[test]
fn what_waits_is_bounded() {
    let writes = Writes::default();
    for number in 0..WAITING_MAX + 10 {
        let id = Id::new(&format!("p{number}")).unwrap();
        let row = Migration { id, ..migration(MigrationStatus::DestPlug) };
        writes.add(Write { seen: None, wanted: Some(row.into()) });
    }
    assert_eq!(writes.lock().len(), WAITING_MAX);
}
