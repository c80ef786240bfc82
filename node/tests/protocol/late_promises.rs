//! What a replica still says when a slow write is on disk at last.

use std::time::Duration;

use node::events::Events;
use node::kv::Machine;
use node::raft::{Body, Config, Core, Index, LogId, NodeId, Round, Term, Time, Write};
use node::replica::{Parts, Replica};
use node::storage::memory::Memory;
use node::storage::{Recovered, Storage};
use node::transport::{Event, Outgoing, Payload};

use crate::bench::{entry, n};

fn follower() -> Replica {
    let config = Config::new(n(1), (1..=3).map(NodeId).collect());
    Replica::new(Parts {
        core: Core::new(config, Recovered::default(), Time::default()),
        machine: Machine::new(),
        snapshot_every: 0,
        incarnation: 1,
        request_timeout: Duration::from_secs(1),
        events: Events::default(),
    })
}

/// The leader of `term` sends the log's first entry; what goes to the disk of it.
fn hear_entry(replica: &mut Replica, from: u16, term: u64) -> Vec<Write> {
    let body = Body::Append {
        prev: LogId::new(0, 0),
        entries: vec![entry(1, term)],
        commit: Index(0),
        round: Round(1),
    };
    let event = Event::Received {
        from: n(from),
        term: Term(term),
        payload: Payload::Raft(body),
    };
    replica.on_peer(Time::default(), event);
    replica.finish_turn(Time::default());
    let work = replica.take_work();
    assert!(work.messages.is_empty(), "nothing is on disk yet");
    work.writes
}

/// To whom it speaks, in which term, once all of `writes` are on disk.
fn said(replica: &mut Replica, writes: &[Write]) -> Vec<(NodeId, Term)> {
    let proof = Memory::default().persist(writes).expect("space");
    replica.on_persisted(Time::default(), proof);
    replica.finish_turn(Time::default());
    let messages = replica.take_work().messages.into_iter();
    let said = messages.map(|(to, message)| match message {
        Outgoing::Raft(message) => (to, message.term),
        other => panic!("{other:?}"),
    });
    said.collect()
}

#[test]
fn an_entry_on_disk_is_acknowledged() {
    let mut replica = follower();
    let writes = hear_entry(&mut replica, 2, 1);
    assert_eq!(said(&mut replica, &writes), [(n(2), Term(1))]);
}

/// The entry of term 1 was replaced before the disk came to it: it may never have been there.
#[test]
fn an_entry_that_was_replaced_on_its_way_to_the_disk_is_not_acknowledged() {
    let mut replica = follower();
    let mut writes = hear_entry(&mut replica, 2, 1);
    writes.extend(hear_entry(&mut replica, 3, 2));
    assert_eq!(said(&mut replica, &writes), [(n(3), Term(2))]);
}
