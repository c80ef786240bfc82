//! Replication modes on real processes: what each waits for, and what answering ahead of the commit loses.

mod support;

use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};
use support::{Cluster, wait};

/// A leader that is left alone stays one, so that what it does alone can be seen.
const STUBBORN: [&str; 4] = ["--check-quorum", "false", "--request-timeout", "500ms"];

fn start(size: u16, mode: &str) -> Cluster {
    Cluster::start(size, &[&["--replication", mode], &STUBBORN[..]].concat())
}

fn others(cluster: &Cluster, size: u16) -> (u16, Vec<u16>) {
    let leader = cluster.leader();
    (leader, (1..=size).filter(|id| *id != leader).collect())
}

/// Waits until all of them have applied what `node` has in its log.
fn settle(cluster: &Cluster, nodes: &[u16]) {
    wait("equal logs", || {
        let applied = |id: &u16| {
            cluster
                .status(*id)
                .map(|s| (s["applied"].clone(), s["last"].clone()))
        };
        let all: Vec<_> = nodes.iter().map(applied).collect();
        all.iter()
            .all(|one| *one == all[0] && one.as_ref().is_some_and(|(a, l)| a == l))
    });
}

/// The term of entry `index` in a node's applied log, by `/v1/log`.
fn term_at(cluster: &Cluster, node: u16, index: u64) -> Option<u64> {
    let log = cluster.ask(node, "GET", "/v1/log", "").ok()?.body;
    let parse = |entry: &Value| -> Option<(u64, u64)> {
        let (index, term) = entry.as_str()?.split_once('@')?;
        Some((index.parse().ok()?, term.parse().ok()?))
    };
    let (last, _) = parse(&log["applied"])?;
    let begins: Vec<(u64, u64)> = log["terms"].as_array()?.iter().filter_map(parse).collect();
    let first = begins.iter().rev().find(|(first, _)| *first <= index)?;
    (index <= last).then_some(first.1)
}

fn entry(answer: &Value) -> (u64, u64) {
    let (index, term) = answer["entry"].as_str().unwrap().split_once('@').unwrap();
    (index.parse().unwrap(), term.parse().unwrap())
}

#[test]
fn an_isolated_async_leader_answers_alone_and_loses_it_when_another_one_leads() {
    let mut cluster = start(3, "async");
    let (leader, followers) = others(&cluster, 3);
    assert_eq!(cluster.put(leader, "x", "kept").unwrap().status, 200);
    settle(&cluster, &[1, 2, 3]);
    for follower in &followers {
        cluster.kill(*follower);
    }

    // Alone: writes are answered, each from the state that the ones before it made.
    let lost = cluster.put(leader, "x", "lost").unwrap();
    assert_eq!(lost.status, 200, "{lost:?}");
    let swap = r#"{"expected":"lost","new":"lost too"}"#;
    let swapped = cluster.ask(leader, "POST", "/v1/kv/x/cas", swap).unwrap();
    assert_eq!(swapped.body["swapped"], json!(true), "{swapped:?}");
    let status = cluster.status(leader).unwrap();
    assert_eq!(status["ahead"], status["last"]);
    assert!(status["ahead"].as_u64() > status["commit"].as_u64());
    // Nobody confirms that it leads, so it does not serve what it cannot know; and it has committed nothing.
    let read = cluster.ask(leader, "GET", "/v1/kv/x", "").unwrap();
    assert_eq!(read.status, 503, "{read:?}");
    let stale = cluster
        .ask(leader, "GET", "/v1/kv/x?stale=true", "")
        .unwrap();
    assert_eq!(stale.body["value"], json!("kept"));

    // The others come back without it and go on.
    kill(cluster.pid(leader), Signal::SIGSTOP).unwrap();
    for follower in &followers {
        cluster.start_node(*follower);
    }
    wait(
        "a write without the old leader",
        || matches!(cluster.put(followers[0], "y", "new"), Ok(answer) if answer.status == 200),
    );
    kill(cluster.pid(leader), Signal::SIGCONT).unwrap();
    settle(&cluster, &[1, 2, 3]);

    let (index, term) = entry(&lost.body);
    let line = format!(
        "n{leader} had answered these writes ahead of their commit and has lost them: {index}@{term}"
    );
    wait("the old leader's confession", || {
        cluster.log(leader).contains(&line)
    });
    assert!(
        cluster
            .log(leader)
            .contains(&format!("rolled back {index}@{term}"))
    );
    for node in 1..=3 {
        assert_ne!(term_at(&cluster, node, index), Some(term), "n{node}");
        assert_eq!(cluster.get(node, "x"), json!("kept"), "n{node}");
        assert_eq!(cluster.get(node, "y"), json!("new"), "n{node}");
    }
    // And the old leader can lead again, from what is committed.
    let body = json!({ "to": format!("n{leader}") }).to_string();
    wait("the old leader to lead", || {
        for node in 1..=3 {
            let _ = cluster.ask(node, "POST", "/v1/admin/transfer", &body);
        }
        cluster.leader() == leader
    });
    let swap = r#"{"expected":"kept","new":"again"}"#;
    let swapped = cluster.ask(leader, "POST", "/v1/kv/x/cas", swap).unwrap();
    assert_eq!(swapped.body["swapped"], json!(true), "{swapped:?}");
    let (index, term) = entry(&swapped.body);
    settle(&cluster, &[1, 2, 3]);
    assert_eq!(term_at(&cluster, followers[0], index), Some(term));
    let chains: Vec<Value> = (1..=3)
        .map(|id| cluster.status(id).unwrap()["chain"].clone())
        .collect();
    assert!(chains.iter().all(|chain| *chain == chains[0]), "{chains:?}");
}

#[test]
fn a_semi_sync_leader_of_five_answers_with_one_other_although_that_is_no_majority() {
    let mut cluster = start(5, "semi-sync");
    let (leader, followers) = others(&cluster, 5);
    assert_eq!(cluster.put(leader, "x", "1").unwrap().status, 200);
    for follower in &followers[..3] {
        cluster.kill(*follower);
    }
    let answer = cluster.put(leader, "x", "2").unwrap();
    assert_eq!(answer.status, 200, "{answer:?}");
    assert!(cluster.status(leader).unwrap()["commit"].as_u64() < Some(entry(&answer.body).0));
    cluster.kill(followers[3]);
    let answer = cluster.put(leader, "x", "3").unwrap();
    assert_eq!(answer.status, 504, "alone it must not answer: {answer:?}");
}

#[test]
fn a_sync_leader_answers_when_the_last_voter_has_the_write_and_not_before() {
    let mut cluster = start(3, "sync");
    let (leader, followers) = others(&cluster, 3);
    assert_eq!(cluster.put(followers[0], "x", "1").unwrap().status, 200);
    cluster.kill(followers[0]);
    let stalled = cluster.put(leader, "x", "2").unwrap();
    assert_eq!(stalled.status, 504, "{stalled:?}");
    assert_eq!(stalled.body["error"]["outcome"], json!("unknown"));
    // It is committed all the same, and reads say so.
    assert_eq!(cluster.get(followers[1], "x"), json!("2"));
    cluster.start_node(followers[0]);
    wait(
        "a write with everybody there",
        || matches!(cluster.put(leader, "x", "3"), Ok(answer) if answer.status == 200),
    );
}
