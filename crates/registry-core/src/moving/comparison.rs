//! Two lists in the same order, walked side by side, a page of each in memory.

use std::collections::VecDeque;

use async_trait::async_trait;

use super::{MoveError, lists};
use crate::ports::{Metadata, MetadataError};

/// How many entries are read at once.
pub(super) const PAGE: u32 = 1_000;

/// One of the two registries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Source,
    Target,
}

/// A list that both registries have, in the order of its keys.
#[async_trait]
pub(super) trait List: Send + Sync {
    type Item: Clone + Send + Sync;

    /// What entries are compared by, byte by byte.
    fn key(item: &Self::Item) -> Vec<u8>;

    /// Up to `limit` entries after one.
    async fn page(
        &self,
        metadata: &dyn Metadata,
        after: Option<&Self::Item>,
        limit: u32,
    ) -> Result<Vec<Self::Item>, MetadataError>;
}

/// An entry, and where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Difference<T> {
    /// In the source alone.
    Missing(T),
    /// In the target alone.
    Extra(T),
    /// In both; whether they are the same otherwise is for the caller to see.
    Both { source: T, target: T },
}

impl<T> Difference<T> {
    /// The entry, wherever it is.
    pub(super) fn into_any(self) -> T {
        match self {
            Self::Missing(item) | Self::Extra(item) | Self::Both { source: item, .. } => item,
        }
    }
}

/// The walk.
pub(super) struct Comparison<'a, L: List> {
    source: Walk<'a, L>,
    target: Walk<'a, L>,
}

impl<'a, L: List> Comparison<'a, L> {
    pub(super) fn new(list: &'a L, source: &'a dyn Metadata, target: &'a dyn Metadata) -> Self {
        Self {
            source: Walk::new(list, source, Side::Source),
            target: Walk::new(list, target, Side::Target),
        }
    }

    /// The next entry of either; `None` at the end of both.
    pub(super) async fn next(&mut self) -> Result<Option<Difference<L::Item>>, MoveError> {
        let source = self.source.key().await?;
        let target = self.target.key().await?;
        let (from_source, from_target) = match (source, target) {
            (None, None) => return Ok(None),
            (Some(_), None) => (true, false),
            (None, Some(_)) => (false, true),
            (Some(source), Some(target)) => (source <= target, target <= source),
        };
        let source = if from_source {
            self.source.take()
        } else {
            None
        };
        let target = if from_target {
            self.target.take()
        } else {
            None
        };
        Ok(match (source, target) {
            (Some(source), Some(target)) => Some(Difference::Both { source, target }),
            (Some(source), None) => Some(Difference::Missing(source)),
            (None, Some(target)) => Some(Difference::Extra(target)),
            (None, None) => None,
        })
    }
}

/// The place in one of the lists.
struct Walk<'a, L: List> {
    list: &'a L,
    metadata: &'a dyn Metadata,
    side: Side,
    page: VecDeque<L::Item>,
    last: Option<L::Item>,
    ended: bool,
}

impl<'a, L: List> Walk<'a, L> {
    fn new(list: &'a L, metadata: &'a dyn Metadata, side: Side) -> Self {
        Self {
            list,
            metadata,
            side,
            page: VecDeque::new(),
            last: None,
            ended: false,
        }
    }

    /// The key of the next entry.
    async fn key(&mut self) -> Result<Option<Vec<u8>>, MoveError> {
        if self.page.is_empty() && !self.ended {
            let page = self.list.page(self.metadata, self.last.as_ref(), PAGE);
            self.page = page.await.map_err(|error| lists(self.side, error))?.into();
            self.ended = self.page.len() < PAGE as usize;
            if let Some(last) = self.page.back() {
                self.last = Some(last.clone());
            }
        }
        Ok(self.page.front().map(L::key))
    }

    fn take(&mut self) -> Option<L::Item> {
        self.page.pop_front()
    }
}
