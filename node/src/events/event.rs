//! The events and how they are written down: each is one JSON object with the event's name as its only key.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::raft::{
    Appended, Body, Configuration, Entry, LogId, NodeId, Payload, Replication, Role, Term,
};
use crate::transport::{Outgoing, Payload as Frame};

/// An entry's name as `[index, term]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Id(pub u64, pub u64);

/// An entry as it is written: index, term, hash of kind and payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Record(pub u64, pub u64, pub u64);

/// An entry as it is applied: index, term, hash, and a hash of the whole state after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Applied(pub u64, pub u64, pub u64, pub u64);

/// A file of the data directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileName {
    /// Term and vote.
    HardState,
    /// The log's segment with this number.
    Wal(u64),
    /// Anything else.
    Other,
}

/// What was asked of the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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

/// Who votes and who listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Members {
    /// Who votes.
    pub voters: BTreeSet<NodeId>,
    /// Who voted before and still does, apart, while the configuration is joint.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub old: BTreeSet<NodeId>,
    /// Who only listens.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub learners: BTreeSet<NodeId>,
}

/// What a node found when it started, and what it was told to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Boot {
    /// How often it has started, this time included.
    pub incarnation: u64,
    /// Its term, from disk.
    pub term: Term,
    /// Its vote, from disk.
    pub vote: Option<NodeId>,
    /// The last entry that its snapshot covers.
    pub snapshot: Id,
    /// The log that it found, as runs of one term: first index, last index, term.
    pub log: Vec<(u64, u64, u64)>,
    /// Bytes of a torn tail that were cut.
    pub torn: u64,
    /// Its configuration.
    pub members: Members,
    /// When it answers clients.
    pub replication: Replication,
    /// Leaders serve reads on leases.
    pub lease_reads: bool,
}

/// What one node says to another, as the evidence has it: names of entries instead of entries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the fields are those of `raft::Body`")]
pub enum Said {
    PreVote {
        last: Id,
    },
    PreVoteReply {
        granted: bool,
    },
    Vote {
        last: Id,
        transfer: bool,
    },
    VoteReply {
        granted: bool,
    },
    Append {
        prev: Id,
        last: Id,
        commit: u64,
        round: u64,
    },
    Matched {
        index: u64,
        round: u64,
    },
    Conflict {
        prev: Id,
        hint: Id,
        round: u64,
    },
    Heartbeat {
        commit: u64,
        round: u64,
    },
    HeartbeatReply {
        round: u64,
    },
    ReadIndex {
        id: u64,
    },
    ReadIndexReply {
        id: u64,
        index: Option<u64>,
    },
    Snapshot {
        last: Id,
        offset: u64,
        round: u64,
    },
    SnapshotReply {
        last: Id,
        installed: bool,
        round: u64,
    },
    TimeoutNow,
    Forward {
        id: u64,
    },
    ForwardReply {
        id: u64,
        entry: Option<Id>,
    },
}

