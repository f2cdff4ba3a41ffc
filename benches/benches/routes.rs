//! Routes: from method and URI to a typed route, once for each request.

use std::error::Error;
use std::hint::black_box;

use berth_benches::samples::digest_of;
use criterion::Criterion;
use http::{Method, Uri};
use http_api::route;

fn main() -> Result<(), Box<dyn Error>> {
    let digest = digest_of(7);
    let upload = "018f5c1e-7a2b-7c3d-8e4f-5a6b7c8d9e0f";
    let cases = [
        ("version", Method::GET, "/v2/".to_owned()),
        (
            "manifest by tag",
            Method::GET,
            "/v2/library/alpine/manifests/3.22".to_owned(),
        ),
        (
            "manifest by digest",
            Method::HEAD,
            format!("/v2/library/alpine/manifests/{digest}"),
        ),
        (
            "blob",
            Method::GET,
            format!("/v2/team/app/backend/blobs/{digest}"),
        ),
        (
            "finish upload",
            Method::PUT,
            format!(
                "/v2/team/app/blobs/uploads/{upload}?digest=sha256%3A{}",
                &digest[7..]
            ),
        ),
        (
            "tags page",
            Method::GET,
            "/v2/team/app/tags/list?n=100&last=v1.2.3".to_owned(),
        ),
    ];
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("route parse");
    for (case, method, uri) in cases {
        let uri: Uri = uri.parse()?;
        route::parse(&method, &uri).map_err(|error| format!("{case}: {error}"))?;
        group.bench_function(case, |bencher| {
            bencher.iter(|| route::parse(black_box(&method), black_box(&uri)));
        });
    }
    group.finish();
    criterion.final_summary();
    Ok(())
}
