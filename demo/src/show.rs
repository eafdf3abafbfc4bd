//! What the demo shows, step by step; each step fails when what it shows is not so.

use std::net::IpAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use net_types::OfPort;
use ofsim::{Assumed, Packet};
use openflow::delta::Delta;
use packet::build::{Ethernet, Ip, Ipv4, Transport, Udp};
use pipeline::Priority;
use pipeline::tables::CLASSIFY;
use testkit::Capture;

use crate::agent::{self, BRIDGE, Status};
use crate::cloud::{Cloud, UNDERLAY_DEVICE};
use crate::topology::{HOST_A, HOST_B, VM1, VM2, VM3, VM4};

const PATIENCE: Duration = Duration::from_secs(60);
/// UDP port of Geneve.
const GENEVE: &str = "udp port 6081";

fn step(text: &str) {
    println!("\n== {text}");
}

/// All steps; `start` is when the cloud began to be made.
pub(crate) async fn run(cloud: &mut Cloud, start: Instant) -> Result<()> {
    step("two hosts, each with its own Open vSwitch; agents plug, program and confirm");
    cloud.settled().await?;
    for site in &cloud.sites {
        let status = site.status.borrow();
        let (flows, groups) = (status.flows.len(), status.groups.len());
        println!(
            "   {}: {:?} active, {flows} flows and {groups} groups confirmed",
            site.host.name, status.active
        );
    }
    println!("   after {:?}", start.elapsed());

    talk_across_hosts(cloud)?;
    stay_apart(cloud)?;
    explain(cloud)?;
    repair_what_a_stranger_did(cloud).await?;
    survive_a_crash(cloud).await?;
    println!("\nall of it worked, in {:?}", start.elapsed());
    Ok(())
}

fn talk_across_hosts(cloud: &Cloud) -> Result<()> {
    step("vm1 on host-a pings vm2 on host-b, through Geneve");
    let mut wire = Capture::start(&cloud.site(HOST_B).namespace, UNDERLAY_DEVICE, GENEVE)?;
    cloud.guest(VM1).namespace().wait_for_ping(IpAddr::V4(VM2.address), PATIENCE)?;
    let report = cloud.guest(VM1).namespace().ping(IpAddr::V4(VM2.address), 3)?;
    ensure!(report.lost() == 0, "a ping was lost: {report:?}");
    println!("   {} of {} answered", report.received, report.sent);
    wire.wait_for(PATIENCE, "Geneve", |_| true)?;
    let text = wire.text()?;
    let outer = text.lines().find(|line| line.contains("Geneve")).context("tcpdump shows Geneve")?;
    println!("   on the wire: {}", outer.trim_start());
    Ok(())
}

fn stay_apart(cloud: &Cloud) -> Result<()> {
    step("vm3 has the address of vm2 in another network; it hears vm4 and never vm1");
    cloud.guest(VM4).namespace().wait_for_ping(IpAddr::V4(VM3.address), PATIENCE)?;
    let strange = Capture::start(cloud.guest(VM3).namespace(), cloud.guest(VM3).device(), "arp or icmp")?;
    let report = cloud.guest(VM1).namespace().ping(IpAddr::V4(VM2.address), 3)?;
    ensure!(report.lost() == 0, "a ping was lost: {report:?}");
    let source = VM1.mac.octets();
    let heard = strange.frames()?.iter().filter(|frame| frame.get(6..12) == Some(&source)).count();
    ensure!(heard == 0, "vm3 heard {heard} packets of vm1");
    println!(
        "   vm4 -> {} answered by vm3; vm1 -> {} answered by vm2; vm3 heard nothing of it",
        VM3.address, VM2.address
    );
    Ok(())
}

/// The simulated twin of a host's switch.
fn twin(status: &Status) -> ofsim::Switch {
    let mut switch = ofsim::Switch::new();
    let (flows, groups) = (status.flows.iter().cloned().collect(), status.groups.values().cloned().collect());
    switch.apply(&Delta { flows, groups, ..Delta::default() });
    switch
}

fn explain(cloud: &Cloud) -> Result<()> {
    step("the same packet, walked through the flows of host-a without a switch");
    let status = cloud.site(HOST_A).status.borrow().clone();
    let in_port = OfPort::new(cloud.guest(VM1).ofport(&cloud.site(HOST_A).ovs)?);
    let udp = Transport::Udp(Udp { src_port: 1, dst_port: 2, payload: b"hello".to_vec() });
    let ip = Ip::V4(Ipv4::new(VM1.address, VM2.address));
    let frame = Ethernet::new(VM1.mac, VM2.mac).ip(&ip, &udp)?;
    let trace = ofsim::trace(&twin(&status), Packet::of_frame(in_port, &frame), &mut Assumed::default());
    for line in trace.to_string().lines() {
        println!("   {line}");
    }
    ensure!(trace.outputs().count() == 1, "the packet leaves once");
    Ok(())
}

async fn repair_what_a_stranger_did(cloud: &mut Cloud) -> Result<()> {
    step("somebody deletes all flows of host-a with ovs-ofctl");
    let site = &mut cloud.sites[0];
    let before = site.status.borrow().flow_mods;
    let wanted = site.status.borrow().flows.len();
    let start = Instant::now();
    site.ovs.ofctl(&["-O", "OpenFlow13", "del-flows", BRIDGE])?;
    agent::wait_for(&mut site.status, "the repair", |status| status.flow_mods >= before + wanted).await?;
    println!("   {wanted} flows were back {:?} after the command was given", start.elapsed());
    let report = cloud.guest(VM1).namespace().ping(IpAddr::V4(VM2.address), 2)?;
    ensure!(report.lost() == 0, "a ping was lost: {report:?}");
    Ok(())
}

async fn survive_a_crash(cloud: &mut Cloud) -> Result<()> {
    step("kill -9 of ovs-vswitchd on host-b");
    let site = &mut cloud.sites[1];
    let syncs = site.status.borrow().syncs.len();
    site.ovs.kill9_vswitchd()?;
    let start = Instant::now();
    site.ovs.restart_vswitchd()?;
    let status = agent::wait_for(&mut site.status, "the switch", |status| status.syncs.len() > syncs).await?;
    let report = status.syncs.last().context("a synchronisation")?;
    println!(
        "   restarted; {} flows were back {:?} after the start command",
        report.flows_put,
        start.elapsed()
    );
    cloud.settled().await?;
    cloud.guest(VM1).namespace().wait_for_ping(IpAddr::V4(VM2.address), PATIENCE)?;
    println!("   vm1 and vm2 talk again");
    Ok(())
}

/// What to try by hand.
pub(crate) fn invite(cloud: &Cloud) {
    let vm1 = cloud.guest(VM1).namespace().name();
    let site = cloud.site(HOST_A);
    let rundir = site.ovs.rundir().display();
    println!("\nIt stays up until you press Ctrl-C. Try, in another terminal:");
    println!("   ip netns exec {vm1} ping {}", VM2.address);
    println!("   ovs-ofctl -O OpenFlow13 dump-flows unix:{rundir}/{BRIDGE}.mgmt");
    println!("   ovs-vsctl --db=unix:{rundir}/db.sock show");
    println!("   # add a flow that drops everything, and see it vanish:");
    let (table, priority) = (CLASSIFY.id, Priority::OVERRIDE.number());
    let flow = format!("table={table},priority={priority} actions=drop");
    println!("   ovs-ofctl -O OpenFlow13 add-flow unix:{rundir}/{BRIDGE}.mgmt '{flow}'");
}
