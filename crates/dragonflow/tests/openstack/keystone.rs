//! A real keystone for tests: of PyPI, in a virtual environment of the target directory, with a database of its own.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use testkit::process::{self, Daemon};
use testkit::scratch::ScratchDir;
use testkit::wait_until;

use crate::http::{Client, Reply};
use crate::shell::script;
use crate::support::{PATIENCE, text, unique_address};

/// What is installed, each package in the version that it was tried with, so that the same keystone runs everywhere.
const PACKAGES: &str = include_str!("keystone-packages.txt");

/// The password of everybody.
pub(crate) const PASSWORD: &str = "secret";

/// A keystone. Dropping it kills it and removes its files.
pub(crate) struct Keystone {
    daemon: Option<Daemon>,
    address: String,
    directory: ScratchDir,
}

/// What a token is for.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Scope<'a> {
    /// Roles in the project of this name.
    Project(&'a str),
    /// Roles in the domain that everybody is in.
    Domain,
    /// Roles in keystone as a whole.
    System,
    /// Roles that somebody else left to the user.
    Trust(&'a str),
    /// Nothing but who the user is.
    Nothing,
}

impl Keystone {
    /// A keystone with the administrator `admin`.
    pub(crate) fn new() -> Self {
        let directory = ScratchDir::new().expect("a directory");
        let mut keystone = Self { daemon: None, address: unique_address(), directory };
        keystone.start();
        keystone
    }

    /// Starts a keystone that was killed, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let (host, port) = self.address.split_once(':').expect("an address and a port");
        let mut command = Command::new(python());
        command.arg(script("serve_keystone.py")).arg(self.directory.path()).args([host, port]);
        let log = self.directory.path().join("log");
        let mut daemon = Daemon::start("keystone", &command, &log).expect("it starts");
        wait_until(PATIENCE, "keystone to answer", || {
            daemon.check_running().expect("keystone runs");
            Client::new(&self.address)
                .try_send("GET", "/v3", &[], b"")
                .ok()
                .filter(|reply| reply.status == 200)
        });
        self.daemon = Some(daemon);
    }

    /// `kill -9`.
    pub(crate) fn kill(&mut self) {
        self.daemon.take().expect("keystone runs").kill().expect("it is killed");
    }

    /// Takes away the keys with which tokens are made, of a keystone that was killed: no token is valid any more.
    pub(crate) fn forget_tokens(&self) {
        assert!(self.daemon.is_none(), "keystone runs");
        std::fs::remove_dir_all(self.directory.path().join("fernet")).expect("there were keys");
    }

    /// Where clients ask.
    pub(crate) fn url(&self) -> String {
        format!("http://{}/v3", self.address)
    }

    /// A request with a token; a new connection each, as keystone's server wants it.
    pub(crate) fn send(&self, method: &str, path: &str, token: &str, body: &Value) -> Reply {
        let headers = [("Content-Type", "application/json"), ("X-Auth-Token", token)];
        Client::new(&self.address).send(method, path, &headers, body.to_string().as_bytes())
    }

    /// Asks for a token.
    pub(crate) fn ask_for_token(&self, user: &str, password: &str, scope: Scope<'_>) -> Reply {
        let domain = json!({"id": "default"});
        let user = json!({"name": user, "password": password, "domain": domain});
        let mut auth = json!({"identity": {"methods": ["password"], "password": {"user": user}}});
        auth["scope"] = match scope {
            Scope::Project(name) => json!({"project": {"name": name, "domain": domain}}),
            Scope::Domain => json!({"domain": domain}),
            Scope::System => json!({"system": {"all": true}}),
            Scope::Trust(id) => json!({"OS-TRUST:trust": {"id": id}}),
            Scope::Nothing => json!("unscoped"),
        };
        let body = json!({"auth": auth}).to_string();
        let headers = [("Content-Type", "application/json")];
        Client::new(&self.address).send("POST", "/v3/auth/tokens", &headers, body.as_bytes())
    }

    /// A token.
    #[track_caller]
    pub(crate) fn token(&self, user: &str, scope: Scope<'_>) -> String {
        let reply = self.ask_for_token(user, PASSWORD, scope);
        reply.expect(201);
        reply.header("x-subject-token").expect("a token").to_owned()
    }

    /// A token of somebody in a project.
    #[track_caller]
    pub(crate) fn token_in(&self, project: &str, user: &str) -> String {
        self.token(user, Scope::Project(project))
    }

    /// Takes a token back.
    #[track_caller]
    pub(crate) fn revoke(&self, token: &str) {
        let headers = [("X-Auth-Token", token), ("X-Subject-Token", token)];
        Client::new(&self.address).send("DELETE", "/v3/auth/tokens", &headers, b"").expect(204);
    }

    /// The connection of the administrator.
    pub(crate) fn admin(&self) -> Admin<'_> {
        Admin { token: self.token_in("admin", "admin"), keystone: self }
    }
}

