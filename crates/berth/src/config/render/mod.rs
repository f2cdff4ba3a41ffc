//! Ways to show the configuration: as a file that is in force, as an example, as a schema, as a page of the manual.
//! All of them follow from the list of settings.

mod example;
mod reference;
mod schema;
mod show;

pub(crate) use example::example;
pub(crate) use reference::reference;
pub(crate) use schema::schema;
pub(crate) use show::{Origins, show};

/// A text as a YAML scalar, quoted only where it would otherwise mean something else.
fn scalar(text: &str) -> String {
    let plain_start =
        text.starts_with(|first: char| first.is_ascii_alphanumeric() || "./".contains(first));
    let plain =
        plain_start && !text.contains(": ") && !text.contains(" #") && !text.ends_with([':', ' ']);
    if plain && !text.chars().any(char::is_control) {
        return text.to_owned();
    }
    // A JSON string is a YAML string in double quotes.
    serde_json::Value::from(text).to_string()
}

/// Breaks a text into lines of at most `width` characters, at spaces.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}
