//! The metadata service: guests ask it with `curl`, and what answers in the place of Nova says what it was asked.

use std::path::PathBuf;

use net_types::MacAddr;
use serde_json::{Value, json};
use testkit::cloud::{CloudSpec, Vm};
use testkit::process::Daemon;
use testkit::{Namespace, Ovs, try_wait_until};

use crate::support::{Lab, PATIENCE, binary, times_ready, wait_ready};

const SECRET: &str = "s3cret";
/// Where guests ask.
const SERVICE: &str = "http://169.254.169.254";
const SERVICE_V6: &str = "http://[fe80::a9fe:a9fe%25eth0]";
/// The status of who gets no answer.
const UNANSWERED: &str = "";
/// What is asked for the measurement.
const REQUESTS: usize = 1_000;

/// Nova's place: it checks the signature as Nova does, and gives back the headers that it got.
const NOVA: &str = r#"
import hashlib, hmac, json, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

class Nova(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        instance = self.headers.get("X-Instance-ID", "")
        signature = hmac.new(sys.argv[1].encode(), instance.encode(), hashlib.sha256).hexdigest()
        status = 200 if signature == self.headers.get("X-Instance-ID-Signature") else 403
        if self.path.startswith("/status/"):
            status = int(self.path.rsplit("/", 1)[1])
        said = {"path": self.path, "method": self.command, "body": body.decode(), "headers": self.headers.items()}
        said = json.dumps(said).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    do_GET = do_PUT = do_POST = answer

    def log_message(self, *words):
        pass

ThreadingHTTPServer.request_queue_size = 128
ThreadingHTTPServer(("127.0.0.1", 8775), Nova).serve_forever()
"#;

/// Asks many times, each by a connection of its own, and says how long it took: milliseconds, sorted.
const ASK_OFTEN: &str = r#"
import http.client, json, sys, time
took = []
for _ in range(int(sys.argv[1])):
    begun = time.monotonic()
    connection = http.client.HTTPConnection("169.254.169.254", 80, timeout=10)
    connection.request("GET", "/latest")
    answer = connection.getresponse()
    assert answer.status == 200, answer.status
    answer.read()
    connection.close()
    took.append((time.monotonic() - begun) * 1000)
print(json.dumps(sorted(took)))
"#;

fn lab(host_options: &str) -> Lab {
    let server_options = "\n[ml2_type_vlan]\nnetwork_vlan_ranges = public\n";
    let shared = format!("\n[DEFAULT]\nmetadata_proxy_shared_secret = {SECRET}\n{host_options}");
    Lab::with(&CloudSpec { hosts: 1, server_options, host_options: &shared, ..CloudSpec::new(binary()) })
}

/// Starts what answers in the place of Nova, and knows a secret.
fn nova(lab: &Lab, secret: &str) -> Daemon {
    let namespace = &lab.cloud.sites()[0].namespace;
    let mut command = namespace.command("python3");
    command.args(["-c", NOVA, secret]);
    let nova = Daemon::start("nova", &command, &lab.cloud.path("nova.log")).expect("it starts");
    wait_listening(namespace, 8775);
    nova
}

fn wait_listening(namespace: &Namespace, port: u16) {
    try_wait_until(PATIENCE, "somebody to listen", || {
        let text = namespace.run("ss", &["-Hltn", &format!("sport = :{port}")]).ok()?;
        (!text.trim().is_empty()).then_some(())
    })
    .expect("it listens");
}

/// The proxy, in a process of its own.
fn start_proxy(lab: &mut Lab) -> Daemon {
    let log: PathBuf = lab.cloud.path("metadata.log");
    lab.cloud.site_mut(0).start_inside("metadata-service", &log).expect("it starts")
}

/// What `curl` says: the status, and what came back.
fn ask(vm: &Vm, url: &str, more: &[&str]) -> (String, String) {
    let base = ["-s", "-g", "--max-time", "10", "-w", "\n%{http_code}", url];
    let text = vm.namespace().run("curl", &[&base[..], more].concat()).unwrap_or_default();
    let (body, status) = text.rsplit_once('\n').unwrap_or_default();
    (status.to_owned(), body.to_owned())
}

/// Waits until an answer has a status; what came back.
#[track_caller]
fn wait_status(vm: &Vm, url: &str, status: &str) -> String {
    let waited = try_wait_until(PATIENCE, &format!("{url} to be answered with {status}"), || {
        let (got, body) = ask(vm, url, &[]);
        (got == status).then_some(body)
    });
    waited.unwrap_or_else(|error| panic!("{error}: {:?}", ask(vm, url, &["-v"])))
}

/// The values of a header that Nova got.
fn header(body: &str, name: &str) -> Vec<String> {
    let said: Value = serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {body:?}"));
    let headers = said["headers"].as_array().expect("headers").iter();
    let named = headers.filter(|pair| pair[0].as_str().is_some_and(|is| is.eq_ignore_ascii_case(name)));
    named.filter_map(|pair| pair[1].as_str().map(str::to_owned)).collect()
}

/// A guest of an instance with a fixed address.
fn boot(lab: &Lab, name: &str, network: &str, instance: &str, more: &Value) -> Vm {
    let mut port = json!({
        "network_id": network, "name": name, "device_id": instance, "device_owner": "compute:nova",
    });
    for (member, value) in more.as_object().expect("members") {
        port[member] = value.clone();
    }
    let vm = lab.cloud.boot_port(0, name, &port).expect("a machine");
    lab.cloud.wait_status(&vm, "ACTIVE").expect("its port forwards");
    vm.dhcp().expect("an address");
    vm
}

fn at(address: &str) -> Value {
    json!({"fixed_ips": [{"ip_address": address}]})
}

/// Gives a guest no way to send anything but what it needs for an address.
fn without_rules(lab: &Lab, address: &str) -> Value {
    let api = lab.cloud.api();
    let made = api.post("/v2.0/security-groups", &json!({"security_group": {"name": "nothing"}}));
    let group = made.and_then(|made| made.expect(201)).expect("a group")["security_group"].clone();
    for rule in group["security_group_rules"].as_array().expect("rules") {
        let path = format!("/v2.0/security-group-rules/{}", rule["id"].as_str().expect("an id"));
        api.delete(&path).and_then(|done| done.expect(204)).expect("the rule is deleted");
    }
    let mut port = at(address);
    port["security_groups"] = json!([group["id"]]);
    port
}

#[test]
fn each_guest_is_answered_about_itself() {
    let mut lab = lab("\n[df_metadata]\nin_controller = False\n");
    let _nova = nova(&lab, SECRET);
    let mut proxy = start_proxy(&mut lab);
    let (red, blue) =
        (lab.network("red", "geneve", "10.0.0.0/24"), lab.network("blue", "vlan", "10.0.0.0/24"));
    let one = boot(&lab, "one", &red, "instance-1", &without_rules(&lab, "10.0.0.5"));
    let two = boot(&lab, "two", &blue, "instance-2", &at("10.0.0.5"));
    let open = boot(&lab, "open", &blue, "instance-3", &json!({"port_security_enabled": false}));
    for (vm, instance) in [(&one, "instance-1"), (&two, "instance-2"), (&open, "instance-3")] {
        let body = wait_status(vm, &format!("{SERVICE}/openstack/latest?x=y"), "200");
        assert_eq!(header(&body, "x-instance-id"), [instance]);
        assert_eq!(header(&body, "x-forwarded-for"), [vm.address().expect("an address").to_string()]);
        assert_eq!(header(&body, "x-tenant-id").len(), 1);
        assert_eq!(header(&body, "host"), ["127.0.0.1:8775"]);
        assert!(body.contains("/openstack/latest?x=y"), "{body}");
    }

    // What a guest says about itself does not matter, and all else passes.
    let lies = [
        "-H",
        "X-Instance-ID: instance-2",
        "-H",
        "X_Instance_ID: instance-2",
        "-H",
        "X-Forwarded-For: 1.1.1.1",
    ];
    let more = ["-H", "X-Mine: kept", "-X", "PUT", "-d", "some text"];
    let (status, body) = ask(&one, SERVICE, &[&lies[..], &more].concat());
    assert_eq!(status, "200");
    assert_eq!(header(&body, "x-instance-id"), ["instance-1"]);
    assert_eq!(
        (header(&body, "x-mine"), header(&body, "x-forwarded-for")),
        (vec!["kept".into()], vec!["10.0.0.5".into()])
    );
    assert!(body.contains("some text") && !body.contains("instance-2"), "{body}");
    for status in ["404", "409", "500"] {
        assert_eq!(
            ask(&one, &format!("{SERVICE}/status/{status}"), &[]).0,
            status,
            "what Nova says is passed on"
        );
    }

    // Its own address is not served on other ports, and a process of the host is nobody.
    assert_eq!(ask(&one, "http://169.254.169.254:18080/", &["--max-time", "1"]).0, UNANSWERED);
    let host = &lab.cloud.sites()[0].namespace;
    assert!(host.run("curl", &["-s", "--max-time", "5", "http://169.254.169.254:18080/"]).is_err());

    // A port of nobody.
    let none = boot(&lab, "none", &blue, "", &json!({}));
    wait_status(&none, SERVICE, "404");

    // The proxy goes and comes back, and so does the device with the switch.
    proxy.kill().expect("it is killed");
    assert_eq!(ask(&one, SERVICE, &[]).0, UNANSWERED);
    let _proxy = start_proxy(&mut lab);
    wait_status(&one, SERVICE, "200");
    let before = times_ready(&lab.cloud.sites()[0]);
    lab.cloud.site_mut(0).ovs.restart_vswitchd().expect("it restarts");
    wait_ready(&lab.cloud.sites()[0], before);
    assert_eq!(header(&wait_status(&two, SERVICE, "200"), "x-instance-id"), ["instance-2"]);
    let vsctl = |args: &[&str]| lab.cloud.sites()[0].ovs.vsctl(args).expect("the database answers");
    vsctl(&["del-port", "tap-metadata"]);
    assert_eq!(header(&wait_status(&one, SERVICE, "200"), "x-instance-id"), ["instance-1"]);
}

#[test]
fn guests_with_ipv6_and_guests_inside_others_are_answered_by_the_controller_itself() {
    let mut lab = lab("");
    let site = lab.cloud.site_mut(0);
    site.stop_controller().expect("it stops");
    site.start_controller_inside().expect("it starts");
    let nova_process = nova(&lab, SECRET);
    let network = lab.network("red", "geneve", "10.0.0.0/24");
    lab.subnet(&json!({"network_id": network, "ip_version": 6, "cidr": "fd00::/64"}));
    let vm = boot(&lab, "vm", &network, "instance-1", &json!({}));
    // What a kernel makes when the device comes up, and the test's DHCP client takes away.
    let mac: MacAddr = vm.mac().parse().expect("an address");
    vm.namespace().add_address("eth0", &format!("{}/64", mac.link_local())).expect("its address");
    let body = wait_status(&vm, &format!("{SERVICE_V6}/latest"), "200");
    assert_eq!(header(&body, "x-instance-id"), ["instance-1"]);
    assert_eq!(header(&wait_status(&vm, SERVICE, "200"), "x-instance-id"), ["instance-1"]);

    by_a_router(&lab, &network, &vm);
    inside_by_a_tag(&lab, &network);

    // How fast.
    let text =
        vm.namespace().run("python3", &["-c", ASK_OFTEN, &REQUESTS.to_string()]).expect("all are answered");
    let took: Vec<f64> = serde_json::from_str(text.trim()).expect("times");
    let at = |share: usize| took[REQUESTS * share / 1_000];
    tell(&format!("metadata: {REQUESTS} requests, p50 {:.2} ms, p99 {:.2} ms", at(500), at(990)));
    assert_eq!(took.len(), REQUESTS);

    // Nova goes, and another comes that shares no secret with us.
    drop(nova_process);
    wait_status(&vm, SERVICE, "503");
    let _other = nova(&lab, "another");
    wait_status(&vm, SERVICE, "403");
}

/// A guest that has no route to the service but the one to its router asks by that.
fn by_a_router(lab: &Lab, network: &str, vm: &Vm) {
    let api = lab.cloud.api();
    let subnets = api.get(&format!("/v2.0/subnets?network_id={network}&ip_version=4"));
    let subnets = subnets.and_then(|got| got.expect(200)).expect("subnets");
    let router = api.post("/v2.0/routers", &json!({"router": {"name": "router"}}));
    let router = router.and_then(|made| made.expect(201)).expect("a router");
    let path =
        format!("/v2.0/routers/{}/add_router_interface", router["router"]["id"].as_str().expect("an id"));
    let body = json!({"subnet_id": subnets["subnets"][0]["id"]});
    api.put(&path, &body).and_then(|made| made.expect(200)).expect("an interface");
    let guest = vm.namespace();
    guest.ip(&["route", "del", "169.254.169.254/32"]).expect("a route less");
    let gateway = subnets["subnets"][0]["gateway_ip"].as_str().expect("a gateway");
    guest.ip(&["route", "replace", "default", "via", gateway]).expect("a route");
    let route = guest.ip(&["route", "get", "169.254.169.254"]).expect("a route");
    assert!(route.contains(&format!("via {gateway}")), "{route}");
    assert_eq!(header(&wait_status(vm, SERVICE, "200"), "x-instance-id"), ["instance-1"]);
}

/// A machine behind the switch of a guest, by a tag and in a network with the same addresses, is answered about the guest.
fn inside_by_a_tag(lab: &Lab, network: &str) {
    let outer = boot(lab, "outer", network, "instance-2", &json!({}));
    let other = lab.network("blue", "geneve", "10.0.0.0/24");
    let own = outer.address().expect("an address").to_string();
    let mut inner = at(&own);
    inner["network_id"] = other.into();
    let inner = lab.port(&inner);
    let trunk = json!({"trunk": {"port_id": outer.port_id(), "sub_ports": [
        {"port_id": inner["id"], "segmentation_type": "vlan", "segmentation_id": 7},
    ]}});
    lab.cloud.api().post("/v2.0/trunks", &trunk).and_then(|made| made.expect(201)).expect("a trunk");
    let ovs = Ovs::netdev(outer.namespace()).expect("Open vSwitch starts");
    ovs.vsctl(&["add-br", "br-vm", "--", "set", "bridge", "br-vm", "datapath_type=netdev"])
        .expect("a bridge");
    ovs.vsctl(&["add-port", "br-vm", outer.guest().device()]).expect("its cable");
    let inside = Namespace::new().expect("a namespace");
    outer.namespace().connect("v7", &inside, "eth0").expect("a cable");
    ovs.vsctl(&["add-port", "br-vm", "v7", "tag=7"]).expect("its plug");
    inside.set_mac("eth0", inner["mac_address"].as_str().expect("an address")).expect("its address");
    inside.disable_checksum_offload("eth0").expect("checksums");
    inside.add_address("eth0", &format!("{own}/24")).expect("its address");
    inside.set_up("eth0").expect("a device");
    inside.ip(&["route", "add", "169.254.169.254/32", "dev", "eth0"]).expect("a route");
    let body = try_wait_until(PATIENCE, "an answer inside", || {
        inside.run("curl", &["-s", "-f", "--max-time", "5", SERVICE]).ok()
    })
    .expect("it is answered");
    assert_eq!(header(&body, "x-instance-id"), ["instance-2"], "the instance that it is inside of");
    assert_eq!(header(&body, "x-forwarded-for"), [own]);
}

#[expect(clippy::print_stderr, reason = "what was measured is for who runs the test")]
fn tell(text: &str) {
    eprintln!("{text}");
}
