//! What the judge finds: which invariant, where, in words, and the places that prove it.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Node;

/// Where in the evidence something stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place {
    /// Whose evidence.
    pub node: Node,
    /// Its line, from 1; or whatever else numbers the events of one node.
    pub line: u64,
    /// Harness time, nanoseconds.
    pub at_ns: u64,
}

/// Something that must never happen, and did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// Which invariant.
    pub invariant: Invariant,
    /// Where it showed.
    pub place: Place,
    /// What happened, in words.
    pub what: String,
    /// Other places that prove it.
    pub because: Vec<Place>,
}

/// The invariants, numbered as in the white-box list of the field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[allow(missing_docs, reason = "`Invariant::statement` says each")]
pub enum Invariant {
    V01,
    V02,
    V03,
    V04,
    V05,
    V06,
    V07,
    V08,
    V09,
    V10,
    V11,
    V12,
    V13,
    V14,
    V15,
    V16,
    V17,
    V18,
    V19,
    V25,
    V26,
    V28,
    V29,
    V30,
    V31,
}

impl Invariant {
    /// All that are judged by evidence or, V30, by looking at files.
    pub const ALL: [Invariant; 25] = [
        Invariant::V01,
        Invariant::V02,
        Invariant::V03,
        Invariant::V04,
        Invariant::V05,
        Invariant::V06,
        Invariant::V07,
        Invariant::V08,
        Invariant::V09,
        Invariant::V10,
        Invariant::V11,
        Invariant::V12,
        Invariant::V13,
        Invariant::V14,
        Invariant::V15,
        Invariant::V16,
        Invariant::V17,
        Invariant::V18,
        Invariant::V19,
        Invariant::V25,
        Invariant::V26,
        Invariant::V28,
        Invariant::V29,
        Invariant::V30,
        Invariant::V31,
    ];

    /// Its position in [`Invariant::ALL`].
    pub(super) fn position(self) -> usize {
        self as usize
    }

    /// What must hold.
    pub fn statement(self) -> &'static str {
        match self {
            Invariant::V01 => "at most one leader in a term",
            Invariant::V02 => "a node votes at most once in a term, restarts included",
            Invariant::V03 => "term, vote and log on disk never go back, restarts included",
            Invariant::V04 => "an index and term name one content, on any node, ever",
            Invariant::V05 => "a leader has every entry that earlier terms committed",
            Invariant::V06 => "a leader only appends to its log",
            Invariant::V07 => "a committed entry never changes",
            Invariant::V08 => "what a leader commits is of its term and on the disks of a quorum",
            Invariant::V09 => "commit grows, and a follower's never runs ahead of any leader's",
            Invariant::V10 => "entries are applied once each, in order",
            Invariant::V11 => "snapshot, applied and commit indices are in order",
            Invariant::V12 => "equal applied indices have equal states",
            Invariant::V13 => "what is applied is what was logged and committed",
            Invariant::V14 => "nothing is acknowledged beyond what is on disk or committed",
            Invariant::V15 => {
                "term and vote are on disk before a message that rests on them leaves"
            }
            Invariant::V16 => "a snapshot is the state at its index",
            Invariant::V17 => "an entry makes one configuration, the same everywhere",
            Invariant::V18 => "a linearizable read is confirmed by a quorum after it began",
            Invariant::V19 => {
                "a read sees all that was committed before it began, whatever leases say"
            }
            Invariant::V25 => "a forwarded write is answered once, to the node that forwarded it",
            Invariant::V26 => "votes and acknowledgements that count were given",
            Invariant::V28 => "a term begins with a candidate's own step or a peer's word",
            Invariant::V29 => {
                "leaders are voters and have a quorum of every half of their configuration"
            }
            Invariant::V30 => "the files that a node leaves are whole",
            Invariant::V31 => "after a failed sync nothing is taken for synced",
        }
    }
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}", self.node, self.line)
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Violation {
            invariant,
            place,
            what,
            because,
        } = self;
        write!(
            f,
            "{invariant} ({}): {what} [{place}",
            invariant.statement()
        )?;
        for place in because {
            write!(f, "; {place}")?;
        }
        f.write_str("]")
    }
}
