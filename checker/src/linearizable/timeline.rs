//! When operations begin and end, in the order of time, each with a place among those that are open.

use crate::models::register::NEVER;

/// One bit for each place.
pub type Mask = u64;

/// Something begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment(u32);

impl Moment {
    /// Which of the operations.
    pub fn at(self) -> usize {
        (self.0 >> 1) as usize
    }

    /// True if it ends.
    pub fn is_end(self) -> bool {
        self.0 & 1 == 1
    }
}

/// The moments of a history, and where its operations stand while they are open.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    /// All beginnings, and the ends that there are.
    pub moments: Vec<Moment>,
    /// By operation; those without an end have none.
    pub places: Vec<u8>,
}

impl Timeline {
    /// Of intervals in the order of their starts. `None`: more are open at once than there are places. O(operations ×
    /// open at once).
    pub fn of(intervals: impl ExactSizeIterator<Item = (u32, u32)>) -> Option<Timeline> {
        let mut line = Timeline {
            moments: Vec::with_capacity(2 * intervals.len()),
            places: Vec::with_capacity(intervals.len()),
        };
        // End and number; the first to end comes last.
        let (mut open, mut count) = ([(0, 0); Mask::BITS as usize], 0);
        let mut free = Mask::MAX;
        for (at, (start, end)) in (0_u32..).zip(intervals) {
            while let Some((ended, other)) = open[..count].last().copied()
                && ended <= start
            {
                line.moments.push(Moment(other << 1 | 1));
                free |= 1 << line.places[other as usize];
                count -= 1;
            }
            line.moments.push(Moment(at << 1));
            if end == NEVER {
                line.places.push(0);
                continue;
            }
            if free == 0 {
                return None;
            }
            line.places.push(free.trailing_zeros() as u8);
            free &= free - 1;
            let mut to = count;
            while to > 0 && open[to - 1].0 < end {
                open[to] = open[to - 1];
                to -= 1;
            }
            open[to] = (end, at);
            count += 1;
        }
        let rest = open[..count].iter().rev();
        line.moments.extend(rest.map(|(_, at)| Moment(at << 1 | 1)));
        Some(line)
    }
}

/// The numbers of the bits that are set.
pub fn bits(mut mask: Mask) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = mask.trailing_zeros() as usize;
        mask &= mask.wrapping_sub(1);
        (bit < Mask::BITS as usize).then_some(bit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_come_in_order_and_places_are_used_again() {
        let line = Timeline::of([(1, 6), (2, 3), (4, NEVER), (5, 7)].into_iter()).unwrap();
        let said: Vec<(usize, bool)> = (line.moments.iter())
            .map(|moment| (moment.at(), moment.is_end()))
            .collect();
        let expected = [
            (0, false),
            (1, false),
            (1, true),
            (2, false),
            (3, false),
            (0, true),
            (3, true),
        ];
        assert_eq!(said, expected);
        assert_eq!(line.places, [0, 1, 0, 1]);
        let many = |count: u32| Timeline::of((0..count).map(|at| (at, 1000)));
        assert!(many(64).is_some() && many(65).is_none());
        assert_eq!(bits(0b1010_0001).collect::<Vec<_>>(), [0, 5, 7]);
        assert_eq!(bits(Mask::MAX).count(), 64);
    }
}
