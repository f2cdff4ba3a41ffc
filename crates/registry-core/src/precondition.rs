//! Conditional requests: `If-Match` and `If-None-Match` (RFC 9110, section 13.1),
//! with digests as entity tags. They close lost updates of tags that clients
//! read, change and write back.

use oci_types::{Digest, Reference};

use crate::change::{Guard, Refusal};
use crate::ports::ExistingManifest;

/// The entity tags of one header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EntityTags {
    /// `*`
    Any,
    /// Those that are digests; others can match nothing here and are left out.
    Digests(Vec<Digest>),
}

impl EntityTags {
    /// Whether one of them names `current`.
    pub fn matches(&self, current: Option<&Digest>) -> bool {
        match (self, current) {
            (_, None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Digests(digests), Some(current)) => digests.contains(current),
        }
    }
}

/// What a write demands of what is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    /// `If-Match`
    pub if_match: Option<EntityTags>,
    /// `If-None-Match`
    pub if_none_match: Option<EntityTags>,
}

impl Precondition {
    /// A guard that judges what `reference` names inside the transaction.
    pub(crate) fn guard(self, reference: &Reference) -> Guard<ExistingManifest> {
        if self == Self::default() {
            return Guard::open();
        }
        let reference = reference.clone();
        Guard::new(move |existing: &ExistingManifest| {
            let current = match &reference {
                Reference::Tag(tag) => existing.target(tag),
                Reference::Digest(_) => existing.digest,
            };
            self.check(current)
        })
    }

    fn check(&self, current: Option<Digest>) -> Result<(), Refusal> {
        let wanted = self
            .if_match
            .as_ref()
            .is_none_or(|tags| tags.matches(current.as_ref()));
        let unwanted = self
            .if_none_match
            .as_ref()
            .is_some_and(|tags| tags.matches(current.as_ref()));
        if wanted && !unwanted {
            Ok(())
        } else {
            Err(Refusal::PreconditionFailed { current })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_header_is_judged_against_what_is_there() {
        let here = blob_hash::digest(oci_types::Algorithm::Sha256, b"here");
        let other = blob_hash::digest(oci_types::Algorithm::Sha256, b"other");
        let one = |digest| Some(EntityTags::Digests(vec![digest]));
        let holds = |if_match, if_none_match, current| {
            Precondition {
                if_match,
                if_none_match,
            }
            .check(current)
            .is_ok()
        };
        assert!(holds(None, None, None));
        assert!(holds(one(here), None, Some(here)));
        assert!(!holds(one(other), None, Some(here)));
        assert!(!holds(one(here), None, None));
        assert!(!holds(Some(EntityTags::Any), None, None));
        assert!(holds(None, Some(EntityTags::Any), None));
        assert!(!holds(None, Some(EntityTags::Any), Some(here)));
        assert!(holds(None, one(other), Some(here)));
        assert!(!holds(None, one(here), Some(here)));
    }
}
