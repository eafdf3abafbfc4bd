//! What any server does, whatever a request says.

use std::net::Shutdown;

use northbound::Settings;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::Api;

#[tokio::test]
async fn all_answers_have_an_id_and_a_type() {
    let api = Api::start().await;
    let mut admin = api.admin();
    for path in ["/", "/v2.0/", "/v2.0/networks", "/v2.0/networks/x", "/nothing", "/v2.0/extensions"] {
        let reply = admin.get(path).await;
        assert!(reply.header("x-openstack-request-id").unwrap().starts_with("req-"), "{path}");
        assert_eq!(reply.header("content-type"), Some("application/json"), "{path}");
    }
    let network = admin.create("network", json!({})).await;
    let gone = admin.delete(&format!("/v2.0/networks/{}", network["id"].as_str().unwrap())).await;
    assert_eq!((gone.status, gone.text.as_str(), gone.header("content-type")), (204, "", None));
}

#[tokio::test]
async fn who_we_are_and_what_we_can_do() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let versions = admin.get("/").await.expect(200);
    assert_eq!(versions["versions"][0]["id"], "v2.0");
    let link = versions["versions"][0]["links"][0]["href"].as_str().unwrap();
    assert_eq!(link, format!("http://{}/v2.0/", api.address));
    let proxied = admin.send("GET", "/", &[("X-Forwarded-Proto", "https")], b"").await.expect(200);
    assert!(proxied["versions"][0]["links"][0]["href"].as_str().unwrap().starts_with("https://"));
    assert_eq!(admin.get("/v2.0/").await.expect(200)["resources"][0]["collection"], "networks");
    let extensions = admin.get("/v2.0/extensions").await.expect(200);
    for extension in extensions["extensions"].as_array().unwrap() {
        let path = format!("/v2.0/extensions/{}", extension["alias"].as_str().unwrap());
        assert_eq!(admin.get(&path).await.expect(200)["extension"], *extension);
    }
    assert_eq!(
        admin.get("/v2.0/availability_zones").await.expect(200)["availability_zones"][0]["name"],
        "nova"
    );
}

#[tokio::test]
async fn spellings_of_paths() {
    let api = Api::start().await;
    let mut admin = api.admin();
    for path in ["/v2.0/networks", "/v2.0/networks/", "/v2.0/networks.json", "//v2.0//networks"] {
        assert_eq!(admin.get(path).await.expect(200), json!({"networks": []}), "{path}");
    }
    let head = admin.send("HEAD", "/v2.0/networks", &[], b"").await;
    assert_eq!((head.status, head.header("content-length")), (200, Some("15")));
    admin.get(&format!("/v2.0{}", "/x".repeat(99))).await.expect(404);
    let long = format!("/v2.0/networks?name={}", "x".repeat(40_000));
    assert_eq!(admin.get(&long).await.expect(414)["NeutronError"]["type"], "HTTPRequestURITooLong");
}

#[tokio::test]
async fn bodies_have_a_limit_and_a_type() {
    let settings = Settings { body_bytes_max: 1000, ..Settings::default() };
    let api = Api::with(nb::memory::MemoryStore::new(), settings).await;
    let mut admin = api.admin();
    let long = json!({"network": {"name": "x".repeat(2000)}}).to_string();
    let too_long = "The body of a request has at most 1000 bytes";
    let reply = admin.send("POST", "/v2.0/networks", &[], long.as_bytes()).await;
    reply.expect_error(413, "HTTPRequestEntityTooLarge", too_long);
    // More than a connection holds, of a client that reads nothing before it has sent all.
    let longer = vec![b'x'; 32 * 1024 * 1024];
    let reply = api.admin().send("POST", "/v2.0/networks", &[], &longer).await;
    reply.expect_error(413, "HTTPRequestEntityTooLarge", too_long);
    // Nobody is believed about the length.
    let chunked = format!(
        "POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{long}\r\n0\r\n\r\n",
        long.len()
    );
    api.admin().send_raw(chunked.as_bytes(), false).await.expect_error(
        413,
        "HTTPRequestEntityTooLarge",
        too_long,
    );
    let xml = api.admin().send("POST", "/v2.0/networks", &[("Content-Type", "text/xml")], b"<a/>").await;
    xml.expect_error(415, "HTTPUnsupportedMediaType", "Unsupported Content-Type");
    let typed = [("Content-Type", "application/json; charset=utf-8")];
    api.admin().send("POST", "/v2.0/networks", &typed, b"{\"network\": {}}").await.expect(201);
    for body in [&b"{"[..], b"\xff\xfe", b"nan", b"{\"network\": {}} x"] {
        let reply = api.admin().send("POST", "/v2.0/networks", &[], body).await;
        reply.expect_error(400, "HTTPBadRequest", "Body contains invalid data");
    }
    let deep = format!("{{\"network\": {{\"name\": {}}}}}", "[".repeat(400));
    api.admin().send("POST", "/v2.0/networks", &[], deep.as_bytes()).await.expect(400);
}

