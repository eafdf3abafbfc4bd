//! OpenStack's own tests of Neutron's API, of PyPI, for what is built: tempest with neutron-tempest-plugin, against the real
//! server and a real keystone, in which they make users and projects for themselves.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::Value;
use testkit::process;
use testkit::scratch::ScratchDir;

use crate::checker::assert_consistent;
use crate::identity::Cloud;
use crate::keystone::PASSWORD;
use crate::shell::script;
use crate::support::text;
use crate::tempest_routers::public_network;

/// What is installed, each package in the version that it was tried with, so that the same tests run everywhere.
const PACKAGES: &str = include_str!("tempest-packages.txt");

/// Modules all of whose tests pass that this server says it is made for, and how many these are. Sharing is not among it.
const MODULES: [(&str, u32); 12] = [
    ("neutron_tempest_plugin.api.test_address_groups", 5),
    ("neutron_tempest_plugin.api.test_security_groups", 31),
    ("neutron_tempest_plugin.api.test_security_groups_negative", 28),
    ("neutron_tempest_plugin.api.admin.test_security_groups", 1),
    ("neutron_tempest_plugin.api.admin.test_default_security_group_rules", 5),
    ("neutron_tempest_plugin.api.test_extension_driver_port_security", 8),
    ("neutron_tempest_plugin.api.admin.test_extension_driver_port_security_admin", 1),
    ("neutron_tempest_plugin.api.admin.test_quotas_negative", 8),
    ("neutron_tempest_plugin.api.test_ports_negative", 6),
    ("tempest.api.network.test_allowed_address_pair", 8),
    ("tempest.api.network.test_security_groups", 18),
    ("tempest.api.network.test_security_groups_negative", 27),
];

/// The Python that has tempest.
fn python() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tempest");
        let (python, stamp) = (home.join("bin/python"), home.join("installed"));
        if std::fs::read_to_string(&stamp).ok().as_deref() != Some(PACKAGES) {
            process::run(Command::new("python3").args(["-m", "venv"]).arg(&home)).expect("an environment");
            let options = ["-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", "--requirement"];
            let mut install = Command::new(&python);
            install.args(options).arg(script("tempest-packages.txt"));
            process::run(&install).expect("tempest is installed");
            std::fs::write(stamp, PACKAGES).expect("what is installed is noted");
        }
        python
    })
}

/// The configuration that tempest is run with.
fn configuration(cloud: &Cloud, directory: &Path, of_network: &str) -> String {
    let token = cloud.keystone.token_in("admin", "admin");
    let listed = cloud.get(&token, "/v2.0/extensions").expect(200);
    let aliases = listed["extensions"].as_array().expect("a list").iter();
    let aliases: Vec<String> = aliases.map(|extension: &Value| text(&extension["alias"])).collect();
    format!(
        "[auth]\nuse_dynamic_credentials = true\ncreate_isolated_networks = false\ntempest_roles = member\n\
         admin_username = admin\nadmin_password = {PASSWORD}\nadmin_project_name = admin\nadmin_domain_name = Default\n\
         [identity]\nuri_v3 = {}\nauth_version = v3\nregion = RegionOne\n\
         [service_available]\nneutron = true\nnova = false\nglance = false\ncinder = false\nswift = false\nhorizon = false\n\
         [network]\nproject_network_cidr = 10.100.0.0/16\n{of_network}\n\
         [network-feature-enabled]\nipv6 = true\nport_security = true\napi_extensions = {}\n\
         [oslo_concurrency]\nlock_path = {}\n",
        cloud.keystone.url(),
        aliases.join(","),
        directory.join("locks").display(),
    )
}

/// Runs these modules, classes and tests of them, and asserts that all pass, that there are so many, and that what they leave
/// in the store fits together. What `of_network` says goes into tempest's section about networks.
#[track_caller]
pub(crate) fn assert_pass(cloud: &Cloud, modules: &[(&str, u32)], of_network: &str) {
    let directory = ScratchDir::new().expect("a directory");
    let configuration = configuration(cloud, directory.path(), of_network);
    std::fs::write(directory.path().join("tempest.conf"), configuration)
        .expect("the configuration is written");
    let mut command = Command::new(python());
    command.args(["-m", "testtools.run"]).args(modules.iter().map(|(module, _)| module));
    command.env("TEMPEST_CONFIG_DIR", directory.path()).current_dir(directory.path());
    let output = process::output_of(&command).expect("python runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    let count: u32 = modules.iter().map(|(_, count)| count).sum();
    assert!(said.contains(&format!("Ran {count} tests")), "{said}");
    assert!(!said.contains("skipped="), "{said}");
    assert_consistent(&cloud.server.dump());
}

#[test]
fn the_tests_of_neutron_pass() {
    let cloud = Cloud::new();
    let of_network = public_network(&cloud);
    assert_pass(&cloud, &MODULES, &of_network);
}
