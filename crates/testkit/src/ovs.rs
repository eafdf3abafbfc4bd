//! A private Open vSwitch: its own database server, switch daemon, run directory and logs.
//!
//! Two datapaths are offered. [`Datapath::Dummy`] moves no packets of the machine: a pure control
//! plane, started in milliseconds, which answers `ofproto/trace` as a real one would.
//! [`Datapath::Netdev`] is the userspace datapath inside a network namespace; it forwards between
//! the veth ends that are plugged into its bridges, with connection tracking, NAT and tunnels.
//!
//! Both daemons run in the foreground as direct children ([`crate::process`]). A daemon can be
//! killed as by `kill -9` and started again on the same files, which is what a crash looks like to
//! a controller.

mod builder;
mod unixctl;

use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

pub use self::builder::{DatabaseModel, Datapath, OvsBuilder};
pub use self::unixctl::UnixCtl;
use crate::netns::Namespace;
use crate::process::{Daemon, run};
use crate::scratch::ScratchDir;
use crate::wait::try_wait_until;

/// Longer than any answer takes on a busy machine; a hung daemon fails the test all the same.
const TOOL_TIMEOUT_SECONDS: u32 = 120;
const START_TIMEOUT: Duration = Duration::from_secs(60);
const LOG_TAIL_LINES_MAX: usize = 60;

/// A running Open vSwitch. Dropping it kills the daemons and removes the files; when the test
/// panics, the ends of the logs are printed and the files kept.
#[derive(Debug)]
pub struct Ovs {
    // The daemons are dropped before the directory they write to and the namespace they live in.
    vswitchd: Option<Daemon>,
    ovsdb_server: Option<Daemon>,
    datapath: Datapath,
    directory: ScratchDir,
}

impl Ovs {
    /// An instance on the dummy datapath, without bridges.
    pub fn dummy() -> Result<Self> {
        OvsBuilder::new(Datapath::Dummy).start()
    }

    /// An instance on the userspace datapath in `namespace`, without bridges.
    pub fn netdev(namespace: &Namespace) -> Result<Self> {
        OvsBuilder::new(Datapath::Netdev(namespace.clone())).start()
    }

    /// The run directory: sockets, database and logs.
    #[must_use]
    pub fn rundir(&self) -> &Path {
        self.directory.path()
    }

    /// The Unix socket on which the database server listens.
    #[must_use]
    pub fn db_socket(&self) -> PathBuf {
        self.rundir().join("db.sock")
    }

    /// The Unix socket on which a bridge accepts OpenFlow.
    #[must_use]
    pub fn mgmt_socket(&self, bridge: &str) -> PathBuf {
        self.rundir().join(format!("{bridge}.mgmt"))
    }

    /// The namespace of the daemons; `None` on the dummy datapath, which needs none.
    #[must_use]
    pub fn namespace(&self) -> Option<&Namespace> {
        match &self.datapath {
            Datapath::Dummy => None,
            Datapath::Netdev(namespace) | Datapath::Devices(namespace) => Some(namespace),
        }
    }

