//! Referrers: what refers to a manifest through its `subject`, whether pushed before or after it. See
//! <https://github.com/opencontainers/distribution-spec/blob/main/spec.md#listing-referrers>.

use berth_tests::{
    Document, Repository,
    content::{IMAGE, INDEX},
    for_each_registry, in_each_repository,
};
use serde_json::{Value, json};

use crate::next_page;

const SBOM: &str = "application/vnd.example.sbom";
const SIGNATURE: &str = "application/vnd.example.signature";

async fn listed(repository: &Repository, digest: &str, query: &str) -> Vec<Value> {
    let response = repository.referrers(digest, query).await;
    response
        .expect_status(200)
        .expect_header("content-type", INDEX);
    let index = response.json();
    assert_eq!(
        (&index["schemaVersion"], &index["mediaType"]),
        (&json!(2), &json!(INDEX))
    );
    index["manifests"].as_array().expect("an array").clone()
}

async fn expect_listed(repository: &Repository, digest: &str, query: &str, count: usize) {
    let found = listed(repository, digest, query).await;
    assert_eq!(found.len(), count, "{query}: {found:?}");
}

#[tokio::test]
async fn they_are_listed_with_their_types_and_annotations() {
    in_each_repository(async |repository| {
        let (image, sbom) = (Document::image(1), "sbom");
        repository.push("1", &image).await;
        let referrer = Document::referrer(&image.descriptor(), SBOM);
        let response = repository.push(sbom, &referrer).await;
        response.expect_header("oci-subject", &image.digest);

        let annotations = referrer_annotations(&referrer);
        let mut expected = referrer.descriptor();
        expected["artifactType"] = json!(SBOM);
        expected["annotations"] = annotations;
        assert_eq!(listed(&repository, &image.digest, "").await, [expected]);
    })
    .await;
}

fn referrer_annotations(referrer: &Document) -> Value {
    serde_json::from_slice::<Value>(&referrer.bytes).expect("JSON")["annotations"].clone()
}

#[tokio::test]
async fn an_image_without_artifact_type_is_listed_by_its_config() {
    in_each_repository(async |repository| {
        let image = repository.push_image("1", 1).await;
        let signature = Document::image_with(1, |manifest| {
            manifest["config"]["mediaType"] = json!(SIGNATURE);
            manifest["subject"] = image.descriptor();
        });
        repository.push("signature", &signature).await;
        let index = Document::index_with([], |index| {
            index["artifactType"] = json!(SBOM);
            index["subject"] = image.descriptor();
        });
        repository
            .push("index", &index)
            .await
            .expect_header("oci-subject", &image.digest);

        let mut types = listed(&repository, &image.digest, "").await;
        assert_eq!(types.len(), 2, "{types:?}");
        types.sort_by_key(|entry| entry["artifactType"].to_string());
        assert_eq!(
            [&types[0]["artifactType"], &types[1]["artifactType"]],
            [SBOM, SIGNATURE]
        );
        assert_eq!(
            [&types[0]["mediaType"], &types[1]["mediaType"]],
            [INDEX, IMAGE]
        );
    })
    .await;
}

