use super::*;
use crate::monitor::MonitorSpec;
use crate::row::BatchKind;
use crate::transaction::{Rows, Values};
use crate::vswitch::{Bridge, DATABASE};

const NEVER: Duration = Duration::ZERO;

fn replica() -> Replica {
    Replica::new(MonitorSpec::new(&[Bridge::NAME.info(), Bridge::FAIL_MODE.info()]))
}

fn schema() -> Value {
    let columns = json!({
        "name": {"type": "string"},
        "fail_mode": {"type": {"key": "string", "min": 0}},
    });
    json!({"name": DATABASE, "version": "1.0.0", "tables": {"Bridge": {"columns": columns}}})
}

fn sent(session: &mut Session) -> Vec<Value> {
    std::iter::from_fn(|| session.next_outgoing())
        .map(|bytes| serde_json::from_slice(&bytes).unwrap())
        .collect()
}

fn give(session: &mut Session, message: Value) -> Result<(), SessionError> {
    session.receive(message.to_string().as_bytes(), NEVER)
}

fn reply(session: &mut Session, result: Value) -> Result<(), SessionError> {
    let request = sent(session).pop().expect("a request waits for its reply");
    give(session, json!({"id": request["id"], "result": result, "error": null}))
}

fn uuid(number: u128) -> String {
    Uuid::from_u128(number).to_string()
}

fn live(replica: Replica) -> Session {
    let mut session = Session::new(SessionConfig::new(DATABASE), replica, NEVER);
    reply(&mut session, schema()).unwrap();
    reply(&mut session, json!([false, uuid(9), {"Bridge": {(uuid(1)): {"initial": {"name": "a"}}}}]))
        .unwrap();
    session
}

fn events(session: &mut Session) -> Vec<SessionEvent> {
    std::iter::from_fn(|| session.next_event()).collect()
}

#[test]
fn the_conversation_goes_from_schema_to_live() {
    let mut session = Session::new(SessionConfig::new(DATABASE), replica(), NEVER);
    let first = sent(&mut session);
    assert_eq!(first, [json!({"id": 0, "method": "get_schema", "params": [DATABASE]})]);
    give(&mut session, json!({"id": 0, "result": schema(), "error": null})).unwrap();
    let second = sent(&mut session);
    let requests = json!({"Bridge": [{"columns": ["fail_mode", "name"]}]});
    let params = json!([DATABASE, "replica", requests, uuid(0)]);
    assert_eq!(second, [json!({"id": 1, "method": "monitor_cond_since", "params": params})]);
    assert!(!session.is_live());
    let updates = json!({"Bridge": {(uuid(1)): {"initial": {"name": "a"}}}});
    give(&mut session, json!({"id": 1, "result": [false, uuid(9), updates], "error": null})).unwrap();
    assert!(session.is_live());
    let events = events(&mut session);
    let [SessionEvent::Batch(batch), SessionEvent::Live { method, missing }] = events.as_slice() else {
        panic!("{events:?}")
    };
    assert_eq!((batch.kind, batch.changes.len(), *method), (BatchKind::Initial, 1, MonitorMethod::CondSince));
    assert!(missing.is_empty());
}

#[test]
fn the_next_session_resumes() {
    let mut session = Session::new(SessionConfig::new(DATABASE), live(replica()).into_replica(), NEVER);
    reply(&mut session, schema()).unwrap();
    let request = sent(&mut session).remove(0);
    assert_eq!(request["params"][3], uuid(9));
    let updates = json!({"Bridge": {(uuid(1)): {"modify": {"fail_mode": "secure"}}}});
    give(&mut session, json!({"id": request["id"], "result": [true, uuid(10), updates], "error": null}))
        .unwrap();
    let Some(SessionEvent::Batch(batch)) = session.next_event() else { panic!() };
    assert_eq!((batch.kind, batch.changes.len()), (BatchKind::Resumed, 1));
    assert_eq!(session.replica().last_transaction(), Some(Uuid::from_u128(10)));
}

#[test]
fn a_server_with_other_columns_is_read_anew() {
    let mut smaller = schema();
    smaller["tables"]["Bridge"]["columns"].as_object_mut().unwrap().remove("fail_mode");
    let mut session = Session::new(SessionConfig::new(DATABASE), live(replica()).into_replica(), NEVER);
    reply(&mut session, smaller).unwrap();
    assert_eq!(sent(&mut session)[0]["params"][3], uuid(0), "our transaction is of other columns");
}

