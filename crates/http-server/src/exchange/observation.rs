//! Follows one exchange and reports it at its end: metrics, access line, and the connection's
//! count of requests in flight.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{Method, Request, StatusCode};
use http_body::{Body, Frame, SizeHint};

use super::{
    AccessRecord, Exchange, Outcome,
    access_line::{AccessLine, Ending},
    access_log_enabled,
};
use crate::{
    connection::{ConnectionContext, is_given_up},
    metrics::Observed,
    request::RequestId,
    response::Outgoing,
};

/// The status in log and metrics of a request whose client left before there was an answer.
/// No such status is ever sent; nginx made the number customary.
const CLIENT_LEFT: u16 = 499;

/// One exchange under observation. Dropping it ends and reports the exchange.
#[derive(Debug)]
pub(crate) struct Observation {
    connection: Arc<ConnectionContext>,
    request_id: RequestId,
    exchange: Option<Arc<Exchange>>,
    started: Instant,
    method: Method,
    answer: Option<Answer>,
    line: Option<Box<AccessLine>>,
    bytes_out: u64,
    outcome: Outcome,
}

#[derive(Debug)]
struct Answer {
    status: StatusCode,
    after: Duration,
    record: Option<AccessRecord>,
}

impl Observation {
    /// Begins to observe. The connection must have counted the request as in flight already.
    pub(crate) fn begin<B>(
        connection: Arc<ConnectionContext>,
        request: &Request<B>,
        request_id: RequestId,
        started: Instant,
    ) -> Self {
        let server = connection.server();
        if let Some(metrics) = server.metrics() {
            metrics.request_began();
        }
        let line = (server.writes_access_log() && access_log_enabled())
            .then(|| Box::new(AccessLine::of(request, connection.client())));
        Self {
            connection,
            request_id,
            exchange: None,
            started,
            method: request.method().clone(),
            answer: None,
            line,
            bytes_out: 0,
            outcome: Outcome::Interrupted,
        }
    }

    /// What the request's body shall count into; only requests with a body have one.
    pub(crate) fn exchange(&mut self) -> Arc<Exchange> {
        Arc::clone(self.exchange.get_or_insert_default())
    }

    /// Whether the request had a body of which the application left something unread.
    pub(crate) fn left_body_unread(&self) -> bool {
        self.exchange
            .as_ref()
            .is_some_and(|exchange| !exchange.is_body_read())
    }

    /// The application has answered.
    pub(crate) fn answered(&mut self, status: StatusCode, record: Option<AccessRecord>) {
        self.answer = Some(Answer {
            status,
            after: self.started.elapsed(),
            record,
        });
    }

    fn report(&self) {
        let duration = self.started.elapsed();
        let bytes_in = self
            .exchange
            .as_ref()
            .map_or(0, |exchange| exchange.bytes_in());
        let answer = self.answer.as_ref();
        let status = answer.map_or_else(client_left, |answer| answer.status);
        let record = answer.and_then(|answer| answer.record.as_ref());
        if let Some(metrics) = self.connection.server().metrics() {
            metrics.request_ended(&Observed {
                handler: record.and_then(|record| record.route),
                method: &self.method,
                status,
                duration,
                bytes_in,
                bytes_out: self.bytes_out,
            });
        }
        if let Some(line) = &self.line {
            line.write(&Ending {
                request_id: &self.request_id,
                method: &self.method,
                status,
                record,
                outcome: self.outcome,
                bytes_in,
                bytes_out: self.bytes_out,
                duration,
                time_to_first_byte: answer.map(|answer| answer.after),
            });
        }
    }
}

fn client_left() -> StatusCode {
    StatusCode::from_u16(CLIENT_LEFT).unwrap_or(StatusCode::BAD_REQUEST)
}

impl Drop for Observation {
    fn drop(&mut self) {
        self.report();
        if self.left_body_unread() {
            self.connection.activity().left_body_unread();
        }
        self.connection.activity().request_ended();
        self.connection.server().lifecycle().request_ended();
    }
}

/// A response body that counts what the connection takes of it, and ends the observation.
#[derive(Debug)]
pub(crate) struct ObservedBody {
    body: Outgoing,
    observation: Observation,
}

impl ObservedBody {
    pub(crate) fn new(body: Outgoing, observation: Observation) -> Self {
        Self { body, observation }
    }
}

impl Body for ObservedBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let this = self.get_mut();
        let frame = ready!(Pin::new(&mut this.body).poll_frame(context));
        match &frame {
            Some(Ok(frame)) => {
                let bytes = frame.data_ref().map_or(0, Bytes::len);
                this.observation.bytes_out += bytes as u64;
            }
            Some(Err(error)) => {
                let request_id = this.observation.request_id.as_str();
                tracing::error!(request_id, %error, "read response body");
            }
            None => {}
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for ObservedBody {
    fn drop(&mut self) {
        if self.body.is_end_stream() && !is_given_up() {
            self.observation.outcome = Outcome::Complete;
        }
    }
}
