//! From method and URI to a typed [`Route`]: the only place that knows what paths look like.
//!
//! Repository names contain slashes, and nothing keeps a repository from being called
//! `a/blobs/b`, so paths are matched from their right end. They are matched as they came;
//! each segment is percent-decoded once, afterwards, so that an encoded slash can never
//! become a separator.

mod query;

#[cfg(test)]
mod tests;

use std::borrow::Cow;

use http::{Method, Uri};
use oci_types::{
    Algorithm, Digest, DigestError, MediaType, Reference, ReferenceError, RepositoryName, Tag,
};
use percent_encoding::percent_decode_str;
use registry_core::ports::UploadId;
use thiserror::Error;

use self::query::Query;

/// Most tags one push may set; more are answered with 414 (distribution-spec, "Pushing Manifests").
pub const MAX_TAGS: usize = 100;
/// Longest page of a list.
pub const MAX_PAGE: u32 = 10_000;

/// A request, understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// `GET /`
    Welcome,
    /// `GET /v2/`
    Version,
    /// `GET /v2/_catalog`
    ListRepositories(Page),
    /// `GET /v2/<name>/tags/list`
    ListTags(RepositoryName, Page),
    /// `GET /v2/<name>/referrers/<digest>`
    ListReferrers(RepositoryName, ReferrersPage),
    /// `GET|HEAD /v2/<name>/manifests/<reference>`
    ReadManifest(RepositoryName, Reference, Part),
    /// `PUT /v2/<name>/manifests/<reference>`, with the tags of the query
    PutManifest(RepositoryName, Reference, Vec<Tag>),
    /// `DELETE /v2/<name>/manifests/<reference>`
    DeleteManifest(RepositoryName, Reference),
    /// `GET|HEAD /v2/<name>/blobs/<digest>`
    ReadBlob(RepositoryName, Digest, Part),
    /// `DELETE /v2/<name>/blobs/<digest>`
    DeleteBlob(RepositoryName, Digest),
    /// `POST /v2/<name>/blobs/uploads/`
    OpenUpload(RepositoryName, UploadRequest),
    /// `GET /v2/<name>/blobs/uploads/<id>`
    UploadStatus(RepositoryName, UploadId),
    /// `PATCH /v2/<name>/blobs/uploads/<id>`
    AppendUpload(RepositoryName, UploadId),
    /// `PUT /v2/<name>/blobs/uploads/<id>?digest=<digest>`
    FinishUpload(RepositoryName, UploadId, Digest),
    /// `DELETE /v2/<name>/blobs/uploads/<id>`
    CancelUpload(RepositoryName, UploadId),
}

/// Whether the body is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// GET
    Whole,
    /// HEAD
    Head,
}

/// A page of a list in byte order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Page {
    /// How many entries; `None` for everything.
    pub limit: Option<u32>,
    /// The entry before the first.
    pub last: Option<String>,
}

/// A page of a referrers list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReferrersPage {
    /// Digest of the subject.
    pub subject: Digest,
    /// The filter.
    pub artifact_type: Option<MediaType>,
    /// Where the last page ended.
    pub after: Option<i64>,
}

/// What a POST asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadRequest {
    /// A session.
    Session(Algorithm),
    /// The body is the whole blob.
    Whole(Digest),
    /// Mount this blob. A source that is not a legal name holds nothing.
    Mount(Digest, MountSource),
}

/// Where a blob to be mounted is said to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MountSource {
    /// Anywhere in the namespace.
    Anywhere,
    /// In this repository.
    Repository(RepositoryName),
    /// In something that cannot be a repository.
    Impossible,
}

