//! What `etcdctl` and `etcd` really said to each other, read and written by our messages.
//!
//! Reading alone would not notice a field that we do not know (it is skipped), nor writing alone one with a wrong number:
//! each message has to come out as it went in, byte by byte, and a few are compared with what they are known to say.

use etcd_wire::admin::MemberListResponse;
use etcd_wire::kv::{
    Compare, CompareResult, CompareTarget, DeleteRangeResponse, KeyValue, PutRequest, PutResponse,
    RangeRequest, RangeResponse, Request, Response, SortOrder, SortTarget, TargetUnion, TxnRequest,
    TxnResponse,
};
use etcd_wire::lease::LeaseTimeToLiveResponse;
use etcd_wire::method::{self, Method};
use etcd_wire::watch::{EventType, WatchResponse};
use prost::Message;

const RECORDED: &str = include_str!("recorded.txt");

struct Line {
    command: &'static str,
    is_request: bool,
    message: Vec<u8>,
}

fn lines() -> Vec<Line> {
    let lines = RECORDED.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let mut parts = line.split(" | ");
            let command = parts.next().expect("a command");
            let is_request = parts.next().expect("a direction") == "request";
            Line { command, is_request, message: bytes_of(parts.next().unwrap_or_default()) }
        })
        .collect()
}

fn bytes_of(hexadecimal: &str) -> Vec<u8> {
    let digits = hexadecimal.trim().as_bytes().chunks(2);
    digits
        .map(|digits| u8::from_str_radix(std::str::from_utf8(digits).expect("ASCII"), 16).expect("a number"))
        .collect()
}

/// The `number`th message of a command, in one direction.
fn said<M: Message + Default>(command: &str, is_request: bool, number: usize) -> M {
    let lines = lines();
    let mut found = lines.iter().filter(|line| line.command == command && line.is_request == is_request);
    let line =
        found.nth(number).unwrap_or_else(|| panic!("message {number} of {command:?} was not recorded"));
    M::decode(line.message.as_slice()).expect("a message of this type")
}

fn assert_same<M: Method>(line: &Line) {
    let again = if line.is_request {
        M::Request::decode(line.message.as_slice()).expect(line.command).encode_to_vec()
    } else {
        M::Response::decode(line.message.as_slice()).expect(line.command).encode_to_vec()
    };
    assert_eq!(again, line.message, "{} (request: {})", line.command, line.is_request);
}

#[test]
fn every_recorded_message_comes_out_as_it_went_in() {
    let lines = lines();
    assert!(lines.len() > 40, "only {} messages were recorded", lines.len());
    for line in &lines {
        let words: Vec<_> = line.command.split(' ').collect();
        match words[..] {
            ["put", ..] => assert_same::<method::Put>(line),
            ["get", ..] | ["endpoint", "health"] => assert_same::<method::Range>(line),
            ["del", ..] => assert_same::<method::DeleteRange>(line),
            ["txn"] => assert_same::<method::Txn>(line),
            ["compaction", ..] => assert_same::<method::Compact>(line),
            ["watch", ..] => assert_same::<method::Watch>(line),
            ["lease", "grant", ..] => assert_same::<method::LeaseGrant>(line),
            ["lease", "revoke", ..] => assert_same::<method::LeaseRevoke>(line),
            ["lease", "keep-alive", ..] => assert_same::<method::LeaseKeepAlive>(line),
            ["lease", "timetolive", ..] => assert_same::<method::LeaseTimeToLive>(line),
            ["lease", "list"] => assert_same::<method::LeaseLeases>(line),
            ["endpoint", "status"] => assert_same::<method::Status>(line),
            ["member", "list"] => assert_same::<method::MemberList>(line),
            ["alarm", "list"] => assert_same::<method::Alarm>(line),
            _ => panic!("nobody knows the method of {:?}", line.command),
        }
    }
}

