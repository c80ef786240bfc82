//! A node's events as the judge's: one type for another, so that no run pays for writing and reading text.
//!
//! Judge and accused share no code. That both types are written down alike is held by the test below.

use std::collections::BTreeSet;

use checker::whitebox::{self, Applied, File, Id, Members, Message, Node, Record, Run};
use checker::whitebox::{Replication, Role, event};
use node::events::{self, Boot, DiskOperation, Event, FileName, Said};
use node::raft::{self, NodeId};

/// What the judge reads of what a node has told.
pub fn event(told: &Event) -> whitebox::Event {
    use whitebox::Event as To;
    match told {
        Event::Start { node } => To::Start { node: name(*node) },
        Event::Boot(found) => To::Boot(Box::new(boot(found))),
        Event::Refused => To::Refused,
        Event::Stop => To::Stop,
        Event::HardState { write, term, vote } => To::HardState {
            write: *write,
            term: term.0,
            vote: vote.map(name),
        },
        Event::Append {
            write,
            file: of,
            entries,
        } => To::Append {
            write: *write,
            file: file(*of),
            entries: entries.iter().map(record).collect(),
        },
        Event::Anew {
            write,
            file: of,
            first,
        } => To::Anew {
            write: *write,
            file: file(*of),
            first: *first,
        },
        Event::Synced { file: of, write } => To::Synced {
            file: file(*of),
            write: *write,
        },
        Event::Erased { file: of, write } => To::Erased {
            file: file(*of),
            write: *write,
        },
        Event::Removed { file: of } => To::Removed { file: file(*of) },
        Event::Snapshot {
            last,
            hash,
            installed,
        } => To::Snapshot {
            last: id(*last),
            hash: *hash,
            installed: *installed,
        },
        Event::DiskError {
            file: of,
            operation: asked,
            full,
        } => To::DiskError {
            file: file(*of),
            operation: operation(*asked),
            full: *full,
        },
        Event::Role {
            role: part,
            term,
            leader,
        } => To::Role {
            role: role(*part),
            term: term.0,
            leader: leader.map(name),
        },
        Event::Commit { last } => To::Commit { last: id(*last) },
        Event::Apply { entries } => To::Apply {
            entries: entries.iter().map(applied).collect(),
        },
        Event::Repeated { entry, first } => To::Repeated {
            entry: id(*entry),
            first: id(*first),
        },
        Event::Restore { last, state } => To::Restore {
            last: id(*last),
            state: *state,
        },
        Event::RolledBack { entries } => To::RolledBack {
            entries: entries.iter().copied().map(id).collect(),
        },
        Event::Config { entry, members: of } => To::Config {
            entry: id(*entry),
            members: members(of),
        },
        Event::Send {
            to,
            term,
            message: said,
        } => To::Send {
            to: name(*to),
            term: term.0,
            message: message(said),
        },
        Event::Recv {
            from,
            term,
            message: said,
        } => To::Recv {
            from: name(*from),
            term: term.0,
            message: message(said),
        },
        Event::ReadBegin { id } => To::ReadBegin { id: *id },
        Event::Read { id, applied } => To::Read {
            id: *id,
            applied: *applied,
        },
        Event::ReadRetried { id } => To::ReadRetried { id: *id },
        Event::Reply { entry } => To::Reply { entry: id(*entry) },
        Event::TransferAborted => To::TransferAborted,
        Event::LateLeaseRead => To::LateLeaseRead,
        Event::ClockStep { by_ms } => To::ClockStep { by_ms: *by_ms },
    }
}

fn message(said: &Said) -> Message {
    match *said {
        Said::PreVote { last } => Message::PreVote { last: id(last) },
        Said::PreVoteReply { granted } => Message::PreVoteReply { granted },
        Said::Vote { last, transfer } => Message::Vote {
            last: id(last),
            transfer,
        },
        Said::VoteReply { granted } => Message::VoteReply { granted },
        Said::Append {
            prev,
            last,
            commit,
            round,
        } => Message::Append {
            prev: id(prev),
            last: id(last),
            commit,
            round,
        },
        Said::Matched { index, round } => Message::Matched { index, round },
        Said::Conflict { prev, hint, round } => Message::Conflict {
            prev: id(prev),
            hint: id(hint),
            round,
        },
        Said::Heartbeat { commit, round } => Message::Heartbeat { commit, round },
        Said::HeartbeatReply { round } => Message::HeartbeatReply { round },
        Said::ReadIndex { id } => Message::ReadIndex { id },
        Said::ReadIndexReply { id, index } => Message::ReadIndexReply { id, index },
        Said::Snapshot {
            last,
            offset,
            round,
        } => Message::Snapshot {
            last: id(last),
            offset,
            round,
        },
        Said::SnapshotReply {
            last,
            installed,
            round,
        } => Message::SnapshotReply {
            last: id(last),
            installed,
            round,
        },
        Said::TimeoutNow => Message::TimeoutNow,
        Said::Forward { id } => Message::Forward { id },
        Said::ForwardReply { id: of, entry } => Message::ForwardReply {
            id: of,
            entry: entry.map(id),
        },
    }
}

fn boot(found: &Boot) -> whitebox::Boot {
    let run = |&(first, last, term): &(u64, u64, u64)| Run { first, last, term };
    whitebox::Boot {
        incarnation: found.incarnation,
        term: found.term.0,
        vote: found.vote.map(name),
        snapshot: id(found.snapshot),
        log: found.log.iter().map(run).collect(),
        torn: found.torn,
        members: members(&found.members),
        replication: match found.replication {
            raft::Replication::Majority => Replication::Majority,
            raft::Replication::Sync => Replication::Sync,
            raft::Replication::SemiSync => Replication::SemiSync,
            raft::Replication::Async => Replication::Async,
        },
        lease_reads: found.lease_reads,
    }
}

fn members(of: &events::Members) -> Members {
    let names = |nodes: &BTreeSet<NodeId>| nodes.iter().copied().map(name).collect();
    Members {
        voters: names(&of.voters),
        old: names(&of.old),
        learners: names(&of.learners),
    }
}

fn name(node: NodeId) -> Node {
    Node(node.0)
}

fn id(events::Id(index, term): events::Id) -> Id {
    Id { index, term }
}

fn record(&events::Record(index, term, hash): &events::Record) -> Record {
    let id = Id { index, term };
    Record { id, hash }
}

fn applied(&events::Applied(index, term, hash, state): &events::Applied) -> Applied {
    let id = Id { index, term };
    Applied { id, hash, state }
}

fn role(role: raft::Role) -> Role {
    match role {
        raft::Role::Follower => Role::Follower,
        raft::Role::PreCandidate => Role::PreCandidate,
        raft::Role::Candidate => Role::Candidate,
        raft::Role::Leader => Role::Leader,
    }
}

fn file(of: FileName) -> File {
    match of {
        FileName::HardState => File::HardState,
        FileName::Wal(number) => File::Wal(number),
        FileName::Other => File::Other,
    }
}

fn operation(asked: DiskOperation) -> event::DiskOperation {
    match asked {
        DiskOperation::Create => event::DiskOperation::Create,
        DiskOperation::Write => event::DiskOperation::Write,
        DiskOperation::Sync => event::DiskOperation::Sync,
        DiskOperation::Rename => event::DiskOperation::Rename,
    }
}

#[cfg(test)]
mod tests;
