//! A switch that is not on our machine: its database over TCP, and OpenFlow where the switch comes to us, all on one connection.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::net::TcpListener;
use std::sync::Arc;

use common::{BRIDGE, PATIENCE, log, until};
use config::{Environment, Source, load};
use controller::options::SwitchAccess;
use controller::{Controller, Options};
use nb::MemoryStore;
use testkit::Ovs;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// An address on which nobody listens now.
fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn options(database: u16, switch: u16) -> Options {
    let text = format!(
        "[DEFAULT]\nhost = remote\n[df]\nlocal_ip = 192.0.2.1\novsdb_connection = tcp:127.0.0.1:{database}\n\
         [df_os_ken]\nof_listen_port = {switch}\n"
    );
    let source = Source::Text { name: "test".to_owned(), text };
    let loaded = load(&[source], &Environment::new("unnamed")).unwrap();
    Options::from_config(&loaded.config, std::path::Path::new("/nonexistent")).unwrap().0
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_switch_that_comes_to_us_is_kept_like_one_with_a_socket() {
    log();
    testkit::require_root();
    let ovs = Ovs::dummy().unwrap();
    let (database, switch) = (free_port(), free_port());
    let remote = format!("ptcp:{database}:127.0.0.1");
    ovs.ovsdb_unixctl().unwrap().call("ovsdb-server/add-remote", &[&remote]).unwrap();
    let mut options = options(database, switch);
    options.datapath_type = Some("dummy".to_owned());
    assert!(matches!(options.access, SwitchAccess::Listen { .. }));
    let controller = Controller::new(options, Arc::new(MemoryStore::new()));
    let mut status = controller.status();
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(controller.run(async {
        let _ = stopped.await;
    }));
    timeout(PATIENCE, status.wait_for(|status| status.is_ready)).await.unwrap().unwrap();
    let target = ovs.vsctl(&["get-controller", BRIDGE]).unwrap();
    assert_eq!(target.trim(), format!("tcp:127.0.0.1:{switch}"));
    assert_eq!(ovs.vsctl(&["get-fail-mode", BRIDGE]).unwrap().trim(), "secure");
    let desired = status.borrow().flows;
    until("all flows", async || {
        let flows = ovs.ofctl(&["-O", "OpenFlow13", "--no-stats", "dump-flows", BRIDGE]).unwrap();
        (desired > 0 && flows.lines().count() == desired).then_some(())
    })
    .await;
    stop.send(()).unwrap();
    timeout(PATIENCE, running).await.unwrap().unwrap().unwrap();
}

#[test]
fn a_switch_is_told_an_address_that_it_can_connect_to() {
    let text = "[df]\nmanagement_ip = 192.0.2.9\novsdb_connection = tcp:192.0.2.7:6640\n\
                [df_os_ken]\nof_listen_address = 0.0.0.0\n";
    let source = Source::Text { name: "test".to_owned(), text: text.to_owned() };
    let loaded = load(&[source], &Environment::new("n1")).unwrap();
    let (options, _) = Options::from_config(&loaded.config, std::path::Path::new("/nonexistent")).unwrap();
    let expected = SwitchAccess::Listen {
        at: "0.0.0.0:6653".parse().unwrap(),
        announced: "192.0.2.9:6653".parse().unwrap(),
    };
    assert_eq!(options.access, expected);
}
