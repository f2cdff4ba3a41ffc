//! Requests about many objects: deleting them, and finding out what there is.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_s3::operation::list_multipart_uploads::ListMultipartUploadsOutput;
use aws_sdk_s3::types::{Delete, MultipartUpload, ObjectIdentifier};

use super::super::error::S3Error;
use super::{S3Client, Target, limited};

/// How long S3 may take to delete a thousand objects.
const DELETION: Duration = Duration::from_mins(2);
/// How many objects a request deletes at most.
const DELETED_AT_ONCE: usize = 1_000;

/// Some of the uploads in parts that are neither completed nor aborted.
#[derive(Debug, Default)]
pub(in crate::s3) struct Listed {
    /// Each with the second it was begun in.
    pub(in crate::s3) uploads: Vec<(Target, i64)>,
    /// Where the next begin, if there are more: an upload's key and id.
    pub(in crate::s3) next: Option<(String, String)>,
}

impl S3Client {
    /// Deletes objects; those that are not there are deleted, too. Returns those that are left.
    pub(in crate::s3) async fn delete(&self, keys: &[String]) -> Result<HashSet<String>, S3Error> {
        let mut left = HashSet::new();
        for batch in keys.chunks(DELETED_AT_ONCE) {
            match self.delete_together(batch).await {
                Ok(some) => left.extend(some),
                Err(error) if is_unknown(&error) => left.extend(self.delete_singly(batch).await?),
                Err(error) => return Err(error),
            }
        }
        Ok(left)
    }

    async fn delete_together(&self, keys: &[String]) -> Result<Vec<String>, S3Error> {
        let unsent = |error| S3Error::new("DeleteObjects", &error);
        let object = |key: &String| ObjectIdentifier::builder().key(key).build();
        let objects: Result<Vec<_>, _> = keys.iter().map(object).collect();
        let delete = objects
            .and_then(|objects| {
                Delete::builder()
                    .quiet(true)
                    .set_objects(Some(objects))
                    .build()
            })
            .map_err(aws_sdk_s3::error::SdkError::construction_failure)
            .map_err(unsent)?;
        let request = self.client.delete_objects().bucket(&*self.bucket);
        let answer = request
            .delete(delete)
            .customize()
            .config_override(limited(DELETION))
            .send()
            .await
            .map_err(unsent)?;
        let absent = |code: Option<&str>| matches!(code, Some("NoSuchKey" | "NotFound"));
        let errors = answer.errors().iter();
        let errors = errors.filter(|error| !absent(error.code()));
        let left: Option<Vec<_>> = errors.map(|error| error.key().map(str::to_owned)).collect();
        // It may be any of them.
        Ok(left.unwrap_or_else(|| keys.to_vec()))
    }

    /// For servers that delete one at a time only.
    async fn delete_singly(&self, keys: &[String]) -> Result<Vec<String>, S3Error> {
        for key in keys {
            let request = self.client.delete_object().bucket(&*self.bucket).key(key);
            if let Err(error) = request.send().await {
                let error = S3Error::new("DeleteObject", &error);
                if !error.is_no_object() {
                    return Err(error);
                }
            }
        }
        Ok(Vec::new())
    }

    /// A page of the keys that begin like this, and where the next begins.
    pub(in crate::s3) async fn keys(
        &self,
        prefix: &str,
        from: Option<String>,
    ) -> Result<(Vec<String>, Option<String>), S3Error> {
        let request = self.client.list_objects_v2().bucket(&*self.bucket);
        let answer = request
            .prefix(prefix)
            .set_continuation_token(from)
            .send()
            .await
            .map_err(|error| S3Error::new("ListObjectsV2", &error))?;
        let keys = answer.contents().iter();
        let keys = keys.filter_map(|object| object.key().map(str::to_owned));
        let next = answer.next_continuation_token().map(str::to_owned);
        Ok((keys.collect(), next))
    }

    /// A page of the uploads in parts that are neither completed nor aborted.
    pub(in crate::s3) async fn uploads(
        &self,
        prefix: &str,
        from: Option<(String, String)>,
    ) -> Result<Listed, S3Error> {
        let (key, id) = from.unzip();
        let answer = self
            .client
            .list_multipart_uploads()
            .bucket(&*self.bucket)
            .prefix(prefix)
            .set_key_marker(key)
            .set_upload_id_marker(id)
            .send()
            .await
            .map_err(|error| S3Error::new("ListMultipartUploads", &error))?;
        Ok(listed(&answer))
    }
}
/// What a server says that cannot delete several objects at once, or not without an MD5.
fn is_unknown(error: &S3Error) -> bool {
    error.status() == Some(501)
        || matches!(
            error.code(),
            "NotImplemented" | "MethodNotAllowed" | "MissingContentMD5"
        )
}

fn listed(answer: &ListMultipartUploadsOutput) -> Listed {
    let next = answer.is_truncated().unwrap_or(false).then(|| {
        let key = answer.next_key_marker()?.to_owned();
        let id = answer
            .next_upload_id_marker()
            .unwrap_or_default()
            .to_owned();
        Some((key, id))
    });
    Listed {
        uploads: answer.uploads().iter().filter_map(begun).collect(),
        next: next.flatten(),
    }
}

fn begun(upload: &MultipartUpload) -> Option<(Target, i64)> {
    let target = Target {
        key: upload.key()?.to_owned(),
        id: upload.upload_id()?.to_owned(),
        checksums: false,
    };
    Some((target, upload.initiated()?.secs()))
}
