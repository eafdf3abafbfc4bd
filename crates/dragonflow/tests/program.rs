//! The program as an operator and a service manager meet it: exit codes, words, readiness, watchdog, `df-db`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use serde_json::{Value, json};
use testkit::cloud::{Cloud, CloudSpec};
use testkit::process::Daemon;
use testkit::scratch::ScratchDir;
use testkit::wait_until;

const PATIENCE: Duration = Duration::from_secs(60);

fn binary() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_dragonflow"))
}

fn run(args: &[&str]) -> Output {
    Command::new(binary()).args(args).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn what_is_said_wrong_ends_with_2_and_names_every_mistake() {
    let directory = ScratchDir::new().unwrap();
    let file = directory.path().join("dragonflow.ini");
    std::fs::write(&file, "[df]\nlocal_ip = here\napps_lits = l2\n").unwrap();
    let file = file.to_str().unwrap();
    for command in ["local-controller", "server"] {
        let output = run(&[command, "--config-file", file]);
        let said = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(":2:") && said.contains("apps_list"), "{said}");
    }
    let redis = directory.path().join("redis.ini");
    std::fs::write(&redis, "[df]\nnb_db_class = redis_nb_db_driver\n").unwrap();
    let output = run(&["local-controller", "--config-file", redis.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("redis_nb_db_driver is not built yet"), "{}", stderr(&output));
    assert_eq!(run(&["local-controler"]).status.code(), Some(2));
    assert_eq!(run(&["config", "check", "--config-file", file]).status.code(), Some(2));
}

#[test]
fn a_way_to_keystone_that_there_is_not_is_named() {
    let directory = ScratchDir::new().unwrap();
    let file = directory.path().join("server.ini");
    let section = "[df_api]\nauth_strategy = keystone\n[keystone_authtoken]\nauth_url = http://127.0.0.1:1\n";
    for (options, words) in [
        ("auth_type = v3applicationcredential\n", "auth_type = v3applicationcredential is not supported"),
        ("insecure = True\n", "insecure is not supported"),
        ("auth_type = v3password\npassword = x\n", "needs [keystone_authtoken] username"),
    ] {
        std::fs::write(&file, format!("{section}{options}")).unwrap();
        let output = run(&["server", "--config-file", file.to_str().unwrap()]);
        assert_ne!(output.status.code(), Some(0));
        assert!(stderr(&output).contains(words), "{}", stderr(&output));
    }
}

#[test]
fn what_it_prints_can_be_read_back() {
    assert_eq!(run(&["--version"]).status.code(), Some(0));
    let directory = ScratchDir::new().unwrap();
    let file = directory.path().join("sample.ini");
    std::fs::write(&file, run(&["config", "sample"]).stdout).unwrap();
    let output = run(&["config", "check", "--config-file", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let model = String::from_utf8(run(&["model"]).stdout).unwrap();
    assert!(model.contains("lport") && model.contains("security_groups"), "{model}");
    // By the name under which the original had it.
    let output = Command::new(binary()).arg0("df-model").output().unwrap();
    assert_eq!(String::from_utf8(output.stdout).unwrap(), model);
}

/// What the service manager hears next that begins like this.
fn hear(manager: &UnixDatagram, wanted: &str) {
    let mut bytes = [0; 1024];
    wait_until(PATIENCE, wanted, || {
        let length = manager.recv(&mut bytes).ok()?;
        bytes[..length].starts_with(wanted.as_bytes()).then_some(())
    });
}

#[test]
fn it_is_ready_when_it_works_and_feeds_the_watchdog_until_it_is_told_to_stop() {
    testkit::require_root();
    let directory = ScratchDir::new().unwrap();
    let path = |name: &str| directory.path().join(name);
    let manager = UnixDatagram::bind(path("notify")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut cloud = Cloud::start(&CloudSpec { hosts: 1, ..CloudSpec::new(binary()) }).unwrap();
    cloud.site_mut(0).stop_controller().unwrap();

    let mut command = Command::new(binary());
    command
        .args(["--log", "json", "local-controller", "--config-file"])
        .arg(cloud.path("host-1.ini"))
        .env("NOTIFY_SOCKET", path("notify"))
        .env("WATCHDOG_USEC", "200000");
    let mut daemon = Daemon::start("dragonflow", &command, &path("log")).unwrap();
    hear(&manager, "READY=1");
    for _ in 0..3 {
        hear(&manager, "WATCHDOG=1");
    }
    testkit::process::run(Command::new("kill").args(["-TERM", &daemon.pid().to_string()])).unwrap();
    hear(&manager, "STOPPING=1");
    wait_until(PATIENCE, "the end", || daemon.check_running().is_err().then_some(()));
    let log = std::fs::read_to_string(path("log")).unwrap();
    let lines: Vec<Value> = log.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(lines.iter().any(|line| line["fields"]["chassis"] == "host-1"), "{log}");
    assert!(!cloud.sites()[0].flows().unwrap().is_empty(), "the switch forwards on");
}

#[test]
fn rows_are_looked_at_and_changed_by_hand() {
    testkit::require_root();
    let cloud = Cloud::start(&CloudSpec { hosts: 1, ..CloudSpec::new(binary()) }).unwrap();
    let config = cloud.path("host-1.ini");
    let db = |args: &[&str]| {
        let output = Command::new(binary())
            .arg0("df-db")
            .args(args)
            .arg("--config-file")
            .arg(&config)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout.clone()).unwrap();
        (output.status.code().unwrap(), text, stderr(&output))
    };
    let (code, tables, _) = db(&["tables"]);
    assert_eq!(code, 0);
    assert!(
        tables.lines().any(|table| table == "lport") && tables.lines().any(|table| table == "unique_key")
    );
    let (code, added, said) = db(&["add", "lport", "-j", r#"{"id": "p1", "topic": "t"}"#]);
    assert_eq!((code, added.as_str()), (0, "p1\n"), "{said}");
    assert_eq!(db(&["bind", "p1"]).0, 0);
    let (code, row, _) = db(&["get", "lport", "p1", "-f", "json"]);
    let row: Value = serde_json::from_str(&row).unwrap();
    assert_eq!((code, &row["binding"]["chassis"], &row["version"]), (0, &json!("host-1"), &json!(2)));
    let dump: Value = serde_json::from_str(&db(&["dump", "-f", "json"]).1).unwrap();
    assert_eq!(dump["lport"][0]["id"], "p1");
    assert_eq!(dump["unique_key"][0], json!({"id": "lport", "unique_key": 1}));
    assert_eq!(db(&["rm", "lport", "p1"]).0, 0);
    let (code, _, said) = db(&["get", "lport", "p1"]);
    assert_eq!(code, 1);
    assert!(said.contains("table lport has no row p1"), "{said}");
    let (code, _, said) = db(&["ls", "lports"]);
    assert_eq!(code, 1);
    assert!(said.contains("there is no table"), "{said}");
}
