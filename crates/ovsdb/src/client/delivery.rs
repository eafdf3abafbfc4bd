//! Handing batches to the consumer without ever blocking the session.

use tokio::sync::mpsc;

use crate::row::Batch;

/// The sending side of the batch channel, with at most one batch that did not fit.
#[derive(Debug)]
pub(super) struct Delivery {
    channel: mpsc::Sender<Batch>,
    waiting: Option<Batch>,
}

impl Delivery {
    pub(super) fn new(channel: mpsc::Sender<Batch>) -> Self {
        Self { channel, waiting: None }
    }

    /// Queues a batch; if the consumer is behind, merges it with what waits already.
    pub(super) fn push(&mut self, batch: Batch) {
        match &mut self.waiting {
            Some(waiting) => waiting.merge(batch),
            None => match self.channel.try_send(batch) {
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
                Err(mpsc::error::TrySendError::Full(batch)) => self.waiting = Some(batch),
            },
        }
    }

    /// Completes when the waiting batch was handed over; without one, never. Safe to cancel.
    pub(super) async fn flush(&mut self) {
        if self.waiting.is_none() {
            return std::future::pending().await;
        }
        let permit = self.channel.reserve().await;
        if let (Some(batch), Ok(permit)) = (self.waiting.take(), permit) {
            permit.send(batch);
        }
    }
}
