//! Frames that ports are sent regularly, spread over time.
//!
//! # Guarantees
//! - Each frame that an app says is sent at once or nearly so, a few times in short intervals, and then at least once in its
//!   interval for as long as it is said. One that goes on being said keeps its turn, however the others change.
//! - They are not sent all together: when is a matter of chance, which follows from what is sent and to whom. After a start
//!   with many of them the first ones take as long as their number asks for.
//! - Nobody waits for them: they have a task of their own, and one that the switch has no room for is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use engine::Beacon;
use rustc_hash::FxHasher;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::debug;

use crate::packets::Answer;

/// The first ones are sent within this time, and within so much for each of them, if that is more.
const FIRST_MS: u64 = 500;
const FIRST_EACH_MS: u64 = 2;
/// Between those that are sent soon after the first.
const BURST_SPACING_MS: u64 = 4_000;
/// Between any two frames.
const PACE: Duration = Duration::from_millis(1);

/// When which frame is sent. Times are milliseconds of any clock that does not go back.
#[derive(Debug, Default)]
struct Schedule {
    turns: BTreeMap<Arc<Beacon>, Turn>,
    queue: BTreeSet<(u64, Arc<Beacon>)>,
}

#[derive(Debug, Clone, Copy)]
struct Turn {
    due_ms: u64,
    sent: u64,
}

/// A number that follows from a frame, its port and how often it was sent.
fn chance(beacon: &Beacon, sent: u64) -> u64 {
    let mut hasher = FxHasher::default();
    beacon.hash(&mut hasher);
    sent.hash(&mut hasher);
    let sum = hasher.finish();
    // The low bits of the sum are the poor ones.
    sum ^ (sum >> 32)
}

impl Schedule {
    /// From now on these are sent, and no others.
    fn set(&mut self, beacons: Vec<Beacon>, now_ms: u64) {
        let wanted: BTreeSet<Arc<Beacon>> = beacons.into_iter().map(Arc::new).collect();
        let Self { turns, queue } = self;
        turns.retain(|beacon, turn| {
            let stays = wanted.contains(beacon);
            if !stays {
                queue.remove(&(turn.due_ms, Arc::clone(beacon)));
            }
            stays
        });
        let new: Vec<Arc<Beacon>> = wanted.into_iter().filter(|beacon| !turns.contains_key(beacon)).collect();
        let window_ms =
            u64::try_from(new.len()).unwrap_or(u64::MAX).saturating_mul(FIRST_EACH_MS).max(FIRST_MS);
        for beacon in new {
            let due_ms = now_ms + chance(&beacon, 0) % window_ms;
            queue.insert((due_ms, Arc::clone(&beacon)));
            turns.insert(beacon, Turn { due_ms, sent: 0 });
        }
    }

    /// When something is to be sent next.
    fn next_ms(&self) -> Option<u64> {
        self.queue.first().map(|(due_ms, _)| *due_ms)
    }

    /// One of those that are to be sent now.
    fn take(&mut self, now_ms: u64) -> Option<Arc<Beacon>> {
        if self.next_ms()? > now_ms {
            return None;
        }
        let (_, beacon) = self.queue.pop_first()?;
        let turn = self.turns.get_mut(&beacon)?;
        turn.sent += 1;
        let longest_ms = u64::from(beacon.interval_s.max(1)) * 1_000;
        let whole_ms = match turn.sent < u64::from(beacon.burst) {
            true => BURST_SPACING_MS.min(longest_ms),
            false => longest_ms,
        };
        turn.due_ms = now_ms + whole_ms - chance(&beacon, turn.sent) % (whole_ms / 4).max(1);
        self.queue.insert((turn.due_ms, Arc::clone(&beacon)));
        Some(beacon)
    }
}

