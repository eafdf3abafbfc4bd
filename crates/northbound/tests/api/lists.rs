//! Lists: filters, fields, order, pages.

use serde_json::{Value, json};

use crate::support::{Api, Client};

async fn names(client: &mut Client, path: &str) -> Vec<String> {
    let listed = client.get(path).await.expect(200);
    let collection = path.trim_start_matches("/v2.0/").split('?').next().unwrap();
    let items = listed[collection].as_array().unwrap().iter();
    items.map(|item| item["name"].as_str().unwrap().to_owned()).collect()
}

async fn sorted_names(client: &mut Client, path: &str) -> Vec<String> {
    let mut names = names(client, path).await;
    names.sort();
    names
}

#[tokio::test]
async fn filters_fit_any_value_of_one_and_all_of_several() {
    let api = Api::start().await;
    let mut admin = api.admin();
    for (name, up, project) in [("a", true, "p"), ("b", false, "p"), ("c", true, "q"), ("", true, "q")] {
        admin.create("network", json!({"name": name, "admin_state_up": up, "project_id": project})).await;
    }
    for (query, expected) in [
        ("name=a&name=c", vec!["a", "c"]),
        ("admin_state_up=False", vec!["b"]),
        ("admin_state_up=true&project_id=p", vec!["a"]),
        ("tenant_id=q&name=c", vec!["c"]),
        ("name=", vec![""]),
        ("name=nobody", vec![]),
        ("status=ACTIVE&project_id=p", vec!["a", "b"]),
        ("status=DOWN", vec![]),
        ("shared=true", vec![]),
        ("shared=0&mtu=1442&name=b", vec!["b"]),
        ("id=x", vec![]),
        ("name=%61", vec!["a"]),
    ] {
        assert_eq!(sorted_names(&mut admin, &format!("/v2.0/networks?{query}")).await, expected, "{query}");
    }
    let unknown = "['colour', 'subnets'] is invalid attribute for filtering";
    admin.get("/v2.0/networks?subnets=x&colour=red").await.expect_error(400, "HTTPBadRequest", unknown);
    admin.get("/v2.0/networks?admin_state_up=maybe").await.expect_error(
        400,
        "InvalidInput",
        "Invalid input for operation: 'maybe' cannot be converted to boolean.",
    );
}

#[tokio::test]
async fn ports_are_found_by_their_addresses() {
    let api = Api::start().await;
    let mut admin = api.admin();
    let network = admin.create("network", json!({})).await["id"].clone();
    let subnet = admin
        .create(
            "subnet",
            json!({"network_id": network, "ip_version": 4, "cidr": "10.0.0.0/24", "enable_dhcp": false}),
        )
        .await["id"]
        .clone();
    let subnet = subnet.as_str().unwrap();
    for last in [5, 6, 7] {
        let ip = format!("10.0.0.{last}");
        admin
            .create("port", json!({"network_id": network, "name": ip, "fixed_ips": [{"ip_address": ip}]}))
            .await;
    }
    for (query, expected) in [
        ("fixed_ips=ip_address%3D10.0.0.5".to_owned(), vec!["10.0.0.5"]),
        (
            "fixed_ips=ip_address=10.0.0.5&fixed_ips=ip_address=10.0.0.7".to_owned(),
            vec!["10.0.0.5", "10.0.0.7"],
        ),
        (format!("fixed_ips=subnet_id={subnet}"), vec!["10.0.0.5", "10.0.0.6", "10.0.0.7"]),
        (format!("fixed_ips=ip_address=10.0.0.6&fixed_ips=subnet_id={subnet}"), vec!["10.0.0.6"]),
        ("fixed_ips=ip_address=10.0.0.6&fixed_ips=subnet_id=x".to_owned(), vec![]),
        ("fixed_ips=ip_address_substr=0.0.".to_owned(), vec!["10.0.0.5", "10.0.0.6", "10.0.0.7"]),
        (
            "fixed_ips=ip_address_substr=0.6&fixed_ips=ip_address_substr=.7".to_owned(),
            vec!["10.0.0.6", "10.0.0.7"],
        ),
        (format!("fixed_ips=ip_address_substr=6&fixed_ips=subnet_id={subnet}"), vec!["10.0.0.6"]),
        ("fixed_ips=ip_address_substr=0.5&fixed_ips=ip_address=10.0.0.6".to_owned(), vec![]),
    ] {
        assert_eq!(sorted_names(&mut admin, &format!("/v2.0/ports?{query}")).await, expected, "{query}");
    }
    admin.get("/v2.0/ports?fixed_ips=10.0.0.5").await.expect_error(
        400,
        "InvalidInput",
        "Invalid input for operation: '10.0.0.5' is not of the form <key>=[value].",
    );
}

