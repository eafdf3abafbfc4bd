//! The way of a resource: created, shown, listed, changed, deleted, and what all answers have.

use crate::support::Api;
use serde_json::json;

#[tokio::test]
async fn a_network_with_a_subnet_and_a_port() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({"name": "n1"})).await;
    assert_eq!(network["status"], "ACTIVE");
    assert_eq!(network["subnets"], json!([]));
    assert_eq!(network["project_id"], network["tenant_id"]);
    let subnet = admin
        .create("subnet", json!({"network_id": network["id"], "ip_version": 4, "cidr": "10.0.0.0/24"}))
        .await;
    assert_eq!(subnet["gateway_ip"], "10.0.0.1");
    assert_eq!(subnet["allocation_pools"], json!([{"start": "10.0.0.2", "end": "10.0.0.254"}]));
    let port = admin.create("port", json!({"network_id": network["id"], "name": "p"})).await;
    assert_eq!(port["fixed_ips"][0]["subnet_id"], subnet["id"]);
    assert_eq!(port["binding:vif_type"], "unbound");
    assert_eq!(port["status"], "DOWN");

    let network_path = format!("/v2.0/networks/{}", network["id"].as_str().unwrap());
    let shown = admin.get(&network_path).await.expect(200);
    assert_eq!(shown["network"]["subnets"], json!([subnet["id"]]));
    let listed = admin.get("/v2.0/ports?name=p").await.expect(200);
    assert_eq!(listed["ports"], json!([port]));
    let dhcp = admin.get("/v2.0/ports?device_owner=network:dhcp").await.expect(200);
    assert_eq!(dhcp["ports"][0]["fixed_ips"][0]["ip_address"], "10.0.0.2");

    admin.delete(&network_path).await.expect_error(
        409,
        "NetworkInUse",
        &format!(
            "Unable to complete operation on network {}. There are one or more ports still in use on the network, \
             id for these ports is: {}.",
            network["id"].as_str().unwrap(),
            port["id"].as_str().unwrap()
        ),
    );
    admin.delete(&format!("/v2.0/ports/{}", port["id"].as_str().unwrap())).await.expect(204);
    admin.delete(&network_path).await.expect(204);
    admin.get(&network_path).await.expect_error(
        404,
        "NetworkNotFound",
        &format!("Network {} could not be found.", network["id"].as_str().unwrap()),
    );
    assert_eq!(admin.get("/v2.0/ports").await.expect(200), json!({"ports": []}));
    assert_eq!(admin.get("/v2.0/subnets").await.expect(200), json!({"subnets": []}));
}
