//! Names and directories that no other test has, and what becomes of them.
//!
//! A name holds the process id of its maker: `df-<pid>-<number>`. That is how the next test process
//! recognises what a killed one left behind, directories and namespaces alike, and removes it. The
//! directories are in `/tmp` whatever `TMPDIR` says, because the path of a Unix socket in them must
//! fit into 108 bytes.

use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::SystemTime;

use anyhow::{Context, Result};

const ROOT: &str = "/tmp";
const NAME_PREFIX: &str = "df-";
const FAILED_PREFIX: &str = "failed-df-";
/// Directories of failed tests that are kept for reading; the oldest goes first.
const FAILED_RUNS_KEPT_MAX: usize = 8;

/// A name that no living test process uses, at most 14 bytes of it for any process id.
#[must_use]
pub fn unique_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{NAME_PREFIX}{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Whether `name` was made by [`unique_name`] in a process that no longer exists.
#[must_use]
pub fn is_abandoned(name: &str) -> bool {
    let Some((pid, number)) = name.strip_prefix(NAME_PREFIX).and_then(|rest| rest.split_once('-')) else {
        return false;
    };
    let numeric = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    numeric(pid) && numeric(number) && !Path::new("/proc").join(pid).exists()
}

/// A directory for one test. Dropping it removes it; when the thread panics it is renamed instead,
/// so that the logs in it can be read, and its new name is printed.
#[derive(Debug)]
pub struct ScratchDir {
    path: PathBuf,
}

impl ScratchDir {
    /// Makes the directory, readable by its owner only.
    pub fn new() -> Result<Self> {
        static SWEPT: Once = Once::new();
        SWEPT.call_once(remove_abandoned);
        let path = Path::new(ROOT).join(unique_name());
        fs::DirBuilder::new()
            .mode(0o700)
            .create(&path)
            .with_context(|| format!("make the scratch directory {}", path.display()))?;
        Ok(Self { path })
    }

    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for ScratchDir {
    fn drop(&mut self) {
        if std::thread::panicking() {
            keep_for_reading(&self.path);
        } else {
            // A file that cannot be removed is no reason to fail a test that passed.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[expect(clippy::print_stderr, reason = "tells the reader of a failed test where its files are")]
fn keep_for_reading(path: &Path) {
    let mut kept = entries_with_prefix(FAILED_PREFIX);
    kept.sort_by_key(|path| {
        fs::metadata(path).and_then(|meta| meta.modified()).unwrap_or(SystemTime::UNIX_EPOCH)
    });
    let surplus = (kept.len() + 1).saturating_sub(FAILED_RUNS_KEPT_MAX);
    for oldest in kept.iter().take(surplus) {
        let _ = fs::remove_dir_all(oldest);
    }
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let target = path.with_file_name(format!("failed-{name}"));
    let _ = fs::remove_dir_all(&target);
    if fs::rename(path, &target).is_ok() {
        eprintln!("the files of the failed test are kept in {}", target.display());
    }
}

fn remove_abandoned() {
    for path in entries_with_prefix(NAME_PREFIX) {
        let abandoned = path.file_name().and_then(|name| name.to_str()).is_some_and(is_abandoned);
        if abandoned {
            let _ = fs::remove_dir_all(path);
        }
    }
}

fn entries_with_prefix(prefix: &str) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(ROOT) else { return Vec::new() };
    entries
        .flatten()
        .filter(|entry| entry.file_name().to_string_lossy().starts_with(prefix))
        .map(|entry| entry.path())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_are_ours() {
        let (first, second) = (unique_name(), unique_name());
        assert_ne!(first, second);
        assert!(!is_abandoned(&first), "its maker is alive");
    }

    #[test]
    fn only_names_of_dead_processes_are_abandoned() {
        // The kernel's largest process id is 2^22.
        assert!(is_abandoned("df-4194399-0"));
        for foreign in ["df-local-controller", "df-4194399", "df--1", "df-4194399-", "other-4194399-0"] {
            assert!(!is_abandoned(foreign), "{foreign}");
        }
    }

    #[test]
    fn the_directory_goes_with_the_value() {
        let directory = ScratchDir::new().unwrap();
        let path = directory.path().to_owned();
        fs::write(path.join("file"), "content").unwrap();
        drop(directory);
        assert!(!path.exists());
    }

    #[test]
    fn a_failed_test_keeps_its_files() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let outcome = std::thread::spawn(move || {
            let directory = ScratchDir::new().unwrap();
            fs::write(directory.path().join("log"), "why").unwrap();
            sender.send(directory.path().to_owned()).unwrap();
            panic!("on purpose");
        })
        .join();
        assert!(outcome.is_err());
        let path = receiver.recv().unwrap();
        let name = path.file_name().unwrap().to_str().unwrap();
        let kept = path.with_file_name(format!("failed-{name}"));
        assert!(!path.exists());
        assert_eq!(fs::read_to_string(kept.join("log")).unwrap(), "why");
        fs::remove_dir_all(kept).unwrap();
    }
}
