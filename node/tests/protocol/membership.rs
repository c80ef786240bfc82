//! Configurations: when one counts, who counts in it, and which changes are refused.

use std::collections::BTreeSet;
use std::sync::Arc;

use node::raft::{
    Appended, Body, Change, ChangeRefusal, Config, Configuration, Configured, Entry, Index, Input,
    LogId, Membership, NodeId, Payload, Ready, Refusal, RequestId, Role, Round, Snapshot, Term,
};
use node::storage::Recovered;

use crate::bench::{Bench, entry, n, said};

const GRANTED: Body = Body::VoteReply { granted: true };

fn nodes(ids: &[u16]) -> BTreeSet<NodeId> {
    ids.iter().map(|id| n(*id)).collect()
}

fn voters(ids: &[u16]) -> Configuration {
    Configuration::new(nodes(ids))
}

fn configured(index: u64, term: u64, configuration: Configuration) -> Entry {
    Entry {
        id: LogId::new(index, term),
        payload: Payload::Configuration(Arc::new(configuration)),
    }
}

fn change(bench: &mut Bench, change: Change) -> Result<LogId, Refusal> {
    let id = RequestId(1);
    let Ready {
        accepted, refused, ..
    } = bench.step(Input::Change { id, change });
    match (accepted.first(), refused.first()) {
        (Some((_, entry)), None) => Ok(*entry),
        (None, Some((_, why))) => Err(*why),
        _ => panic!("neither accepted nor refused, or both"),
    }
}

fn refused(bench: &mut Bench, asked: Change) -> ChangeRefusal {
    match change(bench, asked) {
        Err(Refusal::Change(why)) => why,
        other => panic!("{other:?}"),
    }
}

fn members(bench: &Bench) -> String {
    bench.status().configured.configuration.to_string()
}

fn add(node: u16) -> Change {
    let address = None;
    let node = n(node);
    Change::AddLearner { node, address }
}

/// Leads three, with learner 4, which has everything.
fn with_learner(mode: Membership) -> Bench {
    let mut bench = Bench::with(3, |c| c.membership = mode).leader(true);
    let entry = change(&mut bench, add(4)).unwrap();
    bench.persist();
    bench.matches(2, entry.index.0);
    bench.matches(4, entry.index.0);
    assert_eq!(bench.status().commit, entry.index);
    bench
}

#[test]
fn a_learner_is_not_counted_for_commits() {
    let mut bench = with_learner(Membership::Joint);
    bench.propose(9);
    bench.persist();
    bench.matches(4, 3);
    assert_eq!(bench.status().commit, Index(2));
    bench.matches(3, 3);
    assert_eq!(bench.status().commit, Index(3));
}

#[test]
fn nor_for_reads_nor_for_leadership() {
    let mut bench = with_learner(Membership::Joint);
    bench.read(7);
    let served = |ready: Ready| ready.reads.len();
    assert_eq!(served(bench.echo(4, 1)), 0);
    assert_eq!(served(bench.echo(2, 1)), 1);
    for _ in 0..30 {
        bench.wait(30);
        bench.echo(4, 1);
        bench.tick();
    }
    assert_ne!(bench.role(), Role::Leader);
}

#[test]
fn a_joint_configuration_needs_both_majorities_and_is_left_by_itself() {
    let mut bench = with_learner(Membership::Joint);
    change(&mut bench, add(5)).unwrap();
    bench.persist();
    bench.matches(2, 3);
    bench.matches(4, 3);
    bench.matches(5, 3);
    change(&mut bench, Change::Replace(nodes(&[3, 4, 5]))).unwrap();
    assert_eq!(members(&bench), "voters n1 n2 n3 and n3 n4 n5");
    bench.persist();
    bench.matches(4, 4);
    bench.matches(5, 4);
    // All of the new ones but n3, and one of the old.
    assert_eq!(bench.status().commit, Index(3));
    bench.matches(2, 4);
    assert_eq!(bench.status().commit, Index(4));
    assert_eq!(members(&bench), "voters n3 n4 n5");
    bench.persist();
    bench.matches(2, 5);
    bench.matches(4, 5);
    // This node and n2 do not count any more.
    assert_eq!(bench.status().commit, Index(4));
    bench.matches(5, 5);
    assert_eq!(bench.status().commit, Index(5));
    // It hands over and steps down.
    assert_eq!(bench.role(), Role::Follower);
    for _ in 0..9 {
        assert!(bench.tick().messages.is_empty());
    }
    assert_eq!(bench.status().term, Term(1));
}

