//! How a configuration came to be, and the linearization that follows from it.

use crate::hash::Map;
use crate::models::register::{Action, INITIAL, NEVER, Step};

/// No link before.
pub const START: u32 = u32::MAX;

/// What changed the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mover {
    /// This step.
    Step(u32),
    /// Some step of unknown outcome that does this.
    Unknown(Action),
}

#[derive(Clone, Copy, Debug)]
struct Link {
    mover: Mover,
    /// While the operation that ended at this time was waited for.
    now: u32,
    before: u32,
}

/// All changes of state that lead to living configurations; a tree, by the link before.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    links: Vec<Link>,
    /// How many links survived the last time.
    kept: usize,
}

impl Trail {
    /// A change of state; the link to it.
    pub fn push(&mut self, mover: Mover, now: u32, before: u32) -> u32 {
        self.links.push(Link { mover, now, before });
        self.links.len() as u32 - 1
    }

    /// Bytes held, about.
    pub fn bytes(&self) -> usize {
        self.links.capacity() * size_of::<Link>()
    }

    /// True where it is time to [`Trail::forget`].
    pub fn is_full(&self) -> bool {
        self.links.len() > 65_536 + 2 * self.kept
    }

    /// Keeps only what leads to these links, which are renamed. O(links).
    pub fn forget<'a>(&mut self, ends: impl Iterator<Item = &'a mut u32>) {
        let ends: Vec<&mut u32> = ends.collect();
        let mut name = vec![START; self.links.len()];
        for end in &ends {
            let mut at = **end;
            while at != START && std::mem::replace(&mut name[at as usize], 0) == START {
                at = self.links[at as usize].before;
            }
        }
        let mut next = 0;
        for at in 0..self.links.len() {
            if name[at] == START {
                continue;
            }
            let mut link = self.links[at];
            if link.before != START {
                link.before = name[link.before as usize];
            }
            // Links stand behind those that they lead from, so that nothing is overwritten that is still needed.
            self.links[next as usize] = link;
            name[at] = next;
            next += 1;
        }
        self.links.truncate(next as usize);
        self.kept = next as usize;
        for end in ends {
            if *end != START {
                *end = name[*end as usize];
            }
        }
    }

    /// The linearization (positions in `steps`) of a register that held nothing at first: what was seen as the
    /// links tell, reads as soon as they fit, other writes right before one that was seen. It is no proof until
    /// it has been verified. O(steps × open at once).
    pub fn order(&self, end: u32, steps: &[Step]) -> Vec<u32> {
        let mut moves: Vec<Link> = Vec::new();
        let mut at = end;
        while let Some(link) = self.links.get(at as usize) {
            moves.push(*link);
            at = link.before;
        }
        moves.reverse();
        let mut seen = vec![false; steps.len()];
        for link in &moves {
            if let Mover::Step(at) = link.mover {
                seen[at as usize] = true;
            }
        }
        let mut replay = Replay {
            steps,
            state: INITIAL,
            order: Vec::with_capacity(steps.len()),
            open: Vec::new(),
            unknown: Map::default(),
        };
        let mut ends: Vec<(u32, u32)> = (0..)
            .zip(steps)
            .filter(|(_, step)| step.end != NEVER)
            .map(|(at, step)| (step.end, at))
            .collect();
        ends.sort_unstable();
        let (mut next, mut moves) = (0, moves.into_iter().peekable());
        for (end, at) in ends {
            while next < steps.len() && steps[next].start < end {
                replay.begin(next as u32, &seen);
                next += 1;
            }
            while let Some(link) = moves.next_if(|link| link.now == end) {
                replay.go(link.mover);
            }
            replay.open.retain(|open| *open != at);
        }
        replay.order
    }
}

struct Replay<'a> {
    steps: &'a [Step],
    state: u32,
    order: Vec<u32>,
    /// Not placed yet, and never seen: reads, and writes that must be hidden.
    open: Vec<u32>,
    unknown: Map<Action, Vec<u32>>,
}

impl Replay<'_> {
    fn begin(&mut self, at: u32, seen: &[bool]) {
        let step = &self.steps[at as usize];
        match (step.end, step.action) {
            (NEVER, action) => self.unknown.entry(action).or_default().push(at),
            (_, Action::Read(_) | Action::Differs(_)) if step.action.step(self.state).is_some() => {
                self.order.push(at)
            }
            _ if seen[at as usize] || !step.must => {}
            _ => self.open.push(at),
        }
    }

    fn go(&mut self, mover: Mover) {
        let at = match mover {
            Mover::Step(at) => Some(at),
            Mover::Unknown(action) => self.unknown.get_mut(&action).and_then(Vec::pop),
        };
        let Some(at) = at else { return };
        let steps = self.steps;
        let place = |order: &mut Vec<u32>, open: &mut Vec<u32>, fits: &dyn Fn(Action) -> bool| {
            open.retain(|open| {
                let fits = fits(steps[*open as usize].action);
                if fits {
                    order.push(*open);
                }
                !fits
            });
        };
        let action = steps[at as usize].action;
        if let Action::Write(_) = action {
            place(&mut self.order, &mut self.open, &|hides| {
                matches!(hides, Action::Write(_))
            });
        }
        self.order.push(at);
        let state = action.step(self.state).unwrap_or(self.state);
        self.state = state;
        place(&mut self.order, &mut self.open, &|reads| {
            reads.installs().is_none() && reads.step(state).is_some()
        });
    }
}
