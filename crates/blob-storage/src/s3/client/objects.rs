//! Requests about whole objects.

use std::ops::Range;

use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::{ByteStream, ByteStreamError};
use bytes::Bytes;

use super::super::error::S3Error;
use super::{CONTENT_TYPE, S3Client, body, patient};

/// How often an object is read when answers break off.
const READS: u32 = 3;

/// The bytes of an object, or of a part of it.
#[derive(Debug)]
pub(in crate::s3) struct ObjectBody {
    /// How many bytes the whole object has.
    pub(in crate::s3) size: u64,
    /// How many come.
    pub(in crate::s3) length: u64,
    /// They themselves.
    pub(in crate::s3) bytes: ByteStream,
}

impl S3Client {
    /// Stores an object; `sha256` is sent along where that is wanted.
    pub(in crate::s3) async fn put(
        &self,
        key: &str,
        slices: Vec<Bytes>,
        sha256: Option<[u8; 32]>,
    ) -> Result<(), S3Error> {
        let size = body::length(&slices);
        let mut request = self.client.put_object().bucket(&*self.bucket).key(key);
        match sha256.filter(|_| self.checksums) {
            Some(hash) => request = request.checksum_sha256(base64(&hash)),
            None if self.checksums => request = request.set_checksum_crc32(body::crc32(&slices)),
            None => {}
        }
        request
            .content_type(CONTENT_TYPE)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.encryption_key())
            .body(body::stream(slices))
            .customize()
            .disable_payload_signing()
            .config_override(patient(size))
            .send()
            .await
            .map_err(|error| S3Error::new("PutObject", &error))?;
        Ok(())
    }

    /// Begins to read an object, or a range of it that is not empty.
    pub(in crate::s3) async fn get(
        &self,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<ObjectBody, S3Error> {
        let bytes = |range: Range<u64>| format!("bytes={}-{}", range.start, range.end - 1);
        let answer = self
            .client
            .get_object()
            .bucket(&*self.bucket)
            .key(key)
            .set_range(range.clone().map(bytes))
            .send()
            .await
            .map_err(|error| S3Error::new("GetObject", &error))?;
        object_body(answer, range).ok_or_else(|| {
            S3Error::strange("GetObject", "it does not say what of the object it sends")
        })
    }

    /// Reads an object, or a range of it that is not empty, into memory. The SDK tries again until
    /// an answer begins; this, until one ends.
    pub(in crate::s3) async fn read(
        &self,
        key: &str,
        range: Option<Range<u64>>,
    ) -> Result<Vec<Bytes>, S3Error> {
        for _ in 1..READS {
            let body = self.get(key, range.clone()).await?;
            if let Ok(slices) = collect(body).await {
                return Ok(slices);
            }
        }
        let body = self.get(key, range).await?;
        collect(body)
            .await
            .map_err(|_| S3Error::strange("GetObject", "it breaks off"))
    }

    /// How many bytes an object has.
    pub(in crate::s3) async fn size(&self, key: &str) -> Result<u64, S3Error> {
        let answer = self
            .client
            .head_object()
            .bucket(&*self.bucket)
            .key(key)
            .send()
            .await
            .map_err(|error| S3Error::new("HeadObject", &error))?;
        let length = answer
            .content_length()
            .and_then(|length| length.try_into().ok());
        length.ok_or_else(|| S3Error::strange("HeadObject", "it does not say the length"))
    }
}

fn object_body(answer: GetObjectOutput, range: Option<Range<u64>>) -> Option<ObjectBody> {
    let length = answer
        .content_length()
        .and_then(|length| length.try_into().ok())?;
    let size = match (range, answer.content_range()) {
        (None, _) => length,
        (Some(asked), Some(sent)) => size_of(sent, &asked)?,
        // A server that knows no ranges sends the whole, which is right if the whole was asked for.
        (Some(asked), None) => (asked == (0..length)).then_some(length)?,
    };
    Some(ObjectBody {
        size,
        length,
        bytes: answer.body,
    })
}

/// The size of the whole in `bytes 0-9/10`, if the range is the one that was asked for, or as much
/// of it as there is.
fn size_of(sent: &str, asked: &Range<u64>) -> Option<u64> {
    let (range, size) = sent.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let size = size.parse().ok()?;
    (first == asked.start && last + 1 == asked.end.min(size)).then_some(size)
}

async fn collect(mut body: ObjectBody) -> Result<Vec<Bytes>, ByteStreamError> {
    let mut slices = Vec::new();
    while let Some(slice) = body.bytes.next().await {
        slices.push(slice?);
    }
    Ok(slices)
}

/// As S3 writes hashes.
fn base64(hash: &[u8; 32]) -> String {
    aws_smithy_types::base64::encode(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_range_that_was_asked_for_is_taken() {
        for (sent, asked, size) in [
            ("bytes 0-9/10", 0..10, Some(10)),
            ("bytes 3-4/10", 3..5, Some(10)),
            ("bytes 3-9/10", 3..50, Some(10)),
            ("bytes 0-9/10", 0..9, None),
            ("bytes 0-4/10", 1..5, None),
            ("bytes 0-4/*", 0..5, None),
            ("bytes */10", 0..5, None),
            ("0-4/10", 0..5, None),
        ] {
            assert_eq!(size_of(sent, &asked), size, "{sent} {asked:?}");
        }
    }
}
