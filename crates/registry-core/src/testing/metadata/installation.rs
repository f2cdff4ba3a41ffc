//! The marks of a move.

use uuid::Uuid;

use super::{change, manifest, new_upload, push, push_blob};
use crate::ports::{InstallationState, Metadata, MoveInto, UploadStart};
use crate::testing::TestClock;

async fn state(metadata: &dyn Metadata) -> InstallationState {
    metadata.installation().await.unwrap()
}

async fn begin(metadata: &dyn Metadata, source: Uuid) -> MoveInto {
    metadata.begin_move_into(source, "here").await.unwrap()
}

/// It has an id, which stays.
pub async fn a_fresh_registry_has_no_mark(metadata: &dyn Metadata, _clock: &TestClock) {
    let fresh = state(metadata).await;
    let InstallationState {
        id,
        moving_from: None,
        moving_storage: None,
        moving_to: None,
        moved_to: None,
        moved_to_id: None,
    } = fresh
    else {
        panic!("{fresh:?}");
    };
    assert_ne!(id, Uuid::nil());
    assert_eq!(state(metadata).await, fresh);
}

/// And then holds something, and may go on being filled until it is complete.
pub async fn what_is_empty_can_be_filled(metadata: &dyn Metadata, _clock: &TestClock) {
    let (source, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
    // A session holds nothing.
    metadata
        .create_upload(&change(), new_upload("a/b", UploadStart::Open))
        .await
        .unwrap();
    assert_eq!(begin(metadata, source).await, MoveInto::Begun);
    let filling = state(metadata).await;
    assert_eq!(
        (filling.moving_from, filling.moving_storage.as_deref()),
        (Some(source), Some("here"))
    );
    assert_eq!(begin(metadata, other).await, MoveInto::Refused);
    let elsewhere = metadata.begin_move_into(source, "elsewhere").await;
    assert_eq!(elsewhere.unwrap(), MoveInto::Refused);
    push_blob(metadata, "a/b", b"blob").await;
    assert_eq!(begin(metadata, source).await, MoveInto::Begun);
    assert!(!metadata.finish_move_into(other).await.unwrap());
    assert!(metadata.finish_move_into(source).await.unwrap());
    let complete = state(metadata).await;
    assert_eq!(
        (complete.moving_from, complete.moving_storage),
        (None, None)
    );
    assert!(!metadata.finish_move_into(source).await.unwrap());
    assert_eq!(begin(metadata, source).await, MoveInto::Refused);
}

/// With a blob alone, too.
pub async fn what_holds_something_is_not_filled(metadata: &dyn Metadata, _clock: &TestClock) {
    push_blob(metadata, "a/b", b"blob").await;
    assert_eq!(begin(metadata, Uuid::from_u128(1)).await, MoveInto::Refused);
    assert_eq!(state(metadata).await.moving_from, None);
}

/// The last step can be called off; what was moved stays so, and is not filled.
pub async fn what_was_moved_stays_moved(metadata: &dyn Metadata, _clock: &TestClock) {
    metadata.set_moving_to(Some("there")).await.unwrap();
    assert_eq!(state(metadata).await.moving_to.as_deref(), Some("there"));
    metadata.set_moving_to(None).await.unwrap();
    assert_eq!(state(metadata).await.moving_to, None);
    metadata.set_moving_to(Some("there")).await.unwrap();
    let id = Uuid::from_u128(3);
    metadata.set_moved_to("there", id).await.unwrap();
    let moved = state(metadata).await;
    assert_eq!(
        (
            moved.moving_to,
            moved.moved_to.as_deref(),
            moved.moved_to_id
        ),
        (None, Some("there"), Some(id))
    );
    assert_eq!(begin(metadata, Uuid::from_u128(1)).await, MoveInto::Refused);
    // It can still be read.
    push(metadata, manifest("a/b", "{}")).await;
}
