//! TLS and the listening side, against the ovsdb-server of the installed Open vSwitch.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test ends, and says why, when something is wrong"
)]

mod common;

use std::time::Duration;

use common::pki::Authority;
use common::{
    DEADLINE, Follower, Server, add_port, create_bridge, free_port, interface, scratch, text, typed,
};
use ovsdb::address::Address;
use ovsdb::client::{ConnectError, ConnectionState, Listener, ServerNamePolicy, Source, Stream, TlsConfig};
use ovsdb::row::BatchKind;
use ovsdb::vswitch::Bridge;
use tokio::sync::mpsc;

fn tls_arguments(tls: &TlsConfig) -> Vec<String> {
    vec![
        format!("--private-key={}", text(&tls.private_key)),
        format!("--certificate={}", text(&tls.certificate)),
        format!("--ca-cert={}", text(&tls.ca_certificate)),
    ]
}

/// A server with this identity, listening for TLS.
fn tls_server(tls: &TlsConfig) -> (Server, Address) {
    let port = free_port();
    let mut arguments = tls_arguments(tls);
    arguments.push(format!("--remote=pssl:{port}:127.0.0.1"));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    (Server::standalone(&arguments), Address::Tls { host: "127.0.0.1".into(), port })
}

fn dial(address: &Address, tls: TlsConfig) -> Follower {
    Follower::of(Source::Dial { addresses: vec![address.clone()], tls: Some(tls) })
}

async fn reason_of_failure(follower: &Follower) -> String {
    let mut state = follower.client.state();
    let failed = |state: &ConnectionState| matches!(state, ConnectionState::Down { error: Some(_), .. });
    let state = tokio::time::timeout(DEADLINE, state.wait_for(failed)).await.unwrap().unwrap();
    let ConnectionState::Down { error: Some(error), .. } = &*state else { panic!("{state:?}") };
    error.clone()
}

async fn works(follower: &mut Follower) {
    assert_eq!(follower.next().await.kind, BatchKind::Initial);
    follower.transact(create_bridge("br-int")).await;
    follower.until("the bridge", |rows| typed::<Bridge>(rows).len() == 1).await;
    // Larger than one TLS record, both ways.
    for number in 0..20 {
        let mut transaction = add_port("br-int", &format!("vif{number}"));
        transaction.comment(&"x".repeat(20_000));
        follower.transact(transaction).await;
    }
    follower.until("the ports", |rows| interface(rows, "vif19").is_some()).await;
}

#[tokio::test]
async fn tcp_dialled() {
    let port = free_port();
    let server = Server::standalone(&[&format!("--remote=ptcp:{port}:127.0.0.1")]);
    let mut follower = Follower::dial(vec![Address::Tcp { host: "127.0.0.1".into(), port }]);
    works(&mut follower).await;
    drop(server);
}

#[tokio::test]
async fn tls_dialled_with_certificates_of_one_authority() {
    let authority = Authority::new("switches");
    let (_server, address) = tls_server(&authority.issue("server", &[]));
    works(&mut dial(&address, authority.issue("controller", &[]))).await;
}

#[tokio::test]
async fn tls_dialled_with_certificates_of_ovs_pki() {
    let dir = scratch();
    let pki = format!("--dir={}", text(&dir.path().join("pki")));
    common::run("ovs-pki", &[&pki, "--log=/dev/null", "init"]);
    let issue = |name: &str| {
        let script =
            format!("cd {} && ovs-pki {pki} --log=/dev/null req+sign {name} switch", text(dir.path()));
        common::run("sh", &["-c", &script]);
        TlsConfig {
            private_key: dir.path().join(format!("{name}-privkey.pem")),
            certificate: dir.path().join(format!("{name}-cert.pem")),
            ca_certificate: dir.path().join("pki/switchca/cacert.pem"),
            server_name: ServerNamePolicy::AnySignedByCa,
        }
    };
    let (_server, address) = tls_server(&issue("server"));
    works(&mut dial(&address, issue("controller"))).await;
}

#[tokio::test]
async fn a_server_of_another_authority_is_refused() {
    let ours = Authority::new("ours");
    let theirs = Authority::new("theirs");
    let (_server, address) = tls_server(&theirs.issue("server", &["127.0.0.1"]));
    let reason = reason_of_failure(&dial(&address, ours.issue("controller", &[]))).await;
    assert!(reason.contains("invalid peer certificate: UnknownIssuer"), "{reason}");
}

#[tokio::test]
async fn the_exact_name_is_verified_where_asked_for() {
    let authority = Authority::new("switches");
    let (_server, address) = tls_server(&authority.issue("server", &["127.0.0.1", "db.example"]));
    let named = |name: &str| {
        let server_name = ServerNamePolicy::Exact(name.to_owned());
        TlsConfig { server_name, ..authority.issue("controller", &[]) }
    };
    works(&mut dial(&address, named("db.example"))).await;
    dial(&address, named("127.0.0.1")).next().await;
    let reason = reason_of_failure(&dial(&address, named("other.example"))).await;
    assert!(reason.contains("not valid for name"), "{reason}");
    let reason = reason_of_failure(&dial(&address, named("no name"))).await;
    assert!(reason.contains("\"no name\" is not a dns name"), "{reason}");
}

