//! Equal stretches of time into which a plot gathers what happened.

use super::canvas::seconds;

/// How a run's time is divided.
#[derive(Clone, Copy, Debug)]
pub struct Bins {
    /// Width of one, in nanoseconds.
    pub width_ns: u64,
    /// How many.
    pub count: usize,
}

impl Bins {
    /// At most some 360 of a round width, no narrower than `least_ns`.
    pub fn new(end_ns: u64, least_ns: u64) -> Bins {
        const MOST: u64 = 360;
        const ROUND: [u64; 12] = [1, 2, 5, 10, 20, 50, 100, 200, 600, 3_000, 6_000, 36_000];
        let widths = ROUND.into_iter().map(|tenths| tenths * 100_000_000);
        let fits = widths
            .filter(|width| *width >= least_ns)
            .find(|width| end_ns / width <= MOST);
        let width_ns = fits.unwrap_or((end_ns / MOST).max(1));
        Bins {
            width_ns,
            count: usize::try_from(end_ns / width_ns).unwrap_or(0) + 1,
        }
    }

    /// Which one a moment is in; the last for all that come later.
    pub fn of(&self, ns: u64) -> usize {
        usize::try_from(ns / self.width_ns).map_or(self.count - 1, |at| at.min(self.count - 1))
    }

    /// Beginning of number `at`, in seconds.
    pub fn from(&self, at: usize) -> f64 {
        seconds(self.width_ns * at as u64)
    }

    /// Middle of number `at`, in seconds, but not after the end of the axis.
    pub fn middle(&self, at: usize, end_ns: u64) -> f64 {
        seconds((self.width_ns * at as u64 + self.width_ns / 2).min(end_ns))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_round_and_cover_the_run() {
        let bins = Bins::new(300_000_000_000, 100_000_000);
        assert_eq!(bins.width_ns, 1_000_000_000);
        assert_eq!(bins.of(299_999_999_999), 299);
        assert_eq!(bins.of(u64::MAX), bins.count - 1);
        let none = Bins::new(0, 100_000_000);
        assert_eq!((none.count, none.of(0)), (1, 0));
    }
}
