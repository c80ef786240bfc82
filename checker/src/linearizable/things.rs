//! Containers whose things are put in once: when each was put in and taken out, and by whom.

use crate::models::Call;
use crate::models::container::{Item, Op, Reply};
use crate::models::register::NEVER;

/// No call: nobody took it.
pub const NOBODY: u32 = u32::MAX;

/// When a take ends that nobody made: after all others, even those of unknown outcome.
pub const AFTER_ALL: u64 = u64::MAX;

/// A call of a container.
pub type ContainerCall = Call<Op, Reply>;

/// One thing, put in once and taken out at most once. Calls are positions in the list of calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thing {
    /// Which.
    pub item: Item,
    /// The call that put it in.
    pub put: Doing,
    /// The call that took it out, if any did.
    pub take: Doing,
}

/// A call that puts something in or takes it out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doing {
    /// Its position in the list of calls, or [`NOBODY`].
    pub call: u32,
    /// When it began and ended; what never began: [`NEVER`].
    times: (u32, u32),
}

impl Doing {
    /// What nobody does, as far as is known: after all.
    const NEVER: Doing = Doing::unended(NOBODY, NEVER);

    fn of(calls: &[ContainerCall], at: u32) -> Doing {
        let call = &calls[at as usize];
        Doing {
            call: at,
            times: (call.start, call.end),
        }
    }

    /// What began then and has no end.
    pub const fn unended(call: u32, start: u32) -> Doing {
        Doing {
            call,
            times: (start, NEVER),
        }
    }

    /// When it began.
    pub fn start(self) -> u64 {
        self.of_some(self.times.0)
    }

    /// When it ended.
    pub fn end(self) -> u64 {
        self.of_some(self.times.1)
    }

    fn of_some(self, time: u32) -> u64 {
        match self.times.0 {
            NEVER => AFTER_ALL,
            _ => time.into(),
        }
    }
}

impl Thing {
    /// The time all through which it is certainly in: from the end of the put to the start of the take.
    pub fn certain(&self) -> Option<(u64, u64)> {
        let (from, to) = (self.put.end(), self.take.start());
        (from < to).then_some((from, to))
    }

    /// True if nobody took it, as far as is known.
    pub fn stays(&self) -> bool {
        self.take.call == NOBODY
    }
}

/// Why no container of any kind could have answered so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Misfit {
    /// Took out what nobody put in.
    NeverPut {
        /// The take.
        take: u32,
    },
    /// Took out what had not been put in yet.
    TooEarly {
        /// The put.
        put: u32,
        /// The take.
        take: u32,
    },
    /// Both took out what was put in once.
    Twice {
        /// One take.
        first: u32,
        /// The other.
        second: u32,
    },
    /// Found nothing, although something was in all the time.
    NotEmpty {
        /// The take that found nothing.
        take: u32,
        /// The puts of what was in, and the takes that came too late.
        by: Vec<u32>,
    },
    /// Took `second` out before `first`, against the container's own order.
    OutOfOrder {
        /// The calls that contradict each other.
        calls: Vec<u32>,
    },
}

/// A history of a container, sorted out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Things {
    /// All that was certainly put in; unknown puts of what nobody took are left out: nobody misses them.
    pub all: Vec<Thing>,
    /// Takes that found nothing.
    pub empty: Vec<u32>,
    /// Takes of unknown outcome: each may have taken anything, or nothing.
    pub takers: Vec<u32>,
}

/// Sorts calls out. `None`: something is put in twice, so that a take does not tell its put. O(calls).
pub fn sort_out(calls: &[ContainerCall]) -> Option<Result<Things, Misfit>> {
    let items = calls.iter().map(|call| match (call.op, call.reply) {
        (Op::Put(item), _) | (Op::Take, Some(Some(item))) => item as usize + 1,
        _ => 0,
    });
    let mut by_item = vec![(NOBODY, NOBODY); items.max().unwrap_or(0)];
    let mut things = Things::default();
    let mut wrong = None;
    for (at, call) in (0..).zip(calls) {
        match (call.op, call.reply) {
            (Op::Put(item), _) => {
                if std::mem::replace(&mut by_item[item as usize].0, at) != NOBODY {
                    return None;
                }
            }
            (Op::Take, Some(Some(item))) => {
                let first = std::mem::replace(&mut by_item[item as usize].1, at);
                if first != NOBODY && wrong.is_none() {
                    wrong = Some(Misfit::Twice { first, second: at });
                }
            }
            (Op::Take, Some(None)) => things.empty.push(at),
            (Op::Take, None) => things.takers.push(at),
        }
    }
    if let Some(wrong) = wrong {
        return Some(Err(wrong));
    }
    for (item, (put, take)) in (0..).zip(by_item) {
        match (put, take) {
            (NOBODY, NOBODY) => {}
            (NOBODY, take) => return Some(Err(Misfit::NeverPut { take })),
            (put, NOBODY) if !calls[put as usize].must => {}
            (put, NOBODY) => things.all.push(Thing {
                item,
                put: Doing::of(calls, put),
                take: Doing::NEVER,
            }),
            (put, take) => {
                let thing = Thing {
                    item,
                    put: Doing::of(calls, put),
                    take: Doing::of(calls, take),
                };
                if thing.take.end() < thing.put.start() {
                    return Some(Err(Misfit::TooEarly { put, take }));
                }
                things.all.push(thing);
            }
        }
    }
    Some(Ok(things))
}

