//! The installation port: what a registry is called, and whether its content is on its way from or to another one.
//!
//! A move sets these marks in an order in which no two registries that hold the same content are ever both open to
//! writes, wherever it is cut off: the source is marked as moved before the mark of the target is taken away.

use async_trait::async_trait;
use uuid::Uuid;

use super::MetadataError;

/// The marks of a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstallationState {
    /// What it is called; random, and never another's.
    pub id: Uuid,
    /// It is being filled from the registry of this id, and is not complete.
    pub moving_from: Option<Uuid>,
    /// Where the blobs of that go: what is copied already is there, and nowhere else.
    pub moving_storage: Option<String>,
    /// The last step of a move to there is under way, or was cut off.
    pub moving_to: Option<String>,
    /// Its content was moved to there.
    pub moved_to: Option<String>,
    /// What the registry there is called.
    pub moved_to_id: Option<Uuid>,
}

/// Outcome of [`Installation::begin_move_into`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveInto {
    /// It is being filled from this source, from now on or already.
    Begun,
    /// Nothing changed: it holds something, is filled from another source or with other storage, or was moved away
    /// itself.
    Refused,
}

/// The marks of one registry.
#[async_trait]
pub trait Installation: Send + Sync + std::fmt::Debug {
    /// The marks as they are.
    async fn installation(&self) -> Result<InstallationState, MetadataError>;

    /// Marks a registry that holds nothing as being filled from `source`, its blobs in `storage`; marked so already, it
    /// may hold anything.
    async fn begin_move_into(&self, source: Uuid, storage: &str)
    -> Result<MoveInto, MetadataError>;

    /// Takes that mark away: the registry is complete. `false` if it was not being filled from `source`.
    async fn finish_move_into(&self, source: Uuid) -> Result<bool, MetadataError>;

    /// Sets or takes away the mark of the last step.
    async fn set_moving_to(&self, target: Option<&str>) -> Result<(), MetadataError>;

    /// Marks the registry as moved to another, called `id`, in place of the mark of the last step. It stays so.
    async fn set_moved_to(&self, target: &str, id: Uuid) -> Result<(), MetadataError>;
}
