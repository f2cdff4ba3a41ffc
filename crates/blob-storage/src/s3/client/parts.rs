//! Requests about uploads in parts.

use std::ops::Range;

use aws_sdk_s3::types::{ChecksumAlgorithm, ChecksumType, CompletedMultipartUpload, CompletedPart};
use bytes::Bytes;
use registry_core::ports::Part;

use super::super::error::S3Error;
use super::{CONTENT_TYPE, LONG, S3Client, body, limited, patient};

/// Stands between a part's `ETag` and its checksum in [`Part::tag`].
const CHECKSUM: &str = " crc32=";

/// An upload in parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::s3) struct Target {
    /// The key of the object it will be.
    pub(in crate::s3) key: String,
    /// How S3 knows the upload.
    pub(in crate::s3) id: String,
    /// Whether a checksum is sent with each part.
    pub(in crate::s3) checksums: bool,
}

impl S3Client {
    /// Begins an upload in parts.
    pub(in crate::s3) async fn create_upload(&self, key: String) -> Result<Target, S3Error> {
        let checksums = self.checksums;
        // Of the whole object: then most servers do without those of the parts when it is completed.
        let checksum = (ChecksumAlgorithm::Crc32, ChecksumType::FullObject);
        let (algorithm, kind) = checksums.then_some(checksum).unzip();
        let answer = self
            .client
            .create_multipart_upload()
            .bucket(&*self.bucket)
            .key(&key)
            .content_type(CONTENT_TYPE)
            .set_checksum_algorithm(algorithm)
            .set_checksum_type(kind)
            .set_server_side_encryption(self.encryption())
            .set_ssekms_key_id(self.encryption_key())
            .send()
            .await
            .map_err(|error| S3Error::new("CreateMultipartUpload", &error))?;
        let id = answer.upload_id.filter(|id| !id.is_empty());
        let id = id.ok_or_else(|| S3Error::strange("CreateMultipartUpload", "it names no id"))?;
        Ok(Target { key, id, checksums })
    }

    /// Stores a part. What had this number before is replaced.
    pub(in crate::s3) async fn upload_part(
        &self,
        target: &Target,
        number: u32,
        slices: Vec<Bytes>,
    ) -> Result<Part, S3Error> {
        let size = body::length(&slices);
        let checksum = target.checksums.then(|| body::crc32(&slices)).flatten();
        let answer = self
            .client
            .upload_part()
            .bucket(&*self.bucket)
            .key(&target.key)
            .upload_id(&target.id)
            .part_number(signed(number))
            .set_checksum_crc32(checksum.clone())
            .body(body::stream(slices))
            .customize()
            .disable_payload_signing()
            .config_override(patient(size))
            .send()
            .await
            .map_err(|error| S3Error::new("UploadPart", &error))?;
        let tag = tag(answer.e_tag(), checksum.as_deref());
        let tag = tag.ok_or_else(|| S3Error::strange("UploadPart", "it names no ETag"))?;
        Ok(Part { number, size, tag })
    }

    /// Makes a range of another object a part.
    pub(in crate::s3) async fn copy_part(
        &self,
        target: &Target,
        number: u32,
        source: &str,
        range: Range<u64>,
    ) -> Result<Part, S3Error> {
        let size = range.end - range.start;
        let answer = self
            .client
            .upload_part_copy()
            .bucket(&*self.bucket)
            .key(&target.key)
            .upload_id(&target.id)
            .part_number(signed(number))
            .copy_source(format!("{}/{source}", self.bucket))
            .copy_source_range(format!("bytes={}-{}", range.start, range.end - 1))
            .customize()
            .config_override(limited(LONG))
            .send()
            .await
            .map_err(|error| S3Error::new("UploadPartCopy", &error))?;
        let copied = answer.copy_part_result();
        let tag = copied.and_then(|part| tag(part.e_tag(), None));
        let tag = tag.ok_or_else(|| S3Error::strange("UploadPartCopy", "it names no ETag"))?;
        Ok(Part { number, size, tag })
    }

