//! Users for whom a real keystone vouches: what each may do, tokens that end, and a keystone that dies.

use std::process::Command;

use serde_json::{Value, json};
use testkit::{process, wait_until};

use crate::http::Reply;
use crate::keystone::{Admin, Keystone, PASSWORD, Scope};
use crate::sdk;
use crate::shell::Shell;
use crate::support::{PATIENCE, Server, text};

/// A cloud: keystone with projects `blue` and `red`, and the server in its catalog.
pub(crate) struct Cloud {
    pub(crate) keystone: Keystone,
    pub(crate) server: Server,
    blue: String,
    red: String,
}

impl Cloud {
    pub(crate) fn new() -> Self {
        let keystone = Keystone::new();
        let admin = keystone.admin();
        let service = admin.project("service");
        admin.grant(&format!("projects/{service}"), &admin.user("neutron"), "service");
        let [blue, red] = ["blue", "red"].map(|name| admin.project(name));
        for (project, user, role) in
            [(&blue, "ann", "member"), (&blue, "eye", "reader"), (&red, "bob", "member")]
        {
            admin.grant(&format!("projects/{project}"), &admin.user(user), role);
        }
        let server = Server::with_keystone(&section(&keystone, "neutron", ""));
        admin.enter(&format!("http://{}", server.address()));
        Self { keystone, server, blue, red }
    }

    pub(crate) fn send(&self, token: &str, method: &str, path: &str, body: &Value) -> Reply {
        // What a server without keystone believes must not matter here.
        let headers = [("X-Auth-Token", token), ("X-Roles", "admin"), ("X-Project-Id", "root")];
        let body = if body.is_null() { String::new() } else { body.to_string() };
        self.server.client().send(method, path, &headers, body.as_bytes())
    }

    pub(crate) fn get(&self, token: &str, path: &str) -> Reply {
        self.send(token, "GET", path, &Value::Null)
    }

    #[track_caller]
    fn names(&self, token: &str) -> Vec<String> {
        let list = self.get(token, "/v2.0/networks?sort_key=name&sort_dir=asc").expect(200);
        list["networks"].as_array().expect("a list").iter().map(|network| text(&network["name"])).collect()
    }

    pub(crate) fn create(&self, token: &str, attributes: &Value) -> Reply {
        self.send(token, "POST", "/v2.0/networks", &json!({"network": attributes}))
    }

    fn status(&self, token: &str) -> u16 {
        self.get(token, "/v2.0/networks").status
    }
}

/// The section of the server's configuration, as guides for installing OpenStack write it.
fn section(keystone: &Keystone, user: &str, more: &str) -> String {
    let url = keystone.url();
    format!(
        "www_authenticate_uri = {url}\nauth_url = {url}\nmemcached_servers = controller:11211\nauth_type = password\n\
         project_domain_name = Default\nuser_domain_name = Default\nproject_name = service\nusername = {user}\n\
         password = {PASSWORD}\nservice_token_roles_required = True\n{more}\n"
    )
}

#[track_caller]
fn assert_refused(reply: &Reply, keystone: &Keystone) {
    assert_eq!(
        reply.header("www-authenticate"),
        Some(format!("Keystone uri=\"{}\"", keystone.url()).as_str())
    );
    reply.expect(401);
    assert_eq!(reply.error().0, "HTTPUnauthorized");
}

#[test]
fn keystone_vouches_for_users() {
    let mut cloud = Cloud::new();
    everybody_acts_in_their_project(&cloud);
    roles_count_in_projects_only(&cloud);
    clients_find_the_server_in_the_catalog(&cloud);
    tokens_end(&cloud);
    a_user_that_may_not_ask(&cloud);
    keystone_dies_and_comes_back(&mut cloud);
}

fn everybody_acts_in_their_project(cloud: &Cloud) {
    let token = |project: &str, user: &str| cloud.keystone.token_in(project, user);
    let (admin, ann, eye, bob) =
        (token("admin", "admin"), token("blue", "ann"), token("blue", "eye"), token("red", "bob"));
    let own = cloud.create(&ann, &json!({"name": "own"})).expect(201)["network"].take();
    assert_eq!(own["project_id"], cloud.blue);
    let path = format!("/v2.0/networks/{}", text(&own["id"]));
    let change = json!({"network": {"description": "changed"}});

    // Who reads sees it and changes nothing; another project does not know of it; an administrator does as he likes.
    cloud.get(&eye, &path).expect(200);
    cloud.send(&eye, "PUT", &path, &change).expect(403);
    cloud.send(&eye, "DELETE", &path, &Value::Null).expect(403);
    cloud.create(&eye, &json!({})).expect(403);
    for method in ["GET", "PUT", "DELETE"] {
        let body = if method == "PUT" { &change } else { &Value::Null };
        let reply = cloud.send(&bob, method, &path, body);
        reply.expect(404);
        assert_eq!(reply.error().0, "NetworkNotFound");
    }
    cloud.send(&admin, "PUT", &path, &change).expect(200);
    cloud.send(&ann, "PUT", &path, &change).expect(200);

    cloud.create(&ann, &json!({"shared": true})).expect(403);
    cloud.create(&ann, &json!({"project_id": cloud.red})).expect(400);
    let given = json!({"name": "given", "project_id": cloud.red, "shared": true});
    assert_eq!(cloud.create(&admin, &given).expect(201)["network"]["project_id"], cloud.red);
    assert_eq!(cloud.names(&admin), ["given", "own"]);
    assert_eq!(cloud.names(&eye), ["given", "own"]);
    assert_eq!(cloud.names(&bob), ["given"]);
    cloud.send(&ann, "DELETE", &path, &Value::Null).expect(204);
}

