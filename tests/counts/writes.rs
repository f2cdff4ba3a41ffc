//! Writes: a number of queries that depends neither on what the manifest holds nor on what the repository has.

use berth_tests::{Blob, Document, Repository, TestRegistry, client::with_query, for_each_backend};

use crate::{queries, quiet, total};

/// The queries of a manifest PUT alone, its blobs being there.
async fn put(
    registry: &TestRegistry,
    repository: &Repository,
    tag: &str,
    image: &Document,
) -> Vec<(String, f64)> {
    for blob in &image.blobs {
        repository.push_blob(blob).await;
    }
    let put = repository.put_manifest(tag, image).send();
    queries(registry, async {
        put.await.expect_status(201);
    })
    .await
}

#[tokio::test]
async fn a_manifest_costs_the_same_for_one_layer_and_for_a_hundred() {
    for_each_backend(async |builder| {
        let registry = quiet(builder).start().await;
        let repository = registry.repository("team/app");
        repository.push("first", &Document::image(1)).await;
        let one = put(&registry, &repository, "one", &Document::image(1)).await;
        let hundred = put(&registry, &repository, "hundred", &Document::image(100)).await;
        assert_eq!(one, hundred);
    })
    .await;
}

#[tokio::test]
async fn a_tag_costs_the_same_among_one_and_among_a_thousand() {
    for_each_backend(async |builder| {
        let registry = quiet(builder).start().await;
        let (repository, image) = (registry.repository("team/app"), Document::image(1));
        repository.push("first", &image).await;
        let few = put(&registry, &repository, "few", &Document::image(1)).await;
        let tags: Vec<_> = (0..1_000)
            .map(|number| format!("tag=v{number:04}"))
            .collect();
        for some in tags.chunks(50) {
            let reference = with_query(&image.digest, &some.join("&"));
            repository
                .put_manifest(&reference, &image)
                .send()
                .await
                .expect_status(201);
        }
        let many = put(&registry, &repository, "many", &Document::image(1)).await;
        assert_eq!(few, many);
        let moved = put(&registry, &repository, "v0500", &Document::image(1)).await;
        let moved_again = put(&registry, &repository, "v0501", &Document::image(1)).await;
        assert_eq!(moved, moved_again);
    })
    .await;
}

#[tokio::test]
async fn one_request_with_many_tags_costs_what_one_tag_costs() {
    for_each_backend(async |builder| {
        let registry = quiet(builder).start().await;
        let (repository, image) = (registry.repository("team/app"), Document::image(1));
        repository.push(&image.digest, &image).await;
        let tagged = async |from: usize, to: usize| {
            let tags: Vec<_> = (from..to)
                .map(|number| format!("tag=v{number:04}"))
                .collect();
            let reference = with_query(&image.digest, &tags.join("&"));
            let put = repository.put_manifest(&reference, &image).send();
            queries(&registry, async {
                put.await.expect_status(201);
            })
            .await
        };
        assert_eq!(tagged(0, 1).await, tagged(1, 50).await);
    })
    .await;
}

#[tokio::test]
async fn an_upload_costs_the_same_for_more_and_less_for_a_little() {
    for_each_backend(async |builder| {
        let registry = quiet(builder).start().await;
        let repository = registry.repository("team/app");
        repository.push_blob(&Blob::random(10)).await;
        let push = async |size: usize| {
            let blob = Blob::random(size);
            queries(&registry, async {
                repository.push_blob(&blob).await;
            })
            .await
        };
        let (little, much, more) = (push(10).await, push(2 << 20).await, push(8 << 20).await);
        assert_eq!(much, more);
        assert!(
            total(&little) <= total(&much),
            "{little:?} against {much:?}"
        );
    })
    .await;
}
