//! Requests that make no sense, or mean harm: each gets Neutron's answer, and the store stays as it was.

use std::io::Write as _;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use testkit::{process, require_tool};

use crate::http::Client;
use crate::support::{Server, text};

const JSON: (&str, &str) = ("Content-Type", "application/json");
/// Bytes of a body at most.
const BODY_BYTES_MAX: usize = 1024 * 1024;

/// What is sent, and the status and type of exception that come back.
struct Case(&'static str, String, String, u16, &'static str);

/// Runs them all; the store afterwards is the store before.
#[track_caller]
fn refuse(server: &mut Server, cases: &[Case]) {
    let before = server.dump();
    let mut client = server.client();
    for Case(method, path, body, status, kind) in cases {
        let reply = client.send(method, path, &[JSON], body.as_bytes());
        let shown: String = body.chars().take(200).collect();
        let said = String::from_utf8_lossy(&reply.body);
        assert_eq!(reply.status, *status, "{method} {path} {shown}: {said}");
        assert_eq!(reply.error().0, *kind, "{method} {path} {shown}: {said}");
        assert!(reply.header("x-openstack-request-id").is_some_and(|id| id.starts_with("req-")));
    }
    assert_eq!(server.dump(), before);
    server.assert_running();
}

const BAD: &str = "HTTPBadRequest";
const INPUT: &str = "InvalidInput";

/// A request to make something of which the requester says this.
fn make(kind: &str, attributes: &Value, status: u16, exception: &'static str) -> Case {
    Case("POST", format!("/v2.0/{kind}s"), json!({ kind: attributes }).to_string(), status, exception)
}

/// Wrong values of every sort for every attribute that can be said: an answer of the client's fault, and nothing else.
#[test]
fn values_of_wrong_types() {
    let mut server = Server::new();
    let (network, subnet) = server.network("net", "10.0.0.0/24");
    let pool = server.client().create("subnetpool", &json!({"name": "pool", "prefixes": ["10.8.0.0/16"]}));
    let port = server.client().create("port", &json!({"network_id": network}));
    let mut client = server.client();
    let wrong = [
        json!({"a": {"b": []}}),
        json!([[[]]]),
        json!([null]),
        json!([{}]),
        json!(1e300),
        json!(-1),
        json!(u64::MAX),
        json!("\u{0}"),
        json!("\u{1F4A9}"),
        json!("x".repeat(70_000)),
        json!(";drop table ports"),
        json!("../../etc/passwd"),
    ];
    let mut refused = Vec::new();
    for (kind, id, base) in [
        ("network", network.clone(), json!({})),
        ("subnet", subnet, json!({"network_id": network, "ip_version": 4, "cidr": "10.1.0.0/24"})),
        ("port", text(&port["id"]), json!({"network_id": network})),
        ("subnetpool", text(&pool["id"]), json!({"name": "p", "prefixes": ["10.9.0.0/16"]})),
    ] {
        let shown = client.get(&format!("/v2.0/{kind}s/{id}"))[kind].take();
        for attribute in shown.as_object().expect("an object").keys() {
            for value in &wrong {
                let mut said = base.clone();
                said[attribute] = value.clone();
                let (path, body) = (format!("/v2.0/{kind}s"), json!({ kind: said }).to_string());
                let reply = client.send("POST", &path, &[JSON], body.as_bytes());
                if reply.status == 201 {
                    // Texts and numbers are sensible values of some; what is made then is taken away.
                    let made = text(&reply.json()[kind]["id"]);
                    client.send("DELETE", &format!("{path}/{made}"), &[], b"").expect(204);
                    continue;
                }
                let said = reply.error();
                assert!(
                    [400, 403, 404, 409].contains(&reply.status),
                    "{kind} {attribute} = {value}: {said:?}"
                );
                refused.push((path, body, said));
            }
        }
    }
    assert!(refused.len() > 500, "only {} of these are refused", refused.len());
    // What was refused is refused again, for the same reason, and leaves no trace.
    let before = server.dump();
    for (path, body, said) in refused {
        assert_eq!(client.send("POST", &path, &[JSON], body.as_bytes()).error(), said);
    }
    assert_eq!(server.dump(), before);
    server.assert_running();
}

const NONE: &str = "00000000-0000-0000-0000-000000000000";

