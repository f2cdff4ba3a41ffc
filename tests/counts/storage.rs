//! What an operation costs in requests to S3 and round trips to the database, on the stores that pods share. The
//! budget: a small blob is one request, a large one its parts and two more, publishing is one request or none, and
//! whatever is read or redirected costs none.

use std::future::Future;

use berth_tests::{Backend, Blob, Document, Repository, TestRegistry, registry::Builder};

use crate::{asked, quiet, total};

const REQUESTS: &str = "registry_s3_requests_total";
const PART: usize = 8 << 20;

async fn start() -> (TestRegistry, Repository) {
    let registry = quiet(Builder::new(Backend::Shared)).start().await;
    let repository = registry.repository("team/app");
    // The repository is there, and its id is known.
    repository.push("first", &Document::image(1)).await;
    (registry, repository)
}

/// What an operation costs.
#[derive(Debug, PartialEq)]
struct Cost {
    /// Requests to S3, by operation.
    requests: Vec<(String, f64)>,
    /// Round trips to the database.
    queries: f64,
}

async fn cost<T>(registry: &TestRegistry, operation: impl Future<Output = T>) -> (T, Cost) {
    let before = registry.metrics().await;
    assert!(before.contains(REQUESTS), "requests are not counted");
    let output = operation.await;
    let after = registry.metrics().await;
    let requests = after.grown_since(&before, REQUESTS);
    let requests = requests.into_iter().map(|(series, count)| {
        let operation = series.split("operation=\"").nth(1);
        let operation = operation.and_then(|rest| rest.split('"').next());
        (operation.unwrap_or(&series).to_owned(), count)
    });
    let cost = Cost {
        requests: requests.collect(),
        queries: total(&asked(&before, &after)),
    };
    (output, cost)
}

#[track_caller]
fn expect(step: &str, cost: &Cost, requests: &[(&str, f64)], queries: f64) {
    let mut expected: Vec<_> = requests
        .iter()
        .map(|(operation, count)| ((*operation).to_owned(), *count))
        .collect();
    expected.sort_by(|one, other| one.0.cmp(&other.0));
    let mut found = cost.requests.clone();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(found, expected, "{step}");
    assert!(cost.queries <= queries, "{step}: {cost:?}");
}

#[tokio::test]
async fn a_small_blob_is_one_request() {
    let (registry, repository) = start().await;
    for size in [1, 10_000, 2 << 20, PART] {
        let blob = Blob::random(size);
        // As containerd pushes.
        let (location, opened) = cost(&registry, repository.start_upload()).await;
        expect("POST", &opened, &[], 1.0);
        let put = repository.finish_upload(&location, &blob.digest, &blob.bytes);
        let (answer, put) = cost(&registry, put.send()).await;
        answer.expect_status(201);
        expect("PUT of the whole", &put, &[("PutObject", 1.0)], 2.0);
        // As docker pushes.
        let blob = Blob::random(size);
        let location = repository.start_upload().await;
        let patch = repository.patch(&location, &blob.bytes);
        let (answer, patch) = cost(&registry, patch.send()).await;
        let location = answer.expect_status(202).location();
        expect("PATCH", &patch, &[("PutObject", 1.0)], 2.0);
        let put = repository.finish_upload(&location, &blob.digest, &[]);
        let (answer, put) = cost(&registry, put.send()).await;
        answer.expect_status(201);
        expect("PUT", &put, &[], 2.0);
        repository.expect_blob(&blob).await;
    }
}

#[tokio::test]
async fn a_large_blob_is_its_parts_and_publishing_is_one_request() {
    let (registry, repository) = start().await;
    for (size, parts) in [(PART + 1, 2.0), (3 * PART, 3.0), (5 * PART - 7, 5.0)] {
        let blob = Blob::random(size);
        let location = repository.start_upload().await;
        let patch = repository.patch(&location, &blob.bytes);
        let (answer, patch) = cost(&registry, patch.send()).await;
        let location = answer.expect_status(202).location();
        let requests = [("CreateMultipartUpload", 1.0), ("UploadPart", parts)];
        expect("PATCH", &patch, &requests, 2.0);
        let put = repository.finish_upload(&location, &blob.digest, &[]);
        let (answer, put) = cost(&registry, put.send()).await;
        answer.expect_status(201);
        expect("PUT", &put, &[("CompleteMultipartUpload", 1.0)], 2.0);
        repository.expect_blob(&blob).await;
    }
}

#[tokio::test]
async fn a_manifest_is_one_round_trip_and_no_request() {
    let (registry, repository) = start().await;
    for layers in [1, 50] {
        let image = Document::image(layers);
        for blob in &image.blobs {
            repository.push_blob(blob).await;
        }
        let put = repository.put_manifest("tag", &image);
        let (answer, put) = cost(&registry, put.send()).await;
        answer.expect_status(201);
        expect("manifest PUT", &put, &[], 1.0);
        for reference in ["tag", &image.digest] {
            let get = repository.get_manifest(reference);
            let (answer, get) = cost(&registry, get.send()).await;
            answer.expect_status(200);
            expect("manifest GET", &get, &[], 1.0);
        }
    }
}

#[tokio::test]
async fn a_redirect_is_one_round_trip_at_most_and_no_request() {
    let (registry, repository) = start().await;
    let blob = Blob::random((1 << 20) + 1);
    repository.push_blob(&blob).await;
    // Where it lies is remembered for some seconds; whether it is there is not.
    for queries in [1.0, 0.0, 0.0] {
        let get = repository.get_blob(&blob.digest);
        let (answer, get) = cost(&registry, get.send()).await;
        answer.expect_status(307);
        expect("blob GET", &get, &[], queries);
        let head = repository.head_blob(&blob.digest);
        let (answer, head) = cost(&registry, head.send()).await;
        answer.expect_status(200);
        expect("blob HEAD", &head, &[], 1.0);
    }
    repository.delete_blob(&blob.digest).expect(202).await;
    repository.expect_no_blob(&blob.digest).await;
    let small = Blob::random(1 << 20);
    repository.push_blob(&small).await;
    let ((), get) = cost(&registry, repository.expect_blob(&small)).await;
    expect("GET of a small blob", &get, &[("GetObject", 1.0)], 1.0);
}

#[tokio::test]
async fn mounts_deletions_and_lists_cost_no_request() {
    let (registry, repository) = start().await;
    let image = repository.push_image("image", 2).await;
    let other = registry.repository("team/other");
    other.push_blob(&Blob::random(10)).await;
    let target = format!(
        "/v2/team/other/blobs/uploads/?mount={}&from=team/app",
        image.blobs[0].digest
    );
    let (answer, mount) = cost(&registry, registry.client().post(&target).send()).await;
    answer.expect_status(201);
    expect("mount", &mount, &[], 1.0);
    let (answer, tags) = cost(&registry, repository.tags("n=10")).await;
    answer.expect_status(200);
    expect("tags", &tags, &[], 1.0);
    let delete = repository.delete_manifest("image").send();
    let (answer, deleted) = cost(&registry, delete).await;
    answer.expect_status(202);
    expect("deletion of a tag", &deleted, &[], 1.0);
    let delete = repository.delete_manifest(&image.digest).send();
    let (answer, deleted) = cost(&registry, delete).await;
    answer.expect_status(202);
    expect("deletion of a manifest", &deleted, &[], 1.0);
}
