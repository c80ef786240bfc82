//! Real processes with snapshots every few entries: nothing is lost, and who was away for long catches up.

mod support;

use serde_json::json;
use support::{Cluster, wait};

const OFTEN: [&str; 8] = [
    "--disk",
    "lossy",
    "--snapshot-every",
    "20",
    "--keep-entries",
    "5",
    "--segment-size",
    "4096",
];

fn number(cluster: &Cluster, node: u16, field: &str) -> u64 {
    let status = cluster.status(node).unwrap_or_default();
    status[field].as_u64().unwrap_or_default()
}

fn write(cluster: &Cluster, node: u16, from: usize, to: usize) {
    for key in from..to {
        let value = format!("value of {key}");
        wait("a write", || {
            let answer = cluster.put(node, &format!("k{key}"), &value);
            answer.is_ok_and(|a| a.status == 200)
        });
    }
}

fn assert_written(cluster: &Cluster, node: u16, count: usize) {
    for key in (0..count).step_by(7) {
        let value = cluster.get(node, &format!("k{key}"));
        assert_eq!(value, json!(format!("value of {key}")), "at n{node}");
    }
}

#[test]
fn a_node_that_was_away_for_long_gets_a_snapshot_and_the_rest_from_the_log() {
    let mut cluster = Cluster::start(3, &OFTEN);
    let leader = cluster.leader();
    let away = 1 + leader % 3;
    write(&cluster, leader, 0, 10);
    cluster.kill(away);
    write(&cluster, leader, 10, 150);
    assert!(number(&cluster, leader, "first") > 100);
    cluster.start_node(away);
    wait("the rest", || {
        number(&cluster, away, "applied") >= number(&cluster, leader, "commit")
            && number(&cluster, away, "applied") > 150
    });
    assert!(cluster.log(away).contains("installed snapshot"));
    let (a, b) = (cluster.status(away), cluster.status(leader));
    let content = |s: &Option<serde_json::Value>| s.as_ref().map(|s| s["content"].clone());
    assert_eq!(content(&a), content(&b));
    assert_written(&cluster, away, 150);
    // Twice: once from what was installed, once from what it took itself.
    for _ in 0..2 {
        cluster.kill(away);
        cluster.start_node(away);
        assert_written(&cluster, away, 150);
        write(&cluster, leader, 0, 30);
    }
}

#[test]
fn all_nodes_start_again_from_their_snapshots_and_verify_explains_them() {
    let mut cluster = Cluster::start(3, &OFTEN);
    let leader = cluster.leader();
    write(&cluster, leader, 0, 90);
    for node in 1..=3 {
        cluster.kill(node);
        let verify = std::process::Command::new(env!("CARGO_BIN_EXE_node"))
            .args(["verify", "--data-dir"])
            .arg(cluster.data(node))
            .output()
            .unwrap();
        let report = String::from_utf8_lossy(&verify.stdout);
        assert!(verify.status.success(), "{report}");
        assert!(report.contains("covers entries up to"), "{report}");
    }
    for node in 1..=3 {
        cluster.start_node(node);
    }
    for node in 1..=3 {
        assert_written(&cluster, node, 90);
    }
}

#[test]
fn operators_take_snapshots_and_hand_leadership_over() {
    let cluster = Cluster::start(3, &["--snapshot-every", "0"]);
    let leader = cluster.leader();
    write(&cluster, leader, 0, 9);
    let taken = cluster.ask(leader, "POST", "/v1/admin/snapshot", "");
    let index = taken.unwrap().body["snapshot"].as_u64().unwrap();
    assert!(index >= 10);
    assert_eq!(number(&cluster, leader, "snapshot"), index);
    // Again, with nothing new.
    let again = cluster.ask(leader, "POST", "/v1/admin/snapshot", "");
    assert_eq!(again.unwrap().body["snapshot"], json!(index));

    let next = 1 + leader % 3;
    let elsewhere = cluster
        .ask(next, "POST", "/v1/admin/transfer", "{}")
        .unwrap();
    assert_eq!(elsewhere.status, 421);
    for (body, status) in [(r#"{"to":"n9"}"#, 409), (r#"{"to":"x"}"#, 400)] {
        let refused = cluster.ask(leader, "POST", "/v1/admin/transfer", body);
        assert_eq!(refused.unwrap().status, status, "{body}");
    }
    let body = json!({ "to": format!("n{next}") }).to_string();
    let begun = cluster.ask(leader, "POST", "/v1/admin/transfer", &body);
    assert_eq!(begun.unwrap().status, 200);
    wait("the next leader", || cluster.leader() == next);
    assert_written(&cluster, next, 9);
}

#[test]
fn a_damaged_snapshot_is_refused_with_the_place_and_the_way_out() {
    let mut cluster = Cluster::start(1, &OFTEN);
    write(&cluster, 1, 0, 60);
    // They are taken beside everything else: the last one is there when no other is due.
    wait("the last snapshot", || {
        let status = cluster.status(1);
        status.is_some_and(|status| status["snapshot"].as_u64() > Some(41))
    });
    cluster.kill(1);
    let name = |e: std::io::Result<std::fs::DirEntry>| e.ok().map(|e| e.path());
    let snapshot = std::fs::read_dir(cluster.data(1))
        .unwrap()
        .filter_map(name)
        .filter(|path| path.to_string_lossy().contains("snapshot-"))
        .max()
        .expect("a snapshot");
    let mut bytes = std::fs::read(&snapshot).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&snapshot, bytes).unwrap();
    let status = cluster.command(1).status().unwrap();
    assert_eq!(status.code(), Some(65));
    let log = cluster.log(1);
    assert!(log.contains("a chunk of the snapshot does not match its checksum"));
    assert!(log.contains("start it with --join, and add it"));
}
