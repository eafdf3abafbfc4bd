//! `dragonflow replay`: a recording of a controller, step by step, without a switch and a store.

use std::fmt::Write as _;

use anyhow::{Result, ensure};

use crate::arguments::Replay;
use crate::output;
use crate::recording::{self, Replayed};

/// Runs the engine on what it was told, and prints what follows.
pub(crate) fn run(replay: &Replay) -> Result<()> {
    let Replayed { mut engine, steps, units, changes } = recording::run(&replay.file)?;
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
