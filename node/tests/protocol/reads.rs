//! ReadIndex: what confirms a read, and what abandons it.

use node::raft::{Body, Config, Index, Input, LogId, Ready, Refusal, RequestId, Round};
use node::storage::Storage;

use crate::bench::{Bench, entry, n, said};

fn served(ready: &Ready) -> Vec<u64> {
    let ok = ready.reads.iter().filter(|(_, result)| result.is_ok());
    ok.map(|(id, _)| id.0).collect()
}

fn abandoned(ready: &Ready) -> Vec<u64> {
    let gone = |result: &Result<Index, Refusal>| *result == Err(Refusal::ReadAbandoned);
    let lost = ready.reads.iter().filter(|(_, result)| gone(result));
    lost.map(|(id, _)| id.0).collect()
}

/// The name under which a follower asked its leader.
fn asked(ready: &Ready) -> RequestId {
    let names = ready.messages.iter().find_map(|m| match m.body {
        Body::ReadIndex { id } if m.to == n(2) => Some(id),
        _ => None,
    });
    names.expect("it asks the leader")
}

#[test]
fn an_echo_of_a_round_that_began_before_the_read_confirms_nothing() {
    let mut bench = Bench::new(3).leader(true);
    bench.tick();
    bench.read(1);
    assert!(served(&bench.echo(2, 1)).is_empty());
    assert_eq!(served(&bench.echo(2, 2)), [1]);
}

#[test]
fn a_quorum_must_echo() {
    let mut bench = Bench::with(5, |c| c.pre_vote = false).candidate();
    for voter in 2..=3 {
        bench.hear(voter, 1, Body::VoteReply { granted: true });
    }
    bench.persist();
    bench.matches(2, 1);
    bench.matches(3, 1);
    bench.read(1);
    assert!(served(&bench.echo(2, 1)).is_empty());
    assert!(served(&bench.echo(2, 1)).is_empty());
    assert_eq!(served(&bench.echo(5, 1)), [1]);
}

#[test]
fn an_echo_of_a_round_that_never_began_is_ignored() {
    let mut bench = Bench::new(3).leader(true);
    bench.read(1);
    assert!(served(&bench.echo(2, 99)).is_empty());
}

#[test]
fn reads_wait_for_the_first_commit_of_the_term() {
    let mut bench = Bench::new(3).leader(false);
    bench.read(1);
    bench.tick();
    assert!(served(&bench.echo(2, 1)).is_empty());
    bench.matches(2, 1);
    assert_eq!(served(&bench.echo(2, 2)), [1]);
}

#[test]
fn but_not_for_ever() {
    let mut bench = Bench::with(3, |c| c.check_quorum = false).leader(false);
    bench.read(1);
    bench.wait(600);
    assert_eq!(abandoned(&bench.tick()), [1]);
}

#[test]
fn reads_of_one_batch_share_a_round() {
    let mut bench = Bench::new(3).leader(true);
    for id in 1..=3 {
        let id = RequestId(id);
        bench.core.step(bench.now, Input::Read { id });
    }
    let ready = bench.core.take_ready();
    let heartbeats = ready.messages.iter().filter(|m| m.to == n(2));
    assert_eq!(heartbeats.count(), 1);
    assert_eq!(served(&bench.echo(3, 1)), [1, 2, 3]);
}

#[test]
fn the_only_voter_reads_at_once() {
    let mut bench = Bench::new(1);
    bench.tick();
    bench.persist();
    bench.persist();
    assert_eq!(served(&bench.read(1)), [1]);
}

#[test]
fn a_confirmed_read_waits_until_its_entry_is_handed_out() {
    let mut bench = Bench::new(3).leader(true);
    bench.propose(1);
    bench.matches(2, 2);
    bench.matches(3, 2);
    // Committed by the followers; the leader's own disk is still busy.
    bench.read(1);
    assert!(served(&bench.echo(2, 1)).is_empty());
    let ready = bench.persist();
    assert_eq!(ready.committed.len(), 1);
    assert_eq!(served(&ready), [1]);
}

#[test]
fn a_leader_that_steps_down_abandons_its_reads_and_tells_those_who_asked() {
    let mut bench = Bench::new(3).leader(true);
    bench.read(1);
    bench.hear(3, 1, Body::ReadIndex { id: RequestId(7) });
    let ready = bench.heartbeat((2, 2), 0);
    assert_eq!(abandoned(&ready), [1]);
    // The answer is of the new term, and waits until that is on disk.
    let proof = bench.disk.persist(&bench.queue).expect("space");
    let told = ready.promises.into_iter().flat_map(|p| p.release(&proof));
    let (id, index) = (RequestId(7), None);
    assert!(
        told.map(|m| m.body)
            .any(|b| b == Body::ReadIndexReply { id, index })
    );
}