#[test]
fn older_servers_are_asked_in_older_words() {
    let mut session = Session::new(SessionConfig::new(DATABASE), replica(), NEVER);
    reply(&mut session, schema()).unwrap();
    for method in ["monitor_cond_since", "monitor_cond"] {
        let request = sent(&mut session).remove(0);
        assert_eq!(request["method"], method);
        let refusal = json!({"id": request["id"], "result": null, "error": "unknown method"});
        give(&mut session, refusal).unwrap();
    }
    reply(&mut session, json!({"Bridge": {(uuid(1)): {"new": {"name": "a", "fail_mode": ["set", []]}}}}))
        .unwrap();
    assert!(session.is_live());
    let update = json!({"Bridge": {(uuid(1)): {"old": {"name": "a"}}}});
    give(&mut session, json!({"id": null, "method": "update", "params": ["replica", update]})).unwrap();
    assert!(session.replica().is_empty());
}

#[test]
fn an_unknown_database_is_said() {
    let mut session = Session::new(SessionConfig::new("Nope"), replica(), NEVER);
    sent(&mut session);
    let error =
        give(&mut session, json!({"id": 0, "result": null, "error": "unknown database"})).unwrap_err();
    assert_eq!(error.to_string(), "get_schema failed: unknown database");
}

#[test]
fn transactions_are_answered_in_any_order_and_after_their_batches() {
    let mut session = live(replica());
    events(&mut session);
    let mut transaction = Transaction::new();
    transaction.update(&Rows::all(), &Values::new().set(&Bridge::FAIL_MODE, Some("secure".to_owned())));
    let first = session.transact(&transaction).unwrap();
    let second = session.transact(&transaction).unwrap();
    let ids: Vec<Value> = sent(&mut session).into_iter().map(|request| request["id"].clone()).collect();
    let update = json!({"Bridge": {(uuid(1)): {"modify": {"fail_mode": "secure"}}}});
    give(&mut session, json!({"id": null, "method": "update3", "params": ["replica", uuid(10), update]}))
        .unwrap();
    for id in ids.iter().rev() {
        give(&mut session, json!({"id": id, "result": [{"count": 1}], "error": null})).unwrap();
    }
    let events = events(&mut session);
    let [
        SessionEvent::Batch(_),
        SessionEvent::Transacted { request: one, .. },
        SessionEvent::Transacted { request: two, .. },
    ] = events.as_slice()
    else {
        panic!("{events:?}")
    };
    assert_eq!((*one, *two), (second, first));
}

#[test]
fn queues_are_bounded() {
    let config = SessionConfig { max_pending_requests: 2, ..SessionConfig::new(DATABASE) };
    let mut session = Session::new(config, replica(), NEVER);
    let transaction = Transaction::new();
    session.transact(&transaction).unwrap();
    session.transact(&transaction).unwrap();
    assert_eq!(session.transact(&transaction), Err(Busy::Requests(2)));
    assert!(!session.has_room());

    let config = SessionConfig { max_outgoing_bytes: 10_000, ..SessionConfig::new(DATABASE) };
    let mut session = Session::new(config, replica(), NEVER);
    let echo = json!({"id": 1, "method": "echo", "params": ["x".repeat(4000)]});
    give(&mut session, echo.clone()).unwrap();
    give(&mut session, echo.clone()).unwrap();
    assert_eq!(give(&mut session, echo), Err(SessionError::OutgoingFull(10_000)));
    assert_eq!(session.transact(&transaction), Err(Busy::Bytes(10_000)));
}

#[test]
fn echoes_are_answered_and_other_requests_refused() {
    let mut session = live(replica());
    sent(&mut session);
    give(&mut session, json!({"id": "e", "method": "echo", "params": [1]})).unwrap();
    give(&mut session, json!({"id": [2], "method": "steal", "params": []})).unwrap();
    let answers = [
        json!({"id": "e", "result": [1], "error": null}),
        json!({"id": [2], "result": null, "error": "unknown method"}),
    ];
    assert_eq!(sent(&mut session), answers);
}

