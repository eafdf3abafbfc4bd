//! Neighbours of routers on physical networks: who is asked for, and the packets that wait for the answer.
//!
//! # Guarantees
//! - The first packets for a neighbour wait, some for each ([`PACKETS_MAX`]), and go on in the order in which they came once it answers.
//! - It is asked for at once, and again each second, [`QUESTIONS_MAX`] times; then what waits is dropped. Later packets ask anew.
//! - One that answered is asked again now and then as long as packets asked for it lately, because the switch forgets answers: packets of
//!   a connection that goes on seldom have to wait a second time.
//! - Of so many neighbours as nobody has ([`NEIGHBORS_MAX`]) the rest is not asked for.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use engine::{Ask, Neighbor, Resume};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use crate::packets::Answer;

const PACKETS_MAX: usize = 16;
const QUESTIONS_MAX: u32 = 3;
const NEIGHBORS_MAX: usize = 4096;
const ASK_AGAIN: Duration = Duration::from_secs(1);
/// A third of the time for which the switch remembers an answer.
const REFRESH: Duration = Duration::from_secs(60);
/// For how long after a packet asked for it.
const REFRESHED_FOR: Duration = Duration::from_secs(900);
/// What waits to be taken notice of.
const NEWS_MAX: usize = 256;

/// What flows sent up about neighbours.
#[derive(Debug)]
pub(crate) enum News {
    /// A packet is for a neighbour whose MAC address the switch does not know.
    Ask(Box<Ask>),
    /// A neighbour says who it is.
    Told(Neighbor),
}

#[derive(Debug)]
struct Entry {
    question: Resume,
    packets: VecDeque<Resume>,
    /// Questions without an answer.
    asked: u32,
    due: Instant,
    last_wanted: Instant,
}

/// All neighbours that are asked for.
#[derive(Debug, Default)]
struct Neighbors {
    entries: BTreeMap<Neighbor, Entry>,
}

impl Neighbors {
    /// Takes a packet; what has to be sent.
    fn ask(&mut self, ask: Ask, now: Instant) -> Vec<Resume> {
        let Ask { neighbor, question, packet } = ask;
        if self.entries.len() >= NEIGHBORS_MAX && !self.entries.contains_key(&neighbor) {
            return Vec::new();
        }
        let entry = self.entries.entry(neighbor).or_insert_with(|| Entry {
            question: question.clone(),
            packets: VecDeque::new(),
            asked: 0,
            due: now,
            last_wanted: now,
        });
        entry.last_wanted = now;
        entry.question = question;
        let is_first = entry.packets.is_empty();
        if entry.packets.len() < PACKETS_MAX {
            entry.packets.push_back(packet);
        }
        if !is_first {
            return Vec::new();
        }
        // What was known before and was asked for again a moment ago is asked at once all the same: it has been forgotten.
        entry.asked = 1;
        entry.due = now + ASK_AGAIN;
        vec![entry.question.clone()]
    }

    /// A neighbour has said who it is; what has waited for it.
    fn told(&mut self, neighbor: Neighbor, now: Instant) -> Vec<Resume> {
        let Some(entry) = self.entries.get_mut(&neighbor) else { return Vec::new() };
        entry.asked = 0;
        entry.due = now + REFRESH;
        entry.packets.drain(..).collect()
    }

    /// What has to be asked now.
    fn due(&mut self, now: Instant) -> Vec<Resume> {
        let mut questions = Vec::new();
        self.entries.retain(|neighbor, entry| {
            if entry.due > now {
                return true;
            }
            let is_refreshed = entry.packets.is_empty() && now - entry.last_wanted < REFRESHED_FOR;
            if entry.asked >= QUESTIONS_MAX || entry.packets.is_empty() && !is_refreshed {
                if !entry.packets.is_empty() {
                    debug!(ip = %neighbor.ip, packets = entry.packets.len(), "nobody answers for a neighbour");
                }
                return false;
            }
            entry.asked += 1;
            entry.due = now + ASK_AGAIN;
            questions.push(entry.question.clone());
            true
        });
        questions
    }

    fn next(&self) -> Option<Instant> {
        self.entries.values().map(|entry| entry.due).min()
    }
}

/// Where news goes, and who deals with it.
pub(crate) fn ask(out: mpsc::Sender<Answer>) -> (mpsc::Sender<News>, impl Future<Output = ()> + Send) {
    let (said, news) = mpsc::channel(NEWS_MAX);
    (said, run(news, out))
}

