//! `dragonflow replay`: a recording of a controller, step by step, without a switch and a store.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind};

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
    let mut file = BufReader::new(file);
    let (mut line, mut is_cut_short) = (String::new(), false);
    loop {
        line.clear();
        let read = file.read_line(&mut line);
        // Who is killed while writing leaves a line without its end, which may be in the middle of a character.
        let is_torn = |error: &std::io::Error| error.kind() == ErrorKind::InvalidData;
        match read {
            Ok(0) => break,
            Err(error) if is_torn(&error) && file.fill_buf().is_ok_and(<[u8]>::is_empty) => {
                is_cut_short = true;
                break;
            }
            read => read.with_context(|| format!("cannot read the recording {path}"))?,
        };
        let inputs = match record::from_line(line.trim_end()) {
            Err(_) if !line.ends_with('\n') => {
                is_cut_short = true;
                break;
            }
            inputs => inputs.with_context(|| format!("line {} of {path}", steps + 1))?,
        };
        let outputs = engine.step(inputs);
        steps += 1;
        units += outputs.units_run;
        changes += outputs.delta.len();
    }
    ensure!(
        steps > 0,
        "{path} holds no step: a controller writes the first when it has read the store and the switch"
    );
    let desired = engine.desired();
    let mut text = String::new();
    if is_cut_short {
        // What follows may be read by a program.
        output::remark(&format!("the last line of {path} is cut short, and left out"))?;
    }
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
