//! The clients that people use: the OpenStack command line and the Python SDK, against a server in this process.
//!
//! They are installed into the target directory once, in the versions that are named here.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;

use nb::memory::MemoryStore;
use northbound::{Server, Settings};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::process::Command;
use tokio::sync::OnceCell;

/// What is installed.
const PACKAGES: [&str; 2] = ["openstacksdk==4.22.0", "python-openstackclient==10.5.0"];

static INSTALLED: OnceCell<PathBuf> = OnceCell::const_new();

async fn run(command: &mut Command) -> Output {
    let output =
        command.kill_on_drop(true).output().await.unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (text, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {}\n{text}\n{errors}", output.status);
    output
}

/// The programs of a virtual environment that has the clients.
async fn programs() -> &'static Path {
    let install = || async {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("openstack-clients");
        let (programs, stamp) = (home.join("bin"), home.join("installed"));
        if std::fs::read_to_string(&stamp).ok() != Some(PACKAGES.join("\n")) {
            run(Command::new("python3").args(["-m", "venv"]).arg(&home)).await;
            run(Command::new(programs.join("pip")).args(["install", "--quiet"]).args(PACKAGES)).await;
            std::fs::write(stamp, PACKAGES.join("\n")).unwrap();
        }
        programs
    };
    INSTALLED.get_or_init(install).await
}

/// The address of a server that ends with the test's runtime.
async fn server() -> String {
    let server = Server::new(Arc::new(MemoryStore::new()), Settings::default()).await.unwrap();
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(server.serve(listener, std::future::pending()));
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sdk_does_what_it_does() {
    let python = programs().await.join("python");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients/sdk.py");
    let output = run(Command::new(python).arg(script).arg(server().await)).await;
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "done");
}

/// The command line, with what it prints as JSON.
async fn openstack(address: &str, arguments: &[&str]) -> Value {
    let mut command = Command::new(programs().await.join("openstack"));
    command.args(["--os-auth-type", "none", "--os-endpoint", address]).args(arguments).args(["-f", "json"]);
    serde_json::from_slice(&run(&mut command).await.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_shows_what_it_makes() {
    let address = server().await;
    let network = openstack(&address, &["network", "create", "net"]).await;
    assert_eq!(network["status"], "ACTIVE");
    let range = ["subnet", "create", "--network", "net", "--subnet-range", "192.0.2.0/24", "sub"];
    let subnet = openstack(&address, &range).await;
    assert_eq!(subnet["gateway_ip"], "192.0.2.1");
    let fixed =
        ["port", "create", "--network", "net", "--fixed-ip", "subnet=sub,ip-address=192.0.2.77", "port"];
    let port = openstack(&address, &fixed).await;
    assert_eq!(port["fixed_ips"][0]["ip_address"], "192.0.2.77");
    assert_eq!(port["binding_vif_type"], "unbound");
    let shown = openstack(&address, &["port", "show", "port"]).await;
    assert_eq!(shown["id"], port["id"]);
    let listed = openstack(&address, &["port", "list", "--network", "net"]).await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
    let extensions = openstack(&address, &["extension", "list", "--network"]).await;
    assert!(extensions.as_array().unwrap().iter().any(|extension| extension["Alias"] == "port-security"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_knows_groups_and_what_they_begin_with() {
    let address = server().await;
    let template = openstack(&address, &["default", "security", "group", "rule", "list"]).await;
    assert_eq!(template.as_array().unwrap().len(), 4);
    let ssh = ["--protocol", "tcp", "--dst-port", "22", "--remote-ip", "192.0.2.0/24", "--for-custom-sg"];
    let rule =
        openstack(&address, &[&["default", "security", "group", "rule", "create"], &ssh[..]].concat()).await;
    assert_eq!((&rule["port_range_min"], &rule["remote_ip_prefix"]), (&json!(22), &json!("192.0.2.0/24")));
    let shown = openstack(&address, &["security", "group", "create", "web"]).await;
    assert_eq!(shown["rules"].as_array().unwrap().len(), 3);
    let addresses = ["address", "group", "create", "--address", "192.0.2.7/24", "friends"];
    assert_eq!(openstack(&address, &addresses).await["addresses"], json!(["192.0.2.0/24"]));
    let friends = [
        "security",
        "group",
        "rule",
        "create",
        "--remote-address-group",
        "friends",
        "--protocol",
        "udp",
        "web",
    ];
    assert_eq!(openstack(&address, &friends).await["protocol"], "udp");
    let listed = openstack(&address, &["security", "group", "rule", "list", "web"]).await;
    assert_eq!(listed.as_array().unwrap().len(), 4);
}