    /// What the datapath of its bridges is called.
    #[must_use]
    pub fn datapath_type(&self) -> &'static str {
        self.datapath.type_name()
    }

    /// Adds a bridge that drops what no flow handles, and waits until it accepts OpenFlow.
    pub fn add_bridge(&self, bridge: &str) -> Result<()> {
        self.create_bridge(bridge, "secure")?;
        self.wait_for_bridge(bridge)
    }

    /// Adds an interface as port number `ofport` and fails when the switch could not use it.
    ///
    /// On the dummy datapath the interface need not exist; on the userspace datapath it is a device
    /// in the namespace of this instance.
    pub fn add_port(&self, bridge: &str, interface: &str, ofport: u16) -> Result<()> {
        let request = format!("ofport_request={ofport}");
        self.vsctl(&["add-port", bridge, interface, "--", "set", "Interface", interface, &request])?;
        let got = self.vsctl(&["get", "Interface", interface, "ofport"])?;
        ensure!(
            got.trim() == ofport.to_string(),
            "interface {interface} of {bridge} has ofport {}, not {ofport}: {}",
            got.trim(),
            self.vsctl(&["get", "Interface", interface, "error"])?.trim()
        );
        Ok(())
    }

    /// Makes `device` the way to other hosts: a learning bridge named `bridge` owns it and carries
    /// `address`, given with its prefix length.
    ///
    /// The userspace datapath needs this for tunnels: it routes an encapsulated packet by itself and
    /// can send it only through a bridge of its own.
    pub fn add_underlay(&self, bridge: &str, device: &str, address: &str) -> Result<()> {
        let namespace = self
            .namespace()
            .context("an underlay needs Datapath::Netdev: the dummy datapath sends nothing")?;
        self.create_bridge(bridge, "standalone")?;
        self.vsctl(&["add-port", bridge, device])?;
        namespace.add_address(bridge, address)?;
        namespace.set_up(bridge)
    }

    /// `ovs-vsctl` on this database; returns when the switch daemon has applied the change.
    pub fn vsctl(&self, args: &[&str]) -> Result<String> {
        let mut command = self.tool("ovs-vsctl");
        command.arg(format!("--db=unix:{}", self.db_socket().display()));
        command.arg(format!("--timeout={TOOL_TIMEOUT_SECONDS}"));
        run(command.args(args))
    }

    /// `ovs-ofctl`; bridges of this instance may be named without a path.
    pub fn ofctl(&self, args: &[&str]) -> Result<String> {
        run(self.ofctl_command().args(args))
    }

    /// `ovs-ofctl` prepared for this instance, for a caller who needs its input or its exit status.
    #[must_use]
    pub fn ofctl_command(&self) -> Command {
        let mut command = self.tool("ovs-ofctl");
        command.arg(format!("--timeout={TOOL_TIMEOUT_SECONDS}"));
        command
    }

    /// `ovs-appctl` to the switch daemon. [`Ovs::unixctl`] is much faster for many calls.
    pub fn appctl(&self, args: &[&str]) -> Result<String> {
        let mut command = self.tool("ovs-appctl");
        command.arg(format!("--target={}", self.unixctl_path(VSWITCHD).display()));
        command.arg(format!("--timeout={TOOL_TIMEOUT_SECONDS}"));
        run(command.args(args))
    }

    /// A connection of its own to the control socket of the switch daemon.
    pub fn unixctl(&self) -> Result<UnixCtl> {
        UnixCtl::connect(&self.unixctl_path(VSWITCHD))
    }

    /// A connection of its own to the control socket of the database server.
    pub fn ovsdb_unixctl(&self) -> Result<UnixCtl> {
        UnixCtl::connect(&self.unixctl_path(OVSDB_SERVER))
    }

    /// The process id of the switch daemon, which is an error while it is killed.
    pub fn vswitchd_pid(&self) -> Result<u32> {
        pid_of(self.vswitchd.as_ref(), VSWITCHD)
    }

    /// The process id of the database server, which is an error while it is killed.
    pub fn ovsdb_server_pid(&self) -> Result<u32> {
        pid_of(self.ovsdb_server.as_ref(), OVSDB_SERVER)
    }

    /// Kills the switch daemon without a chance to clean up; its sockets stay behind as files.
    pub fn kill9_vswitchd(&mut self) -> Result<()> {
        kill(&mut self.vswitchd, VSWITCHD)
    }

    /// Kills the database server without a chance to clean up.
    pub fn kill9_ovsdb_server(&mut self) -> Result<()> {
        kill(&mut self.ovsdb_server, OVSDB_SERVER)
    }

    /// Starts the switch daemon, killing it first where it runs, and waits until it has configured
    /// its bridges from the database.
    pub fn restart_vswitchd(&mut self) -> Result<()> {
        self.vswitchd = None;
        let mut daemon = self.start_vswitchd()?;
        wait_for_answer(&mut daemon, &self.unixctl_path(VSWITCHD))?;
        self.vswitchd = Some(daemon);
        let bridges = self.vsctl(&["list-br"])?;
        bridges.lines().try_for_each(|bridge| self.wait_for_bridge(bridge))
    }

    /// Starts the database server on the same file, killing it first where it runs, and waits until
    /// it answers.
    pub fn restart_ovsdb_server(&mut self) -> Result<()> {
        self.ovsdb_server = None;
        let mut daemon = self.start_ovsdb_server()?;
        wait_for_answer(&mut daemon, &self.unixctl_path(OVSDB_SERVER))?;
        self.ovsdb_server = Some(daemon);
        Ok(())
    }

    /// Prints the ends of the logs, for the reader of a failed test.
    #[expect(clippy::print_stderr, reason = "belongs into the captured output of the test")]
    pub fn dump_logs(&self) {
        for name in [OVSDB_SERVER, VSWITCHD] {
            for suffix in ["log", "out"] {
                let path = self.rundir().join(format!("{name}.{suffix}"));
                let text = std::fs::read_to_string(&path).unwrap_or_default();
                let lines: Vec<&str> = text.lines().collect();
                let tail = &lines[lines.len().saturating_sub(LOG_TAIL_LINES_MAX)..];
                if !tail.is_empty() {
                    eprintln!("--- {} (last {} lines)\n{}", path.display(), tail.len(), tail.join("\n"));
                }
            }
        }
    }

    /// A socket file alone means nothing: a killed daemon leaves it behind. The daemon listens on it
    /// last, after it has added the ports.
    fn wait_for_bridge(&self, bridge: &str) -> Result<()> {
        let socket = self.mgmt_socket(bridge);
        try_wait_until(START_TIMEOUT, &format!("bridge {bridge} to accept OpenFlow"), || {
            UnixStream::connect(&socket).ok().map(drop)
        })
    }

    fn create_bridge(&self, bridge: &str, fail_mode: &str) -> Result<()> {
        let fail_mode = format!("fail-mode={fail_mode}");
        let datapath_type = format!("datapath_type={}", self.datapath.type_name());
        self.vsctl(&["add-br", bridge, "--", "set", "Bridge", bridge, &fail_mode, &datapath_type]).map(drop)
    }

    /// A command with the environment of this instance, in its namespace where it has one.
    fn tool(&self, program: &str) -> Command {
        let mut command = match self.namespace() {
            Some(namespace) => namespace.command(program),
            None => Command::new(program),
        };
        for variable in ["OVS_RUNDIR", "OVS_DBDIR", "OVS_LOGDIR"] {
            command.env(variable, self.rundir());
        }
        command
    }

    fn daemon_command(&self, name: &str) -> Command {
        let mut command = self.tool(name);
        command
            .arg(format!("--pidfile={}", self.rundir().join(format!("{name}.pid")).display()))
            .arg(format!("--unixctl={}", self.unixctl_path(name).display()))
            .arg(format!("--log-file={}", self.rundir().join(format!("{name}.log")).display()))
            // Warnings would come twice; what is on stderr now is worth reading.
            .arg("--verbose=console:emer");
        command
    }

    fn start_ovsdb_server(&self) -> Result<Daemon> {
        let mut command = self.daemon_command(OVSDB_SERVER);
        command.arg(self.database_file()).arg(format!("--remote=punix:{}", self.db_socket().display()));
        self.start_daemon(OVSDB_SERVER, &command)
    }

    fn start_vswitchd(&self) -> Result<Daemon> {
        let mut command = self.daemon_command(VSWITCHD);
        // The kernel datapath of the machine is never ours.
        command.arg("--disable-system");
        match self.datapath {
            Datapath::Dummy => drop(command.arg("--enable-dummy=override")),
            Datapath::Devices(_) => drop(command.arg("--enable-dummy")),
            Datapath::Netdev(_) => {}
        }
        command.arg(format!("unix:{}", self.db_socket().display()));
        self.start_daemon(VSWITCHD, &command)
    }

    fn start_daemon(&self, name: &str, command: &Command) -> Result<Daemon> {
        Daemon::start(name, command, &self.rundir().join(format!("{name}.out")))
    }

    fn database_file(&self) -> PathBuf {
        self.rundir().join("conf.db")
    }

    fn unixctl_path(&self, daemon: &str) -> PathBuf {
        self.rundir().join(format!("{daemon}.ctl"))
    }
}

impl Drop for Ovs {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.dump_logs();
        }
    }
}

const VSWITCHD: &str = "ovs-vswitchd";
const OVSDB_SERVER: &str = "ovsdb-server";

fn pid_of(daemon: Option<&Daemon>, name: &str) -> Result<u32> {
    daemon.map(Daemon::pid).with_context(|| format!("{name} is killed: restart it first"))
}

fn kill(daemon: &mut Option<Daemon>, name: &str) -> Result<()> {
    let mut killed = daemon.take().with_context(|| format!("{name} is killed already"))?;
    killed.kill()
}

/// Waits until the daemon answers on its control socket, and gives up when it has ended.
fn wait_for_answer(daemon: &mut Daemon, control: &Path) -> Result<()> {
    let what = format!("{} to answer on {}", daemon.name(), control.display());
    try_wait_until(START_TIMEOUT, &what, || match daemon.check_running() {
        Err(error) => Some(Err(error)),
        Ok(()) => UnixCtl::connect(control).and_then(|mut ctl| ctl.call("version", &[])).ok().map(|_| Ok(())),
    })?
}
