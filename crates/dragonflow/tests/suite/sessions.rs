//! Sessions of guests with the world outside, while switches are restarted under them.

use std::process::Command;

use testkit::process::Daemon;
use testkit::{Namespace, try_wait_until};

use crate::routers::{GATEWAY, Routed, UPSTREAM};
use crate::support::{PATIENCE, times_ready, wait_ready};

const FLOATING: &str = "203.0.113.20";
const PORT: &str = "7007";

/// Tells everybody as whom it sees them, and then says back what it hears.
const SERVER: &str = r#"
import socketserver, sys
class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write((self.client_address[0] + "\n").encode())
        for line in self.rfile:
            self.wfile.write(line)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
Server(("", int(sys.argv[1])), Echo).serve_forever()
"#;

/// Talks in one connection for ever, and prints as whom it is seen and then what comes back. It ends if anything goes wrong.
const CLIENT: &str = r#"
import socket, sys, time
connection = socket.create_connection((sys.argv[1], int(sys.argv[2])))
heard = connection.makefile("r")
print(heard.readline().strip(), flush=True)
for number in range(1_000_000):
    connection.sendall(b"%d\n" % number)
    assert heard.readline() == "%d\n" % number
    print(number, flush=True)
    time.sleep(0.05)
"#;

fn python(namespace: &Namespace, script: &str, arguments: &[&str]) -> Command {
    let mut command = namespace.command("python3");
    command.args(["-c", script]).args(arguments);
    command
}

/// A session of somebody with the machine outside.
struct Session {
    name: String,
    process: Daemon,
    output: std::path::PathBuf,
}

impl Session {
    fn begin(routed: &Routed, from: &Namespace, name: &str) -> Self {
        let output = routed.lab.cloud.path(&format!("session-{name}"));
        let command = python(from, CLIENT, &[UPSTREAM, PORT]);
        let process = Daemon::start(name, &command, &output).expect("python runs");
        Self { name: name.to_owned(), process, output }
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(&self.output).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// Waits until something more has come back.
    fn goes_on(&mut self) {
        let before = self.lines().len();
        let has_more = || (self.lines().len() > before + 5).then_some(());
        let waited = try_wait_until(PATIENCE, "an answer", has_more);
        self.process.check_running().unwrap_or_else(|error| panic!("{}: {error}", self.name));
        waited.unwrap_or_else(|error| panic!("{}: {error}", self.name));
    }
}

#[test]
fn switches_that_are_restarted_end_no_session_with_the_world_outside() {
    let mut routed = Routed::new();
    let (seen, hidden) = (routed.boot(0, "seen", &routed.red), routed.boot(1, "hidden", &routed.blue));
    let floating = routed.floating(&seen, FLOATING);
    routed.wait_floating(&floating, "ACTIVE");
    let out = routed.upstream.namespace();
    let server = python(out, SERVER, &[PORT]);
    let _server = Daemon::start("echo", &server, &routed.lab.cloud.path("echo")).expect("python runs");
    try_wait_until(PATIENCE, "the server", || {
        let listens = out.run("ss", &["-Hltn", "sport", "=", &format!(":{PORT}")]);
        listens.ok().filter(|text| !text.is_empty())
    })
    .expect("it listens");
    let mut sessions = [(&seen, FLOATING), (&hidden, GATEWAY)].map(|(vm, address)| {
        let mut session = Session::begin(&routed, vm.namespace(), vm.name());
        session.goes_on();
        assert_eq!(session.lines()[0], address, "{}", session.name);
        session
    });
    for place in 0..3 {
        let site = routed.lab.cloud.site_mut(place);
        let ready = times_ready(site);
        site.ovs.restart_vswitchd().expect("it starts");
        wait_ready(site, ready);
        sessions.iter_mut().for_each(Session::goes_on);
    }
}
