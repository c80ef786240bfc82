//! V31: after a failed sync nobody knows what is on disk, so nothing is taken for synced until a restart has read it.

use super::Rule;
use crate::whitebox::judge::{Findings, Seen};
use crate::whitebox::{Event, Invariant};

pub(super) struct FailStop;

impl Rule for FailStop {
    fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings) {
        let Event::Synced { file, .. } = seen.event else {
            return;
        };
        let failed = seen.me.sync_failed;
        findings.check(Invariant::V31, failed.is_none(), seen, || {
            let what = format!(
                "{} goes on and takes {file:?} for synced after a sync has failed",
                seen.node
            );
            (what, failed.into_iter().collect())
        });
    }
}
