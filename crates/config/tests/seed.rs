//! The deployment that the project began with: its `dragonflow.ini` is accepted as it stands.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says what it leaves out"
)]

use std::fs;
use std::path::Path;

use config::{App, Config, Environment, NbDriver, PubSubDriver, Source, TunnelType, load};

const MANUAL: &str = "000_b7311b24fb697fd0.txt";
const NOTES: &str = "002_63407c666480e883.txt";

/// The document, or nothing where the documents are not at hand, which is an error in CI.
fn document(name: &str) -> Option<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/seeds").join(name);
    if !path.exists() {
        assert!(std::env::var_os("CI").is_none(), "{} is absent", path.display());
        println!("{} is absent: nothing is checked", path.display());
        return None;
    }
    Some(fs::read_to_string(path).unwrap())
}

/// What the manual says to write into a file: the lines that look like configuration below each mention of it.
fn blocks_of(manual: &str, file: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = manual.lines().peekable();
    while let Some(line) = lines.next() {
        if line.trim_end_matches(':') != file {
            continue;
        }
        let mut block = String::new();
        while let Some(line) = lines.next_if(|line| {
            let assignment = line.split_once(" = ").is_some_and(|(name, _)| !name.contains([' ', '/']));
            line.is_empty() || line.starts_with(['[', '~']) || assignment
        }) {
            if !line.starts_with('~') {
                block.push_str(line);
                block.push('\n');
            }
        }
        blocks.push(block);
    }
    blocks
}

fn read(texts: &[String]) -> (Config, Vec<String>) {
    let sources: Vec<_> = texts
        .iter()
        .map(|text| Source::Text { name: "dragonflow.ini".to_owned(), text: text.clone() })
        .collect();
    let loaded =
        load(&sources, &Environment::new("compute-1")).unwrap_or_else(|problems| panic!("{problems}"));
    (loaded.config, loaded.notices.iter().map(ToString::to_string).collect())
}

fn apps(config: &Config) -> Vec<&'static str> {
    config.df.apps_list.iter().filter(|app| !app.is_basic()).map(App::word).collect()
}

#[test]
fn the_manuals_dragonflow_ini_is_accepted_as_it_stands() {
    let Some(manual) = document(MANUAL) else { return };
    let blocks = blocks_of(&manual, "/etc/neutron/plugins/dragonflow.ini");
    assert_eq!(blocks.len(), 4, "{blocks:#?}");
    let (config, notices) = read(&blocks[..1]);
    assert_eq!(apps(&config), ["l2", "l3_proactive", "dhcp", "dnat", "sg", "portqos", "provider"]);
    assert!(config.df.enable_selective_topology_distribution);
    assert_eq!(config.df.tunnel_types, [TunnelType::Geneve]);
    assert_eq!(config.df_metadata.metadata_interface.as_str(), "tap-metadata");
    assert_eq!(config.df_metadata.port, 18080);
    // One line for each of: two old names, seven old spellings, three options that are gone.
    assert_eq!(notices.len(), 12, "{notices:#?}");
}

#[test]
fn the_whole_manual_goes_together() {
    let Some(manual) = document(MANUAL) else { return };
    let filled = |text: String| {
        text.replace("{etcd_port}", "4001")
            .replace("{etcd_ip}", "192.0.2.1")
            .replace("{compute_node_ip}", "192.0.2.2")
    };
    let mut texts = blocks_of(&manual, "/etc/neutron/neutron.conf");
    texts.append(&mut blocks_of(&manual, "/etc/neutron/plugins/ml2/ml2_conf.ini"));
    texts.append(&mut blocks_of(&manual, "/etc/neutron/plugins/dragonflow.ini"));
    let texts: Vec<_> = texts.into_iter().map(filled).collect();
    let (config, _) = read(&texts);
    assert_eq!(config.df.nb_db_class, NbDriver::Etcd);
    assert_eq!(config.df.remote_db_hosts[0].to_string(), "192.0.2.1:4001");
    assert_eq!(config.df.local_ip.to_string(), "192.0.2.2");
    assert!(config.df.enable_df_pub_sub);
    assert_eq!(config.df.pub_sub_driver, PubSubDriver::Zmq);
    assert_eq!(config.df.publisher_rate_limit_timeout.duration().as_secs(), 180);
    assert_eq!(
        (config.ml2_type_geneve.vni_ranges[0].first, config.ml2_type_geneve.vni_ranges[0].last),
        (1, 10_000)
    );
    assert_eq!(
        config.default.metadata_proxy_shared_secret.as_ref().map(config::Secret::reveal),
        Some("secret")
    );
}

#[test]
fn the_settings_of_the_notes_are_accepted() {
    let Some(notes) = document(NOTES) else { return };
    let (_, settings) = notes.split_once("CI devstack config").unwrap();
    let (settings, _) = settings.split_once("\nOVN\n").unwrap();
    // They are written as a list of "* name value" and "* [section]".
    let items = settings.lines().filter_map(|line| line.strip_prefix("* ")).map(str::trim);
    let text: String =
        items
            .map(|item| {
                if item.starts_with('[') { format!("{item}\n") } else { item.replacen(' ', " = ", 1) + "\n" }
            })
            .collect();
    let (config, _) = read(&[text]);
    assert_eq!(apps(&config), ["l2", "l3_proactive", "dhcp", "dnat", "sg", "provider"]);
    assert_eq!(config.df.remote_db_hosts[0].to_string(), "10.220.2.75:4001");
    assert_eq!(config.df.publishers_ips[0].as_str(), "127.0.0.1");
    assert!(config.df.enable_df_pub_sub && config.df_l2_app.l2_responder);
}
