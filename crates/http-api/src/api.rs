//! The application behind the server: route, dispatch, and what the access log says of it.

use std::sync::Arc;

use async_trait::async_trait;
use http::header::HOST;
use http::uri::Authority;
use http::{Request, Response};
use http_server::{
    AccessRecord, Application, ClientAddress, Refusal, RequestBody, RequestId, ResponseBody,
};
use registry_core::access::Caller;
use registry_core::{Registry, waits};

use crate::error::{self, ApiError};
use crate::oci;
use crate::reply::Reply;
use crate::route::{self, Route, Target};
use crate::welcome::Welcome;

/// The distribution API of a registry.
#[derive(Debug)]
pub struct Api {
    pub(crate) registry: Registry,
    pub(crate) welcome: Welcome,
    pub(crate) proxied_agents: Vec<String>,
}

/// What every handler gets.
pub(crate) struct Call {
    pub(crate) caller: Caller,
    pub(crate) request: Request<RequestBody>,
}

impl Api {
    /// The API of `registry`; `welcome` is what a browser sees at `/`.
    pub fn new(registry: Registry, welcome: Welcome) -> Self {
        Self {
            registry,
            welcome,
            proxied_agents: Vec::new(),
        }
    }

    /// The same, but serving every blob from here to clients whose `User-Agent` begins like one of
    /// `agents`.
    #[must_use]
    pub fn with_proxied_agents(self, agents: Vec<String>) -> Self {
        Self {
            proxied_agents: agents,
            ..self
        }
    }

    async fn answer(&self, route: Route, call: Call) -> Result<Reply, ApiError> {
        match route {
            Route::Welcome => Ok(self.welcome.reply()),
            Route::Version => Ok(oci::version(&call)),
            Route::ListRepositories(page) => oci::catalog::list(self, &call, page).await,
            Route::ListTags(name, page) => oci::tags::list(self, &call, name, page).await,
            Route::ListReferrers(name, page) => oci::referrers::list(self, &call, name, page).await,
            Route::ReadManifest(name, reference, part) => {
                oci::manifests::read(self, &call, name, reference, part).await
            }
            Route::PutManifest(name, reference, tags) => {
                oci::manifests::put(self, call, name, reference, tags).await
            }
            Route::DeleteManifest(name, reference) => {
                oci::manifests::delete(self, &call, name, reference).await
            }
            Route::ReadBlob(name, digest, part) => {
                oci::blobs::read(self, &call, name, digest, part).await
            }
            Route::DeleteBlob(name, digest) => oci::blobs::delete(self, &call, name, digest).await,
            Route::OpenUpload(name, request) => oci::uploads::open(self, call, name, request).await,
            Route::UploadStatus(name, id) => oci::uploads::status(self, &call, name, id).await,
            Route::AppendUpload(name, id) => oci::uploads::append(self, call, name, id).await,
            Route::FinishUpload(name, id, digest) => {
                oci::uploads::finish(self, call, name, id, digest).await
            }
            Route::CancelUpload(name, id) => oci::uploads::cancel(self, &call, name, id).await,
        }
    }

    /// The registry a pull is meant for, if that is not this one: answering it from here would pass
    /// our content off as that registry's. This one is known by the name it is configured with and
    /// by the one the request came under.
    fn foreign(&self, target: &Target, request: &Request<RequestBody>) -> Option<String> {
        let upstream = target
            .upstream
            .as_ref()
            .filter(|_| target.route.is_pull())?;
        let authority = request.uri().authority().map(Authority::as_str);
        let host = request
            .headers()
            .get(HOST)
            .and_then(|host| host.to_str().ok());
        let ours = [Some(self.welcome.host()), authority, host];
        let foreign = !ours
            .into_iter()
            .flatten()
            .any(|name| name.eq_ignore_ascii_case(upstream));
        foreign.then(|| upstream.clone())
    }

    fn caller(&self, request: &Request<RequestBody>) -> Caller {
        let id = request
            .extensions()
            .get::<RequestId>()
            .map_or_else(|| Arc::from(""), |id| Arc::from(id.as_str()));
        let origin = request
            .extensions()
            .get::<ClientAddress>()
            .map(|address| address.0.ip());
        self.registry.anonymous(id, origin)
    }
}

#[async_trait]
impl Application for Api {
    async fn respond(&self, request: Request<RequestBody>) -> Response<ResponseBody> {
        let target = route::parse(request.method(), request.uri());
        let record = target.as_ref().map_or_else(
            |_| AccessRecord::of_route("unknown"),
            |target| record(&target.route),
        );
        let caller = self.caller(&request);
        let request_id = Arc::clone(caller.request_id());
        let (answer, waits) = waits::measure(async {
            let target = target?;
            match self.foreign(&target, &request) {
                Some(host) => Err(ApiError::ForeignRegistry(host)),
                None => self.answer(target.route, Call { caller, request }).await,
            }
        })
        .await;
        let reply = answer.unwrap_or_else(|error| error.reply(&request_id));
        reply.into_response(AccessRecord {
            database: Some(waits.database),
            storage: Some(waits.storage),
            ..record
        })
    }

    fn refuse(&self, refusal: Refusal) -> Response<ResponseBody> {
        error::refuse(refusal).into_response(AccessRecord::of_route("unknown"))
    }
}

/// What the access log learns from the route alone, also of requests that fail.
fn record(route: &Route) -> AccessRecord {
    AccessRecord {
        repository: route.repository().map(ToString::to_string),
        reference: route.reference().map(ToString::to_string),
        digest: route.digest().map(ToString::to_string),
        upload_id: route.upload().map(|id| id.to_string()),
        ..AccessRecord::of_route(route.label())
    }
}
