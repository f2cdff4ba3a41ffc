use super::*;

fn refused(status: u16, code: &str, region: Option<&str>) -> S3Error {
    S3Error {
        operation: "PutObject",
        fault: Fault::Refused {
            status,
            code: code.to_owned(),
            message: "no".to_owned(),
            request_id: String::new(),
            region: region.map(str::to_owned),
        },
    }
}

fn sentence(error: S3Error) -> String {
    let url = "s3://bucket?endpoint=http://server".parse().unwrap();
    explain(&url, "http://server".to_owned(), "here", error).to_string()
}

#[test]
fn each_answer_has_its_sentence() {
    for (status, code, region, part) in [
        (
            404,
            "NoSuchBucket",
            None,
            "no bucket bucket at http://server: create it",
        ),
        (
            403,
            "AccessDenied",
            None,
            "(AccessDenied): check the credentials",
        ),
        (
            403,
            "RequestTimeTooSkewed",
            None,
            "clocks of this machine and of http://server",
        ),
        (
            301,
            "PermanentRedirect",
            Some("there"),
            "not in region here: say region=there",
        ),
        (301, "PermanentRedirect", None, "say region=…"),
        (
            400,
            "AuthorizationHeaderMalformed",
            Some("there"),
            "say region=there",
        ),
        (
            400,
            "AuthorizationHeaderMalformed",
            Some("here"),
            "cannot be used",
        ),
        (
            400,
            "IllegalLocationConstraintException",
            None,
            "not in region here",
        ),
        (
            500,
            "InternalError",
            None,
            "bucket bucket at http://server cannot be used",
        ),
    ] {
        let sentence = sentence(refused(status, code, region));
        assert!(sentence.contains(part), "{code}: {sentence}");
    }
}

#[test]
fn silence_is_no_answer() {
    for fault in [
        Fault::TimedOut,
        Fault::Unreachable("connection refused".to_owned()),
    ] {
        let operation = "PutObject";
        let sentence = sentence(S3Error { operation, fault });
        assert!(
            sentence.contains("http://server cannot be reached"),
            "{sentence}"
        );
    }
    let (operation, fault) = ("PutObject", Fault::Unsent("bad".to_owned()));
    let sentence = sentence(S3Error { operation, fault });
    assert!(sentence.contains("cannot be used"), "{sentence}");
}
