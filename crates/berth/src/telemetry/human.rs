//! Lines for a person who watches a terminal: time, level, sentence, fields. Requests are the bulk, so their lines
//! are cut down to what one looks for.

use std::fmt::{self, Debug, Display, Write};

use http_server::ACCESS_LOG_TARGET;
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::fields::{Sink, visit};

/// Whether escape sequences for colours are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Colours {
    On,
    Off,
}

/// For people.
#[derive(Debug, Clone, Copy)]
pub(super) struct Human {
    pub(super) colours: Colours,
}

/// `2026-01-31T12:00:00`, the part of a timestamp that people read.
const SECONDS: usize = 19;

impl<S, N> FormatEvent<S, N> for Human
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut time = String::new();
        SystemTime.format_time(&mut Writer::new(&mut time))?;
        let time = format!("{}Z", time.get(..SECONDS).unwrap_or(&time));
        self.painted(&mut writer, DIM, &time)?;
        let metadata = event.metadata();
        writer.write_char(' ')?;
        let (colour, level) = level(*metadata.level());
        self.painted(&mut writer, colour, level)?;
        let mut line = Line {
            sentence: String::new(),
            fields: String::new(),
        };
        if metadata.target() == ACCESS_LOG_TARGET {
            visit(event, &mut Request(&mut line));
        } else {
            visit(event, &mut line);
        }
        write!(writer, " {}", line.sentence)?;
        self.painted(&mut writer, DIM, &line.fields)?;
        writer.write_char('\n')
    }
}

const DIM: &str = "2";

/// The colour and the name of a level, all of one width.
fn level(level: Level) -> (&'static str, &'static str) {
    match level {
        Level::ERROR => ("1;31", "ERROR"),
        Level::WARN => ("33", "WARN "),
        Level::INFO => ("32", "INFO "),
        Level::DEBUG => ("34", "DEBUG"),
        Level::TRACE => ("35", "TRACE"),
    }
}

impl Human {
    fn painted(self, writer: &mut Writer<'_>, colour: &str, text: &str) -> fmt::Result {
        match self.colours {
            Colours::On if !text.is_empty() => write!(writer, "\x1b[{colour}m{text}\x1b[0m"),
            Colours::On | Colours::Off => writer.write_str(text),
        }
    }
}

/// A line that is being put together.
struct Line {
    sentence: String,
    fields: String,
}

impl Sink for Line {
    fn message(&mut self, message: &dyn Debug) {
        push_visible(&mut self.sentence, &format!("{message:?}"));
    }

    fn text(&mut self, name: &str, text: &str) {
        let _ = write!(self.fields, " {name}=");
        if text.is_empty() || text.contains(' ') {
            let _ = write!(self.fields, "{text:?}");
        } else {
            push_visible(&mut self.fields, text);
        }
    }

    fn bare(&mut self, name: &str, value: &dyn Display) {
        let _ = write!(self.fields, " {name}={value}");
    }
}

/// A request: method, path and status as the sentence, and few of its other fields.
struct Request<'a>(&'a mut Line);

impl Sink for Request<'_> {
    fn message(&mut self, _: &dyn Debug) {}

    fn text(&mut self, name: &str, text: &str) {
        match name {
            "method" => push_visible(&mut self.0.sentence, text),
            "path" => {
                self.0.sentence.push(' ');
                push_visible(&mut self.0.sentence, text);
            }
            "outcome" if text == "complete" => {}
            "outcome" | "error" | "error_code" | "user_agent" | "request_id" => {
                self.0.text(name, text);
            }
            _ => {}
        }
    }

    fn bare(&mut self, name: &str, value: &dyn Display) {
        match name {
            "status" => {
                let _ = write!(self.0.sentence, " {value}");
            }
            "duration_ms" | "bytes_in" | "bytes_out" => self.0.bare(name, value),
            _ => {}
        }
    }
}

/// Writes a text so that no byte of it can steer the terminal or begin a line of its own.
fn push_visible(line: &mut String, text: &str) {
    for character in text.chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use tracing_subscriber::Registry;
    use tracing_subscriber::fmt::format::DefaultFields;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[derive(Clone, Default)]
    struct Buffer(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Buffer {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// What a format makes of the events of `events`.
    pub(in crate::telemetry) fn written_by<F>(format: F, events: impl FnOnce()) -> String
    where
        F: FormatEvent<Registry, DefaultFields> + Send + Sync + 'static,
    {
        let buffer = Buffer::default();
        let writer = buffer.clone();
        let layer = tracing_subscriber::fmt::layer()
            .with_writer(move || writer.clone())
            .event_format(format);
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), events);
        let bytes = buffer.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    fn line(events: impl FnOnce()) -> String {
        let line = written_by(
            Human {
                colours: Colours::Off,
            },
            events,
        );
        let (time, rest) = line.split_at(SECONDS + 1);
        assert!(time.starts_with("20") && time.ends_with('Z'), "{line}");
        rest.to_owned()
    }

    #[test]
    fn a_line_is_level_sentence_and_fields() {
        let written = line(|| tracing::error!(path = "/a b", size = 7, name = %"x", "open store"));
        assert_eq!(written, " ERROR open store path=\"/a b\" size=7 name=x\n");
    }

    #[test]
    fn a_request_is_short() {
        let written = line(|| {
            tracing::info!(
                target: ACCESS_LOG_TARGET, method = "GET", path = "/v2/", route = "version", status = 200_u16,
                outcome = "complete", bytes_out = 2_u64, duration_ms = 0.25, client = "127.0.0.1:1", "request"
            );
        });
        assert_eq!(
            written,
            " INFO  GET /v2/ 200 bytes_out=2 duration_ms=0.25\n"
        );
    }

    #[test]
    fn a_request_that_was_refused_says_why() {
        let written = line(|| {
            tracing::info!(
                target: ACCESS_LOG_TARGET, status = 400_u16, outcome = "refused", client = "127.0.0.1:1",
                error = %"no header", "request"
            );
        });
        assert_eq!(written, " INFO   400 outcome=refused error=\"no header\"\n");
    }

    #[test]
    fn nothing_can_steer_the_terminal() {
        let written = line(|| {
            tracing::info!(
                agent = "a\u{1b}[2Jb\nINFO forged",
                other = "\u{9b}1m",
                "x\r{}",
                "y"
            );
        });
        assert!(
            !written
                .trim_end_matches('\n')
                .contains(|c: char| c.is_control()),
            "{written:?}"
        );
    }

    #[test]
    fn colours_are_written_when_wanted() {
        let written = written_by(
            Human {
                colours: Colours::On,
            },
            || tracing::warn!("x"),
        );
        assert!(
            written.contains("\u{1b}[33mWARN \u{1b}[0m x"),
            "{written:?}"
        );
    }
}
