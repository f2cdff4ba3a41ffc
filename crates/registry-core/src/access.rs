//! Who may do what: the one place that decides, and the proof that it did.
//!
//! A use case that reads demands a [`PullAccess`], one that writes a [`PushAccess`]
//! or [`DeleteAccess`]. Only [`Caller`] makes them, so forgetting to ask does not compile.

use std::net::IpAddr;
use std::sync::Arc;

use oci_types::RepositoryName;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::change::{Actor, Change};

/// What a request without credentials may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AnonymousAccess {
    /// Nothing.
    None,
    /// Pull and list.
    Pull,
    /// Pull, push and delete.
    Push,
}

/// Something a caller wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Read manifests, blobs, tags and referrers of a repository.
    Pull,
    /// Write manifests, tags and blobs of a repository.
    Push,
    /// Delete manifests, tags and blobs of a repository.
    Delete,
    /// List the repositories of the registry.
    List,
}

/// A caller may not do what it asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("anonymous callers may not {action:?}; they are allowed: {allowed:?}")]
pub struct Denied {
    /// What it asked for.
    pub action: Action,
    /// What callers without credentials may do here.
    pub allowed: AnonymousAccess,
}

/// Whoever sent the request. Without credentials the caller is anonymous, not absent.
#[derive(Debug, Clone)]
pub struct Caller {
    change: Change,
    allowed: AnonymousAccess,
}

impl Caller {
    /// A caller without credentials.
    pub fn anonymous(
        allowed: AnonymousAccess,
        request_id: Arc<str>,
        origin: Option<IpAddr>,
    ) -> Self {
        Self {
            change: Change {
                actor: Actor::Anonymous,
                request_id,
                origin,
                dry_run: false,
            },
            allowed,
        }
    }

    /// The registry itself, for work that no request asked for.
    pub(crate) fn system(work: &str) -> Self {
        Self {
            change: Change {
                actor: Actor::System,
                request_id: Arc::from(work),
                origin: None,
                dry_run: false,
            },
            allowed: AnonymousAccess::Push,
        }
    }

    /// The id of its request.
    pub fn request_id(&self) -> &Arc<str> {
        &self.change.request_id
    }

    /// The right to read `repository`.
    pub fn pull_access(&self, repository: &RepositoryName) -> Result<PullAccess, Denied> {
        self.require(Action::Pull, AnonymousAccess::Pull)?;
        Ok(PullAccess {
            repository: repository.clone(),
        })
    }

    /// The right to write to `repository`.
    pub fn push_access(&self, repository: &RepositoryName) -> Result<PushAccess, Denied> {
        self.require(Action::Push, AnonymousAccess::Push)?;
        Ok(PushAccess {
            repository: repository.clone(),
            change: self.change.clone(),
        })
    }

    /// The right to delete from `repository`.
    pub fn delete_access(&self, repository: &RepositoryName) -> Result<DeleteAccess, Denied> {
        self.require(Action::Delete, AnonymousAccess::Push)?;
        Ok(DeleteAccess {
            repository: repository.clone(),
            change: self.change.clone(),
        })
    }

    /// The right to list repositories.
    pub fn catalog_access(&self) -> Result<CatalogAccess, Denied> {
        self.require(Action::List, AnonymousAccess::Pull)?;
        Ok(CatalogAccess(()))
    }

    fn require(&self, action: Action, least: AnonymousAccess) -> Result<(), Denied> {
        if self.allowed >= least {
            Ok(())
        } else {
            Err(Denied {
                action,
                allowed: self.allowed,
            })
        }
    }
}

/// The right to read one repository.
#[derive(Debug, Clone)]
pub struct PullAccess {
    repository: RepositoryName,
}

impl PullAccess {
    /// Which repository.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }
}

/// The right to write to one repository.
#[derive(Debug, Clone)]
pub struct PushAccess {
    repository: RepositoryName,
    change: Change,
}

impl PushAccess {
    /// Which repository.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// The circumstances every write carries.
    pub fn change(&self) -> &Change {
        &self.change
    }
}

/// The right to delete from one repository.
#[derive(Debug, Clone)]
pub struct DeleteAccess {
    repository: RepositoryName,
    change: Change,
}

impl DeleteAccess {
    /// Which repository.
    pub fn repository(&self) -> &RepositoryName {
        &self.repository
    }

    /// The circumstances every write carries.
    pub fn change(&self) -> &Change {
        &self.change
    }
}

/// The right to list repositories.
#[derive(Debug, Clone, Copy)]
pub struct CatalogAccess(());

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(allowed: AnonymousAccess) -> Caller {
        Caller::anonymous(allowed, "r".into(), None)
    }

    #[test]
    fn anonymous_callers_get_what_the_setting_allows() {
        let name: RepositoryName = "a/b".parse().unwrap();
        let rights = |allowed| {
            let caller = caller(allowed);
            [
                caller.pull_access(&name).is_ok(),
                caller.catalog_access().is_ok(),
                caller.push_access(&name).is_ok(),
                caller.delete_access(&name).is_ok(),
            ]
        };
        assert_eq!(rights(AnonymousAccess::None), [false, false, false, false]);
        assert_eq!(rights(AnonymousAccess::Pull), [true, true, false, false]);
        assert_eq!(rights(AnonymousAccess::Push), [true, true, true, true]);
    }
}