/// Why a request is not one of ours.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum RouteError {
    /// The path is not part of the API.
    #[error("this path is not part of the distribution API")]
    NoSuchPath,
    /// The path is, the method is not.
    #[error("this endpoint answers {0}")]
    Method(&'static str),
    /// The name is not a repository name.
    #[error(
        "repository names are lower case letters and digits, separated by one of . _ __ - /, at most 255 characters"
    )]
    Name,
    /// Not a digest.
    #[error("invalid digest: {0}")]
    Digest(#[from] DigestError),
    /// A digest is wanted, exactly once.
    #[error("name the digest once, as in ?digest=sha256:…")]
    DigestMissing,
    /// A tag nobody could ever have pushed.
    #[error("no tag is called that")]
    TagUnknown,
    /// A tag that cannot be pushed.
    #[error("tags are letters, digits and . _ -, begin with none of . -, at most 128 characters")]
    TagInvalid,
    /// More tags than one push may set.
    #[error("one push sets at most {MAX_TAGS} tags")]
    TooManyTags,
    /// Not the id of a session.
    #[error("no upload session is called that")]
    UploadUnknown,
    /// `n`, `after` or `artifactType` make no sense.
    #[error("invalid {0} in the query")]
    Query(&'static str),
}

/// A request as its method and URI say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What is asked for.
    pub route: Route,
    /// The registry it is asked of, where a client says so with `ns` (distribution-spec, "Registry Proxying").
    pub upstream: Option<String>,
}

/// Understands a request.
pub fn parse(method: &Method, uri: &Uri) -> Result<Target, RouteError> {
    let query = Query::new(uri.query().unwrap_or_default());
    let route = route(method, uri.path(), &query)?;
    Ok(Target {
        route,
        upstream: query.upstream(),
    })
}

fn route(method: &Method, path: &str, query: &Query<'_>) -> Result<Route, RouteError> {
    let rest = match path.strip_prefix("/v2") {
        Some("" | "/") => {
            return only(method, &[Method::GET, Method::HEAD], "GET, HEAD")
                .map(|()| Route::Version);
        }
        Some(rest) => rest.strip_prefix('/').ok_or(RouteError::NoSuchPath)?,
        None if path == "/" => {
            return only(method, &[Method::GET, Method::HEAD], "GET, HEAD")
                .map(|()| Route::Welcome);
        }
        None => return Err(RouteError::NoSuchPath),
    };
    if rest == "_catalog" {
        only(method, &[Method::GET], "GET")?;
        return Ok(Route::ListRepositories(query.page()?));
    }
    let (head, last) = rest.rsplit_once('/').ok_or(RouteError::NoSuchPath)?;
    let (before, kind) = head.rsplit_once('/').ok_or(RouteError::NoSuchPath)?;
    match (kind, last) {
        ("tags", "list") => list_tags(method, before, query),
        ("manifests", _) => manifest(method, before, last, query),
        ("referrers", _) => referrers(method, before, last, query),
        ("blobs", "uploads") => uploads(method, before, query),
        ("blobs", _) => blob(method, before, last),
        ("uploads", _) => {
            let (before, blobs) = before.rsplit_once('/').ok_or(RouteError::NoSuchPath)?;
            match (blobs, last) {
                ("blobs", "") => uploads(method, before, query),
                ("blobs", _) => upload(method, before, last, query),
                _ => Err(RouteError::NoSuchPath),
            }
        }
        _ => Err(RouteError::NoSuchPath),
    }
}

fn list_tags(method: &Method, name: &str, query: &Query<'_>) -> Result<Route, RouteError> {
    only(method, &[Method::GET], "GET")?;
    let name = repository(name)?;
    Ok(Route::ListTags(name, query.page()?))
}

