//! What every store must do, run on SQLite in memory, on an SQLite file and on a real PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panicking and say where they are"
)]

mod changes;
mod fixture;
mod records;
mod transports;

use byway_store::Store;
use byway_testkit::postgres_or_skip;

/// Makes one test per function for each SQLite, and one test of all for PostgreSQL, which then starts only once.
macro_rules! conformance {
    ($($module:ident :: $name:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test]
            async fn $name() {
                crate::$module::$name(&crate::Store::open("sqlite::memory:").await.unwrap()).await;
            })+
        }

        mod file {
            $(#[tokio::test]
            async fn $name() {
                let directory = tempfile::tempdir().unwrap();
                let url = format!("sqlite:{}", directory.path().join("registry.db").display());
                crate::$module::$name(&crate::Store::open(&url).await.unwrap()).await;
            })+
        }

        #[tokio::test]
        async fn postgres_does_all_that_every_store_must_do() {
            let Some(server) = postgres_or_skip() else { return };
            $({
                println!("{}", stringify!($name));
                let url = server.url(&server.database().unwrap());
                let store = Store::open(&url).await.unwrap();
                $module::$name(&store).await;
                store.close().await;
            })+
        }
    };
}

conformance! {
    transports::a_registered_transport_is_up_when_both_edges_just_signed_it,
    transports::an_old_entry_is_up_only_after_both_edges_said_so,
    transports::a_newer_entry_replaces_an_older_one_and_not_the_other_way_round,
    transports::the_same_registration_again_changes_nothing,
    transports::a_deleted_transport_does_not_come_back_by_an_entry_from_before,
    transports::what_is_not_registered_is_not_found,
    transports::a_heartbeat_takes_down_what_it_reports_down_or_does_not_list,
    transports::a_transport_registered_while_a_heartbeat_was_on_its_way_stays_up,
    transports::a_heartbeat_names_what_is_unknown_or_not_the_nodes_own,
    transports::a_heartbeat_of_thousands_of_transports_is_taken_at_once,
    transports::a_nodes_transports_go_down_when_its_lease_passes_and_expire_after_the_retention,
    transports::what_nobody_needs_any_more_is_forgotten_and_counted_no_more,
    transports::a_renewed_lease_does_not_pass,
    transports::an_old_heartbeat_is_refused_and_changes_nothing,
    transports::listings_filter_and_turn_pages,
    transports::stats_count_by_type_state_and_node,
    transports::a_node_beyond_its_limit_of_transports_is_refused,
    changes::changes_have_numbers_without_gaps_in_the_order_of_commits,
    changes::a_heartbeat_without_news_leaves_no_change,
    changes::a_reader_from_an_unknown_place_is_told_to_start_anew,
    changes::a_snapshot_and_the_changes_after_it_give_the_present_state,
    changes::snapshots_taken_while_others_write_are_completed_by_the_changes_after_them,
    changes::subscribers_wake_up_on_a_change,
    changes::a_node_that_changes_its_mind_about_transit_is_a_change,
    records::a_higher_sequence_replaces_a_lower_one_and_not_the_other_way_round,
    records::expired_records_vanish_and_older_ones_do_not_return,
    records::a_tombstone_hides_its_subject_until_it_expires,
    records::several_records_are_read_at_once,
    records::servers_come_in_the_order_of_their_load,
    records::servers_of_the_askers_region_come_first_while_they_have_free_places,
    records::a_published_record_serves_nobody_to_delete_or_to_alter_it,
    records::record_stats_count_what_has_not_expired,
}