    /// All parts that are there, with nothing to tell who stored them.
    pub(in crate::s3) async fn parts(&self, target: &Target) -> Result<Vec<Part>, S3Error> {
        let mut parts = Vec::new();
        let mut marker = None;
        loop {
            let answer = self
                .client
                .list_parts()
                .bucket(&*self.bucket)
                .key(&target.key)
                .upload_id(&target.id)
                .set_part_number_marker(marker.clone())
                .send()
                .await
                .map_err(|error| S3Error::new("ListParts", &error))?;
            let listed = |part| listed(part, target.checksums);
            parts.extend(answer.parts().iter().filter_map(listed));
            let next = answer.next_part_number_marker().map(str::to_owned);
            if !answer.is_truncated().unwrap_or(false) || next.is_none() {
                return Ok(parts);
            }
            if next == marker {
                return Err(S3Error::strange("ListParts", "the same page again"));
            }
            marker = next;
        }
    }

    /// Puts an object together of these parts, whatever others there are.
    pub(in crate::s3) async fn complete(
        &self,
        target: &Target,
        parts: &[Part],
    ) -> Result<(), S3Error> {
        let parts = parts.iter().map(completed).collect();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts));
        self.client
            .complete_multipart_upload()
            .bucket(&*self.bucket)
            .key(&target.key)
            .upload_id(&target.id)
            .multipart_upload(parts.build())
            .customize()
            .config_override(limited(LONG))
            .send()
            .await
            .map_err(|error| S3Error::new("CompleteMultipartUpload", &error))?;
        Ok(())
    }

    /// Gives an upload up, parts and all. One that is not there is no error.
    pub(in crate::s3) async fn abort(&self, target: &Target) -> Result<(), S3Error> {
        let request = self.client.abort_multipart_upload();
        let request = request.bucket(&*self.bucket).key(&target.key);
        match request.upload_id(&target.id).send().await {
            Ok(_) => Ok(()),
            Err(error) => {
                let error = S3Error::new("AbortMultipartUpload", &error);
                if error.is_no_upload() {
                    Ok(())
                } else {
                    Err(error)
                }
            }
        }
    }
}

fn listed(part: &aws_sdk_s3::types::Part, checksums: bool) -> Option<Part> {
    let checksum = part.checksum_crc32().filter(|_| checksums);
    Some(Part {
        number: part.part_number()?.try_into().ok()?,
        size: part.size()?.try_into().ok()?,
        tag: tag(part.e_tag(), checksum)?,
    })
}

fn completed(part: &Part) -> CompletedPart {
    let checksum = part.tag.split_once(CHECKSUM).map(|(_, sum)| sum.to_owned());
    CompletedPart::builder()
        .part_number(signed(part.number))
        .e_tag(format!("\"{}\"", etag(&part.tag)))
        .set_checksum_crc32(checksum)
        .build()
}

/// What S3 calls the bytes of a part, and their checksum. Some servers quote a name in one place and
/// not in another, and some say that they have a checksum where they have none.
fn tag(etag: Option<&str>, checksum: Option<&str>) -> Option<String> {
    let etag = etag?.trim_matches('"');
    Some(match checksum.filter(|checksum| !checksum.is_empty()) {
        Some(checksum) => format!("{etag}{CHECKSUM}{checksum}"),
        None => etag.to_owned(),
    })
}

/// What S3 calls the bytes of a part.
pub(in crate::s3) fn etag(tag: &str) -> &str {
    tag.split_once(CHECKSUM).map_or(tag, |(etag, _)| etag)
}

fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_holds_all_that_completing_needs() {
        for (given, checksum, kept) in [
            ("\"abc-1\"", None, "abc-1"),
            ("abc", Some(""), "abc"),
            ("\"abc\"", Some("y/Q5Jg=="), "abc crc32=y/Q5Jg=="),
        ] {
            let tag = tag(Some(given), checksum).unwrap();
            assert_eq!(tag, kept);
            let (number, size) = (3, 1);
            let part = completed(&Part { number, size, tag });
            assert_eq!(part.e_tag().unwrap().trim_matches('"'), etag(kept));
            assert_eq!(
                part.checksum_crc32(),
                checksum.filter(|sum| !sum.is_empty())
            );
            assert_eq!(part.part_number(), Some(3));
        }
        assert_eq!(tag(None, None), None);
    }
}
