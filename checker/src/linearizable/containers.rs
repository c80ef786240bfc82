//! What queues, stacks and priority queues have in common: their history is sorted out, and unknown takes are bounded.
//!
//! **Unknown outcomes.** A put of unknown outcome happened iff its thing was taken. A take of unknown outcome
//! may have taken anything that stays. Two bounds: if some assignment of such takes to things fits, the history is
//! linearizable; if it is wrong even when everything that stays may be taken by the earliest of them, at any time
//! after, it is not. Between the two the answer is [`Answer::Undecided`].

use super::things::{ContainerCall, Doing, Misfit, NOBODY, Things, assign, sort_out};

/// What an exact algorithm tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Not for this engine: something is put in twice.
    NotDistinct,
    /// Linearizable; in this order (positions in the calls), where the engine gives one.
    Linearizable(Option<Vec<u32>>),
    /// Not linearizable.
    Wrong(Misfit),
    /// Takes of unknown outcome leave it open.
    Undecided,
}

/// Judges one kind of container. `fit`: what a linearization is made of, or what is in the way of one, where nobody of
/// unknown outcome takes anything but what is assigned to it. `write_out`: the linearization. `due`: which of the things
/// that stay must have been taken after all, and before when that take must have begun. As quick as these.
pub fn judge<Fit>(
    calls: &[ContainerCall],
    fit: impl Fn(&[ContainerCall], &Things) -> Result<Fit, Misfit>,
    write_out: impl Fn(&[ContainerCall], &Things, Fit) -> Vec<u32>,
    due: impl Fn(&[ContainerCall], &Things) -> Vec<(u64, usize)>,
) -> Answer {
    let mut things = match sort_out(calls) {
        None => return Answer::NotDistinct,
        Some(Err(wrong)) => return Answer::Wrong(wrong),
        Some(Ok(things)) => things,
    };
    let written =
        |things: &Things, fits| Answer::Linearizable(Some(write_out(calls, things, fits)));
    let wrong = match fit(calls, &things) {
        Ok(fits) => return written(&things, fits),
        Err(wrong) => wrong,
    };
    let Some(first) = things.takers.first() else {
        return Answer::Wrong(wrong);
    };
    let first = calls[*first as usize].start;
    let mut generous = things.clone();
    for thing in generous.all.iter_mut().filter(|thing| thing.stays()) {
        thing.take = Doing::unended(NOBODY, first);
    }
    if let Err(wrong) = fit(calls, &generous) {
        return Answer::Wrong(wrong);
    }
    let due = due(calls, &things);
    if !assign(calls, &mut things, due) {
        return Answer::Undecided;
    }
    match fit(calls, &things) {
        Ok(fits) => written(&things, fits),
        Err(_) => Answer::Undecided,
    }
}
