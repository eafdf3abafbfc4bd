//! The whole product on one machine: a server, hosts with a switch and a controller each, and virtual machines that
//! know nothing but their cable.
//!
//! ```text
//!   dragonflow server          API and store, on loopback ports of this machine
//!      |             |
//!   controller    controller   one process a host; each reaches its switch by Unix sockets
//!      |             |
//!   host-1 ------ host-2 ...   a namespace a host, joined by a switch of the "data centre"
//!    |   |         |
//!   vm1 vm2       vm3          a namespace each, plugged into br-int
//! ```
//! All programs are the real ones, started and ended as an operator would.

mod api;
mod relay;
mod vm;
mod wire;

use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

pub use self::api::{Api, Response};
use self::relay::Relay;
pub use self::vm::{Lease, Vm};
pub use self::wire::{PHYSICAL_BRIDGE, cable};
use crate::capture::Capture;
use crate::netns::Namespace;
use crate::ovs::{Datapath, Ovs, OvsBuilder};
use crate::process::{self, Daemon};
use crate::scratch::ScratchDir;
use crate::wait::try_wait_until;

/// The bridge that guests are plugged into.
pub const BRIDGE: &str = "br-int";
/// The bridge of a host that owns its cable to the data centre.
const UNDERLAY_BRIDGE: &str = "br-phys";
/// The host's end of that cable.
pub const UNDERLAY_DEVICE: &str = "underlay0";
const FABRIC_BRIDGE: &str = "fabric";
const PATIENCE: Duration = Duration::from_secs(60);

/// How a [`Cloud`] is made.
#[derive(Debug, Clone)]
pub struct CloudSpec<'a> {
    /// The program `dragonflow`.
    pub binary: &'a Path,
    /// How many hosts there are.
    pub hosts: u8,
    /// `[df] tunnel_types`.
    pub tunnel_types: &'a str,
    /// Lines that are added to the configuration of the server.
    pub server_options: &'a str,
    /// Lines that are added to the configuration of every host.
    pub host_options: &'a str,
    /// Where the store is, if it is not the server's own: the value of `[df] remote_db_hosts`.
    pub store: Option<&'a str>,
    /// Whether the switches tell devices of queues: [`Datapath::Devices`]. There are no tunnels then, and one host at most.
    pub has_queues: bool,
}

impl<'a> CloudSpec<'a> {
    /// Two hosts that are joined by Geneve, and the embedded store.
    #[must_use]
    pub const fn new(binary: &'a Path) -> Self {
        Self {
            binary,
            hosts: 2,
            tunnel_types: "geneve,vxlan,gre",
            server_options: "",
            host_options: "",
            store: None,
            has_queues: false,
        }
    }
}

/// A running cloud. Dropping it ends and removes everything.
#[derive(Debug)]
pub struct Cloud {
    // Fields are dropped in this order: what uses something goes before it.
    sites: Vec<Site>,
    server: Option<Daemon>,
    api: Api,
    store: String,
    binary: PathBuf,
    scratch: ScratchDir,
    _fabric: Namespace,
}

/// A host.
#[derive(Debug)]
pub struct Site {
    controller: Option<Daemon>,
    /// Its switch.
    pub ovs: Ovs,
    /// Where its switch runs.
    pub namespace: Namespace,
    /// Its name.
    pub name: String,
    /// Its end of the tunnels.
    pub tunnel_ip: Ipv4Addr,
    config: PathBuf,
    log: PathBuf,
    binary: PathBuf,
    store: String,
    /// The way of its own processes to the store, if any runs inside it.
    relay: Option<Relay>,
}

impl Cloud {
    /// Starts everything; returns when the API answers and the controllers run.
    pub fn start(spec: &CloudSpec<'_>) -> Result<Self> {
        let scratch = ScratchDir::new()?;
        let store = match spec.store {
            Some(store) => store.to_owned(),
            None => free_address()?,
        };
        let api = Api::new(&free_address()?);
        let fabric = Namespace::new()?;
        fabric.ip(&["link", "add", FABRIC_BRIDGE, "type", "bridge"])?;
        fabric.set_up(FABRIC_BRIDGE)?;
        let mut cloud = Self {
            sites: Vec::new(),
            server: None,
            api,
            store,
            binary: spec.binary.to_owned(),
            scratch,
            _fabric: fabric.clone(),
        };
        cloud.write_server_config(spec)?;
        cloud.start_server()?;
        for number in 1..=spec.hosts {
            let site = cloud.add_site(&fabric, number, spec)?;
            cloud.introduce(&site)?;
            cloud.sites.push(site);
        }
        for site in &mut cloud.sites {
            site.start_controller()?;
        }
        Ok(cloud)
    }

