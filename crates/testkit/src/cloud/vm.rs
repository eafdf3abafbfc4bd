//! A virtual machine's place: a namespace with the MAC address of a port, which learns everything else by DHCP.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use super::BRIDGE;
use crate::guest::{Guest, GuestSpec};
use crate::netns::Namespace;
use crate::ovs::Ovs;
use crate::scratch::ScratchDir;

/// What a DHCP client says it got, and what it does with it: the address, the routes, the MTU. Nothing outside of the
/// namespace is touched, as the scripts of a distribution would.
const SCRIPT: &str = r#"#!/bin/sh
case "$1" in
deconfig) ip address flush dev "$interface"; ip link set dev "$interface" up ;;
bound|renew)
    env | grep -E '^(ip|mask|subnet|router|dns|domain|hostname|mtu|lease|serverid|staticroutes|msstaticroutes|siaddr|boot_file)=' > "$LEASE_FILE"
    ip address replace "$ip/$mask" dev "$interface"
    [ -n "$mtu" ] && ip link set dev "$interface" mtu "$mtu"
    if [ -n "$staticroutes" ]; then
        set -- $staticroutes
        while [ -n "$1" ]; do
            if [ "$2" = 0.0.0.0 ]; then ip route replace "$1" dev "$interface"; else ip route replace "$1" via "$2"; fi
            shift 2
        done
    else
        for r in $router; do ip route replace default via "$r"; break; done
    fi ;;
esac
exit 0
"#;

/// A machine, plugged in.
#[derive(Debug)]
pub struct Vm {
    guest: Guest,
    name: String,
    port: Value,
    scratch: ScratchDir,
}

/// What DHCP said, by the names that `udhcpc` gives to options.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    text: String,
}

impl Vm {
    /// Plugs a machine into the switch, for a port as the API shows it.
    pub fn plug(ovs: &Ovs, name: &str, port: &Value) -> Result<Self> {
        let text =
            |member: &str| port[member].as_str().with_context(|| format!("the port has no {member}: {port}"));
        let interface: String = format!("tap{}", text("id")?).chars().take(14).collect();
        let spec = GuestSpec {
            bridge: BRIDGE,
            interface: &interface,
            mac: text("mac_address")?,
            addresses: &[],
            iface_id: Some(text("id")?),
        };
        let guest = Guest::plug(ovs, spec)?;
        let scratch = ScratchDir::new()?;
        Ok(Self { guest, name: name.to_owned(), port: port.clone(), scratch })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its port.
    #[must_use]
    pub fn port_id(&self) -> &str {
        self.port["id"].as_str().unwrap_or_default()
    }

    /// Its MAC address.
    #[must_use]
    pub fn mac(&self) -> &str {
        self.port["mac_address"].as_str().unwrap_or_default()
    }

    /// The network of its port.
    #[must_use]
    pub fn network_id(&self) -> &str {
        self.port["network_id"].as_str().unwrap_or_default()
    }

    /// The IPv4 address that the API gave to its port.
    pub fn address(&self) -> Result<Ipv4Addr> {
        let addresses = self.port["fixed_ips"].as_array().into_iter().flatten();
        let mut addresses = addresses.filter_map(|ip| ip["ip_address"].as_str()?.parse().ok());
        addresses.next().with_context(|| format!("the port of {} has no IPv4 address", self.name))
    }

    /// Its port was changed through the API, which shows it now as said.
    pub fn renumbered(&mut self, port: &Value) {
        self.port = port.clone();
    }

    /// Where its programs run.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        self.guest.namespace()
    }

    /// Its plug.
    #[must_use]
    pub const fn guest(&self) -> &Guest {
        &self.guest
    }

    /// Asks for an address with `udhcpc`, and takes what it gets.
    pub fn dhcp(&self) -> Result<Lease> {
        let (script, lease) = (self.scratch.path().join("script"), self.lease_file());
        std::fs::write(&script, SCRIPT.replace("$LEASE_FILE", &lease.display().to_string()))?;
        std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
        let mut command = self.namespace().command("udhcpc");
        command.args(["-f", "-q", "-n", "-t", "10", "-T", "1", "-i", self.guest.device(), "-s"]).arg(&script);
        // 12 host name, 15 domain, 26 MTU, 121 classless routes: what distributions ask for.
        command.args(["-O", "hostname", "-O", "mtu", "-O", "domain", "-O", "staticroutes"]);
        crate::process::run(&command).with_context(|| format!("{} got no address", self.name))?;
        let text = std::fs::read_to_string(&lease).context("udhcpc said nothing of a lease")?;
        Ok(Lease { text })
    }

    fn lease_file(&self) -> PathBuf {
        self.scratch.path().join("lease")
    }

    /// Takes the machine out of the switch.
    pub fn unplug(self, ovs: &Ovs) -> Result<()> {
        self.guest.unplug(ovs)
    }
}

impl Lease {
    /// The value of an option.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
    }
}
