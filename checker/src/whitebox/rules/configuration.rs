//! V17: an entry makes one configuration, whoever takes it from the log.

use std::collections::BTreeMap;

use super::Rule;
use crate::whitebox::judge::{Findings, Seen};
use crate::whitebox::{Event, Id, Invariant, Members, Place};

#[derive(Default)]
pub(super) struct Configuration {
    known: BTreeMap<Id, (Members, Place)>,
}

impl Rule for Configuration {
    fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        let Event::Config { entry, members } = seen.event else {
            return;
        };
        if *entry == Id::default() {
            return;
        }
        let known = self.known.entry(*entry);
        let (other, place) = known.or_insert_with(|| (members.clone(), seen.place));
        let (place, holds) = (*place, other == members);
        findings.check(Invariant::V17, holds, seen, || {
            let what = format!(
                "{} reads {members:?} in entry {entry}, where {} read {other:?}",
                seen.node, place.node
            );
            (what, vec![place])
        });
    }
}
