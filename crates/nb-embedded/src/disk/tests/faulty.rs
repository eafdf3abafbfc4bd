//! Storage that fails: a file on a disk that is full from some moment on, and memory whose power is cut.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use redb::backends::FileBackend;
use redb::{Database, StorageBackend};

use crate::disk::{Missing, Opener};

/// How a disk writes: a cut of the power leaves these whole.
const SECTOR_BYTES: usize = 512;

/// A file on a disk that is full after some more writes.
#[derive(Debug, Clone)]
pub(super) struct Failing {
    path: PathBuf,
    writes_left: Arc<AtomicI64>,
}

#[derive(Debug)]
struct FailingFile {
    file: FileBackend,
    writes_left: Arc<AtomicI64>,
}

impl Failing {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), writes_left: Arc::new(AtomicI64::new(i64::MAX)) }
    }

    /// From now on, so many writes and fsyncs go well.
    pub(super) fn fail_after(&self, writes: i64) {
        self.writes_left.store(writes, Ordering::SeqCst);
    }

    /// There is room again.
    pub(super) fn heal(&self) {
        self.writes_left.store(i64::MAX, Ordering::SeqCst);
    }

    pub(super) fn opener(&self) -> Opener {
        let failing = self.clone();
        Arc::new(move |missing| {
            let create = missing == Missing::Make;
            let mut how = File::options();
            let file = how.read(true).write(true).create(create).truncate(false).open(&failing.path)?;
            let writes_left = Arc::clone(&failing.writes_left);
            let file = FailingFile { file: FileBackend::new(file)?, writes_left };
            Database::builder().create_with_backend(file)
        })
    }
}

impl FailingFile {
    fn write_something(&self) -> io::Result<()> {
        match self.writes_left.fetch_sub(1, Ordering::SeqCst) {
            left if left > 0 => Ok(()),
            _ => Err(io::ErrorKind::StorageFull.into()),
        }
    }
}

impl StorageBackend for FailingFile {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.write_something()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.write_something()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.write_something()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }
}

#[derive(Debug, Clone)]
enum Event {
    Write { offset: usize, data: Vec<u8> },
    SetLen(usize),
    Sync,
}

#[derive(Debug, Default)]
struct Log {
    bytes: Vec<u8>,
    events: Vec<Event>,
}

/// Memory that remembers in which order it was written, so that its power can be cut afterwards, at any moment.
#[derive(Debug, Clone, Default)]
pub(super) struct PowerCut {
    log: Arc<Mutex<Log>>,
}

impl PowerCut {
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// How much has happened.
    pub(super) fn moment(&self) -> usize {
        self.log.lock().unwrap().events.len()
    }

    pub(super) fn opener(&self) -> Opener {
        let memory = self.clone();
        Arc::new(move |_| Database::builder().create_with_backend(memory.clone()))
    }

    /// What is there when the power was cut at a moment: everything of before the last sync, and of the sectors written
    /// since then those that `survivors` chooses.
    pub(super) fn after_cut(&self, moment: usize, mut survivors: u64) -> Self {
        let events = self.log.lock().unwrap().events[..moment].to_vec();
        let synced = events.iter().rposition(|event| matches!(event, Event::Sync)).map_or(0, |last| last + 1);
        let mut bytes = Vec::new();
        for (number, event) in events.into_iter().enumerate() {
            match event {
                Event::Sync => {}
                Event::SetLen(len) => bytes.resize(len, 0),
                Event::Write { offset, data } => {
                    for (sector, chunk) in data.chunks(SECTOR_BYTES).enumerate() {
                        survivors =
                            survivors.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
                        let start = offset + sector * SECTOR_BYTES;
                        if number < synced || survivors >> 63 == 0 {
                            bytes[start..start + chunk.len()].copy_from_slice(chunk);
                        }
                    }
                }
            }
        }
        Self { log: Arc::new(Mutex::new(Log { bytes, events: Vec::new() })) }
    }
}

impl StorageBackend for PowerCut {
    fn len(&self) -> io::Result<u64> {
        Ok(self.log.lock().unwrap().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let log = self.log.lock().unwrap();
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        let found = log.bytes.get(start..start + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(found);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut log = self.log.lock().unwrap();
        let len = usize::try_from(len).map_err(io::Error::other)?;
        log.bytes.resize(len, 0);
        log.events.push(Event::SetLen(len));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.log.lock().unwrap().events.push(Event::Sync);
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut log = self.log.lock().unwrap();
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        log.bytes[offset..offset + data.len()].copy_from_slice(data);
        log.events.push(Event::Write { offset, data: data.to_vec() });
        Ok(())
    }
}
