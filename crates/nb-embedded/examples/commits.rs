//! How many commits a second the store takes, each acknowledged after its fsync, from one writer and from many:
//! `cargo run --release -p nb-embedded --example commits -- DIRECTORY`.
//!
//! A directory on the disk that matters; in memory file systems fsync costs nothing and says nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use model::RowId;
use nb::{Key, Selector, Store, TableName, Txn};
use nb_embedded::{EmbeddedStore, Options};

const MEASURED: Duration = Duration::from_secs(5);

/// About what a port says.
const ROW_BYTES: usize = 600;

const ROWS: usize = 50_000;

#[tokio::main]
#[expect(clippy::print_stdout, reason = "this is what the program is for")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let path = directory.join(format!("commits-{}", std::process::id()));
    let store = EmbeddedStore::open(&path, Options::default())?;
    for writers in [1, 4, 16, 64] {
        let commits = measure(&store, writers).await;
        println!("{writers:>3} writers: {commits:>7.0} commits/s");
    }
    fill(&store).await?;
    let start = Instant::now();
    let snapshot = store.snapshot(&Selector::tables([table()])).await?;
    println!("a snapshot of {} rows: {:?}", snapshot.rows.len(), start.elapsed());
    drop(store);
    let start = Instant::now();
    let store = EmbeddedStore::open(&path, Options::default())?;
    println!("opening again: {:?}, {} bytes", start.elapsed(), std::fs::metadata(&path)?.len());
    drop(store);
    std::fs::remove_file(&path)?;
    Ok(())
}

const fn table() -> TableName {
    TableName::new("bench_row")
}

fn put(id: &str) -> Result<Txn, model::EmptyId> {
    Ok(Txn::new().put(Key::new(table(), RowId::new(id)?), vec![b'x'; ROW_BYTES]))
}

async fn measure(store: &EmbeddedStore, writers: usize) -> f64 {
    let start = Instant::now();
    let mut tasks = tokio::task::JoinSet::new();
    for writer in 0..writers {
        let store = store.clone();
        tasks.spawn(async move {
            let mut commits = 0_u32;
            while start.elapsed() < MEASURED {
                if let Ok(txn) = put(&format!("{writer}-{}", commits % 100)) {
                    commits += u32::from(store.commit(txn).await.is_ok());
                }
            }
            commits
        });
    }
    let mut commits = 0;
    while let Some(Ok(done)) = tasks.join_next().await {
        commits += done;
    }
    f64::from(commits) / start.elapsed().as_secs_f64()
}

async fn fill(store: &EmbeddedStore) -> Result<(), Box<dyn std::error::Error>> {
    for chunk in 0..ROWS / 100 {
        let mut txn = Txn::new();
        for number in 0..100 {
            txn.ops.extend(put(&format!("fill-{chunk}-{number}"))?.ops);
        }
        store.commit(txn).await?;
    }
    Ok(())
}
