//! Requests with tokens, against a keystone that is as small as it can be.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use nb::memory::MemoryStore;
use northbound::{AuthStrategy, Domain, Keystone, KeystoneSettings, Settings};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::support::Api;

/// What the small keystone counts.
#[derive(Debug, Default)]
struct Counts {
    own_tokens: AtomicUsize,
    questions: AtomicUsize,
}

/// Projects and roles by token.
type Tokens = BTreeMap<&'static str, (&'static str, &'static [&'static str])>;

fn tokens() -> Tokens {
    [
        ("boss", ("p0", &["admin"] as &[&str])),
        ("ann", ("p1", &["member", "reader"])),
        ("eye", ("p1", &["reader"])),
    ]
    .into()
}

async fn answer(mut stream: TcpStream, counts: Arc<Counts>) {
    let mut text = String::new();
    let mut buffer = vec![0; 65536];
    while !text.contains("\r\n\r\n") {
        let count = stream.read(&mut buffer).await.unwrap();
        text.push_str(std::str::from_utf8(&buffer[..count]).unwrap());
    }
    let header = |name: &str| {
        let line = text.lines().find(|line| line.to_ascii_lowercase().starts_with(name))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let far = "2999-01-01T00:00:00.000000Z";
    let (status, more, body): (&str, String, Value) = if text.starts_with("POST /identity/v3/auth/tokens ") {
        let number = counts.own_tokens.fetch_add(1, Ordering::SeqCst);
        let is_right = text.contains("\"password\":\"secret\"");
        let more = format!("X-Subject-Token: own{number}\r\n");
        assert!(text.contains("\"user\":{\"domain\":{\"name\":\"Default\"}"), "{text}");
        assert!(text.contains("\"project\":{\"domain\":{\"id\":\"default\"}"), "{text}");
        if text.contains("\"password\":\"powerless\"") {
            (
                "201 Created",
                "X-Subject-Token: powerless\r\n".to_owned(),
                json!({"token": {"expires_at": far}}),
            )
        } else if is_right {
            ("201 Created", more, json!({"token": {"expires_at": far}}))
        } else {
            ("401 No", String::new(), json!({}))
        }
    } else if header("x-auth-token").as_deref() == Some("own0") {
        // The first of our tokens is no good when it is used.
        ("401 Unauthorized", String::new(), json!({}))
    } else if header("x-auth-token").as_deref() == Some("powerless") {
        ("403 Forbidden", String::new(), json!({}))
    } else {
        counts.questions.fetch_add(1, Ordering::SeqCst);
        match header("x-subject-token").and_then(|token| tokens().remove(token.as_str())) {
            Some((project, roles)) => {
                let roles: Vec<Value> = roles.iter().map(|role| json!({"name": role})).collect();
                let token = json!({"expires_at": far, "project": {"id": project}, "user": {"id": "u"}, "roles": roles});
                ("200 OK", String::new(), json!({"token": token}))
            }
            None => ("404 Not Found", String::new(), json!({})),
        }
    };
    let body = body.to_string();
    let reply = format!(
        "HTTP/1.1 {status}\r\n{more}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(reply.as_bytes()).await.unwrap();
}

async fn small_keystone() -> (SocketAddr, Arc<Counts>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let (address, counts) = (listener.local_addr().unwrap(), Arc::new(Counts::default()));
    let shared = Arc::clone(&counts);
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            tokio::spawn(answer(stream, Arc::clone(&shared)));
        }
    });
    (address, counts)
}

async fn api(address: SocketAddr, password: &str) -> Api {
    api_that_keeps(address, password, 300).await
}

async fn api_that_keeps(address: SocketAddr, password: &str, token_cache_s: u64) -> Api {
    let keystone = KeystoneSettings {
        auth_url: format!("http://{address}/identity/v3/"),
        www_authenticate_uri: Some("http://public:5000".to_owned()),
        username: "dragonflow".to_owned(),
        password: password.to_owned(),
        user_domain: Domain::Name("Default".to_owned()),
        project_name: "service".to_owned(),
        project_domain: Domain::Id("default".to_owned()),
        cafile: None,
        token_cache_s,
        timeout_s: 5,
    };
    let auth = AuthStrategy::Keystone(Arc::new(Keystone::new(keystone).unwrap()));
    Api::with(MemoryStore::new(), Settings { auth, ..Settings::default() }).await
}

