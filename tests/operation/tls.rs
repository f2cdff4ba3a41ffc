//! HTTPS: certificates are renewed without a restart, and a key that does not fit is refused with a sentence.

use std::{
    fs,
    time::{Duration, Instant},
};

use berth_tests::{TestRegistry, certificates::Certificates, tool::Tool};
use tokio::time::sleep;

/// Whether a client that trusts this authority accepts the server.
async fn is_trusted(registry: &TestRegistry, authority: &Certificates) -> bool {
    let connect = format!(
        "s_client -connect {} -verify_return_error -CAfile {}",
        registry.host(),
        authority.authority().display()
    );
    Tool::new("openssl").try_line(&connect).await
}

#[tokio::test]
async fn a_renewed_certificate_is_served_without_a_restart() {
    let (old, new) = (
        Certificates::generate("localhost").await,
        Certificates::generate("localhost").await,
    );
    let registry = TestRegistry::builder().tls(&old).start().await;
    assert!(is_trusted(&registry, &old).await && !is_trusted(&registry, &new).await);

    fs::copy(new.private_key(), old.private_key()).expect("the key is replaced");
    fs::copy(new.certificate(), old.certificate()).expect("the certificate is replaced");
    registry.reload();
    let deadline = Instant::now() + Duration::from_secs(40);
    while !is_trusted(&registry, &new).await {
        assert!(
            Instant::now() < deadline,
            "the new certificate is not served:\n{}",
            registry.log()
        );
        sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn a_broken_renewal_keeps_the_old_certificate() {
    let certificates = Certificates::generate("localhost").await;
    let registry = TestRegistry::builder().tls(&certificates).start().await;
    fs::write(certificates.certificate(), "not a certificate")
        .expect("the certificate is replaced");
    registry.reload();
    registry
        .wait_for_log(&certificates.certificate().display().to_string())
        .await;
    assert!(is_trusted(&registry, &certificates).await);
}

#[tokio::test]
async fn a_key_of_another_certificate_is_refused() {
    let (one, other) = (
        Certificates::generate("localhost").await,
        Certificates::generate("localhost").await,
    );
    fs::copy(other.private_key(), one.private_key()).expect("the key is replaced");
    let refused = TestRegistry::builder().tls(&one).run_to_exit().await;
    refused.expect_refusal(&[
        "key",
        "certificate",
        &one.private_key().display().to_string(),
    ]);
}
