//! How long a connection may go on with what it is doing: the configured time-outs, applied to
//! the notes in `activity`. It decides and never acts; closing is the driver's.

use std::{
    future::Future,
    pin::Pin,
    task::{Context, Poll},
};

use tokio::time::{Instant, Sleep};

use super::{ConnectionContext, activity::Phase, stream::Protocol};

/// How a connection's time has run out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Over {
    /// It has been quiet for long enough to be closed politely.
    Idle,
    /// It is too slow, or did not even end politely.
    Misbehaving,
}

/// Compares what a connection is doing with how long it may.
#[derive(Debug)]
pub(super) struct Patience<'a> {
    context: &'a ConnectionContext,
    protocol: Protocol,
    timer: Pin<Box<Sleep>>,
    /// Set once the connection has been asked to end for being idle.
    asked_to_end: Option<Instant>,
}

impl<'a> Patience<'a> {
    pub(super) fn new(context: &'a ConnectionContext, protocol: Protocol) -> Self {
        let first = context.server().config().header_timeout;
        Self {
            context,
            protocol,
            timer: Box::pin(tokio::time::sleep(first)),
            asked_to_end: None,
        }
    }

    pub(super) fn poll_over(&mut self, task: &mut Context<'_>) -> Poll<Over> {
        loop {
            let Some(deadline) = self.deadline() else {
                // Busy: no end in sight. The timer may wake the task once more, to no effect.
                return Poll::Pending;
            };
            if self.timer.deadline() > deadline || self.timer.is_elapsed() {
                self.timer.as_mut().reset(deadline);
            }
            if self.timer.as_mut().poll(task).is_pending() {
                return Poll::Pending;
            }
            if Instant::now() >= deadline {
                return Poll::Ready(self.verdict());
            }
        }
    }

    fn phase(&self) -> Phase {
        let activity = self.context.activity();
        if self.protocol == Protocol::Http2 {
            activity.no_head();
        }
        activity.phase()
    }

    fn deadline(&self) -> Option<Instant> {
        let config = self.context.server().config();
        match self.phase() {
            Phase::Busy => None,
            Phase::Stalled(since) => Some(since + config.response_stall_timeout),
            Phase::Head(since) => Some(since + config.header_timeout),
            Phase::Idle(since) => Some(match self.asked_to_end {
                Some(asked) => asked.max(since) + config.header_timeout,
                None => since + config.idle_timeout,
            }),
        }
    }

    fn verdict(&mut self) -> Over {
        match self.phase() {
            Phase::Idle(_) if self.asked_to_end.is_none() => {
                self.asked_to_end = Some(Instant::now());
                Over::Idle
            }
            phase => {
                tracing::debug!(client = %self.context.client(), ?phase, "close slow connection");
                Over::Misbehaving
            }
        }
    }
}
