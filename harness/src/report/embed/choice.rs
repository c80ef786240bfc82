//! Which operations a page holds: all of them, or of a long run those that matter and a layered sample of the rest.

use super::operations::Op;
use crate::report::samples::Answer;

/// Up to so many operations all are embedded.
pub const ALL: usize = 200_000;
/// Above that, so many served ones are chosen.
const SERVED: usize = 120_000;
/// Operations that matter (not served, or near an anomaly) are embedded whole up to this number.
const MATTER: usize = 260_000;
/// Chosen from each group: the fastest, the slowest, and others evenly by rank.
const EACH: usize = 6;

/// An operation that is embedded, and for how many it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chosen {
    /// Its position.
    pub at: usize,
    /// How many operations it stands for, itself included.
    pub weight: u32,
}

/// What was chosen, in the order of invocations, and what was left out, in a sentence.
#[derive(Debug)]
pub struct Choice {
    /// The chosen.
    pub chosen: Vec<Chosen>,
    /// `None`: nothing was left out.
    pub left_out: Option<String>,
    /// The length of the stretches of time within which numbers are exact; 0: everywhere.
    pub stretch_ns: u64,
}

/// Chooses. `windows` are stretches (ns) of which every operation is wanted. O(n log n).
///
/// Groups are operations of one verb, node and answer that were invoked in one stretch of time. Of a group the
/// fastest and the slowest stand for themselves, and up to four between them for the rest, evenly by rank: so
/// extremes are exact, numbers are exact for each stretch, and quantiles are near.
pub fn choose(ops: &[Op], windows: &[(u64, u64)], end_ns: u64) -> Choice {
    if ops.len() <= ALL {
        let chosen = (0..ops.len()).map(|at| Chosen { at, weight: 1 });
        return Choice {
            chosen: chosen.collect(),
            left_out: None,
            stretch_ns: 0,
        };
    }
    let near = |op: &Op| {
        windows
            .iter()
            .any(|(from, to)| op.start_ns <= *to && *from <= op.end_ns)
    };
    let mut matter = Vec::new();
    let mut rest = Vec::new();
    for (at, op) in ops.iter().enumerate() {
        if !op.answer.served() || op.is_final || near(op) {
            matter.push(at);
        } else {
            rest.push(at);
        }
    }
    let mut chosen = Vec::with_capacity(SERVED + matter.len());
    let whole = matter.len() <= MATTER;
    if whole {
        chosen.extend(matter.iter().map(|at| Chosen { at: *at, weight: 1 }));
    } else {
        sample(ops, matter.clone(), MATTER, end_ns, &mut chosen);
    }
    let rest_count = rest.len();
    let stretch_ns = sample(ops, rest, SERVED, end_ns, &mut chosen);
    chosen.sort_unstable_by_key(|chosen| chosen.at);
    let count = |number: usize| crate::report::units::count(number as u64);
    let mattering = if whole {
        format!(
            "every one of the {} that were not served or happened around an anomaly",
            count(matter.len())
        )
    } else {
        format!(
            "a layered sample of the {} that were not served",
            count(matter.len())
        )
    };
    let left_out = format!(
        "Interactive plots hold {} of {} operations: {mattering}, and of the {} others the fastest, the slowest and up to {} between of every group of one verb and node in a short stretch of time. Numbers and extremes are exact; quantiles are near. history.jsonl has them all.",
        count(chosen.len()),
        count(ops.len()),
        count(rest_count),
        EACH - 2,
    );
    Choice {
        chosen,
        left_out: Some(left_out),
        stretch_ns,
    }
}

/// Verb, node and answer.
type Kind = (u32, u32, Answer);

/// Chooses about `most` of `from` by groups; answers how long a group's stretch of time is.
fn sample(ops: &[Op], from: Vec<usize>, most: usize, end_ns: u64, chosen: &mut Vec<Chosen>) -> u64 {
    let kind = |op: &Op| (op.verb, op.node, op.answer);
    let mut kinds: Vec<Kind> = from.iter().map(|at| kind(&ops[*at])).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let stretches = (most / EACH / kinds.len().max(1)).max(1) as u64;
    let width_ns = end_ns / stretches + 1;
    let mut keyed: Vec<((u64, Kind), u64, usize)> = (from.into_iter())
        .map(|at| {
            let op = &ops[at];
            ((op.start_ns / width_ns, kind(op)), op.latency_ns(), at)
        })
        .collect();
    keyed.sort_unstable();
    for group in keyed.chunk_by(|a, b| a.0 == b.0) {
        let last = group.len() - 1;
        if group.len() <= EACH {
            chosen.extend(group.iter().map(|(.., at)| Chosen { at: *at, weight: 1 }));
            continue;
        }
        let middles = EACH - 2;
        let inner = group.len() - 2;
        for (rank, number) in [(0, 1), (last, 1)] {
            chosen.push(Chosen {
                at: group[rank].2,
                weight: number,
            });
        }
        for middle in 0..middles {
            // The ranks 1 to last-1 in equal parts; the one in the middle of its part stands for it.
            let (from, to) = (inner * middle / middles, inner * (middle + 1) / middles);
            chosen.push(Chosen {
                at: group[1 + usize::midpoint(from, to)].2,
                weight: u32::try_from(to - from).unwrap_or(u32::MAX),
            });
        }
    }
    width_ns
}

#[cfg(test)]
mod tests {
    use super::*;

    fn op(number: u64, answer: Answer) -> Op {
        Op {
            start_ns: number * 1_000,
            end_ns: number * 1_000 + (number * 7_919) % 1_000_000,
            answer,
            verb: (number % 2) as u32,
            node: (number % 3) as u32,
            ..Op::default()
        }
    }

    #[test]
    fn a_sample_keeps_all_that_matters_all_extremes_and_the_exact_number() {
        let ops: Vec<Op> = (0..500_000)
            .map(|number| {
                let answer = if number % 50 == 7 {
                    Answer::Info
                } else {
                    Answer::Ok
                };
                op(number, answer)
            })
            .collect();
        let windows = [(100_000_000, 101_000_000)];
        let choice = choose(&ops, &windows, 500_000_000);
        let chosen = &choice.chosen;
        assert!(chosen.len() < 160_000, "{}", chosen.len());
        assert!(chosen.windows(2).all(|pair| pair[0].at < pair[1].at));
        let weight: u64 = chosen.iter().map(|c| u64::from(c.weight)).sum();
        assert_eq!(weight, 500_000);
        let infos = chosen.iter().filter(|c| ops[c.at].answer == Answer::Info);
        assert_eq!(infos.count(), 10_000);
        let inside = (100_000..=101_000).filter(|at| chosen.iter().any(|c| c.at == *at));
        assert_eq!(inside.count(), 1_001);
        let slowest = |all: &mut dyn Iterator<Item = &Op>| all.map(Op::latency_ns).max();
        assert_eq!(
            slowest(&mut ops.iter()),
            slowest(&mut chosen.iter().map(|c| &ops[c.at]))
        );
        assert!(choice.left_out.is_some());
    }

    #[test]
    fn a_short_run_is_embedded_whole() {
        let ops: Vec<Op> = (0..10).map(|number| op(number, Answer::Ok)).collect();
        let choice = choose(&ops, &[], 10_000);
        assert_eq!(choice.chosen.len(), 10);
        assert_eq!(choice.left_out, None);
    }
}
