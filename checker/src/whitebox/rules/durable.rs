//! V03, V06: what is on a disk never goes back, and a leader only appends.

use super::Rule;
use crate::whitebox::facts::Written;
use crate::whitebox::judge::{Findings, Seen};
use crate::whitebox::{Boot, Event, Id, Invariant};

pub(super) struct Durable;

impl Rule for Durable {
    fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        match seen.event {
            Event::HardState { term, vote, .. } => {
                let before = seen.me.hard_written;
                let holds = *term > before.term
                    || (*term == before.term && (vote.is_some() || before.vote.is_none()));
                findings.check(Invariant::V03, holds, seen, || {
                    let what = format!(
                        "{} writes term {term} over term {}, or forgets its vote in it",
                        seen.node, before.term
                    );
                    (what, Vec::new())
                });
            }
            Event::Boot(boot) => {
                hard_state(seen, boot, findings);
                log(seen, boot, findings);
            }
            Event::Append { entries, .. } => {
                // Who led a term may get its own entries back in a later one; term and vote reach the disk before
                // whatever rests on them.
                let leads = |term| {
                    let leader = seen.facts.leaders.get(&term);
                    term == seen.me.hard_written.term
                        && leader.is_some_and(|(leader, _)| *leader == seen.node)
                };
                for record in entries.iter().filter(|record| leads(record.id.term)) {
                    let there = seen.me.written.term(record.id.index);
                    let holds = there.is_none_or(|term| term == record.id.term);
                    findings.check(Invariant::V06, holds, seen, || {
                        let old = Id::new(record.id.index, there.unwrap_or_default());
                        let what = format!(
                            "{}, who leads term {}, puts {} in the place of {old}",
                            seen.node, record.id.term, record.id
                        );
                        (what, Vec::new())
                    });
                }
            }
            _ => {}
        }
    }
}

fn hard_state(seen: &Seen<'_>, boot: &Boot, findings: &mut Findings) {
    let before = seen.me.hard;
    let holds = boot.term > before.term
        || (boot.term == before.term && (before.vote.is_none() || boot.vote == before.vote));
    findings.check(Invariant::V03, holds, seen, || {
        let vote =
            |vote: Option<crate::whitebox::Node>| vote.map_or("none".into(), |v| v.to_string());
        let what = format!(
            "{} starts with term {} and vote {}, but term {} and vote {} were on its disk",
            seen.node,
            boot.term,
            vote(boot.vote),
            before.term,
            vote(before.vote)
        );
        (what, Vec::new())
    });
    let holds = boot.snapshot.index >= seen.me.snapshot.index;
    findings.check(Invariant::V03, holds, seen, || {
        let what = format!(
            "{} starts with snapshot {}, but {} was on its disk",
            seen.node, boot.snapshot, seen.me.snapshot
        );
        (what, Vec::new())
    });
}

/// Every entry that was synced is there again, unless the snapshot covers it or something that was written behind it
/// and never synced has survived and replaces it.
fn log(seen: &Seen<'_>, boot: &Boot, findings: &mut Findings) {
    let replaced_from = seen.me.lost.iter().map(|lost| match lost.what {
        Written::Record(record) => record.id.index,
        Written::Anew { .. } => 0,
    });
    let replaced_from = replaced_from.min().unwrap_or(u64::MAX);
    let Some(last) = seen.me.durable.last() else {
        return;
    };
    let first = seen.me.durable.first().max(boot.snapshot.index + 1);
    let found = |id: Id| {
        let run = boot.log.partition_point(|run| run.last < id.index);
        let run = boot.log.get(run);
        run.is_some_and(|run| run.first <= id.index && run.term == id.term)
    };
    let missing = (first..=last.index.min(replaced_from.saturating_sub(1)))
        .filter_map(|index| seen.me.durable.term(index).map(|term| Id { index, term }))
        .find(|id| !found(*id));
    findings.check(Invariant::V03, missing.is_none(), seen, || {
        let id = missing.unwrap_or_default();
        let what = format!(
            "{} starts without entry {id}, which was on its disk (the log there ended in {last})",
            seen.node
        );
        (what, Vec::new())
    });
}
