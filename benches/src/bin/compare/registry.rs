//! The requests of the distribution API, as registry clients send them.
//!
//! Requests that are repeated are built once; those of a push are written into one buffer that is
//! used again. A request and a small body leave in one piece.

use std::io::Write as _;

use anyhow::{Context as _, Result, ensure};
use berth_benches::samples::IMAGE_MANIFEST;

use crate::client::{Answer, Connection, Head};
use crate::content::{Blob, BlobFamily};

/// Servers look at the name only if they do virtual hosts; none of these does.
const HOST: &str = "Host: registry.test\r\n";

/// A request without a body, ready to be sent as often as wanted.
pub(crate) fn request(method: &str, path: &str) -> Vec<u8> {
    format!(
        "{method} {path} HTTP/1.1\r\n{HOST}User-Agent: berth-compare\r\n\
         Accept: {IMAGE_MANIFEST}, application/vnd.oci.image.index.v1+json\r\n\r\n"
    )
    .into_bytes()
}

/// A client that pushes: a connection and the buffer for its requests.
pub(crate) struct Pusher {
    connection: Connection,
    buffer: Vec<u8>,
}

impl Pusher {
    pub(crate) fn new(connection: Connection) -> Self {
        Self {
            connection,
            buffer: Vec::with_capacity(32 * 1024),
        }
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        &mut self.connection
    }

    /// POST: where the upload goes, as a path.
    pub(crate) fn begin_upload(&mut self, repository: &str) -> Result<String> {
        self.buffer.clear();
        write!(
            self.buffer,
            "POST /v2/{repository}/blobs/uploads/ HTTP/1.1\r\n{HOST}Content-Length: 0\r\n\r\n"
        )?;
        let response = self.connection.exchange(&self.buffer, Answer::WithBody)?;
        response.expect_status(202)?;
        location(&response.head)
    }

    /// PUT with the whole blob as its body.
    pub(crate) fn put_blob(
        &mut self,
        upload: &str,
        family: &BlobFamily,
        blob: &Blob,
    ) -> Result<()> {
        self.begin_put(upload, &blob.digest, family.length())?;
        if family.length() <= self.buffer.capacity() - self.buffer.len() {
            for piece in family.pieces(blob) {
                self.buffer.extend_from_slice(piece);
            }
            self.connection.send(&self.buffer)?;
        } else {
            self.connection.send(&self.buffer)?;
            for piece in family.pieces(blob) {
                self.connection.send(piece)?;
            }
        }
        self.connection
            .receive(Answer::WithBody)?
            .expect_status(201)
    }

    /// PATCH with the blob as a stream of unknown length: where the upload goes on.
    pub(crate) fn patch_blob(
        &mut self,
        upload: &str,
        family: &BlobFamily,
        blob: &Blob,
    ) -> Result<String> {
        self.buffer.clear();
        write!(
            self.buffer,
            "PATCH {upload} HTTP/1.1\r\n{HOST}Content-Type: application/octet-stream\r\n\
             Transfer-Encoding: chunked\r\n\r\n"
        )?;
        self.connection.send(&self.buffer)?;
        for piece in family.chunked_pieces(blob) {
            self.connection.send(piece)?;
        }
        let response = self.connection.receive(Answer::WithBody)?;
        response.expect_status(202)?;
        location(&response.head)
    }

    /// PUT without a body: the upload becomes the blob.
    pub(crate) fn finish_upload(&mut self, upload: &str, blob: &Blob) -> Result<()> {
        self.begin_put(upload, &blob.digest, 0)?;
        let response = self.connection.exchange(&self.buffer, Answer::WithBody)?;
        response.expect_status(201)
    }

    /// POST and PUT of a new blob of this family: its digest.
    pub(crate) fn push_blob(&mut self, repository: &str, family: &BlobFamily) -> Result<String> {
        let blob = family.blob();
        let upload = self.begin_upload(repository)?;
        self.put_blob(&upload, family, &blob)?;
        Ok(blob.digest)
    }

    /// PUT of an image manifest under a tag or digest.
    pub(crate) fn put_manifest(
        &mut self,
        repository: &str,
        reference: &str,
        manifest: &[u8],
    ) -> Result<()> {
        self.buffer.clear();
        write!(
            self.buffer,
            "PUT /v2/{repository}/manifests/{reference} HTTP/1.1\r\n{HOST}\
             Content-Type: {IMAGE_MANIFEST}\r\nContent-Length: {}\r\n\r\n",
            manifest.len()
        )?;
        self.buffer.extend_from_slice(manifest);
        let response = self.connection.exchange(&self.buffer, Answer::WithBody)?;
        response.expect_status(201)
    }

    fn begin_put(&mut self, upload: &str, digest: &str, length: usize) -> Result<()> {
        self.buffer.clear();
        let joint = if upload.contains('?') { '&' } else { '?' };
        write!(
            self.buffer,
            "PUT {upload}{joint}digest={digest} HTTP/1.1\r\n{HOST}\
             Content-Type: application/octet-stream\r\nContent-Length: {length}\r\n\r\n"
        )?;
        Ok(())
    }
}

/// `Location` as a path: servers may answer it with or without scheme and host.
fn location(head: &Head<'_>) -> Result<String> {
    let location = head
        .header("location")
        .context("the answer has no Location")?;
    let path = match location.split_once("://") {
        Some((_, rest)) => &rest[rest.find('/').context("Location has no path")?..],
        None => location,
    };
    ensure!(
        path.starts_with('/'),
        "Location {location:?} is not absolute"
    );
    Ok(path.to_owned())
}
