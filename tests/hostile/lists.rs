//! Limits of lists, and ranges of blobs.

use crate::case::{Case, REPOSITORY, run};

#[tokio::test]
async fn limits() {
    run(|_| {
        let mut cases = Vec::new();
        for n in ["-1", "x", "1.5", "0x10", "1%00"] {
            for list in [
                format!("/v2/{REPOSITORY}/tags/list"),
                "/v2/_catalog".to_owned(),
            ] {
                cases.push(
                    Case::new(&format!("n={n}"), "GET", format!("{list}?n={n}")).answered(400),
                );
            }
        }
        cases
    })
    .await;
}

#[tokio::test]
async fn ranges() {
    run(|world| {
        let target = format!("/v2/{REPOSITORY}/blobs/{}", world.blob.digest);
        let ranges = [
            "bytes=500-0",
            "bytes=1000-",
            "bytes=99999999999-",
            "bytes=18446744073709551615-",
        ];
        let rows = ranges.map(|range| {
            Case::new(range, "GET", target.clone())
                .header("Range", range)
                .answered(416)
        });
        rows.to_vec()
    })
    .await;
}
