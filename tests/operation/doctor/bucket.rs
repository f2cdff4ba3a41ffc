//! What is wrong with the bucket, with the way to it, or with where clients are sent.

use berth_test_servers::{
    FaultProxy, Nginx, NginxConfig, SeaweedFs, Toxiproxy, VersityGw,
    fault_proxy::{Fault, Operation},
};
use berth_tests::{SharedStores, certificates::Certificates};

use super::{Diagnosis, Doctor};

async fn diagnose(url: &str) -> Diagnosis {
    doctor(url).await.diagnose().await
}

/// A database that is right, and a bucket at this URL.
async fn doctor(url: &str) -> Doctor {
    let stores = SharedStores::fresh().await;
    Doctor::shared(&stores).option("--storage-url", url)
}

#[tokio::test]
async fn a_bucket_that_is_not_there_is_not_made() {
    let storage = SeaweedFs::shared().await;
    let url = format!(
        "s3://nothing-here?endpoint=http://localhost:{}&region=us-east-1",
        storage.port()
    );
    for _ in 0..2 {
        let diagnosis = diagnose(&url).await;
        diagnosis.expect_only("s3 bucket", &["no bucket nothing-here", "create it"]);
    }
}

#[tokio::test]
async fn a_wrong_key_and_none() {
    let stores = SharedStores::fresh().await;
    let doctor = Doctor::shared(&stores);
    let wrong = doctor.secret("AWS_SECRET_ACCESS_KEY", "wrong-key-of-the-test");
    let diagnosis = wrong.diagnose().await;
    diagnosis.expect_only(
        "s3 bucket",
        &["SignatureDoesNotMatch", "check the credentials"],
    );
    let unknown = Doctor::shared(&stores).environment("AWS_ACCESS_KEY_ID", "nobody");
    let diagnosis = unknown.diagnose().await;
    diagnosis.expect_only("s3 bucket", &["may not be used", "s3:PutObject"]);

    let mut none = Doctor::shared(&stores);
    none.environment.clear();
    let home = tempfile::tempdir().expect("a directory");
    let none = none
        .environment("HOME", &home.path().display().to_string())
        .environment("AWS_EC2_METADATA_DISABLED", "true");
    let diagnosis = none.diagnose().await;
    diagnosis.expect_only("s3 bucket", &["no credentials", "AWS_ACCESS_KEY_ID"]);
}

#[tokio::test]
async fn a_server_that_is_stopped() {
    let mut storage = VersityGw::start().await;
    let bucket = storage.create_bucket().await;
    let url = format!("s3://{bucket}?endpoint=http://localhost:{}", storage.port());
    let doctor = doctor(&url)
        .await
        .environment("AWS_ACCESS_KEY_ID", storage.access_key())
        .secret("AWS_SECRET_ACCESS_KEY", storage.secret_key());
    doctor.diagnose().await.expect_health();
    storage.stop().await;
    let diagnosis = doctor.diagnose().await;
    diagnosis.expect_only(
        "s3 bucket",
        &["cannot be reached", "refused", "check `endpoint`"],
    );
}

#[tokio::test]
async fn a_server_that_says_nothing() {
    let toxiproxy = Toxiproxy::start().await;
    let proxy = toxiproxy.proxy(SeaweedFs::shared().await.port()).await;
    let stores = SharedStores::fresh().await.through(proxy.port()).await;
    let doctor = Doctor::shared(&stores);
    doctor.diagnose().await.expect_health();
    proxy.hang().await;
    let diagnosis = doctor.diagnose().await;
    diagnosis.expect_only("s3 bucket", &["cannot be reached", "timed out"]);
}

