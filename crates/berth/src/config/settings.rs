//! The list of all settings, read off the schema of [`Configuration`]: a field added there is known here, to the
//! file, the environment, the example and the reference, without another line.

use std::fmt;
use std::sync::LazyLock;

use serde_json::Value;

use super::Configuration;

/// What the name of every environment variable starts with.
pub(crate) const ENVIRONMENT_PREFIX: &str = "BERTH_";

/// The settings that have an option on the command line; the others are not changed from one start to the next.
const OPTIONS: [&str; 9] = [
    "listen",
    "external_url",
    "data_dir",
    "metadata.url",
    "storage.url",
    "admin.listen",
    "anonymous",
    "missing_references",
    "single_pod",
];

/// One thing that can be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Setting {
    /// Its section, or nothing at the top level.
    pub(crate) section: Option<String>,
    /// Its key within the section.
    pub(crate) key: String,
    /// What it means, in Markdown.
    pub(crate) meaning: String,
    /// The kinds of value it takes.
    pub(crate) kind: Kind,
    /// What it is when nothing sets it.
    pub(crate) default: DefaultValue,
    /// A value that it could have.
    pub(crate) example: String,
}

/// What is used when nothing is set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DefaultValue {
    /// A value that could as well be written in the file.
    Value(String),
    /// Something that depends on other settings, in words.
    Words(String),
}

/// The kind of a setting's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One of these words, each with what it means.
    Choice(Vec<(String, String)>),
    /// A whole number.
    Number,
    /// Text in the format of this name.
    Text(String),
}

/// A section and what it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) meaning: String,
}

impl Setting {
    /// `section.key`, as problems and `config show` name it.
    pub(crate) fn path(&self) -> String {
        self.section.as_ref().map_or_else(
            || self.key.clone(),
            |section| format!("{section}.{}", self.key),
        )
    }

    /// The name of its environment variable.
    pub(crate) fn environment(&self) -> String {
        format!(
            "{ENVIRONMENT_PREFIX}{}",
            self.path().replace('.', "_").to_uppercase()
        )
    }

    /// Its option on the command line, if it has one.
    pub(crate) fn option(&self) -> Option<String> {
        let path = self.path();
        OPTIONS
            .contains(&path.as_str())
            .then(|| format!("--{}", path.replace(['.', '_'], "-")))
    }
}

impl fmt::Display for Setting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.path())
    }
}

/// All settings, section by section, in the order of the structs.
pub(crate) fn settings() -> &'static [Setting] {
    static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
        let schema = schema();
        let defaults = serde_json::to_value(Configuration::default()).unwrap_or_default();
        let mut settings = Vec::new();
        for (key, property) in properties(&schema) {
            if is_section(property) {
                let default =
                    |inner: &str| defaults.get(key).and_then(|section| section.get(inner));
                settings.extend(
                    properties(property)
                        .map(|(inner, leaf)| setting(Some(key), inner, leaf, default(inner))),
                );
            } else {
                settings.push(setting(None, key, property, defaults.get(key)));
            }
        }
        settings
    });
    &SETTINGS
}

/// The sections, in the order of the structs.
pub(crate) fn sections() -> &'static [Section] {
    static SECTIONS: LazyLock<Vec<Section>> = LazyLock::new(|| {
        let schema = schema();
        properties(&schema)
            .filter(|(_, property)| is_section(property))
            .map(|(name, property)| Section {
                name: name.clone(),
                meaning: text(property, "description"),
            })
            .collect()
    });
    &SECTIONS
}

/// The setting at `section.key`.
pub(crate) fn find(section: Option<&str>, key: &str) -> Option<&'static Setting> {
    settings()
        .iter()
        .find(|setting| setting.section.as_deref() == section && setting.key == key)
}

fn schema() -> Value {
    schemars::schema_for!(Configuration).to_value()
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

fn is_section(schema: &Value) -> bool {
    schema.get("properties").is_some()
}

fn setting(
    section: Option<&String>,
    key: &str,
    schema: &Value,
    default: Option<&Value>,
) -> Setting {
    let kind = kind(schema);
    let example = match (&kind, schema.pointer("/examples/0")) {
        (_, Some(example)) => example.as_str().unwrap_or_default().to_owned(),
        (Kind::Choice(choices), None) => choices
            .first()
            .map(|(word, _)| word.clone())
            .unwrap_or_default(),
        (Kind::Number | Kind::Text(_), None) => String::new(),
    };
    Setting {
        section: section.cloned(),
        key: key.to_owned(),
        meaning: text(schema, "description"),
        kind,
        example,
        default: match default {
            Some(Value::String(value)) => DefaultValue::Value(value.clone()),
            Some(other) => DefaultValue::Value(other.to_string()),
            None => DefaultValue::Words(text(schema, "x-default")),
        },
    }
}

fn kind(schema: &Value) -> Kind {
    if let Some(choices) = schema.get("oneOf").and_then(Value::as_array) {
        return Kind::Choice(
            choices
                .iter()
                .map(|choice| (text(choice, "const"), text(choice, "description")))
                .collect(),
        );
    }
    match schema.get("type").and_then(Value::as_str) {
        Some("integer") => Kind::Number,
        _ => Kind::Text(text(schema, "format")),
    }
}

/// A text of the schema. The lines of a comment in the source are one paragraph.
fn text(schema: &Value, key: &str) -> String {
    schema
        .get(key)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_setting_says_what_it_means_what_it_takes_and_what_it_is() {
        for setting in settings() {
            assert!(!setting.meaning.is_empty(), "{setting} has no meaning");
            match &setting.kind {
                Kind::Choice(choices) => {
                    assert!(choices.len() > 1, "{setting}");
                    assert!(
                        choices
                            .iter()
                            .all(|(word, meaning)| !word.is_empty() && !meaning.is_empty()),
                        "{setting}"
                    );
                }
                Kind::Text(format) => assert!(!format.is_empty(), "{setting} has no format"),
                Kind::Number => {}
            }
            match &setting.default {
                DefaultValue::Value(default) => {
                    assert!(!default.is_empty(), "{setting} has no default");
                }
                DefaultValue::Words(words) => {
                    assert!(
                        !words.is_empty() && !setting.example.is_empty(),
                        "{setting} has no words or example"
                    );
                }
            }
        }
        assert!(sections().iter().all(|section| !section.meaning.is_empty()));
    }

    #[test]
    fn no_two_settings_share_a_variable() {
        let names: BTreeSet<String> = settings().iter().map(Setting::environment).collect();
        assert_eq!(names.len(), settings().len());
        assert!(!names.contains("BERTH_CONFIG"));
    }

    #[test]
    fn the_options_are_those_that_were_promised() {
        let options: Vec<String> = settings().iter().filter_map(Setting::option).collect();
        let promised = [
            "--listen",
            "--external-url",
            "--data-dir",
            "--anonymous",
            "--missing-references",
            "--single-pod",
            "--admin-listen",
            "--metadata-url",
            "--storage-url",
        ];
        assert_eq!(options, promised);
        let variables: Vec<String> = settings()
            .iter()
            .filter(|setting| setting.option().is_some())
            .map(Setting::environment)
            .collect();
        let promised = promised.map(|option| {
            option
                .replace("--", "BERTH_")
                .replace('-', "_")
                .to_uppercase()
        });
        assert_eq!(variables, promised);
    }
}
