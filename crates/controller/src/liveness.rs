//! From sessions that come up and go down to nodes that are relied on: pure, time comes from outside.
//!
//! # Guarantees
//! - A node that falls silent is [`Down`](Reach::Down) at once.
//! - One that was down is [`Alive`](Reach::Alive) only after its session was up without a break for the hold time, so a node that comes
//!   and goes takes nothing over. One that this node never saw down, as when it was started itself, counts as soon as it answers.
//! - A controller that starts finds the sessions of the one before, and sees what that one saw; what that one was waiting for it goes on
//!   waiting for ([`waits`]).
//! - After its switch was started, or it was cut off from all others, the node is not settled, and leaves gateways to others, until these have relied on it for a moment:
//!   they count the hold time from the same event, the session that comes up. A session comes up only with the flows of the switch,
//!   so that this counts from when the node can forward again and not from when a process runs.
//!
//! ```text
//!             up                          silent
//!  Unknown --------------------> Alive -----------> Down ------------------> Gone
//!     |                            ^                 | ^    for long, while   |
//!     | not up for SETTLE          | up for the hold | |    others are there  | up
//!     `----------> Down            `-----------------' `----------------------'
//! ```

mod waits;

use std::collections::BTreeMap;
use std::time::Duration;

use engine::{Peers, Reach, Watched};
use model::{Chassis, Id};
use ovsdb::Uuid;
use switch::sessions::{Observed, Session};

pub(crate) use waits::Waits;

/// A session that is not up after this time has nobody at its other end. Open vSwitch asks once a second until it is up.
const SETTLE: Duration = Duration::from_secs(5);
/// A node that was silent for so long, while another one was not, says nothing of the cables of this one.
const GONE: Duration = Duration::from_secs(60);
/// The others see that this node is back a moment before it serves: a moment with nobody does less harm than one with two who answer.
/// The two ends of a session that comes up see it up to a second apart.
const MARGIN: Duration = Duration::from_secs(1);
/// Sessions with several nodes come up within this time; one that takes longer is not waited for.
const SPREAD: Duration = Duration::from_secs(3);

/// A time, from some moment on.
pub(crate) type At = Duration;

/// What is known of all peers.
#[derive(Debug)]
pub(crate) struct Liveness {
    hold: Duration,
    /// The nodes that are to be watched, once that was said, and whether each may serve in the place of this one.
    wanted: Option<BTreeMap<String, bool>>,
    peers: BTreeMap<String, Peer>,
    own: Own,
    /// What a controller before this one has waited for.
    remembered: Waits,
}

/// How the switch of this node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Own {
    /// Nothing was seen of it yet.
    Unseen,
    Settled,
    /// It was started at that time, or before.
    Started(At),
    /// Nobody was heard, which with several others is a cable of this node's own.
    CutOff,
}

#[derive(Debug)]
struct Peer {
    row: Uuid,
    port: Option<u32>,
    session: Option<Session>,
    reach: Reach,
    /// Since when it is as it is.
    since: At,
    /// Since when the session is up without a break.
    up_since: Option<At>,
}

impl Liveness {
    /// Nothing is known yet.
    pub(crate) fn new(hold: Duration) -> Self {
        let remembered = Waits::default();
        Self { hold, wanted: None, peers: BTreeMap::new(), own: Own::Unseen, remembered }
    }

    /// These nodes are to be watched.
    pub(crate) fn want(&mut self, now: At, wanted: &[Watched]) {
        let wanted = wanted.iter().map(|watched| (watched.peer.to_string(), watched.is_candidate));
        self.wanted = Some(wanted.collect());
        self.tick(now);
    }

    /// Takes what the database says of all sessions.
    pub(crate) fn observe(&mut self, now: At, observed: &BTreeMap<String, Observed>) {
        if self.own == Own::Unseen {
            // A session that is up or was says that the switch has worked before us.
            let has_worked = |seen: &Observed| matches!(seen.session, Some(Session::Up | Session::Down));
            if observed.values().any(has_worked) {
                self.own = self.remembered_own(now).unwrap_or(Own::Settled);
            } else if observed.values().all(|seen| seen.session.is_some()) {
                self.own = Own::Started(now);
            }
        }
        // A port that cannot be used for a moment, as when its switch starts, is not a session that never was.
        let is_wanted = |peer: &String| self.wanted.as_ref().is_some_and(|wanted| wanted.contains_key(peer));
        self.peers.retain(|peer, _| observed.contains_key(peer) || is_wanted(peer));
        let mut was_started = false;
        for (name, seen) in observed {
            let known = self.peers.get(name).filter(|known| known.row == seen.row);
            if known.is_none() {
                self.peers.insert(name.clone(), Peer::new(now, seen));
            }
            if let Some(peer) = self.peers.get_mut(name) {
                peer.port = seen.port.map(net_types::OfPort::get);
                was_started |= peer.see(now, seen.session);
                self.remembered.resume(name, peer, seen, now);
            }
        }
        if was_started {
            self.own = Own::Started(now);
        }
        self.tick(now);
    }

