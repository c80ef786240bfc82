//! Two segment trees: how many things cover each moment, and which number in a range is least.

use std::ops::Range;

/// A moment that is known to be a gap is never looked at again.
const GAP: i32 = i32::MAX / 2;

/// How many things cover each moment; tells where nothing does any more. All but the first build O(log n).
#[derive(Debug)]
pub struct Counts {
    size: usize,
    /// By node: the least count beneath, what is still to be added to all beneath left out.
    least: Vec<i32>,
    /// By node that is no leaf.
    add: Vec<i32>,
}

impl Counts {
    /// Of stretches [from, to) of moments below `length`.
    pub fn new(length: usize, stretches: impl Iterator<Item = (u64, u64)>) -> Self {
        let size = (length + 1).next_power_of_two();
        let mut change = vec![0; size + 1];
        for (from, to) in stretches {
            change[from as usize] += 1;
            change[to as usize] -= 1;
        }
        let mut least = vec![GAP; 2 * size];
        let mut count = 0;
        for at in 0..size {
            count += change[at];
            least[size + at] = if at < length { count } else { GAP };
        }
        for node in (1..size).rev() {
            least[node] = least[2 * node].min(least[2 * node + 1]);
        }
        Counts {
            size,
            least,
            add: vec![0; size],
        }
    }

    /// Nothing more in [from, to) of one thing.
    pub fn remove(&mut self, from: usize, to: usize) {
        self.change(1, 0..self.size, from..to);
    }

    fn change(&mut self, node: usize, covers: Range<usize>, wanted: Range<usize>) {
        if wanted.end <= covers.start || covers.end <= wanted.start {
            return;
        }
        if wanted.start <= covers.start && covers.end <= wanted.end {
            if let Some(add) = self.add.get_mut(node) {
                *add -= 1;
            }
            self.least[node] -= 1;
            return;
        }
        let middle = (covers.start + covers.end) / 2;
        self.change(2 * node, covers.start..middle, wanted.clone());
        self.change(2 * node + 1, middle..covers.end, wanted);
        self.least[node] = self.least[2 * node].min(self.least[2 * node + 1]) + self.add[node];
    }

    /// The first gap in [from, to).
    pub fn first_gap(&self, from: usize, to: usize) -> Option<usize> {
        // Asked before anything is removed: nothing waits to be added.
        (from..to).find(|at| self.least[self.size + at] == 0)
    }

    /// The stretches of [from, to) that are still covered. New gaps are marked, each once.
    pub fn runs(&mut self, from: usize, to: usize) -> Vec<(usize, usize)> {
        let mut gaps = Vec::new();
        self.mark(1, 0..self.size, &(from..to), 0, &mut gaps);
        let mut runs = Vec::new();
        let mut begin = from;
        for gap in gaps.into_iter().chain([to]) {
            if begin < gap {
                runs.push((begin, gap));
            }
            begin = gap + 1;
        }
        runs
    }

    fn mark(
        &mut self,
        node: usize,
        covers: Range<usize>,
        wanted: &Range<usize>,
        above: i32,
        gaps: &mut Vec<usize>,
    ) {
        let least = self.least[node] + above;
        if wanted.end <= covers.start || covers.end <= wanted.start || least > 0 {
            return;
        }
        if covers.len() == 1 {
            self.least[node] = GAP;
            gaps.push(covers.start);
            return;
        }
        let middle = (covers.start + covers.end) / 2;
        let above = above + self.add[node];
        self.mark(2 * node, covers.start..middle, wanted, above, gaps);
        self.mark(2 * node + 1, middle..covers.end, wanted, above, gaps);
        self.least[node] = self.least[2 * node].min(self.least[2 * node + 1]) + self.add[node];
    }
}

/// Numbers, some of them gone; finds all below a bound within a range. O((found + 1) log n).
#[derive(Debug)]
pub struct Least {
    size: usize,
    least: Vec<u32>,
}

/// More than every number.
const GONE: u32 = u32::MAX;

impl Least {
    /// Of these numbers, each below [`u32::MAX`].
    pub fn new(numbers: impl ExactSizeIterator<Item = u32>) -> Self {
        let size = numbers.len().next_power_of_two();
        let mut least = vec![GONE; 2 * size];
        for (least, number) in least[size..].iter_mut().zip(numbers) {
            *least = number;
        }
        for node in (1..size).rev() {
            least[node] = least[2 * node].min(least[2 * node + 1]);
        }
        Least { size, least }
    }

