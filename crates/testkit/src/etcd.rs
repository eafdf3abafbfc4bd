//! A private etcd: one member or several on loopback, each of which can die, stop and come back.
//!
//! Every test process has loopback addresses of its own (`127.64.0.0/10`, by its process id) and every member a port of
//! its own, so that tests run in parallel and a member comes back where it was.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::process::{Daemon, run};
use crate::require::require_tool;
use crate::scratch::ScratchDir;
use crate::wait::try_wait_until;

const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long `etcdctl` may take for one command on a busy machine.
const COMMAND_TIMEOUT: &str = "--command-timeout=30s";
const FIRST_PORT: u16 = 10_000;

/// Certificates with which members serve clients, in PEM.
#[derive(Debug, Clone)]
pub struct EtcdTls {
    /// The authority of servers and clients.
    pub ca_certificate: PathBuf,
    /// The certificate of every member; it has to bear the names or addresses that clients use.
    pub certificate: PathBuf,
    /// Its key.
    pub private_key: PathBuf,
    /// Whether clients have to show a certificate of the authority, too.
    pub asks_clients: bool,
}

#[derive(Debug)]
struct Member {
    name: String,
    client_url: String,
    peer_url: String,
    daemon: Option<Daemon>,
}

/// A running etcd. Dropping it kills the members and removes their files.
#[derive(Debug)]
pub struct EtcdCluster {
    // The daemons are dropped before the directory they write to.
    members: Vec<Member>,
    tls: Option<EtcdTls>,
    arguments: Vec<String>,
    directory: ScratchDir,
}

impl EtcdCluster {
    /// As many members as said, with an empty store that takes writes.
    pub fn start(members: usize) -> Result<Self> {
        Self::start_with(members, None, &[])
    }

    /// The same with TLS for clients, and with further arguments for every member.
    pub fn start_with(members: usize, tls: Option<EtcdTls>, arguments: &[&str]) -> Result<Self> {
        ensure!(members > 0, "a cluster has a member at least");
        require_tool("etcd");
        require_tool("etcdctl");
        let scheme = if tls.is_some() { "https" } else { "http" };
        let members = (0..members)
            .map(|number| Member {
                name: format!("member-{number}"),
                client_url: format!("{scheme}://{}", unique_address()),
                peer_url: format!("http://{}", unique_address()),
                daemon: None,
            })
            .collect();
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut cluster = Self { members, tls, arguments, directory: ScratchDir::new()? };
        for number in 0..cluster.members.len() {
            cluster.spawn(number)?;
        }
        cluster.wait_until_healthy()?;
        Ok(cluster)
    }

    /// The address of all members of all clusters of this process, which their certificates have to bear.
    #[must_use]
    pub fn address() -> Ipv4Addr {
        let [_, high, middle, low] = std::process::id().to_be_bytes();
        Ipv4Addr::new(127, 64 + high % 64, middle, low)
    }

    /// Where clients reach each member.
    #[must_use]
    pub fn endpoints(&self) -> Vec<String> {
        self.members.iter().map(|member| member.client_url.clone()).collect()
    }

    /// `kill -9` for a member.
    pub fn kill(&mut self, member: usize) -> Result<()> {
        match self.member(member)?.daemon.take() {
            Some(mut daemon) => daemon.kill(),
            None => Ok(()),
        }
    }

    /// Starts a member that was killed, on its files and addresses, and waits until it takes part again.
    pub fn restart(&mut self, member: usize) -> Result<()> {
        ensure!(self.member(member)?.daemon.is_none(), "member {member} is running");
        self.spawn(member)?;
        self.wait_until_healthy()
    }

    /// Makes a member that was killed forget everything, as if its disk had been replaced.
    pub fn wipe(&mut self, member: usize) -> Result<()> {
        let wiped = self.member(member)?;
        ensure!(wiped.daemon.is_none(), "member {member} is running");
        let name = wiped.name.clone();
        let data = self.directory.path().join(name);
        std::fs::remove_dir_all(&data).with_context(|| format!("remove {}", data.display()))
    }

    /// Stops a member without a word, as a machine that hangs: its connections stay open.
    pub fn freeze(&mut self, member: usize) -> Result<()> {
        self.signal(member, "-STOP")
    }

    /// Lets a frozen member go on.
    pub fn thaw(&mut self, member: usize) -> Result<()> {
        self.signal(member, "-CONT")
    }

    /// The member that leads.
    pub fn leader(&self) -> Result<usize> {
        try_wait_until(START_TIMEOUT, "a leader of etcd", || {
            (0..self.members.len()).find(|number| self.is_leader(*number).unwrap_or(false))
        })
    }

