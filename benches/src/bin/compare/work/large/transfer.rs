//! The ways of large blobs, and what goes them.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};

use crate::content::BlobFamily;
use crate::load::Limit;
use crate::work::{Figure, Work};

const LARGE: usize = 200 * 1024 * 1024;

/// A tenth of it shows whether the last step of a push depends on the length.
const MEDIUM: usize = LARGE / 10;

/// And so does this, where there is time for it.
const HUGE: usize = 5 * 1024 * 1024 * 1024;

/// One way of a blob.
#[derive(Debug, Clone, Copy)]
pub(super) enum Transfer {
    /// POST, PATCH of a stream of unknown length, PUT: docker, podman and skopeo.
    PushMedium,
    /// The same, ten times as long.
    PushLarge,
    /// POST, PUT of everything: containerd and BuildKit.
    PushAtOnce,
    Pull,
    /// As [`Self::PushLarge`], 26 times as long.
    PushHuge,
}

impl Transfer {
    pub(super) fn work(self) -> Work {
        let last_step = Some("its finalize PUT");
        let (key, title, last_step) = match self {
            Self::PushMedium => ("push-medium", "push 20 MiB (POST, PATCH, PUT)", last_step),
            Self::PushLarge => ("push-large", "push 200 MiB (POST, PATCH, PUT)", last_step),
            Self::PushAtOnce => ("push-large-put", "push 200 MiB (POST, PUT)", None),
            Self::Pull => ("pull-large", "pull 200 MiB", None),
            Self::PushHuge => ("push-huge", "push 5 GiB (POST, PATCH, PUT)", last_step),
        };
        Work {
            last_step,
            ..Work::new(key, title, Figure::Volume)
        }
    }

    pub(super) fn length(self) -> usize {
        match self {
            Self::PushMedium => MEDIUM,
            Self::PushLarge | Self::PushAtOnce | Self::Pull => LARGE,
            Self::PushHuge => HUGE,
        }
    }

    /// Transfers of one turn: as many on a fast server as on a slow one, so that the disk gets the
    /// same from both.
    pub(super) fn times(self) -> Limit {
        Limit::Operations(match self {
            Self::PushMedium | Self::PushLarge | Self::PushAtOnce | Self::Pull => 3,
            Self::PushHuge => 1,
        })
    }
}

/// What is pushed, by its length.
pub(super) struct Families(BTreeMap<usize, BlobFamily>);

impl Families {
    pub(super) fn new(transfers: &[Transfer]) -> Self {
        let mut families = BTreeMap::new();
        for transfer in transfers {
            let length = transfer.length();
            families
                .entry(length)
                .or_insert_with(|| BlobFamily::new(length));
        }
        Self(families)
    }

    pub(super) fn of(&self, transfer: Transfer) -> Result<&BlobFamily> {
        let family = self.0.get(&transfer.length());
        family.context("this length was not prepared")
    }
}
