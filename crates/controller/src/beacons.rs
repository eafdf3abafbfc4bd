//! Frames that ports are sent regularly, spread over time.
//!
//! # Guarantees
//! - Each frame that an app says is sent at once, a few times in short intervals, and then at least once in its interval for as
//!   long as it is said. One that goes on being said keeps its turn, however the others change. Of many that come together each is
//!   sent as soon as their number lets it: traffic may wait for an address to be announced. The second follows soon, because what was
//!   on its way from where the address was before may have undone what the first said.
//! - They are not sent all together: when is a matter of chance, which follows from what is sent and to whom. After a start
//!   with many of them the first ones take as long as their number asks for.
//! - A frame that proves a row is sent again soon when nobody answers it, and after so many without an answer the row is given up, until
//!   the frame is said anew. An answer, or anything else that is heard of the row, is good for an interval.
//! - Nobody waits for them: they have a task of their own, and one that the switch has no room for is lost.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use engine::Beacon;
use model::{RowId, Table};
use rustc_hash::FxHasher;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::{debug, info};

use crate::packets::Answer;

/// The first ones are sent within so much time for each of them.
const FIRST_EACH_MS: u64 = 2;
/// Between the first and the second, and between the others that are sent soon after.
const SECOND_SPACING_MS: u64 = 250;
const BURST_SPACING_MS: u64 = 4_000;
/// Between frames that are not answered, and how many of them are enough.
const UNANSWERED_SPACING_MS: u64 = 1_000;
const UNANSWERED_MAX: u32 = 3;
/// Rows that wait because something was heard of them, or nothing any more.
const PROOFS_WAITING_MAX: usize = 256;
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
    /// How many were not answered.
    unanswered: u32,
}

/// A row that frames prove.
pub(crate) type RowName = (Table, RowId);

/// What is to be done now.
#[derive(Debug, PartialEq)]
enum Due {
    Send(Arc<Beacon>),
    /// A row that nobody proves.
    GiveUp(RowName),
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

/// How long it is to the next one.
fn interval_ms(beacon: &Beacon, sent: u64) -> u64 {
    let longest_ms = u64::from(beacon.interval_s.max(1)) * 1_000;
    let whole_ms = match sent {
        1 if beacon.burst > 1 => SECOND_SPACING_MS.min(longest_ms),
        _ if sent < u64::from(beacon.burst) => BURST_SPACING_MS.min(longest_ms),
        _ => longest_ms,
    };
    whole_ms - chance(beacon, sent) % (whole_ms / 4).max(1)
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
        let window_ms = u64::try_from(new.len()).unwrap_or(u64::MAX).saturating_mul(FIRST_EACH_MS).max(1);
        for beacon in new {
            let due_ms = now_ms + chance(&beacon, 0) % window_ms;
            queue.insert((due_ms, Arc::clone(&beacon)));
            turns.insert(beacon, Turn { due_ms, sent: 0, unanswered: 0 });
        }
    }

    /// When something is to be sent next.
    fn next_ms(&self) -> Option<u64> {
        self.queue.first().map(|(due_ms, _)| *due_ms)
    }

    /// One of the things that are to be done now.
    fn take(&mut self, now_ms: u64) -> Option<Due> {
        if self.next_ms()? > now_ms {
            return None;
        }
        let (_, beacon) = self.queue.pop_first()?;
        let turn = self.turns.get_mut(&beacon)?;
        if let Some(row) = beacon.proves.clone().filter(|_| turn.unanswered >= UNANSWERED_MAX) {
            // It is asked for on and on: whoever deletes the row may be late.
            turn.unanswered = 0;
            turn.due_ms = now_ms + interval_ms(&beacon, turn.sent);
            self.queue.insert((turn.due_ms, beacon));
            return Some(Due::GiveUp(row));
        }
        turn.sent += 1;
        turn.unanswered += u32::from(beacon.proves.is_some());
        turn.due_ms = now_ms
            + match beacon.proves {
                Some(_) => UNANSWERED_SPACING_MS,
                None => interval_ms(&beacon, turn.sent),
            };
        self.queue.insert((turn.due_ms, Arc::clone(&beacon)));
        Some(Due::Send(beacon))
    }

