//! Users and TLS.

mod common;

use std::path::PathBuf;

use common::{Etcd, all, connect, key, options, put, until, until_revision};
use nb::{CommitError, Store, StoreError, Txn, WatchItem};
use nb_etcd::options::Identity;
use nb_etcd::{EtcdStore, Login, Options, OptionsError, Tls};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, ExtendedKeyUsagePurpose, IsCa, KeyPair, SanType,
};
use testkit::scratch::ScratchDir;
use testkit::{EtcdCluster, EtcdTls};
use tokio::task::block_in_place;

fn login(user: &str, password: &str) -> Option<Login> {
    Some(Login { user: user.to_owned(), password: password.to_owned() })
}

fn etcdctl(etcd: &Etcd, arguments: &[&str]) {
    block_in_place(|| etcd.cluster().etcdctl(arguments).expect("a command of an administrator"));
}

fn enable_users(etcd: &Etcd) {
    etcdctl(etcd, &["user", "add", "root:secret"]);
    etcdctl(etcd, &["user", "grant-role", "root", "root"]);
    etcdctl(etcd, &["role", "add", "reader"]);
    etcdctl(etcd, &["role", "grant-permission", "reader", "read", "/", "0"]);
    etcdctl(etcd, &["user", "add", "guest:guest"]);
    etcdctl(etcd, &["user", "grant-role", "guest", "reader"]);
    etcdctl(etcd, &["auth", "enable"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_users_get_in_and_only_as_far_as_they_may() {
    let etcd = Etcd::start(1);
    enable_users(&etcd);
    let with = |login| connect(&Options { login, ..options(etcd.endpoints()) });
    let root = with(login("root", "secret"));
    assert!(root.read(&[]).await.is_ok() && !format!("{root:?}").contains("secret"));
    let start = put(&*root, "a", "1").await;
    let mut watch = root.watch(all(), start);
    let end = put(&*root, "a", "2").await;
    until_revision(&mut watch, end).await;
    for refused in [login("root", "wrong"), login("nobody", "secret"), None] {
        let store = with(refused.clone());
        let outcome = store.read(&[key("a")]).await;
        assert!(matches!(outcome, Err(StoreError::Denied { .. })), "{refused:?}: {outcome:?}");
        let outcome = store.commit(Txn::new().put(key("a"), "3")).await;
        assert!(matches!(outcome, Err(CommitError::Store(StoreError::Denied { .. }))), "{outcome:?}");
        let mut watch = store.watch(all(), start);
        let item = until(&mut watch, "a refusal", |item| matches!(item, WatchItem::Away { .. })).await;
        let WatchItem::Away { reason } = item else { panic!("{item:?}") };
        assert!(!reason.contains("secret") && !reason.contains("wrong"), "a password is told: {reason}");
    }
    let guest = with(login("guest", "guest"));
    assert_eq!(guest.snapshot(&all()).await.expect("leave to read").rows.len(), 1);
    let outcome = guest.commit(Txn::new().put(key("a"), "3")).await;
    assert!(matches!(outcome, Err(CommitError::Store(StoreError::Denied { .. }))), "{outcome:?}");
    let mut watch = guest.watch(all(), start);
    until_revision(&mut watch, end).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_that_is_not_known_any_more_is_replaced() {
    let etcd = Etcd::start(1);
    enable_users(&etcd);
    let store = connect(&Options { login: login("root", "secret"), ..options(etcd.endpoints()) });
    put(&*store, "a", "1").await;
    // Tokens do not survive this, and the connection does.
    etcdctl(&etcd, &["--user", "root:secret", "auth", "disable"]);
    etcdctl(&etcd, &["auth", "enable"]);
    put(&*store, "a", "2").await;
    etcdctl(&etcd, &["--user", "root:secret", "auth", "disable"]);
    etcdctl(&etcd, &["auth", "enable"]);
    let rows = store.read(&[key("a")]).await.expect("a row");
    assert_eq!(rows[0].as_ref().map(|row| row.value.as_ref()), Some(&b"2"[..]));
    // A password that was changed in the meantime is not hidden behind many attempts.
    etcdctl(&etcd, &["--user", "root:secret", "user", "add", "other:other"]);
    let other = connect(&Options { login: login("other", "wrong"), ..options(etcd.endpoints()) });
    assert!(matches!(other.read(&[key("a")]).await, Err(StoreError::Denied { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_that_nobody_asks_for_does_no_harm() {
    let etcd = Etcd::start(1);
    let store = connect(&Options { login: login("root", "secret"), ..options(etcd.endpoints()) });
    put(&*store, "a", "1").await;
}

/// An authority with a certificate for servers and one for clients, as files.
struct Authority {
    directory: ScratchDir,
}

impl Authority {
    fn new() -> Self {
        let directory = ScratchDir::new().expect("a directory");
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer =
            CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("an authority");
        let authority = Self { directory };
        authority.write("ca.crt", &issuer.pem());
        // Etcd's own tools are clients with the certificate of the server.
        for (name, names) in [("server", &["etcd.example.org"][..]), ("client", &[])] {
            let key = KeyPair::generate().expect("a key");
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let mut params = CertificateParams::new(names).expect("parameters");
            params.subject_alt_names.push(SanType::IpAddress(EtcdCluster::address().into()));
            params.extended_key_usages =
                vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            authority.write(&format!("{name}.crt"), &certificate.pem());
            authority.write(&format!("{name}.key"), &key.serialize_pem());
        }
        authority
    }

    fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).expect("a file");
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn start(&self, asks_clients: bool) -> EtcdCluster {
        let tls = EtcdTls {
            ca_certificate: self.path("ca.crt"),
            certificate: self.path("server.crt"),
            private_key: self.path("server.key"),
            asks_clients,
        };
        block_in_place(|| EtcdCluster::start_with(1, Some(tls), &[]).expect("an etcd"))
    }

    fn tls(&self) -> Tls {
        Tls { ca_certificates: self.path("ca.crt"), identity: None, server_name: None }
    }

    fn identity(&self) -> Option<Identity> {
        Some(Identity { certificate: self.path("client.crt"), private_key: self.path("client.key") })
    }
}

async fn is_unreachable(options: &Options) -> bool {
    let outcome = connect(options).read(&[key("a")]).await;
    matches!(outcome, Err(StoreError::Unavailable { .. }))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_are_known_by_their_authority_and_name() {
    let authority = Authority::new();
    let etcd = authority.start(false);
    let with = |tls| Options { tls: Some(tls), ..options(etcd.endpoints()) };
    let store = connect(&with(authority.tls()));
    let start = put(&*store, "a", "1").await;
    let mut watch = store.watch(all(), start);
    let end = put(&*store, "a", "2").await;
    until_revision(&mut watch, end).await;
    let named = |name: &str| Tls { server_name: Some(name.to_owned()), ..authority.tls() };
    put(&*connect(&with(named("etcd.example.org"))), "a", "3").await;
    assert!(is_unreachable(&with(named("evil.example.org"))).await, "a certificate of another name");
    let stranger = Authority::new();
    assert!(is_unreachable(&with(stranger.tls())).await, "a certificate of another authority");
    let plain: Vec<String> =
        etcd.endpoints().iter().map(|endpoint| endpoint.replace("https://", "http://")).collect();
    assert!(is_unreachable(&options(plain)).await, "no TLS where it is spoken");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_show_a_certificate_where_servers_ask_for_one() {
    let authority = Authority::new();
    let etcd = authority.start(true);
    let with = |tls| Options { tls: Some(tls), ..options(etcd.endpoints()) };
    put(&*connect(&with(Tls { identity: authority.identity(), ..authority.tls() })), "a", "1").await;
    assert!(is_unreachable(&with(authority.tls())).await, "no certificate");
    let stranger = Authority::new();
    let strange = Tls { identity: stranger.identity(), ..authority.tls() };
    assert!(is_unreachable(&with(strange)).await, "a certificate of another authority");
}

#[test]
fn files_that_cannot_be_used_are_named() {
    let authority = Authority::new();
    let error = |tls: Tls| {
        let options = Options { tls: Some(tls), ..options(["192.0.2.1:2379".to_owned()]) };
        EtcdStore::new(&options).expect_err("a mistake").to_string()
    };
    let missing = Tls { ca_certificates: authority.path("missing"), ..authority.tls() };
    assert!(error(missing).starts_with("certificates of authorities in /"));
    let empty = Tls { ca_certificates: authority.path("client.key"), ..authority.tls() };
    assert!(error(empty).ends_with("there is no certificate in it"));
    let identity =
        Identity { certificate: authority.path("client.crt"), private_key: authority.path("client.crt") };
    let no_key = Tls { identity: Some(identity), ..authority.tls() };
    assert!(error(no_key).starts_with("private key in /"));
    let none = EtcdStore::new(&options([])).expect_err("a mistake");
    assert!(matches!(none, OptionsError::NoEndpoints));
}