#[tokio::test]
async fn who_waits_for_a_place_gets_one() {
    let settings = Settings { connections_max: 1, ..Settings::default() };
    let api = Api::with(nb::memory::MemoryStore::new(), settings).await;
    let mut first = api.admin();
    first.get("/v2.0/networks").await.expect(200);
    let mut second = TcpStream::connect(api.address).await.unwrap();
    second.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    first.get("/v2.0/networks").await.expect(200);
    drop(first);
    let mut text = String::new();
    second.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 200"), "{text}");
}

#[tokio::test]
async fn requests_that_break_off_harm_nobody() {
    let api = Api::start().await;
    for part in [
        "GET",
        "POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{\"net",
        "\0\0\0\r\n\r\n",
    ] {
        let mut stream = TcpStream::connect(api.address).await.unwrap();
        stream.write_all(part.as_bytes()).await.unwrap();
        stream.into_std().unwrap().shutdown(Shutdown::Both).unwrap();
    }
    assert_eq!(api.admin().get("/v2.0/networks").await.expect(200), json!({"networks": []}));
}

#[tokio::test]
async fn a_server_without_keystone_is_for_this_machine() {
    use std::sync::Arc;

    let store: Arc<dyn nb::Store> = Arc::new(nb::memory::MemoryStore::new());
    let server = northbound::Server::new(store, Settings::default()).await.unwrap();
    let listener = tokio::net::TcpListener::bind(("0.0.0.0", 0)).await.unwrap();
    let refused = server.serve(listener, std::future::pending()).await.unwrap_err().to_string();
    assert!(refused.starts_with("without keystone whoever reaches 0.0.0.0:"), "{refused}");
}

#[tokio::test]
async fn the_server_ends_when_it_is_told_and_finishes_what_it_does() {
    use std::sync::Arc;

    let store: Arc<dyn nb::Store> = Arc::new(nb::memory::MemoryStore::new());
    let server = northbound::Server::new(store, Settings::default()).await.unwrap();
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let (end, ends) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(server.serve(listener, async move {
        ends.await.unwrap();
    }));
    let mut stream = TcpStream::connect(address).await.unwrap();
    let (head, body) =
        ("POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 15\r\n\r\n", "{\"network\": {}}");
    stream.write_all(head.as_bytes()).await.unwrap();
    let idle = TcpStream::connect(address).await.unwrap();
    // Both are accepted once a third one was answered.
    let mut third = TcpStream::connect(address).await.unwrap();
    third.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").await.unwrap();
    third.read_to_end(&mut Vec::new()).await.unwrap();
    end.send(()).unwrap();
    stream.write_all(body.as_bytes()).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    assert!(text.starts_with("HTTP/1.1 201"), "{text}");
    serving.await.unwrap().unwrap();
    drop(idle);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    let created: Value = serde_json::from_str(text.split("\r\n\r\n").nth(1).unwrap()).unwrap();
    assert_eq!(created["network"]["status"], "ACTIVE");
}
