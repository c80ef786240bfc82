//! One file for each invariant or family of them. A rule sees an event together with what was known before it.

mod applied;
mod causes;
mod committed;
mod configuration;
mod durable;
mod elections;
mod fail_stop;
mod names;
mod promises;
mod reads;

use super::judge::{Findings, Seen};

/// Judges some invariants.
pub(super) trait Rule: Send {
    fn observe(&mut self, seen: &Seen<'_>, findings: &mut Findings);
}

/// All of them.
pub(super) fn all() -> Vec<Box<dyn Rule>> {
    vec![
        Box::new(elections::Elections::default()),
        Box::new(durable::Durable),
        Box::new(names::Contents::default()),
        Box::new(committed::Committed::default()),
        Box::new(applied::Applied::default()),
        Box::new(promises::Promises),
        Box::new(configuration::Configuration::default()),
        Box::new(reads::Reads::default()),
        Box::new(fail_stop::FailStop),
        Box::new(causes::Causes::default()),
    ]
}
