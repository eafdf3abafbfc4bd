//! Every seed, every seed damaged, and every input that once broke something, through the checks of its target.
//!
//! This is the hostile-bytes test that runs with every `cargo test`; the fuzzers go on from here.

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use fuzz_checks::{Check, TARGETS};
use openflow::Message;
use openflow::arbitrary;
use openflow::message::{HEADER_LEN, frame};
use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;

/// Seeds are in the repository, so they are few and small.
const SEEDS_MAX: usize = 60;
const SEED_BYTES_MAX: u64 = 4 * 1024;
const CORPUS_BYTES_MAX: u64 = 1024 * 1024;
/// Places at which a long seed is cut or changed; a short one is cut and changed everywhere.
const PLACES_MAX: usize = 64;
/// What a byte becomes: the values at which lengths and numbers go wrong.
const CORRUPTIONS: [fn(u8) -> u8; 3] = [|_| 0, |_| u8::MAX, |byte| byte.wrapping_add(1)];

fn fuzz_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The files of a directory; none where it does not exist.
fn files(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(directory) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("a readable directory").path()).collect();
    paths.sort();
    let read = |path: PathBuf| {
        let bytes = fs::read(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
        (path, bytes)
    };
    paths.into_iter().map(read).collect()
}

fn seeds(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    files(&fuzz_directory().join("corpus").join(target))
}

/// Runs the check; a broken law names the input, also one that is in no file.
fn run(check: Check, input: &[u8], origin: &Path) {
    if catch_unwind(AssertUnwindSafe(|| check(input))).is_err() {
        let shown: String = input.iter().map(|byte| format!("{byte:02x}")).collect();
        panic!("{} breaks a law, in this form: {shown}", origin.display());
    }
}

/// At most [`PLACES_MAX`] places, spread over the input.
fn places(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(len.div_ceil(PLACES_MAX).max(1))
}

#[test]
fn every_seed_keeps_the_laws() {
    for (target, check) in TARGETS {
        let seeds = seeds(target);
        assert!(!seeds.is_empty(), "{target} has no seeds: cargo run -p fuzz-checks --example seeds");
        for (path, seed) in seeds {
            run(check, &seed, &path);
        }
    }
}

#[test]
fn what_once_broke_something_keeps_the_laws() {
    for (target, check) in TARGETS {
        for (path, input) in files(&fuzz_directory().join("regressions").join(target)) {
            run(check, &input, &path);
        }
    }
}

#[test]
fn every_truncation_keeps_the_laws() {
    for (target, check) in TARGETS {
        for (path, seed) in seeds(target) {
            for len in places(seed.len()) {
                run(check, &seed[..len], &path);
            }
        }
    }
}

#[test]
fn every_corrupted_byte_keeps_the_laws() {
    for (target, check) in TARGETS {
        for (path, mut seed) in seeds(target) {
            for place in places(seed.len()) {
                let original = seed[place];
                for corrupt in CORRUPTIONS {
                    seed[place] = corrupt(original);
                    run(check, &seed, &path);
                }
                seed[place] = original;
            }
        }
    }
}

/// Long inputs of a single byte, and of a seed over and over: what nests, nests deeply then.
#[test]
fn repetitions_keep_the_laws() {
    const BYTES: usize = 64 * 1024;
    for (target, check) in TARGETS {
        let origin = Path::new(target);
        for byte in [b'(', b'[', b'{', b'\\', b'0', 0, 8, u8::MAX] {
            run(check, &vec![byte; BYTES], origin);
        }
        if let Some((path, seed)) = seeds(target).into_iter().find(|(_, seed)| !seed.is_empty()) {
            let repeated: Vec<u8> = seed.iter().copied().cycle().take(BYTES).collect();
            run(check, &repeated, &path);
        }
    }
}

#[test]
fn the_seeds_hold_every_message() {
    let mut held = BTreeSet::new();
    for (path, seed) in seeds("openflow_message") {
        let mut stream = seed.as_slice();
        while let Some(len) = frame(stream).unwrap() {
            let (bytes, rest) = stream.split_at(len);
            let (_, message) = Message::decode(bytes).unwrap();
            held.insert(message.name());
            stream = rest;
        }
        assert!(stream.len() < HEADER_LEN, "{} ends inside a message", path.display());
    }
    let mut runner = TestRunner::deterministic();
    let strategy = arbitrary::message();
    for _ in 0..4_000 {
        let message = strategy.new_tree(&mut runner).unwrap().current();
        assert!(held.contains(message.name()), "no seed holds a {}", message.name());
    }
}

#[test]
fn targets_corpora_and_regressions_belong_together() {
    let names: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names.len(), TARGETS.len(), "two targets have one name");
    let stems = |folder: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(fuzz_directory().join(folder)).unwrap();
        let stem = |path: PathBuf| path.file_stem().unwrap().to_string_lossy().into_owned();
        entries.map(|entry| stem(entry.unwrap().path())).collect()
    };
    assert_eq!(stems("fuzz_targets"), names, "the files of fuzz/fuzz_targets");
    assert_eq!(stems("corpus"), names, "the folders of fuzz/corpus");
    assert!(stems("regressions").is_subset(&names), "the folders of fuzz/regressions");
    assert!(stems("dictionaries").is_subset(&names), "the files of fuzz/dictionaries");
}

#[test]
fn the_corpora_are_small() {
    let mut total = 0;
    for (target, _) in TARGETS {
        let seeds = seeds(target);
        assert!(seeds.len() <= SEEDS_MAX, "{target} has {} seeds", seeds.len());
        for (path, _) in seeds {
            let bytes = fs::metadata(&path).unwrap().len();
            assert!(bytes <= SEED_BYTES_MAX, "{} has {bytes} bytes", path.display());
            total += bytes;
        }
    }
    assert!(total <= CORPUS_BYTES_MAX, "the seeds have {total} bytes");
}
