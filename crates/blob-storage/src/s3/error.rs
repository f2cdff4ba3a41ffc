//! What S3 answered, or why it did not, in words that may be logged: no URLs, no signatures, no
//! headers.

use std::error::Error;
use std::io;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use registry_core::ports::{BlobStoreError, StorageKey};
use thiserror::Error;

/// Longer messages of servers are cut.
const MESSAGE: usize = 300;

/// A request that failed, after all that was worth trying again.
#[derive(Debug, Error)]
#[error("s3 {operation}: {fault}")]
pub(super) struct S3Error {
    /// What was asked for.
    pub(super) operation: &'static str,
    /// What came of it.
    pub(super) fault: Fault,
}

/// What came of a request.
#[derive(Debug, Error)]
pub(super) enum Fault {
    /// The server said no.
    #[error("{status} {code}: {message} (request {request_id})")]
    Refused {
        /// Of the answer; 200 may stand over an error, too.
        status: u16,
        /// S3's name for the error; empty where an answer has no body, as for HEAD.
        code: String,
        /// The server's words.
        message: String,
        /// The server's name for the request.
        request_id: String,
        /// The region the server says the bucket is in.
        region: Option<String>,
    },
    /// The server was not reached, or the connection broke.
    #[error("not answered: {0}")]
    Unreachable(String),
    /// It took too long.
    #[error("timed out")]
    TimedOut,
    /// It was never sent.
    #[error("not sent: {0}")]
    Unsent(String),
    /// The answer is none that S3 gives.
    #[error("answered strangely: {0}")]
    Strange(String),
}