#[tokio::test]
async fn keystone_says_who_asks() {
    let (address, counts) = small_keystone().await;
    let api = api(address, "secret").await;
    let with =
        |token: &str| api.client(&[("X-Auth-Token", token), ("X-Roles", "admin"), ("X-Project-Id", "p9")]);
    let own = with("ann").create("network", json!({})).await;
    assert_eq!(own["project_id"], "p1");
    let path = format!("/v2.0/networks/{}", own["id"].as_str().unwrap());
    with("boss").get(&path).await.expect(200);
    with("eye").get(&path).await.expect(200);
    with("eye").delete(&path).await.expect(403);
    assert_eq!(counts.questions.load(Ordering::SeqCst), 3, "answers are kept");
    assert_eq!(counts.own_tokens.load(Ordering::SeqCst), 2, "a token that is not accepted is replaced");
    for _ in 0..2 {
        let refused = with("forged").get("/v2.0/networks").await;
        assert_eq!(refused.header("www-authenticate"), Some("Keystone uri=\"http://public:5000\""));
        assert_eq!(refused.expect(401)["NeutronError"]["type"], "HTTPUnauthorized");
    }
    assert_eq!(counts.questions.load(Ordering::SeqCst), 4, "refusals are kept as well");
    assert_eq!(api.client(&[]).get("/v2.0/networks").await.status, 401);
    assert_eq!(api.client(&[]).get("/").await.status, 200, "the versions are for everybody");
    // Where there is a keystone, nobody else gives tokens, and none of ours are believed.
    assert_eq!(api.client(&[]).post("/v3/auth/tokens", json!({"auth": {}})).await.status, 401);
    assert_eq!(with("boss").post("/v3/auth/tokens", json!({"auth": {}})).await.status, 404);
    assert_eq!(with("noauth:admin:p1").get("/v2.0/networks").await.status, 401);
}

#[tokio::test]
async fn without_a_cache_keystone_is_asked_every_time() {
    let (address, counts) = small_keystone().await;
    let api = api_that_keeps(address, "secret", 0).await;
    for (token, status) in [("ann", 200), ("ann", 200), ("forged", 401), ("forged", 401)] {
        assert_eq!(api.client(&[("X-Auth-Token", token)]).get("/v2.0/networks").await.status, status);
    }
    assert_eq!(counts.questions.load(Ordering::SeqCst), 4);
}

#[tokio::test]
async fn nobody_is_let_in_while_keystone_cannot_be_asked() {
    let (address, _) = small_keystone().await;
    let wrong = api(address, "guess").await;
    let refused = wrong.client(&[("X-Auth-Token", "boss")]).get("/v2.0/networks").await;
    refused.expect_error(503, "ServiceUnavailable", "The service is unavailable.");
    // A user that may not ask is a mistake of the operator's, and no reason to send requesters for another token.
    let powerless = api(address, "powerless").await;
    let refused = powerless.client(&[("X-Auth-Token", "boss")]).get("/v2.0/networks").await;
    refused.expect_error(503, "ServiceUnavailable", "The service is unavailable.");
    let free = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let nowhere = free.local_addr().unwrap();
    drop(free);
    let away = api(nowhere, "secret").await;
    let refused = away.client(&[("X-Auth-Token", "boss")]).get("/v2.0/networks").await;
    refused.expect_error(503, "ServiceUnavailable", "The service is unavailable.");
}

#[test]
fn addresses_of_keystone() {
    let settings = |auth_url: &str| KeystoneSettings {
        auth_url: auth_url.to_owned(),
        www_authenticate_uri: None,
        username: String::new(),
        password: "secret".to_owned(),
        user_domain: Domain::Name(String::new()),
        project_name: String::new(),
        project_domain: Domain::Name(String::new()),
        cafile: Some("/nonexistent".into()),
        token_cache_s: 1,
        timeout_s: 1,
    };
    for good in ["http://keystone", "http://[::1]:5000/v3"] {
        assert!(Keystone::new(settings(good)).is_ok(), "{good}");
    }
    for wrong in ["keystone:5000", "ftp://keystone", "", "http://"] {
        assert!(Keystone::new(settings(wrong)).is_err(), "{wrong}");
    }
    let error = Keystone::new(settings("https://keystone")).unwrap_err().to_string();
    assert!(error.starts_with("the certificates in \"/nonexistent\" cannot be used:"), "{error}");
    assert!(!format!("{:?}", settings("http://keystone")).contains("secret"));
}
