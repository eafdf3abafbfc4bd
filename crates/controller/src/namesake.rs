//! Another node of the same name.
//!
//! A node is known by its name, so two that have the same one would take each other's ports and tunnels. Who comes second finds the row of the first,
//! which says that tunnels end elsewhere, and a heartbeat that goes on: it leaves the rows as they are, claims no ports, says so, and looks
//! again. Where the heartbeat stands still, it was this node before it moved, or one that is gone, and the rows are taken over.
//!
//! A row that somebody wrote by mistake does not beat, and is made right at once.

use std::net::IpAddr;
use std::time::Duration;

use model::{Chassis, Service, Timestamp};
use tokio::time::Instant;

/// What is known of others with the name of this node.
#[derive(Debug, Default)]
pub(crate) struct Namesakes {
    /// Our own last sign of life.
    own: Option<Timestamp>,
    /// The last one of somebody else, and since when it is the last.
    other: Option<(Timestamp, Instant)>,
    /// Whether somebody else was seen to be alive.
    is_there: bool,
}

/// Whose a name is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Holder {
    /// Ours.
    Us,
    /// Somebody gave a sign of life under it, and it is not clear yet whether more follow.
    Unclear,
    /// Another node's, whose tunnels end here.
    Another(IpAddr),
}

impl Namesakes {
    /// Whose the name is, by what the store says of it.
    pub(crate) fn holder(
        &mut self,
        ours: &Chassis,
        stored: Option<&Chassis>,
        service: Option<&Service>,
        now: Instant,
        silence: Duration,
    ) -> Holder {
        let beat = service.and_then(|service| service.last_seen_up.clone());
        let elsewhere = stored.filter(|stored| stored.ip != ours.ip);
        let (Some(elsewhere), Some(beat)) = (elsewhere, beat.filter(|beat| self.own.as_ref() != Some(beat)))
        else {
            *self = Self { own: self.own.take(), ..Self::default() };
            return Holder::Us;
        };
        match &self.other {
            Some((last, since)) if *last == beat => {
                if now.duration_since(*since) >= silence {
                    *self = Self { own: self.own.take(), ..Self::default() };
                    return Holder::Us;
                }
            }
            Some(_) => {
                self.is_there = true;
                self.other = Some((beat, now));
            }
            None => self.other = Some((beat, now)),
        }
        if self.is_there { Holder::Another(elsewhere.ip) } else { Holder::Unclear }
    }

    /// Notes our own sign of life.
    pub(crate) fn note(&mut self, beat: Timestamp) {
        self.own = Some(beat);
    }
}

#[cfg(test)]
mod tests {
    use model::{Id, TunnelType};

    use super::*;

    const SILENCE: Duration = Duration::from_secs(30);

    fn chassis(ip: &str) -> Chassis {
        Chassis {
            external_host_ip: None,
            id: Id::new("n1").unwrap(),
            ip: ip.parse().unwrap(),
            tunnel_types: vec![TunnelType::Geneve],
        }
    }

    fn beat(at: f64) -> Service {
        let chassis = Id::new("n1").unwrap();
        Service {
            binary: "b".to_owned(),
            id: Service::id_of(&chassis, "b"),
            chassis,
            disabled: None,
            disabled_reason: None,
            last_seen_up: Timestamp::from_seconds(at),
        }
    }

    #[test]
    fn who_beats_elsewhere_is_another() {
        let (mut names, now) = (Namesakes::default(), Instant::now());
        let (ours, theirs) = (chassis("192.0.2.1"), chassis("192.0.2.2"));
        let mut look = |at: f64, after_s: u64| {
            names.holder(&ours, Some(&theirs), Some(&beat(at)), now + Duration::from_secs(after_s), SILENCE)
        };
        assert_eq!(look(1.0, 0), Holder::Unclear);
        assert_eq!(look(1.0, 10), Holder::Unclear);
        assert_eq!(look(2.0, 25), Holder::Another(theirs.ip));
        assert_eq!(look(2.0, 50), Holder::Another(theirs.ip));
        assert_eq!(look(2.0, 55), Holder::Us, "it is silent");
    }

    #[test]
    fn who_moved_is_the_same_and_so_is_who_was_written_over() {
        let now = Instant::now();
        let (ours, before) = (chassis("192.0.2.1"), chassis("192.0.2.9"));
        let mut names = Namesakes::default();
        assert_eq!(names.holder(&ours, None, None, now, SILENCE), Holder::Us);
        assert_eq!(names.holder(&ours, Some(&ours), Some(&beat(1.0)), now, SILENCE), Holder::Us, "a restart");
        names.note(beat(3.0).last_seen_up.unwrap());
        assert_eq!(
            names.holder(&ours, Some(&before), Some(&beat(3.0)), now, SILENCE),
            Holder::Us,
            "a mistake"
        );
        assert_eq!(names.holder(&ours, Some(&before), Some(&beat(4.0)), now, SILENCE), Holder::Unclear);
        let later = now + SILENCE;
        assert_eq!(names.holder(&ours, Some(&before), Some(&beat(4.0)), later, SILENCE), Holder::Us);
    }
}