    fn write_server_config(&self, spec: &CloudSpec<'_>) -> Result<()> {
        let (store, api) = (&self.store, self.api.address());
        let embedded = match spec.store {
            Some(_) => "embedded_enabled = False".to_owned(),
            None => format!("embedded_path = {}\nembedded_listen = {store}", self.path("store").display()),
        };
        let text = format!(
            "[df]\nnb_db_class = etcd_nb_db_driver\nremote_db_hosts = {store}\n\n[df_store]\n{embedded}\n\n\
             [df_api]\nbind = {api}\nauth_strategy = noauth\n{}\n",
            spec.server_options
        );
        std::fs::write(self.path("server.ini"), text).context("write the configuration of the server")
    }

    fn add_site(&self, fabric: &Namespace, number: u8, spec: &CloudSpec<'_>) -> Result<Site> {
        let (name, cable) = (format!("host-{number}"), format!("to-host-{number}"));
        let namespace = Namespace::new()?;
        namespace.connect(UNDERLAY_DEVICE, fabric, &cable)?;
        namespace.disable_checksum_offload(UNDERLAY_DEVICE)?;
        fabric.ip(&["link", "set", "dev", &cable, "master", FABRIC_BRIDGE])?;
        let tunnel_ip = Ipv4Addr::new(192, 0, 2, number);
        let ovs = match spec.has_queues {
            true => OvsBuilder::new(Datapath::Devices(namespace.clone())).bridge(BRIDGE).start()?,
            false => Ovs::netdev(&namespace)?,
        };
        if !spec.has_queues {
            ovs.add_underlay(UNDERLAY_BRIDGE, UNDERLAY_DEVICE, &format!("{tunnel_ip}/24"))?;
        }
        let config = self.path(&format!("{name}.ini"));
        let text = format!(
            "[DEFAULT]\nhost = {name}\n\n[df]\nnb_db_class = etcd_nb_db_driver\nremote_db_hosts = {}\n\
             local_ip = {tunnel_ip}\ntunnel_types = {}\nintegration_bridge = {BRIDGE}\n\
             ovsdb_connection = unix:{}\nenable_dpdk = {}\n{}\n",
            self.store,
            spec.tunnel_types,
            ovs.db_socket().display(),
            !spec.has_queues,
            spec.host_options
        );
        std::fs::write(&config, text).with_context(|| format!("write the configuration of {name}"))?;
        let log = self.path(&format!("{name}.log"));
        Ok(Site {
            controller: None,
            ovs,
            namespace,
            name,
            tunnel_ip,
            config,
            log,
            binary: self.binary.clone(),
            store: self.store.clone(),
            relay: None,
        })
    }

    /// Lets a host and the others exchange a packet. Hosts of a data centre do all the time; without, the userspace datapath
    /// drops the first packet into a tunnel while it asks for the address of its other end.
    fn introduce(&self, site: &Site) -> Result<()> {
        for other in &self.sites {
            site.namespace.wait_for_ping(other.tunnel_ip.into(), PATIENCE)?;
            other.namespace.wait_for_ping(site.tunnel_ip.into(), PATIENCE)?;
        }
        Ok(())
    }

    /// A file of this cloud.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.scratch.path().join(name)
    }

    /// The API.
    #[must_use]
    pub const fn api(&self) -> &Api {
        &self.api
    }

    /// Where the store listens.
    #[must_use]
    pub fn store(&self) -> &str {
        &self.store
    }

    /// The hosts.
    #[must_use]
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// A host, to do something to it.
    pub fn site_mut(&mut self, place: usize) -> &mut Site {
        &mut self.sites[place]
    }

    /// Starts the server, and waits until its API answers.
    pub fn start_server(&mut self) -> Result<()> {
        let mut command = Command::new(&self.binary);
        command.args(["server", "--config-file"]).arg(self.path("server.ini"));
        let mut server = Daemon::start("dragonflow server", &command, &self.path("server.log"))?;
        let api = self.api.address().to_owned();
        try_wait_until(PATIENCE, "the API to answer", || {
            (server.check_running().is_err() || TcpStream::connect(&api).is_ok()).then_some(())
        })?;
        server.check_running()?;
        self.server = Some(server);
        Ok(())
    }

    /// `kill -9` of the server.
    pub fn kill_server(&mut self) -> Result<()> {
        self.server.take().map_or(Ok(()), |mut server| server.kill())
    }

    /// Makes a port in a network, as a compute service does, and a machine behind it on a host. [`Cloud::wait_status`] says
    /// when it is up.
    pub fn boot(&self, place: usize, name: &str, network: &str) -> Result<Vm> {
        self.boot_port(place, name, &serde_json::json!({"network_id": network, "name": name}))
    }

    /// The same with a port of the caller's choice.
    pub fn boot_port(&self, place: usize, name: &str, port: &serde_json::Value) -> Result<Vm> {
        let made = self.api.post("/v2.0/ports", &serde_json::json!({ "port": port }))?.expect(201)?;
        Vm::plug(&self.sites[place].ovs, name, &made["port"])
    }

    /// Waits until the port of a machine has a status.
    pub fn wait_status(&self, vm: &Vm, status: &str) -> Result<()> {
        let what = format!("{} to be {status}", vm.name());
        let path = format!("/v2.0/ports/{}", vm.port_id());
        let waited = try_wait_until(PATIENCE, &what, || {
            let port = self.api.get(&path).ok()?.expect(200).ok()?;
            (port["port"]["status"] == status).then_some(())
        });
        waited.with_context(|| format!("logs of the controllers: {}", self.logs()))
    }

    /// The last lines that the programs logged.
    #[must_use]
    pub fn logs(&self) -> String {
        let mut files: Vec<PathBuf> = self.sites.iter().map(|site| site.log.clone()).collect();
        files.push(self.path("server.log"));
        let tail = |file: &PathBuf| {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let lines: Vec<&str> = text.lines().rev().take(30).collect();
            let lines: Vec<&str> = lines.into_iter().rev().collect();
            format!("\n--- {}\n{}", file.display(), lines.join("\n"))
        };
        files.iter().map(tail).collect()
    }
}

