//! The sessions with other nodes: which ports they need on the bridge, and what is told of them.

use std::time::Duration;

use engine::{Peers, Watched};
use switch::bridge::SessionSpec;
use switch::interfaces::InterfaceWatch;
use switch::sessions::observed;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::info;

use crate::clock;
use crate::liveness::{Liveness, Waits};
use crate::numbers::Pairs;
use crate::options::Options;

/// The nodes to watch, as the engine says; nothing, before it has said anything.
pub(crate) type WatchOrders = watch::Receiver<Option<Vec<Watched>>>;

/// How long before its start a controller can remember that something happened.
const ORIGIN: Duration = Duration::from_secs(3_600);

/// How what is waited for is kept beside the switch: since when the sessions are up of nodes that came back, and of others.
const HELD: &str = "held-";
const HEARD: &str = "heard-";
/// Whether the others rely on this node again.
const UNSETTLED: &str = "unsettled";

/// What is known of the sessions, and was told.
#[derive(Debug)]
pub(crate) struct Sessions {
    liveness: Liveness,
    interval_ms: u32,
    start: Instant,
    /// The time of day of the moment that times are counted from.
    origin_ms: u64,
    told: Option<Peers>,
}

impl Sessions {
    pub(crate) fn new(options: &Options) -> Self {
        let liveness = Liveness::new(options.gateway_hold);
        let origin_ms = clock::now_ms().saturating_sub(in_ms(ORIGIN));
        Self { liveness, interval_ms: options.bfd_interval_ms, start: Instant::now(), origin_ms, told: None }
    }

    /// These nodes are to be watched; the ports that this takes.
    pub(crate) fn want(&mut self, watched: &[Watched]) -> Vec<SessionSpec> {
        self.liveness.want(self.now(), watched);
        let session =
            |watched: &Watched| SessionSpec { peer: watched.peer.to_string(), interval_ms: self.interval_ms };
        watched.iter().map(session).collect()
    }

    /// Takes what the database says.
    pub(crate) fn observe(&mut self, watch: &InterfaceWatch) {
        self.liveness.observe(self.now(), &observed(watch));
    }

    /// Does what follows from time alone.
    pub(crate) fn tick(&mut self) {
        self.liveness.tick(self.now());
    }

    /// When to look again although nothing happens.
    pub(crate) fn due(&self) -> Option<Instant> {
        Some(self.start + self.liveness.due()?.saturating_sub(ORIGIN))
    }

    /// What the engine has not been told yet.
    pub(crate) fn news(&mut self) -> Option<Peers> {
        let peers = self.liveness.peers();
        if self.told.as_ref() == Some(&peers) {
            return None;
        }
        let before = self.told.replace(peers.clone());
        say(before.as_ref(), &peers);
        Some(peers)
    }

    fn now(&self) -> Duration {
        ORIGIN + self.start.elapsed()
    }

    /// Goes on with what a controller before this one was waiting for.
    pub(crate) fn remember(&mut self, pairs: &Pairs) {
        self.liveness.remember(waits_of(pairs, self.origin_ms));
    }

    /// What is waited for, to be kept.
    pub(crate) fn pairs(&self) -> Pairs {
        pairs_of(&self.liveness.waits(), self.origin_ms)
    }
}

fn in_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

fn pairs_of(waits: &Waits, origin_ms: u64) -> Pairs {
    let peers = waits.peers.iter().map(|(peer, (since, is_held))| {
        let prefix = if *is_held { HELD } else { HEARD };
        (format!("{prefix}{peer}"), origin_ms.saturating_add(in_ms(*since)).to_string())
    });
    let own = waits.is_unsettled.then(|| (UNSETTLED.to_owned(), true.to_string()));
    peers.chain(own).collect()
}

fn waits_of(pairs: &Pairs, origin_ms: u64) -> Waits {
    let peer = |(key, value): (&String, &String)| {
        let held = key.strip_prefix(HELD).map(|peer| (peer, true));
        let (peer, is_held) = held.or_else(|| Some((key.strip_prefix(HEARD)?, false)))?;
        let since = value.parse::<u64>().ok()?.saturating_sub(origin_ms);
        Some((peer.to_owned(), (Duration::from_millis(since), is_held)))
    };
    Waits { peers: pairs.iter().filter_map(peer).collect(), is_unsettled: pairs.contains_key(UNSETTLED) }
}

/// Says in the log what changed, which is what somebody will look for who asks why a gateway moved.
fn say(before: Option<&Peers>, now: &Peers) {
    for (peer, reach) in &now.reach {
        let was = before.and_then(|before| before.reach.get(peer));
        if was != Some(reach) {
            info!(%peer, ?was, now = ?reach, "another node is seen otherwise");
        }
    }
    if before.is_some_and(|before| before.is_settled != now.is_settled) {
        match now.is_settled {
            true => info!("the others have relied on this node for long enough: it may have gateways"),
            false => {
                info!("the switch was started: gateways are left to others until they rely on this node")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_waited_for_is_the_same_for_the_next_controller() {
        let second = Duration::from_secs;
        let peers = [("n1", (second(3_600), true)), ("n-2", (second(3_605), false))];
        let peers = peers.map(|(name, since)| (name.to_owned(), since)).into();
        let waits = Waits { peers, is_unsettled: true };
        let pairs = pairs_of(&waits, 1_000_000);
        assert_eq!(pairs["held-n1"], "4600000");
        assert_eq!(waits_of(&pairs, 1_000_000), waits);
        // One that is started ten seconds later counts from another moment.
        assert_eq!(waits_of(&pairs, 1_010_000).peers["n1"], (second(3_590), true));
        // What makes no sense, and what is older than anybody remembers.
        let odd = [("held-x", "soon"), ("meter-p1", "7"), ("heard-old", "5")];
        let odd: Pairs = odd.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let read = waits_of(&odd, 1_000_000);
        assert_eq!(read.peers, [("old".to_owned(), (Duration::ZERO, false))].into());
        assert!(!read.is_unsettled);
    }
}
