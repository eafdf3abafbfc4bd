//! The sessions with other nodes: which ports they need on the bridge, and what is told of them.

use std::time::Duration;

use engine::{Peers, Watched};
use switch::bridge::SessionSpec;
use switch::interfaces::InterfaceWatch;
use switch::sessions::observed;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::info;

use crate::liveness::Liveness;
use crate::options::Options;

/// The nodes to watch, as the engine says; nothing, before it has said anything.
pub(crate) type WatchOrders = watch::Receiver<Option<Vec<Watched>>>;

/// What is known of the sessions, and was told.
#[derive(Debug)]
pub(crate) struct Sessions {
    liveness: Liveness,
    interval_ms: u32,
    start: Instant,
    told: Option<Peers>,
}

impl Sessions {
    pub(crate) fn new(options: &Options) -> Self {
        let liveness = Liveness::new(options.gateway_hold);
        Self { liveness, interval_ms: options.bfd_interval_ms, start: Instant::now(), told: None }
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
        Some(self.start + self.liveness.due()?)
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
        self.start.elapsed()
    }
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
