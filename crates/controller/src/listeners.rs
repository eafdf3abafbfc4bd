//! Who listens to which multicast address, as the guests of this node say, and the rows that tell other nodes.
//!
//! # Guarantees
//! - What a guest says counts for [`AGE`] and is forgotten then, unless it says it again; a goodbye counts at once.
//! - A row says that the node wants what is for an address in a network, and for which of its ports. It is written when that
//!   changes, and not when somebody repeats itself.
//! - How often the store is written to does not depend on what guests do, and neither does how much is remembered.
//! - A controller that starts takes its rows of before for what guests have just said.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use engine::Listens;
use model::{Chassis, Id, LogicalPort, LogicalSwitch, Model, MulticastMember, Object, Topic};
use nb::{Key, Selector, Store, Txn};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};
use tracing::{debug, warn};

use crate::retry::{Backoff, due};

/// RFC 3376, section 8.4: two intervals between questions, and the time to answer.
const AGE: Duration = Duration::from_secs(260);
/// What guests said and nobody has looked at yet.
const HEARD_MAX: usize = 256;
/// Addresses that one port may listen to, and all of a node.
const GROUPS_OF_PORT_MAX: usize = 64;
const GROUPS_MAX: usize = 4_096;
/// Rows that are written at once, and the time between two writes.
const ROWS_AT_ONCE_MAX: usize = 64;
const WRITE_PAUSE: Duration = Duration::from_millis(100);
const RETRY_MIN: Duration = Duration::from_millis(100);
const RETRY_MAX: Duration = Duration::from_secs(5);

type Rows = BTreeMap<Id<MulticastMember>, MulticastMember>;

/// What is known of one address in one network.
#[derive(Debug)]
struct Group {
    topic: Topic,
    /// The ports, with the time at which each is forgotten.
    ports: BTreeMap<Id<LogicalPort>, u64>,
}

/// What guests of this node listen to. Times are milliseconds of any clock that does not go back.
#[derive(Debug)]
struct Memberships {
    us: Id<Chassis>,
    groups: BTreeMap<(Id<LogicalSwitch>, IpAddr), Group>,
}

impl Memberships {
    const fn new(us: Id<Chassis>) -> Self {
        Self { us, groups: BTreeMap::new() }
    }

    /// Takes what a guest says.
    fn hear(&mut self, said: Listens, now_ms: u64) {
        let expires_ms = now_ms + millis(AGE);
        for (address, listens) in said.changes {
            let key = (said.network.clone(), address);
            if listens {
                let is_known =
                    self.groups.get(&key).is_some_and(|group| group.ports.contains_key(&said.port));
                if is_known || self.has_room_for(&said.port) {
                    let group = self.groups.entry(key);
                    let group =
                        group.or_insert_with(|| Group { topic: said.topic.clone(), ports: BTreeMap::new() });
                    group.ports.insert(said.port.clone(), expires_ms);
                }
            } else if let Some(group) = self.groups.get_mut(&key) {
                group.ports.remove(&said.port);
            }
        }
        self.forget(now_ms);
    }

    fn has_room_for(&self, port: &Id<LogicalPort>) -> bool {
        let own = self.groups.values().filter(|group| group.ports.contains_key(port)).count();
        own < GROUPS_OF_PORT_MAX && self.groups.len() < GROUPS_MAX
    }

    /// Forgets what nobody has repeated.
    fn forget(&mut self, now_ms: u64) {
        self.groups.retain(|_, group| {
            group.ports.retain(|_, expires_ms| *expires_ms > now_ms);
            !group.ports.is_empty()
        });
    }

    /// When something is forgotten next.
    fn next_ms(&self) -> Option<u64> {
        self.groups.values().flat_map(|group| group.ports.values()).min().copied()
    }

    /// Takes rows of before for what guests have just said.
    fn restore(&mut self, rows: &Rows, now_ms: u64) {
        for row in rows.values() {
            for port in &row.ports {
                let (network, topic) = (row.lswitch.clone(), row.topic.clone());
                let changes = vec![(row.group, true)];
                self.hear(Listens { port: port.clone(), network, topic, changes }, now_ms);
            }
        }
    }

