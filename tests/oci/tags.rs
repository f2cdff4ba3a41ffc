//! Tags: their order, their pages, and what an empty list looks like.

use berth_tests::{
    Document, Repository, client::with_query, for_each_registry, in_each_repository,
};
use serde_json::json;

use crate::{all_pages, next_page, strings};

/// Puts one manifest under many tags, fifty with each request.
async fn tag_all(repository: &Repository, document: &Document, tags: &[String]) {
    repository.push(&document.digest, document).await;
    for some in tags.chunks(50) {
        let query = some
            .iter()
            .map(|tag| format!("tag={tag}"))
            .collect::<Vec<_>>()
            .join("&");
        let reference = with_query(&document.digest, &query);
        repository
            .put_manifest(&reference, document)
            .expect(201)
            .await;
    }
}

#[tokio::test]
async fn they_are_listed_in_the_order_of_their_bytes() {
    in_each_repository(async |repository| {
        let image = Document::image(1);
        for tag in ["b", "10", "_x", "A", "2", "a.b", "a-b", "1"] {
            repository.push(tag, &image).await;
        }
        let response = repository.tags("").await;
        assert!(
            response
                .expect_status(200)
                .required_header("content-type")
                .starts_with("application/json")
        );
        assert_eq!(
            response.json(),
            json!({"name": "team/app", "tags": ["1", "10", "2", "A", "_x", "a-b", "a.b", "b"]})
        );
        let page = repository.tags("last=2").await;
        assert_eq!(
            strings(&page.json()["tags"]),
            ["A", "_x", "a-b", "a.b", "b"]
        );
        let page = repository.tags("last=AA").await;
        assert_eq!(strings(&page.json()["tags"]), ["_x", "a-b", "a.b", "b"]);
        assert_eq!(
            repository.tags("last=zz").await.expect_status(200).json()["tags"],
            json!([])
        );
    })
    .await;
}

#[tokio::test]
async fn pages_are_linked_until_the_last() {
    in_each_repository(async |repository| {
        let tags: Vec<_> = (0..25).map(|number| format!("v{number:02}")).collect();
        tag_all(&repository, &Document::image(1), &tags).await;
        for (n, expected) in [(1, 25), (7, 4), (24, 2)] {
            let (found, pages) = all_pages(
                repository.client(),
                &repository.path(&format!("tags/list?n={n}")),
                "tags",
            )
            .await;
            assert_eq!((found, pages), (tags.clone(), expected), "n={n}");
        }
        // A page that holds all there is has no successor, full or not.
        for n in [25, 26, 1000] {
            let page = repository.tags(&format!("n={n}")).await;
            assert_eq!(
                (strings(&page.json()["tags"]), next_page(&page)),
                (tags.clone(), None),
                "n={n}"
            );
        }
        let page = repository.tags("n=2&last=v03").await;
        assert_eq!(strings(&page.json()["tags"]), ["v04", "v05"]);
    })
    .await;
}

#[tokio::test]
async fn a_page_of_none_is_empty_and_has_no_successor() {
    in_each_repository(async |repository| {
        repository.push("1", &Document::image(1)).await;
        let page = repository.tags("n=0").await;
        page.expect_status(200).expect_no_header("link");
        assert_eq!(page.json()["tags"], json!([]));
    })
    .await;
}

#[tokio::test]
async fn without_a_limit_all_are_listed_and_a_huge_limit_is_lowered() {
    in_each_repository(async |repository| {
        let tags: Vec<_> = (0..10_100).map(|number| format!("v{number:05}")).collect();
        tag_all(&repository, &Document::image(1), &tags).await;

        let whole = repository.tags("").await;
        whole.expect_status(200).expect_no_header("link");
        assert!(
            strings(&whole.json()["tags"]) == tags,
            "the whole list is not what was pushed"
        );
        let page = repository.tags("n=1000000000").await;
        assert_eq!(
            strings(&page.expect_status(200).json()["tags"]).len(),
            10_000
        );
        assert!(next_page(&page).is_some(), "{:?}", page.header("link"));
    })
    .await;
}

#[tokio::test]
async fn an_absent_repository_has_no_list_and_an_empty_one_has() {
    for_each_registry(async |registry| {
        registry
            .repository("nobody/nothing")
            .tags("")
            .await
            .expect_error(404, "NAME_UNKNOWN");
        let repository = registry.repository("team/app");
        let image = repository.push_image("1", 1).await;
        repository.delete_manifest("1").expect(202).await;
        assert_eq!(
            repository.tags("").await.expect_status(200).json(),
            json!({"name": "team/app", "tags": []})
        );
        repository.expect_manifest(&image.digest, &image).await;
    })
    .await;
}
