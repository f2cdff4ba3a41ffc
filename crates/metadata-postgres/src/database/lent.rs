//! A connection on loan, and how it comes back: in a bounded time, whatever ends the loan and however silent the
//! network is by then.
//!
//! The pool says hello on each connection that comes back before it lends it again, and would wait for the answer
//! without end; as long as it waits, nobody else has a connection in its place. A request that is given up in the
//! middle leaves an answer behind that has to be read first, which may never come.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;

use sqlx::pool::PoolConnection;
use sqlx::{PgConnection, Postgres};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::suspicion::{Suspicion, TEST};

/// Where connections come back to.
#[derive(Debug, Clone)]
pub(super) struct Returns {
    pub(super) suspicion: Arc<Suspicion>,
    pub(super) tasks: TaskTracker,
}

/// A connection that is used.
#[derive(Debug)]
pub(super) struct Lent {
    connection: PoolConnection<Postgres>,
    returns: Returns,
    broke: bool,
}

impl Lent {
    pub(super) fn new(connection: PoolConnection<Postgres>, returns: Returns) -> Self {
        Self {
            connection,
            returns,
            broke: false,
        }
    }

    /// It broke, and so may have others.
    pub(super) fn throw_away(self) {
        self.returns.suspicion.raise();
        self.close();
    }

    /// It is of no use any more.
    pub(super) fn close(mut self) {
        self.connection.close_on_drop();
        self.broke = true;
    }
}

impl Deref for Lent {
    type Target = PgConnection;

    fn deref(&self) -> &PgConnection {
        &self.connection
    }
}

impl DerefMut for Lent {
    fn deref_mut(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        if self.broke {
            return;
        }
        let returned = self.connection.return_to_pool();
        let suspicion = Arc::clone(&self.returns.suspicion);
        self.returns.tasks.spawn(async move {
            // Given up, it is closed, and its place is free.
            if timeout(TEST, returned).await.is_err() {
                suspicion.raise();
            }
        });
    }
}