#[tokio::test]
async fn mistakes_in_tls_files_are_named() {
    let authority = Authority::new("switches");
    let good = authority.issue("controller", &[]);
    let address = Address::Tls { host: "127.0.0.1".into(), port: 1 };
    let missing = TlsConfig { private_key: "/nonexistent/key.pem".into(), ..good.clone() };
    let error = Stream::connect(&address, Some(&missing)).await.unwrap_err().to_string();
    assert!(error.starts_with("read private key /nonexistent/key.pem: "), "{error}");
    let swapped = TlsConfig { certificate: good.private_key.clone(), ..good.clone() };
    let error = Stream::connect(&address, Some(&swapped)).await.unwrap_err().to_string();
    assert!(error.contains("no certificate in the file"), "{error}");
    let error = Stream::connect(&address, None).await.unwrap_err();
    assert!(matches!(error, ConnectError::NoTls(_)), "{error}");
}

/// Accepts connections for ever and passes them on.
fn accept(mut listener: Listener) -> (mpsc::Receiver<Stream>, tokio::task::JoinHandle<()>) {
    let (connections, receive) = mpsc::channel(4);
    let accepting = tokio::spawn(async move {
        loop {
            if let Ok(stream) = listener.accept().await
                && connections.send(stream).await.is_err()
            {
                return;
            }
        }
    });
    (receive, accepting)
}

async fn listen(text: &str, tls: Option<&TlsConfig>) -> (Listener, u16) {
    let listener = Listener::bind(&text.parse().unwrap(), tls).await.unwrap();
    let (Address::ListenTcp { port, .. } | Address::ListenTls { port, .. }) = *listener.address() else {
        panic!("{:?}", listener.address())
    };
    (listener, port)
}

#[tokio::test]
async fn a_switch_connects_to_us_and_comes_back() {
    let (listener, port) = listen("ptcp:0:127.0.0.1", None).await;
    let (connections, _accepting) = accept(listener);
    let mut server = Server::standalone(&[&format!("--remote=tcp:127.0.0.1:{port}")]);
    let mut follower = Follower::of(Source::Accepted(connections));
    works(&mut follower).await;
    let before = follower.rows.clone();
    server.restart();
    let batch = follower.next().await;
    assert_eq!((batch.kind, batch.changes), (BatchKind::Reread, vec![]));
    assert_eq!(follower.rows, before);
}

#[tokio::test]
async fn a_switch_connects_to_us_over_tls() {
    let authority = Authority::new("switches");
    let (listener, port) = listen("pssl:0:127.0.0.1", Some(&authority.issue("controller", &[]))).await;
    let (connections, _accepting) = accept(listener);
    let mut arguments = tls_arguments(&authority.issue("server", &[]));
    arguments.push(format!("--remote=ssl:127.0.0.1:{port}"));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let _server = Server::standalone(&arguments);
    works(&mut Follower::of(Source::Accepted(connections))).await;
}

#[tokio::test]
async fn clients_without_our_certificate_are_turned_away_and_delay_nobody() {
    let authority = Authority::new("switches");
    let (mut listener, port) = listen("pssl:0:127.0.0.1", Some(&authority.issue("controller", &[]))).await;
    let _silent = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let address = Address::Tls { host: "127.0.0.1".into(), port };
    let strangers = Authority::new("strangers");
    let stranger = TlsConfig { ca_certificate: authority.ca(), ..strangers.issue("stranger", &[]) };
    // In TLS 1.3 the client is done before the server has looked at its certificate.
    let (refused, _) = tokio::join!(
        tokio::time::timeout(Duration::from_secs(5), listener.accept()),
        Stream::connect(&address, Some(&stranger)),
    );
    let error = refused.expect("the silent peer delays nobody").unwrap_err().to_string();
    assert!(error.contains("invalid peer certificate: UnknownIssuer"), "{error}");
    let friend = authority.issue("friend", &[]);
    let address = Address::Tls { host: "127.0.0.1".into(), port };
    let (accepted, connected) = tokio::join!(listener.accept(), Stream::connect(&address, Some(&friend)));
    accepted.unwrap();
    connected.unwrap();
}

#[tokio::test]
async fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let dir = scratch();
    let path = dir.path().join("db.sock");
    let address = Address::ListenUnix(path.clone());
    let listener = Listener::bind(&address, None).await.unwrap();
    assert!(matches!(Listener::bind(&address, None).await, Err(ConnectError::PathTaken(_))));
    drop(listener);
    assert!(path.exists(), "a closed listener leaves its file");
    let mut listener = Listener::bind(&address, None).await.unwrap();
    let dialled = Address::Unix(path.clone());
    let (accepted, connected) = tokio::join!(listener.accept(), Stream::connect(&dialled, None));
    accepted.unwrap();
    connected.unwrap();
    let file = dir.path().join("precious");
    std::fs::write(&file, "data").unwrap();
    assert!(matches!(
        Listener::bind(&Address::ListenUnix(file), None).await,
        Err(ConnectError::PathTaken(_))
    ));
}
