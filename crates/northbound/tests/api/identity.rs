//! Clients that insist on keystone, where there is none.

use serde_json::{Value, json};

use crate::support::Api;

/// What clients ask for with a password.
fn wish(user: &str, project: &str) -> Value {
    let domain = json!({"name": "Default"});
    json!({"auth": {
        "identity": {
            "methods": ["password"],
            "password": {"user": {"name": user, "password": "any", "domain": domain}},
        },
        "scope": {"project": {"name": project, "domain": domain}},
    }})
}

#[tokio::test]
async fn a_password_gives_a_token_that_says_the_project() {
    let api = Api::start().await;
    let reply = api.admin().post("/v3/auth/tokens", wish("ann", "r&d")).await;
    let token = reply.header("x-subject-token").unwrap().to_owned();
    let said = reply.expect(201);
    assert_eq!(said["token"]["user"]["name"], "ann");
    assert_eq!(said["token"]["project"]["id"], "r&d");
    let endpoint = &said["token"]["catalog"][0]["endpoints"][0];
    assert_eq!(endpoint["url"], format!("http://{}", api.address));

    let mut ann = api.client(&[("X-Auth-Token", &token)]);
    assert_eq!(ann.create("network", json!({})).await["project_id"], "r&d");
    assert_eq!(ann.get("/v3/auth/projects").await.expect(200)["projects"][0]["name"], "r&d");
    assert_eq!(ann.get("/v3/projects").await.expect(200)["projects"][0]["id"], "r&d");
    let about = api.client(&[("X-Subject-Token", &token)]).get("/v3/auth/tokens").await.expect(200);
    assert_eq!(about, said);

    let again = json!({"auth": {"identity": {"methods": ["token"], "token": {"id": token}}}});
    let renewed = api.admin().post("/v3/auth/tokens", again).await;
    assert_eq!(renewed.header("x-subject-token"), Some(token.as_str()));
    api.admin().delete("/v3/auth/tokens").await.expect(204);
}

#[tokio::test]
async fn projects_and_domains_are_what_anybody_calls_one() {
    let api = Api::start().await;
    let mut admin = api.admin();
    assert_eq!(admin.get("/v3/").await.expect(200)["version"]["status"], "stable");
    assert_eq!(admin.get("/v3/projects/blue").await.expect(200)["project"]["name"], "blue");
    assert_eq!(admin.get("/v3/projects?name=red").await.expect(200)["projects"][0]["id"], "red");
    assert_eq!(admin.get("/v3/domains?name=Default").await.expect(200)["domains"][0]["id"], "default");
    let none = "The resource could not be found.";
    admin.get("/v3/domains/other").await.expect_error(404, "HTTPNotFound", none);
    let nothing = "Unable to find 'auth' in request body";
    admin.post("/v3/auth/tokens", json!({})).await.expect_error(400, "HTTPBadRequest", nothing);
    let long = "A name has at most 255 characters";
    admin.post("/v3/auth/tokens", wish(&"x".repeat(256), "p")).await.expect_error(
        400,
        "HTTPBadRequest",
        long,
    );
    for odd in [json!({"auth": 1}), json!({"auth": {"identity": [], "scope": "unscoped"}})] {
        assert_eq!(admin.post("/v3/auth/tokens", odd).await.expect(201)["token"]["project"]["id"], "admin");
    }
}
