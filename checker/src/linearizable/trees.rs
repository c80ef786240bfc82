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
            add: vec![0; 2 * size],
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
            self.add[node] -= 1;
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
    least: Vec<u64>,
}

impl Least {
    /// Of these numbers.
    pub fn new(numbers: Vec<u64>) -> Self {
        let size = numbers.len().next_power_of_two();
        let mut least = vec![u64::MAX; 2 * size];
        least[size..size + numbers.len()].copy_from_slice(&numbers);
        for node in (1..size).rev() {
            least[node] = least[2 * node].min(least[2 * node + 1]);
        }
        Least { size, least }
    }

    /// True if the number at this position is not gone.
    pub fn has(&self, at: usize) -> bool {
        self.least[self.size + at] != u64::MAX
    }

    /// Takes the number at this position away.
    pub fn remove(&mut self, at: usize) {
        let mut node = self.size + at;
        self.least[node] = u64::MAX;
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
        if outside || self.least[node] >= bound {
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
