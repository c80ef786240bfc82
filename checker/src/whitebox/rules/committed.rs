//! V05, V07, V08, V09: what is committed, by whom, on whose disks, and that it stays so.

use std::collections::BTreeMap;

use super::Rule;
use crate::whitebox::judge::{Findings, Seen};
use crate::whitebox::{Event, Id, Invariant, Node, Place, Role};

#[derive(Default)]
pub(super) struct Committed {
    /// Leaders whose log was compared with what is committed, by term: at which index their term began.
    began: BTreeMap<u64, (Node, u64, Place)>,
}

impl Rule for Committed {
    fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        match seen.event {
            Event::Append { entries, .. } => {
                for record in entries {
                    self.first_of_term(seen, record.id, findings);
                }
            }
            Event::Commit { last } => {
                stays(seen, *last, findings);
                let before = seen.me.commit;
                findings.check(Invariant::V09, last.index > before.index, seen, || {
                    let what = format!(
                        "the commit index of {} goes from {before} to {last}",
                        seen.node
                    );
                    (what, Vec::new())
                });
                if seen.me.role == Role::Leader {
                    by_leader(seen, *last, findings);
                    self.later_leaders(seen, *last, findings);
                } else {
                    by_follower(seen, *last, findings);
                }
            }
            Event::Apply { entries } => {
                for entry in entries {
                    stays(seen, entry.id, findings);
                }
            }
            Event::Snapshot { last, .. } | Event::Restore { last, .. } => {
                stays(seen, *last, findings);
            }
            _ => {}
        }
    }
}

/// V07.
fn stays(seen: &Seen<'_>, id: Id, findings: &mut Findings) {
    let known = seen.facts.committed.get(id.index);
    let holds = known.is_none_or(|(term, _)| *term == id.term);
    findings.check(Invariant::V07, holds, seen, || {
        let (term, place) = known.map_or((0, seen.place), |known| *known);
        let other = Id::new(id.index, term);
        let what = format!("{} takes {id} for committed, where {other} was", seen.node);
        (what, vec![place])
    });
}

/// V08: of its own term (Raft paper, figure 8), and on disks.
fn by_leader(seen: &Seen<'_>, last: Id, findings: &mut Findings) {
    findings.check(Invariant::V08, last.term == seen.me.term, seen, || {
        let what = format!(
            "{}, who leads term {}, commits {last} by counting",
            seen.node, seen.me.term
        );
        (what, Vec::new())
    });
    let members = &seen.me.members;
    if members.voters.is_empty() {
        return;
    }
    let holds = |node: Node| seen.facts.node(node).is_some_and(|facts| facts.holds(last));
    findings.check(Invariant::V08, members.is_quorum(holds), seen, || {
        let without: Vec<String> = members
            .voters
            .iter()
            .chain(&members.old)
            .filter(|node| !holds(**node))
            .map(|node| {
                let end = seen
                    .facts
                    .node(*node)
                    .and_then(|facts| facts.durable.last());
                let end = end.map_or("nothing".to_owned(), |last| last.to_string());
                format!("{node} (on disk up to {end})")
            })
            .collect();
        let what = format!(
            "{} commits {last}, which is not on the disks of {}",
            seen.node,
            without.join(", ")
        );
        (what, Vec::new())
    });
}

/// V09: somebody must have committed it.
fn by_follower(seen: &Seen<'_>, last: Id, findings: &mut Findings) {
    let highest = seen.facts.highest.map_or(Id::default(), |(last, _)| last);
    findings.check(Invariant::V09, last.index <= highest.index, seen, || {
        let what = format!(
            "{} takes {last} for committed, but no leader has committed more than {highest}",
            seen.node
        );
        (what, seen.facts.highest.iter().map(|(_, p)| *p).collect())
    });
}

impl Committed {
    /// V05, at the first entry of a term: all that is committed lies before it in the leader's log.
    fn first_of_term(&mut self, seen: &Seen<'_>, id: Id, findings: &mut Findings) {
        let leader = seen.facts.leaders.get(&id.term);
        if self.began.contains_key(&id.term) || leader.is_none_or(|(node, _)| *node != seen.node) {
            return;
        }
        self.began
            .insert(id.term, (seen.node, id.index, seen.place));
        let Some((highest, place)) = seen.facts.highest.filter(|(last, _)| last.term < id.term)
        else {
            return;
        };
        let holds = seen.me.snapshot.index >= highest.index || seen.me.written.has(highest);
        findings.check(Invariant::V05, holds, seen, || {
            let what = format!(
                "{} leads term {} without entry {highest}, which is committed",
                seen.node, id.term
            );
            (what, vec![place])
        });
    }

    /// V05, where an earlier leader commits after later ones were elected: they must have it.
    fn later_leaders(&mut self, seen: &Seen<'_>, last: Id, findings: &mut Findings) {
        for (term, (leader, first, place)) in self.began.range(last.term + 1..) {
            let Some(facts) = seen.facts.node(*leader) else {
                continue;
            };
            let holds = facts.snapshot.index >= last.index
                || (last.index < *first && facts.written.has(last));
            findings.check(Invariant::V05, holds, seen, || {
                let what = format!(
                    "{} commits {last}, which {leader} lacked when it began to lead term {term}",
                    seen.node
                );
                (what, vec![*place])
            });
        }
    }
}