    /// Something was heard of a row: it is true, for an interval.
    fn heard(&mut self, row: &RowName, now_ms: u64) {
        let Self { turns, queue } = self;
        for (beacon, turn) in turns.iter_mut().filter(|(beacon, _)| beacon.proves.as_ref() == Some(row)) {
            queue.remove(&(turn.due_ms, Arc::clone(beacon)));
            turn.unanswered = 0;
            turn.due_ms = now_ms + interval_ms(beacon, turn.sent);
            queue.insert((turn.due_ms, Arc::clone(beacon)));
        }
    }
}

/// The rows that are proved: what is heard of them, and which are given up.
#[derive(Debug)]
pub(crate) struct Proofs {
    pub(crate) heard: mpsc::Receiver<RowName>,
    pub(crate) given_up: mpsc::Sender<RowName>,
}

/// Where to say what is heard of rows and to hear of those that are given up, and the ends of who sends.
pub(crate) fn proofs() -> (mpsc::Sender<RowName>, mpsc::Receiver<RowName>, Proofs) {
    let (proved, heard) = mpsc::channel(PROOFS_WAITING_MAX);
    let (gives_up, given_up) = mpsc::channel(PROOFS_WAITING_MAX);
    (proved, given_up, Proofs { heard, given_up: gives_up })
}

