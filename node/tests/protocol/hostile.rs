//! Messages that no correct peer sends: ignored, never a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use node::raft::{
    Appended, Body, Chunk, Configuration, Configured, Entry, Index, Input, LogId, Message, NodeId,
    Payload, RequestId, Round, Term,
};
use proptest::prelude::*;

use crate::bench::{Bench, entry, n};

const HUGE: u64 = u64::MAX;

#[test]
fn letters_for_others_are_ignored() {
    let mut bench = Bench::new(3);
    let before = bench.status();
    let (last, transfer) = (LogId::new(9, 8), true);
    for (from, to) in [(2, 3), (1, 1)] {
        let (from, to, term) = (n(from), n(to), Term(9));
        let body = Body::Vote { last, transfer };
        let message = Message {
            from,
            to,
            term,
            body,
        };
        let ready = bench.step(Input::Message(message));
        assert!(ready.messages.is_empty() && ready.promises.is_empty());
    }
    assert_eq!(bench.status(), before);
}

#[test]
fn a_term_that_could_not_be_counted_on_from_is_ignored() {
    let mut bench = Bench::new(3);
    bench.heartbeat((2, HUGE), HUGE);
    assert_eq!(bench.status().term, Term(0));
}

#[test]
fn appends_with_gaps_or_terms_out_of_order_are_ignored() {
    let mut bench = Bench::new(3);
    let start = LogId::default();
    bench.append((2, 5), start, &[entry(2, 1)], 0);
    bench.append((2, 5), start, &[entry(1, 2), entry(2, 1)], 0);
    bench.append((2, 5), start, &[entry(1, 6)], 0);
    bench.append((2, 5), LogId::new(HUGE, 5), &[entry(1, 5)], 0);
    bench.append((2, 5), LogId::new(0, 5), &[entry(1, 5)], 0);
    assert_eq!(bench.status().last, start);
    assert_eq!(bench.status().term, Term(0));
}

#[test]
fn a_second_leader_in_a_term_is_not_followed() {
    let mut bench = Bench::new(3);
    bench.append((2, 1), LogId::default(), &[entry(1, 1)], 0);
    bench.persist();
    let ready = bench.append((3, 1), LogId::default(), &[entry(1, 1)], 1);
    assert!(ready.messages.is_empty());
    assert_eq!(bench.status().commit, Index(0));
}

fn number() -> impl Strategy<Value = u64> + Clone {
    prop_oneof![
        8 => 0u64..6,
        1 => Just(HUGE),
        1 => (1u64 << 62) - 2..(1 << 62) + 2
    ]
}

fn id() -> impl Strategy<Value = LogId> + Clone {
    (number(), number()).prop_map(|(index, term)| LogId::new(index, term))
}

fn round() -> impl Strategy<Value = Round> {
    number().prop_map(Round)
}

/// Size, checksum, offset and bytes: mostly a whole snapshot, or a part that fits.
fn piece() -> impl Strategy<Value = (u64, u32, u64, Vec<u8>)> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..4);
    prop_oneof![
        4 => bytes().prop_map(|b| (b.len() as u64, crc32c::crc32c(&b), 0, b)),
        1 => (number(), any::<u32>(), number(), bytes()),
        1 => bytes().prop_map(|b| (4, 0, 0, b)),
    ]
}

/// Any members, nobody and impossible ones among them.
fn configuration() -> impl Strategy<Value = Configuration> {
    let some = || proptest::collection::btree_set((0u16..6).prop_map(NodeId), 0..4);
    (some(), some(), some()).prop_map(|(new, old, learners)| {
        let new = Configuration::new(new).with_learners(learners);
        new.joint_from(&Configuration::new(old))
    })
}

fn payload() -> impl Strategy<Value = Payload> {
    let members = configuration().prop_map(|c| Payload::Configuration(Arc::new(c)));
    prop_oneof![3 => Just(Payload::Noop), 1 => members]
}

