//! What is sent along with objects and parts.

use registry_core::ports::BlobStore;

use crate::recorder::Recorder;
use crate::session::{MIB, Session, pattern, write};
use crate::store::TestStore;

#[track_caller]
fn assert_has(head: &str, lines: &[&str]) {
    for line in lines {
        assert!(
            head.lines().any(|other| other == *line),
            "no {line} in {head}"
        );
    }
}

#[track_caller]
fn assert_has_no(head: &str, names: &[&str]) {
    for name in names {
        assert!(!head.contains(name), "{name} in {head}");
    }
}

/// Stores an object, and parts of another one.
async fn store_both(store: &TestStore, sha256: Option<[u8; 32]>) {
    let mut writer = Session::new().writer(&*store.blobs).await;
    write(&mut writer, &pattern(1, 9 * MIB)).await.unwrap();
    writer.close(true).await.unwrap();
    let object = Session::new().object;
    let bytes = vec![pattern(1, 1_000), pattern(2, 1_000)];
    store.blobs.put(&object, bytes, sha256).await.unwrap();
}

#[tokio::test]
async fn other_servers_get_bodies_as_they_are() {
    let recorder = Recorder::start().await;
    let store = recorder.store("&checksum=required").await;
    store_both(&store, Some([7; 32])).await;
    let head = recorder.last("PUT");
    assert_has(
        &head,
        &[
            "content-type: application/octet-stream",
            "content-length: 2000",
            // Nobody hashes them a second time.
            "x-amz-content-sha256: unsigned-payload",
        ],
    );
    for head in [head, recorder.last("POST")] {
        let names = [
            "aws-chunked",
            "x-amz-trailer",
            "x-amz-checksum",
            "x-amz-server-side",
        ];
        assert_has_no(&head, &names);
        assert!(head.contains("/bucket/test-"), "{head}");
    }
}

#[tokio::test]
async fn encryption_is_asked_for_where_objects_begin() {
    let recorder = Recorder::start().await;
    store_both(&recorder.store("&sse=AES256").await, None).await;
    for method in ["PUT", "POST"] {
        assert_has(
            &recorder.last(method),
            &["x-amz-server-side-encryption: aes256"],
        );
    }
    store_both(
        &recorder.store("&sse=aws:kms&kms_key_id=the/key").await,
        None,
    )
    .await;
    for method in ["PUT", "POST"] {
        assert_has(
            &recorder.last(method),
            &[
                "x-amz-server-side-encryption: aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id: the/key",
            ],
        );
    }
}

#[tokio::test]
async fn checksums_are_headers_and_the_digest_is_one() {
    // Without TLS that goes without saying.
    for parameters in ["&checksum=supported", ""] {
        checksums(parameters).await;
    }
}

async fn checksums(parameters: &str) {
    let recorder = Recorder::start().await;
    let store = recorder.store(parameters).await;
    store_both(&store, Some([0; 32])).await;
    let sum = format!("x-amz-checksum-sha256: {}a=", "a".repeat(42));
    assert_has(&recorder.last("PUT"), &[&sum]);
    assert_has(
        &recorder.last("POST"),
        &[
            "x-amz-checksum-algorithm: crc32",
            "x-amz-checksum-type: full_object",
        ],
    );
    store_both(&store, None).await;
    let head = recorder.last("PUT");
    assert!(head.contains("\nx-amz-checksum-crc32: "), "{head}");
    assert_has_no(
        &head,
        &["aws-chunked", "x-amz-trailer", "x-amz-checksum-sha256"],
    );
}
