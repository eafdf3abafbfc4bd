use config::{Environment, Source, load};
use testkit::scratch::ScratchDir;

use super::*;

fn read(text: &str) -> Config {
    let source = Source::Text { name: "dragonflow.ini".to_owned(), text: text.to_owned() };
    load(&[source], &Environment::new("compute-1")).unwrap_or_else(|problems| panic!("{problems}")).config
}

fn options(text: &str) -> Result<(Options, Vec<String>), OptionsError> {
    Options::from_config(&read(text), Path::new("/nonexistent"))
}

#[test]
fn the_default_list_of_apps_works_and_what_is_not_built_is_named_once_each() {
    let (options, notices) = options("").unwrap();
    assert_eq!(options.chassis.to_string(), "compute-1");
    let listed = notices.iter().filter(|notice| notice.contains("is not built yet and does nothing")).count();
    let (_, missing) = crate::apps_list::select(&options.apps);
    assert_eq!((listed, notices.len()), (missing.len(), missing.len()), "{notices:?}");
}

#[test]
fn what_is_not_built_is_refused_by_name_with_what_to_do() {
    let error = |text: &str| options(text).unwrap_err().to_string();
    let redis = error("[df]\nnb_db_class = redis_nb_db_driver\n");
    assert!(redis.contains("redis_nb_db_driver") && redis.contains("use etcd_nb_db_driver"), "{redis}");
    // How a guest is plugged in is said by the API; here every interface is one.
    assert!(options("[df]\nvif_type = vhostuser\n").is_ok());
}

#[test]
fn what_has_no_effect_is_said() {
    let (_, notices) = options("[df]\nenable_df_pub_sub = True\nenable_neutron_notifier = True\n").unwrap();
    for option in ["enable_df_pub_sub", "enable_neutron_notifier"] {
        assert_eq!(notices.iter().filter(|notice| notice.contains(option)).count(), 1, "{notices:?}");
    }
}

#[test]
fn guests_leave_with_the_address_of_the_node_where_it_has_one_and_that_is_asked_for() {
    let asked = |text: &str| {
        let (options, notices) = options(&format!("[df]\n{text}")).unwrap();
        (options.settings().host_address, notices.iter().any(|notice| notice.contains("external_host_ip")))
    };
    let ip = Some(Ipv4Addr::new(203, 0, 113, 101));
    let both = "apps_list = l3_proactive,chassis_snat\nexternal_host_ip = 203.0.113.101\n";
    assert_eq!(asked(both), (ip, false));
    assert_eq!(asked("external_host_ip = 203.0.113.101\n"), (None, false), "it may be for BGP alone");
    assert_eq!(asked("apps_list = chassis_snat\n"), (None, true));
    assert_eq!(asked("apps_list = chassis_snat\nexternal_host_ip = 2001:db8::1\n"), (None, true));
    let class =
        "apps_list = chassis_snat_app.ChassisSNATApp\n[df_snat_app]\nexternal_host_ip = 203.0.113.101\n";
    assert_eq!(asked(class), (ip, false), "the original's names");
}

#[test]
fn the_switch_is_found_beside_its_database() {
    let directory = ScratchDir::new().unwrap();
    let access = |config: &Config| Options::from_config(config, directory.path()).unwrap().0;
    // No socket here: OVSDB is where the machine is managed, and the switch comes to us.
    let remote = access(&read("[df]\nmanagement_ip = 192.0.2.9\n"));
    assert_eq!(remote.ovsdb, Address::Tcp { host: "192.0.2.9".to_owned(), port: 6640 });
    assert!(matches!(remote.access, SwitchAccess::Listen { .. }));
    assert_eq!(remote.packet_endpoint(), None);
    // A socket in the run directory.
    std::fs::write(directory.path().join("db.sock"), "").unwrap();
    let local = access(&read("[df]\nintegration_bridge = br-x\n"));
    assert_eq!(local.ovsdb, Address::Unix(directory.path().join("db.sock")));
    assert_eq!(local.access, SwitchAccess::Socket(directory.path().join("br-x.mgmt")));
    // What the operator says goes before.
    let said = access(&read("[df]\novsdb_connection = unix:/run/other/db.sock\n"));
    assert_eq!(said.access, SwitchAccess::Socket("/run/other/br-int.mgmt".into()));
}

