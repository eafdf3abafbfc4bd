//! Hosts, switches, agents and guests, made and removed.

use anyhow::Result;

use testkit::{Guest, GuestSpec, Namespace, Ovs};
use tokio::sync::watch;

use crate::agent::{self, BRIDGE, Status};
use crate::topology::{HOST_A, HOST_B, HOSTS, Host, PORTS, Port};

/// The bridge that owns the cable between the hosts.
const UNDERLAY_BRIDGE: &str = "br-phys";
/// The cable's end in a host.
pub(crate) const UNDERLAY_DEVICE: &str = "underlay0";

/// The cloud. Dropping it removes everything.
pub(crate) struct Cloud {
    pub(crate) guests: Vec<(Port, Guest)>,
    pub(crate) sites: Vec<Site>,
}

impl Drop for Cloud {
    fn drop(&mut self) {
        println!("\nremoving namespaces and switches");
    }
}

/// A host and what runs on it.
pub(crate) struct Site {
    pub(crate) host: Host,
    pub(crate) ovs: Ovs,
    pub(crate) namespace: Namespace,
    pub(crate) status: watch::Receiver<Status>,
}

impl Cloud {
    /// Starts everything and plugs the guests in.
    pub(crate) async fn start() -> Result<Self> {
        let [a, b] = [Namespace::new()?, Namespace::new()?];
        a.connect(UNDERLAY_DEVICE, &b, UNDERLAY_DEVICE)?;
        let mut sites = Vec::new();
        for (host, namespace) in [(HOST_A, a), (HOST_B, b)] {
            let ovs = Ovs::netdev(&namespace)?;
            ovs.add_underlay(UNDERLAY_BRIDGE, UNDERLAY_DEVICE, &format!("{}/24", host.underlay))?;
            let status = agent::start(host, ovs.rundir().to_owned()).await?;
            sites.push(Site { host, ovs, namespace, status });
        }
        let mut cloud = Self { guests: Vec::new(), sites };
        for port in PORTS {
            let guest = cloud.plug(port)?;
            cloud.guests.push((port, guest));
        }
        Ok(cloud)
    }

    fn plug(&self, port: Port) -> Result<Guest> {
        let spec = GuestSpec {
            bridge: BRIDGE,
            interface: &format!("tap-{}", port.name),
            mac: &port.mac.to_string(),
            addresses: &[&format!("{}/24", port.address)],
            iface_id: Some(port.name),
        };
        Guest::plug(&self.site(port.host).ovs, spec)
    }

    /// The site of a host.
    pub(crate) fn site(&self, host: Host) -> &Site {
        let place = HOSTS.iter().position(|known| *known == host).unwrap_or_default();
        &self.sites[place]
    }

    /// The guest of a port.
    pub(crate) fn guest(&self, port: Port) -> &Guest {
        let place = PORTS.iter().position(|known| *known == port).unwrap_or_default();
        &self.guests[place].1
    }

    /// Waits until the switches have everything that the guests need.
    pub(crate) async fn settled(&mut self) -> Result<()> {
        for site in &mut self.sites {
            let here = PORTS.iter().filter(|port| port.host == site.host).count();
            let what = format!("the ports of {} to be active", site.host.name);
            agent::wait_for(&mut site.status, &what, |status| status.active.len() == here && status.tunnel)
                .await?;
        }
        Ok(())
    }
}
