//! Tells from a request's head which S3 operation it is. Buckets are named in the path, as with the object stores of
//! this crate.

use http::{HeaderMap, Method, Uri};

/// The operations of S3 that a blob store uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Operation {
    /// Creates an object.
    PutObject,
    /// Creates an object from another one.
    CopyObject,
    /// Reads an object.
    GetObject,
    /// Asks for an object's size and headers.
    HeadObject,
    /// Deletes one object.
    DeleteObject,
    /// Deletes up to a thousand objects.
    DeleteObjects,
    /// Begins a multipart upload.
    CreateMultipartUpload,
    /// Uploads a part.
    UploadPart,
    /// Makes a part from an object.
    UploadPartCopy,
    /// Makes an object of its parts.
    CompleteMultipartUpload,
    /// Throws the parts away.
    AbortMultipartUpload,
    /// Lists the parts of an upload.
    ListParts,
    /// Lists the uploads of a bucket.
    ListMultipartUploads,
    /// Lists the objects of a bucket, in either version.
    ListObjects,
    /// Asks whether a bucket is there.
    HeadBucket,
    /// Anything else.
    Other,
}

impl Operation {
    /// The operation of a request.
    pub fn of(method: &Method, uri: &Uri, headers: &HeaderMap) -> Self {
        let query = uri.query().unwrap_or_default();
        let has = |name: &str| query.split('&').any(|pair| key(pair) == name);
        let path = uri.path().trim_start_matches('/');
        let object = path.split_once('/').is_some_and(|(_, key)| !key.is_empty());
        if !object {
            return match *method {
                Method::POST if has("delete") => Self::DeleteObjects,
                Method::GET if has("uploads") => Self::ListMultipartUploads,
                Method::GET if lists_objects(path, query) => Self::ListObjects,
                Method::HEAD if !path.is_empty() => Self::HeadBucket,
                _ => Self::Other,
            };
        }
        let copies = headers.contains_key("x-amz-copy-source");
        match (method.as_str(), has("uploadId"), copies) {
            ("PUT", true, false) => Self::UploadPart,
            ("PUT", true, true) => Self::UploadPartCopy,
            ("PUT", false, _) if is_about_a_property(query) => Self::Other,
            ("PUT", false, false) => Self::PutObject,
            ("PUT", false, true) => Self::CopyObject,
            ("POST", true, _) => Self::CompleteMultipartUpload,
            ("POST", false, _) if has("uploads") => Self::CreateMultipartUpload,
            ("DELETE", true, _) => Self::AbortMultipartUpload,
            ("DELETE", false, _) if !is_about_a_property(query) => Self::DeleteObject,
            ("GET", true, _) => Self::ListParts,
            ("GET", false, _) if !is_about_a_property(query) => Self::GetObject,
            ("HEAD", ..) => Self::HeadObject,
            _ => Self::Other,
        }
    }
}

fn key(pair: &str) -> &str {
    pair.split_once('=').map_or(pair, |(key, _)| key)
}

/// Properties of buckets and objects are named by a query key of their own.
fn is_about_a_property(query: &str) -> bool {
    let properties = [
        "acl",
        "attributes",
        "cors",
        "legal-hold",
        "lifecycle",
        "location",
        "policy",
        "retention",
        "tagging",
        "torrent",
        "versioning",
        "versions",
    ];
    query.split('&').any(|pair| properties.contains(&key(pair)))
}

fn lists_objects(path: &str, query: &str) -> bool {
    !path.is_empty() && !is_about_a_property(query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: &str, uri: &str, expected: Operation) {
        let method = method.parse().expect("a method");
        let uri = uri.parse().expect("a URI");
        let operation = Operation::of(&method, &uri, &HeaderMap::new());
        assert_eq!(operation, expected, "{method} {uri}");
    }

    #[test]
    fn requests_of_objects_are_told_apart() {
        check("PUT", "/bucket/b/0a/key.1", Operation::PutObject);
        check("PUT", "/bucket/key?x-id=PutObject&acl=", Operation::Other);
        check("GET", "/bucket/key?x-id=GetObject", Operation::GetObject);
        check(
            "GET",
            "/bucket/key?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=600",
            Operation::GetObject,
        );
        check("HEAD", "/bucket/key", Operation::HeadObject);
        check("DELETE", "/bucket/key", Operation::DeleteObject);
        check(
            "POST",
            "/bucket/key?uploads",
            Operation::CreateMultipartUpload,
        );
        check(
            "PUT",
            "/bucket/key?x-id=UploadPart&partNumber=1&uploadId=abc",
            Operation::UploadPart,
        );
        check(
            "POST",
            "/bucket/key?uploadId=abc",
            Operation::CompleteMultipartUpload,
        );
        check(
            "DELETE",
            "/bucket/key?uploadId=abc",
            Operation::AbortMultipartUpload,
        );
        check("GET", "/bucket/key?uploadId=abc", Operation::ListParts);
    }

    #[test]
    fn requests_of_buckets_are_told_apart() {
        check("POST", "/bucket/?delete", Operation::DeleteObjects);
        check("POST", "/bucket?delete=", Operation::DeleteObjects);
        check("GET", "/bucket?uploads", Operation::ListMultipartUploads);
        check(
            "GET",
            "/bucket/?list-type=2&prefix=b%2F",
            Operation::ListObjects,
        );
        check("GET", "/bucket?location", Operation::Other);
        check("HEAD", "/bucket/", Operation::HeadBucket);
        check("PUT", "/bucket", Operation::Other);
        check("GET", "/", Operation::Other);
    }

    #[test]
    fn copies_are_known_by_their_header() {
        let mut headers = HeaderMap::new();
        headers.insert(
            "x-amz-copy-source",
            "bucket/other".parse().expect("a value"),
        );
        let object = "/bucket/key".parse().expect("a URI");
        let part = "/bucket/key?partNumber=1&uploadId=abc"
            .parse()
            .expect("a URI");
        let operation = |uri| Operation::of(&Method::PUT, uri, &headers);
        assert_eq!(operation(&object), Operation::CopyObject);
        assert_eq!(operation(&part), Operation::UploadPartCopy);
    }
}