#[test]
fn all_encapsulations_become_ports() {
    let (options, _) = options("[df]\ntunnel_types = vxlan,geneve\n").unwrap();
    assert_eq!(options.tunnel_types, [TunnelType::Vxlan, TunnelType::Geneve], "in the order of preference");
    assert_eq!(options.tunnel_kinds().len(), 2);
}

/// The options of the manual that the project began with.
#[test]
fn the_manuals_configuration_starts() {
    let text = "[df]\nenable_selective_topology_distribution = True\napps_list = l2_app.L2App,\
                l3_proactive_app.L3ProactiveApp,dhcp_app.DHCPApp,dnat_app.DNATApp,sg_app.SGApp,portsec_app.PortSecApp,\
                portqos_app.PortQosApp\nintegration_bridge = br-int\ntunnel_type = geneve\n\
                nb_db_class = etcd_nb_db_driver\nremote_db_port = 4001\nremote_db_ip = 192.0.2.1\n\
                enable_df_pub_sub = True\npub_sub_driver = zmq_pubsub_driver\npub_sub_use_multiproc = True\n\
                pub_sub_multiproc_driver = zmq_pubsub_multiproc_driver\nlocal_ip = 192.0.2.2\n";
    let (options, notices) = options(text).unwrap();
    assert_eq!(options.tunnel_types, [TunnelType::Geneve]);
    let names: Vec<&str> = crate::apps_list::select(&options.apps).0.iter().map(|app| app.id.name).collect();
    assert_eq!(
        names,
        [
            "classify",
            "l2",
            "portsec",
            "arp",
            "dhcp",
            "sg",
            "qos",
            "nd",
            "dhcpv6",
            "migration",
            "neighbor",
            "router",
            "gateway",
            "metadata",
            "dns"
        ]
    );
    // Selective distribution, publish and subscribe.
    assert!(notices.iter().any(|notice| notice.contains("enable_df_pub_sub")), "{notices:?}");
    assert!(
        notices.iter().any(|notice| notice.contains("enable_selective_topology_distribution")),
        "{notices:?}"
    );
}

#[test]
fn what_links_carry_is_said_in_neutrons_words() {
    let said = "[ovs]\nresource_provider_bandwidths = br-ex:1000:2000,br-2::5,br-3:0:0,br-4:7\nbridge_mappings = a:b\n";
    let rates: Vec<(String, u64)> = options(said).unwrap().0.link_kbps.into_iter().collect();
    assert_eq!(rates, [("br-4".to_owned(), 7), ("br-ex".to_owned(), 1000)]);
}

#[test]
fn physical_networks_are_mapped_where_the_application_is_there() {
    let mappings = |text: &str| {
        let mappings = options(text).unwrap().0.bridge_mappings.into_iter();
        mappings.map(|(network, bridge)| format!("{network}:{bridge}")).collect::<Vec<_>>()
    };
    assert_eq!(mappings(""), ["public:br-ex"]);
    let two = "[df_provider_networks]\nbridge_mappings = one:br-1,two:br-2\n";
    assert_eq!(mappings(two), ["one:br-1", "two:br-2"]);
    assert!(mappings(&format!("{two}[df]\napps_list = l2\n")).is_empty());
}

#[test]
fn who_configures_nothing_tells_guests_what_nodes_tell_of_themselves() {
    let said = dhcp(&read(""));
    assert_eq!(said, Dhcp::default());
    assert_eq!(said.domain, model::UNNAMED_DOMAIN, "names in another domain would be answered");
}
