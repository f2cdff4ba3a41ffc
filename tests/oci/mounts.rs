//! Mounting: a blob of one repository is taken into another without sending it again, and nothing is told of blobs
//! that the caller could not have had.

use berth_tests::{Blob, Repository, Response, for_each_registry};

async fn mount(repository: &Repository, query: &str) -> Response {
    repository
        .request(http::Method::POST, &format!("blobs/uploads/?{query}"))
        .send()
        .await
}

#[tokio::test]
async fn a_blob_of_another_repository_is_mounted() {
    for_each_registry(async |registry| {
        let [source, target] = registry.repositories(["team/source", "other/target"]);
        for blob in [Blob::random(1000), Blob::random(1000).as_sha512()] {
            source.push_blob(&blob).await;
            let mounted = mount(&target, &format!("mount={}&from=team/source", blob.digest)).await;
            mounted
                .expect_status(201)
                .expect_header("docker-content-digest", &blob.digest);
            assert_eq!(
                mounted.location(),
                target.path(&format!("blobs/{}", blob.digest))
            );
            target.expect_blob(&blob).await;

            // The copy is the target's own from now on.
            source.delete_blob(&blob.digest).expect(202).await;
            target.expect_blob(&blob).await;
        }
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_mounted_is_uploaded() {
    for_each_registry(async |registry| {
        let [source, target] = registry.repositories(["team/source", "other/target"]);
        let (stored, absent) = (Blob::random(1000), Blob::random(1000));
        source.push_blob(&stored).await;
        for query in [
            format!("mount={}&from=team/source", absent.digest),
            format!("mount={}&from=nobody/nothing", stored.digest),
            format!("mount={}&from=Not%20a%20Name", stored.digest),
        ] {
            let answer = mount(&target, &query).await;
            answer
                .expect_status(202)
                .expect_no_header("docker-content-digest");
            assert!(answer.location().contains("/blobs/uploads/"), "{answer:?}");
            target.expect_no_blob(&stored.digest).await;
        }
        // The session that it opens is an ordinary one.
        let answer = mount(
            &target,
            &format!("mount={}&from=nobody/nothing", absent.digest),
        )
        .await;
        target
            .finish_upload(&answer.location(), &absent.digest, &absent.bytes)
            .expect(201)
            .await;
        target.expect_blob(&absent).await;
    })
    .await;
}

#[tokio::test]
async fn without_a_source_the_namespace_is_searched() {
    for_each_registry(async |registry| {
        let blob = Blob::random(1000);
        registry.repository("team/source").push_blob(&blob).await;

        let neighbour = registry.repository("team/deep/target");
        mount(&neighbour, &format!("mount={}", blob.digest))
            .await
            .expect_status(201);
        neighbour.expect_blob(&blob).await;
        let stranger = registry.repository("other/target");
        mount(&stranger, &format!("mount={}", blob.digest))
            .await
            .expect_status(202);
        stranger.expect_no_blob(&blob.digest).await;
    })
    .await;
}
