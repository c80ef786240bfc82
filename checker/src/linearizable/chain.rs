//! A block written out, and the near ones of its steps: so that a contradiction needs few of them.

use std::collections::BTreeSet;

use super::clusters::{Clusters, NOBODY};
use crate::models::register::{Action, INITIAL, Step};

/// A block written out.
pub(super) struct Chain {
    order: Vec<u32>,
    /// For each step of `order`, how many values came before its own.
    stages: Vec<u32>,
    /// The installers, by stage; [`NOBODY`] for the initial value.
    installers: Vec<u32>,
}

impl Chain {
    /// The block that `member` belongs to.
    pub(super) fn of(steps: &[Step], clusters: &Clusters, member: u32) -> Chain {
        let mut chain = Chain {
            order: Vec::new(),
            stages: Vec::new(),
            installers: Vec::new(),
        };
        let mut root = match steps[member as usize].action {
            Action::Read(value) | Action::Write(value) | Action::Cas(_, value) => value,
            _ => return chain,
        };
        while root != INITIAL
            && let Action::Cas(old, _) = steps[clusters.of[root as usize].installer as usize].action
        {
            root = old;
        }
        for (stage, value) in clusters.chain(steps, root).enumerate() {
            let cluster = &clusters.of[value as usize];
            chain.installers.push(cluster.installer);
            chain
                .order
                .extend(Some(cluster.installer).filter(|at| *at != NOBODY));
            chain.order.extend(clusters.reads(value));
            chain.stages.resize(chain.order.len(), stage as u32);
        }
        chain
    }

    fn stage(&self, step: u32) -> u32 {
        self.order
            .iter()
            .position(|at| *at == step)
            .map_or(0, |at| self.stages[at])
    }

    /// Adds two steps and the installers of all values from the one's to the other's.
    pub(super) fn link(&self, (x, y): (u32, u32), kept: &mut BTreeSet<u32>) {
        let (from, to) = (
            self.stage(x).min(self.stage(y)),
            self.stage(x).max(self.stage(y)),
        );
        let between = (from..=to)
            .filter_map(|stage| self.installers.get(stage as usize))
            .copied();
        kept.extend(between.chain([x, y]).filter(|at| *at != NOBODY));
    }

    /// Of the block: one that ended before `before` and one that began after `after`, near each other.
    pub(super) fn nearest(
        &self,
        steps: &[Step],
        after: u32,
        before: u32,
        ends: u32,
        starts: u32,
    ) -> (u32, u32) {
        let (mut last_ended, mut last_began) = (None, None);
        // The initial value's imagined write ended before everything.
        if ends == NOBODY {
            last_ended = Some((0, NOBODY));
        }
        let mut best: Option<(usize, u32, u32)> = None;
        for (at, step) in self.order.iter().enumerate() {
            if steps[*step as usize].end < before {
                last_ended = Some((at, *step));
            }
            if steps[*step as usize].start > after {
                last_began = Some((at, *step));
            }
            if let (Some((x, ended)), Some((y, began))) = (last_ended, last_began) {
                let distance = x.abs_diff(y);
                if best.is_none_or(|(shortest, ..)| distance < shortest) {
                    best = Some((distance, ended, began));
                }
            }
        }
        best.map_or((ends, starts), |(_, ended, began)| (ended, began))
    }

    /// A pair like (`first`, `then`) with as few values as possible between them.
    pub(super) fn nearest_reversed(&self, steps: &[Step], first: u32, then: u32) -> (u32, u32) {
        let Some(from) = self.order.iter().position(|at| *at == first) else {
            return (first, then);
        };
        let leads = self.installers.get(self.stages[from] as usize) == Some(&first);
        let start = steps[first as usize].start;
        let nearest = (from + 1..self.order.len()).find(|at| {
            (leads || self.stages[*at] > self.stages[from])
                && steps[self.order[*at] as usize].end < start
        });
        (first, nearest.map_or(then, |at| self.order[at]))
    }
}