#[test]
fn networks_and_subnets_that_cannot_be() {
    let mut server = Server::new();
    let (id, subnet) = server.network("net", "10.0.0.0/24");
    let network = |said: Value, status, kind| make("network", &said, status, kind);
    let subnet_with = |more: Value, status, kind| {
        let mut said = json!({"network_id": id, "ip_version": 4, "cidr": "10.1.0.0/24"});
        said.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        make("subnet", &said, status, kind)
    };
    let pool = |start: &str, end: &str| json!({"start": start, "end": end});
    let twice = json!([pool("10.1.0.5", "10.1.0.9"), pool("10.1.0.9", "10.1.0.12")]);
    let too_many_bits = json!({"provider:network_type": "geneve", "provider:segmentation_id": 1 << 24});
    let cases = [
        network(json!({"colour": "red"}), 400, BAD),
        network(json!({"status": "DOWN"}), 400, BAD),
        network(json!({"name": {}}), 400, BAD),
        network(json!({"admin_state_up": "perhaps"}), 400, INPUT),
        network(json!({"provider:network_type": "pigeon"}), 400, INPUT),
        network(too_many_bits, 400, INPUT),
        subnet_with(json!({"cidr": "10.0.0.0/25"}), 400, INPUT),
        subnet_with(json!({"cidr": "10.0.0.0/33"}), 400, INPUT),
        subnet_with(json!({"cidr": "2001:db8::/64"}), 400, INPUT),
        subnet_with(json!({"cidr": null}), 400, INPUT),
        subnet_with(json!({"network_id": NONE}), 404, "NetworkNotFound"),
        subnet_with(json!({"allocation_pools": twice}), 409, "OverlappingAllocationPools"),
        subnet_with(
            json!({"allocation_pools": [pool("10.1.0.9", "10.1.0.5")]}),
            400,
            "InvalidAllocationPool",
        ),
        subnet_with(
            json!({"allocation_pools": [pool("10.1.0.9", "10.1.1.5")]}),
            400,
            "OutOfBoundsAllocationPool",
        ),
        Case("PUT", format!("/v2.0/networks/{NONE}"), "{\"network\": {}}".to_owned(), 404, "NetworkNotFound"),
        Case("PUT", format!("/v2.0/networks/{id}/tags/{}", "x".repeat(256)), String::new(), 400, INPUT),
        Case(
            "PUT",
            format!("/v2.0/subnets/{subnet}"),
            "{\"subnet\": {\"ip_version\": 6}}".to_owned(),
            400,
            BAD,
        ),
    ];
    refuse(&mut server, &cases);
}

#[test]
fn ports_that_cannot_be() {
    let mut server = Server::new();
    let (network, subnet) = server.network("net", "10.0.0.0/29");
    let mac = "02:00:00:00:00:01";
    let first = server.client().create("port", &json!({"network_id": network, "mac_address": mac}));
    let (id, taken) = (text(&first["id"]), text(&first["fixed_ips"][0]["ip_address"]));
    // The gateway, DHCP and these have all there is.
    for _ in 0..3 {
        server.client().create("port", &json!({"network_id": network}));
    }
    let port = |more: Value, status, kind| {
        let mut said = json!({"network_id": network});
        said.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        make("port", &said, status, kind)
    };
    let fixed = |fixed: Value, status, kind| port(json!({"fixed_ips": [fixed]}), status, kind);
    let case = |method, path: String, status, kind| {
        Case(method, format!("/v2.0/{path}"), String::new(), status, kind)
    };
    let change =
        |body: &str, status, kind| Case("PUT", format!("/v2.0/ports/{id}"), body.to_owned(), status, kind);
    let cases = [
        port(json!({}), 409, "IpAddressGenerationFailure"),
        port(json!({"mac_address": mac, "fixed_ips": []}), 409, "MacAddressInUse"),
        port(json!({"security_groups": [NONE], "fixed_ips": []}), 404, "SecurityGroupNotFound"),
        port(json!({"network_id": NONE}), 404, "NetworkNotFound"),
        port(json!({"network_id": null}), 400, BAD),
        fixed(json!({"ip_address": taken}), 409, "IpAddressAlreadyAllocated"),
        fixed(json!({"ip_address": "10.0.0.7"}), 400, "InvalidIpForNetwork"),
        fixed(json!({"ip_address": "10.0.0.7", "subnet_id": subnet}), 400, "InvalidIpForSubnet"),
        fixed(json!({"subnet_id": NONE}), 400, INPUT),
        change("{\"port\": {\"network_id\": \"x\"}}", 400, BAD),
        change("{\"network\": {\"name\": \"x\"}}", 400, BAD),
        case("DELETE", format!("networks/{network}"), 409, "NetworkInUse"),
        case("DELETE", format!("subnets/{subnet}"), 409, "SubnetInUse"),
        case("DELETE", format!("ports/{NONE}"), 404, "PortNotFound"),
        case("GET", "ports?colour=red".to_owned(), 400, BAD),
        case("GET", "ports?limit=-1".to_owned(), 400, "BadRequest"),
        case("GET", "ports?limit=2&marker=none".to_owned(), 404, "PortNotFound"),
    ];
    refuse(&mut server, &cases);
}

