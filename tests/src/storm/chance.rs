//! Seeded choices, so that a storm can be repeated. The clients race all the same: its exact order cannot.

use std::{
    env,
    hash::{BuildHasher, RandomState},
};

/// A stream of choices: xorshift64.
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// The seed in `BERTH_STORM_SEED`, or one that nobody has used before.
    pub fn seed() -> u64 {
        match env::var_os("BERTH_STORM_SEED") {
            Some(seed) => seed
                .to_str()
                .and_then(|seed| seed.parse().ok())
                .expect("BERTH_STORM_SEED is a number"),
            None => RandomState::new().hash_one("storm"),
        }
    }

    /// One of the streams of a seed.
    pub fn new(seed: u64, stream: u64) -> Self {
        let mut chance = Self((seed ^ (stream + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15)) | 1);
        for _ in 0..8 {
            chance.below(2);
        }
        chance
    }

    /// A number below this one.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % end
    }

    /// A length from `least` to `most`.
    pub fn length(&mut self, least: u64, most: u64) -> usize {
        usize::try_from(least + self.below(most - least + 1)).expect("a length")
    }

    /// One of these, if there are any.
    pub fn of<'a, T>(&mut self, items: &'a [T]) -> Option<&'a T> {
        let length = u64::try_from(items.len()).expect("a length").max(1);
        items.get(usize::try_from(self.below(length)).expect("an index"))
    }

    /// Brings these into an order of its own.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let other = self.length(0, u64::try_from(end).expect("a length"));
            items.swap(end, other);
        }
    }
}
