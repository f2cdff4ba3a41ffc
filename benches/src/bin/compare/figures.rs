//! From turns to the figures of a table: rates, percentiles, CPU for each operation or GiB.

use std::time::Duration;

use serde::Serialize;

use crate::load::Turn;
use crate::servers::PerStore;
use crate::work::Figure;

const MIB: f64 = 1024.0 * 1024.0;

/// What a server did over all turns of a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Figures {
    /// Operations or MiB a second, the median of the turns.
    pub(crate) rate: f64,
    /// How far the turns' rates lie apart, as a part of `rate`: above a fifth the machine was
    /// busy with something else.
    pub(crate) spread: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// Microseconds an operation, or seconds a GiB, the median of the turns.
    pub(crate) cpu: f64,
    /// That of the stores the server stands on, likewise; absent where it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stores_cpu: Option<PerStore<f64>>,
    /// The generator's, likewise: it runs on the same cores.
    pub(crate) client_cpu: f64,
    /// How many cores others kept busy meanwhile: this machine's quiet, or the lack of it.
    pub(crate) other_cores: f64,
    pub(crate) peak_mib: f64,
    pub(crate) operations: usize,
    /// Each turn's rate, in order.
    pub(crate) turns: Vec<f64>,
}

impl Figures {
    pub(crate) fn of(figure: Figure, turns: &[Turn]) -> Self {
        let mut latencies: Vec<Duration> = turns
            .iter()
            .flat_map(|turn| turn.latencies.iter().copied())
            .collect();
        latencies.sort_unstable();
        let seconds = |turn: &Turn| turn.elapsed.as_secs_f64();
        let each = |of: &dyn Fn(&Turn) -> f64| turns.iter().map(of).collect::<Vec<f64>>();
        let rates = each(&|turn| quotient(done(figure, turn), seconds(turn)));
        let rate = median(rates.clone());
        let most = rates.iter().copied().fold(f64::MIN, f64::max);
        let least = rates.iter().copied().fold(f64::MAX, f64::min);
        let cpu = |of: fn(&Turn) -> Duration| {
            median(each(&|turn| {
                quotient(of(turn).as_secs_f64(), share(figure, turn))
            }))
        };
        let has_stores = turns.iter().any(|turn| turn.stores_cpu.is_some());
        Self {
            rate,
            spread: quotient(most - least, rate),
            p50_ms: percentile(&latencies, 50),
            p99_ms: percentile(&latencies, 99),
            cpu: cpu(|turn| turn.server_cpu),
            stores_cpu: has_stores.then(|| PerStore {
                postgres: cpu(|turn| turn.stores_cpu.unwrap_or_default().postgres),
                minio: cpu(|turn| turn.stores_cpu.unwrap_or_default().minio),
            }),
            client_cpu: cpu(|turn| turn.client_cpu),
            other_cores: median(each(&|turn| {
                quotient(turn.other_cpu.as_secs_f64(), seconds(turn))
            })),
            peak_mib: turns
                .iter()
                .map(|turn| float(turn.peak_memory))
                .fold(0.0, f64::max)
                / 1024.0,
            operations: latencies.len(),
            turns: rates,
        }
    }

    /// CPU of the server and of what it stands on.
    pub(crate) fn whole_cpu(&self) -> f64 {
        let stores = self.stores_cpu.unwrap_or_default();
        self.cpu + stores.postgres + stores.minio
    }

    /// The figures of the operations' last steps, if they were looked at.
    pub(crate) fn of_last_steps(turns: &[Turn]) -> Option<(f64, f64)> {
        let mut steps: Vec<Duration> = turns
            .iter()
            .flat_map(|turn| turn.last_steps.iter().copied())
            .collect();
        steps.sort_unstable();
        (!steps.is_empty()).then(|| (percentile(&steps, 50), percentile(&steps, 99)))
    }
}

/// What CPU time is divided by: operations for microseconds each, GiB for seconds each.
fn share(figure: Figure, turn: &Turn) -> f64 {
    match figure {
        Figure::Operations | Figure::Memory => float_of(turn.latencies.len()) / 1e6,
        Figure::Volume => float(turn.bytes) / (1024.0 * MIB),
    }
}

