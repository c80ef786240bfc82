//! What a node does, as evidence. The judge's own types; how they are written down is [`super::lines`]' concern.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Members;

/// A node's number, from 1. Displayed `n1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Node(pub u16);

/// An entry's name, `index@term`; `0@0` is before the first. Written as `[index, term]`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(from = "(u64, u64)", into = "(u64, u64)")]
pub struct Id {
    /// Where.
    pub index: u64,
    /// Proposed by the leader of which term.
    pub term: u64,
}

/// An entry as it was written. As `[index, term, hash]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64, u64)", into = "(u64, u64, u64)")]
pub struct Record {
    /// Its name.
    pub id: Id,
    /// Of its kind and payload, the same wherever the entry is seen.
    pub hash: u64,
}

/// An entry as it was applied. As `[index, term, hash, state]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64, u64, u64)", into = "(u64, u64, u64, u64)")]
pub struct Applied {
    /// Its name.
    pub id: Id,
    /// Of its kind and payload.
    pub hash: u64,
    /// Of the whole state after it: data, sessions, leases.
    pub state: u64,
}

/// Consecutive entries of one term. As `[first, last, term]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "(u64, u64, u64)", into = "(u64, u64, u64)")]
pub struct Run {
    /// Index of the first.
    pub first: u64,
    /// Index of the last.
    pub last: u64,
    /// The term of all.
    pub term: u64,
}

/// When a client is answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Replication {
    /// Once a majority has the entry on disk and it is applied.
    #[default]
    Majority,
    /// Once every replica has it, too.
    Sync,
    /// Once the leader and one other have it; it may be lost.
    SemiSync,
    /// Once the leader has it; it may be lost.
    Async,
}

/// A node's part in the protocol.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// Follows, or waits.
    #[default]
    Follower,
    /// Asks whether it would win.
    PreCandidate,
    /// Asks for votes.
    Candidate,
    /// Orders the log.
    Leader,
}

/// A file of a node's data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum File {
    /// Term and vote.
    HardState,
    /// The log's segment with this number.
    Wal(u64),
    /// Anything else.
    Other,
}

/// What a node found when it started, and what it was told to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Boot {
    /// How often it has started, this time included.
    pub incarnation: u64,
    /// Its term, from disk.
    pub term: u64,
    /// Its vote, from disk.
    pub vote: Option<Node>,
    /// The last entry that its snapshot covers.
    pub snapshot: Id,
    /// The log that it found, in order.
    pub log: Vec<Run>,
    /// Bytes of a torn tail that were cut.
    pub torn: u64,
    /// Its configuration.
    pub members: Members,
    /// When it answers clients.
    pub replication: Replication,
    /// Leaders serve reads on leases.
    pub lease_reads: bool,
}

/// What one node said to another; the frame as it left or arrived.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// Would you vote for me?
    PreVote {
        /// The asker's last entry.
        last: Id,
    },
    /// Answers it.
    PreVoteReply {
        /// Would.
        granted: bool,
    },
    /// RequestVote.
    Vote {
        /// The candidate's last entry.
        last: Id,
        /// The leader asked for this election.
        transfer: bool,
    },
    /// Answers it.
    VoteReply {
        /// Voted.
        granted: bool,
    },
    /// AppendEntries.
    Append {
        /// The entry before the first one sent.
        prev: Id,
        /// The last one sent; `prev` where none is.
        last: Id,
        /// The leader's commit index.
        commit: u64,
        /// The leader's round of heartbeats.
        round: u64,
    },
    /// The follower's log equals the leader's up to `index`, on disk.
    Matched {
        /// Up to here.
        index: u64,
        /// Echo.
        round: u64,
    },
    /// The follower has no entry `prev`.
    Conflict {
        /// Echo.
        prev: Id,
        /// The last entry that could match.
        hint: Id,
        /// Echo.
        round: u64,
    },
    /// A leader's sign of life.
    Heartbeat {
        /// Up to here entries are committed that the follower has.
        commit: u64,
        /// The leader's round.
        round: u64,
    },
    /// Answers it.
    HeartbeatReply {
        /// Echo.
        round: u64,
    },
    /// A follower asks for a read index.
    ReadIndex {
        /// Its name for the question.
        id: u64,
    },
    /// Answers it.
    ReadIndexReply {
        /// Echo.
        id: u64,
        /// Serve once this is applied; `None`: ask again.
        index: Option<u64>,
    },
    /// A piece of a snapshot.
    Snapshot {
        /// The last entry that it covers.
        last: Id,
        /// Where the piece begins.
        offset: u64,
        /// The leader's round.
        round: u64,
    },
    /// Answers it.
    SnapshotReply {
        /// Of which snapshot.
        last: Id,
        /// Everything up to `last` is on disk.
        installed: bool,
        /// Echo.
        round: u64,
    },
    /// Campaign at once.
    TimeoutNow,
    /// A client's write for the leader.
    Forward {
        /// The forwarder's name for it.
        id: u64,
    },
    /// Answers it.
    ForwardReply {
        /// Echo.
        id: u64,
        /// The entry that carried the write, where it was done.
        entry: Option<Id>,
    },
}