fn roles_count_in_projects_only(cloud: &Cloud) {
    let (keystone, admin) = (&cloud.keystone, cloud.keystone.admin());
    let secret = cloud.create(&keystone.token_in("blue", "ann"), &json!({"name": "secret"})).expect(201);
    let path = format!("/v2.0/networks/{}", text(&secret["network"]["id"]));
    admin.grant("domains/default", &admin.user("lord"), "admin");
    for (user, scope) in [("lord", Scope::Domain), ("admin", Scope::System), ("admin", Scope::Nothing)] {
        let token = keystone.token(user, scope);
        assert_eq!(cloud.names(&token), ["given"], "{user} {scope:?}");
        cloud.get(&token, &path).expect(404);
        cloud.create(&token, &json!({})).expect(403);
        cloud.create(&token, &json!({"project_id": cloud.blue})).expect(400);
    }
    let admin = keystone.token_in("admin", "admin");
    cloud.send(&admin, "DELETE", &path, &Value::Null).expect(204);
    let given = cloud.get(&admin, "/v2.0/networks?name=given").expect(200);
    let path = format!("/v2.0/networks/{}", text(&given["networks"][0]["id"]));
    cloud.send(&admin, "DELETE", &path, &Value::Null).expect(204);
}

fn clients_find_the_server_in_the_catalog(cloud: &Cloud) {
    let url = cloud.keystone.url();
    let environment = |user: &'static str, project: &'static str| {
        [
            ("OS_AUTH_URL", url.clone()),
            ("OS_USERNAME", user.to_owned()),
            ("OS_PASSWORD", PASSWORD.to_owned()),
            ("OS_PROJECT_NAME", project.to_owned()),
            ("OS_USER_DOMAIN_NAME", "Default".to_owned()),
            ("OS_PROJECT_DOMAIN_NAME", "Default".to_owned()),
            ("OS_REGION_NAME", "RegionOne".to_owned()),
            ("OS_IDENTITY_API_VERSION", "3".to_owned()),
        ]
    };
    let shell = |user, project| {
        let environment = environment(user, project);
        Shell::new(&environment.each_ref().map(|(name, value)| (*name, value.as_str())))
    };
    let (mut admin, mut eye) = (shell("admin", "admin"), shell("eye", "blue"));
    // The command line finds the project by its name in keystone.
    let network = admin.json("network create --project blue --internal net");
    assert_eq!(network["project_id"], cloud.blue);
    let subnet = admin.json("subnet create --project blue --network net --subnet-range 10.0.0.0/24 sub");
    assert_eq!(subnet["gateway_ip"], "10.0.0.1");
    assert_eq!(admin.names("network list --project blue"), ["net"]);
    assert_eq!(eye.names("network list"), ["net"]);
    eye.refuses("network create mine", "rule:create_network is disallowed by policy");
    eye.refuses("port create --network net mine", "disallowed by policy");
    let mut wrong = Shell::new(&[
        ("OS_AUTH_URL", url.as_str()),
        ("OS_USERNAME", "eye"),
        ("OS_PASSWORD", "wrong"),
        ("OS_PROJECT_NAME", "blue"),
        ("OS_USER_DOMAIN_NAME", "Default"),
        ("OS_PROJECT_DOMAIN_NAME", "Default"),
    ]);
    wrong.refuses("network list", "requires authentication");
    admin.silently("network delete net");

    let environment = environment("admin", "admin");
    let tests = ["Lives", "Refusals.test_strangers"];
    sdk::run((&tests, 9), "keystone", &environment.each_ref().map(|(name, value)| (*name, value.as_str())));
}