/// The stretches of time all through which something is certainly in, in order, without overlaps.
/// O(things log things).
pub fn occupied(things: &[Thing]) -> Vec<(u64, u64)> {
    let mut certain: Vec<(u64, u64)> = things.iter().filter_map(Thing::certain).collect();
    certain.sort_unstable();
    let mut merged: Vec<(u64, u64)> = Vec::new();
    for (from, to) in certain {
        match merged.last_mut() {
            Some((_, end)) if from <= *end => *end = to.max(*end),
            _ => merged.push((from, to)),
        }
    }
    merged
}

/// A take that found nothing although something was in all through it.
pub fn not_empty(calls: &[ContainerCall], things: &Things) -> Option<Misfit> {
    if things.empty.is_empty() {
        return None;
    }
    let occupied = occupied(&things.all);
    let take = *things.empty.iter().find(|at| {
        let call = &calls[**at as usize];
        let (start, end) = (u64::from(call.start), u64::from(call.end));
        let next = occupied.partition_point(|(from, _)| *from <= start);
        next.checked_sub(1).is_some_and(|at| occupied[at].1 >= end)
    })?;
    let call = &calls[take as usize];
    let (start, end) = (u64::from(call.start), u64::from(call.end));
    let by = covering(&things.all, start, end);
    Some(Misfit::NotEmpty { take, by })
}

/// The puts and takes of the fewest things that cover a stretch of time in which always one is certainly in: each time
/// the one that reaches furthest.
pub fn covering(things: &[Thing], start: u64, end: u64) -> Vec<u32> {
    let (mut by, mut reached) = (Vec::new(), start);
    while reached < end {
        let covers = things.iter().filter(|thing| {
            let certain = thing.certain();
            certain.is_some_and(|(from, to)| from <= reached && to > reached)
        });
        let Some(best) = covers.max_by_key(|thing| thing.take.start()) else {
            break;
        };
        by.push(best.put.call);
        by.extend(Some(best.take.call).filter(|take| *take != NOBODY));
        reached = best.take.start();
    }
    by
}

/// Gives each thing that somebody of unknown outcome must have taken such a taker: the earlier it is due,
/// the earlier the taker (Jackson's rule: if that is too late for one, every assignment is).
/// `due`: by thing that stays, the time before which its take must have begun. False: not enough takers.
pub fn assign(calls: &[ContainerCall], things: &mut Things, mut due: Vec<(u64, usize)>) -> bool {
    due.sort_unstable();
    let mut takers = things.takers.iter();
    due.into_iter().all(|(due, at)| {
        let Some(taker) = takers.next() else {
            return false;
        };
        let start = calls[*taker as usize].start;
        things.all[at].take = Doing::unended(*taker, start);
        u64::from(start) < due
    })
}

/// When each thing that stays would contradict a take that found nothing, had nobody taken it.
pub fn due_by_empty(calls: &[ContainerCall], things: &Things) -> Vec<u64> {
    let mut empty: Vec<(u64, u64)> = things
        .empty
        .iter()
        .map(|at| &calls[*at as usize])
        .map(|call| (u64::from(call.start), u64::from(call.end)))
        .collect();
    empty.sort_unstable();
    // From each on, the earliest end.
    let mut least = AFTER_ALL;
    let mut ends: Vec<u64> = empty
        .iter()
        .rev()
        .map(|(_, end)| {
            least = least.min(*end);
            least
        })
        .collect();
    ends.reverse();
    let due = |thing: &Thing| {
        let next = empty.partition_point(|(start, _)| *start < thing.put.end());
        ends.get(next).copied().unwrap_or(AFTER_ALL)
    };
    things.all.iter().map(due).collect()
}
