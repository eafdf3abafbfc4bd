//! Segments that are used up or make no sense: who asks for one is refused, and nothing is stored of it.

use model::Table;
use nb::Store as _;
use nb::memory::MemoryStore;
use northbound::Settings;
use northbound::translate::{IdRange, SegmentSettings, SegmentType};
use serde_json::{Value, json};

use crate::floating_ip_routers::everything;
use crate::routers::text;
use crate::support::Api;

/// Projects get one of three numbers.
const RANGE: (u64, u64) = (101, 103);

/// All rows.
async fn stored(api: &Api) -> Vec<nb::Row> {
    api.store.snapshot(&everything()).await.unwrap().rows
}

async fn api() -> Api {
    let range = IdRange::parse(&format!("{}:{}", RANGE.0, RANGE.1), SegmentType::Vxlan).unwrap();
    let segments = SegmentSettings {
        project_types: vec![SegmentType::Vxlan],
        tunnels: [(SegmentType::Vxlan, vec![range])].into(),
        ..SegmentSettings::default()
    };
    Api::with(MemoryStore::new(), Settings { segments, ..Settings::default() }).await
}

#[tokio::test]
async fn a_range_that_is_used_up_gives_nothing_and_nothing_is_stored() {
    let api = api().await;
    let (mut admin, mut member) = (api.admin(), api.member("ann"));
    let mut networks = Vec::new();
    for number in 0..3 {
        let made = member.post("/v2.0/networks", json!({"network": {"name": format!("n{number}")}})).await;
        networks.push(made.expect(201)["network"].take());
    }
    let shown = admin.get("/v2.0/networks?fields=provider:segmentation_id").await.expect(200);
    let mut numbers: Vec<u64> = shown["networks"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|network| network["provider:segmentation_id"].as_u64())
        .collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (RANGE.0..=RANGE.1).collect::<Vec<_>>());

    let before = stored(&api).await;
    let none = "Unable to create the network. No project network is available for allocation.";
    let one = json!({"network": {"name": "more"}});
    let two = json!({"networks": [{"name": "more"}, {"name": "and more"}]});
    for body in [one.clone(), two] {
        member.post("/v2.0/networks", body).await.expect_error(503, "NoNetworkAvailable", none);
        assert_eq!(stored(&api).await, before, "nothing is stored");
    }
    // Others are not concerned: administrators may name a number outside of the range, and another type.
    let named = json!({"provider:network_type": "vxlan", "provider:segmentation_id": 7});
    admin.create("network", named).await;
    // What is given back is there again.
    member.delete(&format!("/v2.0/networks/{}", text(&networks[1]["id"]))).await.expect(204);
    let again = member.post("/v2.0/networks", one).await.expect(201)["network"].take();
    let shown = admin.get(&format!("/v2.0/networks/{}", text(&again["id"]))).await.expect(200);
    assert!((RANGE.0..=RANGE.1).contains(&shown["network"]["provider:segmentation_id"].as_u64().unwrap()));
    assert_eq!(api.objects(Table::LogicalSwitch).await.len(), 4);
}

#[tokio::test]
async fn a_flat_network_has_no_segmentation_id() {
    let api = api().await;
    let mut admin = api.admin();
    let before = stored(&api).await;
    for id in [1, 7] {
        let flat = json!({"network": {"router:external": true, "provider:network_type": "flat",
            "provider:physical_network": "ext", "provider:segmentation_id": id}});
        let refused = admin.post("/v2.0/networks", flat).await.expect(400);
        assert_eq!(refused["NeutronError"]["type"], "InvalidInput", "{refused}");
        let message = text(&refused["NeutronError"]["message"]).to_owned();
        assert!(message.contains("segmentation_id prohibited for flat provider network"), "{message}");
        assert_eq!(stored(&api).await, before, "nothing is stored");
    }
    // Neither has one that is there.
    let flat = json!({"provider:network_type": "flat", "provider:physical_network": "ext"});
    let network = admin.create("network", flat).await;
    assert_eq!(network["provider:segmentation_id"], Value::Null);
    let path = format!("/v2.0/networks/{}", text(&network["id"]));
    admin.put(&path, json!({"network": {"provider:segmentation_id": 7}})).await.expect(400);
    let shown = admin.get(&path).await.expect(200);
    assert_eq!(shown["network"]["provider:segmentation_id"], Value::Null);
}