impl S3Error {
    /// What the SDK says about a request.
    pub(super) fn new<E>(operation: &'static str, error: &SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + Error + 'static,
    {
        let fault = match error {
            SdkError::ServiceError(context) => refused(context.raw(), context.err()),
            SdkError::ResponseError(_) => Fault::Strange(chain(error)),
            SdkError::TimeoutError(_) => Fault::TimedOut,
            SdkError::DispatchFailure(failure) if failure.is_timeout() => Fault::TimedOut,
            SdkError::DispatchFailure(_) => Fault::Unreachable(chain(error)),
            _ => Fault::Unsent(chain(error)),
        };
        Self { operation, fault }
    }

    /// An answer without something that S3 always gives.
    pub(super) fn strange(operation: &'static str, what: &str) -> Self {
        let fault = Fault::Strange(what.to_owned());
        Self { operation, fault }
    }

    /// S3's name for the error.
    pub(super) fn code(&self) -> &str {
        match &self.fault {
            Fault::Refused { code, .. } => code,
            _ => "",
        }
    }

    /// The status of the answer.
    pub(super) fn status(&self) -> Option<u16> {
        match self.fault {
            Fault::Refused { status, .. } => Some(status),
            _ => None,
        }
    }

    /// Whether the object asked for is not there, and not the bucket.
    pub(super) fn is_no_object(&self) -> bool {
        match self.code() {
            "NoSuchKey" | "NotFound" => true,
            // HEAD has no body that could say more.
            "" => self.status() == Some(404),
            _ => false,
        }
    }

    /// Whether the upload asked for was completed or aborted, or never was.
    pub(super) fn is_no_upload(&self) -> bool {
        self.code() == "NoSuchUpload"
    }

    /// Whether a part is not the one it was.
    pub(super) fn is_wrong_part(&self) -> bool {
        matches!(self.code(), "InvalidPart" | "InvalidPartOrder")
    }

    /// Whether the server does not let these credentials in.
    pub(super) fn is_denial(&self) -> bool {
        matches!(self.status(), Some(401 | 403))
            || matches!(self.code(), "InvalidAccessKeyId" | "XAdminUserNotFound")
    }

    /// Whether the server did not get to say what it thinks of the request: it was not reached, or
    /// has a fault of its own, which it may tell with 200.
    fn is_away(&self) -> bool {
        match &self.fault {
            Fault::Unreachable(_) | Fault::TimedOut => true,
            Fault::Refused { status, code, .. } => {
                matches!(status, 429 | 500..)
                    || [
                        "InternalError",
                        "SlowDown",
                        "ServiceUnavailable",
                        "RequestTimeout",
                    ]
                    .contains(&code.as_str())
            }
            Fault::Unsent(_) | Fault::Strange(_) => false,
        }
    }

    /// For a call about an object that must be there.
    pub(super) fn or_lost(self, key: StorageKey) -> BlobStoreError {
        if self.is_no_object() || self.is_no_upload() || self.is_wrong_part() {
            BlobStoreError::Lost(key)
        } else {
            self.into()
        }
    }
}

impl From<S3Error> for BlobStoreError {
    fn from(error: S3Error) -> Self {
        let full = is_full(error.code()) || error.status() == Some(507);
        let (denied, away) = (error.is_denial(), error.is_away());
        if full {
            Self::Full(io::Error::new(io::ErrorKind::StorageFull, error))
        } else if denied {
            Self::Denied(io::Error::new(io::ErrorKind::PermissionDenied, error))
        } else if away {
            Self::Unavailable(io::Error::other(error))
        } else {
            Self::Failed(io::Error::other(error))
        }
    }
}

/// What servers say when they have no more room; Ceph and others say it with 403.
fn is_full(code: &str) -> bool {
    [
        "XMinioStorageFull",
        "XMinioAdminBucketQuotaExceeded",
        "QuotaExceeded",
        "InsufficientStorage",
        "InsufficientCapacity",
    ]
    .contains(&code)
}

/// A fault that is none of S3's.
pub(super) fn failed(error: impl Into<Box<dyn Error + Send + Sync>>) -> BlobStoreError {
    BlobStoreError::Failed(io::Error::other(error))
}

fn refused<E: ProvideErrorMetadata>(answer: &HttpResponse, error: &E) -> Fault {
    let header = |name: &str| answer.headers().get(name).map(clean);
    Fault::Refused {
        status: answer.status().as_u16(),
        code: clean(error.code().unwrap_or_default()),
        message: clean(error.message().unwrap_or_default()),
        request_id: header("x-amz-request-id").unwrap_or_default(),
        region: header("x-amz-bucket-region"),
    }
}

/// Somebody else's words, on one line and not too many.
fn clean(text: &str) -> String {
    let printable = text.chars().filter(|letter| !letter.is_control());
    printable.take(MESSAGE).collect()
}

/// An error and its causes.
fn chain(error: &dyn Error) -> String {
    let mut words = Vec::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        words.push(error.to_string());
        cause = error.source();
    }
    clean(&words.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(status: u16, code: &str) -> S3Error {
        let text = str::to_owned;
        S3Error {
            operation: "PutObject",
            fault: Fault::Refused {
                status,
                code: text(code),
                message: text("no"),
                request_id: text("1"),
                region: None,
            },
        }
    }

    #[test]
    fn answers_are_told_apart() {
        use BlobStoreError::{Denied, Failed, Full, Unavailable};
        assert!(matches!(refusal(403, "AccessDenied").into(), Denied(_)));
        assert!(matches!(refusal(401, "").into(), Denied(_)));
        for (status, code) in [
            (507, "XMinioStorageFull"),
            (507, ""),
            (403, "QuotaExceeded"),
            (400, "XMinioAdminBucketQuotaExceeded"),
        ] {
            assert!(matches!(refusal(status, code).into(), Full(_)), "{code}");
        }
        for (status, code) in [
            (503, "SlowDown"),
            (500, ""),
            (429, "TooManyRequests"),
            (400, "RequestTimeout"),
            (200, "InternalError"),
        ] {
            let error = refusal(status, code).into();
            assert!(matches!(error, Unavailable(_)), "{status} {code}");
        }
        for (status, code) in [(404, "NoSuchBucket"), (400, "MalformedXML")] {
            assert!(matches!(refusal(status, code).into(), Failed(_)), "{code}");
        }
    }

    #[test]
    fn what_is_gone_is_lost_and_a_bucket_that_is_gone_is_not() {
        let key = StorageKey {
            session: uuid::Uuid::nil(),
            fence: 1,
        };
        for (status, code) in [
            (404, "NoSuchKey"),
            (404, ""),
            (404, "NoSuchUpload"),
            (400, "InvalidPart"),
        ] {
            let error = refusal(status, code).or_lost(key);
            assert!(
                matches!(error, BlobStoreError::Lost(lost) if lost == key),
                "{code}"
            );
        }
        let error = refusal(404, "NoSuchBucket").or_lost(key);
        assert!(matches!(error, BlobStoreError::Failed(_)));
    }

    #[test]
    fn foreign_words_are_kept_on_one_line() {
        assert_eq!(clean("a\r\nb"), "ab");
        assert_eq!(clean(&"x".repeat(1_000)).len(), MESSAGE);
    }
}
