//! Choices to make before an Open vSwitch instance starts.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::Ovs;
use crate::netns::Namespace;
use crate::process::run;
use crate::scratch::ScratchDir;

/// The size of `sun_path` in `sockaddr_un`, its terminating zero included.
const UNIX_SOCKET_PATH_BYTES_MAX: usize = 108;

/// What moves the packets.
#[derive(Clone, Debug)]
pub enum Datapath {
    /// Nothing does: every port is a dummy, only the control plane is real.
    Dummy,
    /// The userspace datapath, inside this namespace. One namespace holds one instance, because
    /// each has a device named `ovs-netdev`.
    Netdev(Namespace),
    /// As Open vSwitch tests itself, but with the real devices of this namespace as ports. Frames pass, and unlike on the userspace
    /// datapath an interface is not taken for one that knows no queues: what the database says of them reaches the kernel. Bridges have
    /// no devices of their own, so there are no tunnels.
    Devices(Namespace),
}

impl Datapath {
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Dummy | Self::Devices(_) => "dummy",
            Self::Netdev(_) => "netdev",
        }
    }
}

/// How the database server keeps its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseModel {
    /// As Open vSwitch is installed. Transaction ids do not survive a restart of the server.
    Standalone,
    /// A Raft cluster with this server as its only member. Transaction ids survive.
    Clustered,
}

/// Builds an [`Ovs`].
#[derive(Debug)]
pub struct OvsBuilder {
    datapath: Datapath,
    database: DatabaseModel,
    bridges: Vec<String>,
}

impl OvsBuilder {
    #[must_use]
    pub fn new(datapath: Datapath) -> Self {
        Self { datapath, database: DatabaseModel::Standalone, bridges: Vec::new() }
    }

    #[must_use]
    pub fn database(mut self, database: DatabaseModel) -> Self {
        self.database = database;
        self
    }

    /// Adds a bridge once the daemons run.
    #[must_use]
    pub fn bridge(mut self, name: &str) -> Self {
        self.bridges.push(name.to_owned());
        self
    }

    /// Starts both daemons and returns when they answer and the bridges are there.
    pub fn start(self) -> Result<Ovs> {
        let directory = ScratchDir::new()?;
        let mut ovs = Ovs { vswitchd: None, ovsdb_server: None, datapath: self.datapath, directory };
        for bridge in &self.bridges {
            let socket = ovs.mgmt_socket(bridge);
            ensure!(
                socket.as_os_str().len() < UNIX_SOCKET_PATH_BYTES_MAX,
                "{} is too long for a unix socket: choose a shorter bridge name",
                socket.display()
            );
        }
        create_database(&ovs, self.database)?;
        let started = start_daemons(&mut ovs, &self.bridges);
        if started.is_err() {
            ovs.dump_logs();
        }
        started.map(|()| ovs)
    }
}

fn start_daemons(ovs: &mut Ovs, bridges: &[String]) -> Result<()> {
    ovs.restart_ovsdb_server()?;
    // The switch daemon waits for the root row, so it has to be there first.
    ovs.vsctl(&["--no-wait", "init"])?;
    ovs.restart_vswitchd()?;
    bridges.iter().try_for_each(|bridge| ovs.add_bridge(bridge))
}

fn create_database(ovs: &Ovs, model: DatabaseModel) -> Result<()> {
    let schema = schema_file()?;
    let mut command = Command::new("ovsdb-tool");
    match model {
        DatabaseModel::Standalone => command.arg("create").arg(ovs.database_file()).arg(schema),
        DatabaseModel::Clustered => command
            .arg("create-cluster")
            .arg(ovs.database_file())
            .arg(schema)
            .arg(format!("unix:{}", ovs.rundir().join("raft.sock").display())),
    };
    run(&command).context("create the Open vSwitch database")?;
    Ok(())
}

/// The schema that belongs to the installed daemons.
fn schema_file() -> Result<PathBuf> {
    let directory = std::env::var_os("OVS_PKGDATADIR").map_or("/usr/share/openvswitch".into(), PathBuf::from);
    let schema = directory.join("vswitch.ovsschema");
    ensure!(
        schema.exists(),
        "{} is not there: run `cargo xtask setup`, or `apt-get install openvswitch-switch`",
        schema.display()
    );
    Ok(schema)
}
