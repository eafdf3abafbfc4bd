//! What the demo shows, step by step; each step fails when what it shows is not so.

use std::net::IpAddr;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use testkit::cloud::{BRIDGE, Cloud, CloudSpec, Site, Vm};
use testkit::{Capture, Guest, try_wait_until};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// UDP port of Geneve.
const GENEVE: &str = "udp port 6081";
const CIDR: &str = "10.0.0.0/24";

/// The cloud, and what was made in it.
pub(crate) struct Show<'a> {
    pub(crate) cloud: Cloud,
    pub(crate) vms: Vec<Vm>,
    /// A machine outside, on the physical network of the hosts.
    pub(crate) outside: Option<Guest>,
    is_over: &'a AtomicBool,
    start: Instant,
}

/// Shows everything; unless it is to be done only once, stays until it is over.
pub(crate) fn run(binary: &Path, once: bool, is_over: &AtomicBool) -> Result<()> {
    let start = Instant::now();
    println!("starting a server, two hosts and their controllers");
    let host_options = "\n[df_l3_app]\ngateway_candidate = True\n";
    let cloud = Cloud::start(&CloudSpec { host_options, ..CloudSpec::new(binary) })?;
    let mut show = Show { cloud, vms: Vec::new(), outside: None, is_over, start };
    let shown = show.steps().with_context(|| format!("after {:?}", start.elapsed()));
    if let Err(error) = shown {
        println!("{}", show.cloud.logs());
        return Err(error);
    }
    println!("\nall of it worked, in {:?}", start.elapsed());
    if !once {
        show.invite();
        while !is_over.load(Ordering::Relaxed) {
            thread::sleep(Duration::from_millis(200));
        }
    }
    println!("\nremoving namespaces and switches");
    Ok(())
}

