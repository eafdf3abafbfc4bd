//! What every driver has to pass: the contract of [`crate`], as tests.
//!
//! A driver's tests say how to get a fresh, empty store ([`Harness`]) and call the macro `conformance_tests!`, which
//! makes a test of every case; where the store can be out of reach, also `outage_tests!` ([`Outages`]):
//!
//! ```text
//! nb::conformance_tests!(MyHarness::start().await);
//! nb::outage_tests!(MyHarness::start().await);
//! ```
//!
//! The cases look through [`crate::Store`] only. They wait for conditions, with one generous deadline, so that a slow
//! machine does not fail them. That each of them can fail is shown in the tests of this module, with stores that
//! break one promise each.

pub mod leases;
pub mod outages;
pub mod reads;
mod tools;
pub mod txns;
pub mod watches;

use std::sync::Arc;

use crate::store::{BoxFuture, Store};

/// A store under test, empty at first.
pub trait Harness: Send + Sync {
    /// A client of the store; each is a connection of its own.
    fn connect(&self) -> Arc<dyn Store>;

    /// Makes the store forget its history. The present rows stay.
    fn compact(&self) -> BoxFuture<'_, ()>;
}

/// A store that can be out of reach.
pub trait Outages: Harness {
    /// Makes it unreachable for all clients; nothing that was acknowledged is lost.
    fn stop(&self) -> BoxFuture<'_, ()>;

    /// Makes it reachable again.
    fn start(&self) -> BoxFuture<'_, ()>;
}

/// Makes a test of every case that a driver has to pass, each with a [`Harness`] of its own.
#[macro_export]
macro_rules! conformance_tests {
    ($harness:expr) => {
        $crate::tests_of_cases! { $harness;
            reads {
                rows_come_in_the_order_of_their_keys
                reads_see_one_state
                snapshots_hold_what_is_selected
                snapshots_see_one_state
                large_tables_are_read_in_one_state
                odd_ids_come_back_unchanged
            }
            txns {
                requirements_decide
                all_or_nothing_happens
                racing_writers_lose_no_update
                counters_give_no_number_twice
                a_row_occurs_once
                absent_rows_can_be_deleted
                the_largest_transaction_is_taken
                what_is_too_large_is_refused_whole
            }
            watches {
                nothing_is_lost_or_told_twice
                transactions_are_told_whole
                a_watch_begins_where_it_is_told
                deletes_are_told
                rows_that_change_their_topic_are_told
                the_watch_goes_on_while_others_change
                slow_consumers_end_with_the_truth
                forgotten_history_is_a_gap
                the_present_outlives_compaction
                a_state_that_never_was_is_a_gap
            }
            leases {
                rows_go_with_their_lease
                a_renewed_lease_stays
                revoked_leases_take_their_rows
                dead_leases_are_refused
                a_row_that_is_written_anew_leaves_its_lease
            }
        }
    };
}

/// Makes a test of every case about stores that are out of reach, each with an [`Outages`] of its own.
#[macro_export]
macro_rules! outage_tests {
    ($harness:expr) => {
        $crate::tests_of_cases! { $harness;
            outages {
                outages_are_told
                requests_end_while_the_store_is_away
                nothing_is_lost_over_restarts
                what_was_acknowledged_survives
            }
        }
    };
}

/// Part of the macros above.
#[doc(hidden)]
#[macro_export]
macro_rules! tests_of_cases {
    ($harness:expr; $($module:ident { $($case:ident)+ })+) => {
        $(
            mod $module {
                use super::*;

                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $case() {
                        let harness = $harness;
                        $crate::conformance::$module::$case(&harness).await;
                    }
                )+
            }
        )+
    };
}

#[cfg(test)]
mod tests;
