//! Witnesses of the planted bugs that are the core's: each is shown to do harm, so that a hunt for it can end.

#![cfg(feature = "planted-bugs")]

#[allow(dead_code)]
#[path = "protocol/bench.rs"]
mod bench;

use bench::Bench;
use node::bugs::{Bug, install};
use node::raft::{Body, Index, RequestId};

/// Bugs are a process's for good; these two do not meet: one answers leaders' reads, the other followers'.
fn planted() {
    let _ = install(&[Bug::LeaderLocalRead, Bug::ReadindexWithoutNoopGuard]);
}

#[test]
fn leader_local_read_answers_without_asking_anybody() {
    planted();
    let mut bench = Bench::new(3).leader(true);
    bench.wait(100);
    let ready = bench.read(1);
    assert_eq!(ready.reads, [(RequestId(1), Ok(Index(1)))]);
}

#[test]
fn readindex_without_noop_guard_confirms_an_index_below_what_was_committed() {
    planted();
    // A leader that has not committed in its term does not know what earlier leaders did.
    let mut bench = Bench::new(3).leader(false);
    bench.hear(3, 1, Body::ReadIndex { id: RequestId(7) });
    let ready = bench.echo(2, 1);
    let answers = ready.messages.iter().map(|m| &m.body);
    let (id, index) = (RequestId(7), Some(Index(0)));
    assert!(
        answers
            .into_iter()
            .any(|b| *b == Body::ReadIndexReply { id, index })
    );
}
