//! `etcdctl` works on the store as on etcd, and sees the rows of the northbound store.

use std::io::{BufRead, BufReader, Write};
use std::process::Stdio;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use crate::server::Served;
use model::{RowId, Table};
use nb::{Change, Key, Selector, Store, Txn, WatchItem};
use nb_embedded::Options;
use testkit::process::output_of;

/// How long anything may take.
const DEADLINE: Duration = Duration::from_secs(20);

fn key(id: &str) -> Key {
    Key::new(Table::LogicalPort, RowId::new(id).expect("an id"))
}

#[test]
fn rows_are_put_and_got_and_deleted() {
    let served = Served::start(Options::default());
    assert_eq!(served.ctl(&["put", "/lport/a", "one"]), "OK\n");
    assert_eq!(served.ctl(&["put", "/lport/a", "two", "--prev-kv"]), "OK\n/lport/a\none\n");
    served.ctl(&["put", "/lport/b", "three"]);
    assert_eq!(served.ctl(&["get", "/lport/", "--prefix"]), "/lport/a\ntwo\n/lport/b\nthree\n");
    assert_eq!(served.ctl(&["get", "/lport/", "--prefix", "--limit=1", "--keys-only"]), "/lport/a\n\n");
    assert_eq!(served.ctl(&["get", "/lport/a", "--rev=2", "--print-value-only"]), "one\n");
    let sorted = ["get", "/lport/", "--prefix", "--sort-by=MODIFY", "--order=DESCEND", "--print-value-only"];
    assert_eq!(served.ctl(&sorted), "three\ntwo\n");
    assert_eq!(served.ctl(&["get", "--from-key", "/lport/b", "--print-value-only"]), "three\n");
    assert_eq!(
        served.ctl(&["del", "/lport/", "--prefix", "--prev-kv"]),
        "2\n/lport/a\ntwo\n/lport/b\nthree\n"
    );
    assert_eq!(served.ctl(&["get", "/lport/", "--prefix"]), "");
    let future = served.ctl_fails(&["get", "x", "--rev=99"]);
    assert!(future.contains("etcdserver: mvcc: required revision is a future revision"), "{future}");
}

