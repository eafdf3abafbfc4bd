//! Sources, layers, old names, refusals: what operators meet.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use config::{
    App, Config, Environment, HostPort, Loaded, NbDriver, OvsdbConnection, Remarks, Secret, Secrets, Single,
    Source, TunnelType, load,
};

/// A directory of this test's own, gone with it.
struct Directory(PathBuf);

impl Directory {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("config-test-{}-{count}", std::process::id()));
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, content: impl AsRef<[u8]>) -> Source {
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        Source::File(path)
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn text(text: &str) -> Source {
    Source::Text { name: "test.ini".to_owned(), text: text.to_owned() }
}

fn try_load(sources: &[Source]) -> Result<Loaded, Vec<String>> {
    load(sources, &Environment::new("compute-1"))
        .map_err(|problems| problems.0.iter().map(ToString::to_string).collect())
}

fn good(content: &str) -> Config {
    try_load(&[text(content)]).unwrap().config
}

fn notices(content: &str) -> Vec<String> {
    try_load(&[text(content)]).unwrap().notices.iter().map(ToString::to_string).collect()
}

fn problems(content: &str) -> Vec<String> {
    try_load(&[text(content)]).unwrap_err()
}

fn host_port(text: &str) -> HostPort {
    HostPort::parse(text, &mut Remarks::default()).unwrap()
}

#[test]
fn nothing_given_is_a_configuration() {
    let Loaded { config, notices } = try_load(&[]).unwrap();
    assert_eq!(notices, []);
    assert_eq!(config.host(), "compute-1");
    assert_eq!(config.df.nb_db_class, NbDriver::Etcd);
    assert_eq!(config.df.remote_db_hosts, [host_port("127.0.0.1:4001")]);
    assert_eq!(config.df.tunnel_types, [TunnelType::Geneve, TunnelType::Vxlan, TunnelType::Gre]);
    assert_eq!(config.df_api.bind.0, ["127.0.0.1:9696".parse().unwrap()]);
    for app in [App::L2, App::L3, App::Dhcp, App::SecurityGroups, App::Tunneling, App::PortSecurity] {
        assert!(config.df.apps_list.contains(app), "{}", app.word());
    }
}

#[test]
fn later_files_win_and_lists_are_replaced() {
    let directory = Directory::new();
    let first =
        directory.file("1", "[df]\nlocal_ip = 10.0.0.1\nmanagement_ip = 10.0.0.1\npublishers_ips = a,b\n");
    let second = directory.file("2", "[DF]\nlocal_ip = 10.0.0.2\npublishers_ips = c\n");
    let config = try_load(&[first.clone(), second.clone()]).unwrap().config;
    assert_eq!(config.df.local_ip.to_string(), "10.0.0.2");
    assert_eq!(config.df.management_ip.to_string(), "10.0.0.1");
    assert_eq!(config.df.publishers_ips.iter().map(Single::text).collect::<Vec<_>>(), ["c"]);
    let config = try_load(&[second, first]).unwrap().config;
    assert_eq!(config.df.local_ip.to_string(), "10.0.0.1");
}

#[test]
fn a_directory_is_its_conf_files_by_name() {
    let directory = Directory::new();
    for (name, port) in [("b.conf", 2), ("a.conf", 1), ("c.ini", 3), (".d.conf", 4), ("e.conf~", 5)] {
        directory.file(name, format!("[df]\npublisher_port = {port}\n"));
    }
    let before = text("[df]\npublisher_port = 9\n");
    let whole = Source::Directory(directory.0.clone());
    let config = try_load(&[before.clone(), whole.clone()]).unwrap().config;
    assert_eq!(config.df.publisher_port, 2);
    let config = try_load(&[whole, before]).unwrap().config;
    assert_eq!(config.df.publisher_port, 9);
}

#[test]
fn the_environment_wins_and_other_variables_are_left_alone() {
    let mut environment = Environment::new("compute-1");
    let variables = [
        ("OS_DF__LOCAL_IP", "10.0.0.3"),
        ("OS_DEFAULT__HOST", "other"),
        ("OS_DF__TUNNEL_TYPE", "gre"),
        ("OS_USERNAME", "admin"),
        ("OS_NOVA__X", "1"),
        ("PATH", "/bin"),
    ];
    environment.variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let loaded = load(&[text("[df]\nlocal_ip = 10.0.0.1\ntunnel_types = vxlan\n")], &environment).unwrap();
    assert_eq!(loaded.config.df.local_ip.to_string(), "10.0.0.3");
    assert_eq!(loaded.config.df.tunnel_types, [TunnelType::Gre]);
    assert_eq!(loaded.config.host(), "other");
    assert_eq!(loaded.notices.len(), 1, "{:?}", loaded.notices);
    let name = "OS_DF__LOCAL_PI".to_owned();
    environment.variables =
        [(name, "10.0.0.3".to_owned()), ("OS_DF__LOCAL_IP".to_owned(), "x".to_owned())].into();
    let problems: Vec<_> = load(&[], &environment).unwrap_err().0.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(
        problems[0]
            .starts_with("environment variable OS_DF__LOCAL_IP: [DF] LOCAL_IP = \"x\": IP address is needed"),
        "{problems:?}"
    );
    assert_eq!(
        problems[1],
        "environment variable OS_DF__LOCAL_PI: [df] has no option local_pi, did you mean local_ip"
    );
}

#[test]
fn what_cannot_be_read_is_named() {
    let directory = Directory::new();
    let missing = Source::File(directory.0.join("missing"));
    let no_directory = Source::Directory(directory.0.join("missing.d"));
    let latin = directory.file("latin", b"[df]\n# ok\nlocal_ip = \xe9\n");
    let large = directory.file("large", "#".repeat(config::FILE_BYTES_MAX + 1));
    let syntax = directory.file("syntax", "[df]\nnonsense\n");
    let problems = try_load(&[missing, no_directory, latin, large, syntax]).unwrap_err();
    let path = directory.0.display();
    let expected = [
        format!("{path}/missing: does not exist"),
        format!("{path}/missing.d: does not exist"),
        format!("{path}/latin: line 3 is not UTF-8"),
        format!("{path}/large: a configuration file has at most 1048576 bytes"),
        format!("{path}/syntax:2: no '=' or ':' found, write \"option = value\": \"nonsense\""),
    ];
    assert_eq!(problems, expected);
}

#[test]
fn repeated_options_add_up_and_others_have_the_last_value() {
    let content =
        "[df_api]\nbind = 10.0.0.1:1\nbind = [::1]:2\n[df]\npublisher_port = 1\npublisher_port = 2\n";
    let config = try_load(&[text(content), text("[df_api]\nbind = 10.0.0.1:3\n")]).unwrap().config;
    let expected = ["10.0.0.1:1", "[::1]:2", "10.0.0.1:3"].map(|address| address.parse().unwrap());
    assert_eq!(config.df_api.bind.0, expected);
    assert_eq!(config.df.publisher_port, 2);
}

#[test]
fn substitution_reaches_across_sections_and_files() {
    let sources = [
        text("[DEFAULT]\nmy_ip = 10.0.0.7\n[df]\nlocal_ip = $my_ip\n"),
        text("[df]\nmanagement_ip = ${df.local_ip}\n[df_dhcp_app]\ndf_dns_servers = $df.local_ip, 8.8.8.8\n"),
    ];
    let config = try_load(&sources).unwrap().config;
    assert_eq!(config.df.management_ip.to_string(), "10.0.0.7");
    assert_eq!(config.df.publishers_ips.iter().map(Single::text).collect::<Vec<_>>(), ["10.0.0.7"]);
    assert_eq!(config.df_dhcp_app.df_dns_servers[0].to_string(), "10.0.0.7");
    let problems = problems("[df]\nlocal_ip = $management_ip\nmanagement_ip = $local_ip\n");
    assert!(
        problems[0].contains("test.ini:2: [df] local_ip = \"$management_ip\": $df.management_ip leads back"),
        "{problems:?}"
    );
}

#[test]
fn old_names_work_and_are_remarked_upon() {
    let content = "[df]\ntunnel_type = gre\nmetadata_interface = tap0\n[df_ryu]\nof_listen_port = 6633\n";
    let config = good(content);
    assert_eq!(config.df.tunnel_types, [TunnelType::Gre]);
    assert_eq!(config.df_metadata.metadata_interface.as_str(), "tap0");
    assert_eq!(config.df_os_ken.of_listen_port, 6633);
    let expected = [
        "test.ini:2: [df] tunnel_type is now [df] tunnel_types",
        "test.ini:5: [df_ryu] of_listen_port is now [df_os_ken] of_listen_port",
        "test.ini:3: [df] metadata_interface is now [df_metadata] metadata_interface",
    ];
    assert_eq!(notices(content), expected);
}

#[test]
fn a_new_name_beats_an_old_one_in_the_same_file_and_a_later_file_beats_both() {
    let both = text("[df]\ntunnel_types = vxlan\ntunnel_type = gre\n");
    assert_eq!(try_load(std::slice::from_ref(&both)).unwrap().config.df.tunnel_types, [TunnelType::Vxlan]);
    let later = text("[df]\ntunnel_type = geneve\n");
    assert_eq!(try_load(&[both, later]).unwrap().config.df.tunnel_types, [TunnelType::Geneve]);
}

#[test]
fn what_is_refused_is_refused_by_name_unless_it_is_the_default() {
    let content = "[df_cassandra]\nconsistency_level = quorum\n[df]\nuse_centralized_ipv6_DHCP = on\n\
                   pub_sub_use_multiproc = no\nnb_db_class = ramcloud_nb_db_driver\n";
    let problems = problems(content);
    assert_eq!(problems.len(), 4, "{problems:#?}");
    let expected = [
        "test.ini:6: [df] nb_db_class = \"ramcloud_nb_db_driver\": ramcloud is not supported",
        "test.ini:4: [df] use_centralized_ipv6_DHCP is refused: DHCPv6 is answered on the chassis",
        "test.ini:5: [df] pub_sub_use_multiproc is refused: ",
        "test.ini:2: [df_cassandra] consistency_level is refused: cassandra is not supported; remove the option",
    ];
    for (problem, expected) in problems.iter().zip(expected) {
        assert!(problem.starts_with(expected), "{problem}\n{expected}");
    }
    let remarks = notices(
        "[df]\nuse_centralized_ipv6_DHCP = off\npub_sub_use_multiproc: YES\n[df_cassandra]\nconsistency_level = one\n",
    );
    assert_eq!(remarks.len(), 3, "{remarks:#?}");
    assert!(remarks.iter().all(|notice| notice.contains("has no effect")), "{remarks:#?}");
}

#[test]
fn what_has_no_effect_or_is_deprecated_is_said() {
    let remarks = notices("[df]\nremote_db_ip = 10.0.0.1\ndistributed_lock_ttl = 7\n");
    let expected = [
        "test.ini:2: [df] remote_db_ip is deprecated: remote_db_hosts says it, for several hosts too",
        "test.ini:3: [df] distributed_lock_ttl has no effect: changes are transactions of the store, there is no lock that could be left behind",
    ];
    assert_eq!(remarks, expected);
    assert_eq!(good("[df]\nremote_db_ip = 10.0.0.1\n").df.remote_db_hosts, [host_port("10.0.0.1:4001")]);
    assert!(problems("[df]\nremote_db_ip = nonsense\n")[0].contains("remote_db"));
}

#[test]
fn unknown_names_in_our_sections_are_mistakes() {
    let content = "[df]\nlocal_pi = 1\nl2_responder = on\nxyz = 1\n[df_l2_ap]\nl2_responder = on\n[df_ryu]\nx = 1\n[df_quantum_teleport]\na = 1\n";
    let mut found = problems(content);
    found.sort();
    let expected = [
        "test.ini:10: there is no section [df_quantum_teleport]",
        "test.ini:2: [df] has no option local_pi, did you mean local_ip",
        "test.ini:3: [df] has no option l2_responder, it is in [df_l2_app]",
        "test.ini:4: [df] has no option xyz",
        "test.ini:6: there is no section [df_l2_ap], did you mean [df_l2_app]",
        "test.ini:8: [df_ryu] has no option x",
    ];
    assert_eq!(found, expected);
}

#[test]
fn other_programs_options_are_left_to_them_with_one_line_a_section() {
    let content = "[DEFAULT]\ncore_plugin = ml2\nhost = a\nservice_plugins = df-l3\n[securitygroup]\nx = 1\n[oslo_messaging]\n";
    let expected = [
        "test.ini:2: [DEFAULT] has options of other programs, which are left to them: core_plugin, service_plugins",
        "test.ini:6: [securitygroup] has options of other programs, which are left to them: x",
    ];
    assert_eq!(notices(content), expected);
    let many: String = (0..20).map(|index| format!("option{index:02} = 1\n")).collect();
    let remarks = notices(&format!("[nova]\n{many}"));
    assert!(remarks.len() == 1 && remarks[0].ends_with("option07 and 12 more"), "{remarks:?}");
}

#[test]
fn bounds_are_checked_and_said() {
    let problems = problems("[df_redis]\nretries = 0\nbatch_amount = ten\n[df]\ndb_sync_time = 86401\n");
    let expected = [
        "test.ini:5: [df] db_sync_time = \"86401\": has to be from 1 to 86400",
        "test.ini:2: [df_redis] retries = \"0\": has to be from 1 to 1000",
        "test.ini:3: [df_redis] batch_amount = \"ten\": integer, from 10 to 100000 is needed",
    ];
    assert_eq!(problems, expected);
}

#[test]
fn options_that_do_not_go_together() {
    let content = "[df]\nservice_down_time = 20\nmonitor_table_poll_time = 0\nremote_db_hosts =\n\
                   [df_api]\nauth_strategy = keystone\ntls_key_file = /k\n[df_store]\nusername = a\ntls_cert_file = /c\n";
    let problems = problems(content);
    assert_eq!(problems.len(), 7, "{problems:#?}");
    let fine = "[df_api]\nauth_strategy = keystone\ntls_key_file = /k\ntls_cert_file = /c\n[keystone_authtoken]\nauth_url = http://k\n";
    assert!(good(fine).df_api.tls_key_file.is_some());
}

#[test]
fn secrets_appear_nowhere() {
    let content =
        "[DEFAULT]\nmetadata_proxy_shared_secret = $hush\n[df_store]\npassword = $hush\nusername = me\n";
    let problems = problems(content);
    assert!(problems.iter().all(|problem| problem.contains("= ****: $hush leads nowhere")), "{problems:?}");
    let config = good("[df_store]\npassword = hush$$1\nusername = me\n");
    assert!(!format!("{config:?}").contains("hush"));
    assert_eq!(config.df_store.password.as_ref().map(Secret::reveal), Some("hush$1"));
    assert!(config.to_ini(Secrets::Hidden).contains("password = ****"));
    assert!(config.to_ini(Secrets::Written).contains("password = hush$$1"));
}

#[test]
fn the_switch_is_found_where_the_configuration_says_then_here_then_where_the_machine_is_managed() {
    let socket = Path::new("/run/openvswitch/db.sock");
    let config = good("[df]\nmanagement_ip = 10.0.0.5\n");
    assert_eq!(config.ovsdb_connection(Some(socket)), OvsdbConnection::Unix(socket.to_owned()));
    assert_eq!(config.ovsdb_connection(None).to_string(), "tcp:10.0.0.5:6640");
    let config = good("[df]\novsdb_connection = tcp:10.0.0.6:1\n");
    assert_eq!(config.ovsdb_connection(Some(socket)).to_string(), "tcp:10.0.0.6:1");
}
