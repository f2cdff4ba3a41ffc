//! Whether a client can follow a redirect to the blob store.
//!
//! Go's HTTP client sends `Authorization` along when a redirect leads to the same host, whatever
//! the port, or to one below it, and S3 refuses a signed URL that comes with one. So a client that
//! sent credentials is not redirected there. Some clients cannot follow at all: an operator lists
//! how their `User-Agent` begins.

use http::header::{AUTHORIZATION, HOST, USER_AGENT};
use http::uri::Authority;
use http::{HeaderMap, Request};
use http_server::RequestBody;

use crate::api::Api;

/// Whether this request may be answered with a redirect.
pub(crate) fn may_follow(api: &Api, request: &Request<RequestBody>) -> bool {
    let Some(target) = api.registry.redirect_host() else {
        return false;
    };
    let headers = request.headers();
    if proxied(&api.proxied_agents, headers) {
        return false;
    }
    !(headers.contains_key(AUTHORIZATION) && may_be_beneath(api, request, target))
}

/// Whether a client may take `target` for the registry's own host, or one below it: the registry is
/// known by the name it is configured with and by the one the request came under, which a proxy may
/// have changed.
fn may_be_beneath(api: &Api, request: &Request<RequestBody>, target: &str) -> bool {
    let authority = request.uri().authority().cloned();
    let asked = authority.or_else(|| text(request.headers(), HOST)?.parse().ok());
    let own = api.welcome.host().parse().ok();
    [asked, own]
        .into_iter()
        .any(|host| host.is_none_or(|host: Authority| is_beneath(target, host.host())))
}

fn proxied(agents: &[String], headers: &HeaderMap) -> bool {
    text(headers, USER_AGENT).is_some_and(|agent| {
        agents
            .iter()
            .any(|beginning| agent.starts_with(beginning.as_str()))
    })
}

/// Whether `target` is `host`, or a name below it.
fn is_beneath(target: &str, host: &str) -> bool {
    let Some(at) = target.len().checked_sub(host.len()) else {
        return false;
    };
    let (Some(above), Some(end)) = (target.get(..at), target.get(at..)) else {
        return false;
    };
    end.eq_ignore_ascii_case(host) && (above.is_empty() || above.ends_with('.'))
}

fn text(headers: &HeaderMap, name: http::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_beneath_itself_and_its_parents() {
        let cases = [
            ("localhost", "localhost", true),
            ("s3.Example.com", "example.com", true),
            ("s3.example.com", "registry.example.com", false),
            ("example.com", "s3.example.com", false),
            ("s3-example.com", "example.com", false),
            ("192.0.2.1", "2.1", true),
        ];
        for (target, host, expected) in cases {
            assert_eq!(is_beneath(target, host), expected, "{target} {host}");
        }
    }

    #[test]
    fn agents_are_known_by_how_they_begin() {
        let agents = ["Wget/".to_owned()];
        let headers = |agent: &str| {
            let value = agent.parse().unwrap();
            HeaderMap::from_iter([(USER_AGENT, value)])
        };
        assert!(proxied(&agents, &headers("Wget/1.21")));
        assert!(!proxied(&agents, &headers("containerd/2.1 Wget/1.21")));
        assert!(!proxied(&agents, &HeaderMap::new()));
    }
}