/// A plus sign in a query is itself (RFC 3986, section 2.2): only forms write a space that way.
#[tokio::test]
async fn a_filter_may_hold_a_plus_sign_as_it_stands() {
    for_each_registry(async |registry| {
        let repository = registry.repository("team/app");
        let image = repository.push_image("1", 1).await;
        for kind in ["application/x+json", "application/x"] {
            repository.push_referrer(&image, kind).await;
        }
        for filter in [
            "application/x+json",
            "application/x%2Bjson",
            "application%2Fx+json",
        ] {
            let filter = format!("artifactType={filter}");
            let found = listed(&repository, &image.digest, &filter).await;
            assert_eq!(found.len(), 1, "{filter}: {found:?}");
            assert_eq!(found[0]["artifactType"], "application/x+json", "{filter}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_filter_is_applied_and_named() {
    in_each_repository(async |repository| {
        let image = repository.push_image("1", 1).await;
        for kind in [SBOM, SIGNATURE, SBOM] {
            repository.push_referrer(&image, kind).await;
        }
        let filter = format!("artifactType={SBOM}");
        repository
            .referrers(&image.digest, &filter)
            .await
            .expect_header("oci-filters-applied", "artifactType");
        expect_listed(&repository, &image.digest, &filter, 2).await;
        expect_listed(
            &repository,
            &image.digest,
            "artifactType=application/vnd.example.other",
            0,
        )
        .await;
        repository
            .referrers(&image.digest, "")
            .await
            .expect_no_header("oci-filters-applied");
        expect_listed(&repository, &image.digest, "", 3).await;
    })
    .await;
}

/// Pushes an artifact that refers to a document, by its own digest.
trait PushReferrer {
    async fn push_referrer(&self, subject: &Document, kind: &str) -> Document;
}

impl PushReferrer for Repository {
    async fn push_referrer(&self, subject: &Document, kind: &str) -> Document {
        let referrer = Document::referrer(&subject.descriptor(), kind);
        self.push(&referrer.digest, &referrer).await;
        referrer
    }
}

#[tokio::test]
async fn nothing_known_is_an_empty_list_and_never_an_error() {
    in_each_repository(async |repository| {
        let image = Document::image(1);
        expect_listed(&repository, &image.digest, "", 0).await;
        repository.push("1", &image).await;
        expect_listed(&repository, &image.digest, "", 0).await;
        expect_listed(&repository, &Document::image(1).digest, "", 0).await;
        repository
            .referrers("sha256:abc", "")
            .await
            .expect_error(400, "DIGEST_INVALID");
    })
    .await;
}

#[tokio::test]
async fn a_subject_may_be_pushed_later_or_never() {
    in_each_repository(async |repository| {
        let image = Document::image(1);
        let referrer = repository.push_referrer(&image, SBOM).await;
        let found = listed(&repository, &image.digest, "").await;
        assert_eq!(found[0]["digest"], referrer.digest);
        repository.push("1", &image).await;
        expect_listed(&repository, &image.digest, "", 1).await;

        repository.delete_manifest(&image.digest).expect(202).await;
        repository
            .expect_manifest(&referrer.digest, &referrer)
            .await;
        repository
            .delete_manifest(&referrer.digest)
            .expect(202)
            .await;
        expect_listed(&repository, &image.digest, "", 0).await;
    })
    .await;
}

#[tokio::test]
async fn a_subject_may_be_addressed_by_sha512() {
    in_each_repository(async |repository| {
        let image = Document::image(1).as_sha512();
        repository.push(&image.digest, &image).await;
        let referrer = repository.push_referrer(&image, SBOM).await;
        let found = listed(&repository, &image.digest, "").await;
        assert_eq!(found[0]["digest"], referrer.digest);
    })
    .await;
}

#[tokio::test]
async fn referrers_of_other_repositories_are_not_shown() {
    for_each_registry(async |registry| {
        let [one, other] = registry.repositories(["team/app", "team/other"]);
        let image = one.push_image("1", 1).await;
        other.push("1", &image).await;
        one.push_referrer(&image, SBOM).await;
        expect_listed(&other, &image.digest, "", 0).await;
    })
    .await;
}

#[tokio::test]
async fn the_fallback_tag_of_older_clients_is_kept_and_nothing_is_listed_twice() {
    in_each_repository(async |repository| {
        let image = repository.push_image("1", 1).await;
        let referrer = repository.push_referrer(&image, SBOM).await;
        // A client that knows no referrers API maintains an index under a tag made of the subject's digest.
        let fallback = Document::index([&referrer]);
        let tag = image.digest.replace(':', "-");
        repository.push(&tag, &fallback).await;

        repository.expect_manifest(&tag, &fallback).await;
        let digests: Vec<_> = listed(&repository, &image.digest, "")
            .await
            .into_iter()
            .map(|entry| entry["digest"].clone())
            .collect();
        assert_eq!(digests, [json!(referrer.digest)]);
    })
    .await;
}

#[tokio::test]
async fn a_long_list_comes_in_pages() {
    in_each_repository(async |repository| {
        let image = repository.push_image("1", 1).await;
        let mut pushed = Vec::new();
        for number in 0..1_100 {
            let kind = if number % 2 == 0 { SBOM } else { SIGNATURE };
            let referrer = Document::referrer(&image.descriptor(), kind);
            if number == 0 {
                repository.push_blob(&referrer.blobs[0]).await;
            }
            repository
                .put_manifest(&referrer.digest, &referrer)
                .expect(201)
                .await;
            pushed.push(referrer.digest);
        }
        pushed.sort();

        let (mut found, mut pages, mut next) = (
            Vec::new(),
            0,
            Some(repository.path(&format!("referrers/{}", image.digest))),
        );
        while let Some(target) = next {
            let page = repository.client().get(&target).send().await;
            assert!(
                page.expect_status(200).body().len() <= 4 << 20,
                "a page of {} bytes",
                page.body().len()
            );
            let entries = page.json()["manifests"]
                .as_array()
                .expect("an array")
                .clone();
            found.extend(
                entries
                    .iter()
                    .map(|entry| entry["digest"].as_str().expect("a digest").to_owned()),
            );
            pages += 1;
            assert!(pages < 100, "the pages do not end");
            next = next_page(&page);
        }
        found.sort();
        assert!(
            found == pushed,
            "{} referrers were listed, {} pushed",
            found.len(),
            pushed.len()
        );
        assert!(pages > 1, "the list was not split");
    })
    .await;
}
