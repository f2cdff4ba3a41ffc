//! The text of `/metrics`, read far enough to compare counters.

use std::collections::BTreeMap;

/// The samples of one scrape.
#[derive(Clone, Debug)]
pub struct Metrics {
    // The name with its labels, exactly as printed, to the value.
    samples: BTreeMap<String, f64>,
}

impl Metrics {
    /// Reads the Prometheus text format.
    pub fn parse(text: &str) -> Self {
        let lines = text
            .lines()
            .filter(|line| !line.starts_with('#') && !line.is_empty());
        let samples = lines.filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        });
        Self {
            samples: samples.collect(),
        }
    }

    /// Whether any sample has this name.
    pub fn contains(&self, name: &str) -> bool {
        self.named(name).next().is_some()
    }

    /// The sum over all labels of a name; zero when it was never counted.
    pub fn sum(&self, name: &str) -> f64 {
        self.named(name).map(|(_, value)| value).sum()
    }

    /// What grew between an earlier scrape and this one, for showing which query ran.
    pub fn grown_since(&self, earlier: &Self, name: &str) -> Vec<(String, f64)> {
        let grown = self.named(name).map(|(key, value)| {
            (
                key.to_owned(),
                value - earlier.samples.get(key).unwrap_or(&0.0),
            )
        });
        grown.filter(|(_, growth)| *growth > 0.0).collect()
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (&'a str, f64)> {
        let samples = self
            .samples
            .iter()
            .map(|(key, value)| (key.as_str(), *value));
        samples.filter(move |(key, _)| {
            key.strip_prefix(name)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('{'))
        })
    }
}
