//! Recordings of controllers, read and run.

use std::fs::File;
use std::io::{BufRead as _, BufReader, ErrorKind};
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use engine::{Engine, record};

use crate::output;

/// What a recording led to.
pub(crate) struct Replayed {
    pub(crate) engine: Engine,
    pub(crate) steps: u64,
    pub(crate) units: usize,
    pub(crate) changes: usize,
}

/// Runs an engine on all that a controller was told. That the last line is cut short is remarked.
pub(crate) fn run(file: &Path) -> Result<Replayed> {
    let path = file.display();
    let file = File::open(file).with_context(|| format!("cannot open the recording {path}"))?;
    let mut replayed = Replayed { engine: Engine::new(apps::all()), steps: 0, units: 0, changes: 0 };
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
            inputs => inputs.with_context(|| format!("line {} of {path}", replayed.steps + 1))?,
        };
        let outputs = replayed.engine.step(inputs);
        replayed.steps += 1;
        replayed.units += outputs.units_run;
        replayed.changes += outputs.delta.len();
    }
    ensure!(
        replayed.steps > 0,
        "{path} holds no step: a controller writes the first when it has read the store and the switch"
    );
    if is_cut_short {
        // What follows may be read by a program.
        output::remark(&format!("the last line of {path} is cut short, and left out"))?;
    }
    Ok(replayed)
}
