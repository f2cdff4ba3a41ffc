//! One JSON object a line: `ts`, `level`, `target`, `msg` and the fields of the event beside them.

use std::fmt::{self, Debug, Display, Write};

use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::{FormatTime, SystemTime};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::fields::{Sink, visit};

/// For machines.
#[derive(Debug, Clone, Copy)]
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
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
        let mut line = String::with_capacity(512);
        line.push_str("{\"ts\":\"");
        SystemTime.format_time(&mut Writer::new(&mut line))?;
        let metadata = event.metadata();
        write!(
            line,
            "\",\"level\":\"{}\",\"target\":",
            level(*metadata.level())
        )?;
        string(&mut line, metadata.target());
        visit(event, &mut Object(&mut line));
        line.push_str("}\n");
        writer.write_str(&line)
    }
}

fn level(level: tracing::Level) -> &'static str {
    match level {
        tracing::Level::ERROR => "error",
        tracing::Level::WARN => "warn",
        tracing::Level::INFO => "info",
        tracing::Level::DEBUG => "debug",
        tracing::Level::TRACE => "trace",
    }
}

/// An object that is open.
struct Object<'a>(&'a mut String);

impl Object<'_> {
    fn name(&mut self, name: &str) {
        self.0.push(',');
        string(self.0, name);
        self.0.push(':');
    }
}

impl Sink for Object<'_> {
    fn message(&mut self, message: &dyn Debug) {
        self.text("msg", &format!("{message:?}"));
    }

    fn text(&mut self, name: &str, text: &str) {
        self.name(name);
        string(self.0, text);
    }

    fn bare(&mut self, name: &str, value: &dyn Display) {
        self.name(name);
        let _ = write!(self.0, "{value}");
    }
}

/// Writes a JSON string (RFC 8259, section 7).
fn string(line: &mut String, text: &str) {
    line.push('"');
    for character in text.chars() {
        let _ = match character {
            '"' => line.write_str("\\\""),
            '\\' => line.write_str("\\\\"),
            '\n' => line.write_str("\\n"),
            // Not demanded by the RFC above 0x1f; but a terminal may act on C1 controls.
            control if control.is_control() => write!(line, "\\u{:04x}", u32::from(control)),
            other => line.write_char(other),
        };
    }
    line.push('"');
}

#[cfg(test)]
mod tests {
    use super::super::human::tests::written_by;
    use super::*;

    #[test]
    fn a_line_is_one_object() {
        let line = written_by(Json, || {
            let nested = std::io::Error::other(std::fmt::Error);
            let error: &dyn std::error::Error = &nested;
            tracing::warn!(target: "x", size = 7_u64, ratio = 0.5, odd = true, text = "a\"\\\n\u{1b}ü", error, none = None::<u8>, "look {}", 1);
        });
        assert!(
            line.ends_with("}\n") && line.matches('\n').count() == 1,
            "{line}"
        );
        let object: serde_json::Value = serde_json::from_str(&line).unwrap();
        let ts = object["ts"].as_str().unwrap();
        assert!(ts.starts_with("20") && ts.ends_with('Z'), "{ts}");
        let mut rest = object.clone();
        rest.as_object_mut().unwrap().remove("ts");
        let expected = serde_json::json!({
            "level": "warn", "target": "x", "msg": "look 1", "size": 7, "ratio": 0.5, "odd": true,
            "text": "a\"\\\n\u{1b}ü", "error": nested_text(),
        });
        assert_eq!(rest, expected);
    }

    fn nested_text() -> String {
        std::fmt::Error.to_string()
    }
}
