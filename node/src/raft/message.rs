//! What nodes say to each other about the log. A message travels only on the connection its sender dialled.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::quorum::Configured;
use super::types::{Entry, Index, LogId, NodeId, RequestId, Term};

/// One message of the protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// Who speaks.
    pub from: NodeId,
    /// To whom.
    pub to: NodeId,
    /// The speaker's term; in a pre-vote and its grant, the term that is asked about.
    pub term: Term,
    /// What is said.
    pub body: Body,
}

/// Counts a leader's rounds of heartbeats; an echo of it proves that the follower still followed
/// *after* that round began (ReadIndex, check-quorum).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Round(pub u64);

/// The kinds of message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Body {
    /// "Would you vote for me in `term`?" Changes nothing at the receiver (Raft dissertation, 9.6).
    PreVote {
        /// The asker's last entry.
        last: LogId,
    },
    /// Answers [`Body::PreVote`]. A refusal carries the refuser's own term, which an asker that lags adopts.
    PreVoteReply {
        /// Would vote.
        granted: bool,
    },
    /// RequestVote (Raft paper, 5.2).
    Vote {
        /// The candidate's last entry.
        last: LogId,
        /// Overrides leader stickiness: the leader itself asked for this election.
        transfer: bool,
    },
    /// Answers [`Body::Vote`].
    VoteReply {
        /// Voted for the candidate.
        granted: bool,
    },
    /// AppendEntries with entries, or a probe without (Raft paper, 5.3).
    Append {
        /// The entry before the first one sent.
        prev: LogId,
        /// Contiguous, the first at `prev.index + 1`.
        entries: Vec<Entry>,
        /// The leader's commit index.
        commit: Index,
        /// The leader's current round.
        round: Round,
    },
    /// Answers [`Body::Append`]; success is sent only once the entries are on disk.
    AppendReply {
        /// What came of it.
        result: Appended,
        /// Echo.
        round: Round,
    },
    /// Keeps followers, carries commit, begins a round for reads.
    Heartbeat {
        /// min(match of the receiver, leader's commit): never above what the receiver is known to share.
        commit: Index,
        /// The round that it begins or repeats.
        round: Round,
    },
    /// Answers [`Body::Heartbeat`].
    HeartbeatReply {
        /// Echo.
        round: Round,
    },
    /// A follower asks the leader for a read index (Raft dissertation, 6.4).
    ReadIndex {
        /// The follower's name for the read.
        id: RequestId,
    },
    /// Answers [`Body::ReadIndex`].
    ReadIndexReply {
        /// Echo.
        id: RequestId,
        /// Serve once this is applied; `None`: the asked node could not confirm that it leads.
        index: Option<Index>,
    },
    /// InstallSnapshot (Raft paper, 7): a piece of the state that stands in for entries that the leader does
    /// not have any more.
    Snapshot {
        /// The piece.
        chunk: Chunk,
        /// The leader's current round.
        round: Round,
    },
    /// Answers [`Body::Snapshot`].
    SnapshotReply {
        /// Of which snapshot.
        last: LogId,
        /// Bytes from the beginning that it holds; the leader goes on from there.
        received: u64,
        /// Everything up to `last` is on its disk, by this snapshot or without it.
        installed: bool,
        /// Echo.
        round: Round,
    },
    /// Leadership transfer: campaign at once (Raft dissertation, 3.10).
    TimeoutNow,
}

/// A piece of a snapshot. Its own checksum is the frame's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// The last entry that the snapshot covers.
    pub last: LogId,
    /// The configuration that counted when that entry was the last.
    pub configured: Configured,
    /// Bytes of the whole snapshot.
    pub size: u64,
    /// crc32c of the whole snapshot.
    pub crc: u32,
    /// Where in the snapshot the piece begins.
    pub offset: u64,
    /// The piece.
    pub bytes: Arc<[u8]>,
}

/// What a follower made of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Appended {
    /// `prev` and all entries are in its log, on disk, up to here.
    Match {
        /// `prev.index + entries.len()`.
        index: Index,
    },
    /// It has no entry `prev`. The leader continues below the hint.
    Conflict {
        /// The `prev` that was refused, so that late refusals are told from current ones.
        prev: LogId,
        /// The last entry of the follower's log that could still match: at or below `prev.index`, skipping
        /// the whole conflicting term.
        hint: LogId,
    },
}

impl Body {
    /// The number of the kind on the wire, in every frame's header, so that a proxy can tell kinds apart.
    pub fn kind(&self) -> u8 {
        match self {
            Body::PreVote { .. } => 2,
            Body::PreVoteReply { .. } => 3,
            Body::Vote { .. } => 4,
            Body::VoteReply { .. } => 5,
            Body::Append { .. } => 6,
            Body::AppendReply { .. } => 7,
            Body::Heartbeat { .. } => 8,
            Body::HeartbeatReply { .. } => 9,
            Body::ReadIndex { .. } => 10,
            Body::ReadIndexReply { .. } => 11,
            Body::Snapshot { .. } => 14,
            Body::SnapshotReply { .. } => 15,
            Body::TimeoutNow => 16,
        }
    }
}
