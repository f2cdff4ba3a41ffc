//! What only the application knows about a request, for the access line and the metrics.

use std::time::Duration;

/// Set by an application as an extension of its response.
///
/// The route becomes the `handler` label of the metrics, so it must be one of a few fixed names,
/// never something a client can choose.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessRecord {
    /// Which kind of request it was, such as `blob-get`.
    pub route: Option<&'static str>,
    /// The repository it named.
    pub repository: Option<String>,
    /// The tag or digest it named.
    pub reference: Option<String>,
    /// The digest it was about.
    pub digest: Option<String>,
    /// The upload session it belonged to.
    pub upload_id: Option<String>,
    /// How long the application waited for its database before it answered.
    pub database: Option<Duration>,
    /// The same for where it stores blobs.
    pub storage: Option<Duration>,
    /// The code of the error it was answered with.
    pub error_code: Option<&'static str>,
}

impl AccessRecord {
    /// A record that names its route and nothing else.
    pub fn of_route(route: &'static str) -> Self {
        Self {
            route: Some(route),
            ..Self::default()
        }
    }
}
