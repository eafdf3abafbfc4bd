//! Names of ports, asked for by the resolver of a guest, with a name server in the network that knows other names.

use serde_json::{Value, json};
use testkit::cloud::Vm;
use testkit::process::Daemon;
use testkit::try_wait_until;

use crate::support::{Lab, PATIENCE};

/// A name server that answers every question with one address, and writes down who was asked for.
const SERVER: &str = r#"
import socket, sys
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 53))
while True:
    question, client = server.recvfrom(4096)
    end = question.index(b"\0", 12) + 5
    record = b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\x09\x09\x09\x09"
    server.sendto(question[:2] + b"\x81\x80\0\x01\0\x01\0\0\0\0" + question[12:end] + record, client)
    print(question[12:end], flush=True)
"#;

/// Asks a server for names and types, each until it is answered, and prints the answers: the code, and the data of the records.
const CLIENT: &str = r#"
import json, socket, struct, sys
server, kinds = sys.argv[1], {"A": 1, "AAAA": 28, "PTR": 12}
said = []
for word in sys.argv[2:]:
    name, kind = word.rsplit("/", 1)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = labels + b"\0" + struct.pack("!HH", kinds[kind], 1)
    edns = b"\0\0\x29\x04\xd0\0\0\0\0\0\0"
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.settimeout(2)
    for attempt in range(10):
        client.sendto(b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01" + question + edns, (server, 53))
        try:
            answer, sender = client.recvfrom(4096)
        except TimeoutError:
            continue
        break
    assert sender == (server, 53), sender
    assert answer[:2] == b"\x12\x34" and answer[12:12 + len(question)] == question, answer
    code, count, at, data = answer[3] & 15, struct.unpack("!H", answer[6:8])[0], 12 + len(question), []
    for _ in range(count):
        length = struct.unpack("!H", answer[at + 10:at + 12])[0]
        data.append(answer[at + 12:at + 12 + length].hex())
        at += 12 + length
    said.append([code, data])
print(json.dumps(said))
"#;

fn name(lab: &Lab, vm: &Vm, name: &str) {
    let row = json!({
        "id": vm.port_id(), "lport": vm.port_id(), "lswitch": vm.network_id(), "name": name,
        "domain": "cloud.example.", "topic": lab.row(&format!("/lport/{}", vm.port_id()))["topic"],
    });
    lab.put_row(&format!("/port_dns/{}", vm.port_id()), &row);
}

/// The code and the data of the answers to some questions.
pub(crate) fn ask(vm: &Vm, server: &str, questions: &[&str]) -> Vec<(u64, Vec<String>)> {
    let text =
        vm.namespace().run("python3", &[&["-c", CLIENT, server][..], questions].concat()).expect("answers");
    let said: Value = serde_json::from_str(text.trim()).expect("answers");
    let data = |data: &Value| -> Vec<String> {
        data.as_array().expect("records").iter().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    said.as_array()
        .expect("answers")
        .iter()
        .map(|one| (one[0].as_u64().expect("a code"), data(&one[1])))
        .collect()
}

fn hex(address: &str) -> String {
    let address: std::net::Ipv4Addr = address.parse().expect("an address");
    format!("{:08x}", address.to_bits())
}

#[test]
fn names_of_ports_are_answered_and_others_reach_the_name_server() {
    let mut lab = Lab::new(2);
    let network = lab.network("red", "geneve", "10.0.0.0/24");
    let (guest, other) = (lab.boot(0, "guest", &network), lab.boot(1, "other", &network));
    let server = lab.boot(1, "server", &network);
    let mut command = server.namespace().command("python3");
    command.args(["-c", SERVER]);
    let log = lab.cloud.path("names.log");
    let _names = Daemon::start("names", &command, &log).expect("it starts");
    let text = |vm: &Vm| vm.address().expect("an address").to_string();
    let (at, address) = (text(&server), text(&other));
    let elsewhere = (0, vec![hex("9.9.9.9")]);
    // Nobody has a name yet.
    assert_eq!(ask(&guest, &at, &["db.cloud.example/A"]), vec![elsewhere.clone()]);

    name(&lab, &other, "db");
    let named = (0, vec![hex(&address)]);
    try_wait_until(PATIENCE, "the name to be known", || {
        (ask(&guest, &at, &["db.cloud.example/A"]) == [named.clone()]).then_some(())
    })
    .expect("it is answered");
    let bytes: Vec<&str> = address.split('.').rev().collect();
    let reverse = format!("{}.in-addr.arpa/PTR", bytes.join("."));
    let asked = [
        "Db.Cloud.Example/A",
        "db/A",
        "db.cloud.example/AAAA",
        &reverse,
        "example.org/A",
        "www.cloud.example/A",
    ];
    let full = "02646205636c6f7564076578616d706c6500".to_owned();
    let expected =
        [named.clone(), named.clone(), (0, vec![]), (0, vec![full]), elsewhere.clone(), elsewhere.clone()];
    assert_eq!(ask(&guest, &at, &asked), expected);
    let heard = std::fs::read_to_string(&log).expect("a log");
    assert!(
        heard.contains("www") && !heard.contains("Db"),
        "names of ports are not asked for elsewhere: {heard}"
    );

    // A server that does not exist answers for ports all the same, and without the store.
    lab.cloud.kill_server().expect("it is killed");
    let unreachable = "10.0.0.200";
    let device = guest.guest().device();
    guest
        .namespace()
        .ip(&["neigh", "replace", unreachable, "lladdr", "02:00:00:00:00:99", "dev", device])
        .expect("it is on the link");
    assert_eq!(ask(&guest, unreachable, &["db.cloud.example/A"]), [named]);
}
