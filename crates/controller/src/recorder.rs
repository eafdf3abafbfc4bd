//! Writing down what the engine is told, so that a fault can be replayed elsewhere.
//!
//! A recording is useless without its beginning, so it ends when the file is full; it never starts over. The file is
//! written by a thread of its own: a slow disk ends the recording, and not the work.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use engine::{Input, record};
use tracing::{info, warn};

/// Steps that wait for the disk.
const STEPS_MAX: usize = 256;

/// Where to record, and how much.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recording {
    /// The file; what was in it is lost.
    pub path: PathBuf,
    /// How large it may become.
    pub bytes_max: u64,
}

/// Records steps.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    steps: Option<SyncSender<String>>,
    bytes_left: u64,
}

impl Recorder {
    /// A recorder that records if it is told where.
    pub(crate) fn start(recording: Option<&Recording>) -> std::io::Result<Self> {
        let Some(recording) = recording else { return Ok(Self::default()) };
        let file = File::create(&recording.path)?;
        let (steps, receiver) = sync_channel(STEPS_MAX);
        std::thread::Builder::new().name("recorder".to_owned()).spawn(move || write(file, &receiver))?;
        info!(path = %recording.path.display(), bytes_max = recording.bytes_max, "recording");
        Ok(Self { steps: Some(steps), bytes_left: recording.bytes_max })
    }

    /// Notes a step.
    pub(crate) fn note(&mut self, inputs: &[Input]) {
        let Some(steps) = &self.steps else { return };
        let line = record::to_line(inputs);
        let bytes = u64::try_from(line.len()).unwrap_or(u64::MAX).saturating_add(1);
        let why = if bytes > self.bytes_left {
            "the file is full"
        } else if steps.try_send(line).is_err() {
            "the disk does not keep up, or is full"
        } else {
            self.bytes_left -= bytes;
            return;
        };
        warn!(why, "the recording ends here");
        self.steps = None;
    }
}

fn write(file: File, steps: &Receiver<String>) {
    let mut file = BufWriter::new(file);
    while let Ok(line) = steps.recv() {
        // What is recorded has to be there after a crash: that is when it is wanted.
        let written = writeln!(file, "{line}").and_then(|()| file.flush());
        if let Err(error) = written {
            warn!(%error, "the recording cannot be written");
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use model::RowId;
    use testkit::scratch::ScratchDir;
    use testkit::wait_until;

    use super::*;

    fn step(text: &str) -> Vec<Input> {
        vec![Input::InterfaceGone(RowId::new(text).unwrap())]
    }

    #[test]
    fn what_was_recorded_is_read_back_and_the_file_has_a_limit() {
        let directory = ScratchDir::new().unwrap();
        let path = directory.path().join("steps");
        let bytes_max = 10 * u64::try_from(record::to_line(&step("p0")).len() + 1).unwrap();
        let mut recorder = Recorder::start(Some(&Recording { path: path.clone(), bytes_max })).unwrap();
        for number in 0..20 {
            recorder.note(&step(&format!("p{}", number % 10)));
        }
        assert!(recorder.steps.is_none());
        let lines = wait_until(Duration::from_secs(10), "ten lines", || {
            let text = std::fs::read_to_string(&path).unwrap();
            Some(text.lines().map(str::to_owned).collect::<Vec<_>>()).filter(|lines| lines.len() == 10)
        });
        assert_eq!(record::from_line(&lines[3]).unwrap(), step("p3"));
        assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes_max);
    }

    #[test]
    fn without_a_file_nothing_is_recorded() {
        let mut recorder = Recorder::start(None).unwrap();
        recorder.note(&step("p"));
        assert!(recorder.steps.is_none());
    }
}
