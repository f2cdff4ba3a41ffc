//! Conditions on manifests: two writers that read the same tag cannot both believe that they replaced it.

use berth_tests::{Document, in_each_repository};

use crate::{expect_count, statuses_of};

fn quoted(document: &Document) -> String {
    format!("\"{}\"", document.digest)
}

#[tokio::test]
async fn a_tag_is_replaced_only_while_it_is_what_the_writer_saw() {
    in_each_repository(async |repository| {
        let (first, second, third) = (Document::image(1), Document::image(1), Document::image(1));
        repository.push("1", &first).await;
        for document in [&second, &third] {
            repository.push(&document.digest, document).await;
        }
        let replace = |tag, document, seen: String| {
            let request = repository.put_manifest(tag, document);
            request.header("if-match", seen)
        };
        replace("1", &second, quoted(&first)).expect(201).await;
        replace("1", &third, quoted(&first))
            .refused(412, "DENIED")
            .await;
        repository.expect_manifest("1", &second).await;
        let several = format!("{}, {}", quoted(&first), quoted(&second));
        replace("1", &third, several).expect(201).await;
        replace("2", &third, quoted(&third))
            .refused(412, "DENIED")
            .await;
        repository.expect_no_manifest("2").await;
    })
    .await;
}

#[tokio::test]
async fn a_tag_is_created_only_while_it_is_absent() {
    in_each_repository(async |repository| {
        let (first, second) = (Document::image(1), Document::image(1));
        for document in [&first, &second] {
            repository.push(&document.digest, document).await;
        }
        let create = |document| {
            repository
                .put_manifest("1", document)
                .header("if-none-match", "*")
                .send()
        };
        create(&first).await.expect_status(201);
        create(&second).await.expect_error(412, "DENIED");
        repository.expect_manifest("1", &first).await;
    })
    .await;
}

#[tokio::test]
async fn of_many_that_create_one_tag_one_wins() {
    in_each_repository(async |repository| {
        let images: Vec<_> = (0..8).map(|_| Document::image(1)).collect();
        for image in &images {
            repository.push(&image.digest, image).await;
        }
        let create = |image| {
            let request = repository.put_manifest("1", image);
            request.header("if-none-match", "*")
        };
        let statuses = statuses_of(images.iter().map(create)).await;
        expect_count(&statuses, 201, 1);
        expect_count(&statuses, 412, 7);
        let winner = &images[statuses
            .iter()
            .position(|&status| status == 201)
            .expect("a winner")];
        repository.expect_manifest("1", winner).await;
    })
    .await;
}

#[tokio::test]
async fn a_delete_is_conditional_too() {
    in_each_repository(async |repository| {
        let (first, second) = (Document::image(1), Document::image(1));
        repository.push("1", &first).await;
        repository
            .delete_manifest("1")
            .header("if-match", quoted(&second))
            .refused(412, "DENIED")
            .await;
        repository.expect_manifest("1", &first).await;
        repository
            .delete_manifest("1")
            .header("if-match", quoted(&first))
            .expect(202)
            .await;
        repository.expect_no_manifest("1").await;
    })
    .await;
}

#[tokio::test]
async fn what_the_reader_has_is_not_sent_again() {
    in_each_repository(async |repository| {
        let (first, second) = (Document::image(1), Document::image(1));
        repository.push("1", &first).await;
        let tag = repository
            .get_manifest("1")
            .send()
            .await
            .required_header("etag")
            .to_owned();
        assert_eq!(tag, quoted(&first));
        for request in [
            repository.get_manifest("1"),
            repository.head_manifest("1"),
            repository.get_manifest(&first.digest),
        ] {
            let response = request.header("if-none-match", &tag).send().await;
            assert!(response.expect_status(304).body().is_empty());
        }
        repository.push("1", &second).await;
        let moved = repository
            .get_manifest("1")
            .header("if-none-match", &tag)
            .expect(200)
            .await;
        moved.expect_header("docker-content-digest", &second.digest);
    })
    .await;
}