fn manifest(
    method: &Method,
    name: &str,
    last: &str,
    query: &Query<'_>,
) -> Result<Route, RouteError> {
    const ALLOW: &str = "GET, HEAD, PUT, DELETE";
    only(
        method,
        &[Method::GET, Method::HEAD, Method::PUT, Method::DELETE],
        ALLOW,
    )?;
    let name = repository(name)?;
    let reference = decode(last)?.parse().map_err(|error| match error {
        ReferenceError::Digest(error) => RouteError::Digest(error),
        ReferenceError::Tag(_) if *method == Method::PUT => RouteError::TagInvalid,
        ReferenceError::Tag(_) => RouteError::TagUnknown,
    })?;
    match *method {
        Method::PUT => Ok(Route::PutManifest(name, reference, query.tags()?)),
        Method::DELETE => Ok(Route::DeleteManifest(name, reference)),
        _ => Ok(Route::ReadManifest(name, reference, part(method))),
    }
}

fn referrers(
    method: &Method,
    name: &str,
    last: &str,
    query: &Query<'_>,
) -> Result<Route, RouteError> {
    only(method, &[Method::GET], "GET")?;
    let name = repository(name)?;
    let subject = decode(last)?.parse()?;
    let artifact_type = query
        .first("artifactType")
        .filter(|value| !value.is_empty());
    let artifact_type =
        artifact_type.map(|value| value.parse().map_err(|_| RouteError::Query("artifactType")));
    let after = query
        .first("after")
        .map(|value| value.parse().map_err(|_| RouteError::Query("after")));
    let page = ReferrersPage {
        subject,
        artifact_type: artifact_type.transpose()?,
        after: after.transpose()?,
    };
    Ok(Route::ListReferrers(name, page))
}

fn blob(method: &Method, name: &str, last: &str) -> Result<Route, RouteError> {
    only(
        method,
        &[Method::GET, Method::HEAD, Method::DELETE],
        "GET, HEAD, DELETE",
    )?;
    let name = repository(name)?;
    let digest = decode(last)?.parse()?;
    if *method == Method::DELETE {
        return Ok(Route::DeleteBlob(name, digest));
    }
    Ok(Route::ReadBlob(name, digest, part(method)))
}

fn uploads(method: &Method, name: &str, query: &Query<'_>) -> Result<Route, RouteError> {
    only(method, &[Method::POST], "POST")?;
    Ok(Route::OpenUpload(
        repository(name)?,
        query.upload_request()?,
    ))
}

fn upload(method: &Method, name: &str, id: &str, query: &Query<'_>) -> Result<Route, RouteError> {
    const ALLOW: &str = "GET, PATCH, PUT, DELETE";
    only(
        method,
        &[Method::GET, Method::PATCH, Method::PUT, Method::DELETE],
        ALLOW,
    )?;
    let name = repository(name)?;
    let id = id.parse().map_err(|_| RouteError::UploadUnknown)?;
    match *method {
        Method::PATCH => Ok(Route::AppendUpload(name, id)),
        Method::PUT => {
            let digest = query.digest()?.ok_or(RouteError::DigestMissing)?;
            Ok(Route::FinishUpload(name, id, digest))
        }
        Method::DELETE => Ok(Route::CancelUpload(name, id)),
        _ => Ok(Route::UploadStatus(name, id)),
    }
}

fn part(method: &Method) -> Part {
    if *method == Method::HEAD {
        Part::Head
    } else {
        Part::Whole
    }
}

fn only(method: &Method, allowed: &[Method], allow: &'static str) -> Result<(), RouteError> {
    if allowed.contains(method) {
        Ok(())
    } else {
        Err(RouteError::Method(allow))
    }
}

/// A name as it stands in the path. Decoding may not bring forth a slash.
fn repository(raw: &str) -> Result<RepositoryName, RouteError> {
    let decoded = decode(raw).map_err(|_| RouteError::Name)?;
    let slashes = |text: &str| text.bytes().filter(|&byte| byte == b'/').count();
    if slashes(&decoded) != slashes(raw) {
        return Err(RouteError::Name);
    }
    decoded.parse().map_err(|_| RouteError::Name)
}

fn decode(raw: &str) -> Result<Cow<'_, str>, RouteError> {
    percent_decode_str(raw)
        .decode_utf8()
        .map_err(|_| RouteError::NoSuchPath)
}

