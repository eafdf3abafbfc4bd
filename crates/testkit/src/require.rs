//! What the tests need from the machine. A missing piece is a failure with the remedy in it: a test
//! that skips itself on a badly prepared machine proves nothing and looks green.

use std::fs;
use std::path::PathBuf;

/// Whether this process has the rights of root.
#[must_use]
pub fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    effective_uid(&status) == Some(0)
}

/// Panics unless this process may create namespaces and network devices.
#[track_caller]
pub fn require_root() {
    assert!(is_root(), "this test makes network namespaces and needs root: run `cargo xtask test` as root");
}

/// The path of `program`; panics with the name of its Debian package when it is not installed.
#[track_caller]
pub fn require_tool(program: &str) -> PathBuf {
    match find_program(program) {
        Some(path) => path,
        None => panic!("{}", missing_message(program)),
    }
}

/// Looks in `PATH` and in the `sbin` directories, which an unprivileged `PATH` leaves out.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from))
        .map(|directory| directory.join(program))
        .find(|candidate| candidate.is_file())
}

pub(crate) fn missing_message(program: &str) -> String {
    match package_of(program) {
        Some(package) => {
            format!("{program} is not installed: run `cargo xtask setup`, or `apt-get install {package}`")
        }
        None => format!("{program} is not installed"),
    }
}

fn package_of(program: &str) -> Option<&'static str> {
    include_str!("../debian-packages.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(' '))
        .find(|(name, _)| *name == program)
        .map(|(_, package)| package.trim())
}

/// The second number of the `Uid:` line: real, effective, saved, file system.
fn effective_uid(status: &str) -> Option<u32> {
    let line = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_effective_uid() {
        assert_eq!(effective_uid("Name:\tx\nUid:\t1000\t0\t1000\t1000\n"), Some(0));
        assert_eq!(effective_uid("Name:\tx\n"), None);
    }

    #[test]
    fn names_the_package_of_a_missing_program() {
        assert!(missing_message("ovs-vswitchd").contains("apt-get install openvswitch-switch"));
        assert_eq!(missing_message("no-such-program"), "no-such-program is not installed");
    }

    #[test]
    #[should_panic(expected = "no-such-program is not installed")]
    fn a_missing_program_fails_the_test() {
        require_tool("no-such-program");
    }

    #[test]
    fn finds_what_is_there() {
        assert!(require_tool("sh").is_absolute());
    }
}
