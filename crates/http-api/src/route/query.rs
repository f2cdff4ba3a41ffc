//! Query parameters, percent-decoded. Not decoded as forms are: no value has a space, but media
//! types have a `+`, which people write as it is. Unknown parameters are ignored: clients send more
//! than the specification knows.

use std::borrow::Cow;

use oci_types::{Algorithm, Digest, RepositoryName, Tag};
use percent_encoding::percent_decode_str;

use super::{MAX_PAGE, MAX_TAGS, MountSource, Page, RouteError, UploadRequest};

/// The query of a request.
pub(super) struct Query<'a>(&'a str);

impl<'a> Query<'a> {
    pub(super) fn new(raw: &'a str) -> Self {
        Self(raw)
    }

    fn all<'k>(&self, key: &'k str) -> impl Iterator<Item = String> + use<'a, 'k> {
        let pairs = self.0.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        pairs
            .filter(move |(name, _)| decode(name) == key)
            .map(|(_, value)| decode(value).into_owned())
    }

    pub(super) fn first(&self, key: &str) -> Option<String> {
        if self.0.is_empty() {
            None
        } else {
            self.all(key).next()
        }
    }

    pub(super) fn page(&self) -> Result<Page, RouteError> {
        let limit = self.first("n").map(|value| limit(&value)).transpose()?;
        Ok(Page {
            limit,
            last: self.first("last").filter(|last| !last.is_empty()),
        })
    }

    pub(super) fn tags(&self) -> Result<Vec<Tag>, RouteError> {
        let mut tags = Vec::new();
        for tag in self.all("tag") {
            if tags.len() == MAX_TAGS {
                return Err(RouteError::TooManyTags);
            }
            tags.push(tag);
        }
        tags.into_iter()
            .map(|tag| tag.parse().map_err(|_| RouteError::TagInvalid))
            .collect()
    }

    /// `digest`, at most once.
    pub(super) fn digest(&self) -> Result<Option<Digest>, RouteError> {
        let mut digests = self.all("digest");
        match (digests.next(), digests.next()) {
            (None, _) => Ok(None),
            (Some(digest), None) => Ok(Some(digest.parse()?)),
            (Some(_), Some(_)) => Err(RouteError::DigestMissing),
        }
    }

    pub(super) fn upload_request(&self) -> Result<UploadRequest, RouteError> {
        if let Some(digest) = self.first("mount").filter(|digest| !digest.is_empty()) {
            return Ok(UploadRequest::Mount(digest.parse()?, self.mount_source()));
        }
        if let Some(digest) = self.digest()? {
            return Ok(UploadRequest::Whole(digest));
        }
        let algorithm = self
            .first("digest-algorithm")
            .map(|name| name.parse::<Algorithm>());
        Ok(UploadRequest::Session(
            algorithm.transpose()?.unwrap_or(Algorithm::Sha256),
        ))
    }

    fn mount_source(&self) -> MountSource {
        match self
            .first("from")
            .map(|from| from.parse::<RepositoryName>())
        {
            None => MountSource::Anywhere,
            Some(Ok(name)) => MountSource::Repository(name),
            Some(Err(_)) => MountSource::Impossible,
        }
    }

    /// The registry a pull is meant for, if the client says so.
    pub(super) fn upstream(&self) -> Option<String> {
        self.first("ns").filter(|host| !host.is_empty())
    }
}

/// A number of entries, clamped to the longest page.
fn limit(value: &str) -> Result<u32, RouteError> {
    if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(RouteError::Query("n"));
    }
    Ok(value.parse().unwrap_or(MAX_PAGE).min(MAX_PAGE))
}

fn decode(raw: &str) -> Cow<'_, str> {
    percent_decode_str(raw).decode_utf8_lossy()
}
