//! What each object is called. Nothing else in this module makes a key.
//!
//! ```text
//! PREFIX
//! ├── berth-probe               read by each readiness check, written at each start
//! └── b
//!     └── 00 … ff               the last byte of the session; its first bytes are a clock
//!         ├── <session>.<fence>        what the holder with that fence stored whole, put together,
//!         │                            or began to upload in parts
//!         └── <session>.<fence>.tail   the end of what it stored, until it becomes a part
//! ```
//!
//! Whatever a holder begins has its own fence in its name, and each name is for one content only: a
//! request that arrives late, or twice, finds nothing of others to replace. An upload in parts that
//! later holders go on with keeps its name; which parts make it up is said when it is completed.

use registry_core::ports::StorageKey;
use uuid::Uuid;

use super::state::{Piece, PieceName};

/// The names of a store.
#[derive(Debug, Clone)]
pub(super) struct Keys {
    /// With a slash behind it, unless it is empty.
    prefix: String,
}

impl Keys {
    /// `prefix` has no slash at its ends.
    pub(super) fn new(prefix: &str) -> Self {
        let slash = if prefix.is_empty() { "" } else { "/" };
        Self {
            prefix: format!("{prefix}{slash}"),
        }
    }

    /// The object a readiness check reads.
    pub(super) fn probe(&self) -> String {
        format!("{}berth-probe", self.prefix)
    }

    /// What the keys of all objects begin with.
    pub(super) fn objects(&self) -> String {
        format!("{}b/", self.prefix)
    }

    /// What the keys of all objects of a session begin with.
    pub(super) fn session(&self, session: Uuid) -> String {
        let [.., last] = *session.as_bytes();
        format!("{}b/{last:02x}/{}.", self.prefix, session.hyphenated())
    }

    /// What a holder stores whole, or in parts.
    pub(super) fn object(&self, key: StorageKey) -> String {
        format!("{}{}", self.session(key.session), key.fence)
    }

    /// Bytes that follow those in parts, and are too few for one.
    pub(super) fn tail(&self, key: StorageKey) -> String {
        format!("{}.tail", self.object(key))
    }

    /// What a piece of a session is called.
    pub(super) fn piece(&self, session: Uuid, piece: Piece) -> String {
        let fence = piece.fence;
        let key = StorageKey { session, fence };
        match piece.name {
            PieceName::Object | PieceName::Parked => self.object(key),
            PieceName::Tail => self.tail(key),
        }
    }

    /// Reads what [`Self::object`] wrote; nothing for what is not ours.
    pub(super) fn parse(&self, text: &str) -> Option<StorageKey> {
        let name = text.strip_prefix(&self.objects())?;
        let (session, fence) = name.get(3..)?.split_once('.')?;
        let key = StorageKey {
            session: Uuid::try_parse(session).ok()?,
            fence: fence.parse().ok()?,
        };
        (self.object(key) == text).then_some(key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> StorageKey {
        StorageKey {
            session: "0198c0de-0000-7abc-8def-0123456789Ab".parse().unwrap(),
            fence: 7,
        }
    }

    #[test]
    fn keys_follow_the_drawing() {
        let name = "b/ab/0198c0de-0000-7abc-8def-0123456789ab.7";
        for (prefix, before) in [("", ""), ("p", "p/"), ("a/b", "a/b/")] {
            let keys = Keys::new(prefix);
            assert_eq!(keys.object(key()), format!("{before}{name}"));
            assert_eq!(keys.tail(key()), format!("{before}{name}.tail"));
            assert_eq!(keys.probe(), format!("{before}berth-probe"));
            assert!(keys.object(key()).starts_with(&keys.objects()));
        }
    }

    #[test]
    fn only_what_is_ours_is_read_back() {
        let keys = Keys::new("p");
        let text = keys.object(key());
        assert_eq!(keys.parse(&text), Some(key()));
        for foreign in [
            "",
            "p/b/",
            "p/b/ab",
            "b/ab/0198c0de-0000-7abc-8def-0123456789ab.7",
            "p/b/cd/0198c0de-0000-7abc-8def-0123456789ab.7",
            "p/b/ab/0198c0de-0000-7abc-8def-0123456789AB.7",
            "p/b/ab/0198c0de-0000-7abc-8def-0123456789ab.07",
            "p/b/ab/0198c0de-0000-7abc-8def-0123456789ab.7.tail",
            "p/b/ab/0198c0de-0000-7abc-8def-0123456789ab",
            "p/b/ä0198c0de",
        ] {
            assert_eq!(keys.parse(foreign), None, "{foreign}");
        }
        assert_eq!(keys.parse(&keys.tail(key())), None);
    }
}