#[test]
fn a_removed_leader_hands_over_once_all_it_accepted_is_committed() {
    let mut bench = Bench::new(3).leader(true);
    change(&mut bench, Change::Remove(n(1))).unwrap();
    bench.propose(8);
    bench.persist();
    bench.matches(2, 3);
    bench.matches(3, 2);
    bench.persist();
    bench.propose(9);
    bench.persist();
    bench.matches(2, 4);
    // The last configuration is committed, a command behind it is not.
    bench.matches(3, 4);
    assert_eq!(
        (bench.role(), bench.status().commit),
        (Role::Leader, Index(4))
    );
    bench.matches(2, 5);
    let ready = bench.matches(3, 5);
    assert_eq!(said(&ready).last(), Some(&&Body::TimeoutNow));
    assert_eq!(bench.role(), Role::Follower);
}

#[test]
fn a_removed_leader_that_nobody_follows_up_steps_down_all_the_same() {
    let mut bench = Bench::new(3).leader(true);
    change(&mut bench, Change::Remove(n(1))).unwrap();
    bench.persist();
    bench.matches(2, 2);
    bench.matches(3, 2);
    bench.persist();
    bench.propose(9);
    bench.persist();
    bench.matches(2, 3);
    bench.matches(3, 3);
    assert_eq!(bench.role(), Role::Leader);
    for round in 2..16 {
        bench.wait(30);
        bench.echo(2, round);
        bench.echo(3, round);
        bench.tick();
    }
    assert_eq!(bench.role(), Role::Follower);
}

#[test]
fn one_change_at_a_time_and_none_before_the_own_terms_first_commit() {
    let mut bench = Bench::new(3).leader(false);
    assert_eq!(refused(&mut bench, add(4)), ChangeRefusal::TooEarly);
    bench.matches(2, 1);
    change(&mut bench, add(4)).unwrap();
    assert_eq!(refused(&mut bench, add(5)), ChangeRefusal::InFlight);
    bench.persist();
    bench.matches(2, 2);
    change(&mut bench, add(5)).unwrap();
}

#[test]
fn voters_change_one_at_a_time_where_that_is_asked_for() {
    let mut bench = with_learner(Membership::Single);
    let both = Change::Replace(nodes(&[2, 4]));
    assert_eq!(refused(&mut bench, both), ChangeRefusal::OneAtATime);
    change(&mut bench, Change::Promote(n(4))).unwrap();
    assert_eq!(members(&bench), "voters n1 n2 n3 n4");
    bench.persist();
    bench.matches(4, 3);
    assert_eq!(bench.status().commit, Index(2));
    bench.matches(3, 3);
    assert_eq!(bench.status().commit, Index(3));
}

#[test]
fn a_learner_that_lags_or_is_silent_is_not_promoted() {
    let mut bench = with_learner(Membership::Joint);
    for _ in 0..300 {
        bench.propose(9);
    }
    bench.persist();
    bench.matches(2, 302);
    let lags = |behind| ChangeRefusal::Lags { node: n(4), behind };
    let promote = || Change::Promote(n(4));
    assert_eq!(refused(&mut bench, promote()), lags(Some(300)));
    bench.matches(4, 302);
    bench.wait(301);
    assert_eq!(refused(&mut bench, promote()), lags(None));
    bench.echo(4, 0);
    change(&mut bench, promote()).unwrap();
}

#[test]
fn a_change_is_for_leaders_that_can_write_and_stay() {
    let mut follower = Bench::new(3);
    let leader = None;
    assert_eq!(
        change(&mut follower, add(4)),
        Err(Refusal::NotLeader { leader })
    );
    let mut full = Bench::new(3).leader(true);
    full.step(Input::DiskFull(true));
    assert!(change(&mut full, add(4)).is_err());
    let mut leaving = Bench::new(3).leader(true);
    leaving.step(Input::Transfer { to: Some(n(2)) });
    assert_eq!(
        change(&mut leaving, add(4)),
        Err(Refusal::NotLeader { leader })
    );
}

#[test]
fn leadership_is_handed_to_voters_only() {
    let mut bench = with_learner(Membership::Joint);
    bench.step(Input::Transfer { to: Some(n(4)) });
    assert_eq!(bench.status().transfer, None);
    for _ in 0..3 {
        bench.propose(9);
    }
    bench.persist();
    bench.matches(4, 5);
    bench.step(Input::Transfer { to: None });
    assert_eq!(bench.status().transfer, Some(n(2)));
}

