//! V10, V11, V12, V16: entries are applied once, in order, after they are committed, and make the same state everywhere.

use super::Rule;
use crate::whitebox::judge::{Findings, Seen};
use crate::whitebox::names::Table;
use crate::whitebox::{Event, Id, Invariant, Place};

#[derive(Default)]
pub(super) struct Applied {
    states: Table<(u64, Place)>,
}

impl Applied {
    fn same(
        &mut self,
        invariant: Invariant,
        seen: &Seen<'_>,
        id: Id,
        state: u64,
        findings: &mut Findings,
    ) {
        let known = self.states.get(id.index).copied();
        if known.is_none() {
            self.states.set(id.index, (state, seen.place));
        }
        let (other, place) = known.unwrap_or((state, seen.place));
        findings.check(invariant, other == state, seen, || {
            let what = format!(
                "the state of {} after {id} is {state:016x}, and {} had {other:016x}",
                seen.node, place.node
            );
            (what, vec![place])
        });
    }
}

impl Rule for Applied {
    fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        match seen.event {
            Event::Apply { entries } => {
                let mut before = seen.me.applied;
                for entry in entries {
                    findings.check(Invariant::V10, entry.id.index == before + 1, seen, || {
                        let what =
                            format!("{} applies {} after index {before}", seen.node, entry.id);
                        (what, Vec::new())
                    });
                    before = entry.id.index;
                    self.same(Invariant::V12, seen, entry.id, entry.state, findings);
                }
                let commit = seen.me.commit;
                findings.check(Invariant::V11, before <= commit.index, seen, || {
                    let what = format!(
                        "{} has applied up to index {before}, with {commit} its last committed entry",
                        seen.node
                    );
                    (what, Vec::new())
                });
            }
            Event::Restore { last, state } => {
                findings.check(Invariant::V10, last.index > seen.me.applied, seen, || {
                    let what = format!(
                        "{} goes back from applied index {} to {last}",
                        seen.node, seen.me.applied
                    );
                    (what, Vec::new())
                });
                self.same(Invariant::V16, seen, *last, *state, findings);
            }
            Event::Snapshot {
                last,
                installed: false,
                ..
            } => {
                findings.check(Invariant::V11, last.index <= seen.me.applied, seen, || {
                    let what = format!(
                        "{} keeps a snapshot {last} of more than it has applied, {}",
                        seen.node, seen.me.applied
                    );
                    (what, Vec::new())
                });
            }
            _ => {}
        }
    }
}
