//! One repository, with the requests that clients make of it under the names that the specification gives them. The
//! plain methods return the answer; those named `push` expect success, for tests that are about something else.

use http::Method;

use crate::{
    Blob, Client, Document, Response,
    client::{RequestBuilder, with_query},
};

/// What clients say they take, although the stored type is what they get.
const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";

/// A repository seen through one client.
#[derive(Clone, Debug)]
pub struct Repository {
    client: Client,
    name: String,
}

impl Repository {
    /// A repository of the server that the client speaks to. Nothing is sent.
    pub fn new(client: Client, name: &str) -> Self {
        Self {
            client,
            name: name.to_owned(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The client that it is seen through.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// A path below `/v2/NAME/`.
    pub fn path(&self, rest: &str) -> String {
        format!("/v2/{}/{rest}", self.name)
    }

    /// A request below `/v2/NAME/`.
    pub fn request(&self, method: Method, rest: &str) -> RequestBuilder {
        self.client.request(method, &self.path(rest))
    }

    /// GET of a blob.
    pub fn get_blob(&self, digest: &str) -> RequestBuilder {
        self.request(Method::GET, &format!("blobs/{digest}"))
    }

    /// HEAD of a blob.
    pub fn head_blob(&self, digest: &str) -> RequestBuilder {
        self.request(Method::HEAD, &format!("blobs/{digest}"))
    }

    /// DELETE of a blob.
    pub fn delete_blob(&self, digest: &str) -> RequestBuilder {
        self.request(Method::DELETE, &format!("blobs/{digest}"))
    }

    /// GET of a manifest by tag or digest.
    pub fn get_manifest(&self, reference: &str) -> RequestBuilder {
        self.request(Method::GET, &format!("manifests/{reference}"))
            .header("accept", ACCEPTED)
    }

    /// HEAD of a manifest by tag or digest.
    pub fn head_manifest(&self, reference: &str) -> RequestBuilder {
        self.request(Method::HEAD, &format!("manifests/{reference}"))
            .header("accept", ACCEPTED)
    }

    /// PUT of a manifest by tag or digest.
    pub fn put_manifest(&self, reference: &str, document: &Document) -> RequestBuilder {
        let request = self.request(Method::PUT, &format!("manifests/{reference}"));
        request
            .header("content-type", &document.media_type)
            .body(document.bytes.clone())
    }

    /// DELETE of a manifest or a tag.
    pub fn delete_manifest(&self, reference: &str) -> RequestBuilder {
        self.request(Method::DELETE, &format!("manifests/{reference}"))
    }

    /// The tags, with a query such as `n=2` or nothing.
    pub async fn tags(&self, query: &str) -> Response {
        self.request(Method::GET, &format!("tags/list?{query}"))
            .send()
            .await
    }

    /// The referrers of a digest, with a query such as `artifactType=...` or nothing.
    pub async fn referrers(&self, digest: &str, query: &str) -> Response {
        self.request(Method::GET, &format!("referrers/{digest}?{query}"))
            .send()
            .await
    }

    /// Opens an upload session and returns its location.
    pub async fn start_upload(&self) -> String {
        let request = self.request(Method::POST, "blobs/uploads/");
        request.expect(202).await.location()
    }

    /// Opens an upload session, sends some bytes and returns where to go on.
    pub async fn start_upload_with(&self, bytes: &[u8]) -> String {
        let location = self.start_upload().await;
        self.append(&location, bytes).await
    }

    /// Sends a chunk that does not say where it belongs, and returns where to go on.
    pub async fn append(&self, location: &str, bytes: &[u8]) -> String {
        self.patch(location, bytes).expect(202).await.location()
    }

    /// Sends a chunk that names its range, and returns where to go on.
    pub async fn append_at(&self, location: &str, start: usize, bytes: &[u8]) -> String {
        let request = self.patch_range(location, start, bytes);
        request.expect(202).await.location()
    }

    /// Pushes a blob in chunks of this length.
    pub async fn push_in_chunks(&self, blob: &Blob, length: usize) {
        let mut location = self.start_upload().await;
        for chunk in blob.bytes.chunks(length) {
            location = self.append(&location, chunk).await;
        }
        self.finish(&location, blob).await;
    }

    /// Ends an upload session that has all bytes, and asserts that the blob comes back.
    pub async fn finish(&self, location: &str, blob: &Blob) {
        let request = self.finish_upload(location, &blob.digest, &[]);
        let created = request.expect(201).await;
        created.expect_header("docker-content-digest", &blob.digest);
        self.expect_blob(blob).await;
    }

    /// Sends a chunk that names its range.
    pub fn patch_range(&self, location: &str, start: usize, bytes: &[u8]) -> RequestBuilder {
        let range = format!("{start}-{}", (start + bytes.len()).saturating_sub(1));
        self.patch(location, bytes).header("content-range", range)
    }

    /// Sends a chunk that does not say where it belongs.
    pub fn patch(&self, location: &str, bytes: &[u8]) -> RequestBuilder {
        self.client
            .patch(location)
            .header("content-type", "application/octet-stream")
            .body(bytes.to_vec())
    }

    /// Ends an upload session with its last bytes, if any.
    pub fn finish_upload(&self, location: &str, digest: &str, bytes: &[u8]) -> RequestBuilder {
        self.client
            .put(&with_query(location, &format!("digest={digest}")))
            .body(bytes.to_vec())
    }

    /// Pushes a blob as most clients do: one POST, one PUT.
    pub async fn push_blob(&self, blob: &Blob) -> Response {
        let location = self.start_upload().await;
        let response = self
            .finish_upload(&location, &blob.digest, &blob.bytes)
            .send()
            .await;
        response
            .expect_status(201)
            .expect_header("docker-content-digest", &blob.digest);
        response
    }

    /// Pushes a manifest under a tag or its digest, after the blobs that it needs.
    pub async fn push(&self, reference: &str, document: &Document) -> Response {
        for blob in &document.blobs {
            self.push_blob(blob).await;
        }
        let response = self.put_manifest(reference, document).send().await;
        response
            .expect_status(201)
            .expect_header("docker-content-digest", &document.digest);
        response
    }

    /// Pushes an image that nobody else has, with this many layers.
    pub async fn push_image(&self, reference: &str, layers: usize) -> Document {
        let image = Document::image(layers);
        self.push(reference, &image).await;
        image
    }

    /// Asserts that a manifest comes back byte for byte.
    pub async fn expect_manifest(&self, reference: &str, document: &Document) {
        let response = self.get_manifest(reference).send().await;
        response
            .expect_status(200)
            .expect_header("content-type", &document.media_type);
        response.expect_header("docker-content-digest", &document.digest);
        assert_eq!(
            response.body(),
            &document.bytes,
            "{reference} came back different"
        );
    }

    /// Asserts that a blob comes back byte for byte.
    pub async fn expect_blob(&self, blob: &Blob) {
        let response = self.get_blob(&blob.digest).send_following().await;
        response
            .expect_status(200)
            .expect_header("content-length", blob.bytes.len().to_string());
        assert!(
            response.body() == &blob.bytes,
            "{} came back different",
            blob.digest
        );
    }

    /// Asserts that there is no such manifest, whatever is asked of it.
    pub async fn expect_no_manifest(&self, reference: &str) {
        for request in [
            self.get_manifest(reference),
            self.delete_manifest(reference),
        ] {
            request.refused(404, "MANIFEST_UNKNOWN").await;
        }
        self.head_manifest(reference).expect(404).await;
    }

    /// Asserts that there is no such blob, whatever is asked of it.
    pub async fn expect_no_blob(&self, digest: &str) {
        for request in [self.get_blob(digest), self.delete_blob(digest)] {
            request.refused(404, "BLOB_UNKNOWN").await;
        }
        self.head_blob(digest).expect(404).await;
    }

    /// Asserts that a session is gone, whatever is asked of it.
    pub async fn expect_no_upload(&self, location: &str) {
        for request in [
            self.client.get(location),
            self.patch(location, b"more"),
            self.client.delete(location),
        ] {
            request.refused(404, "BLOB_UPLOAD_UNKNOWN").await;
        }
    }

    /// Asserts that a blob is not deleted, because a manifest needs it.
    pub async fn expect_held(&self, blob: &Blob) -> Response {
        let request = self.delete_blob(&blob.digest);
        let refused = request.refused(405, "UNSUPPORTED").await;
        self.expect_blob(blob).await;
        refused
    }
}
