//! Registers whose values are written once: who wrote, read and replaced each value, and what took effect.

use crate::models::register::{Action, INITIAL, Interned, NEVER, Step};

/// No step: the value was there from the start, or was never replaced.
pub const NOBODY: u32 = u32::MAX;

/// The operations around one value. Positions in the list of steps.
#[derive(Clone, Copy, Debug)]
pub struct Cluster {
    /// The write or compare-and-set that installed the value; [`NOBODY`] for the initial one.
    pub installer: u32,
    /// Those that found the value: so many of [`Clusters::found`] from here on.
    pub reads: (u32, u32),
    /// The compare-and-set that replaced exactly this value.
    pub successor: u32,
}

/// Why no register could have given these answers, whatever the order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// `by` found a value that nobody wrote.
    Unwritten {
        /// Who found it.
        by: u32,
    },
    /// Both replaced the same value, which was there only once.
    Replaced {
        /// One compare-and-set.
        first: u32,
        /// The other.
        second: u32,
    },
    /// Each of these installed what the next one found, around a circle: none can have been first.
    Circle {
        /// The compare-and-sets.
        steps: Vec<u32>,
    },
    /// `first` must take effect before `then`, by what they say of one value and those that replaced it;
    /// but `then` had ended before `first` began.
    Reversed {
        /// Must be first.
        first: u32,
        /// Must come later.
        then: u32,
    },
    /// Two values were each there both before and after the other, but each was written only once.
    Crossed {
        /// The first to end of those that prove the one value.
        a_ends: u32,
        /// The last to start of those that prove the one value.
        a_starts: u32,
        /// The first to end of those that prove the other.
        b_ends: u32,
        /// The last to start of those that prove the other.
        b_starts: u32,
    },
    /// `by` says that the value was not there, but it was, all the time from `before` to `after`.
    Throughout {
        /// Who says so.
        by: u32,
        /// Proves the value and ended before `by` began; [`NOBODY`]: it was there from the start.
        before: u32,
        /// Proves the value and began after `by` ended.
        after: u32,
    },
    /// A compare-and-set failed although it found what it asked for.
    Impossible {
        /// The compare-and-set.
        by: u32,
    },
}

impl Contradiction {
    /// The steps that it speaks of.
    pub fn members(&self) -> Vec<u32> {
        use Contradiction::*;
        let mut members = match self {
            Unwritten { by } | Impossible { by } => vec![*by],
            Replaced { first, second } => vec![*first, *second],
            Circle { steps } => steps.clone(),
            Reversed { first, then } => vec![*first, *then],
            Crossed {
                a_ends,
                a_starts,
                b_ends,
                b_starts,
            } => vec![*a_ends, *a_starts, *b_ends, *b_starts],
            Throughout { by, before, after } => vec![*by, *before, *after],
        };
        members.retain(|at| *at != NOBODY);
        members
    }
}

/// What the values alone tell, before any time is looked at.
#[derive(Clone, Debug, Default)]
pub struct Clusters {
    /// By value.
    pub of: Vec<Cluster>,
    /// The reads of all values, value by value, each value's in the order of their invocations.
    pub found: Vec<u32>,
    /// By step: it certainly took effect, because it was acknowledged or because its value was seen.
    pub taken: Vec<bool>,
    /// Steps of unknown outcome that installed a value nobody saw.
    pub unseen: Vec<u32>,
    /// The steps that only say that a value was not there.
    pub differs: Vec<u32>,
}

/// Sorts steps by value; `None` where some value is installed twice, so that a read does not tell its write.
/// O(steps).
///
/// An operation of unknown outcome took effect if somebody who certainly took effect found its value: no
/// other operation could have put it there. If nobody found it, leaving it out of a linearization disturbs
/// only the steps in `differs`: up to the next write the register then holds an older value instead of one
/// that no read, and no compare-and-set that took effect, asks for.
pub fn clusters(steps: &[Step], values: usize) -> Option<Result<Clusters, Contradiction>> {
    let nobody = Cluster {
        installer: NOBODY,
        reads: (0, 0),
        successor: NOBODY,
    };
    let mut all = Clusters {
        of: vec![nobody; values],
        taken: vec![false; steps.len()],
        ..Clusters::default()
    };
    let mut unknown = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        if let Some(value) = step.action.installs() {
            let installer = &mut all.of[value as usize].installer;
            if value == INITIAL || std::mem::replace(installer, at as u32) != NOBODY {
                return None;
            }
            if !step.must {
                unknown.push(at as u32);
            }
        }
    }
    Some(all.take(steps, unknown).map(|()| all))
}