    /// Does what follows from time alone.
    pub(crate) fn tick(&mut self, now: At) {
        let others_are_there = self.peers.values().any(|peer| peer.reach == Reach::Alive);
        for peer in self.peers.values_mut() {
            if peer.next(self.hold, others_are_there).is_some_and(|(at, _)| at <= now) {
                let (_, reach) = peer.next(self.hold, others_are_there).expect("it was there");
                peer.turn(reach, now);
            }
        }
        if self.settles_at().is_some_and(|at| at <= now) {
            self.own = Own::Settled;
        }
        if self.own == Own::Settled && self.is_cut_off() {
            self.own = Own::CutOff;
        }
    }

    /// When to look again although nothing happens.
    pub(crate) fn due(&self) -> Option<At> {
        let others_are_there = self.peers.values().any(|peer| peer.reach == Reach::Alive);
        let peers = self.peers.values().filter_map(|peer| Some(peer.next(self.hold, others_are_there)?.0));
        peers.chain(self.settles_at()).min()
    }

    /// When others rely on this node again: those that may serve in its place, because they leave that to it then.
    fn settles_at(&self) -> Option<At> {
        let started = match self.own {
            Own::Started(since) => Some(since),
            Own::CutOff => None,
            Own::Unseen | Own::Settled => return None,
        };
        let rivals = self.wanted.as_ref()?.iter().filter(|(_, is_candidate)| **is_candidate);
        let rivals: Vec<Option<&Peer>> = rivals.map(|(name, _)| self.peers.get(name)).collect();
        let ups: Vec<At> = rivals.iter().filter_map(|rival| (*rival)?.up_since).collect();
        if let (Some(first), Some(last)) = (ups.iter().min(), ups.iter().max()) {
            return Some(*last.min(&(*first + SPREAD)) + self.hold + MARGIN);
        }
        // None of them is there, or it is not known yet.
        let is_open = |rival: &Option<&Peer>| rival.is_none_or(|rival| rival.reach == Reach::Unknown);
        match started {
            Some(since) => {
                let asked = if rivals.iter().any(is_open) { since + SETTLE } else { since };
                // Where others are heard first, the cable was mended, and a rival will be heard in a moment.
                let first = self.peers.values().filter_map(|peer| peer.up_since).min();
                Some(first.map_or(asked, |first| asked.max(first + SPREAD)))
            }
            None => self.peers.values().any(|peer| peer.reach == Reach::Alive).then_some(At::ZERO),
        }
    }

    /// Whether none of several others is heard.
    fn is_cut_off(&self) -> bool {
        let counted = || self.peers.values().filter(|peer| peer.reach != Reach::Gone);
        counted().count() > 1 && counted().all(|peer| peer.reach == Reach::Down)
    }

    /// What the engine is told.
    pub(crate) fn peers(&self) -> Peers {
        let id = |name: &String| Id::<Chassis>::new(name).ok();
        let is_wanted = |name: &String| self.wanted.as_ref().is_none_or(|wanted| wanted.contains_key(name));
        let seen = self.peers.iter().filter(|(name, _)| is_wanted(name));
        let mut reach: BTreeMap<Id<Chassis>, Reach> =
            seen.clone().filter_map(|(name, peer)| Some((id(name)?, peer.reach))).collect();
        for name in self.wanted.iter().flatten().filter_map(|(name, _)| id(name)) {
            reach.entry(name).or_default();
        }
        let ports = seen.filter_map(|(name, peer)| Some((id(name)?, peer.port?))).collect();
        Peers { reach, ports, is_settled: matches!(self.own, Own::Settled) }
    }
}

impl Peer {
    const fn new(now: At, seen: &Observed) -> Self {
        Self { row: seen.row, port: None, session: None, reach: Reach::Unknown, since: now, up_since: None }
    }

    /// Takes what is seen of the session; whether the switch of this node was started since.
    fn see(&mut self, now: At, session: Option<Session>) -> bool {
        // The database was restarted, and Open vSwitch will say it again.
        let Some(session) = session else { return false };
        let before = self.session.replace(session);
        if session != Session::Up {
            self.up_since = None;
        }
        match session {
            Session::Up => {
                self.up_since.get_or_insert(now);
                if self.reach == Reach::Unknown {
                    self.turn(Reach::Alive, now);
                }
                false
            }
            Session::Fresh => {
                let was_started = before.is_some_and(|before| before != Session::Fresh);
                if was_started {
                    self.turn(Reach::Unknown, now);
                }
                was_started
            }
            Session::Down => {
                if matches!(self.reach, Reach::Unknown | Reach::Alive) {
                    self.turn(Reach::Down, now);
                }
                false
            }
        }
    }

    fn turn(&mut self, reach: Reach, now: At) {
        self.reach = reach;
        self.since = now;
    }

    /// What it becomes if nothing happens, and when.
    fn next(&self, hold: Duration, others_are_there: bool) -> Option<(At, Reach)> {
        match (self.reach, self.up_since) {
            (Reach::Unknown, None) => Some((self.since + SETTLE, Reach::Down)),
            (Reach::Down | Reach::Gone, Some(up)) => Some((up + hold, Reach::Alive)),
            (Reach::Down, None) if others_are_there => Some((self.since + GONE, Reach::Gone)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
