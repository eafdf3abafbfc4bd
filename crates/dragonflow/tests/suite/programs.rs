//! What whoever runs the programs is promised: names, exit codes, signals, what the service manager is told, and that a
//! mistake is found before anything is made.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use testkit::scratch::ScratchDir;
use testkit::{Ovs, wait_until};

use crate::support::{PATIENCE, binary};

/// A directory with a configuration of a server that has it for itself.
struct Place {
    directory: ScratchDir,
    api: String,
}

/// A program that runs. Dropping it kills it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Running {
    fn signal(&self, signal: &str) {
        let mut command = Command::new(testkit::require_tool("kill"));
        testkit::process::run(command.arg(signal).arg(self.0.id().to_string())).expect("it is told");
    }

    fn exit_code(mut self) -> Option<i32> {
        wait_until(PATIENCE, "the program ends", || self.0.try_wait().expect("a state")).code()
    }
}

fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").to_string()
}

impl Place {
    fn new() -> Self {
        Self { directory: ScratchDir::new().expect("a directory"), api: free_address() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes the configuration, with more lines, and gives the path of the file.
    fn configure(&self, more: &str) -> PathBuf {
        let text = format!(
            "[df_api]\nbind = {}\n[df_store]\nembedded_path = {}\nembedded_listen = {}\n{more}\n",
            self.api,
            self.path("data/store").display(),
            free_address()
        );
        let file = self.path("dragonflow.ini");
        fs::write(&file, text).expect("a file is written");
        file
    }

    fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn start(&self, command: &mut Command) -> Running {
        let log = fs::File::create(self.path("log")).expect("a log");
        Running(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().expect("it starts"))
    }

    fn wait_for_log(&self, text: &str) {
        wait_until(PATIENCE, text, || self.log().contains(text).then_some(()));
    }
}

/// How a program ends that does so by itself, and what it says.
fn ends(command: &mut Command) -> (Option<i32>, String) {
    let place = ScratchDir::new().expect("a directory");
    let file = place.path().join("said");
    let said = fs::File::create(&file).expect("a file");
    let errors = said.try_clone().expect("a file");
    let child = command.stdin(Stdio::null()).stdout(said).stderr(errors).spawn().expect("it starts");
    let code = Running(child).exit_code();
    (code, fs::read_to_string(&file).expect("text"))
}

/// The same of the program under its own name, with these arguments.
fn says(arguments: &[&str]) -> (Option<i32>, String) {
    ends(Command::new(binary()).args(arguments))
}

#[test]
fn programs_that_are_not_built_say_so_under_the_originals_names() {
    let place = Place::new();
    for name in ["df-publisher-service", "df-bgp-service"] {
        let link = place.path(name);
        symlink(binary(), &link).expect("a link is made");
        let (code, said) = ends(Command::new(link).args(["--config-file", "any"]));
        assert_eq!(code, Some(2), "{said}");
        assert!(said.contains(&format!("{name} is not built yet")), "{said}");
    }
}

#[test]
fn an_agent_of_the_originals_name_makes_its_node_a_candidate_until_it_is_told_to_stop() {
    let place = Place::new();
    let listens = free_address();
    let more = format!(
        "[DEFAULT]\nhost = n1\n[df]\nremote_db_hosts = {listens}\n[df_l3_app]\ngateway_priority = 7\n"
    );
    let file = place.configure(&more);
    let text = fs::read_to_string(&file).expect("text");
    let own = text.lines().map(|line| match line.starts_with("embedded_listen") {
        true => format!("embedded_listen = {listens}"),
        false => line.to_owned(),
    });
    fs::write(&file, own.collect::<Vec<_>>().join("\n")).expect("a file is written");
    let file = file.to_str().expect("text");
    let _server = place.start(Command::new(binary()).args(["server", "--config-file", file]));
    place.wait_for_log("requests are not authenticated");
    let link = place.path("df-l3-agent");
    symlink(binary(), &link).expect("a link is made");
    let agent =
        Command::new(&link).args(["--config-file", file]).stderr(Stdio::null()).spawn().expect("it starts");
    let agent = Running(agent);
    let row = || says(&["db", "get", "gateway_candidate", "n1", "-f", "json", "--config-file", file]);
    wait_until(PATIENCE, "the node to be a candidate", || {
        let (code, said) = row();
        (code == Some(0) && said.contains(r#""priority":7"#) | said.contains(r#""priority": 7"#))
            .then_some(())
    });
    let (_, services) = says(&["db", "dump", "-f", "json", "--config-file", file]);
    assert!(services.contains("df-l3-agent"), "{services}");
    agent.signal("-TERM");
    assert_eq!(agent.exit_code(), Some(0));
    assert_ne!(row().0, Some(0), "{}", row().1);

    let file = place.configure("[df_l3_app]\ngateway_candidate = False\n");
    let (code, said) = says(&["l3-agent", "--config-file", file.to_str().expect("text")]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("[df_l3_app] gateway_candidate is False"), "{said}");
}

#[test]
fn a_check_finds_what_the_programs_would_refuse_and_so_do_they_before_anything_is_made() {
    let place = Place::new();
    for (more, program, option) in [
        ("[df]\nnb_db_class = redis_nb_db_driver", "server", "nb_db_class"),
        ("[df_api]\nbind = 0.0.0.0:0", "server", "bind"),
        ("[df_store]\ntls_ca_file = /nowhere/ca.pem", "local-controller", "/nowhere/ca.pem"),
        ("[df_api]\ntls_cert_file = /x\ntls_key_file = /y", "server", "tls_cert_file"),
    ] {
        let file = place.configure(more);
        let file = file.to_str().expect("text");
        for arguments in [&["config", "check"][..], &[program]] {
            let (code, said) = says(&[arguments, &["--config-file", file]].concat());
            assert_eq!(code, Some(2), "{arguments:?} with {more}: {said}");
            assert!(said.contains(option) && !said.contains("the configuration is right"), "{said}");
        }
        assert!(!place.path("data").exists(), "{more}");
    }
    let file = place.configure("[df]\nnb_db_class = redis_nb_db_driver");
    let (code, said) = says(&["db", "ls", "lport", "--config-file", file.to_str().expect("text")]);
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("redis_nb_db_driver is not built yet"), "{said}");
}

#[test]
fn a_store_that_the_server_does_not_use_is_remarked_upon() {
    let place = Place::new();
    let remark = "is not the embedded store";
    for (more, is_elsewhere) in [
        ("[df]\nremote_db_hosts = 192.0.2.1:2379,192.0.2.2:2379", true),
        ("[df]\nremote_db_ip = 192.0.2.1", true),
        ("[df_store]\nembedded_enabled = False\n[df]\nremote_db_hosts = 192.0.2.1:2379", false),
        ("[df]\nremote_db_hosts = 192.0.2.1:4001\n[df_store]\nembedded_listen = 0.0.0.0:4001", false),
        (
            "[df]\nremote_db_hosts = server.example.org:4001\n[df_store]\nembedded_listen = 192.0.2.1:4001",
            false,
        ),
        ("", false),
    ] {
        let file = place.configure(more);
        let (code, said) = says(&["config", "check", "--config-file", file.to_str().expect("text")]);
        assert_eq!((code, said.contains(remark)), (Some(0), is_elsewhere), "{more}: {said}");
    }
}

#[test]
fn the_sample_uncommented_is_right() {
    let (_, sample) = says(&["config", "sample"]);
    let lines = sample.lines().map(|line| match line.strip_prefix('#') {
        Some(option) if !option.starts_with(' ') => option,
        _ => line,
    });
    let place = Place::new();
    fs::write(place.path("sample.ini"), lines.collect::<Vec<_>>().join("\n")).expect("a file is written");
    let file = place.path("sample.ini");
    let (code, said) = says(&["config", "check", "--config-file", file.to_str().expect("text")]);
    assert_eq!(code, Some(0), "{said}");
}

#[test]
fn every_signal_that_asks_for_an_end_gets_a_good_one() {
    for signal in ["-TERM", "-INT", "-HUP"] {
        let place = Place::new();
        let file = place.configure("");
        let server = place.start(Command::new(binary()).args(["server", "--config-file"]).arg(file));
        place.wait_for_log("requests are not authenticated");
        server.signal(signal);
        assert_eq!(server.exit_code(), Some(0), "{signal}: {}", place.log());
        let directory = fs::metadata(place.path("data/store")).expect("a directory");
        assert_eq!(directory.permissions().mode() & 0o777, 0o700);
    }
}

#[test]
fn the_service_manager_is_told_that_the_server_is_ready_lives_and_ends() {
    let place = Place::new();
    let file = place.configure("");
    let manager = UnixDatagram::bind(place.path("notify")).expect("a socket");
    manager.set_read_timeout(Some(PATIENCE)).expect("a time");
    let mut command = Command::new(binary());
    command.args(["server", "--config-file"]).arg(file);
    command
        .env("NOTIFY_SOCKET", place.path("notify"))
        .env("WATCHDOG_USEC", "100000")
        .env_remove("WATCHDOG_PID");
    let server = place.start(&mut command);
    let hears = || {
        let mut text = [0; 100];
        let length = manager.recv(&mut text).expect("a message in time");
        String::from_utf8_lossy(&text[..length]).into_owned()
    };
    assert_eq!(hears(), "READY=1");
    assert_eq!(hears(), "WATCHDOG=1");
    assert_eq!(hears(), "WATCHDOG=1");
    server.signal("-TERM");
    while hears() != "STOPPING=1" {}
    assert_eq!(server.exit_code(), Some(0));
}

#[test]
fn a_server_that_starts_before_its_store_serves_when_it_is_there() {
    let (place, other) = (Place::new(), Place::new());
    let file = other.configure("");
    let store = fs::read_to_string(&file).expect("a file");
    let store = store.lines().find_map(|line| line.strip_prefix("embedded_listen = ")).expect("an address");
    let more = format!("embedded_enabled = False\n[df]\nremote_db_hosts = {store}");
    let start = || {
        let mut command = Command::new(binary());
        place.start(command.args(["server", "--config-file"]).arg(place.configure(&more)))
    };
    let waiting = start();
    place.wait_for_log("waiting for the store");
    waiting.signal("-TERM");
    assert_eq!(waiting.exit_code(), Some(0), "{}", place.log());

    let server = start();
    place.wait_for_log("waiting for the store");
    let _store = other.start(Command::new(binary()).args(["server", "--config-file"]).arg(&file));
    place.wait_for_log("requests are not authenticated");
    server.signal("-TERM");
    assert_eq!(server.exit_code(), Some(0), "{}", place.log());
}

#[test]
fn a_controller_that_starts_before_open_vswitch_finds_it_when_it_is_there() {
    testkit::require_root();
    let place = Place::new();
    let file = place.configure("");
    let _server = {
        let server = place.start(Command::new(binary()).args(["server", "--config-file"]).arg(&file));
        place.wait_for_log("requests are not authenticated");
        server
    };
    let store = fs::read_to_string(&file).expect("a file");
    let store = store.lines().find_map(|line| line.strip_prefix("embedded_listen = ")).expect("an address");
    // Nobody has an Open vSwitch at this address, and none is to be found at the usual one.
    let text = format!("[df]\nremote_db_hosts = {store}\nmanagement_ip = 127.87.65.43\n");
    fs::write(place.path("node.ini"), text).expect("a file is written");
    let rundir = place.path("openvswitch");
    let mut command = Command::new(binary());
    command.args(["local-controller", "--config-file"]).arg(place.path("node.ini"));
    let controller = place.start(command.env("OVS_RUNDIR", &rundir));
    place.wait_for_log("waiting for open vswitch at");
    let ovs = Ovs::dummy().expect("open vswitch starts");
    symlink(ovs.rundir(), &rundir).expect("a link is made");
    wait_until(PATIENCE, "the bridge is made", || {
        ovs.vsctl(&["list-br"]).is_ok_and(|bridges| bridges.contains("br-int")).then_some(())
    });
    controller.signal("-TERM");
    assert_eq!(controller.exit_code(), Some(0), "{}", place.log());
}

#[test]
fn a_recording_may_be_empty_or_cut_short() {
    let place = Place::new();
    let file = place.path("recording");
    let replay = |text: &[u8]| {
        fs::write(&file, text).expect("a file is written");
        says(&["replay", file.to_str().expect("text")])
    };
    for nothing in [&b""[..], b"[{\"cut", b"\xc3"] {
        let (code, said) = replay(nothing);
        assert_eq!(code, Some(1), "{said}");
        assert!(said.contains("holds no step"), "{said}");
    }
    for torn in [&b"[{\"cut"[..], b"\xc3"] {
        let (code, said) = replay(&[b"[]\n", torn].concat());
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("is cut short") && said.contains("1 steps"), "{said}");
    }
    let (code, said) = replay(b"[]\n{]\n[]\n");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("line 2 of "), "{said}");
}