/// A node that has heard of a configuration of itself, 2 and 3, then of one without itself.
fn follower_of_two(rest: &[Entry]) -> Bench {
    let mut bench = Bench::new(3);
    let mut entries = vec![entry(1, 1), configured(2, 1, voters(&[2, 3]))];
    entries.extend_from_slice(rest);
    bench.append((2, 1), LogId::default(), &entries, 1);
    bench.persist();
    bench
}

#[test]
fn a_configuration_counts_from_its_append_to_its_truncation() {
    let mut bench = follower_of_two(&[]);
    assert_eq!(members(&bench), "voters n2 n3");
    let ready = bench.append((3, 2), LogId::new(1, 1), &[entry(2, 2)], 1);
    let now = ready.configured.expect("another one");
    assert_eq!(now.configuration.to_string(), "voters n1 n2 n3");
    bench.persist();
    assert_eq!(members(&bench), "voters n1 n2 n3");
    bench.wait(300);
    bench.tick();
    assert_eq!(bench.role(), Role::PreCandidate);
}

#[test]
fn a_node_that_was_removed_campaigns_only_until_it_knows_that_this_is_committed() {
    let mut bench = follower_of_two(&[]);
    bench.wait(300);
    bench.tick();
    // The others may lack the entry that removes it, so that only this node could win. Its own vote is none.
    assert_eq!(bench.role(), Role::PreCandidate);
    bench.hear(2, 2, Body::PreVoteReply { granted: true });
    assert_eq!(bench.role(), Role::PreCandidate);
    bench.hear(3, 2, Body::PreVoteReply { granted: true });
    assert_eq!(bench.role(), Role::Candidate);
    let mut bench = follower_of_two(&[]);
    bench.heartbeat((2, 1), 2);
    for _ in 0..9 {
        assert!(bench.tick().messages.is_empty());
    }
    assert_eq!(bench.role(), Role::Follower);
}

#[test]
fn a_node_that_starts_again_counts_what_is_in_its_log_committed_or_not() {
    let mut bench = follower_of_two(&[]);
    bench.restart();
    assert_eq!(members(&bench), "voters n2 n3");
    assert_eq!(bench.status().configured.by, LogId::new(2, 1));
}

#[test]
fn a_snapshot_has_the_committed_configuration_not_the_last_one() {
    let later = configured(3, 1, voters(&[1, 2]));
    let mut bench = follower_of_two(&[later]);
    bench.heartbeat((2, 1), 2);
    let (last, data) = (LogId::new(2, 1), vec![1].into());
    bench.step(Input::Snapshot { last, data });
    bench.persist();
    let snapshot = bench.disk.recovered().snapshot.clone().expect("one");
    assert_eq!(snapshot.configured.by, LogId::new(2, 1));
    assert_eq!(*snapshot.configured.configuration, voters(&[2, 3]));
    bench.restart();
    assert_eq!(members(&bench), "voters n1 n2");
    let ready = bench.append((3, 2), LogId::new(2, 1), &[entry(3, 2)], 2);
    assert_eq!(ready.configured.expect("back").by, LogId::new(2, 1));
    assert_eq!(members(&bench), "voters n2 n3");
}

#[test]
fn a_leader_elected_while_joint_leaves_it_once_its_own_entry_is_committed() {
    let joint = voters(&[1, 4, 5]).joint_from(&voters(&[1, 2, 3]));
    let mut bench = Bench::with(3, |c| c.pre_vote = false);
    let entries = [entry(1, 1), configured(2, 1, joint)];
    bench.append((2, 1), LogId::default(), &entries, 1);
    bench.persist();
    bench.wait(300);
    bench.tick();
    bench.persist();
    bench.hear(4, 2, GRANTED);
    bench.hear(5, 2, GRANTED);
    assert_eq!(bench.role(), Role::Candidate);
    bench.hear(2, 2, GRANTED);
    assert_eq!(bench.role(), Role::Leader);
    bench.persist();
    bench.matches(2, 3);
    assert_eq!(bench.status().commit, Index(1));
    bench.matches(4, 3);
    assert_eq!(bench.status().commit, Index(3));
    assert_eq!(members(&bench), "voters n1 n4 n5");
}

