//! The numbers are kept beside the switch, also where somebody takes them away, and with them what the controller is waiting for.

use std::time::Duration;

use engine::numbers::Numbers;
use ovsdb::client::Client;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use super::{Pairs, change, to_pairs};
use crate::retry::Backoff;

/// Pause before numbers are written again that somebody changed.
const WRITE_PAUSE: Duration = Duration::from_secs(1);
/// Longest wait before numbers are written again that could not be.
const RETRY_MAX: Duration = Duration::from_secs(5);
/// How long a transaction may take.
const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(10);

/// Writes numbers as they change, and again where somebody took them away or made the bridge anew.
pub(crate) async fn keep(
    client: Client,
    bridge: String,
    mut stored: watch::Receiver<Option<Pairs>>,
    (mut orders, mut waits): (watch::Receiver<Option<Numbers>>, watch::Receiver<Pairs>),
) {
    let mut backoff = Backoff::new(WRITE_PAUSE, RETRY_MAX, &bridge);
    let missing = |stored: &Option<Pairs>, wanted: &Option<Numbers>, waits: &Pairs| {
        let mut wanted = to_pairs(wanted.as_ref()?);
        wanted.extend(waits.clone());
        change(&bridge, stored.as_ref()?, &wanted)
    };
    loop {
        let change =
            missing(&stored.borrow_and_update(), &orders.borrow_and_update(), &waits.borrow_and_update());
        if let Some(transaction) = change {
            match client.transact(transaction, TRANSACTION_TIMEOUT).await {
                Ok(_) => backoff.reset(),
                Err(error) => {
                    warn!(%error, bridge, "numbers cannot be kept beside the switch; trying on");
                    sleep(backoff.wait()).await;
                    continue;
                }
            }
        }
        let (mut heard, is_from_bridge) = tokio::select! {
            ordered = orders.changed() => (ordered, false),
            waited = waits.changed() => (waited, false),
            seen = stored.changed() => (seen, true),
        };
        // Mostly it is what was just written, and nothing is missing. Two who disagree do not wear the database out.
        if is_from_bridge && missing(&stored.borrow(), &orders.borrow(), &waits.borrow()).is_some() {
            tokio::select! {
                ordered = orders.changed() => heard = ordered,
                () = sleep(WRITE_PAUSE) => {}
            }
        }
        if heard.is_err() {
            return;
        }
    }
}
