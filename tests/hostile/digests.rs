//! Digests wherever they occur.

use berth_tests::content::sha256;

use crate::case::{Case, REPOSITORY, run};

fn bad_digests() -> Vec<(&'static str, String)> {
    let good = sha256(b"");
    vec![
        ("a short one", "sha256:abc".to_owned()),
        ("a long one", format!("{good}00")),
        ("capitals", format!("sha256:{}", good[7..].to_uppercase())),
        (
            "letters that are no digits",
            format!("sha256:{}", "z".repeat(64)),
        ),
        (
            "an algorithm that is broken",
            "md5:d41d8cd98f00b204e9800998ecf8427e".to_owned(),
        ),
        (
            "an algorithm of two parts",
            format!("sha256+x:{}", &good[7..]),
        ),
        (
            "the length of another algorithm",
            format!("sha512:{}", &good[7..]),
        ),
        ("no algorithm", format!(":{}", &good[7..])),
    ]
}

#[tokio::test]
async fn in_paths() {
    run(|_| {
        let mut cases = Vec::new();
        for (what, digest) in bad_digests() {
            for (method, noun) in [
                ("GET", "blobs"),
                ("DELETE", "blobs"),
                ("GET", "manifests"),
                ("GET", "referrers"),
            ] {
                let target = format!("/v2/{REPOSITORY}/{noun}/{digest}");
                cases.push(Case::new(what, method, target).refused(400, "DIGEST_INVALID"));
            }
        }
        cases
    })
    .await;
}

#[tokio::test]
async fn in_queries() {
    run(|world| {
        let (content, digest) = (vec![5; 100], sha256(&[5; 100]));
        let twice = format!("{{session}}?digest={digest}&digest={digest}");
        let mut cases = vec![
            Case::new("two of them", "PUT", twice).refused(400, "DIGEST_INVALID"),
            Case::new("none", "PUT", "{session}").refused(400, "DIGEST_INVALID"),
            Case::new("an empty one", "PUT", "{session}?digest=").refused(400, "DIGEST_INVALID"),
            Case::new(
                "another content's",
                "PUT",
                format!("{{session}}?digest={}", world.blob.digest),
            )
            .refused(400, "DIGEST_INVALID")
            .ends_session(),
            Case::new(
                "another content's at once",
                "POST",
                format!("/v2/{REPOSITORY}/blobs/uploads/?digest={}", sha256(b"x")),
            )
            .body(content)
            .refused(400, "DIGEST_INVALID"),
            Case::new(
                "an unknown algorithm",
                "POST",
                format!("/v2/{REPOSITORY}/blobs/uploads/?digest-algorithm=md5"),
            )
            .refused(400, "DIGEST_INVALID"),
        ];
        for (what, digest) in bad_digests() {
            cases.push(
                Case::new(what, "PUT", format!("{{session}}?digest={digest}"))
                    .refused(400, "DIGEST_INVALID"),
            );
        }
        cases
    })
    .await;
}

#[tokio::test]
async fn of_another_manifest() {
    run(|world| {
        let target = format!("/v2/{REPOSITORY}/manifests/{}", sha256(b"something else"));
        vec![
            Case::manifest("a body of another digest", world.image.bytes.clone())
                .at(&target)
                .refused(400, "DIGEST_INVALID"),
        ]
    })
    .await;
}
