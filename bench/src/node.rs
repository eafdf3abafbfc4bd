//! What the pure core of a node costs: all apps over clouds of several sizes, without switch or store.

use std::time::Duration;

use anyhow::{Context, Result};
use engine::{Engine, Input, RowChange};
use model::{Table, TunnelType};

use crate::cloud::{self, Size};
use crate::report::{Table as Report, median, ms, per_item, timed};

const SIZES: [(&str, Size); 3] = [
    ("2,000 ports", Size { networks: 50, ports: 2_000, local: 200, hosts: 10 }),
    ("10,000 ports", Size { networks: 100, ports: 10_000, local: 500, hosts: 20 }),
    ("50,000 ports", Size { networks: 200, ports: 50_000, local: 500, hosts: 100 }),
];
/// Ports that are added one by one.
const CHANGES: u32 = 101;
const FIRST_TUNNEL_PORT: u32 = 65_001;

pub(crate) fn run(table: &mut Report) -> Result<()> {
    for (name, size) in SIZES {
        let before = resident_kib()?;
        let mut engine = Engine::new(apps::all());
        let facts = facts(size);
        let rows = resident_kib()?;
        let (bulk, outputs) = timed(|| engine.step(facts));
        let after = resident_kib()?;
        let flows = engine.flow_count();
        let note = format!("{flows} flows, {} units, {}", outputs.units_run, per_item(bulk, flows));
        table.row(format!("{name}: everything"), ms(bulk), note);
        let note = format!("of them rows {} MiB", (rows - before) / 1024);
        table.row(format!("{name}: memory"), format!("{} MiB", (after - before) / 1024), note);
        drop(outputs);
        for (what, local) in [("remote", false), ("local", true)] {
            let mut times = Vec::new();
            let mut cost = (0, 0);
            for number in 0..CHANGES {
                let (time, one) = one_more(&mut engine, size, number, local);
                times.push(time);
                cost = one;
            }
            let note = format!("{} units, {} changes of the switch", cost.0, cost.1);
            table.row(format!("{name}: one more {what} port"), micro(median(times)), note);
        }
    }
    Ok(())
}

/// Everything that a node is told at its start.
fn facts(size: Size) -> Vec<Input> {
    let ports: Vec<_> = (0..size.ports).map(|number| cloud::port(size, number)).collect();
    let interfaces = ports
        .iter()
        .zip(0..size.local)
        .map(|(port, number)| Input::Interface(cloud::interface(port, number)));
    let mut inputs: Vec<Input> = interfaces.collect();
    inputs.push(Input::Settings(cloud::settings()));
    inputs.push(Input::Tunnels([(TunnelType::Geneve, FIRST_TUNNEL_PORT)].into()));
    let rows = cloud::ground(size).into_iter().chain(ports).collect();
    inputs.push(Input::Snapshot { tables: Table::ALL.to_vec(), rows });
    inputs
}

/// Time of the step, units that ran, changes of the switch.
fn one_more(engine: &mut Engine, size: Size, number: u32, local: bool) -> (Duration, (usize, usize)) {
    let number = if local { CHANGES + number } else { number };
    let port = cloud::one_more(size, number, local);
    let mut inputs = Vec::with_capacity(2);
    if local {
        inputs.push(Input::Interface(cloud::interface(&port, size.local + number)));
    }
    inputs.push(Input::Row(RowChange::Put(port)));
    let (time, outputs) = timed(|| engine.step(inputs));
    (time, (outputs.units_run, outputs.delta.len()))
}

fn micro(time: Duration) -> String {
    format!("{:.0} us", time.as_secs_f64() * 1e6)
}

/// Memory of this process.
fn resident_kib() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("cannot read /proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .context("no VmRSS in /proc/self/status")?;
    Ok(line.trim().trim_end_matches(" kB").parse()?)
}
