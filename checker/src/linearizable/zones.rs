//! Exact and near-linear for registers whose values are written once: zones of blocks.
//!
//! Gibbons and Korach, "Testing shared memories", SIAM J. Comput. 26(4), 1997, section 4, extended by
//! compare-and-set, unknown outcomes and failed compares.
//!
//! **Blocks.** A value is there during one contiguous stretch of any linearization, since it is installed
//! once. A compare-and-set that took effect follows the stretch of its old value at once. So a write and the
//! chain of compare-and-sets that hangs on it, with all their reads, are contiguous too: a *block*, whose
//! inner order is fixed but for reads of one value among themselves. The initial value heads a block too.
//!
//! **Inside a block** real time is kept iff no step ends before one starts that must come earlier; a running
//! maximum of starts tells. Reads of one value go in the order of their starts, which never hurts.
//!
//! **Between blocks.** Let f(B) be the earliest end and s(B) the latest start of B's steps. Some step of A
//! ends before some step of B starts iff f(A) < s(B); write A → B: A must come first. The blocks have an
//! order iff → has no cycle, and then any topological order, blocks written out, is a linearization. If →
//! has a cycle then it has one of two blocks: let M be the block of the cycle with the greatest s. Every
//! block A of the cycle has f(A) < s(next) ≤ s(M), so A → M; and M → its own next one, N. So N → M → N.
//! (If N were M the cycle would have one block, and inside a block the order is already judged.)
//!
//! **Two blocks contradict** iff f(A) < s(B) and f(B) < s(A). Call B forward if f(B) < s(B). Two that are
//! not forward never contradict: f(A) < s(B) < f(B) < s(A) < f(A) is absurd. Two forward ones do iff
//! [f, s] overlap. A forward F and a B that is not: iff f(F) < s(B) and f(B) < s(F), that is iff B's zone
//! [s, f] lies within F's. Sorting by f decides all pairs in O(n log n).
//!
//! **Failed compares** that do not tell what they found are put into a linearization afterwards
//! (module `refusals`); where that fails without a proof, the answer is [`Zones::Undecided`].

use super::clusters::{Clusters, Contradiction, NOBODY, clusters, end_of, start_of};
use super::refusals;
use crate::models::register::{INITIAL, Interned, NEVER, Step};

/// Fewer blocks than this are sorted by comparison,
const FEW: usize = 256;

/// and so are those that have more than so many times a block.
const SPARSE: usize = 16;

/// What the zones tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Zones {
    /// Some value is written twice: not for this engine.
    NotDistinct,
    /// Linearizable, in this order (positions in the steps).
    Linearizable(Vec<u32>),
    /// Not linearizable.
    Contradiction(Contradiction),
    /// Linearizable but for some failed compares, which found no place.
    Undecided,
}

/// A write and the compare-and-sets that follow it without a gap.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block {
    /// The value it begins with.
    pub root: Interned,
    /// The step that ends first, and when.
    pub ends: (u32, u32),
    /// The step that starts last, and when.
    pub starts: (u32, u32),
}

impl Block {
    fn is_forward(&self) -> bool {
        self.ends.0 < self.starts.0
    }
}

/// Judges one part; `values` as in [`crate::models::register::Part`]. O(n log n) but for failed compares
/// that do not tell what they found, whose repair is capped.
pub fn judge(steps: &[Step], values: usize) -> Zones {
    let clusters = match clusters(steps, values) {
        None => return Zones::NotDistinct,
        Some(Err(contradiction)) => return Zones::Contradiction(contradiction),
        Some(Ok(clusters)) => clusters,
    };
    let blocks = match blocks(steps, &clusters) {
        Err(contradiction) => return Zones::Contradiction(contradiction),
        Ok(blocks) => blocks,
    };
    if !clusters.differs.is_empty() {
        let mut placed = Vec::with_capacity(blocks.len());
        return match place(&blocks, |block| placed.push(*block)) {
            Err(contradiction) => Zones::Contradiction(contradiction),
            Ok(()) => refusals::settle(steps, &clusters, placed),
        };
    }
    let mut order = Vec::with_capacity(steps.len());
    match place(&blocks, |block| {
        write_out(steps, &clusters, block, &mut order)
    }) {
        Err(contradiction) => Zones::Contradiction(contradiction),
        Ok(()) => Zones::Linearizable(order),
    }
}

/// Builds the blocks and judges the inside of each. O(steps).
fn blocks(steps: &[Step], clusters: &Clusters) -> Result<Vec<Block>, Contradiction> {
    let mut blocks = Vec::with_capacity(clusters.of.len());
    let mut reached = vec![false; clusters.of.len()];
    let written = (0..clusters.of.len() as u32).filter(|value| {
        let installer = clusters.of[*value as usize].installer;
        *value == INITIAL
            || clusters.held(*value) && steps[installer as usize].action.needs().is_none()
    });
    for root in written {
        let mut block = Block {
            root,
            ends: (NEVER, NOBODY),
            starts: (0, NOBODY),
        };
        if root == INITIAL {
            block.ends = (0, NOBODY);
        }
        let mut latest = (0, NOBODY);
        for value in clusters.chain(steps, root) {
            reached[value as usize] = true;
            let cluster = &clusters.of[value as usize];
            // The installer comes before the reads; the reads do not constrain one another.
            let installer = Some(cluster.installer).filter(|at| *at != NOBODY);
            for group in [installer.as_slice(), clusters.reads(value)] {
                let before = latest;
                for &at in group {
                    let step = &steps[at as usize];
                    if step.end < before.0 {
                        return Err(Contradiction::Reversed {
                            first: before.1,
                            then: at,
                        });
                    }
                    latest = latest.max((step.start, at));
                    block.ends = block.ends.min((step.end, at));
                }
            }
        }
        block.starts = latest;
        blocks.push(block);
    }
    // A compare-and-set that no block reaches hangs on a chain that has no beginning.
    let lost = (0..reached.len()).find(|value| !reached[*value] && clusters.held(*value as u32));
    match lost {
        Some(value) => Err(circle(steps, clusters, value as Interned)),
        None => Ok(blocks),
    }
}