/// What was done: operations, or MiB.
fn done(figure: Figure, turn: &Turn) -> f64 {
    match figure {
        Figure::Operations | Figure::Memory => float_of(turn.latencies.len()),
        Figure::Volume => float(turn.bytes) / MIB,
    }
}

/// The middle of all turns: one that something else disturbed does not move it.
fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    let middle = numbers.len() / 2;
    match numbers.as_slice() {
        [] => 0.0,
        odd if odd.len() % 2 == 1 => odd[middle],
        even => f64::midpoint(even[middle - 1], even[middle]),
    }
}

/// The nearest rank, in milliseconds: a latency that was seen, not one between two.
fn percentile(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted
        .get(rank - 1)
        .map_or(0.0, |latency| latency.as_secs_f64() * 1000.0)
}

/// Nothing of nothing is nothing, not NaN, which JSON cannot say.
pub(crate) fn quotient(of: f64, by: f64) -> f64 {
    if by > 0.0 { of / by } else { 0.0 }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 bytes or operations are not reached"
)]
fn float(number: u64) -> f64 {
    number as f64
}

#[expect(
    clippy::cast_precision_loss,
    reason = "2^53 operations are not reached"
)]
fn float_of(number: usize) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turn(milliseconds: &[u64], seconds: u64) -> Turn {
        Turn {
            elapsed: Duration::from_secs(seconds),
            latencies: milliseconds
                .iter()
                .map(|ms| Duration::from_millis(*ms))
                .collect(),
            server_cpu: Duration::from_millis(2),
            client_cpu: Duration::from_millis(1),
            other_cpu: Duration::from_millis(500),
            bytes: 512 * 1024 * 1024,
            peak_memory: 2048,
            ..Turn::default()
        }
    }

    fn near(left: f64, right: f64) {
        assert!((left - right).abs() < 1e-9, "{left} is not {right}");
    }

    #[test]
    fn operations_are_counted_turn_by_turn() {
        let figures = Figures::of(Figure::Operations, &[turn(&[1, 2, 3], 1), turn(&[4], 1)]);
        near(figures.rate, 2.0);
        near(figures.spread, 1.0);
        near(figures.cpu, 4000.0 / 3.0);
        near(figures.client_cpu, 2000.0 / 3.0);
        near(figures.other_cores, 0.5);
        near(figures.p50_ms, 2.0);
        near(figures.p99_ms, 4.0);
        near(figures.peak_mib, 2.0);
    }

    #[test]
    fn stores_are_counted_where_there_are_any() {
        let alone = Figures::of(Figure::Operations, &[turn(&[1], 1)]);
        assert_eq!(alone.stores_cpu, None);
        near(alone.whole_cpu(), 2000.0);
        let mut standing = turn(&[1], 1);
        standing.stores_cpu = Some(PerStore {
            postgres: Duration::from_millis(3),
            minio: Duration::from_millis(5),
        });
        let figures = Figures::of(Figure::Operations, &[standing]);
        near(figures.cpu, 2000.0);
        near(figures.stores_cpu.unwrap().minio, 5000.0);
        near(figures.whole_cpu(), 10_000.0);
    }

    #[test]
    fn volume_is_counted_in_bytes() {
        let figures = Figures::of(Figure::Volume, &[turn(&[1], 2), turn(&[1], 2)]);
        near(figures.rate, 256.0);
        near(figures.cpu, 0.004);
    }

    #[test]
    fn disturbed_turn_does_not_move_the_median() {
        near(median(vec![100.0, 1.0, 101.0]), 100.0);
        near(median(vec![100.0, 1.0, 102.0, 104.0]), 101.0);
        near(median(Vec::new()), 0.0);
    }

    #[test]
    fn percentiles_are_of_the_nearest_rank() {
        let hundred: Vec<Duration> = (1..=100).map(Duration::from_millis).collect();
        near(percentile(&hundred, 50), 50.0);
        near(percentile(&hundred, 99), 99.0);
        near(percentile(&hundred[..1], 99), 1.0);
        near(percentile(&[], 50), 0.0);
    }

    #[test]
    fn last_steps_are_absent_unless_taken() {
        assert_eq!(Figures::of_last_steps(&[turn(&[1], 1)]), None);
        let mut with = turn(&[1], 1);
        with.last_steps = vec![Duration::from_millis(7)];
        assert_eq!(Figures::of_last_steps(&[with]), Some((7.0, 7.0)));
    }
}
