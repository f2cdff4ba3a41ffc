//! The one mapping of failures to statuses, OCI codes and public words.
//!
//! What a client may learn stands in the reply; what went wrong inside goes to the
//! log only, once, here. A fault of ours is never dressed up as "not found".

use http::header::{ALLOW, LOCATION, RANGE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use http_server::{AccessRecord, Refusal, ResponseBody};
use oci_types::{ContentRangeError, Digest, ErrorCode, RepositoryName};
use registry_core::access::Denied;
use registry_core::ports::{BlobStoreError, MetadataError, UploadId};
use registry_core::{BodyError, RegistryError};
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::headers::{DOCKER_UPLOAD_UUID, stored_range, upload_location};
use crate::reply::Reply;
use crate::route::RouteError;

/// Most errors one reply lists.
const MAX_LISTED: usize = 100;

/// What a client learns of a write that has to wait.
const WRITES_PAUSED: &str = "the registry takes no writes at the moment: it is being moved, or its database is read-only; try again";

/// Why a request was not answered as asked.
#[derive(Debug, Error)]
pub(crate) enum ApiError {
    /// It is not one of ours.
    #[error(transparent)]
    Route(#[from] RouteError),
    /// The use case failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A chunk does not begin where the session stands.
    #[error("{reason}")]
    OutOfOrder {
        name: RepositoryName,
        id: UploadId,
        committed: u64,
        reason: &'static str,
    },
    /// `Content-Range` cannot be read.
    #[error("Content-Range must be two byte positions, as in 0-1023")]
    ContentRange,
    /// `Content-Range` ends before it begins.
    #[error("Content-Range ends before it begins")]
    ContentRangeInverted,
    /// `Content-Type` of a manifest is missing or no media type.
    #[error("name the manifest's media type in Content-Type")]
    MediaType,
    /// `ns` names a registry this one does not stand in for.
    #[error("this registry does not stand in for {0}")]
    ForeignRegistry(String),
    /// A range beyond the end of a blob.
    #[error("the blob has {size} bytes; the range asks for none of them")]
    RangeNotSatisfiable { size: u64 },
}

impl From<Denied> for ApiError {
    fn from(denied: Denied) -> Self {
        Self::Registry(denied.into())
    }
}

impl From<ContentRangeError> for ApiError {
    fn from(error: ContentRangeError) -> Self {
        match error {
            ContentRangeError::Malformed => Self::ContentRange,
            ContentRangeError::Inverted => Self::ContentRangeInverted,
        }
    }
}

impl ApiError {
    /// The reply. Logs faults of ours; those of clients stand in the access log.
    pub(crate) fn reply(&self, request_id: &str) -> Reply {
        let (status, code) = self.status();
        if status.is_server_error() {
            tracing::error!(
                request_id,
                error = self as &dyn std::error::Error,
                "answer request"
            );
        }
        let body = ErrorBody {
            errors: self.entries(status, code, request_id),
        };
        let reply = Reply::new(status)
            .json(&body, "application/json")
            .about_error(code.as_str());
        self.headers(reply)
    }

    fn status(&self) -> (StatusCode, ErrorCode) {
        match self {
            Self::Route(error) => route_status(error),
            Self::Registry(error) => registry_status(error),
            Self::OutOfOrder { .. } | Self::ContentRangeInverted => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                ErrorCode::BlobUploadInvalid,
            ),
            Self::ContentRange => (StatusCode::BAD_REQUEST, ErrorCode::BlobUploadInvalid),
            Self::ForeignRegistry(_) => (StatusCode::NOT_FOUND, ErrorCode::NameUnknown),
            Self::MediaType => (StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid),
            Self::RangeNotSatisfiable { .. } => {
                (StatusCode::RANGE_NOT_SATISFIABLE, ErrorCode::SizeInvalid)
            }
        }
    }

    fn entries(&self, status: StatusCode, code: ErrorCode, request_id: &str) -> Vec<ErrorEntry> {
        let entry = |message: String, mut detail: Value| {
            detail["request_id"] = request_id.into();
            ErrorEntry {
                code: code.as_str(),
                message,
                detail,
            }
        };
        match self {
            Self::Registry(RegistryError::ManifestBlobsUnknown(digests)) => {
                let listed = digests.iter().take(MAX_LISTED);
                listed
                    .map(|digest| entry(self.to_string(), json!({ "digest": digest.to_string() })))
                    .collect()
            }
            Self::Registry(RegistryError::PreconditionFailed { current }) => {
                let current = current.as_ref().map(Digest::to_string);
                vec![entry(self.to_string(), json!({ "current": current }))]
            }
            Self::Registry(RegistryError::Metadata(MetadataError::ReadOnly(_))) => {
                vec![entry(WRITES_PAUSED.to_owned(), json!({}))]
            }
            _ if status.is_server_error() => {
                vec![entry(public_fault(status).to_owned(), json!({}))]
            }
            _ => vec![entry(self.to_string(), json!({}))],
        }
    }

    fn headers(&self, reply: Reply) -> Reply {
        let value = HeaderValue::from_static;
        match self {
            Self::Route(RouteError::Method(allow)) => reply.header(ALLOW, value(allow)),
            Self::Registry(
                RegistryError::BlobReferenced { .. } | RegistryError::ManifestContained { .. },
            ) => reply.header(ALLOW, value("GET, HEAD")),
            Self::Registry(
                RegistryError::UploadBusy
                | RegistryError::Overloaded
                | RegistryError::Metadata(MetadataError::Unavailable(_) | MetadataError::ReadOnly(_))
                | RegistryError::BlobStore(BlobStoreError::Unavailable(_)),
            ) => reply.header(RETRY_AFTER, value("1")),
            Self::OutOfOrder {
                name,
                id,
                committed,
                ..
            } => reply
                .text(LOCATION, upload_location(name, *id))
                .text(RANGE, stored_range(*committed))
                .text(DOCKER_UPLOAD_UUID, id.to_string()),
            Self::RangeNotSatisfiable { size } => {
                reply.text(http::header::CONTENT_RANGE, format!("bytes */{size}"))
            }
            _ => reply,
        }
    }
}

fn route_status(error: &RouteError) -> (StatusCode, ErrorCode) {
    match error {
        RouteError::NoSuchPath => (StatusCode::NOT_FOUND, ErrorCode::Unsupported),
        RouteError::Method(_) => (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported),
        RouteError::Name => (StatusCode::BAD_REQUEST, ErrorCode::NameInvalid),
        RouteError::Digest(_) | RouteError::DigestMissing => {
            (StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid)
        }
        RouteError::TagUnknown => (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown),
        RouteError::TagInvalid => (StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid),
        RouteError::TooManyTags => (StatusCode::URI_TOO_LONG, ErrorCode::ManifestInvalid),
        RouteError::UploadUnknown => (StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown),
        RouteError::Query(_) => (StatusCode::BAD_REQUEST, ErrorCode::Unsupported),
    }
}

fn registry_status(error: &RegistryError) -> (StatusCode, ErrorCode) {
    match error {
        RegistryError::Denied(_) => (StatusCode::FORBIDDEN, ErrorCode::Denied),
        RegistryError::NameUnknown(_) => (StatusCode::NOT_FOUND, ErrorCode::NameUnknown),
        RegistryError::ManifestUnknown => (StatusCode::NOT_FOUND, ErrorCode::ManifestUnknown),
        RegistryError::BlobUnknown => (StatusCode::NOT_FOUND, ErrorCode::BlobUnknown),
        RegistryError::UploadUnknown => (StatusCode::NOT_FOUND, ErrorCode::BlobUploadUnknown),
        RegistryError::UploadOutOfOrder { .. } => (
            StatusCode::RANGE_NOT_SATISFIABLE,
            ErrorCode::BlobUploadInvalid,
        ),
        RegistryError::UploadBusy | RegistryError::Overloaded => {
            (StatusCode::TOO_MANY_REQUESTS, ErrorCode::TooManyRequests)
        }
        RegistryError::ChunkLengthMismatch | RegistryError::DescriptorSizeMismatch { .. } => {
            (StatusCode::BAD_REQUEST, ErrorCode::SizeInvalid)
        }
        RegistryError::DigestMismatch { .. } => (StatusCode::BAD_REQUEST, ErrorCode::DigestInvalid),
        RegistryError::ManifestInvalid(_) | RegistryError::EmbeddedDataMismatch(_) => {
            (StatusCode::BAD_REQUEST, ErrorCode::ManifestInvalid)
        }
        RegistryError::ManifestBlobsUnknown(_) => {
            (StatusCode::NOT_FOUND, ErrorCode::ManifestBlobUnknown)
        }
        RegistryError::ManifestTooLarge { .. } | RegistryError::BlobTooLarge { .. } => {
            (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid)
        }
        RegistryError::PreconditionFailed { .. } => {
            (StatusCode::PRECONDITION_FAILED, ErrorCode::Denied)
        }
        RegistryError::BlobReferenced { .. } | RegistryError::ManifestContained { .. } => {
            (StatusCode::METHOD_NOT_ALLOWED, ErrorCode::Unsupported)
        }
        RegistryError::Body(error) => body_status(*error),
        RegistryError::Metadata(error) => metadata_status(error),
        RegistryError::BlobStore(error) => blob_store_status(error),
        RegistryError::HashState(_) | RegistryError::Task(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown)
        }
    }
}

