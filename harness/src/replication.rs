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
    /// Once one other node has not only got it, but shows it to readers; of PostgreSQL alone.
    RemoteApply,
    /// Once the leader has it.
    Async,
}

impl Replication {
    /// All that somebody offers.
    pub const NAMED: [Replication; 5] = [
        Replication::Sync,
        Replication::Majority,
        Replication::RemoteApply,
        Replication::SemiSync,
        Replication::Async,
    ];

    /// All that `node` offers, the one that waits longest first.
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
            Replication::RemoteApply => "remote-apply",
            Replication::SemiSync => "semi-sync",
            Replication::Async => "async",
        }
    }

    /// Whether an acknowledged write outlives every change of leadership in a cluster of so many nodes: it does
    /// where those that had it when it was acknowledged are in every majority.
    pub fn keeps_what_is_acknowledged(self, nodes: u16) -> bool {
        match self {
            Replication::Sync | Replication::Majority => true,
            Replication::SemiSync | Replication::RemoteApply => nodes <= 3,
            Replication::Async => nodes <= 1,
        }
    }
}

/// What an acknowledgement promises in a run.
#[derive(Clone, Copy, Debug)]
pub struct Promise {
    /// When a write is answered.
    pub mode: Replication,
    /// Size of the cluster.
    pub nodes: u16,
    /// It is held to more than the mode says: `--strict`.
    pub strict: bool,
}

impl Promise {
    /// Must what is acknowledged be kept?
    pub fn keeps(self) -> bool {
        self.strict || self.mode.keeps_what_is_acknowledged(self.nodes)
    }

    /// Whose demand that is, in words.
    pub fn whose(self) -> String {
        if self.mode.keeps_what_is_acknowledged(self.nodes) || !self.strict {
            format!("the promise of {}", self.mode)
        } else {
            "--strict".into()
        }
    }

    /// Why it must be kept, in words.
    pub fn reason(self) -> String {
        let (mode, nodes) = (self.mode, self.nodes);
        if mode.keeps_what_is_acknowledged(nodes) {
            format!("{mode} with {nodes} nodes promises to keep it")
        } else {
            format!(
                "--strict demands that it is kept, though {mode} with {nodes} nodes does not promise it"
            )
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
        let known = Replication::NAMED.into_iter();
        known.into_iter().find(|mode| mode.name() == text).ok_or(())
    }
}
