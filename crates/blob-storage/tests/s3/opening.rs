//! Opening a bucket that cannot be used: what the operator is told, and what nobody is told.

use std::error::Error;

use blob_storage::{S3Credentials, S3OpenError};

use crate::store::{Access, Server, TestStore, options, url};

const SERVERS: [Server; 2] = [Server::SeaweedFs, Server::VersityGw];

async fn refused(access: &Access, secret: &str) -> S3OpenError {
    let mut options = options(access);
    options.credentials = S3Credentials::Fixed {
        access_key_id: access.key_id.to_owned(),
        secret_access_key: secret.to_owned(),
    };
    let error = TestStore::open(url(access, ""), options).await.unwrap_err();
    assert_discreet(&error, secret);
    error
}

/// Neither what is printed nor what is logged gives a secret away.
fn assert_discreet(error: &dyn Error, secret: &str) {
    let mut cause = Some(error);
    while let Some(error) = cause {
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(!text.contains(secret), "{text}");
            assert!(!text.contains("X-Amz-"), "{text}");
        }
        cause = error.source();
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there() {
    // SeaweedFS makes a bucket when the first object comes.
    let mut access = Server::VersityGw.access().await;
    access.bucket = "nothing-here".to_owned();
    let error = refused(&access, access.secret).await;
    assert!(matches!(error, S3OpenError::NoBucket { .. }), "{error:?}");
    let text = error.to_string();
    assert!(
        text.contains("nothing-here") && text.contains("create it"),
        "{text}"
    );
}

#[tokio::test]
async fn a_key_that_is_not_right() {
    for server in SERVERS {
        let access = server.access().await;
        let error = refused(&access, "another-secret").await;
        assert!(matches!(error, S3OpenError::Denied { .. }), "{error:?}");
        let text = error.to_string();
        assert!(text.contains("SignatureDoesNotMatch"), "{text}");
    }
}

#[tokio::test]
async fn a_key_that_nobody_knows() {
    for server in SERVERS {
        let mut access = server.access().await;
        access.key_id = "nobody";
        let error = refused(&access, access.secret).await;
        assert!(matches!(error, S3OpenError::Denied { .. }), "{error:?}");
        assert!(
            error.to_string().contains("check the credentials"),
            "{error}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there() {
    let mut access = Server::VersityGw.access().await;
    access.endpoint = "http://127.0.0.1:1".to_owned();
    let error = refused(&access, access.secret).await;
    assert!(
        matches!(error, S3OpenError::Unreachable { .. }),
        "{error:?}"
    );
    let text = error.to_string();
    assert!(
        text.contains("http://127.0.0.1:1 cannot be reached"),
        "{text}"
    );
    let cause = error.source().unwrap().to_string();
    assert!(cause.contains("refused"), "{cause}");
}

#[tokio::test]
async fn another_region() {
    let mut access = Server::VersityGw.access().await;
    access.region = "eu-west-7";
    let error = refused(&access, access.secret).await;
    assert!(error.to_string().contains("bucket"), "{error:?}");
}

#[tokio::test]
async fn no_room_for_a_part() {
    let access = Server::VersityGw.access().await;
    for (parameters, bytes) in [("", 5 << 20), ("&part_size=16MiB", 16 << 20)] {
        let mut options = options(&access);
        options.buffer_bytes = bytes;
        let store = TestStore::open(url(&access, parameters), options.clone()).await;
        store.unwrap();
        options.buffer_bytes = bytes - 1;
        let error = TestStore::open(url(&access, parameters), options).await;
        assert!(matches!(error, Err(S3OpenError::Buffers(_))), "{error:?}");
    }
}

#[tokio::test]
async fn secrets_do_not_show() {
    let access = Server::SeaweedFs.access().await;
    let store = TestStore::on(Server::SeaweedFs).await;
    for text in [format!("{store:?}"), format!("{:?}", store.blobs)] {
        assert!(!text.contains(access.secret), "{text}");
    }
}
