//! Drives one connection to its end: polls hyper, closes the connection when it has been idle,
//! slow or stalled for too long, and winds it down when the server shuts down.

use std::{
    convert::Infallible,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
    thread,
};

use http::Request;
use hyper::{
    body::Incoming,
    rt::Executor,
    server::conn::{http1, http2},
    service::{HttpService, service_fn},
};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::{
    runtime::Handle,
    sync::{OwnedSemaphorePermit, oneshot},
};

use super::{
    ConnectionContext,
    delivery::deliver,
    patience::{Over, Patience},
    place::{Departure, Place},
    service::respond,
    stream::{ConnectionStream, Protocol},
};
use crate::{
    config::ServerConfig,
    exchange::{ObservedBody, log_unreadable},
};

/// The most that hyper reads at once and buffers of a response. Reads begin at 8 KiB and double
/// while they are filled, so only connections with an upload ever hold buffers of this size.
const BUFFER: usize = 128 * 1024;

/// What hyper takes of an HTTP/1 head beyond our own limits before it refuses by itself. Ours are
/// checked after parsing and answer better; they do not count separators and the request line's
/// other words.
const HEAD_SLACK: usize = 8 * 1024;

/// hyper's number of headers up to which it parses without an allocation.
const INLINE_HEADERS: usize = 100;

/// A connection with the protocol it turned out to speak.
enum HttpConnection<S>
where
    S: HttpService<Incoming, ResBody = ObservedBody, Error = Infallible>,
{
    Http1(Box<http1::Connection<TokioIo<ConnectionStream>, S>>),
    Http2(Box<http2::Connection<TokioIo<ConnectionStream>, S, StreamExecutor>>),
}

impl<S> HttpConnection<S>
where
    S: HttpService<Incoming, ResBody = ObservedBody, Error = Infallible> + Unpin,
    S::Future: Send + 'static,
{
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        match self {
            Self::Http1(connection) => Pin::new(connection).poll(context),
            Self::Http2(connection) => Pin::new(connection).poll(context),
        }
    }

    /// No further requests: idle connections end at once, others after their responses.
    fn wind_down(&mut self) {
        match self {
            Self::Http1(connection) => Pin::new(&mut **connection).graceful_shutdown(),
            Self::Http2(connection) => Pin::new(&mut **connection).graceful_shutdown(),
        }
    }
}

/// Runs the streams of an HTTP/2 connection as tasks that shutdown waits for, and that end when
/// their clients take nothing.
#[derive(Debug, Clone)]
struct StreamExecutor(Arc<ConnectionContext>);

impl<F> Executor<F> for StreamExecutor
where
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        let connection = Arc::clone(&self.0);
        let tasks = self.0.server().lifecycle().tasks();
        tasks.spawn(deliver(future, connection));
    }
}

/// Serves a connection whose protocol is known, until it ends or has to be ended.
pub(super) async fn drive(
    stream: ConnectionStream,
    protocol: Protocol,
    context: Arc<ConnectionContext>,
) {
    let server = Arc::clone(context.server());
    let requests = Arc::clone(&context);
    let service = service_fn(move |request: Request<Incoming>| {
        // Counted before the future is polled, so that the connection is busy from here on.
        requests.activity().request_began();
        requests.server().lifecycle().request_began();
        respond(Arc::clone(&requests), request)
    });
    let io = TokioIo::new(stream);
    let connection = match protocol {
        Protocol::Http1 => HttpConnection::Http1(Box::new(
            http1_builder(server.config()).serve_connection(io, service),
        )),
        Protocol::Http2 => {
            context.activity().no_head();
            let executor = StreamExecutor(Arc::clone(&context));
            HttpConnection::Http2(Box::new(
                http2_builder(server.config(), executor).serve_connection(io, service),
            ))
        }
    };
    run(connection, protocol, &context).await;
}

/// Runs a connection, now here, now there, to its end.
async fn run<S>(
    mut connection: HttpConnection<S>,
    protocol: Protocol,
    context: &Arc<ConnectionContext>,
) where
    S: HttpService<Incoming, ResBody = ObservedBody, Error = Infallible> + Unpin + Send + 'static,
    S::Future: Send + 'static,
{
    while let Departure::ToOwnThread(permit) =
        run_at(Place::Runtime, &mut connection, protocol, context).await
    {
        let Some(returned) = run_on_own_thread(connection, protocol, context, permit).await else {
            return;
        };
        connection = returned;
    }
}

