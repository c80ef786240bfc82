//! Finds a place for failed compares that do not tell what they found, once all else is in order.
//!
//! The blocks stand as late as they can, so a compare that could come before its value does. The others
//! must come after it; where that value stays too long, a write that nobody saw is put behind it, or a later
//! block is pulled forward. What is found is verified, so that this part needs no proof of its own; what is
//! not found is either proved impossible or left to the search.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::clusters::Clusters;
use super::order::certifies;
use super::zones::{Block, Zones, throughout, write_out};
use crate::models::register::{Action, INITIAL, Interned, Step};

/// How often blocks are moved before it is given up.
const ROUNDS: usize = 12;

/// How far a block is pulled forward at most, in blocks.
const REACH: usize = 200;

/// Where one unsatisfied compare stands: its step, and the length of the order up to its value's last step.
struct Unplaced {
    step: u32,
    value_ends: usize,
}

/// Orders everything, failed compares too, the blocks being in order.
pub(super) fn settle(steps: &[Step], clusters: &Clusters, blocks: Vec<Block>) -> Zones {
    let mut pieces: Vec<Piece> = blocks.into_iter().map(Piece::Block).collect();
    if let Some(contradiction) = throughout(steps, clusters) {
        return Zones::Contradiction(contradiction);
    }
    let mut unseen: Vec<u32> = clusters
        .unseen
        .iter()
        .copied()
        .filter(|at| matches!(steps[*at as usize].action, Action::Write(_)))
        .collect();
    for _ in 0..ROUNDS {
        let (order, piece_of) = written(steps, clusters, &pieces);
        let unplaced = match insert(steps, clusters, &order) {
            Ok(order) if certifies(steps, &order) => return Zones::Linearizable(order),
            Ok(_) => return Zones::Undecided,
            Err(unplaced) => unplaced,
        };
        let mut moves = Vec::new();
        for missing in &unplaced {
            // The value's stretch must end with its block: a chain cannot be torn.
            let piece = missing
                .value_ends
                .checked_sub(1)
                .map_or(0, |at| piece_of[at]);
            if piece_of.get(missing.value_ends) != Some(&piece) {
                moves.push((piece + 1, missing.step));
            }
        }
        // From the back, so that positions in front stay what they are.
        moves.sort_unstable_by_key(|(at, _)| Reverse(*at));
        moves.dedup_by_key(|(at, _)| *at);
        moves.retain(|&(at, step)| {
            let deadline = steps[step as usize].end;
            interpose(steps, &mut pieces, &mut unseen, at, deadline)
                || pull_forward(steps, clusters, &mut pieces, at, deadline)
        });
        if moves.is_empty() {
            return Zones::Undecided;
        }
    }
    Zones::Undecided
}

/// What the order is made of.
#[derive(Clone, Copy)]
enum Piece {
    Block(Block),
    /// A write that nobody saw.
    Unseen(u32),
}

impl Piece {
    fn ends(&self, steps: &[Step]) -> u32 {
        match self {
            Piece::Block(block) => block.ends.0,
            Piece::Unseen(at) => steps[*at as usize].end,
        }
    }

    fn starts(&self, steps: &[Step]) -> u32 {
        match self {
            Piece::Block(block) => block.starts.0,
            Piece::Unseen(at) => steps[*at as usize].start,
        }
    }
}

/// The order, and for each of its steps the piece it is from.
fn written(steps: &[Step], clusters: &Clusters, pieces: &[Piece]) -> (Vec<u32>, Vec<usize>) {
    let (mut order, mut piece_of) = (
        Vec::with_capacity(steps.len()),
        Vec::with_capacity(steps.len()),
    );
    for (number, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Block(block) => write_out(steps, clusters, block, &mut order),
            Piece::Unseen(at) => order.push(*at),
        }
        piece_of.resize(order.len(), number);
    }
    (order, piece_of)
}

/// Puts a write that nobody saw before piece `at`, so that the value before it ends in time.
fn interpose(
    steps: &[Step],
    pieces: &mut Vec<Piece>,
    unseen: &mut Vec<u32>,
    at: usize,
    deadline: u32,
) -> bool {
    let limit = pieces[at.min(pieces.len())..]
        .iter()
        .map(|piece| piece.ends(steps))
        .min();
    let limit = limit.unwrap_or(u32::MAX).min(deadline);
    // The latest that does: earlier ones fit in more places.
    let best = (0..unseen.len())
        .filter(|number| {
            let step = &steps[unseen[*number] as usize];
            // Those with an end must be put in before it, which only the search looks after.
            step.start < limit && step.end == u32::MAX
        })
        .max_by_key(|number| steps[unseen[*number] as usize].start);
    if let Some(number) = best {
        pieces.insert(
            at.min(pieces.len()),
            Piece::Unseen(unseen.swap_remove(number)),
        );
    }
    best.is_some()
}