fn body_status(error: BodyError) -> (StatusCode, ErrorCode) {
    match error {
        BodyError::ClientGone | BodyError::Malformed => {
            (StatusCode::BAD_REQUEST, ErrorCode::BlobUploadInvalid)
        }
        BodyError::TooSlow => (StatusCode::REQUEST_TIMEOUT, ErrorCode::BlobUploadInvalid),
        BodyError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid),
    }
}

fn metadata_status(error: &MetadataError) -> (StatusCode, ErrorCode) {
    match error {
        MetadataError::Unavailable(_) | MetadataError::ReadOnly(_) => {
            (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable)
        }
        MetadataError::Full(_) => (StatusCode::INSUFFICIENT_STORAGE, ErrorCode::Unavailable),
        MetadataError::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown),
    }
}

fn blob_store_status(error: &BlobStoreError) -> (StatusCode, ErrorCode) {
    match error {
        BlobStoreError::Unavailable(_) => (StatusCode::SERVICE_UNAVAILABLE, ErrorCode::Unavailable),
        BlobStoreError::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, ErrorCode::SizeInvalid),
        BlobStoreError::Full(_) => (StatusCode::INSUFFICIENT_STORAGE, ErrorCode::Unavailable),
        BlobStoreError::Denied(_)
        | BlobStoreError::Foreign(_)
        | BlobStoreError::Lost(_)
        | BlobStoreError::Failed(_) => (StatusCode::INTERNAL_SERVER_ERROR, ErrorCode::Unknown),
    }
}