/// Gives the connection back if it has not ended.
async fn run_on_own_thread<S>(
    connection: HttpConnection<S>,
    protocol: Protocol,
    context: &Arc<ConnectionContext>,
    permit: OwnedSemaphorePermit,
) -> Option<HttpConnection<S>>
where
    S: HttpService<Incoming, ResBody = ObservedBody, Error = Infallible> + Unpin + Send + 'static,
    S::Future: Send + 'static,
{
    let (runtime, context) = (Handle::current(), Arc::clone(context));
    let (give, given) = oneshot::channel();
    let (back, returned) = oneshot::channel();
    let serve = move || {
        // It is blocked on and no task: what tells the application that it may block its thread.
        let departed = runtime.block_on(async move {
            let mut connection: HttpConnection<S> = given.await.ok()?;
            match run_at(Place::OwnThread, &mut connection, protocol, &context).await {
                Departure::ToRuntime => Some(connection),
                Departure::ToOwnThread(_) | Departure::Ended => None,
            }
        });
        let _unless_the_runtime_ended = back.send(departed);
        drop(permit);
    };
    if let Err(error) = thread::Builder::new()
        .name("large-body".to_owned())
        .spawn(serve)
    {
        tracing::debug!(%error, "start a thread for a large body");
        return Some(connection);
    }
    let _unless_it_panicked = give.send(connection);
    // A panic has been reported, and has ended the connection as it would have elsewhere.
    returned.await.ok().flatten()
}

/// Runs a connection at one place, until it ends or moves to another.
async fn run_at<S>(
    place: Place,
    connection: &mut HttpConnection<S>,
    protocol: Protocol,
    context: &ConnectionContext,
) -> Departure
where
    S: HttpService<Incoming, ResBody = ObservedBody, Error = Infallible> + Unpin,
    S::Future: Send + 'static,
{
    let lifecycle = context.server().lifecycle();
    let mut draining = pin!(lifecycle.draining());
    let mut aborting = pin!(lifecycle.aborting());
    let mut patience = Patience::new(context, protocol);
    let mut stage = Stage::New;
    poll_fn(|task| {
        // The signal is polled once, to leave the task's waker with it, and then only when there
        // is news: polling it each time would take a lock that all connections share.
        let is_news = stage == Stage::New || lifecycle.is_draining();
        if stage != Stage::WindingDown && is_news {
            stage = Stage::Serving;
            if draining.as_mut().poll(task).is_ready() {
                stage = Stage::WindingDown;
                connection.wind_down();
            }
        }
        loop {
            if stage == Stage::WindingDown && aborting.as_mut().poll(task).is_ready() {
                return Poll::Ready(Departure::Ended);
            }
            if let Poll::Ready(result) = connection.poll(task) {
                report(result, context);
                return Poll::Ready(Departure::Ended);
            }
            match patience.poll_over(task) {
                Poll::Pending => {
                    let departure = place.departure(protocol, context);
                    return departure.map_or(Poll::Pending, Poll::Ready);
                }
                Poll::Ready(Over::Idle) => {
                    stage = Stage::WindingDown;
                    connection.wind_down();
                }
                Poll::Ready(Over::Misbehaving) => return Poll::Ready(Departure::Ended),
            }
        }
    })
    .await
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    Serving,
    /// Told to end.
    WindingDown,
}

/// A client that leaves, or speaks nonsense, is nobody's fault here.
fn report(result: hyper::Result<()>, context: &ConnectionContext) {
    let Err(error) = result else {
        return;
    };
    if error.is_parse() && context.server().writes_access_log() {
        log_unreadable(context.client(), &error);
    }
    tracing::debug!(%error, "serve connection");
}

fn http1_builder(config: &ServerConfig) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder
        .timer(TokioTimer::new())
        // The driver has both time-outs, for a head and for idleness; hyper has one for both.
        .header_read_timeout(None)
        // A client that has closed its side is gone; waiting on would keep its work going.
        .half_close(false)
        .max_buf_size(BUFFER.max(config.max_header_bytes + config.max_uri_bytes + HEAD_SLACK))
        .max_header_size(config.max_header_bytes + config.max_uri_bytes + HEAD_SLACK);
    if config.max_headers > INLINE_HEADERS {
        builder.max_headers(config.max_headers);
    }
    builder
}

fn http2_builder(
    config: &ServerConfig,
    executor: StreamExecutor,
) -> http2::Builder<StreamExecutor> {
    let http2 = &config.http2;
    let mut builder = http2::Builder::new(executor);
    // Resets of streams not yet accepted stay at h2's limit of 20, resets for a client's errors
    // at hyper's of 1,024: beyond them the connection ends (CVE-2023-44487, RUSTSEC-2024-0003).
    builder
        .timer(TokioTimer::new())
        .adaptive_window(false)
        .initial_stream_window_size(http2.stream_window_bytes)
        .initial_connection_window_size(http2.connection_window_bytes)
        .max_concurrent_streams(http2.max_concurrent_streams)
        .max_frame_size(http2.max_frame_bytes)
        .max_header_list_size(header_list_size(config))
        .keep_alive_interval(http2.ping_interval)
        .keep_alive_timeout(http2.ping_timeout);
    builder
}

/// HTTP/2 counts 32 bytes more for each header (RFC 9113 section 6.5.2), and the target among
/// them.
fn header_list_size(config: &ServerConfig) -> u32 {
    let size = config.max_header_bytes + config.max_uri_bytes + 32 * config.max_headers;
    u32::try_from(size + HEAD_SLACK).unwrap_or(u32::MAX)
}