#[test]
fn bodies_that_are_none() {
    let mut server = Server::with(&format!("request_bytes_max = {BODY_BYTES_MAX}"));
    let path = || "/v2.0/networks".to_owned();
    let broken = |body: String| Case("POST", path(), body, 400, BAD);
    let nested = |open: &str, close: &str, depth| format!("{}{}", open.repeat(depth), close.repeat(depth));
    refuse(
        &mut server,
        &[
            broken(String::new()),
            broken("{".to_owned()),
            broken("{\"network\": {}} {}".to_owned()),
            broken("[]".to_owned()),
            broken("NaN".to_owned()),
            broken("{\"network\": {\"mtu\": 1e999}}".to_owned()),
            broken("{\"network\": {\"name\": \"\\ud800\"}}".to_owned()),
            broken(nested("[", "]", 100_000)),
            broken(nested("{\"network\":", "}", 10_000)),
            broken(format!("{{\"network\": {{\"name\": {}}}}}", nested("[", "]", 5000))),
            broken(json!({"networks": []}).to_string()),
            broken(json!({"networks": [{"name": "made"}, {"name": 1e3}, {"colour": "red"}]}).to_string()),
            Case("POST", path(), " ".repeat(BODY_BYTES_MAX + 1), 413, "HTTPRequestEntityTooLarge"),
            Case("DELETE", format!("{}/x", path()), "{}".to_owned(), 400, BAD),
        ],
    );
    let before = server.dump();
    let invalid = [&b"{\"network\": {\"name\": \""[..], b"\xff\xfe\xc0\x80", b"\"}}"].concat();
    let reply = server.client().send("POST", "/v2.0/networks", &[JSON], &invalid);
    assert_eq!((reply.status, reply.error().0.as_str()), (400, BAD));
    let xml = server.client().send("POST", "/v2.0/networks", &[("Content-Type", "text/xml")], b"<network/>");
    assert_eq!((xml.status, xml.error().0.as_str()), (415, "HTTPUnsupportedMediaType"));
    assert_eq!(server.dump(), before);
    // As large as it may be, it is a network like any other.
    let mut large = json!({"network": {"name": "large"}}).to_string();
    large.push_str(&" ".repeat(BODY_BYTES_MAX - large.len()));
    server.client().send("POST", "/v2.0/networks", &[JSON], large.as_bytes()).expect(201);
}