#[test]
fn a_follower_asks_once_for_all_reads_of_a_batch() {
    let mut bench = Bench::new(3);
    bench.append((2, 1), LogId::default(), &[entry(1, 1)], 1);
    bench.persist();
    for id in 1..=3 {
        let id = RequestId(id);
        bench.core.step(bench.now, Input::Read { id });
    }
    let ready = bench.core.take_ready();
    assert_eq!(ready.messages.len(), 1);
    let (id, index) = (asked(&ready), Some(Index(2)));
    let ready = bench.hear(2, 1, Body::ReadIndexReply { id, index });
    assert!(served(&ready).is_empty(), "entry 2 is not applied yet");
    bench.append((2, 1), LogId::new(1, 1), &[entry(2, 1)], 2);
    assert_eq!(served(&bench.persist()), [1, 2, 3]);
}

#[test]
fn a_followers_reads_end_with_the_leader() {
    let mut bench = Bench::new(3);
    bench.heartbeat((2, 1), 0);
    bench.persist();
    let id = asked(&bench.read(1));
    assert_eq!(abandoned(&bench.heartbeat((3, 2), 0)), [1]);
    // The old leader's answer comes too late.
    let index = Some(Index(0));
    let ready = bench.hear(2, 1, Body::ReadIndexReply { id, index });
    assert!(ready.reads.is_empty());
}

#[test]
fn a_followers_reads_that_the_leader_does_not_answer_end_too() {
    let mut bench = Bench::new(3);
    bench.heartbeat((2, 1), 0);
    bench.persist();
    bench.read(1);
    bench.wait(599);
    bench.heartbeat((2, 1), 0);
    bench.wait(1);
    assert_eq!(abandoned(&bench.tick()), [1]);
}

#[test]
fn without_a_leader_reads_are_refused_at_once() {
    let ready = Bench::new(3).read(1);
    let refusal = Refusal::NotLeader { leader: None };
    assert_eq!(ready.reads, [(RequestId(1), Err(refusal))]);
}

#[test]
fn a_follower_refuses_to_confirm() {
    let mut bench = Bench::new(3);
    bench.heartbeat((2, 1), 0);
    bench.persist();
    let id = RequestId(9);
    let ready = bench.hear(3, 1, Body::ReadIndex { id });
    let index = None;
    assert_eq!(ready.messages[0].body, Body::ReadIndexReply { id, index });
}

#[test]
fn too_many_reads_are_refused() {
    let mut bench = Bench::with(3, |c| c.max_pending_reads = 2).leader(true);
    bench.read(1);
    bench.read(2);
    assert_eq!(abandoned(&bench.read(3)), [3]);
}

#[test]
fn names_of_forwarded_reads_differ_from_boot_to_boot() {
    let name = |seed| {
        let mut bench = Bench::with(3, |c| c.seed = seed);
        bench.heartbeat((2, 1), 0);
        bench.persist();
        asked(&bench.read(1))
    };
    assert_ne!(name(1), name(2));
}

#[test]
fn an_append_reply_echoes_too() {
    let mut bench = Bench::new(3).leader(true);
    bench.read(1);
    let index = Index(1);
    let result = node::raft::Appended::Match { index };
    let round = Round(1);
    let ready = bench.hear(2, 1, Body::AppendReply { result, round });
    assert_eq!(served(&ready), [1]);
}

#[test]
fn reads_in_the_last_tenth_of_a_lease_are_counted_and_none_is_served_after_it() {
    // Of 150 ms of silence a lease of 135 is safe; its last tenth begins after 121.5.
    let with_leases = |config: &mut Config| config.lease_drift_percent = Some(10);
    for (after_ms, confirmed, late) in [
        (0, true, 0),
        (121, true, 0),
        (122, true, 1),
        (134, true, 1),
        (135, false, 0),
    ] {
        let mut bench = Bench::with(3, with_leases).leader(true);
        let beat = bench.tick();
        let round = said(&beat).into_iter().find_map(|body| match body {
            Body::Heartbeat { round, .. } => Some(round.0),
            _ => None,
        });
        bench.echo(2, round.expect("a heartbeat"));
        bench.wait(after_ms);
        let ready = bench.read(1);
        assert_eq!(served(&ready).len() == 1, confirmed, "after {after_ms} ms");
        assert_eq!(ready.late_lease_reads, late, "after {after_ms} ms");
    }
}