#[tokio::test]
async fn tags_are_put_on_and_found() {
    let api = Api::start().await;
    let mut admin = api.admin();
    for (name, tags) in [("a", vec!["red"]), ("b", vec!["red", "big"]), ("c", vec![])] {
        let id = admin.create("network", json!({"name": name})).await["id"].clone();
        let path = format!("/v2.0/networks/{}/tags", id.as_str().unwrap());
        let set = admin.put(&path, json!({"tags": tags})).await.expect(200);
        assert_eq!(set["tags"].as_array().unwrap().len(), tags.len());
    }
    for (query, expected) in [
        ("tags=red", vec!["a", "b"]),
        ("tags=red,big", vec!["b"]),
        ("tags-any=big,blue", vec!["b"]),
        ("not-tags=red,big", vec!["a", "c"]),
        ("not-tags-any=red,big", vec!["c"]),
        ("tags=red&not-tags=big", vec!["a"]),
    ] {
        assert_eq!(sorted_names(&mut admin, &format!("/v2.0/networks?{query}")).await, expected, "{query}");
    }
    let listed = admin.get("/v2.0/networks?name=b").await.expect(200);
    let path = format!("/v2.0/networks/{}/tags", listed["networks"][0]["id"].as_str().unwrap());
    admin.get(&format!("{path}/big")).await.expect(204);
    admin.get(&format!("{path}/small")).await.expect_error(
        404,
        "TagNotFound",
        "Tag small could not be found.",
    );
    admin.send("PUT", &format!("{path}/a%20b%2Fc.json"), &[], b"").await.expect(201);
    assert_eq!(
        admin.get(&format!("{path}.json")).await.expect(200),
        json!({"tags": ["a b/c.json", "big", "red"]})
    );
    admin.delete(&format!("{path}/big")).await.expect(204);
    admin.delete(&format!("{path}/big")).await.expect_error(
        404,
        "TagNotFound",
        "Tag big could not be found.",
    );
    let many: Vec<String> = (0..51).map(|number| number.to_string()).collect();
    admin.put(&path, json!({"tags": many})).await.expect_error(
        400,
        "BadRequest",
        "Bad networks request: The number of tags exceed the per-resource limit of 50.",
    );
    admin.put(&path, json!({"words": []})).await.expect_error(
        400,
        "InvalidInput",
        "Invalid input for operation: Invalid tags body.",
    );
    admin.delete(&path).await.expect(204);
    assert_eq!(admin.get(&path).await.expect(200), json!({"tags": []}));
}

#[tokio::test]
async fn fields_are_what_is_wanted_and_may_be_seen() {
    let api = Api::start().await;
    let mut admin = api.admin();
    admin.create("network", json!({"name": "a", "shared": true})).await;
    let listed =
        admin.get("/v2.0/networks?fields=name&fields=provider:network_type&fields=x").await.expect(200);
    assert_eq!(listed["networks"], json!([{"name": "a", "provider:network_type": "geneve"}]));
    let listed =
        api.member("p").get("/v2.0/networks?fields=name&fields=provider:network_type").await.expect(200);
    assert_eq!(listed["networks"], json!([{"name": "a"}]));
}

#[tokio::test]
async fn lists_are_sorted_and_come_in_pages() {
    let api = Api::start().await;
    let mut admin = api.admin();
    for (name, description) in [("a", "y"), ("b", "x"), ("c", "y"), ("d", "x"), ("e", "z")] {
        admin.create("network", json!({"name": name, "description": description})).await;
    }
    let sorted = "/v2.0/networks?sort_key=description&sort_dir=desc&sort_key=name&sort_dir=asc";
    assert_eq!(names(&mut admin, sorted).await, ["e", "a", "c", "b", "d"]);
    for (query, message) in [
        ("sort_key=name", "The number of sort_keys and sort_dirs must be same"),
        ("sort_key=subnets&sort_dir=asc", "['subnets'] is invalid attribute for sort_keys"),
        (
            "sort_key=name&sort_dir=up",
            "['up'] is invalid value for sort_dirs, valid value is 'asc' and 'desc'",
        ),
    ] {
        let path = format!("/v2.0/networks?{query}");
        admin.get(&path).await.expect_error(400, "HTTPBadRequest", message);
    }
    admin.get("/v2.0/networks?limit=-1").await.expect_error(
        400,
        "BadRequest",
        "Bad limit request: Limit must be an integer 0 or greater and not '-1'.",
    );

    let follow = |page: &Value, rel: &str| -> Option<String> {
        let links = page["networks_links"].as_array()?;
        let link = links.iter().find(|link| link["rel"] == rel)?;
        let path = link["href"].as_str().unwrap().split_once("/v2.0").unwrap().1;
        Some(format!("/v2.0{path}"))
    };
    let of_page = |page: &Value| -> Vec<String> {
        page["networks"]
            .as_array()
            .unwrap()
            .iter()
            .map(|own| own["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let all = admin.get("/v2.0/networks").await.expect(200);
    assert_eq!((of_page(&all).len(), &all["networks_links"]), (5, &Value::Null), "all of it is no page");
    let first = admin.get("/v2.0/networks?sort_key=name&sort_dir=asc&limit=2").await.expect(200);
    assert_eq!(of_page(&first), ["a", "b"]);
    let second = admin.get(&follow(&first, "next").unwrap()).await.expect(200);
    assert_eq!(of_page(&second), ["c", "d"]);
    let third = admin.get(&follow(&second, "next").unwrap()).await.expect(200);
    assert_eq!(of_page(&third), ["e"]);
    assert_eq!(follow(&third, "next"), None);
    let back = admin.get(&follow(&third, "previous").unwrap()).await.expect(200);
    assert_eq!(of_page(&back), ["c", "d"]);
    let unknown = admin.get("/v2.0/networks?limit=1&marker=x").await;
    unknown.expect_error(404, "NetworkNotFound", "Network x could not be found.");
}