#[test]
fn methods_and_paths() {
    let mut server = Server::new();
    let (network, _) = server.network("net", "10.0.0.0/24");
    let case = |method, path: &str, status, kind| Case(method, path.to_owned(), String::new(), status, kind);
    const METHOD: &str = "HTTPMethodNotAllowed";
    const NOTHING: &str = "HTTPNotFound";
    refuse(
        &mut server,
        &[
            case("PATCH", "/v2.0/networks", 405, METHOD),
            case("OPTIONS", "/v2.0/networks", 405, METHOD),
            case("TRACE", "/v2.0/networks", 405, METHOD),
            case("BREW", "/v2.0/networks", 405, METHOD),
            case("PUT", "/v2.0/networks", 405, METHOD),
            case("DELETE", "/v2.0/networks", 405, METHOD),
            case("POST", &format!("/v2.0/networks/{network}"), 405, METHOD),
            case("DELETE", "/v2.0/extensions/quotas", 405, METHOD),
            case("POST", "/", 405, METHOD),
            case("GET", "/v9", 404, NOTHING),
            case("GET", "/v3/users", 404, NOTHING),
            case("GET", "/v3/auth/tokens", 404, NOTHING),
            case("POST", "/v3/auth/tokens", 400, BAD),
            case("PUT", "/v3/projects/x", 405, METHOD),
            case("GET", "/v2.0/pigeons", 404, NOTHING),
            case("GET", "/v2.0/../../etc/passwd", 404, NOTHING),
            case("GET", "/v2.0/%2e%2e/networks", 404, NOTHING),
            case("GET", "/v2.0/networks/%00", 404, "NetworkNotFound"),
            case("GET", "/v2.0/networks/%ff%fe", 404, "NetworkNotFound"),
            case("GET", "/v2.0/networks/%", 404, "NetworkNotFound"),
            case("GET", "/v2.0/networks/a%2Fb", 404, "NetworkNotFound"),
            case("GET", &format!("/v2.0/networks/{}", network.to_uppercase()), 404, "NetworkNotFound"),
            case("GET", &format!("/v2.0/networks/{network}/x/y"), 404, NOTHING),
            case("GET", &format!("/{}", "x/".repeat(5000)), 404, NOTHING),
            case("GET", &format!("/v2.0/networks?name={}", "x".repeat(40_000)), 414, "HTTPRequestURITooLong"),
            case("GET", &format!("/v2.0/networks?{}", "a&".repeat(5000)), 400, BAD),
        ],
    );
    let mut client = server.client();
    for path in
        ["//v2.0//networks", "/v2.0/networks/", "/v2.0/networks.json", "/v2.0/%6eetworks", "/v2.0/networks?"]
    {
        let listed = client.get(path);
        assert_eq!(listed["networks"][0]["id"], network, "{path}");
    }
    let whole = client.send("GET", "/v2.0/networks", &[], b"");
    let head = client.send("HEAD", "/v2.0/networks", &[], b"");
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), whole.header("content-length"));
    // The connection is where it should be after an answer without a body.
    client.get("/v2.0/networks");
    assert_eq!(client.send("HEAD", "/v2.0/networks/none", &[], b"").status, 404);
    client.get("/v2.0/networks");
}

