//! How large each part of an upload is.
//!
//! A part is held in memory until it is stored, so parts begin small; S3 takes 10,000 of them and
//! 5 TiB in all, so they grow. Where the length is known they are at once as large as they have to
//! be.

use super::budget::for_parts;
use super::parameter::LARGEST_PART;
pub(super) use super::parameter::SMALLEST_PART;

const MIB: u64 = 1024 * 1024;
/// The size of the first parts, unless the operator says otherwise.
pub(super) const PART: u64 = 8 * MIB;
/// The same where all parts have one size: 10,000 of them are 156 GiB.
pub(super) const UNIFORM_PART: u64 = 16 * MIB;
/// S3 takes no more parts.
pub(super) const MOST_PARTS: u32 = 10_000;
/// S3 takes no larger objects.
pub(super) const LARGEST_OBJECT: u64 = 5 * 1024 * 1024 * MIB;
/// An upload whose length is known is planned to have no more parts than this: some room is left,
/// because a request that appends may follow.
const PLANNED_PARTS: u64 = 9_000;

/// The rules of a store.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    first: u64,
    largest: u64,
    uniform: bool,
}

impl Sizes {
    /// `budget` is what all parts in memory may have together. Parts do not grow to more than a quarter of
    /// it, so that one upload does not have it for itself; more is for who asks for it, or has to because all
    /// parts have one size.
    pub(super) fn new(first: Option<u64>, uniform: bool, budget: u64) -> Self {
        let quarter = (budget / 4).clamp(SMALLEST_PART, LARGEST_PART);
        let all = for_parts(budget).clamp(SMALLEST_PART, LARGEST_PART);
        let first = match first {
            Some(first) => first.min(all),
            None if uniform => UNIFORM_PART.min(all),
            None => PART.min(quarter),
        };
        Self {
            first,
            largest: quarter.max(first),
            uniform,
        }
    }

    /// Whether all parts but the last have one size.
    pub(super) const fn uniform(self) -> bool {
        self.uniform
    }

    /// The plan for an object that will have `length` bytes, if that is known.
    pub(super) fn plan(self, length: Option<u64>) -> Plan {
        let needed = length.map_or(0, |length| length.div_ceil(PLANNED_PARTS));
        let needed = needed.checked_next_multiple_of(MIB).unwrap_or(u64::MAX);
        Plan {
            sizes: self,
            least: needed.clamp(self.first, self.largest),
        }
    }

    /// The plan for an object whose parts have one size already.
    pub(super) const fn fixed(self, size: u64) -> Plan {
        Plan {
            sizes: self,
            least: size,
        }
    }
}

/// The sizes of the parts of one object.
#[derive(Debug, Clone, Copy)]
pub(super) struct Plan {
    sizes: Sizes,
    least: u64,
}

impl Plan {
    /// The same, but for parts that have this size at least.
    pub(super) fn at_least(self, size: u64) -> Self {
        Self {
            least: self.least.max(size),
            ..self
        }
    }

    /// The size of all parts but the last, where they have one.
    pub(super) fn uniform(self) -> Option<u64> {
        self.sizes.uniform.then_some(self.least)
    }

    /// The size of the part with this number, from 1 on.
    pub(super) fn size(self, number: u32) -> u64 {
        if self.sizes.uniform {
            return self.least;
        }
        let factor = match number {
            ..=1_000 => 1,
            1_001..=2_000 => 2,
            2_001..=3_000 => 4,
            3_001.. => 8,
        };
        let grown = self.sizes.first.saturating_mul(factor);
        grown.max(self.least).min(self.sizes.largest)
    }

    /// Whether an object of this length has few enough parts and bytes.
    pub(super) fn takes(self, length: u64) -> bool {
        let all = || -> u64 { (1..=MOST_PARTS).map(|number| self.size(number)).sum() };
        length <= self.size(1) || (length <= LARGEST_OBJECT && length <= all())
    }

    /// From how many bytes on the part with this number may be stored although it is not full and
    /// others will follow: what S3 accepts, but not so little that the numbers run out.
    pub(super) fn acceptable(self, number: u32) -> u64 {
        let size = self.size(number);
        if self.sizes.uniform {
            size
        } else {
            (size / 8 * 5).max(SMALLEST_PART).min(size)
        }
    }

