//! A configuration file with every setting at its default and what it means above it. It is itself valid and says
//! the same as no file at all, so that a user can start from it and cut it down.

use std::fmt::Write as _;

use super::{scalar, wrapped};
use crate::config::settings::{DefaultValue, Kind, Setting, sections, settings};

const HEAD: &str = "\
# Configuration of Berth with every setting at its default. Keep the lines you change and drop the rest.
# Each setting can also be an environment variable (BERTH_HTTP_IDLE_TIMEOUT sets idle_timeout in http), which wins
# over this file; the options of `berth serve` win over both.
";

const WIDTH: usize = 110;

/// The file.
pub(crate) fn example() -> String {
    let mut yaml = HEAD.to_owned();
    for setting in settings()
        .iter()
        .filter(|setting| setting.section.is_none())
    {
        yaml.push('\n');
        write_setting(&mut yaml, "", setting);
    }
    for section in sections() {
        yaml.push('\n');
        write_comment(&mut yaml, "", &section.meaning);
        let _ = writeln!(yaml, "{}:", section.name);
        for setting in settings()
            .iter()
            .filter(|setting| setting.section.as_ref() == Some(&section.name))
        {
            write_setting(&mut yaml, "  ", setting);
        }
    }
    yaml
}

fn write_setting(yaml: &mut String, indent: &str, setting: &Setting) {
    write_comment(yaml, indent, &setting.meaning);
    if let Kind::Choice(choices) = &setting.kind {
        for (word, meaning) in choices {
            write_comment(yaml, indent, &format!("- {word}: {meaning}"));
        }
    }
    let _ = match &setting.default {
        DefaultValue::Value(value) => writeln!(yaml, "{indent}{}: {}", setting.key, scalar(value)),
        DefaultValue::Words(words) => {
            write_comment(yaml, indent, &format!("Default: {words}."));
            writeln!(
                yaml,
                "{indent}# {}: {}",
                setting.key,
                scalar(&setting.example)
            )
        }
    };
}

fn write_comment(yaml: &mut String, indent: &str, text: &str) {
    for line in wrapped(text, WIDTH) {
        let _ = writeln!(yaml, "{indent}# {line}");
    }
}
