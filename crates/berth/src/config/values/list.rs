//! Several values in one text, with commas between.

use std::fmt;
use std::str::FromStr;

use registry_core::RepositoryPattern;
use schemars::Schema;

use super::{Expected, text_schema, text_value};

/// Repositories and prefixes of them: `team/app, mirror/**`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Repositories(pub(crate) Vec<RepositoryPattern>);

/// How the `User-Agent` of clients begins: `Wget/, curl/7.`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Agents(pub(crate) Vec<String>);

impl Repositories {
    fn schema() -> Schema {
        text_schema("repositories", "^.+$", &["team/app, mirror/**"])
    }
}

impl Agents {
    fn schema() -> Schema {
        text_schema("user-agents", "^.+$", &["Wget/, curl/7."])
    }
}

text_value!(Repositories);
text_value!(Agents);

fn items(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim)
}

impl FromStr for Repositories {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        let patterns = items(text).map(str::parse).collect::<Result<_, _>>();
        patterns.map(Self).map_err(|_| {
            Expected("repositories such as team/app, or team/** for all below, with commas between")
        })
    }
}

impl FromStr for Agents {
    type Err = Expected;

    fn from_str(text: &str) -> Result<Self, Expected> {
        let agents: Vec<String> = items(text).map(str::to_owned).collect();
        if agents.iter().any(String::is_empty) {
            return Err(Expected(
                "how User-Agents begin, such as Wget/, with commas between",
            ));
        }
        Ok(Self(agents))
    }
}

impl fmt::Display for Repositories {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(formatter, &self.0)
    }
}

impl fmt::Display for Agents {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        join(formatter, &self.0)
    }
}

fn join<T: fmt::Display>(formatter: &mut fmt::Formatter<'_>, items: &[T]) -> fmt::Result {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            formatter.write_str(", ")?;
        }
        item.fmt(formatter)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_round_trip() {
        for text in ["team/app", "team/app, mirror/**"] {
            assert_eq!(text.parse::<Repositories>().unwrap().to_string(), text);
        }
        let agents: Agents = "Wget/,curl/7.".parse().unwrap();
        assert_eq!(agents.to_string(), "Wget/, curl/7.");
    }

    #[test]
    fn empty_and_wrong_items_are_refused() {
        for text in ["", "a,", "Team", "a,b*"] {
            assert!(text.parse::<Repositories>().is_err(), "{text:?}");
        }
        for text in ["", "Wget/,"] {
            assert!(text.parse::<Agents>().is_err(), "{text:?}");
        }
    }
}
