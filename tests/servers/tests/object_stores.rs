//! The two object stores: the same cases on both.

use berth_test_servers::{SeaweedFs, VersityGw};

use crate::curl::{Account, curl};

macro_rules! account_of {
    ($server:expr) => {
        Account {
            endpoint: $server.endpoint(),
            access_key: $server.access_key().to_owned(),
            secret_key: $server.secret_key().to_owned(),
            region: $server.region().to_owned(),
        }
    };
}
pub(crate) use account_of;

#[tokio::test]
async fn seaweedfs_stores_objects_in_fresh_buckets() {
    let server = SeaweedFs::shared().await;
    let buckets = [server.create_bucket().await, server.create_bucket().await];
    stores_objects(&account_of!(server), &buckets).await;
}

#[tokio::test]
async fn versitygw_stores_objects_in_fresh_buckets() {
    let server = VersityGw::shared().await;
    let buckets = [server.create_bucket().await, server.create_bucket().await];
    stores_objects(&account_of!(server), &buckets).await;
}

#[tokio::test]
async fn seaweedfs_knows_who_asks() {
    let server = SeaweedFs::shared().await;
    let bucket = server.create_bucket().await;
    knows_who_asks(account_of!(server), &bucket).await;
}

#[tokio::test]
async fn versitygw_knows_who_asks() {
    let server = VersityGw::shared().await;
    let bucket = server.create_bucket().await;
    knows_who_asks(account_of!(server), &bucket).await;
}

#[tokio::test]
async fn seaweedfs_keeps_objects_over_restarts_and_crashes() {
    let mut server = SeaweedFs::start().await;
    let account = account_of!(server);
    let bucket = server.create_bucket().await;
    put(&account, &format!("{bucket}/key"), "text").await;
    server.restart().await;
    check(&account, &format!("{bucket}/key"), "text").await;
    put(&account, &format!("{bucket}/second"), "more").await;
    server.kill().await;
    check(&account, &format!("{bucket}/second"), "more").await;
    put(&account, &format!("{bucket}/third"), "again").await;
    server.stop().await;
    let seen = account.request("GET", &format!("{bucket}/key"), "").await;
    assert_eq!(seen.code, 7, "it is down: {seen:?}");
}

#[tokio::test]
async fn versitygw_keeps_objects_over_restarts_and_crashes() {
    let mut server = VersityGw::start().await;
    let account = account_of!(server);
    let bucket = server.create_bucket().await;
    put(&account, &format!("{bucket}/key"), "text").await;
    server.restart().await;
    check(&account, &format!("{bucket}/key"), "text").await;
    put(&account, &format!("{bucket}/second"), "more").await;
    server.kill().await;
    check(&account, &format!("{bucket}/second"), "more").await;
    server.stop().await;
    let seen = account.request("GET", &format!("{bucket}/key"), "").await;
    assert_eq!(seen.code, 7, "it is down: {seen:?}");
}

/// Many buckets, because each has volumes of its own on one of the servers.
#[tokio::test]
async fn seaweedfs_does_not_run_out_of_buckets() {
    let server = SeaweedFs::shared().await;
    let account = account_of!(server);
    for _ in 0..60 {
        let bucket = server.create_bucket().await;
        put(&account, &format!("{bucket}/key"), "text").await;
    }
}

async fn stores_objects(account: &Account, buckets: &[String; 2]) {
    let [first, second] = buckets;
    assert_ne!(first, second);
    let head = account
        .request("GET", &format!("{first}?list-type=2"), "")
        .await;
    assert_eq!(head.status, 200, "{head:?}");
    put(account, &format!("{first}/b/0a/key.1"), "text").await;
    check(account, &format!("{first}/b/0a/key.1"), "text").await;
    let absent = account
        .request("GET", &format!("{second}/b/0a/key.1"), "")
        .await;
    assert_eq!(absent.status, 404, "{absent:?}");
    assert!(absent.body.contains("NoSuchKey"), "{absent:?}");
}

async fn knows_who_asks(account: Account, bucket: &str) {
    put(&account, &format!("{bucket}/key"), "text").await;
    let forged = Account {
        secret_key: "wrong".to_owned(),
        ..account
    };
    let refused = forged.request("GET", &format!("{bucket}/key"), "").await;
    assert_eq!(refused.status, 403, "{refused:?}");
    assert!(
        refused.body.contains("SignatureDoesNotMatch"),
        "{refused:?}"
    );
    let anonymous = format!("{}/{bucket}/key", forged.endpoint);
    let refused = curl(&[&anonymous]).await;
    assert_eq!(refused.status, 403, "{refused:?}");
}

pub(crate) async fn put(account: &Account, target: &str, body: &str) {
    let seen = account.request("PUT", target, body).await;
    assert_eq!(seen.status, 200, "{seen:?}");
}

pub(crate) async fn check(account: &Account, target: &str, body: &str) {
    let seen = account.request("GET", target, "").await;
    assert_eq!((seen.status, seen.body.as_str()), (200, body), "{seen:?}");
}
