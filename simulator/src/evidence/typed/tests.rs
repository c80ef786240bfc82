//! Whatever a node can tell reads the same, whether it went as text or as a type.

use super::*;
use node::events::{Applied, Id, Members, Record};
use node::raft::{Replication, Role, Term};

fn said() -> Vec<Said> {
    let (last, prev, hint) = (Id(7, 3), Id(6, 2), Id(5, 1));
    vec![
        Said::PreVote { last },
        Said::PreVoteReply { granted: true },
        Said::Vote {
            last,
            transfer: true,
        },
        Said::VoteReply { granted: true },
        Said::Append {
            prev,
            last,
            commit: 4,
            round: 9,
        },
        Said::Matched { index: 4, round: 9 },
        Said::Conflict {
            prev,
            hint,
            round: 9,
        },
        Said::Heartbeat {
            commit: 4,
            round: 9,
        },
        Said::HeartbeatReply { round: 9 },
        Said::ReadIndex { id: 8 },
        Said::ReadIndexReply {
            id: 8,
            index: Some(4),
        },
        Said::Snapshot {
            last,
            offset: 64,
            round: 9,
        },
        Said::SnapshotReply {
            last,
            installed: true,
            round: 9,
        },
        Said::TimeoutNow,
        Said::Forward { id: 8 },
        Said::ForwardReply {
            id: 8,
            entry: Some(last),
        },
    ]
}

fn boots() -> Vec<Event> {
    let boot = |replication| {
        Event::Boot(Box::new(Boot {
            incarnation: 2,
            term: Term(3),
            vote: Some(NodeId(1)),
            snapshot: Id(4, 2),
            log: vec![(5, 6, 2), (7, 9, 3)],
            torn: 17,
            members: members(),
            replication,
            lease_reads: true,
        }))
    };
    Replication::ALL.into_iter().map(boot).collect()
}

fn members() -> Members {
    Members {
        voters: [1, 2, 3].map(NodeId).into(),
        old: [1, 4].map(NodeId).into(),
        learners: [5].map(NodeId).into(),
    }
}

fn on_disk() -> Vec<Event> {
    let (write, file) = (3, FileName::Wal(12));
    let operations = [
        DiskOperation::Create,
        DiskOperation::Write,
        DiskOperation::Sync,
        DiskOperation::Rename,
    ];
    let errors = operations.map(|operation| Event::DiskError {
        file: FileName::Other,
        operation,
        full: true,
    });
    let mut events = vec![
        Event::HardState {
            write,
            term: Term(5),
            vote: Some(NodeId(2)),
        },
        Event::Append {
            write,
            file,
            entries: vec![Record(7, 3, 99), Record(8, 3, 98)],
        },
        Event::Anew {
            write,
            file,
            first: 8,
        },
        Event::Synced {
            file: FileName::HardState,
            write,
        },
        Event::Erased { file, write },
        Event::Removed { file },
        Event::Snapshot {
            last: Id(7, 3),
            hash: 97,
            installed: true,
        },
    ];
    events.extend(errors);
    events
}

fn roles() -> Vec<Event> {
    let roles = [
        Role::Follower,
        Role::PreCandidate,
        Role::Candidate,
        Role::Leader,
    ];
    let event = |role| Event::Role {
        role,
        term: Term(5),
        leader: Some(NodeId(2)),
    };
    roles.into_iter().map(event).collect()
}

fn in_memory() -> Vec<Event> {
    let (entry, first) = (Id(7, 3), Id(6, 2));
    vec![
        Event::Start { node: NodeId(2) },
        Event::Refused,
        Event::Stop,
        Event::Commit { last: entry },
        Event::Apply {
            entries: vec![Applied(7, 3, 99, 11)],
        },
        Event::Repeated { entry, first },
        Event::Restore {
            last: entry,
            state: 11,
        },
        Event::RolledBack {
            entries: vec![first, entry],
        },
        Event::Config {
            entry,
            members: members(),
        },
        Event::ReadBegin { id: 8 },
        Event::Read { id: 8, applied: 7 },
        Event::ReadRetried { id: 8 },
        Event::Reply { entry },
        Event::TransferAborted,
        Event::LateLeaseRead,
        Event::ClockStep { by_ms: -5 },
    ]
}

fn all() -> Vec<Event> {
    let (peer, term) = (NodeId(2), Term(5));
    let sent = said().into_iter().map(|message| Event::Send {
        to: peer,
        term,
        message,
    });
    let received = said().into_iter().map(|message| Event::Recv {
        from: peer,
        term,
        message,
    });
    let mut events: Vec<Event> = sent.chain(received).collect();
    for some in [boots(), on_disk(), roles(), in_memory()] {
        events.extend(some);
    }
    events
}

/// The names that the judge's reader of text knows, as its own refusal lists them.
fn known<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
    let refusal = serde_json::from_str::<T>("\"?\"").err();
    let text = refusal.expect("no name").to_string();
    let names = text.split('`').skip(1).step_by(2);
    names.filter(|n| *n != "?").map(str::to_owned).collect()
}

fn name_of(value: &serde_json::Value) -> String {
    let named = value.as_object().and_then(|object| object.keys().next());
    let named = named.map(String::as_str).or_else(|| value.as_str());
    named.expect("a name").to_owned()
}

#[test]
fn what_is_converted_is_what_is_read_from_text() {
    let mut names = BTreeSet::new();
    for told in all() {
        let text = serde_json::to_value(&told).unwrap();
        names.insert(name_of(&text));
        let read: whitebox::Event = serde_json::from_value(text).unwrap();
        assert_eq!(event(&told), read, "{told:?}");
    }
    assert_eq!(names, known::<whitebox::Event>());
    let messages = said().into_iter().map(|said| {
        let text = serde_json::to_value(&said).unwrap();
        name_of(&text)
    });
    assert_eq!(messages.collect::<BTreeSet<_>>(), known::<Message>());
}