    /// Whether a part of this size may have others behind it.
    pub(super) fn may_be_followed(self, number: u32, size: u64) -> bool {
        if self.sizes.uniform {
            size == self.size(number)
        } else {
            size >= SMALLEST_PART
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1024 * MIB;

    fn capacity(plan: Plan) -> u64 {
        (1..=MOST_PARTS).map(|number| plan.size(number)).sum()
    }

    #[test]
    fn parts_begin_small_and_grow() {
        let plan = Sizes::new(None, false, GIB).plan(None);
        for (number, size) in [
            (1, 8),
            (1_000, 8),
            (1_001, 16),
            (2_001, 32),
            (3_001, 64),
            (10_000, 64),
        ] {
            assert_eq!(plan.size(number), size * MIB, "part {number}");
        }
        assert!(capacity(plan) > 480 * GIB);
    }

    #[test]
    fn a_known_length_always_fits() {
        for sizes in [
            Sizes::new(None, false, LARGEST_PART),
            Sizes::new(None, true, LARGEST_PART),
            Sizes::new(Some(SMALLEST_PART), false, LARGEST_PART),
        ] {
            for length in [1, 8 * MIB, 70 * GIB, 100 * GIB, 3_000 * GIB, LARGEST_OBJECT] {
                let plan = sizes.plan(Some(length));
                assert!(capacity(plan) >= length, "{sizes:?} {length}");
            }
        }
        let plan = Sizes::new(None, false, GIB).plan(Some(100 * GIB));
        assert_eq!(plan.size(1), 12 * MIB);
        assert_eq!(plan.size(5_000), 64 * MIB);
    }

    #[test]
    fn uniform_parts_have_one_size() {
        let sizes = Sizes::new(None, true, GIB);
        for plan in [sizes.plan(None), sizes.fixed(16 * MIB)] {
            for number in [1, 1_001, 9_999] {
                assert_eq!(plan.size(number), 16 * MIB);
                assert_eq!(plan.acceptable(number), 16 * MIB);
            }
            assert!(!plan.may_be_followed(1, 16 * MIB - 1));
        }
        assert!(capacity(sizes.plan(None)) > 150 * GIB);
    }

    #[test]
    fn parts_grow_to_a_quarter_of_the_budget() {
        let sizes = Sizes::new(None, false, 64 * MIB);
        assert_eq!(sizes.plan(Some(LARGEST_OBJECT)).size(1), 16 * MIB);
        assert_eq!(sizes.plan(None).size(1), 8 * MIB);
        assert_eq!(sizes.plan(None).size(5_000), 16 * MIB);
        // A layer that somebody really pushes.
        let large = sizes.plan(Some(100 * GIB));
        assert_eq!(large.size(1), 12 * MIB);
        assert!(capacity(large) > 120 * GIB);
        assert!(capacity(sizes.plan(None)) > 130 * GIB);
        for (length, taken) in [(1, true), (150 * GIB, true), (160 * GIB, false)] {
            assert_eq!(sizes.plan(Some(length)).takes(length), taken, "{length}");
        }
        let large = Sizes::new(None, false, 8 * GIB);
        for length in [LARGEST_OBJECT, LARGEST_OBJECT + 1] {
            let taken = large.plan(Some(length)).takes(length);
            assert_eq!(taken, length == LARGEST_OBJECT);
        }
        assert_eq!(
            Sizes::new(None, false, 16 * MIB).plan(None).size(1),
            5 * MIB
        );
        assert_eq!(Sizes::new(None, false, 1).first, SMALLEST_PART);
    }

    #[test]
    fn parts_that_were_asked_for_may_be_larger() {
        let size = |first, uniform, budget| {
            let plan = Sizes::new(first, uniform, budget).plan(None);
            (plan.size(1) / MIB, plan.size(5_000) / MIB)
        };
        assert_eq!(size(Some(32 * MIB), false, 64 * MIB), (32, 32));
        assert_eq!(size(Some(64 * MIB), false, 64 * MIB), (48, 48));
        assert_eq!(size(None, true, 32 * MIB), (16, 16));
        assert_eq!(size(None, true, 16 * MIB), (12, 12));
    }

    #[test]
    fn a_part_that_is_followed_is_large_enough_for_s3() {
        let plan = Sizes::new(None, false, GIB).plan(None);
        assert_eq!(plan.acceptable(1), 5 * MIB);
        assert_eq!(plan.acceptable(5_000), 40 * MIB);
        assert!(plan.may_be_followed(1, SMALLEST_PART));
        assert!(!plan.may_be_followed(1, SMALLEST_PART - 1));
        let small = Sizes::new(Some(SMALLEST_PART), false, GIB).plan(None);
        assert_eq!(small.acceptable(1), SMALLEST_PART);
    }
}
