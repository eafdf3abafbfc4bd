//! Ports inside others because pairs of addresses there name them.

use model::{ChildPortSegmentation, Id, LogicalPort, Object, SegmentationType, Table, Topic};
use nb::memory::MemoryStore;
use northbound::Settings;
use serde_json::{Value, json};

use crate::support::{Api, Client};

const KURYR: &str = "compute:kuryr";

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn path(port: &Value) -> String {
    format!("/v2.0/ports/{}", text(&port["id"]))
}

pub(crate) fn settings(nests: bool) -> Settings {
    Settings { nests_ports_by_pairs: nests, ..Settings::default() }
}

/// A cloud with the option on, a network of the project `p`, and a guest in it that is on a host.
struct Cloud {
    api: Api,
    admin: Client,
    network: Value,
    vm: Value,
}

impl Cloud {
    async fn new() -> Self {
        Self::with(true).await
    }

    async fn with(nests: bool) -> Self {
        let api = Api::with(MemoryStore::new(), settings(nests)).await;
        let mut admin = api.admin();
        let network = network(&mut admin, "p", "10.0.0.0/24").await;
        let vm = json!({"network_id": network["id"], "project_id": "p", "binding:host_id": "h",
            "device_owner": "compute:nova", "fixed_ips": [{"ip_address": "10.0.0.5"}]});
        let vm = admin.create("port", vm).await;
        Self { api, admin, network, vm }
    }

    /// A port of a container.
    async fn pod(&mut self, network: &Value, address: &str) -> Value {
        let body = json!({"network_id": network["id"], "project_id": "p", "device_owner": KURYR,
            "device_id": "pod", "fixed_ips": [{"ip_address": address}]});
        self.admin.create("port", body).await
    }

    async fn put(&mut self, port: &Value, change: Value) -> Value {
        self.admin.put(&path(port), json!({"port": change})).await.expect(200)["port"].take()
    }

    async fn pairs(&mut self, port: &Value, pairs: Value) {
        self.put(port, json!({"allowed_address_pairs": pairs})).await;
    }

    async fn shown(&mut self, port: &Value) -> Value {
        self.admin.get(&path(port)).await.expect(200)["port"].take()
    }

    async fn host(&mut self, port: &Value) -> String {
        text(&self.shown(port).await["binding:host_id"]).to_owned()
    }

    async fn rows(&self) -> Vec<ChildPortSegmentation> {
        let row = |row| match row {
            Object::ChildPortSegmentation(row) => (*row).clone(),
            other => panic!("{other:?}"),
        };
        self.api.objects(Table::ChildPortSegmentation).await.into_iter().map(row).collect()
    }

    /// Which port is inside which and how, by ids.
    async fn inside(&self) -> Vec<(String, String, SegmentationType)> {
        let rows = self.rows().await;
        rows.iter().map(|row| (row.port.to_string(), row.parent.to_string(), row.segmentation_type)).collect()
    }

