//! Asking whether packets arrive, once or all the time while something else happens.

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};

use crate::netns::Namespace;
use crate::process::{Daemon, output_of, run};
use crate::scratch::ScratchDir;
use crate::wait::try_wait_until;

/// Between the echo requests of one [`Namespace::ping`].
const INTERVAL_SECONDS: &str = "0.05";
/// How long `ping` waits for the last answer.
const LAST_ANSWER_TIMEOUT_SECONDS: &str = "1";
const SUMMARY_TIMEOUT: Duration = Duration::from_secs(10);

/// How many echo requests were answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PingReport {
    pub sent: u32,
    pub received: u32,
}

impl PingReport {
    #[must_use]
    pub fn lost(&self) -> u32 {
        self.sent.saturating_sub(self.received)
    }

    /// Reads the line "5 packets transmitted, 4 received, 20% packet loss, time 812ms".
    fn parse(output: &str) -> Option<Self> {
        let line = output.lines().find(|line| line.contains(" packets transmitted, "))?;
        let mut counts =
            line.split(", ").map(|part| part.split(' ').next().and_then(|word| word.parse().ok()));
        Some(Self { sent: counts.next()??, received: counts.next()?? })
    }
}

impl Namespace {
    /// Sends `count` echo requests and says how many were answered; none answered is no error.
    pub fn ping(&self, target: IpAddr, count: u32) -> Result<PingReport> {
        let mut command = self.command("ping");
        command.args(["-n", "-q", "-c", &count.to_string(), "-i", INTERVAL_SECONDS]).args([
            "-W",
            LAST_ANSWER_TIMEOUT_SECONDS,
            &target.to_string(),
        ]);
        let output = output_of(&mut command)?;
        PingReport::parse(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| {
            anyhow!(
                "ping {target} in {}: {}",
                self.name(),
                String::from_utf8_lossy(&output.stderr).trim_end()
            )
        })
    }

    /// Sends echo requests until the first is answered.
    pub fn wait_for_ping(&self, target: IpAddr, timeout: Duration) -> Result<()> {
        let mut obstacle = None;
        try_wait_until(timeout, &format!("{target} to answer {}", self.name()), || {
            match self.ping(target, 1) {
                Ok(report) => (report.received > 0).then_some(()),
                Err(error) => {
                    // "Network is unreachable" and the like: the address may be about to come.
                    obstacle = Some(error);
                    None
                }
            }
        })
        .map_err(|late| match obstacle {
            Some(obstacle) => obstacle.context(late),
            None => late,
        })
    }

    /// Keeps sending echo requests, one each `interval`, until the report is asked for.
    pub fn start_ping(&self, target: IpAddr, interval: Duration) -> Result<BackgroundPing> {
        let directory = ScratchDir::new()?;
        let output = directory.path().join("ping.out");
        let mut command = self.command("ping");
        command.args(["-n", "-q", "-i", &interval.as_secs_f64().to_string(), &target.to_string()]);
        let daemon = Daemon::start("ping", &command, &output)?;
        // ping installs its handlers first and prints this line then: from here on it can be stopped.
        try_wait_until(SUMMARY_TIMEOUT, "ping to start", || {
            std::fs::read_to_string(&output).ok()?.starts_with("PING ").then_some(())
        })?;
        Ok(BackgroundPing { daemon, output, _directory: directory })
    }
}

/// A ping that runs while a test does something to the network.
#[derive(Debug)]
pub struct BackgroundPing {
    daemon: Daemon,
    output: PathBuf,
    _directory: ScratchDir,
}

impl BackgroundPing {
    /// Ends the ping and returns its count. A request in flight at this moment counts as lost.
    pub fn stop(mut self) -> Result<PingReport> {
        self.daemon.check_running()?;
        run(Command::new("kill").args(["-INT", &self.daemon.pid().to_string()])).context("interrupt ping")?;
        try_wait_until(SUMMARY_TIMEOUT, "the summary of ping", || {
            PingReport::parse(&std::fs::read_to_string(&self.output).ok()?)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_summary() {
        let output = "PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.\n\n--- 10.0.0.1 ping statistics ---\n\
                      5 packets transmitted, 3 received, 40% packet loss, time 812ms\n";
        let report = PingReport::parse(output).unwrap();
        assert_eq!((report.sent, report.received, report.lost()), (5, 3, 2));
    }

    #[test]
    fn reads_a_summary_with_errors_in_it() {
        let output = "2 packets transmitted, 0 received, +2 errors, 100% packet loss, time 51ms\n";
        assert_eq!(PingReport::parse(output), Some(PingReport { sent: 2, received: 0 }));
        assert_eq!(PingReport::parse("ping: connect: Network is unreachable"), None);
    }
}