impl Clusters {
    /// Takes in what took effect; `unknown`: what may have written something.
    fn take(&mut self, steps: &[Step], mut unknown: Vec<u32>) -> Result<(), Contradiction> {
        let mut replaced = None;
        // Whoever took effect proves that the installer of what it found took effect, and so on back.
        for (at, step) in (0..).zip(steps).filter(|(_, step)| step.must) {
            match step.action {
                Action::Impossible => return Err(Contradiction::Impossible { by: at }),
                Action::Differs(_) => self.differs.push(at),
                _ => {}
            }
            let mut at = at;
            while !std::mem::replace(&mut self.taken[at as usize], true) {
                let value = match steps[at as usize].action {
                    Action::Read(value) => {
                        self.of[value as usize].reads.1 += 1;
                        value
                    }
                    Action::Cas(old, _) => {
                        replaced = replaced.or(self.replaces(old, at));
                        old
                    }
                    _ => break,
                };
                if value == INITIAL {
                    break;
                }
                let by = std::mem::replace(&mut at, self.of[value as usize].installer);
                if at == NOBODY {
                    return Err(Contradiction::Unwritten { by });
                }
            }
        }
        if let Some(replaced) = replaced {
            return Err(replaced);
        }
        unknown.retain(|at| !self.taken[*at as usize]);
        self.unseen = unknown;
        self.gather(steps);
        Ok(())
    }

    /// A compare-and-set replaced this value; wrong if another did before.
    fn replaces(&mut self, old: Interned, at: u32) -> Option<Contradiction> {
        let other = std::mem::replace(&mut self.of[old as usize].successor, at);
        (other != NOBODY).then_some(Contradiction::Replaced {
            first: other.min(at),
            second: other.max(at),
        })
    }

    /// Puts the reads of each value side by side. O(steps).
    fn gather(&mut self, steps: &[Step]) {
        let mut all = 0;
        for cluster in &mut self.of {
            let (first, count) = &mut cluster.reads;
            (*first, all) = (all, all + *count);
            *count = 0;
        }
        self.found = vec![0; all as usize];
        for (at, step) in steps.iter().enumerate() {
            if let (Action::Read(value), true) = (step.action, self.taken[at]) {
                let (first, count) = &mut self.of[value as usize].reads;
                self.found[(*first + *count) as usize] = at as u32;
                *count += 1;
            }
        }
    }

    /// Those that found a value, in the order of their invocations.
    pub fn reads(&self, value: Interned) -> &[u32] {
        let (first, count) = self.of[value as usize].reads;
        &self.found[first as usize..][..count as usize]
    }

    /// The values of the block that begins with `root`: each is replaced by the next in one step.
    pub fn chain<'a>(
        &'a self,
        steps: &'a [Step],
        root: Interned,
    ) -> impl Iterator<Item = Interned> + 'a {
        std::iter::successors(Some(root), |value| {
            match self.of[*value as usize].successor {
                NOBODY => None,
                successor => steps[successor as usize].action.installs(),
            }
        })
    }

    /// True if the value was certainly there at some time.
    pub fn held(&self, value: Interned) -> bool {
        let installer = self.of[value as usize].installer;
        value == INITIAL || (installer != NOBODY && self.taken[installer as usize])
    }

    /// All steps that prove that the value was there, with the one that replaced it last.
    pub fn proofs(&self, value: Interned) -> impl Iterator<Item = u32> + '_ {
        let cluster = &self.of[value as usize];
        let ends = [cluster.installer, cluster.successor];
        ends.into_iter()
            .filter(|at| *at != NOBODY)
            .chain(self.reads(value).iter().copied())
    }
}

/// Time when a step ended; the initial value's imagined write ended before everything.
pub fn end_of(steps: &[Step], at: u32) -> u32 {
    if at == NOBODY {
        0
    } else {
        steps[at as usize].end
    }
}

/// Time when a step began; likewise.
pub fn start_of(steps: &[Step], at: u32) -> u32 {
    if at == NOBODY {
        0
    } else {
        steps[at as usize].start
    }
}

const _: () = assert!(
    NEVER == u32::MAX,
    "an operation without an end ends after all others"
);