impl Site {
    /// Starts the controller.
    pub fn start_controller(&mut self) -> Result<()> {
        ensure!(self.controller.is_none(), "the controller of {} runs already", self.name);
        let mut command = Command::new(&self.binary);
        command
            .args(["local-controller", "--config-file"])
            .arg(&self.config)
            .env("OVS_RUNDIR", self.ovs.rundir());
        self.controller = Some(Daemon::start("dragonflow local-controller", &command, &self.log)?);
        Ok(())
    }

    /// Where its configuration is, to be changed before a program starts.
    #[must_use]
    pub fn config(&self) -> &Path {
        &self.config
    }

    /// Starts the controller inside the host, where it sees the host's devices.
    pub fn start_controller_inside(&mut self) -> Result<()> {
        ensure!(self.controller.is_none(), "the controller of {} runs already", self.name);
        let controller = self.start_inside("local-controller", &self.log.clone())?;
        self.controller = Some(controller);
        Ok(())
    }

    /// Starts a program inside the host: what `dragonflow` does for a command.
    pub fn start_inside(&mut self, command: &str, log: &Path) -> Result<Daemon> {
        if self.relay.is_none() {
            let directory = self.config.parent().context("a file has a directory")?;
            self.relay = Some(Relay::start(&self.namespace, &self.store, directory, &self.name)?);
        }
        let mut program = self.namespace.command(self.binary.to_str().context("a path is text")?);
        program.args([command, "--config-file"]).arg(&self.config).env("OVS_RUNDIR", self.ovs.rundir());
        Daemon::start(&format!("dragonflow {command}"), &program, log)
    }

    /// The process of the controller.
    pub fn controller(&self) -> Result<&Daemon> {
        self.controller.as_ref().with_context(|| format!("the controller of {} does not run", self.name))
    }

    /// `kill -9` of the controller.
    pub fn kill_controller(&mut self) -> Result<()> {
        self.controller.take().map_or(Ok(()), |mut controller| controller.kill())
    }

    /// Asks the controller to stop, as systemd does, and waits until it has.
    pub fn stop_controller(&mut self) -> Result<()> {
        let Some(mut controller) = self.controller.take() else { return Ok(()) };
        process::run(Command::new("kill").args(["-TERM", &controller.pid().to_string()]))?;
        let what = format!("the controller of {} to stop", self.name);
        try_wait_until(PATIENCE, &what, || controller.check_running().is_err().then_some(()))
    }

    /// What the controller logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Looks at what the host sends to and gets from other hosts.
    pub fn capture_underlay(&self, filter: &str) -> Result<Capture> {
        Capture::start(&self.namespace, UNDERLAY_DEVICE, filter)
    }

    /// The flows of the integration bridge, without statistics, sorted.
    pub fn flows(&self) -> Result<Vec<String>> {
        let text = self.ovs.ofctl(&["-O", "OpenFlow13", "--no-stats", "dump-flows", BRIDGE])?;
        let mut flows: Vec<String> = text.lines().map(|line| line.trim().to_owned()).collect();
        // ovs-ofctl sorts by priority at most, and the switch says flows of one priority in any order.
        flows.sort_unstable();
        Ok(flows)
    }
}

/// An address of the loopback device on which nobody listens now.
fn free_address() -> Result<String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("find a free port")?;
    Ok(listener.local_addr()?.to_string())
}