#[tokio::test]
async fn one_thing_that_cannot_be_done_does_not_hide_the_rest() {
    let proxy = FaultProxy::start(&SeaweedFs::shared().await.endpoint());
    let stores = SharedStores::fresh().await;
    let doctor = Doctor::shared(&stores.through(proxy.port()).await);
    let fail = |operation| {
        proxy.rule(move |request| match request.operation {
            failing if failing == operation => Fault::Fail,
            _ => Fault::Pass,
        });
    };

    fail(Operation::CompleteMultipartUpload);
    let diagnosis = doctor.diagnose().await;
    diagnosis.expect_only("s3 complete", &["CompleteMultipartUpload", "InternalError"]);
    assert!(
        stores.unfinished_uploads().await.is_empty(),
        "parts are left"
    );

    fail(Operation::PutObject);
    let diagnosis = doctor.diagnose().await;
    diagnosis.expect_only("s3 put", &["PutObject", "500"]);
    assert!(
        !diagnosis.checks().contains(&"s3 get"),
        "there is nothing to get"
    );
    diagnosis.expect("s3 complete", "ok", &[]);

    fail(Operation::DeleteObjects);
    let diagnosis = doctor.diagnose().await;
    diagnosis.expect_only("s3 delete", &["DeleteObjects"]);
    proxy.clear();
    doctor.diagnose().await.expect_health();
}

#[tokio::test]
async fn clients_are_sent_where_nothing_is() {
    let stores = SharedStores::fresh().await;
    let (before, _) = stores
        .storage_url
        .split_once("&public_endpoint")
        .expect("a URL");
    let url =
        format!("{before}&public_endpoint=http://localhost:1&region=us-east-1&path_style=true");
    let doctor = Doctor::shared(&stores).option("--storage-url", &url);
    let diagnosis = doctor.diagnose().await;
    diagnosis.expect_only(
        "s3 presigned",
        &["http://localhost:1", "public_endpoint", "storage.redirect"],
    );
    // The rest is done all the same, and nothing is left.
    diagnosis
        .expect("s3 complete", "ok", &[])
        .expect("s3 delete", "ok", &[]);
    assert!(stores.objects().await.is_empty(), "objects are left");

    // What it advises helps.
    let off = doctor.configuration("storage:\n  redirect: off");
    let diagnosis = off.diagnose().await;
    diagnosis.expect_health();
    assert!(!diagnosis.checks().contains(&"s3 presigned"));
}

#[tokio::test]
async fn where_clients_are_sent_and_may_not_go() {
    let stores = SharedStores::fresh().await;
    let private = stores
        .storage_url
        .replace("=http://localhost:", "=http://127.0.0.1:");
    let diagnosis = Doctor::shared(&stores)
        .option("--storage-url", &private)
        .diagnose()
        .await;
    diagnosis
        .expect(
            "redirect",
            "warn",
            &["127.0.0.1", "private address", "crane"],
        )
        .expect_code(0);

    let plain = Doctor::shared(&stores)
        .option("--external-url", "https://registry.example.com")
        .option("--anonymous", "pull")
        .diagnose()
        .await;
    plain
        .expect(
            "redirect",
            "warn",
            &["plain HTTP", "public_endpoint=https://"],
        )
        .expect_code(0);

    let beneath = stores
        .storage_url
        .replace("=http://localhost:", "=http://s3.localhost:");
    let beneath = Doctor::shared(&stores)
        .option("--storage-url", &beneath)
        .option("--external-url", "http://s3.localhost:5000")
        .option("--anonymous", "pull")
        .diagnose()
        .await;
    beneath.expect(
        "redirect",
        "warn",
        &["at or below", "served through the registry"],
    );

    let off = Doctor::shared(&stores)
        .option("--storage-url", &private)
        .configuration("storage:\n  redirect: off")
        .diagnose()
        .await;
    off.expect_health()
        .expect("redirect", "ok", &["through the registry"]);
}

#[tokio::test]
async fn a_certificate_that_nobody_trusts() {
    let certificates = Certificates::generate("localhost").await;
    let upstream = SeaweedFs::shared().await.port();
    let config =
        NginxConfig::new(&[upstream]).tls(&certificates.certificate(), &certificates.private_key());
    let nginx = Nginx::start(config).await;
    let stores = SharedStores::fresh().await;
    let (bucket, _) = stores.storage_url.split_once('?').expect("a URL");
    let url = format!(
        "{bucket}?endpoint=https://localhost:{}&region=us-east-1",
        nginx.port()
    );
    let doctor = Doctor::shared(&stores).option("--storage-url", &url);
    let diagnosis = doctor.diagnose().await;
    diagnosis.expect_only(
        "s3 bucket",
        &["TLS handshake", "certificate", "SSL_CERT_FILE"],
    );

    let authority = certificates.authority().display().to_string();
    let trusting = doctor.environment("SSL_CERT_FILE", &authority);
    trusting.diagnose().await.expect_health();
}