/// One thing that this node did or saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The process began.
    Start {
        /// This node.
        node: NodeId,
    },
    /// It read its disk and takes part now.
    Boot(Box<Boot>),
    /// It will not start from what is on disk.
    Refused,
    /// It stopped as asked.
    Stop,
    /// Term and vote were written.
    HardState {
        /// Numbers this process' writes in the order in which they were made.
        write: u64,
        /// The term.
        term: Term,
        /// The vote.
        vote: Option<NodeId>,
    },
    /// Records were written to the log.
    Append {
        /// As above.
        write: u64,
        /// Where.
        file: FileName,
        /// What.
        entries: Vec<Record>,
    },
    /// The log was begun anew behind a leader's snapshot.
    Anew {
        /// As above.
        write: u64,
        /// The segment that says so.
        file: FileName,
        /// Index of the next entry.
        first: u64,
    },
    /// A sync of a file returned.
    Synced {
        /// Which file.
        file: FileName,
        /// The last write that was made when the sync began.
        write: u64,
    },
    /// Records that were never synced were wiped, from this write on.
    Erased {
        /// Where.
        file: FileName,
        /// The first write that is gone.
        write: u64,
    },
    /// A file is gone.
    Removed {
        /// Which.
        file: FileName,
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
        file: FileName,
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
        term: Term,
        /// The leader, as far as known.
        leader: Option<NodeId>,
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
        /// A hash of the whole state.
        state: u64,
    },
    /// Entries of the own log were dropped for a leader's.
    RolledBack {
        /// Which.
        entries: Vec<Id>,
    },
    /// Another configuration is in effect.
    Config {
        /// The entry that says so.
        entry: Id,
        /// The configuration.
        members: Members,
    },
    /// A frame is about to leave.
    Send {
        /// To whom.
        to: NodeId,
        /// In which term.
        term: Term,
        /// What.
        message: Said,
    },
    /// A frame arrived.
    Recv {
        /// From whom.
        from: NodeId,
        /// In which term.
        term: Term,
        /// What.
        message: Said,
    },
    /// A client's linearizable read arrived here.
    ReadBegin {
        /// This node's name for it.
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

impl From<&Configuration> for Members {
    fn from(configuration: &Configuration) -> Members {
        Members {
            voters: configuration.voters().clone(),
            old: configuration.outgoing().clone(),
            learners: configuration.learners().clone(),
        }
    }
}

impl From<LogId> for Id {
    fn from(id: LogId) -> Id {
        Id(id.index.0, id.term.0)
    }
}

/// Of kind (1 no-op, 2 command, 3 configuration) and payload: the payload's crc32c, continued with the kind.
pub fn hash(kind: u8, payload: &[u8]) -> u64 {
    u64::from(crc32c::crc32c_append(crc32c::crc32c(payload), &[kind]))
}

/// The hash of an entry.
pub fn hash_of(entry: &Entry) -> u64 {
    match &entry.payload {
        Payload::Noop => hash(1, &[]),
        Payload::Command(command) => hash(2, command),
        // Serializing a type of ours into memory cannot fail.
        Payload::Configuration(configuration) => {
            hash(3, &postcard::to_stdvec(configuration).unwrap_or_default())
        }
    }
}

/// A message of Raft, as the evidence has it.
pub fn said(body: &Body) -> Said {
    match body {
        Body::PreVote { last } => Said::PreVote {
            last: (*last).into(),
        },
        Body::PreVoteReply { granted } => Said::PreVoteReply { granted: *granted },
        Body::Vote { last, transfer } => Said::Vote {
            last: (*last).into(),
            transfer: *transfer,
        },
        Body::VoteReply { granted } => Said::VoteReply { granted: *granted },
        Body::Append {
            prev,
            entries,
            commit,
            round,
        } => Said::Append {
            prev: (*prev).into(),
            last: entries.last().map_or(*prev, |entry| entry.id).into(),
            commit: commit.0,
            round: round.0,
        },
        Body::AppendReply { result, round } => match result {
            Appended::Match { index } => Said::Matched {
                index: index.0,
                round: round.0,
            },
            Appended::Conflict { prev, hint } => Said::Conflict {
                prev: (*prev).into(),
                hint: (*hint).into(),
                round: round.0,
            },
        },
        Body::Heartbeat { commit, round } => Said::Heartbeat {
            commit: commit.0,
            round: round.0,
        },
        Body::HeartbeatReply { round } => Said::HeartbeatReply { round: round.0 },
        Body::ReadIndex { id } => Said::ReadIndex { id: id.0 },
        Body::ReadIndexReply { id, index } => Said::ReadIndexReply {
            id: id.0,
            index: index.map(|index| index.0),
        },
        Body::Snapshot { chunk, round } => Said::Snapshot {
            last: chunk.last.into(),
            offset: chunk.offset,
            round: round.0,
        },
        Body::SnapshotReply {
            last,
            received: _,
            installed,
            round,
        } => Said::SnapshotReply {
            last: (*last).into(),
            installed: *installed,
            round: round.0,
        },
        Body::TimeoutNow => Said::TimeoutNow,
    }
}

impl Event {
    /// A frame that is about to leave.
    pub fn sends(to: NodeId, outgoing: &Outgoing) -> Event {
        let (term, message) = match outgoing {
            Outgoing::Raft(message) => (message.term, said(&message.body)),
            Outgoing::Forward { term, forward } => (*term, Said::Forward { id: forward.id.0 }),
            Outgoing::ForwardReply { term, reply } => {
                let entry = reply
                    .result
                    .as_ref()
                    .ok()
                    .map(|written| written.entry.into());
                (
                    *term,
                    Said::ForwardReply {
                        id: reply.id.0,
                        entry,
                    },
                )
            }
        };
        Event::Send { to, term, message }
    }

    /// A frame that arrived; `None` for a greeting.
    pub fn receives(from: NodeId, term: Term, frame: &Frame) -> Option<Event> {
        let message = match frame {
            Frame::Hello(_) => return None,
            Frame::Raft(body) => said(body),
            Frame::Forward(forward) => Said::Forward { id: forward.id.0 },
            Frame::ForwardReply(reply) => Said::ForwardReply {
                id: reply.id.0,
                entry: reply
                    .result
                    .as_ref()
                    .ok()
                    .map(|written| written.entry.into()),
            },
        };
        Some(Event::Recv {
            from,
            term,
            message,
        })
    }
}
