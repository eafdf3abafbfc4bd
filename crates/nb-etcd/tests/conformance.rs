//! The suite of the store's contract against a real etcd.

mod common;

use common::Etcd;

nb::conformance_tests!(Etcd::start(1));
nb::outage_tests!(Etcd::start(1));

/// A few of the cases against three members: what a single one cannot get wrong.
mod three_members {
    use super::common::Etcd;

    nb::tests_of_cases! { Etcd::start(3);
        reads {
            snapshots_see_one_state
            large_tables_are_read_in_one_state
        }
        txns {
            racing_writers_lose_no_update
        }
        watches {
            nothing_is_lost_or_told_twice
        }
    }
}
