//! The contract of northbound stores.

use std::sync::Arc;

use nb::conformance::Harness;
use nb::{BoxFuture, Store};
use nb_embedded::{EmbeddedStore, Options};
use testkit::scratch::ScratchDir;

struct Embedded {
    store: EmbeddedStore,
    _directory: ScratchDir,
}

impl Embedded {
    fn new() -> Self {
        let directory = ScratchDir::new().expect("a directory");
        let store = EmbeddedStore::open(directory.path().join("store"), Options::default()).expect("a store");
        Self { store, _directory: directory }
    }
}

impl Harness for Embedded {
    fn connect(&self) -> Arc<dyn Store> {
        Arc::new(self.store.clone())
    }

    fn compact(&self) -> BoxFuture<'_, ()> {
        Box::pin(async { self.store.compact(self.store.revision()).await.expect("a compaction") })
    }
}

nb::conformance_tests!(Embedded::new());
