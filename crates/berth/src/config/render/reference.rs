//! The page of the manual: a table for each section.

use std::fmt::Write as _;

use crate::config::settings::{DefaultValue, Kind, Setting, sections, settings};

const HEAD: &str = include_str!("reference.md");

/// `docs/configuration.md`.
pub(crate) fn reference() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n## Top level\n\n");
    write_table(
        &mut page,
        settings()
            .iter()
            .filter(|setting| setting.section.is_none()),
    );
    for section in sections() {
        let _ = write!(page, "\n## `{}`\n\n{}\n\n", section.name, section.meaning);
        write_table(
            &mut page,
            settings()
                .iter()
                .filter(|setting| setting.section.as_ref() == Some(&section.name)),
        );
    }
    page
}

fn write_table<'a>(page: &mut String, settings: impl Iterator<Item = &'a Setting>) {
    page.push_str("| Setting | Value | Default | Meaning |\n|---|---|---|---|\n");
    for setting in settings {
        let names = [
            Some(setting.path()),
            Some(setting.environment()),
            setting.option(),
        ];
        let names: Vec<String> = names
            .into_iter()
            .flatten()
            .map(|name| format!("`{name}`"))
            .collect();
        let default = match &setting.default {
            DefaultValue::Value(value) => format!("`{value}`"),
            DefaultValue::Words(words) => words.clone(),
        };
        let (value, meaning) = (value(&setting.kind), meaning(setting));
        let _ = writeln!(
            page,
            "| {} | {value} | {} | {meaning} |",
            names.join("<br>"),
            cell(&default)
        );
    }
}

fn value(kind: &Kind) -> String {
    match kind {
        Kind::Choice(choices) => choices
            .iter()
            .map(|(word, _)| format!("`{word}`"))
            .collect::<Vec<_>>()
            .join(", "),
        Kind::Number => "number".to_owned(),
        Kind::Text(format) => format.replace('-', " "),
    }
}

fn meaning(setting: &Setting) -> String {
    let mut meaning = cell(&setting.meaning);
    if let Kind::Choice(choices) = &setting.kind {
        for (word, what) in choices {
            let _ = write!(meaning, "<br>`{word}`: {}", cell(what));
        }
    }
    meaning
}

/// A text that fits a cell of a table: angle brackets would be taken for tags.
fn cell(text: &str) -> String {
    text.replace('|', "\\|")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
