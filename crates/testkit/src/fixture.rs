//! Recordings that lie beside the checkout, in `<repository>/../shared`: too big, and not ours, to
//! be copied into it.

use std::path::{Path, PathBuf};

/// The path of a shared fixture, or `None` when this machine does not have it.
///
/// The absence is said on stderr, and where the environment variable `CI` is set it is a failure:
/// a machine that vouches for a change must have read the recordings.
#[track_caller]
pub fn shared_fixture(relative: &str) -> Option<PathBuf> {
    let path = shared_directory().join(relative);
    let in_ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    present_or_explained(path, in_ci)
}

fn shared_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared")
}

#[track_caller]
#[expect(clippy::print_stderr, reason = "the notice belongs into the captured output of the test")]
fn present_or_explained(path: PathBuf, in_ci: bool) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    assert!(!in_ci, "shared fixture {} is absent, which CI does not accept", path.display());
    eprintln!("shared fixture {} is absent: this test checks nothing here", path.display());
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_present_fixture_is_found() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("Cargo.toml");
        assert_eq!(present_or_explained(here.clone(), true), Some(here));
    }

    #[test]
    fn an_absent_fixture_is_none() {
        assert_eq!(present_or_explained(PathBuf::from("/nonexistent/fixture"), false), None);
    }

    #[test]
    #[should_panic(expected = "absent, which CI does not accept")]
    fn an_absent_fixture_fails_in_ci() {
        present_or_explained(PathBuf::from("/nonexistent/fixture"), true);
    }
}
