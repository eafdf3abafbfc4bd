use etcd_wire::ResponseHeader;
use etcd_wire::kv::KeyValue;
use model::{Table, Topic};
use nb::TableName;
use proptest::prelude::*;

use super::*;

fn kv(key: &str, value: &str, revision: i64) -> KeyValue {
    KeyValue {
        key: key.to_owned().into(),
        value: value.to_owned().into(),
        mod_revision: revision,
        ..KeyValue::default()
    }
}

fn put(key: &str, value: &str, revision: i64) -> Event {
    Event { r#type: EventType::Put.into(), kv: Some(kv(key, value, revision)), prev_kv: None }
}

fn delete(key: &str, revision: i64, before: Option<&str>) -> Event {
    let prev_kv = before.map(|value| kv(key, value, revision - 1));
    Event { r#type: EventType::Delete.into(), kv: Some(kv(key, "", revision)), prev_kv }
}

fn answer(revision: i64, events: Vec<Event>) -> WatchResponse {
    let header = ResponseHeader { revision, cluster_id: 7, ..ResponseHeader::default() };
    WatchResponse { header: Some(header), events, ..WatchResponse::default() }
}

fn feed() -> Feed {
    let mut feed =
        Feed::new(Selector::tables([TableName::new("t"), Table::LogicalPort.into()]), Revision(10));
    feed.begin(true);
    feed
}

fn told(step: Step) -> (u64, Vec<String>) {
    match step {
        Step::Tell(WatchItem::Batch { revision, changes }) => {
            (revision.0, changes.iter().map(|change| change.key().id.to_string()).collect())
        }
        Step::Tell(WatchItem::UpTo(revision)) => (revision.0, Vec::new()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_ends_where_its_events_end_and_not_where_the_server_is() {
    let mut feed = feed();
    let step = feed.take(answer(99, vec![put("/t/a", "1", 11), put("/t/b", "1", 11), put("/t/a", "2", 13)]));
    assert_eq!(told(step), (13, vec!["a".to_owned(), "b".to_owned(), "a".to_owned()]));
    assert_eq!(feed.position(), Revision(13));
}

#[test]
fn parts_are_handed_on_together() {
    let mut feed = feed();
    let part = |event| WatchResponse { fragment: true, ..answer(11, vec![event]) };
    assert_eq!(feed.take(part(put("/t/a", "1", 11))), Step::Nothing);
    assert_eq!(feed.take(part(put("/t/b", "1", 11))), Step::Nothing);
    // An answer to a question in between does not make half of it complete.
    assert_eq!(feed.take(WatchResponse { watch_id: NO_WATCH_ID, ..answer(11, Vec::new()) }), Step::Nothing);
    assert_eq!(feed.position(), Revision(10));
    let step = feed.take(answer(11, vec![put("/t/c", "1", 11)]));
    assert_eq!(told(step), (11, vec!["a".to_owned(), "b".to_owned(), "c".to_owned()]));
}

#[test]
fn parts_of_a_broken_stream_are_not_mixed_with_the_next() {
    let mut feed = feed();
    let part = WatchResponse { fragment: true, ..answer(11, vec![put("/t/a", "1", 11)]) };
    assert_eq!(feed.take(part), Step::Nothing);
    feed.begin(true);
    let step = feed.take(answer(11, vec![put("/t/a", "1", 11), put("/t/b", "1", 11)]));
    assert_eq!(told(step), (11, vec!["a".to_owned(), "b".to_owned()]));
}

#[test]
fn foreign_keys_and_tables_only_say_how_far_the_store_is() {
    let mut feed = feed();
    let foreign = vec![put("/other/a", "1", 11), put("no/row", "1", 12), put("/t/", "1", 12)];
    assert_eq!(told(feed.take(answer(12, foreign))), (12, Vec::new()));
    let mixed = vec![put("/other/a", "2", 13), put("/t/a", "1", 13)];
    assert_eq!(told(feed.take(answer(13, mixed))), (13, vec!["a".to_owned()]));
}

#[test]
fn who_wants_a_topic_is_told_of_rows_that_get_or_lose_it() {
    let text = |topic: &str| format!(r#"{{"id": "p", "topic": "{topic}"}}"#);
    let selector =
        Selector { topics: Some([Topic::new("red")].into()), ..Selector::tables([Table::LogicalPort]) };
    let mut feed = Feed::new(selector, Revision(10));
    let moved = |before: &str, now: &str, revision| Event {
        prev_kv: Some(kv("/lport/p", &text(before), revision - 1)),
        ..put("/lport/p", &text(now), revision)
    };
    let one = vec!["p".to_owned()];
    assert_eq!(told(feed.take(answer(11, vec![moved("blue", "red", 11)]))), (11, one.clone()));
    assert_eq!(told(feed.take(answer(12, vec![moved("red", "green", 12)]))), (12, one.clone()));
    assert_eq!(told(feed.take(answer(13, vec![moved("green", "blue", 13)]))), (13, Vec::new()));
    assert_eq!(told(feed.take(answer(14, vec![delete("/lport/p", 14, Some(&text("blue")))]))).1.len(), 0);
    assert_eq!(
        told(feed.take(answer(15, vec![delete("/lport/p", 15, Some(&text("red")))]))),
        (15, one.clone())
    );
    // Nobody knows any more which topic it had.
    assert_eq!(told(feed.take(answer(16, vec![delete("/lport/p", 16, None)]))), (16, one));
}

#[test]
fn a_delete_says_what_the_row_was() {
    let mut feed = feed();
    let text = r#"{"id": "p", "topic": "red"}"#;
    let step = feed.take(answer(11, vec![delete("/lport/p", 11, Some(text)), delete("/t/a", 11, None)]));
    let Step::Tell(WatchItem::Batch { changes, .. }) = step else { panic!("{step:?}") };
    let [Change::Delete(port, Some(last)), Change::Delete(row, None)] = changes.as_slice() else {
        panic!("{changes:?}")
    };
    assert_eq!((port.topic.clone(), last.as_ref()), (Some(Topic::new("red")), text.as_bytes()));
    assert_eq!(row.id.to_string(), "a");
}

#[test]
fn answers_of_old_servers_to_questions_are_not_believed() {
    let asked = || WatchResponse { watch_id: NO_WATCH_ID, ..answer(20, Vec::new()) };
    let mut feed = feed();
    feed.begin(false);
    assert_eq!(feed.take(asked()), Step::Nothing);
    // What the server says of its own accord is in order.
    assert_eq!(told(feed.take(answer(15, Vec::new()))), (15, Vec::new()));
    feed.begin(true);
    assert_eq!(told(feed.take(asked())), (20, Vec::new()));
    assert_eq!(feed.take(asked()), Step::Nothing);
}

#[test]
fn releases_that_answer_truly_are_known() {
    for (version, expected) in [
        ("3.4.23", false),
        ("3.4.25", true),
        ("3.5.7", false),
        ("3.5.8", true),
        ("3.5.16+git", true),
        ("3.6.0-rc.1", true),
        ("4.0.0", true),
        ("3.3.27", false),
        ("", false),
        ("3.5", false),
        ("x.y.z", false),
    ] {
        assert_eq!(tells_how_far(version), expected, "{version:?}");
    }
}

#[test]
fn what_is_told_again_is_a_gap() {
    let mut feed = feed();
    assert!(matches!(feed.take(answer(11, vec![put("/t/a", "1", 10)])), Step::Gap(_)));
    assert!(matches!(feed.take(answer(11, vec![put("/t/a", "1", 11), put("/t/a", "1", 0)])), Step::Gap(_)));
    let empty = Event { r#type: 0, kv: None, prev_kv: None };
    assert!(matches!(feed.take(answer(11, vec![empty])), Step::Gap(_)));
}

#[test]
fn compaction_is_a_gap_and_any_other_end_is_not() {
    let mut feed = feed();
    let compacted = WatchResponse { canceled: true, compact_revision: 50, ..answer(60, Vec::new()) };
    assert!(matches!(feed.take(compacted), Step::Gap(reason) if reason.contains("up to revision 50")));
    let refused = WatchResponse {
        created: true,
        canceled: true,
        cancel_reason: "no leave".to_owned(),
        ..answer(60, Vec::new())
    };
    assert!(matches!(feed.take(refused), Step::Ended(reason) if reason.contains("no leave")));
    let created = WatchResponse { created: true, ..answer(60, Vec::new()) };
    assert_eq!(feed.take(created), Step::Created { revision: 60, cluster: 7 });
}

fn any_event() -> impl Strategy<Value = Event> {
    let keys = prop::sample::select(vec!["/t/a", "/t/b", "/other/a", "/lport/p", "no row", ""]);
    let row =
        (keys, "[{}\"topic:a]{0,8}", -2_i64..40).prop_map(|(key, value, revision)| kv(key, &value, revision));
    (0..3_i32, prop::option::weighted(0.9, row.clone()), prop::option::of(row))
        .prop_map(|(r#type, kv, prev_kv)| Event { r#type, kv, prev_kv })
}

prop_compose! {
    fn any_answer()(
        revision in -2_i64..60,
        watch_id in -1_i64..2,
        created in prop::bool::weighted(0.1),
        canceled in prop::bool::weighted(0.1),
        compact_revision in prop_oneof![9 => Just(0), 1 => -2_i64..20],
        fragment in prop::bool::weighted(0.3),
        events in prop::collection::vec(any_event(), 0..5),
    ) -> WatchResponse {
        WatchResponse { watch_id, created, canceled, compact_revision, fragment, ..answer(revision, events) }
    }
}

proptest! {
    /// Whatever a server says: a consumer is never told to go back, and of nothing that it did not ask for.
    #[test]
    fn no_answer_leads_back(answers in prop::collection::vec(any_answer(), 0..20), is_told_how_far: bool) {
        let mut feed = feed();
        feed.begin(is_told_how_far);
        for answer in answers {
            let before = feed.position();
            match feed.take(answer) {
                Step::Gap(_) => break,
                Step::Tell(WatchItem::Batch { revision, changes }) => {
                    prop_assert!(revision > before && feed.position() == revision);
                    prop_assert!(changes.iter().all(|change| feed.selector().selects(change.key())));
                }
                Step::Tell(WatchItem::UpTo(revision)) => {
                    prop_assert!(revision > before && feed.position() == revision);
                }
                _ => prop_assert_eq!(feed.position(), before),
            }
        }
    }
}
