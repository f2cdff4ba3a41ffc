//! Accepts connections, as many as there may be, until told to stop.

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;

use super::context::{OpenConnection, ServerContext};
use crate::connection;

/// How long to wait when the system has no more file descriptors or memory: accepting would fail
/// again at once, and the connection stays in the kernel's queue.
const BACK_OFF: Duration = Duration::from_millis(100);

/// What is needed to accept on one port.
#[derive(Clone)]
pub(super) struct Door {
    pub(super) server: Arc<ServerContext>,
    pub(super) tls: Option<TlsAcceptor>,
    /// One permit for each connection that may be open.
    pub(super) permits: Arc<Semaphore>,
}

impl Door {
    /// Accepts until `closed`. The listener closes with the return of this function.
    pub(super) async fn accept(self, listener: TcpListener, closed: CancellationToken) {
        let accepting = async {
            loop {
                // The permit comes first: without one, the connection is left to the kernel.
                let Ok(permit) = Arc::clone(&self.permits).acquire_owned().await else {
                    return;
                };
                match listener.accept().await {
                    Ok((socket, client)) => self.admit(socket, client, permit),
                    Err(error) => pause_after(&error).await,
                }
            }
        };
        closed.run_until_cancelled(accepting).await;
    }

    fn admit(&self, socket: TcpStream, client: SocketAddr, permit: OwnedSemaphorePermit) {
        let open = OpenConnection::new(Arc::clone(&self.server));
        let serving = connection::serve(Arc::clone(&self.server), socket, client, self.tls.clone());
        self.server.lifecycle().tasks().spawn(async move {
            serving.await;
            drop(open);
            drop(permit);
        });
    }
}

/// A client that left between the kernel and us needs no pause; a system without resources does.
async fn pause_after(error: &io::Error) {
    let is_clients = matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
            | io::ErrorKind::Interrupted
    );
    if is_clients {
        tracing::debug!(%error, "accept connection");
    } else {
        tracing::error!(%error, "accept connection");
        tokio::time::sleep(BACK_OFF).await;
    }
}
