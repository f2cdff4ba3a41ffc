//! Watches that the client of an HTTP/2 stream takes its response. A closed window blocks no
//! socket, so the connection's own notes cannot show it; what they do show is left to them. The
//! stream's task carries a note of its own, which the response's body keeps as it hands out bytes.

use std::{
    cell::Cell,
    future::{Future, poll_fn},
    pin::{Pin, pin},
    sync::Arc,
    task::{Poll, ready},
    time::Duration,
};

use tokio::time::{Instant, Sleep};

use super::ConnectionContext;

/// Whose turn it is on a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// The request or the response is in the server's hands.
    Server,
    /// Since then there have been bytes for the client to take.
    Client(Instant),
    /// The client did not take them in time.
    GivenUp,
}

tokio::task_local! {
    static TURN: Cell<Turn>;
}

/// Bytes of the response wait for the client. Without effect outside a stream's task, as are the
/// other notes.
pub(crate) fn client_has_bytes() {
    note(Turn::Client(Instant::now()));
}

/// The client has taken all there was and waits for more.
pub(crate) fn server_at_work() {
    note(Turn::Server);
}

/// Whether the response is being dropped because the client did not take it.
pub(crate) fn is_given_up() -> bool {
    TURN.try_with(|turn| turn.get() == Turn::GivenUp)
        .unwrap_or(false)
}

fn note(turn: Turn) {
    // HTTP/1 responses are not delivered by tasks of their own, and the socket shows their stalls.
    let _ = TURN.try_with(|noted| noted.set(turn));
}

/// Runs a stream's task to its end, or drops it, which resets the stream and no other, once the
/// client has left the response lying for too long.
pub(super) async fn deliver<F>(stream: F, connection: Arc<ConnectionContext>)
where
    F: Future<Output = ()> + Send,
{
    let timeout = connection.server().config().response_stall_timeout;
    let is_blocked = || connection.activity().is_write_blocked();
    TURN.scope(Cell::new(Turn::Server), watch(stream, timeout, is_blocked))
        .await;
}

async fn watch<F>(stream: F, timeout: Duration, is_blocked: impl Fn() -> bool + Send + Sync)
where
    F: Future<Output = ()> + Send,
{
    let mut stream = pin!(stream);
    // Made at the first wait: most clients take a response as soon as it is there.
    let mut timer: Option<Pin<Box<Sleep>>> = None;
    poll_fn(|task| {
        if stream.as_mut().poll(task).is_ready() {
            return Poll::Ready(());
        }
        loop {
            let Turn::Client(since) = TURN.with(Cell::get) else {
                return Poll::Pending;
            };
            let deadline = since + timeout;
            let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(deadline)));
            // The timer is left at an earlier time on purpose, as that of a request body's pace.
            ready!(timer.as_mut().poll(task));
            if Instant::now() < deadline {
                timer.as_mut().reset(deadline);
            } else if is_blocked() {
                // Streams wait in line for a slow connection, which has a time-out of its own.
                client_has_bytes();
            } else {
                tracing::debug!("reset stream whose response is not taken");
                note(Turn::GivenUp);
                return Poll::Ready(());
            }
        }
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::time::sleep;

    use super::*;

    const TIMEOUT: Duration = Duration::from_mins(5);
    const NEARLY: Duration = Duration::from_secs(299);

    /// Whether the stream came to its end.
    async fn ends(
        stream: impl Future<Output = ()> + Send,
        is_blocked: impl Fn() -> bool + Send + Sync,
    ) -> bool {
        let ended = AtomicBool::new(false);
        let stream = async {
            stream.await;
            ended.store(true, Ordering::Relaxed);
        };
        TURN.scope(Cell::new(Turn::Server), watch(stream, TIMEOUT, is_blocked))
            .await;
        ended.into_inner()
    }

    #[tokio::test(start_paused = true)]
    async fn a_response_that_is_not_taken_is_given_up_in_time() {
        let start = Instant::now();
        let stalled = async {
            client_has_bytes();
            std::future::pending::<()>().await;
        };
        assert!(!ends(stalled, || false).await);
        assert_eq!(start.elapsed().as_secs(), TIMEOUT.as_secs());
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_takes_some_has_the_whole_time_for_the_next() {
        let slow = async {
            for _ in 0..10 {
                client_has_bytes();
                sleep(NEARLY).await;
            }
        };
        assert!(ends(slow, || false).await);
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_the_application_does_not_count() {
        let busy = async {
            sleep(TIMEOUT * 10).await;
            client_has_bytes();
            sleep(NEARLY).await;
            server_at_work();
            sleep(TIMEOUT * 10).await;
        };
        assert!(ends(busy, || false).await);
    }

    #[tokio::test(start_paused = true)]
    async fn a_blocked_socket_is_not_held_against_a_stream() {
        let start = Instant::now();
        let stalled = async {
            client_has_bytes();
            std::future::pending::<()>().await;
        };
        let is_blocked = || start.elapsed() < TIMEOUT * 3;
        assert!(!ends(stalled, is_blocked).await);
        assert_eq!(start.elapsed().as_secs(), (TIMEOUT * 3).as_secs());
    }
}