async fn run(mut news: mpsc::Receiver<News>, out: mpsc::Sender<Answer>) {
    let mut neighbors = Neighbors::default();
    loop {
        let next = neighbors.next();
        let to_send = tokio::select! {
            heard = news.recv() => match heard {
                Some(News::Ask(ask)) => neighbors.ask(*ask, Instant::now()),
                Some(News::Told(neighbor)) => neighbors.told(neighbor, Instant::now()),
                None => return,
            },
            () = async { sleep_until(next.unwrap_or_else(Instant::now)).await }, if next.is_some() => {
                neighbors.due(Instant::now())
            }
        };
        for resume in to_send {
            if out.try_send(Answer::resume(resume)).is_err() {
                debug!("a packet for a neighbour is dropped, the switch does not keep up");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question() -> Resume {
        Resume { frame: vec![1], registers: vec![], table: 1 }
    }

    fn packet(number: u8) -> Resume {
        Resume { frame: vec![2, number], registers: vec![], table: 2 }
    }

    fn neighbor(last: u8) -> Neighbor {
        Neighbor { network: 1, ip: [192, 0, 2, last].into() }
    }

    fn wants(last: u8, number: u8) -> Ask {
        Ask { neighbor: neighbor(last), question: question(), packet: packet(number) }
    }

    #[test]
    fn packets_wait_for_the_answer_and_go_on_in_their_order() {
        let (mut neighbors, now) = (Neighbors::default(), Instant::now());
        assert_eq!(neighbors.ask(wants(1, 1), now), [question()]);
        assert_eq!(neighbors.ask(wants(1, 2), now), [], "one question is enough");
        assert_eq!(neighbors.ask(wants(2, 3), now), [question()]);
        assert_eq!(neighbors.told(neighbor(1), now), [packet(1), packet(2)]);
        assert_eq!(neighbors.told(neighbor(1), now), []);
        assert_eq!(neighbors.told(neighbor(2), now), [packet(3)]);
        assert_eq!(neighbors.told(neighbor(3), now), [], "nobody asked");
    }

    #[test]
    fn who_does_not_answer_is_asked_again_and_then_given_up() {
        let (mut neighbors, begun) = (Neighbors::default(), Instant::now());
        neighbors.ask(wants(1, 1), begun);
        assert_eq!(neighbors.due(begun + ASK_AGAIN / 2), []);
        assert_eq!(neighbors.due(begun + ASK_AGAIN), [question()]);
        assert_eq!(neighbors.due(begun + 2 * ASK_AGAIN), [question()]);
        assert_eq!(neighbors.due(begun + 3 * ASK_AGAIN), []);
        assert_eq!((neighbors.entries.len(), neighbors.next()), (0, None));
        let later = begun + 4 * ASK_AGAIN;
        assert_eq!(neighbors.ask(wants(1, 2), later), [question()], "a later packet asks anew");
    }

    #[test]
    fn who_answered_is_asked_now_and_then_for_as_long_as_it_is_wanted() {
        let (mut neighbors, begun) = (Neighbors::default(), Instant::now());
        neighbors.ask(wants(1, 1), begun);
        neighbors.told(neighbor(1), begun);
        let mut now = begun;
        let mut questions = 0;
        while let Some(due) = neighbors.next() {
            now = due;
            questions += neighbors.due(now).len();
            neighbors.told(neighbor(1), now);
        }
        assert_eq!(questions, 14, "each minute of the quarter of an hour");
        assert!(now - begun >= REFRESHED_FOR);
    }

    #[test]
    fn what_waits_is_limited() {
        let (mut neighbors, now) = (Neighbors::default(), Instant::now());
        for number in 0..100 {
            neighbors.ask(wants(1, number), now);
        }
        let went_on = neighbors.told(neighbor(1), now);
        assert_eq!((went_on.len(), &went_on[0]), (PACKETS_MAX, &packet(0)));
        for number in 0..=u16::MAX {
            let neighbor = Neighbor { network: 2, ip: std::net::Ipv4Addr::from(u32::from(number)).into() };
            neighbors.ask(Ask { neighbor, question: question(), packet: packet(1) }, now);
        }
        assert_eq!(neighbors.entries.len(), NEIGHBORS_MAX);
    }
}
