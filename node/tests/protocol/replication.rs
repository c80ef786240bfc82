//! Appends, acknowledgements and commit.

use node::raft::{Appended, Body, Index, Input, LogId, Payload, Refusal, RequestId};

use crate::bench::{Bench, entry, n, said};

const L2: (u16, u64) = (2, 2);

fn start() -> LogId {
    LogId::default()
}

fn answers(ready: &node::raft::Ready) -> Vec<Appended> {
    let replies = ready.messages.iter().filter_map(|m| match m.body {
        Body::AppendReply { result, .. } => Some(result),
        _ => None,
    });
    replies.collect()
}

#[test]
fn an_append_that_comes_late_does_not_cut_off_what_followed() {
    let mut bench = Bench::new(3);
    let log = [entry(1, 2), entry(2, 2), entry(3, 2)];
    bench.append(L2, start(), &log, 0);
    bench.persist();
    let ready = bench.append(L2, start(), &log[..1], 0);
    assert_eq!(bench.status().last, LogId::new(3, 2));
    // And the answer covers what was sent, not what lies behind it.
    assert_eq!(answers(&ready), [Appended::Match { index: Index(1) }]);
}

#[test]
fn entries_are_acknowledged_once_they_are_on_disk_also_the_second_time() {
    let mut bench = Bench::new(3);
    bench.heartbeat(L2, 0);
    bench.persist();
    let first = bench.append(L2, start(), &[entry(1, 2)], 0);
    let second = bench.append(L2, start(), &[entry(1, 2)], 0);
    assert!(first.messages.is_empty() && second.messages.is_empty());
    assert_eq!((first.promises.len(), second.promises.len()), (1, 1));
    bench.persist();
    let third = bench.append(L2, start(), &[entry(1, 2)], 0);
    assert_eq!(answers(&third), [Appended::Match { index: Index(1) }]);
}

#[test]
fn an_answer_in_a_term_that_is_not_on_disk_waits_although_its_entries_are() {
    let mut bench = Bench::new(3);
    bench.append(L2, start(), &[entry(1, 2)], 0);
    bench.persist();
    let ready = bench.append((3, 3), LogId::new(1, 2), &[], 0);
    assert!(ready.messages.is_empty());
    assert_eq!(ready.promises.len(), 1);
}

#[test]
fn a_heartbeat_commits_no_more_than_the_leader_is_known_to_share() {
    let mut bench = Bench::new(3);
    bench.append(L2, start(), &[entry(1, 1), entry(2, 2)], 0);
    bench.persist();
    // A leader of term 3 has sent nothing yet: entry 2 may conflict with its log.
    bench.heartbeat((3, 3), 2);
    assert_eq!(bench.status().commit, Index(0));
    bench.append((3, 3), LogId::new(1, 1), &[], 2);
    assert_eq!(bench.status().commit, Index(1));
}

#[test]
fn after_a_restart_in_the_same_term_a_heartbeat_is_enough_to_commit() {
    let mut bench = Bench::new(3);
    bench.append(L2, start(), &[entry(1, 1), entry(2, 2)], 2);
    bench.persist();
    bench.restart();
    assert_eq!(bench.status().commit, Index(0));
    let ready = bench.heartbeat(L2, 2);
    assert_eq!(ready.committed.len(), 2);
}

#[test]
fn entries_are_handed_out_once_they_are_on_disk_here() {
    let mut bench = Bench::new(3);
    let ready = bench.append(L2, start(), &[entry(1, 2)], 1);
    assert_eq!(bench.status().commit, Index(1));
    assert!(ready.committed.is_empty());
    assert_eq!(bench.persist().committed, [entry(1, 2)]);
}

#[test]
#[should_panic(expected = "1@3 conflicts with a committed entry (commit 1)")]
fn a_committed_entry_is_never_truncated() {
    let mut bench = Bench::new(3);
    bench.append(L2, start(), &[entry(1, 2)], 1);
    bench.append((3, 3), start(), &[entry(1, 3)], 0);
}

#[test]
fn a_leader_counts_itself_once_its_entry_is_on_disk() {
    let mut bench = Bench::new(3).leader(true);
    bench.propose(1);
    bench.matches(2, 2);
    assert_eq!(bench.status().commit, Index(1));
    bench.persist();
    assert_eq!(bench.status().commit, Index(2));
}

