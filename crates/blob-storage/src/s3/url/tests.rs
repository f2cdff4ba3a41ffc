use super::*;

#[test]
fn urls_round_trip() {
    for text in [
        "s3://bucket",
        "s3://bucket/prefix",
        "s3://my.bucket-1/a/b.c/d_e",
        "s3://b?endpoint=http://127.0.0.1:8333&region=us-east-1&path_style=true",
        "s3://b/p?endpoint=https://s3.example.com&public_endpoint=https://cdn.example.com",
        "s3://b?path_style=false&uniform_parts=true&checksum=required&part_size=16MiB",
        "s3://b?sse=AES256",
        "s3://b?sse=aws:kms",
        "s3://b?sse=aws:kms&kms_key_id=arn:aws:kms:eu-west-1:1:key/a%26b",
        "s3://b?checksum=supported&part_size=5242881B",
    ] {
        let url: S3Url = text.parse().unwrap();
        assert_eq!(url.to_string(), text);
        assert_eq!(url.to_string().parse(), Ok(url), "{text}");
    }
}

#[test]
fn what_means_the_same_is_written_one_way() {
    for (text, written) in [
        ("s3://bucket/", "s3://bucket"),
        ("s3://bucket/p/", "s3://bucket/p"),
        ("s3://b?", "s3://b"),
        ("s3://b?checksum=auto", "s3://b"),
        ("s3://b?uniform_parts=false&", "s3://b"),
        ("s3://b?endpoint=http://h/", "s3://b?endpoint=http://h"),
        (
            "s3://b?endpoint=http://H.Example:80/",
            "s3://b?endpoint=http://h.example",
        ),
        (
            "s3://b?public_endpoint=https://h:443",
            "s3://b?public_endpoint=https://h",
        ),
        (
            "s3://b?endpoint=http://[::1]:443",
            "s3://b?endpoint=http://[::1]:443",
        ),
        (
            "s3://b?endpoint=http://[::80]",
            "s3://b?endpoint=http://[::80]",
        ),
        (
            "s3://b?region=x&endpoint=http%3A%2F%2Fh",
            "s3://b?endpoint=http://h&region=x",
        ),
        ("s3://b?part_size=8388608B", "s3://b?part_size=8MiB"),
    ] {
        assert_eq!(text.parse::<S3Url>().unwrap().to_string(), written);
    }
}

#[test]
fn other_servers_have_the_bucket_in_the_path_unless_told_otherwise() {
    for (text, path_style) in [
        ("s3://b", None),
        ("s3://b?path_style=true", Some(true)),
        ("s3://b?endpoint=http://h", None),
        ("s3://b?endpoint=http://h&path_style=false", Some(false)),
    ] {
        let url: S3Url = text.parse().unwrap();
        for named in [true, false] {
            assert_eq!(url.uses_path_style(named), path_style.unwrap_or(named));
        }
    }
}

#[test]
fn everything_else_is_refused_with_what_to_write() {
    for (text, part) in [
        ("s3:bucket", "s3://BUCKET"),
        ("s3://", "s3://BUCKET"),
        ("s3://a b", "s3://BUCKET"),
        ("s3://user@b", "s3://BUCKET"),
        ("s3://b//p", "prefix"),
        ("s3://b/p/../q", "prefix"),
        ("s3://b/p q", "prefix"),
        ("s3://b?endpont=http://h", "did you mean `endpoint`?"),
        ("s3://b?colour=red", "those are endpoint, public_endpoint"),
        ("s3://b?region=a&region=a", "twice"),
        ("s3://b?endpoint=h:9000", "http://"),
        ("s3://b?endpoint=http://", "http://"),
        ("s3://b?endpoint=http://h/path", "http://"),
        ("s3://b?endpoint=http://k:s@h", "AWS_ACCESS_KEY_ID"),
        ("s3://b?endpoint=k:s@h:9000", "AWS_ACCESS_KEY_ID"),
        ("s3://b?endpoint=http://:80", "http://"),
        ("s3://b?path_style=yes", "`true` or `false`"),
        ("s3://b?region=", "empty"),
        ("s3://b?checksum=md5", "auto"),
        ("s3://b?sse=aes", "AES256"),
        ("s3://b?kms_key_id=k", "sse=aws:kms"),
        ("s3://b?sse=AES256&kms_key_id=k", "sse=aws:kms"),
        ("s3://b?part_size=1MiB", "5MiB"),
        ("s3://b?part_size=6GiB", "5GiB"),
        ("s3://b?part_size=8", "8MiB"),
    ] {
        let error = text.parse::<S3Url>().unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    }
}