    /// What nodes hear of a port.
    async fn row(&self, port: &Value) -> LogicalPort {
        let rows = self.api.objects(Table::LogicalPort).await;
        match rows.into_iter().find(|row| *row.id() == *text(&port["id"])).unwrap() {
            Object::LogicalPort(row) => (*row).clone(),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) async fn network(admin: &mut Client, project: &str, cidr: &str) -> Value {
    let network = admin.create("network", json!({"project_id": project})).await;
    let subnet = json!({"network_id": network["id"], "project_id": project, "ip_version": 4, "cidr": cidr,
        "enable_dhcp": false});
    admin.create("subnet", subnet).await;
    network
}

fn pair(port: &Value) -> Value {
    json!({"ip_address": port["fixed_ips"][0]["ip_address"], "mac_address": port["mac_address"]})
}

fn by_address(port: &Value) -> Value {
    json!({"ip_address": port["fixed_ips"][0]["ip_address"]})
}

fn one(inner: &Value, outer: &Value, by: SegmentationType) -> Vec<(String, String, SegmentationType)> {
    vec![(text(&inner["id"]).to_owned(), text(&outer["id"]).to_owned(), by)]
}

#[tokio::test]
async fn a_container_is_inside_its_guest_as_long_as_a_pair_names_it() {
    let mut cloud = Cloud::new().await;
    let vm = cloud.vm.clone();
    let pods = network(&mut cloud.admin, "p", "10.1.0.0/24").await;
    let pod = cloud.pod(&pods, "10.1.0.9").await;
    assert_eq!(cloud.rows().await, [], "nothing names it");
    cloud.pairs(&vm, json!([pair(&pod)])).await;
    let rows = cloud.rows().await;
    let [row] = rows.as_slice() else { panic!("{rows:?}") };
    let (outer, inner): (Id<LogicalPort>, Id<LogicalPort>) =
        (Id::new(text(&vm["id"])).unwrap(), Id::new(text(&pod["id"])).unwrap());
    assert_eq!(row.id, ChildPortSegmentation::id_of(&outer, &inner));
    assert_eq!((&row.parent, &row.port, &row.topic), (&outer, &inner, &Topic::new("p")));
    assert_eq!((row.segmentation_type, row.segmentation_id), (SegmentationType::Macvlan, None));
    let shown = cloud.shown(&pod).await;
    assert_eq!((&shown["binding:host_id"], &shown["binding:vif_type"]), (&json!("h"), &json!("ovs")));
    assert_eq!((&shown["device_owner"], &shown["device_id"]), (&json!(KURYR), &json!("pod")));
    assert!(shown.get("behind").is_none(), "that is ours");
    // It goes where the guest goes.
    cloud.put(&vm, json!({"binding:host_id": "i"})).await;
    assert_eq!(cloud.host(&pod).await, "i");
    assert_eq!(cloud.row(&pod).await.chassis().map(ToString::to_string).as_deref(), Some("i"));
    // Its address is its own: nodes do not hear that the guest may have it too. Who asks is told what was said.
    assert_eq!(cloud.row(&vm).await.allowed_address_pairs, []);
    assert_eq!(cloud.shown(&vm).await["allowed_address_pairs"], json!([pair(&pod)]));

    cloud.pairs(&vm, json!([])).await;
    assert_eq!(cloud.rows().await, []);
    assert_eq!((cloud.host(&pod).await.as_str(), cloud.row(&pod).await.chassis()), ("", None));
    cloud.admin.delete(&path(&pod)).await.expect(204);
}

#[tokio::test]
async fn a_pair_without_a_mac_address_or_with_the_own_one_means_ipvlan() {
    for own in [false, true] {
        let mut cloud = Cloud::new().await;
        let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
        let pod = cloud.pod(&home, "10.0.0.9").await;
        let mut said = by_address(&pod);
        said["ip_address"] = json!("10.0.0.9/32");
        if own {
            said["mac_address"] = vm["mac_address"].clone();
        }
        cloud.pairs(&vm, json!([said])).await;
        assert_eq!(cloud.inside().await, one(&pod, &vm, SegmentationType::Ipvlan));
        assert_eq!(cloud.row(&vm).await.allowed_address_pairs, []);
        // Both: who has a MAC address of its own is told by that.
        cloud.pairs(&vm, json!([said, pair(&pod)])).await;
        assert_eq!(cloud.inside().await, one(&pod, &vm, SegmentationType::Macvlan));
    }
}

#[tokio::test]
async fn addresses_of_ipv6_name_ports_too() {
    let mut cloud = Cloud::new().await;
    let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
    let subnet = json!({"network_id": home["id"], "project_id": "p", "ip_version": 6, "cidr": "fd00::/64",
        "enable_dhcp": false});
    cloud.admin.create("subnet", subnet).await;
    let pod = cloud.pod(&home, "fd00::9").await;
    for said in ["fd00:0:0::9", "fd00::9/128"] {
        cloud.pairs(&vm, json!([{"ip_address": said, "mac_address": pod["mac_address"]}])).await;
        assert_eq!(cloud.inside().await, one(&pod, &vm, SegmentationType::Macvlan), "{said}");
        cloud.pairs(&vm, json!([])).await;
    }
}

#[tokio::test]
async fn it_does_not_matter_which_comes_first() {
    let mut cloud = Cloud::new().await;
    let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
    cloud.pairs(&vm, json!([{"ip_address": "10.0.0.9"}, {"ip_address": "10.0.0.10"}])).await;
    assert_eq!(cloud.row(&vm).await.allowed_address_pairs.len(), 2, "nobody else has them");
    let pod = cloud.pod(&home, "10.0.0.9").await;
    assert_eq!((&pod["binding:host_id"], &pod["revision_number"]), (&json!("h"), &json!(1)));
    assert_eq!(cloud.inside().await, one(&pod, &vm, SegmentationType::Ipvlan));
    assert_eq!(cloud.row(&vm).await.allowed_address_pairs.len(), 1, "this one is the container's now");
    // Another address: it is not named any more, and then again.
    let other = |address: &str| json!({"fixed_ips": [{"ip_address": address}]});
    cloud.put(&pod, other("10.0.0.11")).await;
    assert_eq!((cloud.rows().await.len(), cloud.host(&pod).await.as_str()), (0, ""));
    assert_eq!(cloud.row(&vm).await.allowed_address_pairs.len(), 2);
    let back = cloud.put(&pod, other("10.0.0.10")).await;
    assert_eq!(back["binding:host_id"], "h", "the answer is what became of it");
    assert_eq!(cloud.rows().await.len(), 1);
    // Gone, the pair is a pair again.
    cloud.admin.delete(&path(&pod)).await.expect(204);
    assert_eq!(cloud.rows().await, []);
    assert_eq!(cloud.row(&vm).await.allowed_address_pairs.len(), 2);
    // A new one with the address; then the guest goes.
    let pod = cloud.pod(&home, "10.0.0.10").await;
    assert_eq!(cloud.rows().await.len(), 1);
    cloud.admin.delete(&path(&vm)).await.expect(204);
    assert_eq!((cloud.rows().await.len(), cloud.host(&pod).await.as_str()), (0, ""));
}

#[tokio::test]
async fn another_mac_address_is_another_container() {
    let mut cloud = Cloud::new().await;
    let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
    cloud.put(&vm, json!({"binding:host_id": ""})).await;
    let pod = cloud.pod(&home, "10.0.0.9").await;
    cloud.pairs(&vm, json!([pair(&pod)])).await;
    assert_eq!(cloud.rows().await.len(), 1);
    cloud.put(&pod, json!({"mac_address": "02:00:00:00:00:99"})).await;
    assert_eq!(cloud.rows().await, []);
    cloud.put(&pod, json!({"mac_address": pod["mac_address"]})).await;
    assert_eq!(cloud.rows().await.len(), 1);
}

#[tokio::test]
async fn a_port_that_is_somewhere_by_itself_is_inside_nothing() {
    let mut cloud = Cloud::new().await;
    let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
    let pod = cloud.pod(&home, "10.0.0.9").await;
    cloud.put(&pod, json!({"binding:host_id": "h"})).await;
    cloud.pairs(&vm, json!([pair(&pod)])).await;
    assert_eq!(cloud.rows().await, []);
    cloud.put(&pod, json!({"binding:host_id": ""})).await;
    assert_eq!((cloud.rows().await.len(), cloud.host(&pod).await.as_str()), (1, "h"));
    // What was said before is not said anew, and nobody's word for it is taken back.
    cloud.put(&pod, json!({"name": "n", "binding:host_id": "h"})).await;
    assert_eq!(cloud.rows().await.len(), 1);
    cloud.put(&pod, json!({"binding:host_id": "j"})).await;
    assert_eq!((cloud.rows().await.len(), cloud.host(&pod).await.as_str()), (0, "j"));
    assert_eq!(cloud.row(&vm).await.allowed_address_pairs.len(), 1);
}

#[tokio::test]
async fn what_the_network_has_and_what_trunks_have_is_inside_nothing() {
    let mut cloud = Cloud::new().await;
    let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
    let pod = cloud.pod(&home, "10.0.0.9").await;
    cloud.pairs(&vm, json!([pair(&pod)])).await;
    let nested = one(&pod, &vm, SegmentationType::Macvlan);
    assert_eq!(cloud.inside().await, nested);
    let trunk = cloud.admin.create("trunk", json!({"port_id": pod["id"], "project_id": "p"})).await;
    assert_eq!(cloud.rows().await, [], "it carries a trunk");
    cloud.admin.delete(&format!("/v2.0/trunks/{}", text(&trunk["id"]))).await.expect(204);
    assert_eq!(cloud.inside().await, nested);
    // The guest carries it by a tag, of which the row is the same one.
    cloud.put(&pod, json!({"device_id": ""})).await;
    let carried = json!([{"port_id": pod["id"], "segmentation_type": "vlan", "segmentation_id": 7}]);
    let body = json!({"port_id": vm["id"], "project_id": "p", "sub_ports": carried});
    let trunk = cloud.admin.create("trunk", body).await;
    assert_eq!(cloud.inside().await, one(&pod, &vm, SegmentationType::Vlan));
    assert_eq!((cloud.host(&pod).await.as_str(), cloud.rows().await.len()), ("h", 1));
    cloud.admin.delete(&format!("/v2.0/trunks/{}", text(&trunk["id"]))).await.expect(204);
    assert_eq!(cloud.inside().await, nested, "it is in the guest by its addresses again");
    cloud.put(&pod, json!({"device_owner": "network:special", "security_groups": []})).await;
    assert_eq!((cloud.rows().await.len(), cloud.host(&pod).await.as_str()), (0, ""));
}

#[tokio::test]
async fn ranges_and_own_addresses_name_nobody() {
    let mut cloud = Cloud::new().await;
    let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
    let pods = network(&mut cloud.admin, "p", "10.0.0.0/24").await;
    cloud.pod(&home, "10.0.0.8").await;
    cloud.pod(&pods, "10.0.0.5").await;
    for said in ["10.0.0.8/31", "10.0.0.0/24", "10.0.0.5"] {
        cloud.pairs(&vm, json!([{"ip_address": said}])).await;
        assert_eq!(cloud.rows().await, [], "{said}");
    }
}

#[tokio::test]
async fn ports_of_other_projects_are_nobodys_business() {
    let mut cloud = Cloud::new().await;
    let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
    // In networks with equal addresses, and in the same network.
    let other = network(&mut cloud.admin, "q", "10.1.0.0/24").await;
    for (network, address) in [(&other, "10.1.0.9"), (&home, "10.0.0.9")] {
        let body = json!({"network_id": network["id"], "project_id": "q", "device_owner": KURYR,
            "fixed_ips": [{"ip_address": address}]});
        let foreign = cloud.admin.create("port", body).await;
        cloud.pairs(&vm, json!([pair(&foreign), by_address(&foreign)])).await;
        assert_eq!(cloud.rows().await, [], "{address}");
    }
    // The one of the project itself is meant, whoever else has its address.
    let own = network(&mut cloud.admin, "p", "10.1.0.0/24").await;
    let pod = cloud.pod(&own, "10.1.0.9").await;
    cloud.pairs(&vm, json!([by_address(&pod)])).await;
    assert_eq!(cloud.inside().await, one(&pod, &vm, SegmentationType::Ipvlan));
}

#[tokio::test]
async fn an_address_that_several_networks_have_means_the_own_one_or_nobody() {
    let mut cloud = Cloud::new().await;
    let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
    let (first, second) = (
        network(&mut cloud.admin, "p", "10.0.0.0/24").await,
        network(&mut cloud.admin, "p", "10.0.0.0/24").await,
    );
    cloud.pairs(&vm, json!([{"ip_address": "10.0.0.9"}])).await;
    let one_of = cloud.pod(&first, "10.0.0.9").await;
    assert_eq!(cloud.inside().await, one(&one_of, &vm, SegmentationType::Ipvlan));
    let other = cloud.pod(&second, "10.0.0.9").await;
    assert_eq!((cloud.rows().await.len(), cloud.host(&one_of).await.as_str()), (0, ""));
    // By its MAC address it is told from others.
    cloud.pairs(&vm, json!([pair(&other)])).await;
    assert_eq!(cloud.inside().await, one(&other, &vm, SegmentationType::Macvlan));
    cloud.pairs(&vm, json!([{"ip_address": "10.0.0.9"}])).await;
    assert_eq!(cloud.rows().await, []);
    let own = cloud.pod(&home, "10.0.0.9").await;
    assert_eq!(cloud.inside().await, one(&own, &vm, SegmentationType::Ipvlan));
    for port in [&own, &other] {
        cloud.admin.delete(&path(port)).await.expect(204);
    }
    assert_eq!(cloud.inside().await, one(&one_of, &vm, SegmentationType::Ipvlan));
}

#[tokio::test]
async fn a_port_that_two_name_or_that_is_in_a_chain_is_inside_none() {
    let mut cloud = Cloud::new().await;
    let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
    let body = json!({"network_id": home["id"], "project_id": "p", "binding:host_id": "i"});
    let second = cloud.admin.create("port", body).await;
    // An address that two guests share, as with VRRP.
    let shared = cloud.pod(&home, "10.0.0.100").await;
    cloud.pairs(&vm, json!([by_address(&shared)])).await;
    assert_eq!(cloud.inside().await, one(&shared, &vm, SegmentationType::Ipvlan));
    cloud.pairs(&second, json!([by_address(&shared)])).await;
    assert_eq!(cloud.rows().await, []);
    for port in [&vm, &second] {
        assert_eq!(cloud.row(port).await.allowed_address_pairs.len(), 1, "they share it");
    }
    cloud.pairs(&vm, json!([])).await;
    assert_eq!(cloud.inside().await, one(&shared, &second, SegmentationType::Ipvlan));
    assert_eq!(cloud.host(&shared).await, "i");
    cloud.pairs(&second, json!([])).await;

    // vm > pod > deeper: whichever pair comes first.
    let (pod, deeper) = (cloud.pod(&home, "10.0.0.9").await, cloud.pod(&home, "10.0.0.10").await);
    for pod_first in [true, false] {
        let (first, inner, then, outer) =
            if pod_first { (&pod, &deeper, &vm, &pod) } else { (&vm, &pod, &pod, &deeper) };
        cloud.pairs(first, json!([pair(inner)])).await;
        assert_eq!(cloud.inside().await, one(inner, first, SegmentationType::Macvlan));
        cloud.pairs(then, json!([pair(outer)])).await;
        assert_eq!(cloud.inside().await, one(&pod, &vm, SegmentationType::Macvlan), "{pod_first}");
        assert_eq!(cloud.host(&deeper).await, "");
        cloud.pairs(&pod, json!([])).await;
        cloud.pairs(&vm, json!([])).await;
        assert_eq!(cloud.rows().await, []);
    }
    // Two that name each other.
    cloud.pairs(&pod, json!([pair(&deeper)])).await;
    cloud.pairs(&deeper, json!([pair(&pod)])).await;
    assert_eq!(cloud.rows().await, []);
}

#[tokio::test]
async fn where_the_option_is_off_a_pair_is_a_pair() {
    let mut cloud = Cloud::with(false).await;
    let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
    let pod = cloud.pod(&home, "10.0.0.9").await;
    cloud.pairs(&vm, json!([pair(&pod)])).await;
    assert_eq!((cloud.rows().await.len(), cloud.host(&pod).await.as_str()), (0, ""));
    assert_eq!(cloud.row(&vm).await.allowed_address_pairs.len(), 1);
    // A server that is started with it finds them, and one without it takes them out.
    for nests in [true, false] {
        let api = Api::with(cloud.api.store.clone(), settings(nests)).await;
        assert_eq!(cloud.rows().await.len(), usize::from(nests));
        let shown = api.admin().get(&path(&pod)).await.expect(200);
        assert_eq!(shown["port"]["binding:host_id"], if nests { "h" } else { "" });
        assert_eq!(cloud.row(&vm).await.allowed_address_pairs.len(), usize::from(!nests));
    }
}

#[tokio::test]
async fn many_containers_come_and_go_with_one_guest() {
    let mut cloud = Cloud::new().await;
    let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
    let addresses: Vec<String> = (10..20).map(|last| format!("10.0.0.{last}")).collect();
    let pairs: Vec<Value> = addresses.iter().map(|address| json!({"ip_address": address})).collect();
    cloud.pairs(&vm, json!(pairs)).await;
    let port = |address: &String| json!({"network_id": home["id"], "project_id": "p", "fixed_ips": [{"ip_address": address}]});
    let bodies: Vec<Value> = addresses.iter().map(port).collect();
    let made = cloud.admin.post("/v2.0/ports", json!({"ports": bodies})).await.expect(201);
    assert_eq!(cloud.rows().await.len(), 10);
    assert!(made["ports"].as_array().unwrap().iter().all(|port| port["binding:host_id"] == "h"), "{made}");
    cloud.put(&vm, json!({"binding:host_id": "i"})).await;
    let moved = cloud.admin.get("/v2.0/ports?binding:host_id=i&fields=id").await.expect(200);
    assert_eq!(moved["ports"].as_array().unwrap().len(), 11);
    cloud.admin.delete(&path(&vm)).await.expect(204);
    assert_eq!(cloud.rows().await, []);
    let left = cloud.admin.get("/v2.0/ports?binding:host_id=i").await.expect(200);
    assert_eq!(left["ports"], json!([]));
}

/// Whatever happens at the same time on two servers, what is left is what follows from the ports that are left.
#[tokio::test]
async fn who_changes_two_ports_at_once_leaves_no_row_behind() {
    let mut cloud = Cloud::new().await;
    let (vm, home) = (cloud.vm.clone(), cloud.network.clone());
    let second = Api::with(cloud.api.store.clone(), settings(true)).await;
    for round in 0..30 {
        let pod = cloud.pod(&home, "10.0.0.9").await;
        let (mut one_client, mut other_client) = (cloud.api.admin(), second.admin());
        let change = json!({"port": {"allowed_address_pairs": [pair(&pod)]}});
        let (vm_path, pod_path) = (path(&vm), path(&pod));
        let (changed, deleted) =
            tokio::join!(one_client.put(&vm_path, change), other_client.delete(&pod_path));
        assert_eq!((changed.status, deleted.status), (200, 204), "{} {}", changed.text, deleted.text);
        assert_eq!(cloud.rows().await, [], "round {round}");
        assert_eq!(cloud.row(&vm).await.allowed_address_pairs.len(), 1);
        cloud.pairs(&vm, json!([])).await;

        // The pair and the port at once: it is inside, whoever was faster.
        let change = json!({"port": {"allowed_address_pairs": [{"ip_address": "10.0.0.9"}]}});
        let body = json!({"port": {"network_id": home["id"], "project_id": "p", "fixed_ips": [{"ip_address": "10.0.0.9"}]}});
        let (changed, made) =
            tokio::join!(one_client.put(&vm_path, change), other_client.post("/v2.0/ports", body));
        changed.expect(200);
        let pod = made.expect(201)["port"].take();
        assert_eq!(cloud.inside().await, one(&pod, &vm, SegmentationType::Ipvlan), "round {round}");
        // Taken out and moved at once.
        let (freed, moved) = (
            json!({"port": {"allowed_address_pairs": []}}),
            json!({"port": {"binding:host_id": format!("h{round}")}}),
        );
        let (freed, moved) = tokio::join!(one_client.put(&vm_path, freed), other_client.put(&vm_path, moved));
        freed.expect(200);
        moved.expect(200);
        assert_eq!((cloud.rows().await.len(), cloud.host(&pod).await.as_str()), (0, ""), "round {round}");
        cloud.admin.delete(&path(&pod)).await.expect(204);
    }
}
