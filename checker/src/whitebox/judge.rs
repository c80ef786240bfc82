//! Takes evidence, one event at a time, and says what of it must not be.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::facts::{Facts, NodeFacts};
use super::rules::{self, Rule};
use super::sometimes::{Coverage, Observer};
use super::{Event, Invariant, Node, Place, Violation};

/// How many violations are kept whole; all are counted.
const KEPT: usize = 200;

/// Judges a run while its evidence comes in.
///
/// Events of one node come in that node's order. Events of different nodes should come by harness time, or in the order of
/// a simulator: that a message arrives after it was sent, and that a read begins after what was committed before it, is
/// taken from that order.
pub struct Judge {
    facts: Facts,
    rules: Vec<Box<dyn Rule>>,
    findings: Findings,
    observer: Observer,
}

/// What the rules have found so far.
#[derive(Default)]
pub(super) struct Findings {
    violations: Vec<Violation>,
    /// By [`Invariant::position`].
    violated: [u64; Invariant::ALL.len()],
    checks: [u64; Invariant::ALL.len()],
}

/// An event in its place, with what was known before it.
pub(super) struct Seen<'a> {
    pub(super) node: Node,
    pub(super) place: Place,
    pub(super) event: &'a Event,
    /// Of the node itself.
    pub(super) me: &'a NodeFacts,
    pub(super) facts: &'a Facts,
}

/// The verdict on what was observed.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Judgement {
    /// How many events were judged.
    pub events: u64,
    /// The first ones, in the order in which they were found.
    pub violations: Vec<Violation>,
    /// How often each invariant was violated; those that were not are left out.
    pub violated: BTreeMap<Invariant, u64>,
    /// How often each invariant was put to the test; one that is missing here was not judged at all.
    pub checks: BTreeMap<Invariant, u64>,
    /// How often what a good run ought to have seen was seen.
    pub coverage: Coverage,
}

impl Findings {
    /// Puts an invariant to the test.
    pub(super) fn check(
        &mut self,
        invariant: Invariant,
        holds: bool,
        seen: &Seen<'_>,
        otherwise: impl FnOnce() -> (String, Vec<Place>),
    ) {
        self.checks[invariant.position()] += 1;
        if holds {
            return;
        }
        self.violated[invariant.position()] += 1;
        if self.violations.len() < KEPT {
            let (what, because) = otherwise();
            self.violations.push(Violation {
                invariant,
                place: seen.place,
                what,
                because,
            });
        }
    }
}

impl Default for Judge {
    fn default() -> Judge {
        Judge::new()
    }
}

impl Judge {
    /// A judge who has seen nothing.
    pub fn new() -> Judge {
        Judge {
            facts: Facts::default(),
            rules: rules::all(),
            findings: Findings::default(),
            observer: Observer::default(),
        }
    }

    /// Takes the next event of `place.node`. Amortized O(log n) in what is known.
    pub fn observe(&mut self, place: Place, event: &Event) {
        let node = place.node;
        self.facts.introduce(node);
        let Some(me) = self.facts.node(node) else {
            return;
        };
        let seen = Seen {
            node,
            place,
            event,
            me,
            facts: &self.facts,
        };
        for rule in &mut self.rules {
            rule.observe(&seen, &mut self.findings);
        }
        self.observer.observe(&seen);
        self.facts.take(node, place, event);
    }

    /// What was found so far, in order; at most the first 200.
    pub fn violations(&self) -> &[Violation] {
        &self.findings.violations
    }

    /// The verdict.
    pub fn finish(self) -> Judgement {
        let counts = |counts: [u64; Invariant::ALL.len()]| {
            let all = Invariant::ALL.into_iter().zip(counts);
            all.filter(|(_, count)| *count > 0).collect()
        };
        Judgement {
            events: self.facts.steps,
            violations: self.findings.violations,
            violated: counts(self.findings.violated),
            checks: counts(self.findings.checks),
            coverage: self.observer.finish(&self.facts),
        }
    }
}

impl Judgement {
    /// Whether nothing was found that must not be.
    pub fn is_valid(&self) -> bool {
        self.violated.is_empty()
    }
}