/// Moves a later block to place `at`, where nothing in between must come before it.
fn pull_forward(
    steps: &[Step],
    clusters: &Clusters,
    pieces: &mut Vec<Piece>,
    at: usize,
    deadline: u32,
) -> bool {
    let mut earliest_end = u32::MAX;
    for from in at..pieces.len().min(at.saturating_add(REACH)) {
        let begins = match &pieces[from] {
            Piece::Block(block) if block.root == INITIAL => return false,
            Piece::Block(block) => steps[clusters.of[block.root as usize].installer as usize].start,
            Piece::Unseen(step) => steps[*step as usize].start,
        };
        if from > at && begins < deadline && earliest_end > pieces[from].starts(steps) {
            let piece = pieces.remove(from);
            pieces.insert(at, piece);
            return true;
        }
        earliest_end = earliest_end.min(pieces[from].ends(steps));
    }
    false
}

/// Puts every failed compare at the first place where real time and the state allow it, in the order of
/// their starts: with all else fixed, if this finds no place then there is none. O(n log n).
fn insert(steps: &[Step], clusters: &Clusters, order: &[u32]) -> Result<Vec<u32>, Vec<Unplaced>> {
    // By value: the stretch of gaps in which the register holds it. Gap g lies before order[g].
    let mut stretch: Vec<Option<(usize, usize)>> = vec![None; clusters.of.len()];
    let (mut state, mut since): (Interned, usize) = (INITIAL, 0);
    for (at, step) in order.iter().enumerate() {
        if let Some(next) = steps[*step as usize].action.installs() {
            stretch[state as usize] = Some((since, at));
            (state, since) = (next, at + 1);
        }
    }
    stretch[state as usize] = Some((since, order.len()));

    let mut ends: Vec<(u32, usize)> = order
        .iter()
        .enumerate()
        .map(|(at, step)| (steps[*step as usize].end, at + 1))
        .collect();
    ends.sort_unstable();
    let mut starts: Vec<(u32, usize)> = order
        .iter()
        .enumerate()
        .map(|(at, step)| (steps[*step as usize].start, at))
        .collect();
    starts.sort_unstable_by_key(|start| Reverse(*start));
    // (time, gap) → the gap that all up to that time, or all from it on, allow.
    let mut reach = 0;
    ends.iter_mut().for_each(|(_, gap)| {
        reach = reach.max(*gap);
        *gap = reach;
    });
    let mut reach = order.len();
    starts.iter_mut().for_each(|(_, gap)| {
        reach = reach.min(*gap);
        *gap = reach;
    });

    let (mut placed, mut unplaced) = (Vec::with_capacity(clusters.differs.len()), Vec::new());
    let mut waiting: BinaryHeap<Reverse<(u32, usize)>> = BinaryHeap::new();
    let mut floor = 0;
    for &at in &clusters.differs {
        let step = &steps[at as usize];
        while let Some(Reverse((end, gap))) = waiting.peek().copied()
            && end < step.start
        {
            floor = floor.max(gap);
            waiting.pop();
        }
        let ended = ends.partition_point(|(end, _)| *end < step.start);
        let lowest = ended.checked_sub(1).map_or(0, |at| ends[at].1).max(floor);
        let later = starts.partition_point(|(start, _)| *start > step.end);
        let highest = later.checked_sub(1).map_or(order.len(), |at| starts[at].1);
        let value = match step.action {
            Action::Differs(value) => value,
            _ => continue,
        };
        let gap = match stretch[value as usize] {
            Some((from, to)) if (from..=to).contains(&lowest) => to + 1,
            _ => lowest,
        };
        if gap > highest {
            let value_ends = stretch[value as usize].map_or(order.len(), |(_, to)| to);
            unplaced.push(Unplaced {
                step: at,
                value_ends,
            });
            continue;
        }
        waiting.push(Reverse((step.end, gap)));
        placed.push((gap, at));
    }
    if !unplaced.is_empty() {
        return Err(unplaced);
    }
    placed.sort_by_key(|(gap, _)| *gap);
    let mut whole = Vec::with_capacity(order.len() + placed.len());
    let mut placed = placed.into_iter().peekable();
    for gap in 0..=order.len() {
        while let Some((_, at)) = placed.next_if(|(at, _)| *at == gap) {
            whole.push(at);
        }
        whole.extend(order.get(gap));
    }
    Ok(whole)
}