fn body() -> impl Strategy<Value = Body> {
    let entry = (id(), payload()).prop_map(|(id, payload)| Entry { id, payload });
    let loose = proptest::collection::vec(entry, 0..4);
    // Mostly such that they pass the first look.
    let tidy = (id(), 0u64..4, payload()).prop_map(|(prev, count, payload)| {
        let entry = |i| Entry {
            id: LogId::new(prev.index.0.saturating_add(i), prev.term.0.max(1)),
            payload: payload.clone(),
        };
        (prev, (1..=count).map(entry).collect::<Vec<_>>())
    });
    let appends = prop_oneof![4 => tidy, 1 => (id(), loose)];
    let index = number().prop_map(Index);
    prop_oneof![
        id().prop_map(|last| Body::PreVote { last }),
        any::<bool>().prop_map(|granted| Body::PreVoteReply { granted }),
        (id(), any::<bool>()).prop_map(|(last, transfer)| Body::Vote { last, transfer }),
        any::<bool>().prop_map(|granted| Body::VoteReply { granted }),
        (appends, index.clone(), round()).prop_map(|((prev, entries), commit, round)| {
            Body::Append {
                prev,
                entries,
                commit,
                round,
            }
        }),
        (index.clone(), round()).prop_map(|(index, round)| Body::AppendReply {
            result: Appended::Match { index },
            round
        }),
        (id(), id(), round()).prop_map(|(prev, hint, round)| Body::AppendReply {
            result: Appended::Conflict { prev, hint },
            round
        }),
        (index.clone(), round()).prop_map(|(commit, round)| Body::Heartbeat { commit, round }),
        round().prop_map(|round| Body::HeartbeatReply { round }),
        number().prop_map(|id| Body::ReadIndex { id: RequestId(id) }),
        (number(), proptest::option::of(index)).prop_map(|(id, index)| Body::ReadIndexReply {
            id: RequestId(id),
            index
        }),
        (id(), piece(), configuration(), round()).prop_map(|(last, piece, members, round)| {
            let (size, crc, offset, bytes) = piece;
            let bytes = bytes.into();
            let configured = Configured {
                by: last,
                configuration: Arc::new(members),
            };
            let chunk = Chunk {
                last,
                configured,
                size,
                crc,
                offset,
                bytes,
            };
            Body::Snapshot { chunk, round }
        }),
        (id(), number(), any::<bool>(), round()).prop_map(|(last, received, installed, round)| {
            Body::SnapshotReply {
                last,
                received,
                installed,
                round,
            }
        }),
        Just(Body::TimeoutNow),
    ]
}

#[derive(Clone, Debug)]
enum Act {
    Hear(u16, u64, Body),
    Tick,
    Persist,
    Propose,
    Read,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let act = prop_oneof![
        8 => (2u16..4, number(), body()).prop_map(|(from, term, body)| Act::Hear(from, term, body)),
        2 => Just(Act::Tick),
        2 => Just(Act::Persist),
        1 => Just(Act::Propose),
        1 => Just(Act::Read),
    ];
    proptest::collection::vec(act, 1..40)
}

fn act(bench: &mut Bench, act: Act) {
    let _ = match act {
        Act::Hear(from, term, body) => {
            let message = Message {
                from: NodeId(from),
                to: NodeId(1),
                term: Term(term),
                body,
            };
            bench.step(Input::Message(message))
        }
        Act::Tick => bench.tick(),
        Act::Persist if bench.queue.is_empty() => return,
        Act::Persist => bench.persist(),
        Act::Propose => bench.propose(1),
        Act::Read => bench.read(1),
    };
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Liars can make it lose committed entries only by contradicting them; that, and nothing else, stops it.
    #[test]
    fn whatever_peers_say_it_stops_only_to_save_a_committed_entry(
        leads in any::<bool>(),
        acts in acts(),
    ) {
        let mut bench = Bench::new(3);
        if leads {
            bench = bench.leader(true);
        }
        let run = AssertUnwindSafe(|| acts.into_iter().for_each(|a| act(&mut bench, a)));
        if let Err(panic) = catch_unwind(run) {
            let why = panic.downcast_ref::<String>().cloned().unwrap_or_default();
            prop_assert!(why.contains("conflicts with a committed entry"), "{}", why);
        }
    }
}
