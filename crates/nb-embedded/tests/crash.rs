//! Processes that are killed, and a disk that is really full.
//!
//! The store lives in a child: this test program again, which runs one of the ignored tests below.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use model::RowId;
use nb::{CommitError, Key, Selector, Store, StoreError, TableName, Txn};
use nb_embedded::{EmbeddedStore, OpenError, Options};
use testkit::process::output_of;
use testkit::scratch::ScratchDir;
use testkit::{require_root, require_tool};
use tokio::runtime::Runtime;

/// Says to a child where the store is.
const STORE: &str = "NB_EMBEDDED_TEST_STORE";

/// What a child says before the number that was acknowledged.
const ACKNOWLEDGED: &str = "acknowledged ";

const WRITERS: u32 = 4;

fn table() -> TableName {
    TableName::new("crash_row")
}

fn key(name: &str) -> Key {
    Key::new(table(), RowId::new(name).expect("an id"))
}

/// Little history, so that compaction is going on when the end comes.
fn options() -> Options {
    Options { history_revisions_max: 40, ..Options::default() }
}

fn child(test: &str, store: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]).env(STORE, store);
    command
}

fn store_of_child() -> PathBuf {
    std::env::var_os(STORE).expect("only the test that starts it runs this").into()
}

/// Kills a child when the test ends, however it does.
struct Killed(Child);

impl Drop for Killed {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
#[ignore = "a child of the test of kills"]
fn child_that_writes_until_it_is_killed() {
    let store = EmbeddedStore::open(store_of_child(), options()).expect("a store");
    let runtime = Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut writers = tokio::task::JoinSet::new();
        for writer in 0..WRITERS {
            writers.spawn(write_for_ever(store.clone(), writer));
        }
        writers.join_next().await.expect("a writer").expect("writers go on");
    });
}

/// Both rows of a writer always say the same; a third comes and goes.
#[expect(clippy::print_stdout, reason = "the parent reads it")]
async fn write_for_ever(store: EmbeddedStore, writer: u32) {
    let keys = [key(&format!("{writer}-a")), key(&format!("{writer}-b")), key(&format!("{writer}-c"))];
    let row = store.read(&keys[..1]).await.expect("a row").remove(0);
    let first = row.map_or(1, |row| number(&row.value) + 1);
    for number in first.. {
        let text = format!("{number:0300}");
        let txn = Txn::new().put(keys[0].clone(), text.clone()).put(keys[1].clone(), text.clone());
        let even = number % 2 == 0;
        let txn = if even { txn.put(keys[2].clone(), text) } else { txn.delete(keys[2].clone()) };
        store.commit(txn).await.expect("a commit");
        println!("{ACKNOWLEDGED}{writer} {number}");
    }
}

fn number(text: &[u8]) -> u64 {
    std::str::from_utf8(text).expect("a text").parse().expect("a number")
}

/// Reads what a child says until it acknowledged so many numbers, kills it, and gives the last number of each writer.
fn run_and_kill(store: &Path, acknowledgements: usize) -> BTreeMap<u32, u64> {
    let mut command = child("child_that_writes_until_it_is_killed", store);
    let mut child = Killed(command.stdout(Stdio::piped()).spawn().expect("a child"));
    let lines = BufReader::new(child.0.stdout.take().expect("a pipe")).lines();
    let mut last = BTreeMap::new();
    for (count, line) in lines.map_while(Result::ok).filter(|line| line.starts_with(ACKNOWLEDGED)).enumerate()
    {
        let (writer, number) = line[ACKNOWLEDGED.len()..].split_once(' ').expect("two numbers");
        last.insert(writer.parse().expect("a writer"), number.parse().expect("a number"));
        if count == 0 {
            let refused = EmbeddedStore::open(store, options()).expect_err("two processes have one file");
            assert!(matches!(refused, OpenError::InUse { .. }), "{refused:?}");
        }
        if count == acknowledgements {
            child.0.kill().expect("the child is killed");
        }
    }
    last
}