#[test]
fn many_requests_without_waiting_for_answers() {
    let server = Server::new();
    let mut client = server.client();
    let request = |method: &str, body: &str| {
        format!("{method} /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    };
    let mut bytes = String::new();
    for number in 0..50 {
        bytes.push_str(&request("POST", &json!({"network": {"name": format!("n{number}")}}).to_string()));
        bytes.push_str(&request("GET", ""));
        bytes.push_str(&request("HEAD", ""));
    }
    client.write(bytes.as_bytes()).expect("it takes them");
    for number in 0..50 {
        let made = client.read("POST").expect("an answer").expect(201);
        assert_eq!(made["network"]["name"], format!("n{number}"));
        let listed = client.read("GET").expect("an answer").expect(200);
        assert_eq!(listed["networks"].as_array().map(Vec::len), Some(number + 1), "it reads what it wrote");
        assert_eq!(client.read("HEAD").expect("an answer").status, 200);
    }
}

/// What is no HTTP, or two things at once: the connection ends, with 400 or without a word, and nothing happened.
#[test]
fn bytes_that_are_no_requests() {
    let mut server = Server::new();
    let before = server.dump();
    let smuggled = "POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 15\r\n\r\n{\"network\": {}}";
    let many = format!("GET / HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(5000));
    let long = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", "x".repeat(1 << 20));
    let wild = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(1 << 20));
    for bytes in [
        "\u{0}\u{1}\u{2}\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        "POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nbad header\r\n\r\n",
        smuggled,
        many.as_str(),
        long.as_str(),
        wild.as_str(),
    ] {
        let mut client = server.client();
        // The server may have said what it thinks, and gone, before it was told everything.
        let said = client.write(bytes.as_bytes()).and_then(|()| client.read("GET"));
        let shown: String = bytes.chars().take(80).collect();
        if let Ok(reply) = said {
            assert!([400, 413, 414, 431].contains(&reply.status), "{} for {shown}", reply.status);
        }
    }
    assert_eq!(server.dump(), before);
    server.assert_running();
}

/// A client that says its body a byte at a time is given up after a while, and keeps nobody else from being served.
#[test]
fn slow_bodies() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    let mut server = Server::with("request_timeout_seconds = 2\nconnections_max = 64");
    let before = server.dump();
    let head = b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n{\"net";
    let mut slow: Vec<Client> = (0..40).map(|_| server.client()).collect();
    for client in &mut slow {
        client.write(head).expect("it takes the beginning");
    }
    let begun = Instant::now();
    server.client().get("/v2.0/networks");
    assert!(begun.elapsed() < TIMEOUT, "others wait for clients that are slow");
    for client in &mut slow {
        let reply = client.read("POST").expect("an answer");
        assert_eq!((reply.status, reply.error().0.as_str()), (503, "ServiceUnavailable"));
    }
    assert_eq!(server.dump(), before);
    server.assert_running();
}

/// A project that knows the ids of another's resources can do nothing with them.
#[test]
fn strangers() {
    let mut server = Server::new();
    let (network, subnet) = server.network("net", "10.0.0.0/24");
    let port = text(&server.client().create("port", &json!({"network_id": network}))["id"]);
    let before = server.dump();
    let mut client = server.client();
    let stranger = [("X-Project-Id", "stranger"), ("X-Roles", "member"), JSON];
    let mut send = |method: &str, path: &str, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        client.send(method, &format!("/v2.0/{path}"), &stranger, body.as_bytes())
    };
    for (kind, id) in [("network", &network), ("subnet", &subnet), ("port", &port)] {
        let path = format!("{kind}s/{id}");
        assert_eq!(send("GET", &format!("{kind}s"), Value::Null).expect(200)[format!("{kind}s")], json!([]));
        assert_eq!(
            send("GET", &format!("{kind}s?id={id}"), Value::Null).expect(200)[format!("{kind}s")],
            json!([])
        );
        send("GET", &path, Value::Null).expect(404);
        send("PUT", &path, json!({ kind: {"name": "mine"} })).expect(404);
        send("DELETE", &path, Value::Null).expect(404);
        send("PUT", &format!("{path}/tags/mine"), Value::Null).expect(404);
    }
    send("POST", "ports", json!({"port": {"network_id": network}})).expect(404);
    send(
        "POST",
        "subnets",
        json!({"subnet": {"network_id": network, "ip_version": 4, "cidr": "10.5.0.0/24"}}),
    )
    .expect(404);
    send("POST", "networks", json!({"network": {"project_id": "admin"}})).expect(400);
    send("POST", "networks", json!({"network": {"shared": true}})).expect(403);
    send("GET", "quotas/admin", Value::Null).expect(403);
    send("PUT", "quotas/stranger", json!({"quota": {"port": 9}})).expect(403);
    assert_eq!(server.dump(), before);
    server.assert_running();
}

/// The same as somebody with `curl` would see it: the form of an error, and what `-d` without a type means.
#[test]
fn curl_needs_no_headers() {
    let server = Server::with(&format!("request_bytes_max = {BODY_BYTES_MAX}"));
    let curl = |arguments: &[&str], path: &str, input: &[u8]| {
        let mut file = tempfile(&server);
        file.1.write_all(input).expect("the body is written");
        let mut command = Command::new(require_tool("curl"));
        command.args(["--silent", "--show-error", "--max-time", "60", "--write-out", "%{http_code}"]);
        command.args(arguments).arg(format!("@{}", file.0)).arg(format!("http://{}{path}", server.address()));
        process::run(&command).expect("curl runs")
    };
    let made = curl(&["--data"], "/v2.0/networks", b"{\"network\": {\"name\": \"blue\"}}");
    assert!(made.ends_with("201") && made.contains("\"name\":\"blue\""), "{made}");
    let refused = curl(&["-X", "PUT", "--data"], "/v2.0/networks/x", b"{\"network\": {\"colour\": 1}}");
    let body = refused.strip_suffix("400").expect("the status");
    let body: Value = serde_json::from_str(body).expect("JSON");
    let message = "Unrecognized attribute(s) 'colour'";
    assert_eq!(body, json!({"NeutronError": {"type": BAD, "message": message, "detail": ""}}));
    // It asks first whether so much is wanted.
    let huge = curl(&["-H", "Expect: 100-continue", "--data-binary"], "/v2.0/networks", &vec![b' '; 3 << 20]);
    assert!(huge.ends_with("413") && huge.contains("HTTPRequestEntityTooLarge"), "{huge}");
}

/// A file beside those of the server.
fn tempfile(server: &Server) -> (String, std::fs::File) {
    let path = server.path("body");
    (path.display().to_string(), std::fs::File::create(&path).expect("a file"))
}