fn tokens_end(cloud: &Cloud) {
    let (keystone, admin) = (&cloud.keystone, cloud.keystone.admin());
    let valid = keystone.token_in("blue", "ann");
    let middle = valid.len() / 2;
    let forged = format!("{}{}", &valid[..middle], valid[middle..].chars().rev().collect::<String>());
    let long = "x".repeat(9000);
    for garbage in ["x", "../../v3/users", "a b", "%00", "noauth:admin:blue", &forged, &long] {
        assert_refused(&cloud.get(garbage, "/v2.0/networks"), keystone);
    }
    assert_refused(&cloud.server.client().send("GET", "/v2.0/networks", &[], b""), keystone);

    // Taken back before the server has seen it.
    let revoked = keystone.token_in("blue", "ann");
    keystone.revoke(&revoked);
    assert_refused(&cloud.get(&revoked, "/v2.0/networks"), keystone);
    // A server that remembers nothing hears at once of all that happens after it has let somebody in.
    let forgetful = Server::with_keystone(&section(keystone, "neutron", "token_cache_time = -1"));
    let status = |token: &str| {
        forgetful.client().send("GET", "/v2.0/networks", &[("X-Auth-Token", token)], b"").status
    };
    let revoked = keystone.token_in("blue", "ann");
    assert_eq!(status(&revoked), 200);
    keystone.revoke(&revoked);
    assert_eq!(status(&revoked), 401);
    let gone = admin.user("gone");
    admin.grant(&format!("projects/{}", cloud.blue), &gone, "member");
    let token = keystone.token_in("blue", "gone");
    assert_eq!(status(&token), 200);
    admin.change_user(&gone, &json!({"enabled": false}));
    assert_eq!(status(&token), 401);

    a_token_ends_in_time(cloud, &admin);
}

/// What a server remembers of a token does not live longer than the token. One that ends soon is one of a trust that does.
fn a_token_ends_in_time(cloud: &Cloud, admin: &Admin<'_>) {
    let keystone = &cloud.keystone;
    let trustee = admin.user("trustee");
    let ends = process::run(Command::new("date").args(["-u", "-d", "4 seconds", "+%FT%T.000000Z"]));
    let trust = json!({"trust": {
        "trustor_user_id": admin.id_of("user", "ann"), "trustee_user_id": trustee, "project_id": cloud.blue,
        "impersonation": false, "expires_at": ends.expect("a time").trim(), "roles": [{"name": "member"}],
    }});
    let ann = keystone.token_in("blue", "ann");
    let trust = keystone.send("POST", "/v3/OS-TRUST/trusts", &ann, &trust).expect(201);
    let token = keystone.token("trustee", Scope::Trust(&text(&trust["trust"]["id"])));
    assert_eq!(cloud.status(&token), 200);
    wait_until(PATIENCE, "the token to end", || (cloud.status(&token) == 401).then_some(()));
}

/// The operator forgot to give the server's user its role: nobody is told that their token is wrong.
fn a_user_that_may_not_ask(cloud: &Cloud) {
    let (keystone, admin) = (&cloud.keystone, cloud.keystone.admin());
    let poor = admin.user("poor");
    let service = admin.id_of("project", "service");
    admin.grant(&format!("projects/{service}"), &poor, "reader");
    let server = Server::with_keystone(&section(keystone, "poor", ""));
    let token = keystone.token_in("blue", "ann");
    let status = || server.client().send("GET", "/v2.0/networks", &[("X-Auth-Token", &token)], b"").status;
    assert_eq!(status(), 503);
    let log = std::fs::read_to_string(server.path("log")).expect("a log");
    assert!(log.contains("give the user role service in its project"), "{log}");
    admin.grant(&format!("projects/{service}"), &poor, "service");
    // Keystone remembers for a moment what the roles were, and the server its own token.
    wait_until(PATIENCE, "the server to be let in", || (status() == 200).then_some(()));
    assert_eq!(server.client().send("GET", "/", &[], b"").status, 200);
    let unknown = Server::with_keystone(&section(keystone, "nobody", ""));
    let reply = unknown.client().send("GET", "/v2.0/networks", &[("X-Auth-Token", &token)], b"");
    assert_eq!(reply.status, 503);
    let log = std::fs::read_to_string(unknown.path("log")).expect("a log");
    assert!(log.contains("does not accept our user and password"), "{log}");
}

fn keystone_dies_and_comes_back(cloud: &mut Cloud) {
    let tokens = |cloud: &Cloud| ["ann", "eye"].map(|user| cloud.keystone.token_in("blue", user));
    let [known, unseen] = tokens(cloud);
    assert_eq!(cloud.status(&known), 200);
    cloud.keystone.kill();
    // Nobody who was let in is sent away, and nobody else is let in.
    assert_eq!(cloud.status(&known), 200);
    for token in [&unseen, "forged"] {
        let reply = cloud.get(token, "/v2.0/networks");
        reply.expect(503);
        assert_eq!(reply.error().0, "ServiceUnavailable");
    }
    cloud.keystone.start();
    assert_eq!(cloud.status(&unseen), 200);
    assert_refused(&cloud.get("forged", "/v2.0/networks"), &cloud.keystone);

    // A keystone with new keys knows no token of before, the server's own among them.
    let [_, lost] = tokens(cloud);
    cloud.keystone.kill();
    cloud.keystone.forget_tokens();
    cloud.keystone.start();
    assert_refused(&cloud.get(&lost, "/v2.0/networks"), &cloud.keystone);
    for token in tokens(cloud) {
        assert_eq!(cloud.status(&token), 200);
    }
}
