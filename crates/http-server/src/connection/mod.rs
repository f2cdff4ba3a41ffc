//! One accepted connection: handshake, protocol, requests, end.

mod activity;
mod delivery;
mod driver;
mod patience;
mod place;
mod service;
mod stream;

use std::{io, net::SocketAddr, sync::Arc};

use tokio::{net::TcpStream, time::Instant};
use tokio_rustls::TlsAcceptor;

use crate::{request::Scheme, server::ServerContext};
pub(crate) use activity::Activity;
pub(crate) use delivery::{client_has_bytes, is_given_up, server_at_work};
use stream::{ConnectionStream, Protocol, Transport};

/// What everything on one connection shares.
#[derive(Debug)]
pub(crate) struct ConnectionContext {
    server: Arc<ServerContext>,
    client: SocketAddr,
    scheme: Scheme,
    activity: Activity,
}

impl ConnectionContext {
    pub(crate) fn server(&self) -> &Arc<ServerContext> {
        &self.server
    }

    pub(crate) fn client(&self) -> SocketAddr {
        self.client
    }

    pub(crate) fn scheme(&self) -> Scheme {
        self.scheme
    }

    pub(crate) fn activity(&self) -> &Activity {
        &self.activity
    }
}

/// Serves one connection to its end.
pub(crate) async fn serve(
    server: Arc<ServerContext>,
    socket: TcpStream,
    client: SocketAddr,
    tls: Option<TlsAcceptor>,
) {
    // Responses are written in whole; waiting for more to fill a packet only delays them.
    if let Err(error) = socket.set_nodelay(true) {
        tracing::debug!(%error, "set TCP_NODELAY");
    }
    let opening = open(Arc::clone(&server), socket, client, tls);
    let timeout = server.config().header_timeout;
    let opened = tokio::select! {
        // Nothing has been asked yet that could be waited for.
        () = server.lifecycle().draining() => return,
        opened = tokio::time::timeout(timeout, opening) => opened,
    };
    match opened {
        Ok(Ok((stream, protocol, context))) => driver::drive(stream, protocol, context).await,
        Ok(Err(error)) => tracing::debug!(%client, %error, "open connection"),
        Err(_elapsed) => tracing::debug!(%client, "close silent connection"),
    }
}

/// Shakes hands where there is TLS, and learns the protocol.
async fn open(
    server: Arc<ServerContext>,
    socket: TcpStream,
    client: SocketAddr,
    tls: Option<TlsAcceptor>,
) -> io::Result<(ConnectionStream, Protocol, Arc<ConnectionContext>)> {
    let accepted = Instant::now();
    let (transport, scheme, opened) = match tls {
        None => (Transport::Plain(socket), Scheme::Http, accepted),
        Some(acceptor) => {
            let stream = acceptor.accept(socket).await?;
            (
                Transport::Tls(Box::new(stream)),
                Scheme::Https,
                Instant::now(),
            )
        }
    };
    let context = Arc::new(ConnectionContext {
        server,
        client,
        scheme,
        activity: Activity::new(opened),
    });
    let mut stream = ConnectionStream::new(transport, Arc::clone(&context));
    let protocol = stream.protocol().await?;
    Ok((stream, protocol, context))
}