impl Route {
    /// The name of the endpoint, for metrics and the access log.
    pub fn label(&self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::Version => "base",
            Self::ListRepositories(_) => "catalog",
            Self::ListTags(..) => "tags",
            Self::ListReferrers(..) => "referrers",
            Self::ReadManifest(..) | Self::PutManifest(..) | Self::DeleteManifest(..) => "manifest",
            Self::ReadBlob(..) | Self::DeleteBlob(..) => "blob",
            Self::OpenUpload(..) => "blob_upload",
            Self::UploadStatus(..)
            | Self::AppendUpload(..)
            | Self::FinishUpload(..)
            | Self::CancelUpload(..) => "blob_upload_chunk",
        }
    }

    /// Whether it reads content of a repository, and so may be meant for another registry.
    pub fn is_pull(&self) -> bool {
        match self {
            Self::ListTags(..)
            | Self::ListReferrers(..)
            | Self::ReadManifest(..)
            | Self::ReadBlob(..) => true,
            Self::Welcome
            | Self::Version
            | Self::ListRepositories(_)
            | Self::PutManifest(..)
            | Self::DeleteManifest(..)
            | Self::DeleteBlob(..)
            | Self::OpenUpload(..)
            | Self::UploadStatus(..)
            | Self::AppendUpload(..)
            | Self::FinishUpload(..)
            | Self::CancelUpload(..) => false,
        }
    }

    /// The repository it is about.
    pub fn repository(&self) -> Option<&RepositoryName> {
        match self {
            Self::Welcome | Self::Version | Self::ListRepositories(_) => None,
            Self::ListTags(name, _)
            | Self::ListReferrers(name, _)
            | Self::ReadManifest(name, ..)
            | Self::PutManifest(name, ..)
            | Self::DeleteManifest(name, _)
            | Self::ReadBlob(name, ..)
            | Self::DeleteBlob(name, _)
            | Self::OpenUpload(name, _)
            | Self::UploadStatus(name, _)
            | Self::AppendUpload(name, _)
            | Self::FinishUpload(name, ..)
            | Self::CancelUpload(name, _) => Some(name),
        }
    }

    /// The manifest it names.
    pub fn reference(&self) -> Option<&Reference> {
        self.named().reference
    }

    /// The content it names by digest.
    pub fn digest(&self) -> Option<&Digest> {
        self.named().digest
    }

    /// The upload session it names.
    pub fn upload(&self) -> Option<UploadId> {
        self.named().upload
    }

    fn named(&self) -> Named<'_> {
        let nothing = Named::default();
        match self {
            Self::Welcome
            | Self::Version
            | Self::ListRepositories(_)
            | Self::ListTags(..)
            | Self::OpenUpload(..) => nothing,
            Self::ReadManifest(_, reference, _)
            | Self::PutManifest(_, reference, _)
            | Self::DeleteManifest(_, reference) => Named {
                reference: Some(reference),
                digest: match reference {
                    Reference::Digest(digest) => Some(digest),
                    Reference::Tag(_) => None,
                },
                ..nothing
            },
            Self::ListReferrers(
                _,
                ReferrersPage {
                    subject: digest, ..
                },
            )
            | Self::ReadBlob(_, digest, _)
            | Self::DeleteBlob(_, digest) => Named {
                digest: Some(digest),
                ..nothing
            },
            Self::UploadStatus(_, id) | Self::AppendUpload(_, id) | Self::CancelUpload(_, id) => {
                Named {
                    upload: Some(*id),
                    ..nothing
                }
            }
            Self::FinishUpload(_, id, digest) => Named {
                upload: Some(*id),
                digest: Some(digest),
                ..nothing
            },
        }
    }
}

/// What of a repository a route names.
#[derive(Default)]
struct Named<'a> {
    reference: Option<&'a Reference>,
    digest: Option<&'a Digest>,
    upload: Option<UploadId>,
}
