//! Upload sessions: open, append, finish, ask, cancel.

use http::StatusCode;
use http::header::{LOCATION, RANGE};
use oci_types::{Digest, RepositoryName};
use registry_core::access::PushAccess;
use registry_core::ports::UploadId;
use registry_core::{OpenUpload, RegistryError, UploadOpened};

use crate::api::{Api, Call};
use crate::error::ApiError;
use crate::extract;
use crate::headers::{
    DOCKER_CONTENT_DIGEST, DOCKER_UPLOAD_UUID, blob_location, stored_range, upload_location,
};
use crate::reply::Reply;
use crate::route::{MountSource, UploadRequest};

pub(crate) async fn open(
    api: &Api,
    call: Call,
    name: RepositoryName,
    request: UploadRequest,
) -> Result<Reply, ApiError> {
    let access = call.caller.push_access(&name)?;
    let open = match request {
        UploadRequest::Session(algorithm) => OpenUpload::Session(algorithm),
        UploadRequest::Whole(digest) => {
            OpenUpload::Whole(digest, extract::upload_body(call.request.into_body()))
        }
        UploadRequest::Mount(digest, MountSource::Anywhere) => OpenUpload::Mount(digest, None),
        UploadRequest::Mount(digest, MountSource::Repository(source)) => {
            match call.caller.pull_access(&source) {
                Ok(source) => OpenUpload::Mount(digest, Some(source)),
                Err(_) => OpenUpload::Session(digest.algorithm()),
            }
        }
        UploadRequest::Mount(digest, MountSource::Impossible) => {
            OpenUpload::Session(digest.algorithm())
        }
    };
    match api.registry.open_upload(&access, open).await? {
        UploadOpened::Session(id) => Ok(session(StatusCode::ACCEPTED, &name, id, 0).length(0)),
        UploadOpened::Stored(digest) => Ok(stored(&name, &digest)),
    }
}

pub(crate) async fn append(
    api: &Api,
    call: Call,
    name: RepositoryName,
    id: UploadId,
) -> Result<Reply, ApiError> {
    let access = call.caller.push_access(&name)?;
    let (head, body) = call.request.into_parts();
    let chunk = match extract::chunk(&head.headers, body) {
        Ok(chunk) => chunk,
        Err(error) => return Err(out_of_order(api, &access, id, error).await),
    };
    match api.registry.append_upload(&access, id, chunk).await {
        Ok(committed) => Ok(session(StatusCode::ACCEPTED, &name, id, committed).length(0)),
        Err(error) => Err(out_of_order(api, &access, id, error.into()).await),
    }
}

pub(crate) async fn finish(
    api: &Api,
    call: Call,
    name: RepositoryName,
    id: UploadId,
    digest: Digest,
) -> Result<Reply, ApiError> {
    let access = call.caller.push_access(&name)?;
    let (head, body) = call.request.into_parts();
    let chunk = match extract::chunk(&head.headers, body) {
        Ok(chunk) => chunk,
        Err(error) => return Err(out_of_order(api, &access, id, error).await),
    };
    match api.registry.finish_upload(&access, id, digest, chunk).await {
        Ok(()) => Ok(stored(&name, &digest).about_upload(id.to_string())),
        Err(error) => Err(out_of_order(api, &access, id, error.into()).await),
    }
}

pub(crate) async fn status(
    api: &Api,
    call: &Call,
    name: RepositoryName,
    id: UploadId,
) -> Result<Reply, ApiError> {
    let access = call.caller.push_access(&name)?;
    let committed = api.registry.upload_progress(&access, id).await?;
    Ok(session(StatusCode::NO_CONTENT, &name, id, committed))
}

pub(crate) async fn cancel(
    api: &Api,
    call: &Call,
    name: RepositoryName,
    id: UploadId,
) -> Result<Reply, ApiError> {
    let access = call.caller.push_access(&name)?;
    api.registry.cancel_upload(&access, id).await?;
    Ok(Reply::new(StatusCode::NO_CONTENT).about_upload(id.to_string()))
}

/// A chunk in the wrong place is answered with the right one, so that the client can go on.
async fn out_of_order(api: &Api, access: &PushAccess, id: UploadId, error: ApiError) -> ApiError {
    let name = access.repository().clone();
    match error {
        ApiError::Registry(RegistryError::UploadOutOfOrder { committed }) => {
            let reason = "the chunk does not begin where the upload session stands: see Range for what is stored";
            ApiError::OutOfOrder {
                name,
                id,
                committed,
                reason,
            }
        }
        ApiError::ContentRangeInverted => match api.registry.upload_progress(access, id).await {
            Ok(committed) => {
                let reason = "Content-Range ends before it begins: see Range for what is stored";
                ApiError::OutOfOrder {
                    name,
                    id,
                    committed,
                    reason,
                }
            }
            Err(error) => error.into(),
        },
        error => error,
    }
}

fn session(status: StatusCode, name: &RepositoryName, id: UploadId, committed: u64) -> Reply {
    Reply::new(status)
        .text(LOCATION, upload_location(name, id))
        .text(RANGE, stored_range(committed))
        .text(DOCKER_UPLOAD_UUID, id.to_string())
        .about_upload(id.to_string())
}

fn stored(name: &RepositoryName, digest: &Digest) -> Reply {
    Reply::new(StatusCode::CREATED)
        .text(LOCATION, blob_location(name, digest))
        .text(DOCKER_CONTENT_DIGEST, digest.to_string())
        .length(0)
        .about_digest(digest.to_string())
}
