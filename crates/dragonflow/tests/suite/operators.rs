//! What an operator of the original has, and does wrong.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;

use testkit::process::{Daemon, output_of};
use testkit::scratch::ScratchDir;
use testkit::shared_fixture;

use crate::support::{Lab, binary};

/// The manual of the deployment that the project began with.
const MANUAL: &str = "seeds/000_b7311b24fb697fd0.txt";

/// The `dragonflow.ini` that the manual gives.
fn manuals_configuration() -> Option<String> {
    let manual = fs::read_to_string(shared_fixture(MANUAL)?).expect("the manual can be read");
    let (_, after) =
        manual.split_once("/etc/neutron/plugins/dragonflow.ini\n~").expect("the manual has the file");
    let (file, _) = after.split_once("\nNorthbound Database\n").expect("the file ends");
    let text = file.trim_start_matches('~').to_owned();
    assert!(text.contains("\n[df]\n") && text.contains("l3_proactive_app.L3ProactiveApp"), "{text}");
    Some(text)
}

#[test]
fn the_manuals_configuration_serves_ports_under_the_originals_name() {
    let Some(configuration) = manuals_configuration() else { return };
    let mut lab = Lab::new(2);
    let network = lab.network("blue", "geneve", "10.0.0.0/24");
    let other = lab.boot(1, "other", &network);
    lab.cloud.site_mut(0).stop_controller().expect("it stops");
    let site = &lab.cloud.sites()[0];

    let directory = ScratchDir::new().expect("a directory");
    let file = |name: &str| directory.path().join(name);
    fs::write(file("dragonflow.ini"), configuration).expect("a file is written");
    // Where things are on this machine, and that its switch has no kernel module.
    let here = format!(
        "[DEFAULT]\nhost = {}\n[df]\nremote_db_hosts = {}\nlocal_ip = {}\novsdb_connection = unix:{}\nenable_dpdk = True\n",
        site.name,
        lab.cloud.store(),
        site.tunnel_ip,
        site.ovs.db_socket().display()
    );
    fs::write(file("here.ini"), here).expect("a file is written");
    symlink(binary(), file("df-local-controller")).expect("a link is made");
    let mut command = Command::new(file("df-local-controller"));
    command.arg("--config-file").arg(file("dragonflow.ini")).arg("--config-file").arg(file("here.ini"));
    let _controller = Daemon::start("df-local-controller", &command, &file("log")).expect("it starts");

    let vm = lab.boot(0, "vm", &network);
    vm.namespace()
        .wait_for_ping(other.address().expect("an address").into(), crate::support::PATIENCE)
        .expect("it answers");
    let log = fs::read_to_string(file("log")).expect("a log");
    for said in ["tunnel_type", "enable_selective_topology_distribution", "l3_proactive_app.L3ProactiveApp"] {
        assert!(log.contains(said), "nothing is said of {said}: {log}");
    }
}

#[test]
fn whoever_says_something_wrong_is_told_which_option_it_was() {
    let directory = ScratchDir::new().expect("a directory");
    let file = directory.path().join("dragonflow.ini");
    for (section, option, value) in [
        ("df", "nb_db_class", "ramcloud_nb_db_driver"),
        ("df", "nb_db_class", "mysql"),
        ("df", "remote_db_hosts", "192.0.2.1:http"),
        ("df", "local_ip", "192.0.2.256"),
        ("df", "tunnel_types", "geneve,stt"),
        ("df", "apps_list", "l2,l3_magic"),
        ("df", "integration_bridge", ""),
        ("df", "ovsdb_connection", "http://192.0.2.1"),
        ("df", "enable_dpdk", "perhaps"),
        ("df", "vif_type", "macvtap"),
        ("df", "report_interval", "0"),
        ("df", "report_interval", "-1"),
        ("df", "db_sync_time", "two minutes"),
        ("df", "datapath_layout_path", "/etc/layout.yaml"),
        ("df", "loacl_ip", "192.0.2.1"),
        ("df_dhcp_app", "df_dns_servers", "8.8.8.8;8.8.4.4"),
        ("df_dhcp_app", "df_default_network_device_mtu", "65536"),
        ("df_metadata", "port", "70000"),
    ] {
        fs::write(&file, format!("[{section}]\n{option} = {value}\n")).expect("a file is written");
        let mut command = Command::new(binary());
        command.args(["local-controller", "--config-file"]).arg(&file);
        let output = output_of(&command).expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{option} = {value}: {said}");
        assert!(said.contains(option), "{option} = {value} is not named: {said}");
    }
    let absent = directory.path().join("absent.ini");
    for arguments in [vec!["--config-file", "absent.ini"], vec!["--config-dir", "absent.ini"]] {
        let mut command = Command::new(binary());
        command.current_dir(directory.path()).arg("local-controller").args(arguments);
        let output = output_of(&command).expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{}: {said}", absent.display());
        assert!(said.contains("absent.ini"), "{said}");
    }
}