    /// True if the number at this position is not gone.
    pub fn has(&self, at: usize) -> bool {
        self.least[self.size + at] != GONE
    }

    /// Takes the number at this position away.
    pub fn remove(&mut self, at: usize) {
        let mut node = self.size + at;
        self.least[node] = GONE;
        while node > 1 {
            node /= 2;
            self.least[node] = self.least[2 * node].min(self.least[2 * node + 1]);
        }
    }

    /// The positions within `range` whose numbers are below `bound`.
    pub fn below(&self, range: Range<usize>, bound: u64, found: &mut Vec<usize>) {
        self.descend(1, 0..self.size, &range, bound, found);
    }

    fn descend(
        &self,
        node: usize,
        covers: Range<usize>,
        range: &Range<usize>,
        bound: u64,
        found: &mut Vec<usize>,
    ) {
        let outside = range.end <= covers.start || covers.end <= range.start;
        let least = self.least[node];
        if outside || least == GONE || u64::from(least) >= bound {
            return;
        }
        if covers.len() == 1 {
            found.push(covers.start);
            return;
        }
        let middle = (covers.start + covers.end) / 2;
        self.descend(2 * node, covers.start..middle, range, bound, found);
        self.descend(2 * node + 1, middle..covers.end, range, bound, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers below a limit, made up.
    fn below(seed: &mut u64, limit: u64) -> u64 {
        *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (*seed >> 33) % limit
    }

    #[test]
    fn stretches_that_are_covered_are_told_as_by_counting() {
        let mut seed = 7;
        for length in 1..70_usize {
            let mut stretches: Vec<(u64, u64)> = (0..length / 2 + 1)
                .map(|_| {
                    let from = below(&mut seed, length as u64);
                    (from, from + 1 + below(&mut seed, length as u64 - from))
                })
                .collect();
            let mut counts = Counts::new(length, stretches.iter().copied());
            let covers = |all: &[(u64, u64)], at: usize| {
                let at = at as u64;
                all.iter().any(|(from, to)| *from <= at && at < *to)
            };
            let gap = (0..length).find(|at| !covers(&stretches, *at));
            assert_eq!(counts.first_gap(0, length), gap);
            while let Some((from, to)) = stretches.pop() {
                // What has been told to be a gap is never in a stretch again.
                let mut expected: Vec<(usize, usize)> = Vec::new();
                let (lo, hi) = (length / 8, length - length / 8);
                for at in (lo..hi)
                    .filter(|at| covers(&stretches, *at) || *at as u64 >= from && (*at as u64) < to)
                {
                    match expected.last_mut() {
                        Some((_, end)) if *end == at => *end += 1,
                        _ => expected.push((at, at + 1)),
                    }
                }
                let mut whole = Counts::new(length, stretches.iter().copied().chain([(from, to)]));
                assert_eq!(whole.runs(lo, hi), expected);
                whole.remove(from as usize, to as usize);
                let left = whole.runs(lo, hi);
                let still = |at: usize| left.iter().any(|(from, to)| (*from..*to).contains(&at));
                for at in expected.iter().flat_map(|(from, to)| *from..*to) {
                    assert_eq!(still(at), covers(&stretches, at), "{at} of {length}");
                }
                counts = whole;
            }
            let (lo, hi) = (length / 8, length - length / 8);
            // All are gaps by now, and marked as such: each was told once.
            let once = if lo < hi { vec![(lo, hi)] } else { Vec::new() };
            assert_eq!(counts.runs(lo, hi), once);
        }
    }

    #[test]
    fn small_numbers_are_found_until_they_are_gone() {
        let mut seed = 3;
        for length in 1..40_usize {
            let numbers: Vec<u64> = (0..length).map(|_| below(&mut seed, 50)).collect();
            let mut least = Least::new(numbers.iter().map(|number| *number as u32));
            let mut gone = vec![false; length];
            for _ in 0..length {
                let at = below(&mut seed, length as u64) as usize;
                least.remove(at);
                gone[at] = true;
                assert!((0..length).all(|at| least.has(at) != gone[at]));
                let (from, bound) = (
                    below(&mut seed, length as u64) as usize,
                    below(&mut seed, 60),
                );
                let mut found = Vec::new();
                least.below(from..length, bound, &mut found);
                let expected = (from..length).filter(|at| !gone[*at] && numbers[*at] < bound);
                assert_eq!(found, expected.collect::<Vec<_>>());
            }
        }
    }
}
