//! Network namespaces, the devices in them, and the cables between them.
//!
//! A namespace has a name that no other test process uses, so that `ip netns exec` works by hand
//! while a test is stopped in a debugger. Dropping the last handle ends every process that still
//! runs in it and deletes it, and with it all its devices.

use std::process::Command;
use std::sync::{Arc, Once};

use anyhow::{Context, Result};

use crate::process::run;
use crate::require::{require_root, require_tool};
use crate::scratch::{is_abandoned, unique_name};

/// A handle; clones name the same namespace.
#[derive(Clone, Debug)]
pub struct Namespace {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    name: String,
}

impl Namespace {
    /// Makes a namespace with its loopback device up. Panics without root, with the remedy.
    #[track_caller]
    pub fn new() -> Result<Self> {
        require_root();
        static SWEPT: Once = Once::new();
        SWEPT.call_once(delete_abandoned);
        let name = unique_name();
        run(Command::new("ip").args(["netns", "add", &name])).context("make a network namespace")?;
        let namespace = Self { inner: Arc::new(Inner { name }) };
        namespace.ip(&["link", "set", "lo", "up"])?;
        // A device is usable at once: no duplicate address detection, which takes seconds.
        for scope in ["default", "all"] {
            namespace.run("sysctl", &["-q", "-w", &format!("net.ipv6.conf.{scope}.accept_dad=0")])?;
        }
        Ok(namespace)
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// A command that will run in this namespace, under its own process id. Panics when the program
    /// is not installed: `ip` would say so in words that name no package.
    #[must_use]
    #[track_caller]
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", self.name()]).arg(require_tool(program));
        command
    }

    /// Runs a program in this namespace to its end and returns what it printed.
    pub fn run(&self, program: &str, args: &[&str]) -> Result<String> {
        run(self.command(program).args(args))
    }

    /// `ip` on the devices of this namespace.
    pub fn ip(&self, args: &[&str]) -> Result<String> {
        run(Command::new("ip").args(["-n", self.name()]).args(args))
    }

    /// Lays a cable to another namespace: `device` here, `peer_device` there, both up.
    pub fn connect(&self, device: &str, peer: &Namespace, peer_device: &str) -> Result<()> {
        let add = ["link", "add", device, "type", "veth", "peer", "name", peer_device, "netns", peer.name()];
        self.ip(&add).with_context(|| format!("make the veth pair {device} and {peer_device}"))?;
        self.set_up(device)?;
        peer.set_up(peer_device)
    }

    pub fn set_up(&self, device: &str) -> Result<()> {
        self.ip(&["link", "set", "dev", device, "up"]).map(drop)
    }

    pub fn set_mac(&self, device: &str, mac: &str) -> Result<()> {
        self.ip(&["link", "set", "dev", device, "address", mac]).map(drop)
    }

    /// Adds an address with its prefix length, of either family.
    pub fn add_address(&self, device: &str, cidr: &str) -> Result<()> {
        self.ip(&["address", "add", cidr, "dev", device]).map(drop)
    }

    pub fn add_default_route(&self, gateway: &str) -> Result<()> {
        self.ip(&["route", "add", "default", "via", gateway]).map(drop)
    }

    /// Makes the device compute the checksums of what it sends.
    ///
    /// A veth leaves that to hardware it does not have, and the userspace datapath would forward
    /// packets with wrong checksums.
    pub fn disable_checksum_offload(&self, device: &str) -> Result<()> {
        self.run("ethtool", &["-K", device, "tx", "off"]).map(drop)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        // Nothing here can be mended in a drop, and what stays behind the next process removes.
        let _ = end_processes_in(&self.name);
        let _ = run(Command::new("ip").args(["netns", "delete", &self.name]));
    }
}

/// A daemon that put itself into the background (a DHCP client, say) would keep the namespace alive
/// without a name.
fn end_processes_in(name: &str) -> Result<()> {
    let pids = run(Command::new("ip").args(["netns", "pids", name]))?;
    let pids: Vec<&str> = pids.split_whitespace().collect();
    if pids.is_empty() {
        return Ok(());
    }
    run(Command::new("kill").arg("-KILL").args(pids)).map(drop)
}

fn delete_abandoned() {
    let Ok(listing) = run(Command::new("ip").args(["netns", "list"])) else { return };
    // Each line is a name, perhaps with its id behind it.
    for name in listing.lines().filter_map(|line| line.split_whitespace().next()) {
        if is_abandoned(name) {
            let _ = end_processes_in(name);
            let _ = run(Command::new("ip").args(["netns", "delete", name]));
        }
    }
}
