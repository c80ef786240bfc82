//! V04, V13, V16: one content for each name, wherever the entry is written or applied; one for each snapshot.

use std::collections::BTreeMap;

use super::Rule;
use crate::whitebox::judge::{Findings, Seen};
use crate::whitebox::names::Table;
use crate::whitebox::{Event, Id, Invariant, Place};

#[derive(Default)]
pub(super) struct Contents {
    /// At each index, the content of the first entry that was seen there.
    first: Table<(u64, u64, Place)>,
    /// Of all others.
    more: BTreeMap<Id, (u64, Place)>,
    snapshots: BTreeMap<Id, (u64, Place)>,
}

impl Contents {
    fn known(&mut self, id: Id, hash: u64, place: Place) -> (u64, Place) {
        match self.first.get(id.index) {
            None => {
                self.first.set(id.index, (id.term, hash, place));
                (hash, place)
            }
            Some((term, hash, place)) if *term == id.term => (*hash, *place),
            Some(_) => *self.more.entry(id).or_insert((hash, place)),
        }
    }
}

impl Rule for Contents {
    fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        match seen.event {
            Event::Append { entries, .. } => {
                for record in entries {
                    let (hash, place) = self.known(record.id, record.hash, seen.place);
                    findings.check(Invariant::V04, hash == record.hash, seen, || {
                        let what = format!(
                            "{} writes an entry {} that differs from one of that name",
                            seen.node, record.id
                        );
                        (what, vec![place])
                    });
                }
            }
            Event::Apply { entries } => {
                for entry in entries {
                    let (hash, place) = self.known(entry.id, entry.hash, seen.place);
                    findings.check(Invariant::V13, hash == entry.hash, seen, || {
                        let what = format!(
                            "{} applies an entry {} that differs from the one that was logged",
                            seen.node, entry.id
                        );
                        (what, vec![place])
                    });
                }
            }
            Event::Snapshot { last, hash, .. } => {
                let (known, place) = *self.snapshots.entry(*last).or_insert((*hash, seen.place));
                findings.check(Invariant::V16, known == *hash, seen, || {
                    let what = format!(
                        "the snapshot {last} of {} differs from another of the same entries",
                        seen.node
                    );
                    (what, vec![place])
                });
            }
            _ => {}
        }
    }
}
