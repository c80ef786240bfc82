//! What the end of a run shows: did the cluster recover, are its files whole, did a node end by itself?

use checker::{Valid, Verdict};

use super::verdict;
use crate::ending::Ending;

pub(super) fn recovery(ending: &Ending) -> Verdict {
    match (&ending.not_recovered, ending.recovered_after_ns) {
        (Some(problem), _) => verdict(
            "recovery",
            Valid::No,
            format!("the cluster did not recover after everything was healed: {problem}"),
        ),
        (None, Some(after)) => verdict(
            "recovery",
            Valid::Yes,
            format!(
                "one leader and everybody caught up {:.2} s after the last heal, without new writes",
                after as f64 / 1e9
            ),
        ),
        (None, None) => verdict(
            "recovery",
            Valid::Unknown,
            "nobody looked whether the cluster recovered".into(),
        ),
    }
}

/// V30; none where nobody looked.
pub(super) fn files(ending: &Ending) -> Option<Verdict> {
    let (valid, summary) = match ending.damaged.as_slice() {
        [] if ending.verified == 0 => return None,
        [] => {
            let count = ending.verified;
            (
                Valid::Yes,
                format!("the data directories of all {count} nodes are whole"),
            )
        }
        damaged => {
            let summary = format!("data directories are damaged (V30): {}", damaged.join("; "));
            (Valid::No, summary)
        }
    };
    Some(verdict("files", valid, summary))
}

pub(super) fn nodes(ending: &Ending) -> Verdict {
    match ending.node_failures.as_slice() {
        [] => verdict("nodes", Valid::Yes, "no node ended by itself".into()),
        failures => verdict(
            "nodes",
            Valid::No,
            format!("nodes ended by themselves: {}", failures.join("; ")),
        ),
    }
}