#[test]
fn followers_are_quorum_enough_while_the_leaders_disk_is_slow() {
    let mut bench = Bench::new(3).leader(true);
    bench.propose(1);
    bench.matches(2, 2);
    bench.matches(3, 2);
    assert_eq!(bench.status().commit, Index(2));
}

#[test]
fn what_a_follower_cannot_have_matched_is_ignored() {
    let mut bench = Bench::new(3).leader(false);
    bench.matches(2, 999);
    assert_eq!(bench.status().commit, Index(0));
    let followers = bench.status().followers;
    assert!(followers.iter().all(|f| f.durable == Index(0)));
}

#[test]
fn proposals_that_are_stepped_together_leave_in_one_append() {
    let mut bench = Bench::new(3).leader(true);
    for id in 1..=5 {
        let (id, command) = (RequestId(id), vec![b'x'].into());
        bench.core.step(bench.now, Input::Propose { id, command });
    }
    let ready = bench.core.take_ready();
    assert_eq!(ready.accepted.len(), 5);
    assert_eq!(ready.write.map(|w| w.entries.len()), Some(5));
    let to_n2: Vec<_> = ready.messages.iter().filter(|m| m.to == n(2)).collect();
    assert_eq!(to_n2.len(), 1);
    let sent = match &to_n2[0].body {
        Body::Append { entries, .. } => entries.len(),
        _ => 0,
    };
    assert_eq!(sent, 5);
}

#[test]
fn a_new_leader_begins_with_an_entry_of_its_own() {
    let mut bench = Bench::new(3).leader(true);
    let ready = bench.propose(1);
    assert_eq!(ready.accepted, [(RequestId(1), LogId::new(2, 1))]);
    assert_eq!(bench.disk.recovered().entries[0].payload, Payload::Noop);
}

#[test]
fn proposals_beyond_the_limit_are_refused_until_earlier_ones_commit() {
    let mut bench = Bench::with(3, |c| c.max_uncommitted_bytes = 40).leader(true);
    assert_eq!(bench.propose(1).accepted.len(), 1);
    assert_eq!(bench.propose(2).accepted.len(), 1);
    let refused = bench.propose(3).refused;
    assert_eq!(refused, [(RequestId(3), Refusal::Overloaded)]);
    bench.persist();
    bench.matches(2, 3);
    assert_eq!(bench.propose(4).accepted.len(), 1);
}

#[test]
fn proposals_elsewhere_are_refused_with_the_leader() {
    let mut bench = Bench::new(3);
    let nobody = Refusal::NotLeader { leader: None };
    assert_eq!(bench.propose(1).refused, [(RequestId(1), nobody)]);
    bench.heartbeat((2, 1), 0);
    let leader = Some(n(2));
    let there = Refusal::NotLeader { leader };
    assert_eq!(bench.propose(2).refused, [(RequestId(2), there)]);
}

#[test]
fn one_write_takes_term_and_entries_together() {
    let mut bench = Bench::new(3);
    let ready = bench.append(L2, start(), &[entry(1, 1)], 0);
    let write = ready.write.as_ref().expect("something to write");
    assert!(write.hard_state.is_some() && write.entries.len() == 1 && !write.as_leader);
    assert!(said(&ready).is_empty());
}

#[test]
fn divergent_tails_of_many_terms_meet_in_one_step_a_term() {
    let mut bench = Bench::new(3);
    let tail: Vec<_> = (1..=60).map(|i| entry(i, 1 + i / 20)).collect();
    bench.append((2, 4), start(), &tail, 0);
    bench.persist();
    // The leader of term 9 has entries of term 5 there.
    let ready = bench.append((3, 9), LogId::new(55, 5), &[], 0);
    bench.persist();
    assert!(ready.messages.is_empty());
    let ready = bench.append((3, 9), LogId::new(60, 2), &[], 0);
    let (prev, hint) = (LogId::new(60, 2), LogId::new(39, 2));
    assert_eq!(answers(&ready), [Appended::Conflict { prev, hint }]);
}
