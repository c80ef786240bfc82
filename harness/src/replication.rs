//! Replication modes of the system under test: when it answers a write, and what it then promises.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// When a write is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replication {
    /// Once every node has it.
    Sync,
    /// Once a majority has it.
    #[default]
    Majority,
    /// Once the leader and one other node have it.
    SemiSync,
    /// Once the leader has it.
    Async,
}

impl Replication {
    /// All of them, the one that waits longest first.
    pub const ALL: [Replication; 4] = [
        Replication::Sync,
        Replication::Majority,
        Replication::SemiSync,
        Replication::Async,
    ];

    /// Its name, as a flag has it.
    pub fn name(self) -> &'static str {
        match self {
            Replication::Sync => "sync",
            Replication::Majority => "majority",
            Replication::SemiSync => "semi-sync",
            Replication::Async => "async",
        }
    }

    /// Whether an acknowledged write outlives every change of leadership in a cluster of so many nodes: it does
    /// where those that had it when it was acknowledged are in every majority.
    pub fn keeps_what_is_acknowledged(self, nodes: u16) -> bool {
        match self {
            Replication::Sync | Replication::Majority => true,
            Replication::SemiSync => nodes <= 3,
            Replication::Async => nodes <= 1,
        }
    }
}

impl fmt::Display for Replication {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Replication {
    type Err = ();

    fn from_str(text: &str) -> Result<Replication, ()> {
        let known = Replication::ALL.into_iter();
        known.into_iter().find(|mode| mode.name() == text).ok_or(())
    }
}
