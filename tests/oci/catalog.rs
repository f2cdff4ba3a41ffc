//! The catalog: all repositories, in pages.

use berth_tests::{Blob, Document, for_each_registry};
use serde_json::json;

use crate::{all_pages, strings};

#[tokio::test]
async fn it_is_empty_at_first() {
    for_each_registry(async |registry| {
        let response = registry.client().get("/v2/_catalog").send().await;
        assert_eq!(
            response.expect_status(200).json(),
            json!({"repositories": []})
        );
    })
    .await;
}

#[tokio::test]
async fn repositories_are_listed_in_order_and_in_pages() {
    for_each_registry(async |registry| {
        let mut names: Vec<_> = (0..12)
            .map(|number| format!("team{}/app{number}", number % 3))
            .collect();
        for name in &names {
            registry
                .repository(name)
                .push("1", &Document::image(1))
                .await;
        }
        names.sort();
        let client = registry.client();
        let whole = client.get("/v2/_catalog").send().await;
        assert_eq!(
            strings(&whole.expect_status(200).json()["repositories"]),
            names
        );
        for (n, expected) in [(1, 12), (5, 3), (12, 1)] {
            let (found, pages) =
                all_pages(&client, &format!("/v2/_catalog?n={n}"), "repositories").await;
            assert_eq!((found, pages), (names.clone(), expected), "n={n}");
        }
        let after = client.get("/v2/_catalog?last=team1/app4").send().await;
        assert_eq!(strings(&after.json()["repositories"])[0], "team1/app7");
        let none = client.get("/v2/_catalog?n=0").expect(200).await;
        none.expect_no_header("link");
        assert_eq!(none.json()["repositories"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn names_may_hold_the_words_of_the_routes() {
    for_each_registry(async |registry| {
        for name in [
            "a/blobs/b",
            "manifests/manifests",
            "a/tags/list",
            "blobs/uploads/x",
            "referrers",
            "a/b/c/d/e/f/g",
        ] {
            let repository = registry.repository(name);
            let image = repository.push_image("1", 1).await;
            repository.expect_manifest("1", &image).await;
            repository.expect_blob(&image.blobs[0]).await;
            assert_eq!(
                repository.tags("").await.expect_status(200).json()["name"],
                name
            );
            repository
                .referrers(&image.digest, "")
                .await
                .expect_status(200);
            let chunk = Blob::random(10);
            let location = repository.start_upload_with(&chunk.bytes).await;
            repository.finish(&location, &chunk).await;
        }
    })
    .await;
}
