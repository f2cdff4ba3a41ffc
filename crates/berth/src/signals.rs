//! What the process does when it is told to stop or to look at its certificate again.

use std::convert::Infallible;
use std::sync::Arc;

use anyhow::Context;
use http_server::{Certificates, Reload};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::telemetry;

/// The signals that are listened to, from the moment this exists.
#[derive(Debug)]
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Begins to listen.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listen to signals");
        Ok(Self {
            terminate: listen(SignalKind::terminate())?,
            interrupt: listen(SignalKind::interrupt())?,
            hang_up: listen(SignalKind::hangup())?,
        })
    }

    /// Cancels `shutdown` at the first request to stop, and ends the process at the second. To be run beside the
    /// server, as long as that takes.
    pub(crate) async fn obey(
        mut self,
        shutdown: CancellationToken,
        certificates: Option<Arc<Certificates>>,
    ) -> Infallible {
        loop {
            let name = tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.hang_up.recv() => {
                    reload(certificates.as_deref()).await;
                    continue;
                }
            };
            if shutdown.is_cancelled() {
                tracing::warn!(signal = name, "stop at once");
                // What was acknowledged is on disk; the next start cleans up the rest.
                telemetry::finish();
                std::process::exit(1);
            }
            tracing::info!(signal = name, "stop; once more stops at once");
            shutdown.cancel();
        }
    }
}

async fn reload(certificates: Option<&Certificates>) {
    let Some(certificates) = certificates else {
        tracing::info!("nothing to read again: HTTPS is not configured");
        return;
    };
    match certificates.reload().await {
        Ok(Reload::Replaced) => tracing::info!("replace certificate"),
        Ok(Reload::Unchanged) => tracing::info!("certificate is unchanged"),
        Err(error) => {
            tracing::error!(
                error = &error as &dyn std::error::Error,
                "reload certificate; the old one stays"
            );
        }
    }
}
