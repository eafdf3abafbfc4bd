//! The server: what all requests share.

use std::sync::Arc;

use nb::{Store, StoreError};
use tokio::sync::Mutex;

use crate::clock::{Chance, Clock};
use crate::replica::Replica;
use crate::settings::Settings;
use crate::write::KeyStock;

/// What all requests share.
#[derive(Debug)]
pub struct Core {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) replica: Replica,
    pub(crate) settings: Settings,
    pub(crate) keys: KeyStock,
    pub(crate) clock: Clock,
    pub(crate) chance: Chance,
    /// Held by the one request that may take what is nearly used up.
    pub(crate) turn: Mutex<()>,
}

/// A server of Neutron's API on a store. Several may share one store.
#[derive(Debug, Clone)]
pub struct Server {
    pub(crate) core: Arc<Core>,
}

impl Server {
    /// A server that knows what the store holds.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn new(store: Arc<dyn Store>, settings: Settings) -> Result<Self, StoreError> {
        let replica = Replica::follow(
            Arc::clone(&store),
            settings.segments.clone(),
            settings.attachment.clone(),
            settings.cloud_domain.clone(),
        )
        .await?;
        let core = Core {
            store,
            replica,
            settings,
            keys: KeyStock::default(),
            clock: Clock::system(),
            chance: Chance::new(),
            turn: Mutex::new(()),
        };
        let nests = core.settings.nests_ports_by_pairs;
        let ports = crate::resources::behind::all(&core.replica.read(), nests);
        core.settle(ports).await;
        Ok(Self { core: Arc::new(core) })
    }
}
