//! Names asked for by TCP, by the kernel of a guest, of a real server in the network: which questions reach it, and what becomes of connections.

use testkit::cloud::Vm;
use testkit::process::Daemon;
use testkit::try_wait_until;

use crate::names::{boot, lab, network};
use crate::support::{Lab, PATIENCE};

/// A name server that answers every question by TCP with one address, and writes down what it was asked and how connections ended.
const SERVER: &str = r#"
import socket, threading
def serve(client):
    try:
        while True:
            length = client.recv(2, socket.MSG_WAITALL)
            if len(length) < 2:
                print("ended", flush=True)
                return
            question = client.recv(int.from_bytes(length, "big"), socket.MSG_WAITALL)
            print(question[12:], flush=True)
            end = question.index(b"\0", 12) + 5
            record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x09\x09\x09\x09"
            answer = question[:2] + b"\x81\x80\0\x01\0\x01\0\0\0\0" + question[12:end] + record
            client.sendall(len(answer).to_bytes(2, "big") + answer)
    except ConnectionError as error:
        print("broken off", type(error), flush=True)
server = socket.create_server(("", 53))
while True:
    threading.Thread(target=serve, args=server.accept()[:1]).start()
"#;

/// Asks for names over one connection each, and prints the last four octets of each answer and whether the connection ended with it. A name behind
/// `+` is asked for in the connection of the one before.
const CLIENT: &str = r#"
import socket, sys
client = None
for name in sys.argv[2:]:
    if client is None or not name.startswith("+"):
        client = socket.create_connection((sys.argv[1], 53), timeout=30)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.lstrip("+").split("."))
    question = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0" + labels + b"\0\0\x01\0\x01"
    client.sendall(len(question).to_bytes(2, "big") + question)
    length = int.from_bytes(client.recv(2, socket.MSG_WAITALL), "big")
    answer = client.recv(length, socket.MSG_WAITALL)
    assert len(answer) == length and answer[12:len(question)] == question[12:], answer
    client.settimeout(1)
    try:
        ended = client.recv(1) == b""
    except TimeoutError:
        ended = False
    client.settimeout(30)
    print(".".join(str(octet) for octet in answer[-4:]), "ended" if ended else "open")
"#;

fn ask(vm: &Vm, server: &str, names: &[&str]) -> Vec<String> {
    let said =
        vm.namespace().run("python3", &[&["-c", CLIENT, server][..], names].concat()).expect("answers");
    said.lines().map(str::to_owned).collect()
}

/// Connections with name servers that a host remembers and takes for open.
fn open_connections(lab: &Lab, host: usize) -> Vec<String> {
    let shown = lab.cloud.sites()[host].ovs.appctl(&["dpctl/dump-conntrack"]).expect("the tracker");
    let is_open = |line: &&str| line.contains("dport=53)") && line.contains("state=ESTABLISHED");
    shown.lines().filter(is_open).map(str::to_owned).collect()
}

#[test]
fn names_of_ports_are_answered_by_tcp_and_others_reach_the_name_server() {
    let lab = lab(2);
    let network = network(&lab, "");
    lab.subnet(&serde_json::json!({"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24"}));
    let (web, db) = (boot(&lab, 0, &network, "web"), boot(&lab, 1, &network, "db"));
    let server = boot(&lab, 1, &network, "");
    for vm in [&web, &db, &server] {
        vm.dhcp().expect("an address");
    }
    let mut command = server.namespace().command("python3");
    command.args(["-c", SERVER]);
    let log = lab.cloud.path("names.log");
    let _names = Daemon::start("names", &command, &log).expect("it starts");
    let at = server.address().expect("an address").to_string();
    try_wait_until(PATIENCE, "the server to listen", || {
        web.namespace()
            .run("python3", &["-c", &format!("import socket; socket.create_connection(('{at}', 53), 1)")])
            .ok()
    })
    .expect("it listens");

    let address = db.address().expect("an address");
    let known = format!("{address} ended");
    let asked = ["db.example.test", "example.org", "+other.example.test", "DB", "example.net", "+db"];
    let elsewhere = |how: &str| format!("9.9.9.9 {how}");
    let expected = [
        known.clone(),
        elsewhere("open"),
        elsewhere("open"),
        known.clone(),
        elsewhere("open"),
        known.clone(),
    ];
    assert_eq!(ask(&web, &at, &asked), expected);
    let heard = || std::fs::read_to_string(&log).expect("a log");
    assert!(
        ["example\\x03org", "other", "example\\x03net"].iter().all(|name| heard().contains(name)),
        "{}",
        heard()
    );
    assert!(
        !heard().contains("\\x02db") && !heard().contains("DB"),
        "names of ports are not asked for elsewhere: {}",
        heard()
    );
    // The server does not wait for questions that never come, and no switch remembers connections that are over.
    try_wait_until(PATIENCE, "the server to hear of the ends", || {
        (heard().matches("broken off").count() == 3).then_some(())
    })
    .unwrap_or_else(|error| panic!("{error}: {}", heard()));
    for host in [0, 1] {
        try_wait_until(PATIENCE, "connections to be forgotten", || {
            open_connections(&lab, host).is_empty().then_some(())
        })
        .unwrap_or_else(|error| panic!("{error}: {:#?}", open_connections(&lab, host)));
    }
}
