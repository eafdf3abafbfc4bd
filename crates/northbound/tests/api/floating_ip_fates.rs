//! What becomes of floating IPs that are there: by what the switch says, with ports, networks and projects, and among many who want one.

use model::{PortState, PortStatus, Topic};
use nb::{Store as _, Txn};
use serde_json::json;

use crate::floating_ips::{FLOATING_IPS, guest, id, path, rows, shown, world};
use crate::support::{Api, eventually};

#[tokio::test]
async fn the_status_is_what_the_switch_says() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let world = world(&mut admin, "p").await;
    let port = guest(&mut admin, &world, "p", &["10.6.0.9"]).await;
    let body = json!({"floating_network_id": world.outside["id"], "port_id": port["id"]});
    let floating_ip = admin.create("floatingip", body).await;
    assert_eq!(floating_ip["status"], "DOWN", "no node said anything yet");
    let lport = rows(&api).await[0].floating_lport.clone().unwrap();
    let say = async |state| {
        let status = PortStatus {
            chassis: model::Id::new("n1").unwrap(),
            generation: 1,
            id: PortStatus::id_of(&lport),
            lport: lport.clone(),
            lport_version: None,
            state,
            topic: Topic::new(""),
            version: None,
        };
        api.store.commit(Txn::new().put_object(&status.into())).await.unwrap();
    };
    let mut is = async |wanted: &str| {
        eventually(async || shown(&mut admin, &floating_ip).await["status"] == wanted).await;
    };
    say(PortState::Active).await;
    is("ACTIVE").await;
    say(PortState::Down).await;
    is("DOWN").await;
    say(PortState::Active).await;
    is("ACTIVE").await;
    let body = json!({"floatingip": {"port_id": null}});
    let changed = admin.put(&path("floatingips", &floating_ip), body).await.expect(200);
    assert_eq!(changed["floatingip"]["status"], "DOWN", "it stands for nothing");
}

#[tokio::test]
async fn a_port_that_goes_leaves_its_floating_ip() {
    let api = Api::start().await;
    let (mut admin, mut ann) = (api.admin(), api.member("ann"));
    let world = world(&mut admin, "ann").await;
    let port = guest(&mut admin, &world, "ann", &["10.6.0.9", "10.6.0.10"]).await;
    let body = |project: &str, address: &str| {
        json!({"floating_network_id": world.outside["id"], "port_id": port["id"], "fixed_ip_address": address,
            "project_id": project})
    };
    let own = admin.create("floatingip", body("ann", "10.6.0.9")).await;
    let foreign = admin.create("floatingip", body("bob", "10.6.0.10")).await;
    let other = json!({"port": {"fixed_ips": [{"ip_address": "10.6.0.10"}, {"ip_address": "10.6.0.11"}]}});
    let refused = format!(
        "Bad port request: Cannot update the fixed_ips of the port {}, because its original fixed_ip has been associated to a \
         floating ip.",
        id(&port)
    );
    admin.put(&path("ports", &port), other).await.expect_error(400, "BadRequest", &refused);
    let more = json!({"port": {"fixed_ips": [{"ip_address": "10.6.0.9"}, {"ip_address": "10.6.0.10"}, {"ip_address": "10.6.0.11"}]}});
    admin.put(&path("ports", &port), more).await.expect(200);
    let refused = format!(
        "Unable to complete the operation on port {} because the port still has an associated floating IP.",
        id(&port)
    );
    ann.delete(&path("ports", &port)).await.expect_error(409, "FipAssociated", &refused);
    admin.delete(&path("floatingips", &foreign)).await.expect(204);
    ann.delete(&path("ports", &port)).await.expect(204);
    let left = shown(&mut ann, &own).await;
    for name in ["port_id", "fixed_ip_address", "router_id"] {
        assert_eq!(left[name], json!(null), "{name}");
    }
    assert_eq!(rows(&api).await[0].lport, None);
}

