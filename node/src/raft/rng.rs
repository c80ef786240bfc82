//! A small seeded generator, so that what is drawn is a function of its seed.

use std::time::Duration;

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014).
#[derive(Clone, Debug)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64) -> Rng {
        Rng(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `[min, max)`, to the microsecond; `min` where that is empty.
    pub(super) fn between(&mut self, (min, max): (Duration, Duration)) -> Duration {
        let span = u64::try_from(max.saturating_sub(min).as_micros()).unwrap_or(u64::MAX);
        if span == 0 {
            return min;
        }
        min + Duration::from_micros(self.next() % span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timeouts_stay_in_their_range_and_differ() {
        let range = (Duration::from_millis(150), Duration::from_millis(300));
        let mut rng = Rng::new(1);
        let drawn: Vec<_> = (0..1000).map(|_| rng.between(range)).collect();
        assert!(drawn.iter().all(|d| *d >= range.0 && *d < range.1));
        assert!(drawn.iter().min() < drawn.iter().max());
    }

    #[test]
    fn an_empty_range_gives_its_lower_end() {
        let one = Duration::from_millis(5);
        assert_eq!(Rng::new(1).between((one, one)), one);
    }
}