#[test]
fn rows_say_what_was_written() {
    let put: PutRequest = said("put /lport/a b --prev-kv", true, 0);
    assert_eq!((&put.key[..], &put.value[..], put.prev_kv), (&b"/lport/a"[..], &b"b"[..], true));
    let put: PutResponse = said("put /lport/a b --prev-kv", false, 0);
    let header = put.header.expect("a header");
    assert_eq!((header.revision, header.raft_term), (3, 2));
    let before = KeyValue {
        key: "/lport/a".into(),
        create_revision: 2,
        mod_revision: 2,
        version: 1,
        value: r#"{"id":"a"}"#.into(),
        lease: 0,
    };
    assert_eq!(put.prev_kv, Some(before));
    let command = "get /lport/ --prefix --limit 1 --sort-by MODIFY --order DESCEND";
    let get: RangeRequest = said(command, true, 0);
    assert_eq!((&get.key[..], &get.range_end[..], get.limit), (&b"/lport/"[..], &b"/lport0"[..], 1));
    assert_eq!((get.sort_order(), get.sort_target()), (SortOrder::Descend, SortTarget::Mod));
    let rows: RangeResponse = said(command, false, 0);
    assert_eq!((rows.kvs.len(), rows.more, rows.count), (1, true, 2));
    let deleted: DeleteRangeResponse = said("del /lport/ --prefix --prev-kv", false, 0);
    assert_eq!((deleted.deleted, deleted.prev_kvs.len()), (2, 2));
}

#[test]
fn transactions_say_what_was_asked() {
    let txn: TxnRequest = said("txn", true, 0);
    let compare = |target, result, key: &'static str, with| Compare {
        result: i32::from(result),
        target: i32::from(target),
        key: key.into(),
        target_union: Some(with),
        range_end: "".into(),
    };
    assert_eq!(
        txn.compare,
        [
            compare(CompareTarget::Mod, CompareResult::Greater, "/lport/a", TargetUnion::ModRevision(2)),
            compare(CompareTarget::Value, CompareResult::Equal, "/lport/a", TargetUnion::Value("b".into())),
            compare(CompareTarget::Version, CompareResult::Equal, "/lport/b", TargetUnion::Version(1)),
            compare(
                CompareTarget::Create,
                CompareResult::Greater,
                "/lport/b",
                TargetUnion::CreateRevision(0)
            ),
        ]
    );
    let kinds: Vec<_> = txn.success.iter().map(|op| op.request.as_ref()).collect();
    assert!(matches!(
        kinds[..],
        [Some(Request::Put(_)), Some(Request::Range(_)), Some(Request::DeleteRange(_))]
    ));
    let done: TxnResponse = said("txn", false, 0);
    assert!(done.succeeded);
    let deleted = done.responses.iter().find_map(|op| match op.response.as_ref() {
        Some(Response::DeleteRange(response)) => Some(response.deleted),
        _ => None,
    });
    assert_eq!(deleted, Some(1));
    assert!(!said::<TxnResponse>("txn", false, 1).succeeded);
}

#[test]
fn watches_leases_and_members_say_what_happened() {
    let created: WatchResponse = said("watch /lport/ --prefix --rev 2 --prev-kv", false, 0);
    assert!(created.created && created.events.is_empty());
    let seen: WatchResponse = said("watch /lport/ --prefix --rev 2 --prev-kv", false, 1);
    assert_eq!(seen.events.len(), 7);
    let last = seen.events.last().expect("an event");
    assert_eq!(last.r#type(), EventType::Delete);
    assert!(last.kv.as_ref().is_some_and(|row| row.key == "/lport/c" && row.mod_revision == 9));
    assert!(last.prev_kv.as_ref().is_some_and(|row| row.value == "d"));
    let over: WatchResponse = said("watch /lport/ --prefix --rev 2", false, 1);
    assert!(over.canceled);
    assert_eq!(over.compact_revision, 5);
    let command = RECORDED.lines().find(|line| line.starts_with("lease timetolive")).expect("a command");
    let lease: LeaseTimeToLiveResponse = said(command.split(" | ").next().expect("a command"), false, 0);
    assert_eq!((lease.ttl, lease.granted_ttl, &lease.keys[..]), (99, 100, &["/leased".into()][..]));
    let members: MemberListResponse = said("member list", false, 0);
    assert_eq!(members.members.len(), 1);
    assert_eq!((members.members[0].name.as_str(), members.members[0].is_learner), ("default", false));
    assert_eq!(members.members[0].client_urls, ["http://127.0.0.1:32379"]);
}