#[tokio::test]
async fn an_external_network_takes_floating_ips_with_it_that_stand_for_nothing() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let world = world(&mut admin, "p").await;
    let port = guest(&mut admin, &world, "p", &["10.6.0.9"]).await;
    let body = json!({"floating_network_id": world.outside["id"], "port_id": port["id"]});
    let used = admin.create("floatingip", body).await;
    let many = json!({"floatingips": vec![json!({"floating_network_id": world.outside["id"]}); 45]});
    admin.post(FLOATING_IPS, many).await.expect(201);
    admin.delete(&path("networks", &world.outside)).await.expect(409);
    assert_eq!(rows(&api).await.len(), 46, "the gateway keeps the network, and all that is in it");
    admin.put(&path("floatingips", &used), json!({"floatingip": {"port_id": null}})).await.expect(200);
    admin.delete(&path("ports", &world.gateway)).await.expect(204);
    admin.delete(&path("networks", &world.outside)).await.expect(204);
    assert_eq!(rows(&api).await, []);
    let left = admin.get("/v2.0/ports?device_owner=network:floatingip").await.expect(200);
    assert_eq!(left["ports"], json!([]));
    admin.delete(&path("ports", &world.interface)).await.expect(204);
}

#[tokio::test]
async fn projects_have_floating_ips_of_their_own() {
    let api = Api::start().await;
    let (mut admin, mut ann, mut bob) = (api.admin(), api.member("ann"), api.member("bob"));
    let world = world(&mut admin, "ann").await;
    let body = json!({"floating_network_id": world.outside["id"]});
    let floating_ip = ann.create("floatingip", body.clone()).await;
    let missing = format!("Floating IP {} could not be found", id(&floating_ip));
    bob.get(&path("floatingips", &floating_ip)).await.expect_error(404, "FloatingIPNotFound", &missing);
    bob.delete(&path("floatingips", &floating_ip)).await.expect_error(404, "FloatingIPNotFound", &missing);
    assert_eq!(bob.get(FLOATING_IPS).await.expect(200)["floatingips"], json!([]));
    let mut reader = api.client(&[("X-Project-Id", "ann"), ("X-Roles", "reader")]);
    reader.get(&path("floatingips", &floating_ip)).await.expect(200);
    let refused = "rule:delete_floatingip is disallowed by policy";
    reader.delete(&path("floatingips", &floating_ip)).await.expect_error(403, "PolicyNotAuthorized", refused);
    assert_eq!(admin.get("/v2.0/quotas/ann").await.expect(200)["quota"]["floatingip"], 50);
    admin.put("/v2.0/quotas/ann", json!({"quota": {"floatingip": 1}})).await.expect(200);
    let refused = "Quota exceeded for resources: ['floatingip'].";
    ann.post(FLOATING_IPS, json!({"floatingip": body})).await.expect_error(409, "OverQuota", refused);
    let pools = bob.get("/v2.0/floatingip_pools").await.expect(200);
    assert_eq!(
        pools["floatingip_pools"],
        json!([{"subnet_id": world.outer["id"], "subnet_name": "", "network_id": world.outside["id"],
            "cidr": "172.24.4.0/24", "project_id": "admin", "tenant_id": "admin"}])
    );
    let found = bob.get("/v2.0/floatingip_pools?cidr=10.0.0.0/8").await.expect(200);
    assert_eq!(found["floatingip_pools"], json!([]));
}

#[tokio::test]
async fn of_many_who_want_an_address_inside_one_gets_it() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let world = world(&mut admin, "p").await;
    let port = guest(&mut admin, &world, "p", &["10.6.0.9"]).await;
    let mut wanted = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let mut client = api.admin();
        let body = json!({"floatingip": {"floating_network_id": world.outside["id"], "port_id": port["id"]}});
        wanted.spawn(async move { client.post(FLOATING_IPS, body).await.status });
    }
    let (mut client, doomed) = (api.admin(), path("ports", &port));
    let statuses = wanted.join_all().await;
    assert_eq!(statuses.iter().filter(|status| **status == 201).count(), 1, "{statuses:?}");
    client.delete(&doomed).await.expect(204);
    assert!(rows(&api).await.iter().all(|row| row.lport.is_none()));
}
