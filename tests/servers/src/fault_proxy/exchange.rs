//! One request through the proxy. Both bodies stream; the head goes on as it came, because its signature covers the
//! `Host` among others.

use std::{io, net::SocketAddr, sync::Arc};

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::{body::Incoming, client::conn::http1};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use super::{
    fault::{self, Fault},
    plan::Plan,
};

pub(super) type Body = BoxBody<Bytes, io::Error>;

/// What all requests need.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) upstream: SocketAddr,
    pub(super) plan: Arc<Plan>,
    pub(super) tasks: TaskTracker,
}

impl Exchange {
    /// Answers a request. An error closes the connection without an answer.
    pub(super) async fn answer(self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        match self.plan.judge(&request) {
            Fault::Pass => Ok(pass(self.stream(request).await?)),
            Fault::Delay(time) => {
                tokio::time::sleep(time).await;
                Ok(pass(self.stream(request).await?))
            }
            Fault::CutAnswer(after) => {
                let answer = self.stream(request).await?;
                Ok(answer.map(|body| fault::cut(body, after)))
            }
            Fault::LoseAnswer => {
                let answer = self.stream(request).await?;
                drain(answer.into_body()).await?;
                Ok(internal_error())
            }
            Fault::Duplicate => self.send_twice(request).await,
            Fault::Fail => {
                drain(request.into_body()).await?;
                Ok(internal_error())
            }
            Fault::SlowDown => {
                drain(request.into_body()).await?;
                Ok(fault::error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown"))
            }
            Fault::ErrorInBody => {
                drain(request.into_body()).await?;
                Ok(fault::error(StatusCode::OK, "InternalError"))
            }
            Fault::Disconnect => Err(io::Error::new(
                io::ErrorKind::ConnectionAborted,
                "disconnected on purpose",
            )),
        }
    }

    async fn send_twice(&self, request: Request<Incoming>) -> io::Result<Response<Body>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let copy = || {
            let whole = Full::new(body.clone()).map_err(|never| match never {});
            Request::from_parts(head.clone(), whole.boxed())
        };
        let first = self.forward(copy()).await?;
        drain(first.into_body()).await?;
        Ok(pass(self.forward(copy()).await?))
    }

    async fn stream(&self, request: Request<Incoming>) -> io::Result<Response<Incoming>> {
        let request = request.map(|body| body.map_err(io::Error::other).boxed());
        self.forward(request).await
    }

    /// Sends a request on a connection of its own.
    async fn forward(&self, request: Request<Body>) -> io::Result<Response<Incoming>> {
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        let (mut sender, connection) = http1::Builder::new()
            .preserve_header_case(true)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(io::Error::other)?;
        // It carries the answer's body as well, and ends with that.
        self.tasks.spawn(connection);
        sender.send_request(request).await.map_err(io::Error::other)
    }
}

fn pass(answer: Response<Incoming>) -> Response<Body> {
    answer.map(|body| body.map_err(io::Error::other).boxed())
}

fn internal_error() -> Response<Body> {
    fault::error(StatusCode::INTERNAL_SERVER_ERROR, "InternalError")
}

/// Reads a body to its end, so that whoever sends it sees an answer and not a closed connection.
async fn drain(mut body: Incoming) -> io::Result<()> {
    while let Some(frame) = body.frame().await {
        frame.map_err(io::Error::other)?;
    }
    Ok(())
}