/// One thing that a node did or saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// A process began; nothing that an earlier one had in memory is left.
    Start {
        /// Which node.
        node: Node,
    },
    /// It read its disk and takes part now.
    Boot(Box<Boot>),
    /// It will not start from what is on disk.
    Refused,
    /// It stopped as asked.
    Stop,
    /// Term and vote were written.
    HardState {
        /// Numbers the node's writes in the order in which they were made.
        write: u64,
        /// The term.
        term: u64,
        /// The vote.
        vote: Option<Node>,
    },
    /// Records were written to the log. One with an index that the log has already replaces that entry and all behind it.
    Append {
        /// As above.
        write: u64,
        /// Where.
        file: File,
        /// What.
        entries: Vec<Record>,
    },
    /// The log was begun anew behind a leader's snapshot.
    Anew {
        /// As above.
        write: u64,
        /// The segment that says so.
        file: File,
        /// Index of the next entry.
        first: u64,
    },
    /// A sync of a file returned: its writes up to this one outlive a power loss.
    Synced {
        /// Which file.
        file: File,
        /// The last write that was made when the sync began.
        write: u64,
    },
    /// Records that were never synced were wiped, from this write on.
    Erased {
        /// Where.
        file: File,
        /// The first write that is gone.
        write: u64,
    },
    /// A file is gone.
    Removed {
        /// Which.
        file: File,
    },
    /// A snapshot is on disk under its name, and the name is, too.
    Snapshot {
        /// The last entry that it covers.
        last: Id,
        /// Of its content.
        hash: u64,
        /// It came from a leader and stands in for the whole log.
        installed: bool,
    },
    /// The system refused an operation on the disk.
    DiskError {
        /// Of which file; a directory's, or one that was not there, is another.
        file: File,
        /// Which operation.
        operation: DiskOperation,
        /// For want of space alone.
        full: bool,
    },
    /// Role, term or leader changed.
    Role {
        /// The role from now on.
        role: Role,
        /// The term.
        term: u64,
        /// The leader, as far as known.
        leader: Option<Node>,
    },
    /// The commit index advanced.
    Commit {
        /// The last committed entry.
        last: Id,
    },
    /// Entries were given to the state machine.
    Apply {
        /// Which, in order.
        entries: Vec<Applied>,
    },
    /// An applied command was known from before and changed nothing.
    Repeated {
        /// The entry that repeated it.
        entry: Id,
        /// The entry that did it.
        first: Id,
    },
    /// The state was replaced by a leader's snapshot.
    Restore {
        /// The last entry that it covers.
        last: Id,
        /// Of the whole state.
        state: u64,
    },
    /// Entries of the own log were dropped for a leader's.
    RolledBack {
        /// Which.
        entries: Vec<Id>,
    },
    /// Another configuration is in effect.
    Config {
        /// The entry that says so; `0@0`: what the node was started with.
        entry: Id,
        /// The configuration.
        members: Members,
    },
    /// A frame is about to leave.
    Send {
        /// To whom.
        to: Node,
        /// In which term.
        term: u64,
        /// What.
        message: Message,
    },
    /// A frame arrived.
    Recv {
        /// From whom.
        from: Node,
        /// In which term.
        term: u64,
        /// What.
        message: Message,
    },
    /// A client's linearizable read arrived here.
    ReadBegin {
        /// The node's name for it.
        id: u64,
    },
    /// It is answered from the state.
    Read {
        /// Its name.
        id: u64,
        /// The state's last entry.
        applied: u64,
    },
    /// It could not be confirmed and is tried again.
    ReadRetried {
        /// Its name.
        id: u64,
    },
    /// A client is told that its write is done.
    Reply {
        /// The entry that carried it.
        entry: Id,
    },
    /// A leader gave up handing over.
    TransferAborted,
    /// A lease served a read with less than a tenth of it left.
    LateLeaseRead,
    /// The wall clock went elsewhere than the monotonic one, by so many milliseconds.
    ClockStep {
        /// By how much.
        by_ms: i64,
    },
}

/// What was asked of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskOperation {
    /// Making a file, or room in it.
    Create,
    /// Writing.
    Write,
    /// Syncing a file or the directory.
    Sync,
    /// Renaming or removing.
    Rename,
}

impl Id {
    /// Names entry `index` of `term`.
    pub fn new(index: u64, term: u64) -> Id {
        Id { index, term }
    }
}

impl From<(u64, u64)> for Id {
    fn from((index, term): (u64, u64)) -> Id {
        Id { index, term }
    }
}

impl From<Id> for (u64, u64) {
    fn from(id: Id) -> (u64, u64) {
        (id.index, id.term)
    }
}

impl From<(u64, u64, u64)> for Record {
    fn from((index, term, hash): (u64, u64, u64)) -> Record {
        let id = Id { index, term };
        Record { id, hash }
    }
}

impl From<Record> for (u64, u64, u64) {
    fn from(record: Record) -> (u64, u64, u64) {
        (record.id.index, record.id.term, record.hash)
    }
}

impl From<(u64, u64, u64, u64)> for Applied {
    fn from((index, term, hash, state): (u64, u64, u64, u64)) -> Applied {
        let id = Id { index, term };
        Applied { id, hash, state }
    }
}

impl From<Applied> for (u64, u64, u64, u64) {
    fn from(applied: Applied) -> (u64, u64, u64, u64) {
        let Applied { id, hash, state } = applied;
        (id.index, id.term, hash, state)
    }
}

impl From<(u64, u64, u64)> for Run {
    fn from((first, last, term): (u64, u64, u64)) -> Run {
        Run { first, last, term }
    }
}

impl From<Run> for (u64, u64, u64) {
    fn from(run: Run) -> (u64, u64, u64) {
        (run.first, run.last, run.term)
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "n{}", self.0)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.index, self.term)
    }
}
