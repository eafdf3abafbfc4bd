//! Loading, reconnecting and coming back, with a hundred thousand flows and a real ovs-vswitchd on the dummy datapath.

use std::io::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use openflow::delta::Delta;
use openflow::flow::PackedFlow;
use switch::endpoint::Endpoint;
use switch::machine::{ChangeId, Event, MachineOptions};
use switch::{Handle, Options, Scope};
use testkit::{Datapath, Ovs, OvsBuilder};

use crate::flows;
use crate::report::{Table, median, ms, ratio};

const FLOWS: u32 = 100_000;
pub(crate) const BRIDGE: &str = "br-int";
/// Numbers of changed flows whose latency is shown.
const CHANGES: [u32; 4] = [1, 10, 100, 1_000];
const CHANGE_ROUNDS: u32 = 21;

#[derive(Debug, Default)]
struct Times {
    ours: Vec<Duration>,
    theirs: Vec<Duration>,
    reconnect: Vec<Duration>,
    restart: Vec<Duration>,
    our_cpu_ms: Vec<Duration>,
}

pub(crate) async fn run(rounds: usize, table: &mut Table) -> Result<()> {
    let flows = flows::packed(FLOWS)?;
    let mut text = tempfile()?;
    for number in 0..FLOWS {
        writeln!(text.1, "{}", flows::flow(number))?;
    }
    text.1.flush()?;
    let mut times = Times::default();
    for round in 0..rounds {
        // Whoever goes first meets the colder machine, so they take turns.
        for ours in [round % 2 == 0, round % 2 != 0] {
            let ovs = OvsBuilder::new(Datapath::Dummy).bridge(BRIDGE).start()?;
            match ours {
                true => our_round(ovs, &flows, &mut times).await?,
                false => times.theirs.push(load_with_ofctl(&ovs, &text.0)?),
            }
        }
    }
    let (ours, theirs) = (median(times.ours), median(times.theirs));
    table.row("load 100,000 flows: ovs-ofctl --bundle add-flows", ms(theirs), "");
    table.row(
        "load 100,000 flows: ours, to the last confirmation",
        ms(ours),
        ratio(ours, theirs) + " of ovs-ofctl",
    );
    let reconnect = median(times.reconnect);
    table.row("reconnect: dump and compare 100,000 flows", ms(reconnect), "0 flow-mods");
    table.row(
        "kill -9 of ovs-vswitchd: all back after it answers",
        ms(median(times.restart)),
        "100,000 flow-mods",
    );
    table.row("our CPU for one load", ms(median(times.our_cpu_ms)), "");
    latencies(&flows, table).await
}

fn tempfile() -> Result<(std::path::PathBuf, std::io::BufWriter<std::fs::File>)> {
    let path = std::env::temp_dir().join(format!("dragonflow-bench-{}.flows", std::process::id()));
    let file = std::fs::File::create(&path).with_context(|| format!("create {}", path.display()))?;
    Ok((path, std::io::BufWriter::new(file)))
}

fn load_with_ofctl(ovs: &Ovs, file: &std::path::Path) -> Result<Duration> {
    let start = Instant::now();
    let file = file.to_str().context("a path of text")?;
    let status =
        ovs.ofctl_command().args(["-O", "OpenFlow13", "--bundle", "add-flows", BRIDGE, file]).status()?;
    ensure!(status.success(), "ovs-ofctl failed");
    Ok(start.elapsed())
}

pub(crate) fn connect(ovs: &Ovs, initial: Delta) -> Handle {
    let endpoint = Endpoint::Unix(ovs.mgmt_socket(BRIDGE));
    Handle::spawn(Options::new(endpoint, MachineOptions::new(Scope::everything())), initial)
}

fn put(flows: &[PackedFlow]) -> Delta {
    Delta { flows: flows.to_vec(), ..Delta::default() }
}

pub(crate) async fn confirmed(switch: &mut Handle, id: ChangeId) -> Result<()> {
    loop {
        match switch.next_event().await.context("the connection's task ended")? {
            Event::Committed { up_to, .. } | Event::Synced { up_to, .. } if up_to >= id => return Ok(()),
            Event::Refused { entry, refusal } => anyhow::bail!("{entry}: {refusal}"),
            _ => {}
        }
    }
}

async fn our_round(mut ovs: Ovs, flows: &[PackedFlow], times: &mut Times) -> Result<()> {
    let mut switch = connect(&ovs, Delta::default());
    confirmed(&mut switch, 0).await?;
    let cpu_before = testkit::process::cpu_ms(std::process::id())?;
    let start = Instant::now();
    let id = switch.change(put(flows)).await?;
    confirmed(&mut switch, id).await?;
    times.ours.push(start.elapsed());
    let cpu = testkit::process::cpu_ms(std::process::id())?.saturating_sub(cpu_before);
    times.our_cpu_ms.push(Duration::from_millis(cpu));
    drop(switch);

    let start = Instant::now();
    let mut switch = connect(&ovs, put(flows));
    confirmed(&mut switch, 0).await?;
    times.reconnect.push(start.elapsed());
    let sent = switch.inspect(|machine| machine.counters().flow_mods).await?;
    ensure!(sent == 0, "a reconnect sent {sent} flow-mods");

    ovs.kill9_vswitchd()?;
    ovs.restart_vswitchd()?;
    let start = Instant::now();
    loop {
        if let Event::Synced { .. } = switch.next_event().await.context("the connection's task ended")? {
            break;
        }
    }
    times.restart.push(start.elapsed());
    Ok(())
}

/// From a wish to its confirmation, with everything else in place.
async fn latencies(flows: &[PackedFlow], table: &mut Table) -> Result<()> {
    let ovs = OvsBuilder::new(Datapath::Dummy).bridge(BRIDGE).start()?;
    let mut switch = connect(&ovs, put(flows));
    confirmed(&mut switch, 0).await?;
    for count in CHANGES {
        let mut times = Vec::new();
        for round in 0..CHANGE_ROUNDS {
            let changed = (0..count)
                .map(|number| {
                    PackedFlow::new(&flows::flow(number * 37 % FLOWS).cookie((u64::from(round) + 1) << 40))
                })
                .collect::<Result<_, _>>()?;
            let start = Instant::now();
            let id = switch.change(Delta { flows: changed, ..Delta::default() }).await?;
            confirmed(&mut switch, id).await?;
            times.push(start.elapsed());
        }
        let us = median(times).as_secs_f64() * 1e6;
        table.row(format!("change {count} of 100,000 flows, to the confirmation"), format!("{us:.0} us"), "");
    }
    Ok(())
}