#[test]
fn two_refusals_in_one_half_end_a_joint_candidacy() {
    let joint = voters(&[1, 4, 5]).joint_from(&voters(&[1, 2, 3]));
    let mut bench = Bench::with(3, |c| c.pre_vote = false);
    bench.append((2, 1), LogId::default(), &[configured(1, 1, joint)], 0);
    bench.persist();
    bench.wait(300);
    bench.tick();
    bench.persist();
    let refused = Body::VoteReply { granted: false };
    bench.hear(4, 2, refused.clone());
    assert_eq!(bench.role(), Role::Candidate);
    bench.hear(5, 2, refused);
    assert_eq!(bench.role(), Role::Follower);
}

#[test]
fn a_node_that_joins_follows_and_learns_but_neither_campaigns_nor_votes_before() {
    let config = Config::new(n(1), BTreeSet::new());
    let mut bench = Bench::on_disk(config, Recovered::default());
    for _ in 0..9 {
        assert!(bench.tick().messages.is_empty());
    }
    let (last, transfer) = (LogId::new(7, 2), false);
    bench.hear(2, 3, Body::Vote { last, transfer });
    let refused = Body::VoteReply { granted: false };
    assert_eq!(bench.persist_if_any(), [refused]);
    let entries = [
        entry(1, 1),
        configured(2, 1, voters(&[2, 3]).with_learners(nodes(&[1]))),
    ];
    bench.append((2, 4), LogId::default(), &entries, 2);
    bench.persist();
    assert_eq!(members(&bench), "voters n2 n3 learners n1");
    // A learner votes: it may be a voter by an entry that it has yet to get.
    bench.wait(400);
    bench.hear(3, 5, Body::Vote { last, transfer });
    assert_eq!(bench.persist_if_any(), [GRANTED]);
}

#[test]
fn a_removed_node_that_lags_does_not_disturb_even_without_pre_vote_and_stickiness() {
    let mut bench = Bench::with(3, |c| {
        c.pre_vote = false;
        c.stickiness = false;
    });
    let entries = [entry(1, 1), configured(2, 1, voters(&[1, 2]))];
    bench.append((2, 1), LogId::default(), &entries, 2);
    bench.persist();
    let (last, transfer) = (LogId::new(1, 1), false);
    bench.hear(3, 9, Body::Vote { last, transfer });
    let round = Round(0);
    let result = Appended::Match { index: Index(1) };
    bench.hear(3, 9, Body::AppendReply { result, round });
    assert_eq!(bench.status().term, Term(1));
    // One that has everything may know more than this node does.
    let last = LogId::new(3, 1);
    bench.hear(3, 9, Body::Vote { last, transfer });
    assert_eq!(bench.status().term, Term(9));
}

#[test]
fn a_removed_node_that_asks_for_votes_is_told() {
    let mut bench = Bench::new(3).leader(true);
    change(&mut bench, Change::Remove(n(3))).unwrap();
    bench.persist();
    bench.matches(2, 2);
    bench.persist();
    bench.matches(2, 3);
    let to = |ready: &Ready| ready.messages.iter().filter(|m| m.to == n(3)).count();
    for round in 1..30 {
        bench.tick();
        bench.echo(2, round);
    }
    assert_eq!(to(&bench.tick()), 0);
    let last = LogId::new(1, 1);
    let ready = bench.hear(3, 2, Body::PreVote { last });
    assert_eq!(to(&ready), 2);
    assert!(matches!(said(&ready)[1], Body::Append { .. }));
}

#[test]
fn a_follower_takes_the_configuration_of_an_installed_snapshot() {
    let configured = Configured {
        by: LogId::new(4, 2),
        configuration: Arc::new(voters(&[2, 5])),
    };
    let snapshot = Snapshot {
        last: LogId::new(6, 2),
        configured: configured.clone(),
        data: vec![1, 2].into(),
    };
    let mut bench = follower_of_two(&[]);
    let chunk = node::raft::Chunk {
        last: snapshot.last,
        configured: configured.clone(),
        size: 2,
        crc: crc32c::crc32c(&snapshot.data),
        offset: 0,
        bytes: snapshot.data.clone(),
    };
    let round = Round(1);
    bench.hear(5, 3, Body::Snapshot { chunk, round });
    bench.persist();
    bench.restart();
    assert_eq!(bench.status().configured, configured);
    assert_eq!(bench.disk.recovered().snapshot, Some(snapshot));
}
