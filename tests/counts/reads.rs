//! Reads: at most one query, and none for what the exact cache of an only writer has.

use berth_tests::{Document, client::with_query, for_each_backend};

use crate::{expect_one_query_at_most, queries, quiet, total};

#[tokio::test]
async fn a_manifest_costs_one_query_or_none() {
    for_each_backend(async |builder| {
        let mut registry = quiet(builder).start().await;
        let image = Document::image(3);
        registry.repository("team/app").push("latest", &image).await;
        for reference in ["latest", &image.digest] {
            expect_one_query_at_most(
                &mut registry,
                &format!("GET {reference}"),
                async |registry| {
                    registry
                        .repository("team/app")
                        .expect_manifest(reference, &image)
                        .await;
                },
            )
            .await;
            expect_one_query_at_most(
                &mut registry,
                &format!("HEAD {reference}"),
                async |registry| {
                    registry
                        .repository("team/app")
                        .head_manifest(reference)
                        .send()
                        .await
                        .expect_status(200);
                },
            )
            .await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_blob_costs_one_query_or_none() {
    for_each_backend(async |builder| {
        let mut registry = quiet(builder).start().await;
        let image = Document::image(1);
        registry.repository("team/app").push("latest", &image).await;
        expect_one_query_at_most(&mut registry, "HEAD of a blob", async |registry| {
            registry
                .repository("team/app")
                .head_blob(&image.blobs[0].digest)
                .send()
                .await
                .expect_status(200);
        })
        .await;
        expect_one_query_at_most(&mut registry, "GET of a blob", async |registry| {
            registry
                .repository("team/app")
                .expect_blob(&image.blobs[0])
                .await;
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn what_was_just_pushed_costs_nothing() {
    for_each_backend(async |builder| {
        let registry = quiet(builder).start().await;
        let (repository, image) = (registry.repository("team/app"), Document::image(1));
        repository.push("latest", &image).await;
        let first = queries(&registry, repository.expect_manifest("latest", &image)).await;
        assert!(total(&first) <= 1.0, "{first:?}");
        // The tag moves: the cache must know, and still ask at most once.
        let second = Document::image(1);
        repository.push("latest", &second).await;
        let moved = queries(&registry, repository.expect_manifest("latest", &second)).await;
        assert!(total(&moved) <= 1.0, "{moved:?}");
    })
    .await;
}

#[tokio::test]
async fn a_page_costs_one_query_however_long_the_list() {
    for_each_backend(async |builder| {
        let registry = quiet(builder).start().await;
        let (repository, image) = (registry.repository("team/app"), Document::image(1));
        repository.push(&image.digest, &image).await;
        for pushed in [100, 1_000, 3_000] {
            let tags: Vec<_> = (0..pushed)
                .map(|number| format!("tag=v{number:05}"))
                .collect();
            for some in tags.chunks(50) {
                let reference = with_query(&image.digest, &some.join("&"));
                repository
                    .put_manifest(&reference, &image)
                    .send()
                    .await
                    .expect_status(201);
            }
            let page = queries(&registry, async {
                repository.tags("n=100").await.expect_status(200);
            });
            let page = page.await;
            assert!(
                total(&page) <= 1.0,
                "a page of tags among {pushed} costs {page:?}"
            );
        }
        let referrers = queries(&registry, async {
            repository
                .referrers(&image.digest, "")
                .await
                .expect_status(200);
        });
        let referrers = referrers.await;
        assert!(total(&referrers) <= 1.0, "referrers cost {referrers:?}");
        let catalog = queries(&registry, async {
            registry
                .client()
                .get("/v2/_catalog?n=100")
                .send()
                .await
                .expect_status(200);
        });
        let catalog = catalog.await;
        assert!(total(&catalog) <= 1.0, "the catalog costs {catalog:?}");
    })
    .await;
}