#[test]
fn whoever_is_killed_loses_nothing_acknowledged_and_leaves_no_half() {
    const KILLS: usize = 20;
    let directory = ScratchDir::new().expect("a directory");
    let path = directory.path().join("store");
    let runtime = Runtime::new().expect("a runtime");
    let mut revision = 0;
    for kill in 0..KILLS {
        let acknowledged = run_and_kill(&path, 1 + kill * 37 % 150);
        assert!(!acknowledged.is_empty(), "kill {kill}: nothing was acknowledged");
        let store = EmbeddedStore::open(&path, options()).expect("the store opens after a kill");
        let snapshot = runtime.block_on(store.snapshot(&Selector::tables([table()]))).expect("a snapshot");
        assert!(snapshot.revision.0 > revision, "kill {kill}: the store went back in time");
        revision = snapshot.revision.0;
        let rows: BTreeMap<_, _> =
            snapshot.rows.into_iter().map(|row| (row.key, number(&row.value))).collect();
        for (writer, acknowledged) in acknowledged {
            let of = |name: &str| rows.get(&key(&format!("{writer}-{name}"))).copied();
            let found = of("a").unwrap_or_default();
            assert!(found >= acknowledged, "kill {kill}: {acknowledged} was acknowledged, {found} is there");
            assert!(found <= acknowledged + 1, "kill {kill}: {found} was never begun");
            assert_eq!(of("b"), Some(found), "kill {kill}: half of a transaction");
            assert_eq!(of("c"), (found % 2 == 0).then_some(found), "kill {kill}: half of a transaction");
        }
    }
}

#[test]
#[ignore = "a child of the test of full disks"]
fn child_on_a_small_disk() {
    let path = store_of_child();
    let ballast = path.with_file_name("ballast");
    std::fs::write(&ballast, vec![0; 1 << 20]).expect("there is room for the ballast");
    let store = EmbeddedStore::open(&path, options()).expect("a store");
    let runtime = Runtime::new().expect("a runtime");
    let mut acknowledged = 0_u32;
    let commit = |number: u32| {
        let txn = Txn::new().put(key(&number.to_string()), vec![b'x'; 30_000]);
        runtime.block_on(store.commit(txn))
    };
    let error = loop {
        match commit(acknowledged) {
            Ok(_) => acknowledged += 1,
            Err(error) => break error,
        }
        assert!(acknowledged < 1000, "the disk is never full");
    };
    println!("after {acknowledged} rows: {error}");
    assert!(matches!(error, CommitError::Store(StoreError::Full { .. })), "{error:?}");
    let again = commit(acknowledged).expect_err("the disk is still full");
    assert!(matches!(again, CommitError::Store(StoreError::Full { .. })), "{again:?}");
    let read = runtime.block_on(store.read(&[key("0")])).expect("reads go on");
    assert!(read[0].is_some());
    std::fs::remove_file(&ballast).expect("the ballast is removed");
    commit(acknowledged).expect("there is room again");
    drop(store);
    let store = EmbeddedStore::open(&path, options()).expect("the store opens again");
    let kept = runtime.block_on(store.snapshot(&Selector::tables([table()]))).expect("a snapshot");
    assert_eq!(kept.rows.len(), usize::try_from(acknowledged).expect("few") + 1);
}

#[test]
fn a_disk_that_is_really_full_is_told_and_survived() {
    require_root();
    let directory = ScratchDir::new().expect("a directory");
    let disk = directory.path().join("disk");
    std::fs::create_dir(&disk).expect("a directory");
    let inner = child("child_on_a_small_disk", &disk.join("store"));
    let mut command = Command::new(require_tool("unshare"));
    command.args([
        "--mount",
        "sh",
        "-c",
        "mount -t tmpfs -o size=8m none \"$1\" && shift && exec \"$@\"",
        "sh",
    ]);
    command.arg(&disk).arg(inner.get_program()).args(inner.get_args()).env(STORE, disk.join("store"));
    let start = Instant::now();
    let output = output_of(&command).expect("the child runs");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("1 passed"), "the child did not run: {said}");
    assert!(start.elapsed() < Duration::from_secs(60), "a full disk made it slow");
}
