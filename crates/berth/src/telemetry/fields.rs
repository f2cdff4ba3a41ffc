//! The fields of an event, written one after the other without collecting them first: a line for each request passes
//! through here.

use std::fmt::{Debug, Display, Write};

use tracing::Event;
use tracing::field::{Field, Visit};

/// The name of the field that holds an event's sentence.
const MESSAGE: &str = "message";

/// What is done with a field.
pub(super) trait Sink {
    /// The event's sentence.
    fn message(&mut self, message: &dyn Debug);
    /// A text.
    fn text(&mut self, name: &str, text: &str);
    /// A number or a truth value; it reads the same in every format.
    fn bare(&mut self, name: &str, value: &dyn Display);
}

/// Hands the fields of `event` to `sink`.
pub(super) fn visit(event: &Event<'_>, sink: &mut dyn Sink) {
    event.record(&mut Visitor {
        sink,
        text: String::new(),
    });
}

struct Visitor<'a> {
    sink: &'a mut dyn Sink,
    text: String,
}

impl Visit for Visitor<'_> {
    fn record_f64(&mut self, field: &Field, value: f64) {
        // JSON has no word for what is not finite.
        if value.is_finite() {
            self.sink.bare(field.name(), &value);
        } else {
            self.sink.text(field.name(), &value.to_string());
        }
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.sink.bare(field.name(), &value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.sink.bare(field.name(), &value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.sink.bare(field.name(), &value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == MESSAGE {
            self.sink.message(&format_args!("{value}"));
        } else {
            self.sink.text(field.name(), value);
        }
    }

    /// An error says what it is and, after a colon each, why.
    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.text.clear();
        let _ = write!(self.text, "{value}");
        let mut cause = value.source();
        while let Some(error) = cause {
            let _ = write!(self.text, ": {error}");
            cause = error.source();
        }
        self.sink.text(field.name(), &self.text);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        if field.name() == MESSAGE {
            self.sink.message(value);
            return;
        }
        self.text.clear();
        let _ = write!(self.text, "{value:?}");
        self.sink.text(field.name(), &self.text);
    }
}
