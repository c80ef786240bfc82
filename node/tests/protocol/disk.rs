//! A leader whose disk is full or stalls.

use node::raft::{Body, Index, Input, LogId, NodeId, Ready, Refusal, RequestId, Role};

use crate::bench::{Bench, entry, n};

fn successors(ready: &Ready) -> Vec<NodeId> {
    let told = ready.messages.iter().filter(|m| m.body == Body::TimeoutNow);
    told.map(|m| m.to).collect()
}

/// Rounds in which both followers answer.
fn rounds(bench: &mut Bench, count: u64) -> Vec<NodeId> {
    let mut told = Vec::new();
    for _ in 0..count {
        let ready = bench.tick();
        told.extend(successors(&ready));
        bench.echo(2, 0);
        bench.echo(3, 0);
    }
    told
}

#[test]
fn a_full_disk_hands_over_to_who_has_everything() {
    let mut bench = Bench::new(3).leader(true);
    let ready = bench.step(Input::DiskFull(true));
    assert_eq!(successors(&ready), [n(2)]);
    let refused = bench.propose(1).refused;
    assert_eq!(refused, [(RequestId(1), Refusal::DiskFull)]);
}

#[test]
fn where_nobody_takes_over_it_goes_on_leading_reads() {
    let mut bench = Bench::new(3).leader(true);
    bench.matches(3, 1);
    bench.step(Input::DiskFull(true));
    let told = rounds(&mut bench, 60);
    assert_eq!(bench.role(), Role::Leader);
    assert!(told.contains(&n(2)) && told.contains(&n(3)));
    bench.read(1);
    let round = 61;
    assert_eq!(bench.echo(2, round).reads.len(), 1);
}

#[test]
fn with_space_again_it_takes_proposals_again() {
    let mut bench = Bench::new(3).leader(true);
    bench.step(Input::DiskFull(true));
    bench.step(Input::DiskFull(false));
    assert_eq!(bench.propose(1).accepted.len(), 1);
}

#[test]
fn with_a_full_disk_what_is_committed_elsewhere_is_applied_and_not_kept_in_a_snapshot() {
    let mut bench = Bench::new(3);
    let entries = [entry(1, 1), entry(2, 1)];
    bench.append((2, 1), LogId::default(), &entries, 0);
    assert!(bench.heartbeat((2, 1), 2).committed.is_empty());
    // Else a read that needs them would wait for space.
    assert_eq!(bench.step(Input::DiskFull(true)).committed, entries);
    assert!(!bench.core.wants_snapshot(Index(2), 1));
    assert!(bench.step(Input::DiskFull(false)).committed.is_empty());
    assert!(bench.persist().committed.is_empty());
    assert!(bench.core.wants_snapshot(Index(2), 1));
}

#[test]
fn a_full_disk_does_not_campaign_unless_it_is_alone() {
    let mut bench = Bench::new(3);
    bench.step(Input::DiskFull(true));
    for _ in 0..5 {
        bench.tick();
    }
    assert_eq!(bench.role(), Role::Follower);
    let mut alone = Bench::new(1);
    alone.step(Input::DiskFull(true));
    alone.tick();
    assert_eq!(alone.role(), Role::Candidate);
}

#[test]
fn a_full_disk_does_not_take_over_either() {
    let mut bench = Bench::new(3);
    bench.heartbeat((2, 1), 0);
    bench.persist();
    bench.step(Input::DiskFull(true));
    bench.hear(2, 1, Body::TimeoutNow);
    assert_eq!(bench.role(), Role::Follower);
}

#[test]
fn a_stalled_disk_hands_over_and_then_steps_down() {
    let mut bench = Bench::new(3).leader(true);
    bench.propose(1);
    bench.matches(2, 2);
    let told = rounds(&mut bench, 12);
    assert_eq!(told.first(), Some(&n(2)));
    rounds(&mut bench, 12);
    assert_eq!(bench.role(), Role::Follower);
    // And does not come back before it can write.
    for _ in 0..5 {
        bench.tick();
    }
    assert_eq!(bench.role(), Role::Follower);
    bench.persist();
    bench.tick();
    assert_eq!(bench.role(), Role::PreCandidate);
}

#[test]
fn a_disk_that_is_slow_but_moves_is_no_stall() {
    let mut bench = Bench::new(3).leader(true);
    for id in 1..=40 {
        bench.propose(id);
        assert!(rounds(&mut bench, 5).is_empty());
        bench.persist();
    }
    assert_eq!(bench.role(), Role::Leader);
}

#[test]
fn a_transfer_that_nobody_takes_up_ends() {
    let mut bench = Bench::new(3).leader(true);
    bench.step(Input::Transfer { to: Some(n(3)) });
    let refused = bench.propose(1).refused;
    let why = Refusal::NotLeader { leader: None };
    assert_eq!(refused, [(RequestId(1), why)]);
    assert!(
        rounds(&mut bench, 11).is_empty(),
        "n3 has not got everything"
    );
    assert_eq!(bench.propose(2).accepted.len(), 1);
}

#[test]
fn who_catches_up_is_told_to_take_over() {
    let mut bench = Bench::new(3).leader(true);
    bench.step(Input::Transfer { to: Some(n(3)) });
    let ready = bench.matches(3, 1);
    assert_eq!(successors(&ready), [n(3)]);
}
