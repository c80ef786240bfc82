//! Votes: who gets them, what counts, and what must be on disk.

use node::raft::{Body, Index, Input, LogId, Role, Term};

use crate::bench::{Bench, entry, n, said};

const GRANTED: Body = Body::VoteReply { granted: true };
const REFUSED: Body = Body::VoteReply { granted: false };

fn vote(index: u64, term: u64, transfer: bool) -> Body {
    let last = LogId::new(index, term);
    Body::Vote { last, transfer }
}

#[test]
fn a_vote_that_comes_twice_counts_once() {
    let mut bench = Bench::new(5).candidate();
    bench.hear(2, 1, GRANTED);
    bench.hear(2, 1, GRANTED);
    assert_eq!(bench.role(), Role::Candidate);
    bench.hear(3, 1, GRANTED);
    assert_eq!(bench.role(), Role::Leader);
}

#[test]
fn a_vote_of_an_earlier_term_does_not_count() {
    let mut bench = Bench::with(3, |c| c.pre_vote = false).candidate();
    bench.tick();
    while bench.status().term == Term(1) {
        bench.tick();
    }
    bench.persist();
    bench.hear(2, 1, GRANTED);
    assert_eq!(bench.role(), Role::Candidate);
}

#[test]
fn a_candidate_neither_asks_nor_counts_itself_before_its_vote_is_on_disk() {
    let mut bench = Bench::with(3, |c| c.pre_vote = false);
    let ready = bench.tick();
    assert!(ready.messages.is_empty());
    assert_eq!(ready.promises.len(), 2);
    // Nor when it would ask again.
    let again = bench.tick();
    assert!(again.messages.is_empty() && again.promises.is_empty());
    bench.hear(2, 1, GRANTED);
    assert_eq!(bench.role(), Role::Candidate);
    bench.persist();
    assert_eq!(bench.role(), Role::Leader);
}

#[test]
fn a_vote_leaves_once_it_is_on_disk() {
    let mut bench = Bench::new(3);
    let ready = bench.hear(2, 1, vote(0, 0, false));
    assert!(ready.messages.is_empty());
    assert_eq!(ready.promises.len(), 1);
    // Asked again before: still only on paper.
    let ready = bench.hear(2, 1, vote(0, 0, false));
    assert!(ready.messages.is_empty());
    bench.persist();
    let ready = bench.hear(2, 1, vote(0, 0, false));
    assert_eq!(said(&ready), [&GRANTED]);
}

#[test]
fn one_vote_a_term_across_restarts() {
    let mut bench = Bench::new(3);
    bench.hear(2, 1, vote(0, 0, false));
    bench.persist();
    bench.restart();
    assert_eq!(said(&bench.hear(3, 1, vote(0, 0, false))), [&REFUSED]);
    assert_eq!(said(&bench.hear(2, 1, vote(0, 0, false))), [&GRANTED]);
}

#[test]
fn a_candidate_of_an_earlier_term_hears_of_the_term_and_is_not_refused_in_it() {
    let mut bench = Bench::new(3);
    bench.hear(2, 2, vote(0, 0, false));
    bench.persist();
    let told = bench.hear(2, 1, vote(0, 0, false));
    assert_eq!(said(&told), [&Body::PreVoteReply { granted: false }]);
    assert_eq!(told.messages[0].term, Term(2));
}

#[test]
fn stepping_down_within_a_term_keeps_the_vote() {
    let mut bench = Bench::new(3).candidate();
    bench.heartbeat((3, 1), 0);
    assert_eq!(bench.role(), Role::Follower);
    assert_eq!(bench.status().vote, Some(n(1)));
    bench.wait(1000);
    assert_eq!(said(&bench.hear(2, 1, vote(0, 0, false))), [&REFUSED]);
}

#[test]
fn a_shorter_log_gets_no_vote_and_a_later_term_beats_length() {
    let mut bench = Bench::new(3);
    bench.append((2, 2), LogId::default(), &[entry(1, 1), entry(2, 2)], 0);
    bench.persist();
    bench.wait(1000);
    bench.hear(3, 3, vote(1, 2, false));
    bench.persist();
    assert_eq!(said(&bench.hear(3, 3, vote(9, 1, false))), [&REFUSED]);
    assert_eq!(bench.status().vote, None);
    bench.hear(3, 4, vote(1, 3, false));
    assert_eq!(bench.status().vote, Some(n(3)));
}

