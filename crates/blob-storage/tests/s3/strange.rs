//! Servers that answer in ways that no specification knows.

use std::time::Duration;

use registry_core::ports::{BlobStore, BlobStoreError, Timestamp};
use tokio::time::timeout;

use crate::recorder::{Answer, Recorder, agree};
use crate::session::Session;
use crate::store::TestStore;

async fn store(answer: Answer) -> TestStore {
    Recorder::answering(answer).await.store("").await
}

fn refusal(status: u16, code: &str) -> (u16, String) {
    (status, format!("<Error><Code>{code}</Code></Error>"))
}

/// A page of one upload, behind which there are others.
fn page(head: &str) -> String {
    let (_, rest) = head.split_once("prefix=").unwrap();
    let prefix = rest.split(['&', ' ']).next().unwrap().replace("%2F", "/");
    let key = format!("{prefix}ab/0198c0de-0000-7abc-8def-0123456789ab.7");
    format!(
        "<ListMultipartUploadsResult><IsTruncated>true</IsTruncated>\
         <NextKeyMarker>{key}</NextKeyMarker><NextUploadIdMarker>id</NextUploadIdMarker>\
         <Upload><Key>{key}</Key><UploadId>id</UploadId>\
         <Initiated>2026-01-01T00:00:00.000Z</Initiated></Upload></ListMultipartUploadsResult>"
    )
}

#[tokio::test]
async fn a_list_of_uploads_that_does_not_go_on_is_no_fault() {
    let refusing: Answer = |head| match head {
        _ if head.contains("key-marker=") => refusal(400, "InvalidArgument"),
        _ if head.contains("?uploads") => (200, page(head)),
        _ => agree(head),
    };
    let repeating: Answer = |head| match head {
        _ if head.contains("?uploads") => (200, page(head)),
        _ => agree(head),
    };
    for answer in [refusing, repeating] {
        let store = store(answer).await;
        let found = store.blobs.unfinished(Timestamp(i64::MAX));
        let found = timeout(Duration::from_secs(20), found).await.unwrap();
        let found = found.unwrap();
        assert!(!found.is_empty() && found.iter().all(|one| one.key.fence == 7));
    }
    let failing: Answer = |head| match head {
        _ if head.contains("?uploads") => refusal(400, "InvalidArgument"),
        _ => agree(head),
    };
    let found = store(failing).await.blobs.unfinished(Timestamp(0)).await;
    assert!(matches!(found, Err(BlobStoreError::Failed(_))), "{found:?}");
}

#[tokio::test]
async fn a_list_of_objects_that_does_not_go_on_is_tried_again_later() {
    let store = store(|head| match head {
        _ if head.contains("list-type=2") => (
            200,
            "<ListBucketResult><IsTruncated>true</IsTruncated>\
             <NextContinuationToken>t</NextContinuationToken></ListBucketResult>"
                .to_owned(),
        ),
        _ => agree(head),
    });
    let store = store.await;
    let mut session = Session::new();
    session.object.key.fence = 1_000;
    let left = [session.leftovers(None)];
    let gone = store.blobs.delete(&left);
    let gone = timeout(Duration::from_secs(20), gone).await.unwrap();
    assert_eq!(gone.unwrap(), []);
}

#[tokio::test]
async fn what_may_not_be_deleted_is_not_gone() {
    let store = store(|head| match head {
        _ if head.contains("?delete") => (
            200,
            "<DeleteResult><Error><Code>InternalError</Code></Error></DeleteResult>".to_owned(),
        ),
        _ => agree(head),
    });
    let left = [Session::new().leftovers(None)];
    assert_eq!(store.await.blobs.delete(&left).await.unwrap(), []);
}

#[tokio::test]
async fn an_object_is_not_lost_with_its_bucket() {
    let gone: Answer = |head| match head {
        _ if head.starts_with("HEAD") => (404, String::new()),
        _ if head.contains("list-type=2") => refusal(404, "NoSuchBucket"),
        _ => agree(head),
    };
    let key = Session::new().object.key;
    let opened = store(gone).await.blobs.open(key, 9, 0..0).await;
    assert!(matches!(opened, Err(BlobStoreError::Failed(_))));
    let lost: Answer = |head| match head {
        _ if head.starts_with("HEAD") => (404, String::new()),
        _ if head.contains("list-type=2") => (200, "<ListBucketResult/>".to_owned()),
        _ => agree(head),
    };
    let opened = store(lost).await.blobs.open(key, 9, 0..0).await;
    assert!(matches!(opened, Err(BlobStoreError::Lost(_))));
}

#[tokio::test]
async fn what_is_too_large_is_refused_before_a_byte_comes() {
    let store = store(agree).await;
    let object = Session::new().object;
    let all = Some(160 * 1024 * 1024 * 1024);
    let opened = store.blobs.append(&object, all).await;
    assert!(matches!(opened, Err(BlobStoreError::TooLarge)));
}
