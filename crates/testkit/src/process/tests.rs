use std::time::Duration;

use super::*;
use crate::scratch::ScratchDir;
use crate::wait::wait_until;

const SOON: Duration = Duration::from_secs(60);

fn sleeper(seconds: &str) -> Command {
    let mut command = Command::new("sleep");
    command.arg(seconds);
    command
}

fn exists(pid: u32) -> bool {
    Path::new("/proc").join(pid.to_string()).exists()
}

#[test]
fn a_dropped_daemon_is_gone() {
    let scratch = ScratchDir::new().unwrap();
    let daemon = Daemon::start("sleep", &sleeper("1000"), &scratch.path().join("out")).unwrap();
    let pid = daemon.pid();
    assert!(exists(pid));
    drop(daemon);
    assert!(!exists(pid), "killed and reaped");
}

#[test]
fn the_process_id_is_the_daemons_own() {
    let scratch = ScratchDir::new().unwrap();
    let daemon = Daemon::start("sleep", &sleeper("1000"), &scratch.path().join("out")).unwrap();
    let path = format!("/proc/{}/comm", daemon.pid());
    wait_until(SOON, "setpriv to become sleep", || {
        (fs::read_to_string(&path).ok()?.trim() == "sleep").then_some(())
    });
}

#[test]
fn a_daemon_outlives_the_thread_that_started_it() {
    let scratch = ScratchDir::new().unwrap();
    let output = scratch.path().join("out");
    let mut daemon =
        thread::spawn(move || Daemon::start("sleep", &sleeper("1000"), &output).unwrap()).join().unwrap();
    let path = format!("/proc/{}/comm", daemon.pid());
    wait_until(SOON, "setpriv to become sleep", || {
        (fs::read_to_string(&path).ok()?.trim() == "sleep").then_some(())
    });
    daemon.check_running().unwrap();
}

#[test]
fn a_daemon_dies_with_a_killed_parent() {
    // The parent is a shell under setpriv, its child is started the way `Daemon` starts one.
    let scratch = ScratchDir::new().unwrap();
    let output = scratch.path().join("out");
    let mut parent = Command::new("sh");
    parent.args(["-c", "setpriv --pdeathsig KILL -- sleep 1000 & echo $!; wait"]);
    let mut parent = Daemon::start("sh", &parent, &output).unwrap();
    let grandchild: u32 = wait_until(SOON, "the shell to name its child", || {
        fs::read_to_string(&output).ok()?.strip_suffix('\n')?.parse().ok()
    });
    let path = format!("/proc/{grandchild}/comm");
    wait_until(SOON, "setpriv to become sleep", || {
        (fs::read_to_string(&path).ok()?.trim() == "sleep").then_some(())
    });
    parent.kill().unwrap();
    wait_until(SOON, "the kernel to kill the grandchild", || {
        // It may stay as a zombie where nobody reaps orphans.
        let state = fs::read_to_string(format!("/proc/{grandchild}/stat")).unwrap_or_default();
        (state.is_empty() || state.contains(") Z ")).then_some(())
    });
}

#[test]
fn a_daemon_that_ends_leaves_its_last_words() {
    let scratch = ScratchDir::new().unwrap();
    let mut command = Command::new("sh");
    command.args(["-c", "echo out of cheese >&2; exit 3"]);
    let mut daemon = Daemon::start("sh", &command, &scratch.path().join("out")).unwrap();
    let error = wait_until(SOON, "the shell to end", || daemon.check_running().err()).to_string();
    assert!(error.contains("out of cheese") && error.contains("exit status: 3"), "{error}");
}

#[test]
fn a_failed_command_is_quoted() {
    let error = run(Command::new("sh").args(["-c", "echo wrong >&2; exit 1"])).unwrap_err().to_string();
    assert!(error.contains("echo wrong >&2; exit 1") && error.ends_with(": wrong"), "{error}");
}

#[test]
fn a_missing_program_is_named() {
    let error = run(&Command::new("no-such-program")).unwrap_err().to_string();
    assert_eq!(error, "no-such-program is not installed");
    let scratch = ScratchDir::new().unwrap();
    let error =
        Daemon::start("x", &Command::new("no-such-program"), &scratch.path().join("out")).unwrap_err();
    assert_eq!(error.to_string(), "no-such-program is not installed");
}

#[test]
fn measures_itself() {
    let pid = std::process::id();
    assert!(rss_kib(pid).unwrap() > 500);
    let before = cpu_ms(pid).unwrap();
    wait_until(SOON, "the clock to count our work", || {
        std::hint::black_box((0..200_000_u64).fold(0, |sum: u64, n| sum.wrapping_mul(31).wrapping_add(n)));
        (cpu_ms(pid).unwrap() > before).then_some(())
    });
    assert!(rss_kib(0).is_err());
}

#[test]
fn a_process_name_may_hold_blanks_and_parentheses() {
    let stat = "7 (a) b (c) S 1 7 7 0 -1 4194560 100 0 0 0 25 17 0 0 20 0 1 0 100 0 0";
    assert_eq!(parse_cpu_ms(stat), Some(420));
    assert_eq!(parse_cpu_ms("7 (a) S 1"), None);
}