#[test]
fn while_a_leader_is_heard_only_its_own_successor_gets_votes() {
    let mut bench = Bench::new(3);
    bench.heartbeat((2, 1), 0);
    bench.persist();
    let ready = bench.hear(3, 7, vote(0, 0, false));
    assert!(said(&ready).is_empty());
    assert_eq!(bench.status().term, Term(1));
    bench.hear(3, 7, vote(0, 0, true));
    assert_eq!(bench.status().vote, Some(n(3)));
}

#[test]
fn silence_ends_loyalty() {
    let mut bench = Bench::new(3);
    bench.heartbeat((2, 1), 0);
    bench.persist();
    bench.wait(150);
    bench.hear(3, 2, vote(0, 0, false));
    assert_eq!(bench.status().vote, Some(n(3)));
}

#[test]
fn a_leader_that_nobody_answers_is_not_loyal_to_itself() {
    let mut bench = Bench::with(3, |c| c.check_quorum = false).leader(true);
    bench.hear(3, 2, vote(9, 1, false));
    assert_eq!(bench.role(), Role::Leader);
    bench.wait(400);
    bench.hear(3, 2, vote(9, 1, false));
    assert_eq!(bench.role(), Role::Follower);
}

#[test]
fn a_pre_vote_changes_nothing() {
    let mut bench = Bench::new(3);
    let last = LogId::default();
    let before = bench.status();
    let ready = bench.hear(2, 5, Body::PreVote { last });
    assert_eq!(ready.messages[0].term, Term(5));
    assert_eq!(said(&ready), [&Body::PreVoteReply { granted: true }]);
    assert!(ready.write.is_none());
    assert_eq!(bench.status(), before);
}

#[test]
fn a_pre_vote_for_a_term_that_is_over_is_refused_with_the_current_one() {
    let mut bench = Bench::new(3);
    bench.hear(2, 4, vote(0, 0, false));
    bench.persist();
    let last = LogId::default();
    let ready = bench.hear(3, 4, Body::PreVote { last });
    assert_eq!(said(&ready), [&Body::PreVoteReply { granted: false }]);
    assert_eq!(ready.messages[0].term, Term(4));
}

#[test]
fn a_leader_that_hears_no_quorum_steps_down_in_its_term() {
    let mut bench = Bench::new(3).leader(true);
    bench.wait(301);
    bench.tick();
    assert_eq!(
        (bench.role(), bench.status().term),
        (Role::Follower, Term(1))
    );
}

#[test]
fn one_follower_of_two_is_quorum_enough() {
    let mut bench = Bench::new(3).leader(true);
    for _ in 0..20 {
        bench.wait(100);
        bench.echo(3, 0);
        bench.tick();
    }
    assert_eq!(bench.role(), Role::Leader);
}

#[test]
fn a_leader_steps_down_for_a_higher_term_in_an_answer() {
    let mut bench = Bench::new(3).leader(true);
    let round = node::raft::Round(0);
    bench.hear(2, 9, Body::HeartbeatReply { round });
    assert_eq!(
        (bench.role(), bench.status().term),
        (Role::Follower, Term(9))
    );
}

#[test]
fn a_leader_of_an_earlier_term_is_told_that_it_is_over() {
    let mut bench = Bench::new(3);
    bench.hear(3, 5, vote(0, 0, false));
    bench.persist();
    let ready = bench.heartbeat((2, 4), 0);
    assert_eq!(ready.messages[0].term, Term(5));
}

#[test]
fn the_only_voter_leads_as_soon_as_its_vote_is_on_disk() {
    let mut bench = Bench::new(1);
    bench.tick();
    assert_eq!(bench.role(), Role::Candidate);
    bench.persist();
    assert_eq!(bench.role(), Role::Leader);
    let ready = bench.persist();
    assert_eq!(ready.committed.len(), 1);
    assert_eq!(bench.status().commit, Index(1));
}

#[test]
fn who_does_not_vote_does_not_campaign_either() {
    let mut bench = Bench::with(3, |c| c.voters = [n(2), n(3)].into());
    for _ in 0..5 {
        bench.tick();
    }
    assert_eq!(
        (bench.role(), bench.status().term),
        (Role::Follower, Term(0))
    );
}

#[test]
fn timeout_now_counts_only_from_the_leader() {
    let mut bench = Bench::new(3);
    bench.heartbeat((2, 1), 0);
    bench.persist();
    bench.hear(3, 1, Body::TimeoutNow);
    assert_eq!(bench.role(), Role::Follower);
    bench.hear(2, 1, Body::TimeoutNow);
    assert_eq!(bench.role(), Role::Candidate);
}

#[test]
fn ticks_that_come_early_do_nothing() {
    let mut bench = Bench::new(3);
    let ready = bench.step(Input::Tick);
    assert!(ready.messages.is_empty() && ready.transitions.is_empty());
}