/// Sends what is to be sent, until nobody says what that is any more.
pub(crate) async fn run(
    mut wanted: watch::Receiver<Vec<Beacon>>,
    out: mpsc::Sender<Answer>,
    mut proofs: Proofs,
) {
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
                while let Some(due) = schedule.take(now_ms()) {
                    match due {
                        Due::Send(beacon) => {
                            if out.try_send(Answer::send(beacon.frame.to_vec(), beacon.port)).is_err() {
                                debug!(port = beacon.port.get(), "a frame that is sent regularly is left out once");
                            }
                        }
                        Due::GiveUp(row) => {
                            info!(table = row.0.name(), row = %row.1, "nobody answers for it any more");
                            // One that is left out now comes again.
                            drop(proofs.given_up.try_send(row));
                        }
                    }
                    sleep(PACE).await;
                }
            }
            Some(row) = proofs.heard.recv() => schedule.heard(&row, now_ms()),
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
            proves: None,
        }
    }

    /// A frame that is due, of those that prove nothing.
    fn frame(due: Option<Due>) -> Arc<Beacon> {
        match due {
            Some(Due::Send(beacon)) => beacon,
            other => panic!("{other:?}"),
        }
    }

    fn no_proofs() -> Proofs {
        Proofs { heard: mpsc::channel(1).1, given_up: mpsc::channel(1).0 }
    }

    /// The times at which each port was sent something up to a moment.
    fn sent(schedule: &mut Schedule, until_ms: u64) -> BTreeMap<u32, Vec<u64>> {
        let mut sent: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
        while let Some(due_ms) = schedule.next_ms().filter(|due_ms| *due_ms <= until_ms) {
            let beacon = frame(schedule.take(due_ms));
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
            assert!(times[0] < 1_000 + 50 * FIRST_EACH_MS, "{times:?}");
            assert!(times[1] <= times[0] + SECOND_SPACING_MS, "{times:?}");
            assert!(
                times[2] > times[1] + SECOND_SPACING_MS && times[2] <= times[1] + BURST_SPACING_MS,
                "{times:?}"
            );
            let gaps: Vec<u64> = times[2..].windows(2).map(|pair| pair[1] - pair[0]).collect();
            assert!(gaps.iter().all(|gap| (45_000..=60_000).contains(gap)), "{gaps:?}");
        }
    }

    #[test]
    fn one_alone_is_sent_at_once() {
        for number in 0..50 {
            let mut schedule = Schedule::default();
            schedule.set(vec![beacon(number, 60)], 1_000);
            let due_ms = schedule.next_ms().expect("it is to be sent");
            assert!(due_ms < 1_000 + FIRST_EACH_MS, "{due_ms}");
        }
    }

    #[test]
    fn they_are_spread_and_the_same_facts_give_the_same_times() {
        const WINDOW_MS: u64 = 200 * FIRST_EACH_MS;
        let times = || {
            let mut schedule = Schedule::default();
            schedule.set((0..200).map(|number| beacon(number, 30)).collect(), 0);
            sent(&mut schedule, WINDOW_MS)
        };
        let first: Vec<u64> = times().into_values().map(|times| times[0]).collect();
        assert_eq!(first.len(), 200);
        for tenth in 0..10 {
            let within = first.iter().filter(|time| **time / (WINDOW_MS / 10) == tenth).count();
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

    #[test]
    fn a_row_that_nobody_proves_is_given_up_after_a_few_frames_and_one_that_is_heard_of_is_not() {
        let row = (Table::AllowedAddressPairsActivePort, RowId::new("red10.0.0.9").unwrap());
        let proves = Beacon { proves: Some(row.clone()), burst: 1, ..beacon(1, 30) };
        let mut schedule = Schedule::default();
        schedule.set(vec![proves, beacon(2, 30)], 0);
        // What is heard of it is good for an interval.
        let mut now_ms = 1_000;
        while schedule.take(now_ms).is_some() {}
        for _ in 0..5 {
            schedule.heard(&row, now_ms);
            let (due_ms, _) =
                *schedule.queue.iter().find(|(_, next)| next.proves.is_some()).expect("it is asked");
            assert!((now_ms + 22_500..=now_ms + 30_000).contains(&due_ms), "{due_ms} after {now_ms}");
            now_ms = due_ms;
            let sent = std::iter::from_fn(|| schedule.take(now_ms));
            assert!(sent.map(|due| frame(Some(due))).filter(|beacon| beacon.proves.is_some()).count() == 1);
        }
        // Two more are not answered: it is given up, and asked for again later.
        let given_up = (0..10).map(|second| now_ms + (second + 1) * 1_000).find_map(|at_ms| {
            std::iter::from_fn(|| schedule.take(at_ms))
                .find(|due| matches!(due, Due::GiveUp(_)))
                .map(|due| (at_ms, due))
        });
        assert_eq!(given_up, Some((now_ms + 3_000, Due::GiveUp(row))));
        assert!(
            schedule.queue.iter().any(|(due_ms, next)| next.proves.is_some() && *due_ms > now_ms + 20_000)
        );
    }

    #[tokio::test(start_paused = true)]
    async fn what_nobody_answers_for_is_told() {
        let row = (Table::AllowedAddressPairsActivePort, RowId::new("red10.0.0.9").unwrap());
        let (said, wanted) =
            watch::channel(vec![Beacon { proves: Some(row.clone()), burst: 1, ..beacon(1, 3_600) }]);
        let (out, mut sent) = mpsc::channel(16);
        let (hears, heard) = mpsc::channel(4);
        let (given_up, mut silent) = mpsc::channel(4);
        let task = tokio::spawn(run(wanted, out, Proofs { heard, given_up }));
        sent.recv().await.expect("a frame");
        let begun = Instant::now();
        hears.send(row.clone()).await.expect("somebody listens");
        assert_eq!(silent.recv().await, Some(row));
        assert!(begun.elapsed() > Duration::from_secs(2_000), "an answer is good for an interval");
        drop((said, hears));
        task.await.expect("it ends with who says what is sent");
    }

    #[tokio::test(start_paused = true)]
    async fn what_the_switch_has_no_room_for_is_lost_and_others_are_sent() {
        let (said, wanted) = watch::channel(vec![beacon(1, 10), beacon(2, 10)]);
        let (out, mut sent) = mpsc::channel(1);
        let task = tokio::spawn(run(wanted, out, no_proofs()));
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
