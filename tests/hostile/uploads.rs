//! Upload sessions that are not the caller's to use, and chunks that do not fit.

use berth_tests::content::sha256;

use crate::case::{Case, REPOSITORY, run};

#[tokio::test]
async fn sessions_that_are_not_there() {
    run(|_| {
        let mut cases = Vec::new();
        let absent = [
            ("another repository's", "/v2/team/other/blobs/uploads/{id}"),
            (
                "a repository that is not there",
                "/v2/nobody/nothing/blobs/uploads/{id}",
            ),
            (
                "nobody's",
                "/v2/team/app/blobs/uploads/0191f5c0-0000-7000-8000-000000000000",
            ),
            (
                "no identifier",
                "/v2/team/app/blobs/uploads/not-an-identifier",
            ),
            (
                "a path for an identifier",
                "/v2/team/app/blobs/uploads/..%2f..%2fetc%2fpasswd",
            ),
            (
                "an identifier with a tail",
                "/v2/team/app/blobs/uploads/{id}x",
            ),
        ];
        for (what, target) in absent {
            for method in ["GET", "PATCH", "DELETE"] {
                cases.push(Case::new(what, method, target).refused(404, "BLOB_UPLOAD_UNKNOWN"));
            }
            let put = format!("{target}?digest={}", sha256(&[5; 100]));
            cases.push(Case::new(what, "PUT", put).refused(404, "BLOB_UPLOAD_UNKNOWN"));
        }
        cases
    })
    .await;
}

#[tokio::test]
async fn ranges_of_chunks() {
    run(|_| {
        let mut cases = Vec::new();
        for (range, status, code) in [
            ("0-49", 416, "BLOB_UPLOAD_INVALID"),
            ("101-150", 416, "BLOB_UPLOAD_INVALID"),
            ("9-3", 416, "BLOB_UPLOAD_INVALID"),
            ("0-99999999999999999999", 400, "BLOB_UPLOAD_INVALID"),
            (
                "99999999999999999999-99999999999999999999",
                400,
                "BLOB_UPLOAD_INVALID",
            ),
            ("a-b", 400, "BLOB_UPLOAD_INVALID"),
            ("100-", 400, "BLOB_UPLOAD_INVALID"),
            ("-50", 400, "BLOB_UPLOAD_INVALID"),
            ("100", 400, "BLOB_UPLOAD_INVALID"),
            ("100-149, 150-199", 400, "BLOB_UPLOAD_INVALID"),
            ("lines 100-149", 400, "BLOB_UPLOAD_INVALID"),
            ("100-148", 400, "SIZE_INVALID"),
            ("100-150", 400, "SIZE_INVALID"),
        ] {
            let end = format!("{{session}}?digest={}", sha256(&[5; 150]));
            for (method, target) in [("PATCH", "{session}".to_owned()), ("PUT", end)] {
                let case = Case::new(&format!("{method} {range}"), method, target)
                    .header("Content-Range", range);
                cases.push(case.body([5; 50]).refused(status, code));
            }
        }
        cases
    })
    .await;
}

#[tokio::test]
async fn names_of_sessions_in_other_routes() {
    run(|_| {
        vec![
            Case::new("a method that sessions have not", "POST", "{session}")
                .refused(405, "UNSUPPORTED"),
            Case::new(
                "a session as a blob",
                "GET",
                format!("/v2/{REPOSITORY}/blobs/{{id}}"),
            )
            .refused(400, "DIGEST_INVALID"),
        ]
    })
    .await;
}