#[test]
fn silence_is_probed_and_then_the_end() {
    let mut session = live(replica());
    sent(&mut session);
    let second = Duration::from_secs(1);
    assert_eq!(session.deadline(), second * 5);
    session.tick(second * 4).unwrap();
    assert_eq!(sent(&mut session), [Value::Null; 0]);
    session.tick(second * 5).unwrap();
    assert_eq!(sent(&mut session)[0]["method"], "echo");
    session.tick(second * 7).unwrap();
    assert_eq!(sent(&mut session), [Value::Null; 0], "one probe at a time");
    assert_eq!(session.deadline(), second * 10);

    session.receive(br#"{"id":"probe","result":[],"error":null}"#, second * 9).unwrap();
    assert_eq!(session.deadline(), second * 14);
    session.tick(second * 14).unwrap();
    session.receive(b" ", second * 15).unwrap();
    session.tick(second * 20).unwrap();
    assert_eq!(session.tick(second * 25), Err(SessionError::Unresponsive(second * 10)));
}

#[test]
fn a_process_that_was_stopped_for_long_listens_before_it_gives_up() {
    let mut session = live(replica());
    sent(&mut session);
    let hour = Duration::from_secs(3600);
    session.tick(hour).unwrap();
    assert_eq!(sent(&mut session)[0]["method"], "echo");
    assert_eq!(session.deadline(), hour + Duration::from_secs(5));
    session.receive(b" ", hour).unwrap();
    session.tick(hour * 2).unwrap();
    assert_eq!(sent(&mut session)[0]["method"], "echo");
    // The same in the middle of a probe: the first look at the clock after it is the last.
    let silence = hour * 3 - hour;
    assert_eq!(session.tick(hour * 3), Err(SessionError::Unresponsive(silence)));
}

#[test]
fn what_was_not_given_out_is_known_to_be_unsent() {
    let mut session = live(replica());
    sent(&mut session);
    let ids: Vec<RequestId> = (0..3).map(|_| session.transact(&Transaction::new()).unwrap()).collect();
    assert_eq!(session.unsent().collect::<Vec<_>>(), ids);
    session.next_outgoing().unwrap();
    assert_eq!(session.unsent().collect::<Vec<_>>(), ids[1..]);
}

#[test]
fn a_handshake_has_an_end_even_if_echoes_are_answered() {
    let mut session = Session::new(SessionConfig::new(DATABASE), replica(), NEVER);
    for seconds in 0..30 {
        let now = Duration::from_secs(seconds);
        session.tick(now).unwrap();
        session.receive(br#"{"id":"probe","result":[],"error":null}"#, now).unwrap();
    }
    let limit = Duration::from_secs(30);
    assert_eq!(session.deadline(), limit);
    assert_eq!(session.tick(limit), Err(SessionError::HandshakeTimeout(limit)));
}

#[test]
fn messages_out_of_place_end_the_session() {
    let update = |method: &str, id: &str| {
        let params = if method == "update3" { json!([id, uuid(9), {}]) } else { json!([id, {}]) };
        json!({"id": null, "method": method, "params": params})
    };
    let mut early = Session::new(SessionConfig::new(DATABASE), replica(), NEVER);
    assert!(matches!(give(&mut early, update("update3", "replica")), Err(SessionError::Unexpected(_))));
    for bad in [
        update("update2", "replica"),
        update("update3", "other"),
        json!({"id": null, "method": "update3", "params": []}),
        json!({"id": 77, "result": [], "error": null}),
        json!({"id": 1, "result": [], "error": null}),
        json!({"id": null, "result": [], "error": null}),
    ] {
        let error = give(&mut live(replica()), bad.clone()).unwrap_err();
        assert!(matches!(error, SessionError::Unexpected(_)), "{bad}: {error}");
    }
    let canceled = json!({"id": null, "method": "monitor_canceled", "params": ["replica"]});
    assert_eq!(give(&mut live(replica()), canceled), Err(SessionError::MonitorCanceled));
    give(&mut live(replica()), json!({"id": null, "method": "locked", "params": ["x"]})).unwrap();
}

#[test]
fn events_before_an_error_are_kept() {
    let mut session = live(replica());
    events(&mut session);
    let update = json!({"Bridge": {(uuid(1)): {"modify": {"fail_mode": "secure"}}}});
    let good = json!({"id": null, "method": "update3", "params": ["replica", uuid(10), update]});
    let text = format!("{good}x");
    session.receive(text.as_bytes(), NEVER).unwrap_err();
    assert_eq!(events(&mut session).len(), 1);
    assert_eq!(session.into_replica().last_transaction(), Some(Uuid::from_u128(10)));
}