/// Who makes projects and users.
pub(crate) struct Admin<'a> {
    keystone: &'a Keystone,
    token: String,
}

impl Admin<'_> {
    /// The id of a `user`, `project` or `role` that there is.
    #[track_caller]
    pub(crate) fn id_of(&self, kind: &str, name: &str) -> String {
        let path = format!("/v3/{kind}s?name={name}");
        let known = self.keystone.send("GET", &path, &self.token, &json!({})).expect(200);
        text(&known[format!("{kind}s")][0]["id"])
    }

    #[track_caller]
    fn make(&self, kind: &str, attributes: &Value) -> String {
        let path = format!("/v3/{kind}s");
        let reply = self.keystone.send("POST", &path, &self.token, &json!({ kind: attributes }));
        text(&reply.expect(201)[kind]["id"])
    }

    /// A project; its id.
    #[track_caller]
    pub(crate) fn project(&self, name: &str) -> String {
        self.make("project", &json!({"name": name, "domain_id": "default"}))
    }

    /// A user; the id.
    #[track_caller]
    pub(crate) fn user(&self, name: &str) -> String {
        self.make("user", &json!({"name": name, "password": PASSWORD, "domain_id": "default"}))
    }

    /// Gives a user a role, in `projects/ID` or `domains/ID`.
    #[track_caller]
    pub(crate) fn grant(&self, place: &str, user: &str, role: &str) {
        let role = self.id_of("role", role);
        let path = format!("/v3/{place}/users/{user}/roles/{role}");
        self.keystone.send("PUT", &path, &self.token, &json!({})).expect(204);
    }

    /// Changes a user.
    #[track_caller]
    pub(crate) fn change_user(&self, user: &str, attributes: &Value) {
        let path = format!("/v3/users/{user}");
        self.keystone.send("PATCH", &path, &self.token, &json!({"user": attributes})).expect(200);
    }

    /// Enters the address of the networks' API into the catalog.
    #[track_caller]
    pub(crate) fn enter(&self, url: &str) {
        let service = self.make("service", &json!({"type": "network", "name": "neutron"}));
        for interface in ["public", "internal", "admin"] {
            let endpoint =
                json!({"service_id": service, "interface": interface, "url": url, "region_id": "RegionOne"});
            self.make("endpoint", &endpoint);
        }
    }
}

/// The Python that has keystone.
fn python() -> &'static Path {
    static INSTALLED: OnceLock<PathBuf> = OnceLock::new();
    INSTALLED.get_or_init(|| {
        let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("keystone");
        let (python, stamp) = (home.join("bin/python"), home.join("installed"));
        if std::fs::read_to_string(&stamp).ok().as_deref() != Some(PACKAGES) {
            process::run(Command::new("python3").args(["-m", "venv"]).arg(&home)).expect("an environment");
            // What is not used is not compiled, and nobody has to find out which versions go together.
            let options = ["-m", "pip", "install", "--quiet", "--no-compile", "--no-deps", "--requirement"];
            let mut install = Command::new(&python);
            install.args(options).arg(script("keystone-packages.txt"));
            process::run(&install).expect("keystone is installed");
            std::fs::write(stamp, PACKAGES).expect("what is installed is noted");
        }
        python
    })
}