/// Sends what is to be sent, until nobody says what that is any more.
pub(crate) async fn run(mut wanted: watch::Receiver<Vec<Beacon>>, out: mpsc::Sender<Answer>) {
    let begun = Instant::now();
    let now_ms = || u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let mut schedule = Schedule::default();
    schedule.set(wanted.borrow_and_update().clone(), now_ms());
    loop {
        let due = schedule.next_ms().map(|due_ms| begun + Duration::from_millis(due_ms));
        tokio::select! {
            changed = wanted.changed() => {
                if changed.is_err() {
                    return;
                }
                schedule.set(wanted.borrow_and_update().clone(), now_ms());
            }
            () = async { sleep_until(due.unwrap_or(begun)).await }, if due.is_some() => {
                while let Some(beacon) = schedule.take(now_ms()) {
                    if out.try_send(Answer::send(beacon.frame.to_vec(), beacon.port)).is_err() {
                        debug!(port = beacon.port.get(), "a frame that is sent regularly is left out once");
                    }
                    sleep(PACE).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use net_types::OfPort;

    use super::*;

    fn beacon(number: u8, interval_s: u32) -> Beacon {
        Beacon {
            port: OfPort::new(number.into()),
            frame: [number; 60].as_slice().into(),
            interval_s,
            burst: 3,
        }
    }

    /// The times at which each port was sent something up to a moment.
    fn sent(schedule: &mut Schedule, until_ms: u64) -> BTreeMap<u32, Vec<u64>> {
        let mut sent: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        while let Some(due_ms) = schedule.next_ms().filter(|due_ms| *due_ms <= until_ms) {
            let beacon = schedule.take(due_ms).expect("one is due");
            sent.entry(beacon.port.get()).or_default().push(due_ms);
        }
        sent
    }

    #[test]
    fn each_is_sent_a_few_times_soon_and_then_within_its_interval() {
        let mut schedule = Schedule::default();
        schedule.set((0..50).map(|number| beacon(number, 60)).collect(), 1_000);
        let sent = sent(&mut schedule, 600_000);
        assert_eq!(sent.len(), 50);
        for times in sent.values() {
            assert!(times[0] < 1_000 + FIRST_MS, "{times:?}");
            assert!(times[2] <= times[0] + 2 * BURST_SPACING_MS, "{times:?}");
            let gaps: Vec<u64> = times[2..].windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.iter().all(|gap| (45_000..=60_000).contains(gap)), "{gaps:?}");
        }
    }

    #[test]
    fn they_are_spread_and_the_same_facts_give_the_same_times() {
        let times = || {
            let mut schedule = Schedule::default();
            schedule.set((0..200).map(|number| beacon(number, 30)).collect(), 0);
            sent(&mut schedule, FIRST_MS)
        };
        let first: Vec<u64> = times().into_values().map(|times| times[0]).collect();
        assert_eq!(first.len(), 200);
        for tenth in 0..10 {
            let within = first.iter().filter(|time| **time / (FIRST_MS / 10) == tenth).count();
            assert!((5..50).contains(&within), "{within} of 200 in tenth {tenth}");
        }
        assert_eq!(times(), times());
    }

    #[test]
    fn one_that_stays_keeps_its_turn_and_one_that_is_gone_is_not_sent() {
        let mut schedule = Schedule::default();
        schedule.set(vec![beacon(1, 30), beacon(2, 30)], 0);
        sent(&mut schedule, 20_000);
        let due_ms = schedule.turns[&Arc::new(beacon(1, 30))].due_ms;
        schedule.set(vec![beacon(1, 30), beacon(3, 30)], 20_000);
        assert_eq!(schedule.turns[&Arc::new(beacon(1, 30))].due_ms, due_ms);
        assert_eq!(sent(&mut schedule, 200_000).keys().copied().collect::<Vec<_>>(), [1, 3]);
        // A machine that slept does not make up for it.
        schedule.set(vec![beacon(1, 30)], 200_000);
        assert!(schedule.take(9_000_000).is_some() && schedule.take(9_000_000).is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_switch_has_no_room_for_is_lost_and_others_are_sent() {
        let (said, wanted) = watch::channel(vec![beacon(1, 10), beacon(2, 10)]);
        let (out, mut sent) = mpsc::channel(1);
        let task = tokio::spawn(run(wanted, out));
        let of = |number| Answer::send(vec![number; 60], OfPort::new(number.into()));
        let first = sent.recv().await.expect("a frame");
        assert!(first == of(1) || first == of(2), "{first:?}");
        // Nobody takes the others for an hour.
        sleep(Duration::from_secs(3_600)).await;
        said.send_replace(vec![beacon(9, 10)]);
        while sent.recv().await.expect("a frame") != of(9) {}
        drop(said);
        task.await.expect("it ends with who says what is sent");
    }
}
