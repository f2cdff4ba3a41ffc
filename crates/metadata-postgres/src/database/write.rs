//! Writes: one statement each, alone in its transaction where it decides all by itself. Where what
//! it found must be judged before it counts, by a guard or for a dry run, it stands between BEGIN and
//! COMMIT or ROLLBACK.
//!
//! Others write at the same time. A statement that met them where that matters has done nothing, or
//! says so and is rolled back; then all is done again on what is there now, the guard included. It
//! may find that the rows in question change all the time: the second attempt locks them before it
//! looks.

use oci_types::RepositoryName;
use registry_core::change::{Change, Guard};
use registry_core::ports::MetadataError;
use registry_core::waits;
use sqlx::postgres::PgRow;
use sqlx::{Connection as _, PgConnection};

use super::Database;
use crate::error::{Failure, Fault, ForeignValue};
use crate::metrics::{Again, BEGIN, COMMIT, ROLLBACK};
use crate::repositories;
use crate::statement::Bound;

/// The first, one for a repository that has to be created, and three more.
const ATTEMPTS: usize = 5;

/// What a write may leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Whatever it decides.
    Decided,
    /// What it decides, if a guard agrees with what it found.
    Judged,
    /// Nothing: it is rolled back.
    Dry,
}

impl Effect {
    /// The effect of a change that a guard watches over.
    pub(crate) fn of<S>(change: &Change, guard: &Guard<S>) -> Self {
        match (change.dry_run, guard.is_open()) {
            (true, _) => Self::Dry,
            (false, false) => Self::Judged,
            (false, true) => Self::Decided,
        }
    }

    /// The effect of a change without a condition.
    pub(crate) fn of_change(change: &Change) -> Self {
        Self::of(change, &Guard::<()>::open())
    }
}

/// What came of a statement.
#[derive(Debug)]
pub(crate) enum Verdict<T> {
    /// It took effect.
    Done(T),
    /// It must not take effect. Without a guard it has seen to that itself.
    Refused(T),
    /// It did nothing, because its repository is not there and has to be created.
    Homeless,
    /// Others came in between: it must not take effect, and is to be done again.
    Disturbed,
}

/// One write.
pub(crate) trait Write: Sync {
    /// What it answers.
    type Outcome: Send;

    /// The statement.
    fn statement(&self) -> Bound;

    /// What its rows say, and what the guard says to that. Pure, because it may be asked again.
    fn judge(&self, rows: &[PgRow]) -> Result<Verdict<Self::Outcome>, ForeignValue>;

    /// The repository to create for [`Verdict::Homeless`].
    fn home(&self) -> Option<&RepositoryName> {
        None
    }

    /// Locks what the guard judges, if that is worth it.
    fn lock(&self) -> Option<Bound> {
        None
    }
}

/// What an attempt does before the statement.
#[derive(Debug, Clone, Copy, Default)]
struct Preparation {
    create: bool,
    lock: bool,
}

impl Database {
    /// Does a write.
    pub(crate) async fn write<W: Write>(
        &self,
        effect: Effect,
        write: &W,
    ) -> Result<W::Outcome, MetadataError> {
        let outcome = waits::for_database(self.attempts(effect, write)).await;
        Ok(outcome?)
    }

    async fn attempts<W: Write>(&self, effect: Effect, write: &W) -> Result<W::Outcome, Failure> {
        let mut preparation = Preparation::default();
        let mut last = None;
        for _ in 0..ATTEMPTS {
            match self.attempt(effect, write, preparation).await {
                Ok(Verdict::Done(outcome) | Verdict::Refused(outcome)) => return Ok(outcome),
                Ok(Verdict::Homeless) => {
                    preparation.create = true;
                    continue;
                }
                Ok(Verdict::Disturbed) => {}
                Err(failure) if failure.fault() == Fault::Conflict => last = Some(failure),
                Err(failure) => return Err(failure),
            }
            self.metrics.again(Again::Conflict);
            preparation.lock = effect == Effect::Judged;
        }
        Err(last.unwrap_or(Failure::Contended))
    }

    async fn attempt<W: Write>(
        &self,
        effect: Effect,
        write: &W,
        preparation: Preparation,
    ) -> Result<Verdict<W::Outcome>, Failure> {
        let mut connection = self.connection().await?;
        let verdict = if effect == Effect::Decided && !preparation.create {
            self.state(&mut connection, write).await
        } else {
            self.transact(&mut connection, effect, write, preparation)
                .await
        };
        Self::give_back(connection, verdict.as_ref().err());
        verdict
    }

    /// Runs the statement and judges what it found.
    async fn state<W: Write>(
        &self,
        connection: &mut PgConnection,
        write: &W,
    ) -> Result<Verdict<W::Outcome>, Failure> {
        let rows = self.run(connection, write.statement()).await?;
        Ok(write.judge(&rows)?)
    }

    /// The same in a transaction. Whatever ends it early, a failure or nobody waiting any more,
    /// rolls it back.
    async fn transact<W: Write>(
        &self,
        connection: &mut PgConnection,
        effect: Effect,
        write: &W,
        preparation: Preparation,
    ) -> Result<Verdict<W::Outcome>, Failure> {
        let mut transaction = self.answered(BEGIN, connection.begin()).await?;
        if preparation.create
            && let Some(home) = write.home()
        {
            self.run(&mut transaction, repositories::create(home))
                .await?;
        }
        if preparation.lock
            && let Some(lock) = write.lock()
        {
            self.run(&mut transaction, lock).await?;
        }
        let verdict = self.state(&mut transaction, write).await?;
        if matches!(verdict, Verdict::Done(_)) && effect != Effect::Dry {
            self.answered(COMMIT, transaction.commit()).await?;
        } else {
            self.answered(ROLLBACK, transaction.rollback()).await?;
        }
        Ok(verdict)
    }
}
