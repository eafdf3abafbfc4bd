//! What a daemon says of itself that the original's row of it has no room for: a table of ours. It has the id of the service.

use crate::macros::object;
use crate::{Id, Service, Timestamp};

object! {
    /// What a daemon says besides its row.
    ServiceExtra [] {
        /// When it was there for the first time.
        created_at: Option<Timestamp>,
        /// The id of the service.
        id: Id<Self>,
        /// The service.
        service: Id<Service> => weak,
        /// When the process was started that runs now.
        started_at: Option<Timestamp>,
    }
    indexes {
        /// What a daemon says.
        BY_SERVICE: Id<Service> = |row, visit| visit(row.service.clone());
    }
    rules {
        const IS_ORIGINAL: bool = false;
    }
}

impl ServiceExtra {
    /// The id of what this daemon says besides its row.
    #[must_use]
    pub fn id_of(service: &Id<Service>) -> Id<Self> {
        Id::from_row(service.row().clone())
    }
}
