//! Child processes that cannot outlive the test, and what they cost.
//!
//! A [`Daemon`] is a direct child in the foreground, so its handle is exact: no pid file to trust,
//! no pattern to match. Two things make its end certain. Dropping the value kills and reaps it; and
//! `setpriv --pdeathsig KILL` tells the kernel to kill it when its parent dies without a chance to
//! drop anything. The kernel means the parent *thread*, and the test runner gives every test a
//! thread of its own, so all daemons are started from one thread that lives as long as the process:
//! otherwise a daemon shared by several tests would die with the first of them.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::{fs, io, thread};

use anyhow::{Context, Result, bail};

use crate::require::{find_program, missing_message};

/// The kernel reports process times in units of 1/100 s to every program, whatever its own tick.
const MILLISECONDS_PER_CLOCK_TICK: u64 = 10;

/// A child process in the foreground whose output goes to a file.
#[derive(Debug)]
pub struct Daemon {
    name: String,
    child: Child,
    output: PathBuf,
}

impl Daemon {
    /// Starts `command`; what it writes on stdout and stderr is appended to `output`.
    pub fn start(name: &str, command: &Command, output: &Path) -> Result<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(output)
            .with_context(|| format!("open {} for the output of {name}", output.display()))?;
        let mut supervised = dies_with_us(command)?;
        supervised.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = spawn(supervised).with_context(|| format!("start {name}"))?;
        Ok(Self { name: name.to_owned(), child, output: output.to_owned() })
    }

    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Fails with the daemon's last words when it has exited.
    pub fn check_running(&mut self) -> Result<()> {
        let Some(status) =
            self.child.try_wait().with_context(|| format!("ask for the state of {}", self.name))?
        else {
            return Ok(());
        };
        let output = fs::read_to_string(&self.output).unwrap_or_default();
        bail!("{} ended by itself ({status}): {}", self.name, output.trim_end());
    }

    /// `kill -9`, and waits until the process is gone.
    pub fn kill(&mut self) -> Result<()> {
        self.child.kill().with_context(|| format!("kill {}", self.name))?;
        self.child.wait().with_context(|| format!("reap {}", self.name))?;
        Ok(())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Both fail only when the process is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a command to its end and returns its standard output.
///
/// The caller bounds its time (`--timeout`, `-w`, ...). A failure holds the command line and what it
/// wrote on stderr.
pub fn run(command: &Command) -> Result<String> {
    let output = output_of(command)?;
    if !output.status.success() {
        bail!(
            "`{}` failed ({}): {}",
            command_line(command),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout).with_context(|| format!("`{}` wrote no UTF-8", command_line(command)))
}

/// Runs a command to its end, whatever its exit status.
pub fn output_of(command: &Command) -> Result<Output> {
    // A tool that waits for a daemon would wait on when both we and the daemon were killed.
    let mut supervised = dies_with_us(command)?;
    supervised.stdin(Stdio::null()).output().with_context(|| format!("start `{}`", command_line(command)))
}

/// The resident memory of a process.
pub fn rss_kib(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    parse_rss_kib(&status).with_context(|| format!("no VmRSS in {path}"))
}

/// The processor time a process has used, user and system, all its threads.
pub fn cpu_ms(pid: u32) -> Result<u64> {
    let path = format!("/proc/{pid}/stat");
    let stat = fs::read_to_string(&path).with_context(|| format!("read {path}"))?;
    parse_cpu_ms(&stat).with_context(|| format!("no processor time in {path}"))
}

fn parse_rss_kib(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Fields 14 and 15; counted from after the name, which stands in parentheses and may hold blanks.
fn parse_cpu_ms(stat: &str) -> Option<u64> {
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) * MILLISECONDS_PER_CLOCK_TICK)
}

pub(crate) fn command_line(command: &Command) -> String {
    std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect::<Vec<_>>()
        .join(" ")
}

/// The same command under `setpriv`, which sets the signal and then becomes the command: the process
/// id is the daemon's own.
fn dies_with_us(command: &Command) -> Result<Command> {
    let program = command.get_program().to_string_lossy();
    if !Path::new(&*program).is_absolute() && find_program(&program).is_none() {
        bail!(missing_message(&program));
    }
    let setpriv = find_program("setpriv").with_context(|| missing_message("setpriv"))?;
    let mut supervised = Command::new(setpriv);
    supervised.args(["--pdeathsig", "KILL", "--"]).arg(command.get_program()).args(command.get_args());
    // Ctrl-C is for us, who end the daemons in order.
    supervised.process_group(0);
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => supervised.env(name, value),
            None => supervised.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        supervised.current_dir(directory);
    }
    Ok(supervised)
}

struct SpawnRequest {
    command: Command,
    answer: SyncSender<io::Result<Child>>,
}

/// Spawns from the thread that lives as long as this process.
fn spawn(command: Command) -> io::Result<Child> {
    static LAUNCHER: OnceLock<SyncSender<SpawnRequest>> = OnceLock::new();
    let launcher = LAUNCHER.get_or_init(|| {
        let (requests, inbox) = sync_channel::<SpawnRequest>(0);
        thread::spawn(move || {
            for SpawnRequest { mut command, answer } in inbox {
                // Nobody waits for the answer any more when the asking test has ended.
                let _ = answer.send(command.spawn());
            }
        });
        requests
    });
    let gone = |_| io::Error::other("the launcher thread has ended");
    let (answer, result) = sync_channel(1);
    launcher
        .send(SpawnRequest { command, answer })
        .map_err(|_| io::Error::other("the launcher thread has ended"))?;
    result.recv().map_err(gone)?
}

#[cfg(test)]
mod tests;
