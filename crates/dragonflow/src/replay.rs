//! `dragonflow replay`: a recording of a controller, step by step, without a switch and a store.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader};

use anyhow::{Context as _, Result, ensure};
use engine::{Engine, record};

use crate::arguments::Replay;
use crate::output;

/// Runs the engine on what it was told, and prints what follows.
pub(crate) fn run(replay: &Replay) -> Result<()> {
    let path = replay.file.display();
    let file = File::open(&replay.file).with_context(|| format!("cannot open the recording {path}"))?;
    let mut engine = Engine::new(apps::all());
    let (mut steps, mut units, mut changes) = (0_u64, 0_usize, 0_usize);
    for (place, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("cannot read the recording {path}"))?;
        let inputs = record::from_line(&line).with_context(|| format!("line {} of {path}", place + 1))?;
        let outputs = engine.step(inputs);
        steps += 1;
        units += outputs.units_run;
        changes += outputs.delta.len();
    }
    let desired = engine.desired();
    let mut text = String::new();
    if replay.flows {
        for flow in &desired.flows {
            writeln!(text, "{flow}")?;
        }
    } else {
        writeln!(text, "{steps} steps, {units} units run, {changes} changes of the switch")?;
        writeln!(
            text,
            "{} flows, {} groups, {} ports that forward",
            desired.flows.len(),
            desired.groups.len(),
            desired.ready.len()
        )?;
        for finding in &desired.findings {
            let subject =
                finding.subject.as_ref().map(|subject| format!(" of {subject}")).unwrap_or_default();
            writeln!(text, "{}: {}{subject}: {}", finding.app, finding.rule, finding.problem)?;
        }
    }
    output::print(&text)?;
    ensure!(
        desired == engine.recompute(),
        "what the steps lead to is not what follows from the facts: please report this recording"
    );
    Ok(())
}
