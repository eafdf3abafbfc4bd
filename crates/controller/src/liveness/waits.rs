//! What is being waited for, so that a controller that is restarted meanwhile waits no shorter.
//!
//! # Guarantees
//! - What [`Liveness::waits`] says, told to a fresh one by [`Liveness::remember`] before it observes anything, makes that one wait for as
//!   long as the first would have: for nodes that came back, and for the others to rely on this one again.
//! - A session that is not up any more, or begins anew, makes what was remembered of it void.

use std::collections::BTreeMap;

use switch::sessions::{Observed, Session};

use super::{At, Liveness, Own, Peer};
use engine::Reach;

/// What is being waited for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Waits {
    /// Since when the sessions are up that it depends on, and whether the node at the other end was down before.
    pub(crate) peers: BTreeMap<String, (At, bool)>,
    /// Whether this node is not relied on yet.
    pub(crate) is_unsettled: bool,
}

impl Liveness {
    /// What is being waited for at this moment.
    pub(crate) fn waits(&self) -> Waits {
        let is_unsettled = matches!(self.own, Own::Started(_) | Own::CutOff);
        let waited = self.peers.iter().filter_map(|(name, peer)| {
            let is_held = matches!(peer.reach, Reach::Down | Reach::Gone);
            let since = peer.up_since.filter(|_| is_held || is_unsettled)?;
            Some((name.clone(), (since, is_held)))
        });
        Waits { peers: waited.collect(), is_unsettled }
    }

    /// Takes what one before this has waited for.
    pub(crate) fn remember(&mut self, waits: Waits) {
        self.remembered = waits;
    }

    /// How this node is, as far as that is remembered.
    pub(super) fn remembered_own(&mut self, now: At) -> Option<Own> {
        std::mem::take(&mut self.remembered.is_unsettled).then_some(Own::Started(now))
    }
}

impl Waits {
    /// Has a session go on where it was, if it is as it was.
    pub(super) fn resume(&mut self, name: &str, peer: &mut Peer, seen: &Observed, now: At) {
        let Some(session) = seen.session else { return };
        let Some((since, is_held)) = self.peers.remove(name).filter(|_| session == Session::Up) else {
            return;
        };
        peer.up_since = Some(since.min(now));
        if is_held {
            peer.turn(Reach::Down, now);
        }
    }
}
