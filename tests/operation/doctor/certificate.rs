//! Certificates: right, about to end, ended, for another name, of another key, in the wrong order.

use std::{
    fs,
    path::{Path, PathBuf},
};

use berth_tests::tool::Tool;
use tempfile::TempDir;

use super::{Diagnosis, Doctor};

const NAME: &str = "registry.example.com";

/// An authority, and certificates of it.
struct Authority {
    directory: TempDir,
    openssl: Tool,
}

impl Authority {
    async fn new() -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let openssl = Tool::new("openssl").current_directory(directory.path());
        openssl
            .line("req -x509 -days 365 -subj /CN=Authority -newkey rsa:2048 -nodes -keyout ca.key -out ca.crt")
            .await;
        Self { directory, openssl }
    }

    /// A certificate, and its key beside it.
    async fn issue(&self, name: &str, days: i32) -> PathBuf {
        let names = format!("subjectAltName=DNS:{name}\nbasicConstraints=CA:FALSE\n");
        fs::write(self.directory.path().join("names"), names).expect("a file");
        self.openssl
            .line(
                "req -subj /CN=registry -newkey rsa:2048 -nodes -keyout server.key -out server.csr",
            )
            .await;
        let sign = "x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -extfile names -out server.crt";
        self.openssl.line(&format!("{sign} -days {days}")).await;
        self.directory.path().join("server.crt")
    }
}

async fn diagnose(certificate: &Path) -> Diagnosis {
    let data = tempfile::tempdir().expect("a directory");
    let key = certificate.with_file_name("server.key");
    Doctor::embedded(data.path())
        .option("--external-url", format!("https://{NAME}"))
        .configuration("anonymous: pull")
        .configuration(&format!(
            "tls:\n  certificate: {}\n  private_key: {}",
            certificate.display(),
            key.display()
        ))
        .diagnose()
        .await
}

#[tokio::test]
async fn one_that_is_right_and_one_that_ends_soon() {
    let authority = Authority::new().await;
    let certificate = authority.issue(NAME, 90).await;
    let diagnosis = diagnose(&certificate).await;
    diagnosis
        .expect_health()
        .expect("certificate", "ok", &["its key belongs to it"])
        .expect("validity", "ok", &["until 20", "days more"])
        .expect("names", "ok", &[NAME]);

    let certificate = authority.issue("*.example.com", 13).await;
    diagnose(&certificate)
        .await
        .expect("names", "ok", &[NAME])
        .expect("validity", "warn", &["it ends on 20", "renew it"])
        .expect_code(0);
}

#[tokio::test]
async fn one_that_has_ended() {
    let authority = Authority::new().await;
    let certificate = authority.issue(NAME, -1).await;
    let diagnosis = diagnose(&certificate).await;
    diagnosis.expect_only("validity", &["has ended", "renew it"]);
}

#[tokio::test]
async fn one_for_another_name() {
    let authority = Authority::new().await;
    let certificate = authority.issue("other.example.com", 90).await;
    let diagnosis = diagnose(&certificate).await;
    diagnosis.expect_only("names", &["other.example.com", NAME, "external_url"]);
}

#[tokio::test]
async fn one_of_another_key_and_files_that_are_none() {
    let authority = Authority::new().await;
    let certificate = authority.issue(NAME, 90).await;
    let key = certificate.with_file_name("server.key");
    fs::copy(certificate.with_file_name("ca.key"), &key).expect("the key is replaced");
    let diagnosis = diagnose(&certificate).await;
    diagnosis.expect_only("certificate", &["does not belong", "one pair"]);

    fs::write(&key, "not a key").expect("the key is replaced");
    let diagnosis = diagnose(&certificate).await;
    diagnosis.expect_only("certificate", &["server.key", "no unencrypted private key"]);

    fs::remove_file(&certificate).expect("the certificate is removed");
    let diagnosis = diagnose(&certificate).await;
    diagnosis.expect_only(
        "certificate",
        &["server.crt", "No such file", "correct its path"],
    );
}

#[tokio::test]
async fn a_chain_in_order_and_one_that_is_not() {
    let authority = Authority::new().await;
    let other = Authority::new().await;
    let certificate = authority.issue(NAME, 90).await;
    let own = fs::read_to_string(&certificate).expect("the certificate");
    let read =
        |name: &str| fs::read_to_string(certificate.with_file_name(name)).expect("a certificate");
    fs::write(&certificate, own.clone() + &read("ca.crt")).expect("the chain is written");
    let diagnosis = diagnose(&certificate).await;
    diagnosis
        .expect_health()
        .expect("chain", "ok", &["2 certificates, in order"]);

    let stranger = other.issue("stranger.example.com", 90).await;
    let stranger = fs::read_to_string(stranger).expect("a certificate");
    fs::write(&certificate, own + &stranger + &read("ca.crt")).expect("the chain is written");
    let diagnosis = diagnose(&certificate).await;
    diagnosis
        .expect(
            "chain",
            "warn",
            &["certificate 1", "not issued by the one after it"],
        )
        .expect_code(0);
}