fn circle(steps: &[Step], clusters: &Clusters, from: Interned) -> Contradiction {
    let mut seen = vec![false; clusters.of.len()];
    let mut value = from;
    let back = |value: Interned| {
        let installer = clusters.of[value as usize].installer;
        (
            installer,
            steps[installer as usize].action.needs().unwrap_or(value),
        )
    };
    while !std::mem::replace(&mut seen[value as usize], true) {
        value = back(value).1;
    }
    let (first, mut members) = (value, Vec::new());
    loop {
        let (installer, before) = back(value);
        members.push(installer);
        value = before;
        if value == first {
            members.reverse();
            return Contradiction::Circle { steps: members };
        }
    }
}

/// Judges the blocks against each other and tells them in order, each as late as it can be. O(blocks), and what it takes to
/// sort them by their ends.
///
/// A forward block lies over [f, s]; the others go to f, or, where f falls into a forward block, right
/// before that. This respects →: let A → B, so f(A) < s(B), and place(A) ≤ f(A). If B is not forward, its
/// place is f(B) > s(B), or the f of a forward block that does not contain B, hence > s(B) too. If B is
/// forward: place(A) ≤ f(A) < f(B) unless f(A) lies in [f(B), s(B)], and then A goes right before B.
fn place(blocks: &[Block], mut tell: impl FnMut(&Block)) -> Result<(), Contradiction> {
    // A forward block waits for those that end within it.
    let mut waits: Option<&Block> = None;
    for number in by_ends(blocks) {
        let Some(block) = blocks.get(number as usize) else {
            continue;
        };
        if let Some(other) = waits.take_if(|other| other.starts.0 < block.ends.0) {
            tell(other);
        }
        match waits {
            Some(other) if block.is_forward() || other.ends.0 < block.starts.0 => {
                return Err(Contradiction::Crossed {
                    a_ends: other.ends.1,
                    a_starts: other.starts.1,
                    b_ends: block.ends.1,
                    b_starts: block.starts.1,
                });
            }
            None if block.is_forward() => waits = Some(block),
            _ => tell(block),
        }
    }
    waits.into_iter().for_each(tell);
    Ok(())
}

/// The numbers of the blocks in the order of their ends, which no two blocks share; [`NOBODY`] between them is no block. Each has a place for
/// its time where there are not many more times than blocks.
fn by_ends(blocks: &[Block]) -> Vec<u32> {
    let latest = blocks.iter().map(|block| block.ends.0).max().unwrap_or(0);
    if blocks.len() < FEW || latest as usize / SPARSE > blocks.len() {
        let mut sorted: Vec<u32> = (0..blocks.len() as u32).collect();
        sorted.sort_unstable_by_key(|number| blocks[*number as usize].ends.0);
        return sorted;
    }
    let mut at = vec![NOBODY; latest as usize + 1];
    for (number, block) in (0..).zip(blocks) {
        at[block.ends.0 as usize] = number;
    }
    at
}

/// Writes out a block: its steps in order. O(length).
pub(super) fn write_out(steps: &[Step], clusters: &Clusters, block: &Block, order: &mut Vec<u32>) {
    for value in clusters.chain(steps, block.root) {
        let installer = clusters.of[value as usize].installer;
        order.extend(Some(installer).filter(|at| *at != NOBODY));
        order.extend(clusters.reads(value));
    }
}

/// A proof that some failed compare can have no place, if there is an obvious one. O(steps).
pub(super) fn throughout(steps: &[Step], clusters: &Clusters) -> Option<Contradiction> {
    // By value: the first proof to end and the last to start.
    let mut bounds: Vec<Option<(u32, u32)>> = vec![None; clusters.of.len()];
    clusters.differs.iter().find_map(|&by| {
        let crate::models::register::Action::Differs(value) = steps[by as usize].action else {
            return None;
        };
        let (before, after) = match bounds[value as usize] {
            Some(known) => known,
            None if !clusters.held(value) => return None,
            None => {
                let before = match value {
                    INITIAL => NOBODY,
                    _ => clusters
                        .proofs(value)
                        .min_by_key(|at| steps[*at as usize].end)?,
                };
                let after = clusters
                    .proofs(value)
                    .max_by_key(|at| steps[*at as usize].start)?;
                *bounds[value as usize].insert((before, after))
            }
        };
        let step = &steps[by as usize];
        let always = end_of(steps, before) < step.start && step.end < start_of(steps, after);
        always.then_some(Contradiction::Throughout { by, before, after })
    })
}