#[test]
fn transactions_choose_a_side() {
    let served = Served::start(Options::default());
    served.ctl(&["put", "a", "1"]);
    let txn = |script: &str| {
        let mut child = served
            .command(&["txn"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let child = child.as_mut().expect("etcdctl starts");
        child.stdin.take().expect("a pipe").write_all(script.as_bytes()).expect("a script is written");
        let mut said = String::new();
        for line in BufReader::new(child.stdout.take().expect("a pipe")).lines() {
            said += &(line.expect("a line") + "\n");
        }
        for line in BufReader::new(child.stderr.take().expect("a pipe")).lines() {
            said += &line.expect("a line");
        }
        child.wait().expect("etcdctl ends");
        said
    };
    let done = txn("value(\"a\") = \"1\"\nmod(\"a\") > \"0\"\n\nput b 2\nget a\n\nput c 3\n\n");
    assert_eq!(done, "SUCCESS\n\nOK\n\na\n1\n");
    let not_done = txn("version(\"b\") > \"1\"\n\nput b 4\n\nget b\n\n");
    assert_eq!(not_done, "FAILURE\n\nb\n2\n");
    let twice = txn("\nput b 4\nput b 5\n\n\n");
    assert!(twice.contains("etcdserver: duplicate key given in txn request"), "{twice}");
    assert_eq!(served.ctl(&["get", "b", "--print-value-only"]), "2\n");
}

#[test]
fn what_etcdctl_writes_a_watch_of_the_store_sees_and_the_other_way_round() {
    let served = Served::start(Options::default());
    let all = Selector::tables([Table::LogicalPort]);
    let start = served.runtime.block_on(served.store.snapshot(&all)).expect("a snapshot");
    let mut watch = served.runtime.block_on(async { served.store.watch(all, start.revision) });
    served.ctl(&["put", "/lport/a", r#"{"id":"a","topic":"t"}"#]);
    let item = served.runtime.block_on(async { tokio::time::timeout(DEADLINE, watch.next()).await });
    let Some(WatchItem::Batch { changes, .. }) = item.expect("an item in time") else { panic!("no changes") };
    let [Change::Put(row)] = &changes[..] else { panic!("{changes:?}") };
    assert_eq!(row.key, key("a"));
    assert_eq!(row.key.topic, Some(model::Topic::new("t")));

    let mut watching = served.command(&["watch", "/lport/", "--prefix", "--prev-kv"]);
    let mut watching = watching.stdout(Stdio::piped()).spawn().expect("etcdctl starts");
    let mut lines = BufReader::new(watching.stdout.take().expect("a pipe")).lines();
    // A watch of the present begins at some time: write until it is told.
    let (end, ended) = mpsc::channel::<()>();
    let (store, handle) = (served.store.clone(), served.runtime.handle().clone());
    let writer = thread::spawn(move || {
        for number in 0.. {
            let txn = Txn::new().put(key("b"), number.to_string());
            handle.block_on(store.commit(txn)).expect("a commit");
            if ended.recv_timeout(Duration::from_millis(50)) != Err(RecvTimeoutError::Timeout) {
                return;
            }
        }
    });
    let mut next = || lines.next().expect("a line").expect("a line");
    while next() != "/lport/b" {}
    drop(end);
    writer.join().expect("the writer ends");
    watching.kill().expect("etcdctl is killed");
    watching.wait().expect("etcdctl ends");
}

#[test]
fn watches_begin_at_a_revision_and_end_at_a_compaction() {
    let served = Served::start(Options::default());
    served.ctl(&["put", "/a/1", "one"]);
    served.ctl(&["put", "/a/1", "two"]);
    served.ctl(&["put", "/b/1", "other"]);
    served.ctl(&["del", "/a/1"]);
    let mut watching = served.command(&["watch", "/a/", "--prefix", "--prev-kv", "--rev=2"]);
    let mut watching = watching.stdout(Stdio::piped()).spawn().expect("etcdctl starts");
    let lines = BufReader::new(watching.stdout.take().expect("a pipe")).lines();
    let expected =
        ["PUT", "/a/1", "one", "PUT", "/a/1", "one", "/a/1", "two", "DELETE", "/a/1", "two", "/a/1"];
    let seen: Vec<String> = lines.map(|line| line.expect("a line")).take(expected.len()).collect();
    watching.kill().expect("etcdctl is killed");
    watching.wait().expect("etcdctl ends");
    assert_eq!(seen, expected);

    assert_eq!(served.ctl(&["compaction", "4"]), "compacted revision 4\n");
    let again = served.ctl_fails(&["compaction", "4"]);
    assert!(again.contains("etcdserver: mvcc: required revision has been compacted"), "{again}");
    let old = served.ctl_fails(&["get", "/a/1", "--rev=3"]);
    assert!(old.contains("etcdserver: mvcc: required revision has been compacted"), "{old}");
    let late = served.ctl_fails(&["watch", "/a/", "--prefix", "--rev=2"]);
    assert!(late.contains("watch is canceled by the server"), "{late}");
}

#[test]
fn leases_are_granted_kept_listed_and_revoked() {
    let served = Served::start(Options::default());
    let granted = served.ctl(&["lease", "grant", "100"]);
    let id = granted.split(' ').nth(1).expect("a lease").to_owned();
    served.ctl(&["put", "leased", "x", &format!("--lease={id}")]);
    let told = served.ctl(&["lease", "timetolive", &id, "--keys"]);
    assert!(told.contains("granted with TTL(100s)") && told.contains("attached keys([leased])"), "{told}");
    assert_eq!(served.ctl(&["lease", "list"]), format!("found 1 leases\n{id}\n"));
    assert_eq!(
        served.ctl(&["lease", "keep-alive", "--once", &id]),
        format!("lease {id} keepalived with TTL(100)\n")
    );
    assert_eq!(served.ctl(&["lease", "revoke", &id]), format!("lease {id} revoked\n"));
    assert_eq!(served.ctl(&["get", "leased"]), "");
    let unknown = served.ctl_fails(&["put", "x", "y", &format!("--lease={id}")]);
    assert!(unknown.contains("etcdserver: requested lease not found"), "{unknown}");
    let gone = served.ctl(&["lease", "timetolive", &id]);
    assert!(gone.contains("already expired"), "{gone}");
}

#[test]
fn the_server_tells_how_it_is() {
    let served = Served::start(Options::default());
    let status = served.ctl(&["endpoint", "status"]);
    assert!(status.contains(&served.address.to_string()) && status.contains("true"), "{status}");
    let health = output_of(&served.command(&["endpoint", "health"])).expect("etcdctl runs");
    let health = [health.stdout, health.stderr].concat();
    let health = String::from_utf8_lossy(&health);
    assert!(health.contains("is healthy"), "{health}");
    let members = served.ctl(&["member", "list"]);
    assert!(members.contains(&format!("http://{}", served.address)), "{members}");
    assert_eq!(served.ctl(&["alarm", "list"]), "");
    let moved = served.ctl(&["defrag"]);
    assert!(moved.contains("Finished defragmenting"), "{moved}");
    assert_eq!(served.ctl(&["put", "after", "defrag"]), "OK\n");
    // etcdctl takes "authentication is not enabled" for a permission.
    assert_eq!(served.ctl(&["--user=root:secret", "get", "after", "--print-value-only"]), "defrag\n");
    let member = served.ctl_fails(&["member", "add", "other", "--peer-urls=http://127.0.0.1:1"]);
    assert!(member.contains("/etcdserverpb.Cluster/MemberAdd"), "{member}");
}

/// Given as `http://...`, the address of the server is sent as its name by `endpoint status` and `defrag`, which is none.
#[test]
fn the_server_is_asked_by_its_url_too() {
    let served = Served::start(Options::default());
    let url = format!("http://{}", served.address);
    for (args, said) in [
        (&["endpoint", "status", "--cluster"][..], url.as_str()),
        (&["--endpoints", &url, "endpoint", "status"], &url),
        (&["--endpoints", &url, "defrag"], "Finished defragmenting"),
        (&["--endpoints", &url, "alarm", "list"], ""),
        (&["--endpoints", &url, "put", "a", "b"], "OK"),
    ] {
        let told = served.ctl(args);
        assert!(told.contains(said), "etcdctl {args:?}: {told}");
    }
}

#[test]
fn the_server_ends_although_clients_watch() {
    let mut served = Served::start(Options::default());
    let mut watching = served.command(&["watch", "a"]);
    let mut watching = watching.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("etcdctl starts");
    let connected = || served.ctl(&["endpoint", "status"]);
    connected();
    let (done, ended) = mpsc::channel();
    let stopping = thread::spawn(move || {
        served.stop();
        done.send(()).expect("somebody waits");
    });
    let in_time = ended.recv_timeout(DEADLINE);
    watching.kill().expect("etcdctl is killed");
    watching.wait().expect("etcdctl ends");
    in_time.expect("the server ends while a client watches");
    stopping.join().expect("the server was stopped");
}

#[test]
fn the_server_ends_although_a_client_says_nothing() {
    let mut served = Served::start(Options::default());
    let silent = std::net::TcpStream::connect(served.address).expect("a connection");
    served.ctl(&["endpoint", "status"]);
    let (done, ended) = mpsc::channel();
    let stopping = thread::spawn(move || {
        served.stop();
        done.send(()).expect("somebody waits");
    });
    ended.recv_timeout(DEADLINE).expect("the server ends while a client is silent");
    stopping.join().expect("the server was stopped");
    drop(silent);
}
