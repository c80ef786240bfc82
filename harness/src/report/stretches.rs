//! The stretches of time that explain a run's violations: of these the page holds all it can get.

use checker::{History, Valid, Verdict, Violation};

/// Before the first and after the last operation of a violation, so much is wanted.
const AROUND_NS: u64 = 250_000_000;
/// The beginning of a long story is left out.
const LONGEST_NS: u64 = 5_000_000_000;
/// Violations that are told with their stretches.
const MOST: usize = 200;

/// The violations to tell, in the order in which they came to light: those that clients saw, or, where they saw none, all.
pub fn told(verdicts: &[Verdict]) -> Vec<&Violation> {
    let broken = || {
        (verdicts.iter())
            .filter(|verdict| verdict.valid == Valid::No)
            .flat_map(|verdict| &verdict.violations)
    };
    let seen = |violation: &&Violation| !violation.operations.is_empty();
    let anything_seen = broken().any(|violation| seen(&violation));
    let mut all: Vec<&Violation> = broken()
        .filter(|violation| !anything_seen || seen(violation))
        .take(MOST)
        .collect();
    all.sort_by_key(|violation| violation.prefix_end);
    all
}

/// When a violation came to light, by what clients saw: the end of its shortest wrong prefix.
pub fn moment_ns(history: &History, violation: &Violation) -> Option<u64> {
    let at = usize::try_from(violation.prefix_end).ok()?;
    let columns = history.columns();
    (at < columns.len()).then(|| columns.time_ns(at))
}

/// When the first operation that matters began.
pub fn first_ns(violation: &Violation, moment_ns: u64) -> u64 {
    let essential = violation.operations.iter().filter(|o| o.essential);
    (essential.map(|o| o.start_ns).min()).map_or(moment_ns, |first| first.min(moment_ns))
}

/// From the first operation that matters to the moment at which a violation was complete, and a little around it.
pub fn around(violation: &Violation, moment_ns: u64) -> (u64, u64) {
    // What matters may lie far back; the end of the story is what is looked at.
    let from_ns = first_ns(violation, moment_ns).max(moment_ns.saturating_sub(LONGEST_NS));
    (
        from_ns.saturating_sub(AROUND_NS),
        moment_ns.saturating_add(AROUND_NS),
    )
}

/// The stretches of all violations that are told and that clients saw, in nanoseconds since the run began.
pub fn stretches(history: &History, verdicts: &[Verdict]) -> Vec<(u64, u64)> {
    (told(verdicts).into_iter())
        .filter_map(|violation| Some(around(violation, moment_ns(history, violation)?)))
        .collect()
}
