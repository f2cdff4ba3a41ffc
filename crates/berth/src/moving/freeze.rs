//! Who else writes to the source: other pods, if it is a shared database, and nobody, if it is a file of this process.

use anyhow::Context;

use crate::config::{Effective, MetadataUrl, PostgresUrl};

/// The way to pause others' writes.
#[derive(Debug)]
pub(crate) enum Freeze {
    /// There are none.
    Alone,
    /// By the database they share.
    Shared(Box<metadata_postgres::Freeze>),
}

impl Freeze {
    /// Makes sure, before anything is copied, that it can be done in the end.
    pub(crate) async fn prepare(source: &Effective) -> anyhow::Result<Self> {
        match source.metadata_url() {
            MetadataUrl::Sqlite(_) => Ok(Self::Alone),
            MetadataUrl::Postgres(url) => {
                let migrations = &source.configuration().metadata.migrations_url;
                let owner: &PostgresUrl = migrations.as_ref().unwrap_or(&url);
                let freeze = metadata_postgres::Freeze::prepare(owner.as_str(), url.as_str());
                let freeze = freeze.await?;
                Ok(Self::Shared(Box::new(freeze)))
            }
        }
    }

    /// Sees to it that it can still be done, now and then.
    pub(crate) async fn renew(&self) -> anyhow::Result<()> {
        match self {
            Self::Alone => Ok(()),
            Self::Shared(freeze) => freeze.renew().await.context("stay connected"),
        }
    }

    /// Whether nobody else can have written since it began.
    pub(crate) async fn holds(&self) -> anyhow::Result<bool> {
        match self {
            Self::Alone => Ok(true),
            Self::Shared(freeze) => freeze.holds().await.context("keep other pods paused"),
        }
    }

    /// Lets others read only.
    pub(crate) async fn begin(&self, target: &str) -> anyhow::Result<()> {
        match self {
            Self::Alone => Ok(()),
            Self::Shared(freeze) => freeze.begin(target).await.context("pause other pods"),
        }
    }

    /// Lets them write again.
    pub(crate) async fn end(&self) -> anyhow::Result<()> {
        match self {
            Self::Alone => Ok(()),
            Self::Shared(freeze) => freeze.end().await.context("let other pods write again"),
        }
    }
}
