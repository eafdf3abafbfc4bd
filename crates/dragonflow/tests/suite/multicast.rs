//! Multicast to those who listen: with the sockets of guests, on three hosts.

use std::path::Path;

use testkit::cloud::{CloudSpec, Vm};
use testkit::process::Daemon;
use testkit::scratch::ScratchDir;
use testkit::{Capture, try_wait_until};

use crate::support::{Lab, PATIENCE, binary};

const GROUP: &str = "239.7.7.7";
const PORT: &str = "7777";

/// Listens, and prints what it hears.
const LISTEN: &str = "
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', int(sys.argv[3])))
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(sys.argv[1]) + socket.inet_aton(sys.argv[2]))
print('listening', flush=True)
while True:
    print(s.recv(100).decode(), flush=True)
";
const SEND: &str = "
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(sys.argv[2]))
s.sendto(sys.argv[4].encode(), (sys.argv[1], int(sys.argv[3])))
";

/// A program of a machine that listens.
struct Listener {
    daemon: Daemon,
    directory: ScratchDir,
}

impl Listener {
    fn start(vm: &Vm) -> Self {
        let directory = ScratchDir::new().expect("a directory");
        let address = vm.address().expect("an address").to_string();
        let mut command = vm.namespace().command("python3");
        command.args(["-c", LISTEN, GROUP, &address, PORT]);
        let daemon = Daemon::start("listener", &command, &directory.path().join("log")).expect("python runs");
        let listener = Self { daemon, directory };
        listener.wait_for("listening");
        listener
    }

    fn log(&self) -> String {
        read(&self.directory.path().join("log"))
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        try_wait_until(PATIENCE, text, || self.log().lines().any(|line| line == text).then_some(()))
            .unwrap_or_else(|error| panic!("{error}: {}", self.log()));
    }
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

fn send(vm: &Vm, text: &str) {
    let address = vm.address().expect("an address").to_string();
    vm.namespace().run("python3", &["-c", SEND, GROUP, &address, PORT, text]).expect("python sends");
}

/// The rows of listeners to our address, as the store has them.
fn rows(lab: &Lab) -> String {
    let mut command = std::process::Command::new(testkit::require_tool("etcdctl"));
    command.env("ETCDCTL_API", "3");
    command.args([
        "--endpoints",
        lab.cloud.store(),
        "get",
        "--prefix",
        "--print-value-only",
        "/multicast_member",
    ]);
    let text = testkit::process::run(&command).expect("etcdctl reads the store");
    text.lines().filter(|line| line.contains(GROUP)).collect()
}

/// How often a text was captured.
fn heard(capture: &Capture, text: &str) -> usize {
    let frames = capture.frames().expect("a capture");
    frames.iter().filter(|frame| frame.windows(text.len()).any(|part| part == text.as_bytes())).count()
}

#[test]
fn listeners_get_one_copy_and_nobody_else_any() {
    let spec = CloudSpec {
        hosts: 3,
        host_options: "[df_l2_app]\nmulticast_snooping = True",
        ..CloudSpec::new(binary())
    };
    let lab = Lab::with(&spec);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let sender = lab.boot(0, "sender", &network);
    let (listens, beside) = (lab.boot(1, "listens", &network), lab.boot(1, "beside", &network));
    let _far = lab.boot(2, "far", &network);
    let ear = |vm: &Vm| Capture::start(vm.namespace(), vm.guest().device(), "udp").expect("tcpdump runs");
    let beside_ear = ear(&beside);
    let far_wire = lab.cloud.sites()[2].capture_underlay("udp port 6081").expect("tcpdump runs");
    let near_wire = lab.cloud.sites()[1].capture_underlay("udp port 6081").expect("tcpdump runs");

    let mut listener = Listener::start(&listens);
    let knows = || {
        let is_written = rows(&lab).contains(listens.port_id());
        let has_flow = |site: &testkit::cloud::Site| {
            site.flows().is_ok_and(|flows| flows.iter().any(|flow| flow.contains(GROUP)))
        };
        (is_written && lab.cloud.sites().iter().all(has_flow)).then_some(())
    };
    try_wait_until(PATIENCE, "everybody to know who listens", knows).expect("a row and flows");
    send(&sender, "for-listeners");
    listener.wait_for("for-listeners");
    assert_eq!(heard(&near_wire, "for-listeners"), 1, "copies on the way to the host of the listener");
    assert_eq!(heard(&far_wire, "for-listeners"), 0, "a host without listeners got a copy");
    assert_eq!(heard(&beside_ear, "for-listeners"), 0, "who does not listen got a copy");
    assert_eq!(listener.log().matches("for-listeners").count(), 1);

    // It ends, its kernel says goodbye, and the address is again one that nobody listens to.
    listener.daemon.kill().expect("it ends");
    try_wait_until(PATIENCE, "the row to go", || rows(&lab).is_empty().then_some(())).expect("it is gone");
    let forgotten = || {
        let has_no_flow = |site: &testkit::cloud::Site| {
            site.flows().is_ok_and(|flows| !flows.iter().any(|flow| flow.contains(GROUP)))
        };
        lab.cloud.sites().iter().all(has_no_flow).then_some(())
    };
    try_wait_until(PATIENCE, "the flows to go", forgotten).expect("they are gone");
    send(&sender, "for-everybody");
    try_wait_until(PATIENCE, "a flood", || (heard(&beside_ear, "for-everybody") == 1).then_some(()))
        .expect("everybody gets it");
}
