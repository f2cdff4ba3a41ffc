//! The limit on open files, which the server raises as far as it may.

use rustix::process::{Resource, getrlimit};

use super::finding::Finding;
use crate::config::Configuration;

/// For blobs that are being read and written, the database and the log.
const BESIDES: u64 = 1_024;

/// Compares the limit with the number of connections.
pub(crate) fn examine(configuration: &Configuration) -> Finding {
    let connections = u64::from(configuration.limits.connections.get());
    judge(getrlimit(Resource::Nofile).maximum, connections)
}

fn judge(limit: Option<u64>, connections: u64) -> Finding {
    const CHECK: &str = "open files";
    let needed = connections.saturating_add(BESIDES);
    match limit {
        None => Finding::ok(CHECK, "no limit"),
        Some(limit) if limit >= needed => Finding::ok(
            CHECK,
            format!("{limit} may be open, for {connections} connections"),
        ),
        Some(limit) => Finding::warn(
            CHECK,
            format!("only {limit} may be open, and {connections} connections are allowed"),
            format!(
                "raise the hard limit to {needed} or more (LimitNOFILE in a systemd unit, --ulimit nofile for a \
                 container), or lower limits.connections"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::finding::Status;

    #[test]
    fn a_connection_is_a_file() {
        assert_eq!(judge(None, 10_000).status, Status::Ok);
        assert_eq!(judge(Some(11_024), 10_000).status, Status::Ok);
        assert_eq!(judge(Some(11_023), 10_000).status, Status::Warn);
    }
}
