//! Asking whether packets arrive, once or all the time while something else happens.
//!
//! `ping` itself is a poor judge on a busy machine: it ends without waiting for an answer that is a little late, and it counts
//! what is on its way as lost. So its lines are read here. A request counts as lost when a later one was answered and it was
//! not, or when nothing is answered for [`LAST_ANSWER_TIMEOUT`].

use std::collections::BTreeSet;
use std::fs;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::netns::Namespace;
use crate::process::Daemon;
use crate::scratch::ScratchDir;
use crate::wait::try_wait_until;

/// Between the echo requests of one [`Namespace::ping`].
const INTERVAL: Duration = Duration::from_millis(50);
/// How long the answer to the last request may take.
const LAST_ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a request may take to be sent.
const SEND_TIMEOUT: Duration = Duration::from_secs(60);
/// Requests of one ping; after these its sequence numbers come again.
const REQUESTS_MAX: usize = 65_535;

/// How many echo requests were answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingReport {
    pub sent: usize,
    pub received: usize,
    /// The numbers of those that were not, from 1 on.
    pub missing: Vec<usize>,
}

impl PingReport {
    #[must_use]
    pub fn lost(&self) -> usize {
        self.missing.len()
    }
}

impl Namespace {
    /// Sends `count` echo requests and says how many were answered; none answered is no error.
    pub fn ping(&self, target: IpAddr, count: usize) -> Result<PingReport> {
        let mut ping = self.start_ping(target, INTERVAL)?;
        ping.wait_for_requests(count)?;
        ping.report_on_first(count)
    }

    /// Sends echo requests until one is answered.
    pub fn wait_for_ping(&self, target: IpAddr, timeout: Duration) -> Result<()> {
        let mut obstacle = None;
        let mut ping: Option<BackgroundPing> = None;
        try_wait_until(timeout, &format!("{target} to answer {}", self.name()), || {
            let seen = match &mut ping {
                Some(running) => running.look(),
                None => self.start_ping(target, INTERVAL).map(|started| {
                    ping = Some(started);
                    Seen::default()
                }),
            };
            match seen {
                Ok(seen) => (!seen.answered.is_empty()).then_some(()),
                Err(error) => {
                    // "Network is unreachable" and the like: the address may be about to come.
                    (obstacle, ping) = (Some(error), None);
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
        // With -O it also says which request has no answer yet.
        command.args(["-n", "-O", "-i", &interval.as_secs_f64().to_string(), &target.to_string()]);
        let daemon = Daemon::start("ping", &command, &output)?;
        Ok(BackgroundPing { daemon, output, _directory: directory })
    }
}

/// A ping that runs while a test does something to the network. Dropping it ends it.
#[derive(Debug)]
pub struct BackgroundPing {
    daemon: Daemon,
    output: PathBuf,
    _directory: ScratchDir,
}

impl BackgroundPing {
    /// How many requests were sent since the start, as far as ping has said.
    pub fn requests(&mut self) -> Result<usize> {
        self.look().map(|seen| seen.sent)
    }

    /// Waits until `count` requests were sent since the start.
    pub fn wait_for_requests(&mut self, count: usize) -> Result<()> {
        self.wait_until(SEND_TIMEOUT, &format!("ping to send {count} requests"), |seen| seen.sent >= count)
    }

    /// Ends the ping and reports on all requests that were sent before.
    pub fn stop(mut self) -> Result<PingReport> {
        let count = self.requests()?;
        self.report_on_first(count)
    }

    /// Gives the first `count` requests the time to be answered, and counts which were.
    fn report_on_first(&mut self, count: usize) -> Result<PingReport> {
        // Packets keep their order, so the answer to a later request ends the wait for all before it.
        let decided = |seen: &Seen| {
            seen.answered.range(..=count).count() == count
                || seen.answered.last().is_some_and(|last| *last > count)
        };
        // Where nothing comes any more, what has no answer by now is lost: that is the report, and no error.
        let _ = self.wait_until(LAST_ANSWER_TIMEOUT, "a later answer", decided);
        let seen = self.look()?;
        ensure!(seen.sent < REQUESTS_MAX, "a ping of {REQUESTS_MAX} requests or more cannot be counted");
        let missing: Vec<usize> = (1..=count).filter(|number| !seen.answered.contains(number)).collect();
        Ok(PingReport { sent: count, received: count - missing.len(), missing })
    }

    fn wait_until(&mut self, timeout: Duration, what: &str, wanted: impl Fn(&Seen) -> bool) -> Result<()> {
        try_wait_until(timeout, what, || match self.look() {
            Ok(seen) => wanted(&seen).then_some(Ok(())),
            Err(error) => Some(Err(error)),
        })?
    }

    /// What the ping has said so far; an error when it has ended.
    fn look(&mut self) -> Result<Seen> {
        self.daemon.check_running()?;
        let output = fs::read_to_string(&self.output).context("read the output of ping")?;
        Ok(Seen::parse(&output))
    }
}

/// The lines of a ping, read.
#[derive(Debug, Default, PartialEq, Eq)]
struct Seen {
    /// Requests that are known to be sent.
    sent: usize,
    /// Numbers of the requests that were answered, from 1 on.
    answered: BTreeSet<usize>,
}

impl Seen {
    /// An answer is "64 bytes from 10.0.0.1: icmp_seq=7 ttl=64 time=0.02 ms"; other lines name requests that have none. A line
    /// that is not complete yet is left for later.
    fn parse(output: &str) -> Self {
        let mut seen = Self::default();
        let (complete, _) = output.rsplit_once('\n').unwrap_or_default();
        for line in complete.lines() {
            let Some((before, after)) = line.split_once("icmp_seq=") else { continue };
            let Some(Ok(number)) = after.split_whitespace().next().map(str::parse) else { continue };
            seen.sent = seen.sent.max(number);
            if before.contains(" bytes from ") {
                seen.answered.insert(number);
            }
        }
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_answers_and_their_absence() {
        let output = "PING 10.0.0.1 (10.0.0.1) 56(84) bytes of data.\n\
                      64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.047 ms\n\
                      no answer yet for icmp_seq=2\n\
                      From 10.0.0.9 icmp_seq=3 Destination Host Unreachable\n\
                      64 bytes from 10.0.0.1: icmp_seq=4 ttl=64 time=0.031 ms\n\
                      64 bytes from 10.0.0.1: icmp_seq=4 ttl=64 time=0.031 ms (DUP!)\n\
                      no answer yet for icmp_seq=5\n";
        assert_eq!(Seen::parse(output), Seen { sent: 5, answered: [1, 4].into() });
        assert_eq!(Seen::parse("ping: connect: Network is unreachable\n"), Seen::default());
    }

    #[test]
    fn a_line_that_is_not_complete_yet_is_left_for_later() {
        let whole = "64 bytes from fd00::1: icmp_seq=12 ttl=64 time=0.031 ms\n";
        for end in 0..whole.len() {
            assert_eq!(Seen::parse(&whole[..end]), Seen::default());
        }
        assert_eq!(Seen::parse(whole), Seen { sent: 12, answered: [12].into() });
    }
}