    /// What the store should say.
    fn rows(&self) -> Rows {
        let row = |((network, group), known): (&(Id<LogicalSwitch>, IpAddr), &Group)| {
            let row = MulticastMember {
                chassis: self.us.clone(),
                group: *group,
                id: MulticastMember::id_of(network, *group, &self.us),
                lswitch: network.clone(),
                ports: known.ports.keys().cloned().collect(),
                topic: known.topic.clone(),
            };
            (row.id.clone(), row)
        };
        self.groups.iter().map(row).collect()
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What has to be written so that the store says `wanted` where it said `written`, and what it says then.
fn difference(written: &Rows, wanted: &Rows) -> (Txn, Rows) {
    let (mut txn, mut after) = (Txn::new(), written.clone());
    let gone = written.iter().filter(|(id, _)| !wanted.contains_key(*id)).map(|(_, row)| (row, false));
    let new = wanted.iter().filter(|(id, row)| written.get(*id) != Some(*row)).map(|(_, row)| (row, true));
    for (row, is_new) in gone.chain(new).take(ROWS_AT_ONCE_MAX) {
        let object = Object::from(row.clone());
        if is_new {
            txn = txn.put_object(&object);
            after.insert(row.id.clone(), row.clone());
        } else {
            txn = txn.delete(Key::of(&object));
            after.remove(&row.id);
        }
    }
    (txn, after)
}

/// Where what guests say is put, and the task that makes rows of it.
pub(crate) fn follow(
    store: Arc<dyn Store>,
    us: Id<Chassis>,
) -> (mpsc::Sender<Listens>, impl Future<Output = ()> + Send + use<>) {
    let (sender, heard) = mpsc::channel(HEARD_MAX);
    (sender, run(store, us, heard))
}

async fn run(store: Arc<dyn Store>, us: Id<Chassis>, mut heard: mpsc::Receiver<Listens>) {
    let begun = Instant::now();
    let now_ms = || millis(begun.elapsed());
    let mut backoff = Backoff::new(RETRY_MIN, RETRY_MAX, &us.to_string());
    let mut memberships = Memberships::new(us.clone());
    let mut written = own_rows(store.as_ref(), &us, &mut backoff).await;
    memberships.restore(&written, now_ms());
    let mut retry = None;
    let mut is_failing = false;
    loop {
        let forget = memberships.next_ms().map(|at_ms| begun + Duration::from_millis(at_ms));
        tokio::select! {
            said = heard.recv() => match said {
                Some(said) => {
                    memberships.hear(said, now_ms());
                    while let Ok(said) = heard.try_recv() {
                        memberships.hear(said, now_ms());
                    }
                }
                // Nobody says anything any more, which is said by whoever ended.
                None => return std::future::pending().await,
            },
            () = due(forget) => memberships.forget(now_ms()),
            () = due(retry) => {}
        }
        let (txn, after) = difference(&written, &memberships.rows());
        retry = None;
        if txn.ops.is_empty() {
            continue;
        }
        match store.commit(txn).await {
            Ok(_) => {
                written = after;
                is_failing = false;
                backoff.reset();
                sleep(WRITE_PAUSE).await;
                // There may be more than one transaction has room for.
                retry = Some(Instant::now());
            }
            Err(error) => {
                if !std::mem::replace(&mut is_failing, true) {
                    warn!(%error, "what guests listen to cannot be written to the store; trying on");
                }
                retry = Some(Instant::now() + backoff.wait());
            }
        }
    }
}

/// The rows that this node wrote before.
async fn own_rows(store: &dyn Store, us: &Id<Chassis>, backoff: &mut Backoff) -> Rows {
    loop {
        match store.snapshot(&Selector::tables([MulticastMember::TABLE])).await {
            Ok(snapshot) => {
                backoff.reset();
                let texts = snapshot.rows.iter().filter_map(|row| std::str::from_utf8(&row.value).ok());
                let rows = texts.filter_map(|text| MulticastMember::from_text(text).ok());
                let own = rows.filter(|row| row.chassis == *us);
                return own.map(|row| (row.id.clone(), row)).collect();
            }
            Err(error) => {
                debug!(%error, "what guests listened to before is not known yet");
                sleep(backoff.wait()).await;
            }
        }
    }
}

#[cfg(test)]
mod tests;
