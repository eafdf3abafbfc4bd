//! A node that is in several physical networks, each by a bridge of its own.

use serde_json::json;
use testkit::cloud::{CloudSpec, Site, Vm};
use testkit::try_wait_until;

use crate::support::{Lab, PATIENCE, binary, talks, times_ready, wait_ready};

const VLAN: u16 = 100;
/// The bridge to the second physical network.
const STORAGE: &str = "br-st";
const CABLE: &str = "storage0";

/// A cloud whose server knows two physical networks.
fn lab() -> Lab {
    let server_options = "\n[ml2_type_vlan]\nnetwork_vlan_ranges = public,storage\n";
    Lab::with(&CloudSpec { server_options, ..CloudSpec::new(binary()) })
}

/// The network of one VLAN number in a physical network.
fn network(lab: &Lab, physical: &str) -> String {
    let body = json!({"name": physical, "provider:network_type": "vlan", "provider:segmentation_id": VLAN,
        "provider:physical_network": physical});
    let made = lab.cloud.api().post("/v2.0/networks", &json!({ "network": body }));
    let made = made.and_then(|made| made.expect(201)).expect("a network");
    let id = made["network"]["id"].as_str().expect("an id").to_owned();
    lab.subnet(&json!({"network_id": id, "ip_version": 4, "cidr": "10.0.0.0/24"}));
    id
}

/// Makes the bridges to the second physical network and joins them by a cable.
fn lay_second_wire(lab: &Lab) {
    let [one, two] = lab.cloud.sites() else { panic!("two hosts") };
    one.namespace.connect(CABLE, &two.namespace, CABLE).expect("a cable");
    for site in [one, two] {
        site.namespace.disable_checksum_offload(CABLE).expect("checksums");
        let set = ["--", "set", "Bridge", STORAGE, "datapath_type=netdev", "--", "add-port", STORAGE, CABLE];
        site.ovs.vsctl(&[&["add-br", STORAGE][..], &set].concat()).expect("a bridge");
    }
}

fn restart_with(site: &mut Site, lines: &str) {
    let text = std::fs::read_to_string(site.config()).expect("the configuration");
    std::fs::write(site.config(), text + lines).expect("written");
    let ready = times_ready(site);
    site.stop_controller().expect("it ends");
    site.start_controller().expect("it starts");
    wait_ready(site, ready);
}

fn reaches(one: &Vm, two: &Vm) {
    let target = two.address().expect("an address").into();
    one.namespace()
        .wait_for_ping(target, PATIENCE)
        .unwrap_or_else(|error| panic!("{}: {error:#}", one.name()));
}

#[test]
fn a_node_is_in_several_physical_networks_and_they_come_and_go_apart() {
    let mut lab = lab();
    lab.cloud.lay_wire().expect("a wire");
    let public = network(&lab, "public");
    let (one, two) = (lab.boot(0, "one", &public), lab.boot(1, "two", &public));
    reaches(&one, &two);

    // The second one comes to nodes that had one, and both work.
    lay_second_wire(&lab);
    for place in 0..2 {
        let lines = "\n[df_provider_networks]\nbridge_mappings = public:br-ex,storage:br-st\n";
        restart_with(lab.cloud.site_mut(place), lines);
    }
    let storage = network(&lab, "storage");
    let (three, four) = (lab.boot(0, "three", &storage), lab.boot(1, "four", &storage));
    reaches(&three, &four);
    reaches(&one, &two);

    // One of the bridges goes and comes, and the other network does not notice.
    let site = &lab.cloud.sites()[0];
    site.ovs.vsctl(&["del-br", STORAGE]).expect("it goes");
    let found =
        || site.log().lines().any(|line| line.contains(STORAGE) && line.contains("create the bridge"));
    try_wait_until(PATIENCE, "what is missing to be named", || found().then_some(())).expect("it is named");
    talks(&one, &two);
    let set = ["--", "set", "Bridge", STORAGE, "datapath_type=netdev", "--", "add-port", STORAGE, CABLE];
    site.ovs.vsctl(&[&["add-br", STORAGE][..], &set].concat()).expect("a bridge");
    reaches(&three, &four);
    talks(&one, &two);
}
