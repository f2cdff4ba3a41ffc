//! oras-go, the library behind oras, helm, notation and many more, through a small program of our own.

use berth_tests::{for_each_backend, tool::Tool};

#[tokio::test]
async fn pushes_lists_and_pulls_artifacts() {
    for_each_backend(async |builder| {
        let (registry, home) = (
            builder.start().await,
            tempfile::tempdir().expect("a directory"),
        );
        let helper = Tool::new("oras-helper").home(home.path());
        assert_eq!(
            helper
                .line(&format!("{}/team/artifacts", registry.host()))
                .await
                .stdout,
            "ok"
        );
    })
    .await;
}