    /// Runs `etcdctl` against all members that run.
    pub fn etcdctl(&self, arguments: &[&str]) -> Result<String> {
        let running = self.members.iter().filter(|member| member.daemon.is_some());
        let endpoints: Vec<&str> = running.map(|member| member.client_url.as_str()).collect();
        self.etcdctl_at(&endpoints.join(","), arguments)
    }

    /// Forgets the history of the store up to the present.
    pub fn compact(&self) -> Result<()> {
        let status = self.etcdctl(&["get", "/", "--limit=1", "--write-out=json"])?;
        let status: serde_json::Value = serde_json::from_str(&status).context("an answer of etcdctl")?;
        let revision = status.pointer("/header/revision").context("the revision of etcd")?;
        self.etcdctl(&["compact", &revision.to_string()])?;
        Ok(())
    }

    fn member(&mut self, number: usize) -> Result<&mut Member> {
        self.members.get_mut(number).with_context(|| format!("there is no member {number}"))
    }

    fn is_leader(&self, number: usize) -> Option<bool> {
        let member = self.members.get(number).filter(|member| member.daemon.is_some())?;
        let status = self.etcdctl_at(&member.client_url, &["endpoint", "status", "--write-out=json"]).ok()?;
        let status: serde_json::Value = serde_json::from_str(&status).ok()?;
        let leader = status.pointer("/0/Status/leader")?;
        Some(leader.as_u64() != Some(0) && Some(leader) == status.pointer("/0/Status/header/member_id"))
    }

    fn signal(&mut self, number: usize, signal: &str) -> Result<()> {
        let daemon = &self.member(number)?.daemon;
        let pid = daemon.as_ref().with_context(|| format!("member {number} is not running"))?.pid();
        run(Command::new("kill").args([signal, &pid.to_string()]))?;
        Ok(())
    }

    fn spawn(&mut self, number: usize) -> Result<()> {
        let cluster: Vec<String> =
            self.members.iter().map(|member| format!("{}={}", member.name, member.peer_url)).collect();
        let directory = self.directory.path().to_owned();
        let mut command = Command::new(require_tool("etcd"));
        let member = self.members.get(number).with_context(|| format!("there is no member {number}"))?;
        for (option, value) in [
            ("--name", member.name.as_str()),
            ("--listen-client-urls", &member.client_url),
            ("--advertise-client-urls", &member.client_url),
            ("--listen-peer-urls", &member.peer_url),
            ("--initial-advertise-peer-urls", &member.peer_url),
            ("--initial-cluster", &cluster.join(",")),
            ("--initial-cluster-token", &path_text(&directory)),
            ("--data-dir", &path_text(&directory.join(&member.name))),
            ("--log-level", "warn"),
            ("--logger", "zap"),
        ] {
            command.args([option, value]);
        }
        if let Some(tls) = &self.tls {
            command.arg("--cert-file").arg(&tls.certificate).arg("--key-file").arg(&tls.private_key);
            if tls.asks_clients {
                // With an authority alone it would ask, too.
                command.arg("--client-cert-auth").arg("--trusted-ca-file").arg(&tls.ca_certificate);
            }
        }
        command.args(&self.arguments);
        let output = directory.join(format!("{}.log", member.name));
        let daemon = Daemon::start(&member.name, &command, &output)?;
        self.member(number)?.daemon = Some(daemon);
        Ok(())
    }

    /// Waits until all members that run take writes; fails at once when one has ended.
    fn wait_until_healthy(&mut self) -> Result<()> {
        let mut ended = Ok(());
        let healthy = try_wait_until(START_TIMEOUT, "an etcd that is healthy", || {
            ended = self
                .members
                .iter_mut()
                .filter_map(|member| member.daemon.as_mut())
                .try_for_each(Daemon::check_running);
            (ended.is_err() || self.etcdctl(&["endpoint", "health"]).is_ok()).then_some(())
        });
        ended.and(healthy)
    }

    fn etcdctl_at(&self, endpoints: &str, arguments: &[&str]) -> Result<String> {
        let mut command = Command::new(require_tool("etcdctl"));
        command.env("ETCDCTL_API", "3").args([
            "--endpoints",
            endpoints,
            COMMAND_TIMEOUT,
            "--dial-timeout=5s",
        ]);
        if let Some(tls) = &self.tls {
            command.arg("--cacert").arg(&tls.ca_certificate);
            if tls.asks_clients {
                command.arg("--cert").arg(&tls.certificate).arg("--key").arg(&tls.private_key);
            }
        }
        run(command.args(arguments))
    }
}

fn path_text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// An address and port that nobody else uses.
fn unique_address() -> SocketAddrV4 {
    static NEXT: AtomicU16 = AtomicU16::new(FIRST_PORT);
    SocketAddrV4::new(EtcdCluster::address(), NEXT.fetch_add(1, Ordering::Relaxed))
}
