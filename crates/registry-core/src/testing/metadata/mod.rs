//! What every metadata engine must do, one public function a case.
//!
//! An implementation runs them all with [`metadata_contract!`](crate::metadata_contract), on stores
//! that are fresh and opened with the default [`Lifetimes`](crate::ports::Lifetimes). The cases
//! know the ports only: nothing of tables, caches or statements.

#![expect(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a case fails by panicking"
)]

pub mod blobs;
pub mod catalog;
pub mod finalize;
mod fixtures;
pub mod indexes;
pub mod installation;
pub mod inventory;
pub mod manifest_deletion;
pub mod manifests;
pub mod mounts;
pub mod races;
pub mod referrers;
pub mod storage_deletions;
pub mod tags;
pub mod totals;
pub mod upload_expiry;
pub mod upload_leases;
pub mod upload_objects;
pub mod uploads;

pub use fixtures::*;

/// Makes a named test of every case. `$open` names an async function that takes an
/// `Arc<TestClock>` and gives a fresh store that goes by it as an `Arc<dyn Metadata>`, and
/// whatever must live as long.
///
/// A macro, so that a new case reaches every implementation.
#[macro_export]
macro_rules! metadata_contract {
    ($open:ident) => {
        $crate::metadata_contract! { @cases $open;
            manifests {
                a_manifest_is_read_as_it_was_pushed
                a_large_manifest_is_read_as_it_was_pushed
                absence_is_told_apart
                repositories_do_not_share_manifests
                missing_blobs_are_named_in_order
                missing_references_can_be_accepted
                references_that_may_be_absent_may_be_absent
                a_size_that_differs_is_refused
                the_guard_sees_what_exists
                a_refused_push_leaves_nothing
                a_dry_run_leaves_nothing
                the_same_bytes_again_are_no_error
                the_last_media_type_is_kept
                tags_move
                a_read_sees_the_last_push
                many_references_and_tags_are_committed_at_once
                a_manifest_holds_its_blobs
            }
            indexes {
                a_child_cannot_be_deleted_before_its_index
                a_missing_child_becomes_one_when_it_is_pushed
                an_index_holds_blobs_too
                a_childs_size_is_compared
                a_child_may_have_many_parents
            }
            manifest_deletion {
                a_deleted_manifest_takes_its_tags
                deleting_lets_go_of_blobs
                deleting_what_is_absent_is_told_apart
                a_refused_deletion_changes_nothing
                a_dry_deletion_changes_nothing
                a_deleted_manifest_can_be_pushed_again
            }
            tags {
                tags_are_listed_in_byte_order
                pages_follow_each_other
                a_repository_without_tags_has_none
                a_deleted_tag_leaves_its_manifest
                deleting_an_absent_tag_is_told_apart
                a_refused_tag_deletion_changes_nothing
                a_dry_tag_deletion_changes_nothing
            }
            referrers {
                referrers_come_in_the_order_of_their_push
                pages_of_referrers_follow_each_other
                referrers_can_be_filtered_by_type
                nothing_refers_to_what_is_unknown
                a_deleted_referrer_is_gone
                pushing_a_referrer_again_lists_it_once
            }
            catalog {
                repositories_with_manifests_are_listed_in_byte_order
                pages_of_repositories_follow_each_other
                a_repository_without_manifests_is_not_listed
            }
            blobs {
                a_blob_is_found_where_it_was_pushed
                a_blob_is_invisible_elsewhere
                a_found_blob_stays_found
                a_deleted_blob_is_gone_from_its_repository_only
                a_referenced_blob_cannot_be_deleted
                deleting_an_absent_blob_is_told_apart
                a_dry_blob_deletion_changes_nothing
            }
            mounts {
                a_blob_can_be_mounted
                mounting_what_is_not_there_changes_nothing
                mounting_anonymously_searches_the_namespace
                mounting_again_is_no_error
                a_mounted_blob_outlives_its_source
                the_guard_of_a_mount_sees_what_exists
                a_refused_mount_changes_nothing
                a_dry_mount_changes_nothing
                mounting_fills_references_that_waited
            }
            uploads {
                an_open_session_stands_at_zero
                a_session_belongs_to_its_repository
                a_session_can_be_acquired_and_released
                one_of_two_acquires_wins
                a_checkpoint_records_offset_and_hash_together
                an_offset_that_differs_is_told
                cancelling_what_cannot_be_cancelled_is_told
                a_claimed_session_takes_no_more_bytes
                a_dry_run_opens_nothing
                whole_blobs_go_to_sessions_without_bytes
                only_what_is_held_can_be_finished
            }
            upload_leases {
                a_session_can_be_opened_leased
                a_renewed_lease_stays_in_force
                an_expired_lease_is_taken_over
                a_released_lease_is_no_lease
                a_cancelled_session_is_lost_to_its_holder
            }
            upload_objects {
                what_the_store_said_comes_back
                parts_come_back_in_order_to_whoever_publishes
                parts_of_an_object_that_was_started_anew_are_void
                a_part_may_be_recorded_again
                a_late_holder_records_no_parts
                a_tombstone_names_the_last_holder_and_what_the_store_said
                the_published_object_is_kept_among_leftovers
                the_key_of_a_blob_has_its_fence
                sessions_that_may_go_on_are_live
            }
            finalize {
                a_finalized_blob_is_visible
                a_session_can_be_opened_for_a_digest
                a_repeated_finalize_finds_it_done
                known_bytes_are_not_kept_twice
                a_session_need_not_be_claimed
                a_session_claimed_for_another_digest_cannot_be_finalized
                a_holder_that_lost_its_lease_cannot_finalize
                whoever_repeats_the_digest_takes_over
                a_refused_finalize_can_be_repeated
                a_dry_finalize_changes_nothing
                the_guard_of_a_finalize_sees_what_exists
                finalizing_fills_references_that_waited
                fifty_finalizes_charge_once
            }
            upload_expiry {
                sessions_nobody_touched_expire
                touched_sessions_do_not_expire
                expiry_keeps_its_limit
                finished_sessions_are_forgotten_later
                a_claimed_session_expires_too
            }
            storage_deletions {
                tombstones_wait_for_their_moment
                the_oldest_tombstones_come_first
                a_tombstone_that_was_not_carried_out_comes_again
                forgotten_tombstones_are_gone
                a_tombstone_that_asks_for_more_stays
                a_sound_engine_passes_its_probe
            }
            totals {
                an_empty_registry_holds_nothing
                repositories_are_counted_as_the_catalog_lists_them
                a_shared_blob_counts_once
                a_deleted_blob_counts_until_its_bytes_go
                open_sessions_are_counted
            }
            inventory {
                repositories_that_hold_anything_are_listed
                blobs_are_listed_by_digest
                manifests_are_listed_with_their_order
                a_time_of_push_can_be_brought
                tags_are_listed_with_what_they_name
                a_holder_of_a_blob_is_found
            }
            installation {
                a_fresh_registry_has_no_mark
                what_is_empty_can_be_filled
                what_holds_something_is_not_filled
                what_was_moved_stays_moved
            }
            races {
                deletions_and_pushes_leave_no_dangling_tag
                concurrent_pushes_of_one_manifest_agree
                concurrent_tags_of_one_repository_are_all_kept
                a_reader_never_goes_back
            }
        }
    };
    (@cases $open:ident; $($noun:ident { $($case:ident)+ })+) => {
        $(mod $noun {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                let clock = std::sync::Arc::new($crate::testing::TestClock::new());
                let (metadata, _alive) = super::$open(std::sync::Arc::clone(&clock)).await;
                $crate::testing::metadata::$noun::$case(&*metadata, &clock).await;
            })+
        })+
    };
}
