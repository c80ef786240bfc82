//! Replication modes: when a write may be answered, and what reads see then.

use node::raft::{Body, Entry, Index, Ready, Replication, RequestId, Round};

use node::storage::Storage;

use crate::bench::Bench;

/// A leader of `voters` whose first entry is committed and, where it needs no more, handed out.
fn leader(voters: u16, mode: Replication) -> Bench {
    let mut bench = Bench::with(voters, |config| config.replication = mode).candidate();
    let term = bench.status().term.0;
    for voter in 2..=voters / 2 + 1 {
        bench.hear(voter, term, Body::VoteReply { granted: true });
    }
    bench.persist();
    for voter in 2..=voters / 2 + 1 {
        bench.matches(voter, 1);
    }
    assert_eq!(bench.status().commit, Index(1));
    bench
}

fn indices(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.id.index.0).collect()
}

fn served(ready: &Ready) -> Vec<(u64, Index)> {
    let served = |(id, result): &(RequestId, Result<Index, _>)| Some((id.0, result.ok()?));
    ready.reads.iter().filter_map(served).collect()
}

/// Where followers that asked to read are told to wait.
fn told(ready: &Ready) -> Vec<u64> {
    let index = |body: &Body| match body {
        Body::ReadIndexReply { index, .. } => index.map(|index| index.0),
        _ => None,
    };
    let messages = ready.messages.iter().map(|message| &message.body);
    messages.filter_map(index).collect()
}

#[test]
fn a_majority_answers_by_committing_and_in_no_other_way() {
    let mut bench = leader(3, Replication::Majority);
    bench.propose(1);
    let ready = bench.persist();
    assert_eq!((ready.ahead.len(), ready.on_all), (0, None));
    let ready = bench.matches(2, 2);
    assert_eq!(indices(&ready.committed), [2]);
    assert_eq!((ready.ahead.len(), ready.on_all), (0, None));
}

#[test]
fn async_answers_once_the_leaders_own_disk_has_it_and_not_before() {
    let mut bench = leader(3, Replication::Async);
    let ready = bench.propose(1);
    assert!(ready.ahead.is_empty(), "it is only in memory");
    let ready = bench.persist();
    assert_eq!(indices(&ready.ahead), [2]);
    assert!(ready.committed.is_empty());
    // The commit comes later and once; nothing is handed out ahead twice.
    let ready = bench.matches(2, 2);
    assert_eq!(indices(&ready.committed), [2]);
    assert!(ready.ahead.is_empty());
}

#[test]
fn semi_sync_needs_the_own_disk_and_one_other() {
    let mut bench = leader(5, Replication::SemiSync);
    bench.propose(1);
    assert!(bench.persist().ahead.is_empty(), "nobody else has it");
    let ready = bench.matches(4, 2);
    assert_eq!(indices(&ready.ahead), [2]);
    assert!(ready.committed.is_empty(), "two of five are no majority");
    bench.propose(2);
    let ready = bench.matches(3, 3);
    assert!(ready.ahead.is_empty(), "the own disk is still busy");
    assert_eq!(indices(&bench.persist().ahead), [3]);
}

#[test]
fn sync_needs_every_voter() {
    let mut bench = leader(3, Replication::Sync);
    bench.propose(1);
    bench.persist();
    let ready = bench.matches(2, 2);
    assert_eq!(indices(&ready.committed), [2]);
    assert_eq!(ready.on_all, None, "one voter has not got it");
    let ready = bench.matches(3, 2);
    assert_eq!(ready.on_all, Some(Index(2)));
    assert!(ready.ahead.is_empty());
    assert_eq!(bench.matches(3, 2).on_all, None, "said once");
}

#[test]
fn who_is_alone_waits_for_nobody() {
    for mode in [Replication::Sync, Replication::SemiSync, Replication::Async] {
        let mut bench = Bench::with(1, |config| config.replication = mode);
        bench.tick();
        bench.persist();
        bench.persist();
        bench.propose(1);
        let ready = bench.persist();
        assert_eq!(indices(&ready.committed), [2], "{mode}");
        match mode {
            Replication::Sync => assert_eq!(ready.on_all, Some(Index(2))),
            // What is committed already is not handed out ahead as well.
            _ => assert!(ready.ahead.is_empty(), "{mode}"),
        }
    }
}

#[test]
fn what_an_earlier_term_left_is_answered_with_an_entry_of_the_own_one_and_in_order() {
    let mut bench = Bench::with(3, |config| config.replication = Replication::Async);
    let log = [1, 2].map(|index| crate::bench::entry(index, 1));
    bench.append((2, 1), Default::default(), &log, 1);
    bench.persist();
    let mut bench = bench.candidate();
    let term = bench.status().term.0;
    let ready = bench.hear(3, term, Body::VoteReply { granted: true });
    assert!(ready.ahead.is_empty(), "2@1 alone is on disk");
    assert_eq!(indices(&bench.persist().ahead), [2, 3]);
}

#[test]
fn a_new_leadership_begins_behind_what_is_committed_again() {
    let mut bench = leader(3, Replication::Async);
    bench.propose(1);
    assert_eq!(indices(&bench.persist().ahead), [2]);
    let term = bench.status().term.0;
    let ready = bench.heartbeat((2, term + 1), 1);
    assert!(ready.ahead.is_empty());
    bench.persist();
    let mut bench = bench.candidate();
    let term = bench.status().term.0;
    bench.hear(2, term, Body::VoteReply { granted: true });
    assert_eq!(indices(&bench.persist().ahead), [2, 3]);
}

#[test]
fn a_leaders_read_sees_what_it_has_answered_and_is_confirmed() {
    let mut bench = leader(3, Replication::Async);
    bench.propose(1);
    bench.persist();
    assert!(served(&bench.read(7)).is_empty(), "nobody has confirmed it");
    let ready = bench.echo(2, 1);
    assert_eq!(served(&ready), [(7, Index(2))]);
    assert_eq!(bench.status().commit, Index(1));
}

#[test]
fn a_followers_read_waits_until_what_was_answered_is_committed() {
    let mut bench = leader(3, Replication::Async);
    bench.propose(1);
    bench.persist();
    let term = bench.status().term.0;
    bench.hear(3, term, Body::ReadIndex { id: RequestId(5) });
    assert!(told(&bench.echo(2, 1)).is_empty(), "n3 could not see it");
    let ready = bench.matches(2, 2);
    assert_eq!(told(&ready), [2]);
    // And if the leader leads no more, it says so, once its new term is on disk.
    bench.propose(2);
    bench.persist();
    bench.hear(3, term, Body::ReadIndex { id: RequestId(6) });
    bench.echo(2, 2);
    let round = Round(0);
    let ready = bench.hear(2, term + 1, Body::HeartbeatReply { round });
    let proof = bench.disk.persist(&bench.queue).expect("space");
    let said = ready.promises.into_iter().flat_map(|p| p.release(&proof));
    let (id, index) = (RequestId(6), None);
    let refused = Body::ReadIndexReply { id, index };
    assert!(said.map(|message| message.body).any(|body| body == refused));
}
