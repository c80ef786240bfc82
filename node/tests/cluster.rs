//! Real processes: what was acknowledged survives, and what cannot be served is refused clearly.

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};
use support::{Cluster, wait};

const FAST: [&str; 2] = ["--disk", "lossy"];

/// Writes keys of its own through one node until told to stop; returns those that were acknowledged.
fn write_until(cluster: &Cluster, node: u16, stop: &AtomicBool) -> Vec<String> {
    let mut acknowledged = Vec::new();
    let mut number = 0;
    while !stop.load(Ordering::Relaxed) {
        number += 1;
        let key = format!("from-{node}-{number}");
        if let Ok(answer) = cluster.put(node, &key, &key)
            && answer.status == 200
        {
            acknowledged.push(key);
        }
    }
    acknowledged
}

fn assert_all_there(cluster: &Cluster, node: u16, keys: &[String]) {
    for key in keys {
        assert_eq!(cluster.get(node, key), json!(key), "{key} read at n{node}");
    }
}

#[test]
fn every_node_serves_reads_and_writes() {
    let cluster = Cluster::start(3, &FAST);
    for node in 1..=3 {
        let value = format!("v{node}");
        assert_eq!(cluster.put(node, "x", &value).unwrap().status, 200);
        for reader in 1..=3 {
            assert_eq!(cluster.get(reader, "x"), json!(value));
        }
    }
    let swap = r#"{"expected":"v3","new":"w"}"#;
    let swapped = cluster.ask(1, "POST", "/v1/kv/x/cas", swap).unwrap();
    assert_eq!(
        (swapped.status, &swapped.body["swapped"]),
        (200, &json!(true))
    );
    let failed = cluster.ask(2, "POST", "/v1/kv/x/cas", swap).unwrap();
    assert_eq!((failed.status, &failed.body["current"]), (409, &json!("w")));
    let deleted = cluster.ask(3, "DELETE", "/v1/kv/x", "").unwrap();
    assert_eq!(deleted.body["deleted"], json!(true));
    assert_eq!(cluster.get(1, "x"), Value::Null);
}

#[test]
fn acknowledged_writes_survive_the_loss_of_the_leader() {
    let mut cluster = Cluster::start(3, &FAST);
    let leader = cluster.leader();
    let followers: Vec<u16> = (1..=3).filter(|&id| id != leader).collect();
    let stop = AtomicBool::new(false);
    let mut acknowledged = thread::scope(|scope| {
        let shared = &cluster;
        let writers = followers.iter().map(|&node| {
            let stop = &stop;
            scope.spawn(move || write_until(shared, node, stop))
        });
        let writers: Vec<_> = writers.collect();
        wait("writes", || {
            shared
                .status(leader)
                .is_some_and(|s| s["commit"].as_u64() > Some(50))
        });
        stop.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect::<Vec<_>>()
    });
    cluster.kill(leader);
    wait(
        "a write without the old leader",
        || matches!(cluster.put(followers[0], "after", "yes"), Ok(answer) if answer.status == 200),
    );
    assert_all_there(&cluster, followers[1], &acknowledged);
    cluster.start_node(leader);
    acknowledged.truncate(20);
    assert_all_there(&cluster, leader, &acknowledged);
    assert_eq!(cluster.get(leader, "after"), json!("yes"));
    let new = cluster.leader();
    assert!(cluster.log(new).contains(" -> leader term="));
    assert!(cluster.log(leader).contains("incarnation=2"));
}

#[test]
fn acknowledged_writes_survive_a_power_loss_of_all_nodes_under_load() {
    let mut cluster = Cluster::start(3, &["--disk", "lossy", "--segment-size", "4096"]);
    let stop = AtomicBool::new(false);
    let acknowledged = thread::scope(|scope| {
        let shared = &cluster;
        let stop = &stop;
        let writers: Vec<_> = (1..=3)
            .map(|node| scope.spawn(move || write_until(shared, node, stop)))
            .collect();
        wait("writes", || {
            let status = shared.status(shared.leader());
            status.is_some_and(|s| s["commit"].as_u64() > Some(100))
        });
        let kill = |id: u16| {
            let pid = shared.pid(id);
            nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        };
        // While writes are under way.
        (1..=3).for_each(kill);
        stop.store(true, Ordering::Relaxed);
        writers
            .into_iter()
            .flat_map(|writer| writer.join().unwrap())
            .collect::<Vec<_>>()
    });
    assert!(acknowledged.len() >= 50);
    for id in 1..=3 {
        cluster.kill(id);
        cluster.start_node(id);
    }
    cluster.leader();
    assert_all_there(&cluster, 1, &acknowledged);
}

#[test]
fn a_minority_serves_stale_reads_and_says_what_did_not_happen() {
    let mut cluster = Cluster::start(3, &["--request-timeout", "300ms"]);
    assert_eq!(cluster.put(1, "x", "1").unwrap().status, 200);
    assert_eq!(cluster.get(3, "x"), json!("1"));
    cluster.kill(1);
    cluster.kill(2);
    wait("n3 to notice", || {
        cluster
            .status(3)
            .is_some_and(|s| s["leader"] == Value::Null)
    });
    let write = cluster.put(3, "x", "2").unwrap();
    assert_eq!(write.status, 503);
    assert_eq!(write.body["error"]["code"], json!("no-leader"));
    assert_eq!(write.body["error"]["outcome"], json!("not-applied"));
    let read = cluster.ask(3, "GET", "/v1/kv/x", "").unwrap();
    assert_eq!(
        (read.status, &read.body["error"]["code"]),
        (503, &json!("unconfirmed"))
    );
    let stale = cluster.ask(3, "GET", "/v1/kv/x?stale=true", "").unwrap();
    assert_eq!(stale.body["value"], json!("1"));
    let here = cluster.ask(3, "GET", "/v1/kv/x?forward=false", "").unwrap();
    assert_eq!((here.status, &here.body["leader"]), (421, &Value::Null));
    assert_eq!(cluster.ask(3, "GET", "/v1/ready", "").unwrap().status, 503);
    assert_eq!(cluster.ask(3, "GET", "/v1/health", "").unwrap().status, 200);
    assert_eq!(cluster.status(3).unwrap()["waiters"], json!(0));
}

#[test]
fn a_node_that_is_asked_to_stop_hands_over_and_ends_well() {
    let mut cluster = Cluster::start(3, &FAST);
    let leader = cluster.leader();
    assert!(cluster.terminate(leader).success());
    assert!(cluster.log(leader).contains("leader -> follower"));
    cluster.leader();
}