impl Show<'_> {
    pub(crate) fn step(&self, text: &str) -> Result<()> {
        ensure!(!self.is_over.load(Ordering::Relaxed), "interrupted");
        println!("\n== {text}");
        Ok(())
    }

    fn steps(&mut self) -> Result<()> {
        self.make_networks()?;
        self.get_addresses()?;
        self.talk_across_hosts()?;
        self.stay_apart()?;
        self.route()?;
        self.restart_the_controller()?;
        self.repair_what_a_stranger_did()?;
        self.survive_a_crash()?;
        self.live_without_the_store()?;
        self.unplug()
    }

    fn make_networks(&mut self) -> Result<()> {
        self.step("two networks with the same addresses, through the Neutron API")?;
        let blue = self.network("blue", CIDR)?;
        let red = self.network("red", CIDR)?;
        let boot = |place, name, network: &str, address: &str| {
            let ips = json!([{ "ip_address": address }]);
            self.cloud.boot_port(place, name, &json!({"network_id": network, "name": name, "fixed_ips": ips}))
        };
        let vms = vec![
            boot(0, "vm1", &blue, "10.0.0.11")?,
            boot(1, "vm2", &blue, "10.0.0.12")?,
            // The address of vm2, in another network and on the host of vm1.
            boot(0, "vm3", &red, "10.0.0.12")?,
            boot(1, "vm4", &red, "10.0.0.14")?,
        ];
        self.vms = vms;
        for vm in &self.vms {
            self.cloud.wait_status(vm, "ACTIVE")?;
        }
        println!("   four machines plugged in, their ports ACTIVE, after {:?}", self.start.elapsed());
        Ok(())
    }

    pub(crate) fn network(&self, name: &str, cidr: &str) -> Result<String> {
        let network = self.create("/v2.0/networks", &json!({"network": {"name": name}}))?;
        let id = network["network"]["id"].as_str().context("a network without id")?.to_owned();
        let subnet = json!({"subnet": {"network_id": id, "ip_version": 4, "cidr": cidr, "name": name}});
        self.create("/v2.0/subnets", &subnet)?;
        Ok(id)
    }

    pub(crate) fn create(&self, path: &str, body: &Value) -> Result<Value> {
        let api = self.cloud.api();
        println!("   {}", api.command_line("POST", path, Some(body)));
        api.post(path, body)?.expect(201)
    }

    fn get_addresses(&self) -> Result<()> {
        self.step("the machines ask for addresses by DHCP; each is answered on its own host")?;
        for vm in &self.vms {
            let lease = vm.dhcp()?;
            let get = |name| lease.get(name).unwrap_or("-").to_owned();
            println!(
                "   {}: {} mtu {} router {} dns {}",
                vm.name(),
                get("ip"),
                get("mtu"),
                get("router"),
                get("dns")
            );
            ensure!(
                get("ip") == vm.address()?.to_string(),
                "{} got {} and not its own address",
                vm.name(),
                get("ip")
            );
        }
        Ok(())
    }

    fn ping(&self, from: usize, to: usize, count: usize) -> Result<()> {
        let target = IpAddr::V4(self.vms[to].address()?);
        let report = self.vms[from].namespace().ping(target, count)?;
        ensure!(
            report.lost() == 0,
            "{} to {}: {} of {count} pings lost",
            self.vms[from].name(),
            self.vms[to].name(),
            report.lost()
        );
        println!(
            "   {} -> {} ({target}): {} of {count} answered",
            self.vms[from].name(),
            self.vms[to].name(),
            report.received
        );
        Ok(())
    }

    fn talk_across_hosts(&self) -> Result<()> {
        self.step("vm1 on host-1 pings vm2 on host-2 through Geneve; nobody floods ARP")?;
        let mut wire = self.cloud.sites()[1].capture_underlay(GENEVE)?;
        self.ping(0, 1, 3)?;
        wire.wait_for(PATIENCE, "Geneve", |_| true)?;
        let text = wire.text()?;
        let outer = text.lines().find(|line| line.contains("Geneve")).context("tcpdump shows no Geneve")?;
        println!("   on the wire: {}", outer.trim_start());
        ensure!(!text.contains("ARP"), "an ARP packet crossed the wire");
        Ok(())
    }

    fn stay_apart(&self) -> Result<()> {
        self.step("vm3 has the address of vm2 in another network; it hears vm4 and never vm1")?;
        self.ping(3, 2, 2)?;
        let strange = Capture::start(self.vms[2].namespace(), self.vms[2].guest().device(), "arp or icmp")?;
        self.ping(0, 1, 3)?;
        let vm1 = self.vms[0].mac().to_lowercase();
        let heard = strange.frames()?.iter().filter(|frame| source(frame) == vm1).count();
        ensure!(heard == 0, "vm3 heard {heard} packets of vm1");
        println!("   vm3 heard nothing of vm1");
        Ok(())
    }

    fn restart_the_controller(&mut self) -> Result<()> {
        self.step("kill -9 of the controller of host-1, and a new one, under 100 pings a second")?;
        let before = said(&self.cloud.sites()[0])?;
        let target = IpAddr::V4(self.vms[1].address()?);
        let mut ping = self.vms[0].namespace().start_ping(target, Duration::from_millis(10))?;
        ping.wait_for_requests(50)?;
        let site = self.cloud.site_mut(0);
        site.kill_controller()?;
        let so_far = ping.requests()?;
        ping.wait_for_requests(so_far + 50)?;
        site.start_controller()?;
        let so_far = ping.requests()?;
        ping.wait_for_requests(so_far + 300)?;
        let report = ping.stop()?;
        ensure!(report.lost() == 0, "{} of {} pings were lost", report.lost(), report.sent);
        let after = said(&self.cloud.sites()[0])?;
        ensure!(before == after, "the flows are others than before");
        println!("   {} of {} answered; {} flows, all as before", report.received, report.sent, after.len());
        Ok(())
    }

    fn repair_what_a_stranger_did(&self) -> Result<()> {
        self.step("somebody deletes all flows of host-1 with ovs-ofctl")?;
        let site = &self.cloud.sites()[0];
        let wanted = said(site)?;
        let start = Instant::now();
        site.ovs.ofctl(&["-O", "OpenFlow13", "del-flows", BRIDGE])?;
        try_wait_until(PATIENCE, "the repair", || (said(site).ok()? == wanted).then_some(()))?;
        println!("   {} flows were back {:?} after the command was given", wanted.len(), start.elapsed());
        self.ping(0, 1, 2)
    }

    fn survive_a_crash(&mut self) -> Result<()> {
        self.step("kill -9 of ovs-vswitchd on host-2")?;
        let site = self.cloud.site_mut(1);
        let wanted = said(site)?;
        site.ovs.kill9_vswitchd()?;
        let start = Instant::now();
        site.ovs.restart_vswitchd()?;
        try_wait_until(PATIENCE, "the flows", || (said(site).ok()? == wanted).then_some(()))?;
        println!(
            "   restarted; {} flows were back {:?} after the start command",
            wanted.len(),
            start.elapsed()
        );
        let target = IpAddr::V4(self.vms[1].address()?);
        self.vms[0].namespace().wait_for_ping(target, PATIENCE)?;
        self.ping(0, 1, 2)
    }

    fn live_without_the_store(&mut self) -> Result<()> {
        self.step("kill -9 of the server, and so of the store")?;
        self.cloud.kill_server()?;
        self.ping(0, 1, 3)?;
        let lease = self.vms[0].dhcp()?;
        println!("   vm1 asked by DHCP again and got {}", lease.get("ip").unwrap_or("nothing"));
        self.cloud.start_server()?;
        let ports = self.cloud.api().get("/v2.0/ports?name=vm1")?.expect(200)?;
        ensure!(ports["ports"][0]["id"] == self.vms[0].port_id(), "the store forgot a port: {ports}");
        println!("   the server is back, and nothing was lost");
        Ok(())
    }

    fn unplug(&mut self) -> Result<()> {
        self.step("vm4 is unplugged and its port deleted")?;
        let place = self.vms.iter().position(|vm| vm.name() == "vm4");
        let Some(vm) = place.map(|place| self.vms.remove(place)) else {
            bail!("there is no machine to unplug")
        };
        let (id, mac) = (vm.port_id().to_owned(), vm.mac().to_lowercase());
        vm.unplug(&self.cloud.sites()[1].ovs)?;
        let path = format!("/v2.0/ports/{id}");
        let api = self.cloud.api();
        try_wait_until(PATIENCE, "the port to be DOWN", || {
            (api.get(&path).ok()?.body["port"]["status"] == "DOWN").then_some(())
        })?;
        println!("   its port is DOWN");
        api.delete(&path)?.expect(204)?;
        for site in self.cloud.sites() {
            try_wait_until(PATIENCE, "its flows to go", || {
                (!site.flows().ok()?.iter().any(|flow| flow.contains(&mac))).then_some(())
            })?;
        }
        println!("   no flow mentions {mac} any more");
        Ok(())
    }

    /// What to try by hand.
    fn invite(&self) {
        let vm1 = self.vms[0].namespace().name();
        let site = &self.cloud.sites()[0];
        let rundir = site.ovs.rundir().display();
        println!("\nIt stays up until you press Ctrl-C. Try, in another terminal:");
        println!("   {}", self.cloud.api().command_line("GET", "/v2.0/ports", None));
        println!(
            "   openstack --os-auth-type none --os-endpoint http://{} network list",
            self.cloud.api().address()
        );
        println!("   etcdctl --endpoints {} get --prefix /lport/", self.cloud.store());
        println!(
            "   ip netns exec {vm1} ping {}",
            self.vms[1].address().map_or_else(|_| "vm2".to_owned(), |address| address.to_string())
        );
        println!("   ovs-ofctl -O OpenFlow13 dump-flows unix:{rundir}/{BRIDGE}.mgmt");
        println!("   ovs-vsctl --db=unix:{rundir}/db.sock show");
    }
}

/// The flows of a host that its controller says. Those that the switch makes by itself, of what neighbours say, have a time to live.
fn said(site: &Site) -> Result<Vec<String>> {
    let mut flows = site.flows()?;
    flows.retain(|flow| !flow.contains("hard_timeout="));
    Ok(flows)
}

/// The sender of a frame, as text.
fn source(frame: &[u8]) -> String {
    let bytes = frame.get(6..12).unwrap_or_default();
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(":")
}