/// What a client learns of a fault of ours: what to do, not what broke.
fn public_fault(status: StatusCode) -> &'static str {
    match status {
        StatusCode::SERVICE_UNAVAILABLE => {
            "the registry is busy, or its database or storage is away; try again"
        }
        StatusCode::INSUFFICIENT_STORAGE => {
            "the registry has no space left; its operator has to make room, then push again"
        }
        _ => "the registry failed to answer; its log has more under this request id",
    }
}

/// The words for a request that never reached a route, or broke one; the server sets the status.
pub(crate) fn refuse(refusal: Refusal) -> Reply {
    let code = match refusal {
        Refusal::UriTooLong | Refusal::HeadersTooLarge => ErrorCode::Unsupported,
        Refusal::Panicked => ErrorCode::Unknown,
    };
    let entry = ErrorEntry {
        code: code.as_str(),
        message: refusal.message().to_owned(),
        detail: Value::Null,
    };
    Reply::new(refusal.status())
        .json(
            &ErrorBody {
                errors: vec![entry],
            },
            "application/json",
        )
        .about_error(code.as_str())
}

/// The answer to a write while none is taken.
pub fn writes_paused() -> Response<ResponseBody> {
    let code = ErrorCode::Unavailable;
    let entry = ErrorEntry {
        code: code.as_str(),
        message: WRITES_PAUSED.to_owned(),
        detail: Value::Null,
    };
    let errors = vec![entry];
    Reply::new(StatusCode::SERVICE_UNAVAILABLE)
        .json(&ErrorBody { errors }, "application/json")
        .header(RETRY_AFTER, HeaderValue::from_static("1"))
        .about_error(code.as_str())
        .into_response(AccessRecord::of_route("unknown"))
}

/// The body of an error reply (distribution-spec, "Error Codes").
#[derive(Serialize)]
struct ErrorBody {
    errors: Vec<ErrorEntry>,
}

#[derive(Serialize)]
struct ErrorEntry {
    code: &'static str,
    message: String,
    detail: Value,
}
