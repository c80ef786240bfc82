//! Members that come and go, asked for over HTTP, on real processes.

mod support;

use serde_json::{Value, json};
use support::{Cluster, wait};

const PATH: &str = "/v1/admin/membership";

fn members(cluster: &Cluster, id: u16) -> Value {
    let answer = cluster.ask(id, "GET", PATH, "");
    answer.map_or(Value::Null, |answer| answer.body)
}

/// Asks whoever leads until the change is done; gives the members then.
fn change(cluster: &Cluster, what: &Value) -> Value {
    let mut done = Value::Null;
    wait("a change", || {
        let leader = cluster.leader();
        match cluster.ask(leader, "POST", PATH, &what.to_string()) {
            Ok(answer) if answer.status == 200 => {
                done = answer.body;
                true
            }
            _ => false,
        }
    });
    done
}

#[test]
fn a_node_that_no_flag_names_joins_catches_up_and_votes() {
    let mut cluster = Cluster::start(3, &[]);
    for n in 0..20 {
        cluster.put(1, &format!("k{n}"), "x").unwrap();
    }
    cluster.join(4);
    let added = change(
        &cluster,
        &json!({"add": "n4", "address": cluster.peer_address(4)}),
    );
    assert_eq!(added["learners"], json!(["n4"]));
    let promoted = change(&cluster, &json!({"promote": "n4"}));
    assert_eq!(promoted["voters"], json!(["n1", "n2", "n3", "n4"]));
    assert_eq!(promoted["joint"], json!(false));
    assert_eq!(cluster.get(4, "k7"), json!("x"));
    // From four to two at once: both old and new voters agree, and then n1 and n2 do not matter any more.
    let replaced = change(&cluster, &json!({"voters": ["n3", "n4"]}));
    assert_eq!(replaced["voters"], json!(["n3", "n4"]));
    cluster.kill(1);
    cluster.kill(2);
    wait("a write", || {
        cluster.put(4, "late", "y").is_ok_and(|a| a.status == 200)
    });
    assert_eq!(members(&cluster, 3)["voters"], json!(["n3", "n4"]));
}

#[test]
fn what_makes_no_sense_is_refused_and_says_so() {
    let cluster = Cluster::start(3, &["--membership", "single"]);
    let leader = cluster.leader();
    let ask = |what: Value| {
        cluster
            .ask(leader, "POST", PATH, &what.to_string())
            .unwrap()
    };
    wait("the first commit of its term", || {
        ask(json!({"promote": "n9"})).body["error"]["code"] != "too-early"
    });
    for (what, status, code) in [
        (json!({"promote": "n9"}), 409, "no-learner"),
        (json!({"remove": "n9"}), 409, "no-member"),
        (json!({"add": "n1"}), 409, "is-member"),
        (json!({"voters": ["n1"]}), 409, "one-at-a-time"),
        (json!({"voters": []}), 409, "nobody-left"),
        (
            json!({"voters": ["n3", "n2", "n1"]}),
            409,
            "nothing-to-change",
        ),
        (json!({"remove": "n1", "add": "n4"}), 400, "bad-json"),
        (json!({"add": "n4", "address": "x"}), 400, "bad-json"),
    ] {
        let answer = ask(what.clone());
        assert_eq!(
            (answer.status, answer.body["error"]["code"].as_str()),
            (status, Some(code)),
            "{what}"
        );
    }
    let follower = 1 + leader % 3;
    let answer = cluster.ask(follower, "POST", PATH, r#"{"remove":"n1"}"#);
    assert_eq!(answer.unwrap().status, 421);
}

#[test]
fn a_removed_leader_hands_over_and_is_left_out_across_restarts() {
    let mut cluster = Cluster::start(3, &["--snapshot-every", "5", "--keep-entries", "0"]);
    let leader = cluster.leader();
    let gone = change(&cluster, &json!({ "remove": format!("n{leader}") }));
    assert_eq!(gone["voters"].as_array().map(Vec::len), Some(2));
    for n in 0..20 {
        let other = 1 + leader % 3;
        wait("a write", || {
            let put = cluster.put(other, &format!("k{n}"), "x");
            put.is_ok_and(|answer| answer.status == 200)
        });
    }
    for id in 1..=3 {
        cluster.kill(id);
    }
    for id in 1..=3 {
        cluster.start_node(id);
    }
    let next = cluster.leader();
    assert_ne!(next, leader);
    assert_eq!(members(&cluster, next)["voters"], gone["voters"]);
    // Back again, as a learner first.
    change(&cluster, &json!({ "add": format!("n{leader}") }));
    change(&cluster, &json!({ "promote": format!("n{leader}") }));
    assert_eq!(cluster.get(leader, "k19"), json!("x"));
}

#[test]
fn a_node_that_lost_its_disk_counts_nowhere_until_it_is_removed_and_added_again() {
    let mut cluster = Cluster::start(3, &[]);
    let leader = cluster.leader();
    let (lost, third) = (1 + leader % 3, 1 + (leader + 1) % 3);
    cluster.put(leader, "x", "kept").unwrap();
    // A disk is known once its node has greeted.
    for (id, other) in [(leader, lost), (third, lost), (lost, leader)] {
        wait("a greeting", || knows(&cluster, id, other));
    }
    cluster.kill(lost);
    std::fs::remove_dir_all(cluster.data(lost)).unwrap();
    cluster.start_node(lost);
    let complaint = format!("is n{lost} with another data directory than before");
    wait("a refusal", || cluster.log(leader).contains(&complaint));
    wait("a refusal", || cluster.log(third).contains(&complaint));
    wait("its own complaint", || {
        let log = cluster.log(lost);
        log.contains("knows this node with another data directory") && log.contains("--join")
    });
    // Two of three are up, and the empty one would be the second: it is no majority.
    cluster.kill(third);
    wait("the leader to step down", || {
        let status = cluster.status(leader);
        status.is_some_and(|status| status["role"] != "leader")
    });
    let refused = cluster.put(leader, "x", "lost").unwrap();
    assert_ne!(refused.status, 200);
    cluster.start_node(third);
    let n_lost = format!("n{lost}");
    change(&cluster, &json!({ "remove": n_lost }));
    cluster.kill(lost);
    cluster.join_again(lost);
    change(&cluster, &json!({ "add": n_lost }));
    change(&cluster, &json!({ "promote": n_lost }));
    assert_eq!(cluster.get(lost, "x"), json!("kept"));
    // It counts again.
    cluster.kill(third);
    wait("a write", || {
        cluster
            .put(lost, "x", "new")
            .is_ok_and(|answer| answer.status == 200)
    });
}

/// Whether node `id` has on disk which disk `other` has.
fn knows(cluster: &Cluster, id: u16, other: u16) -> bool {
    let file = std::fs::read(cluster.data(id).join("peers")).unwrap_or_default();
    file.chunks(8)
        .skip(5)
        .step_by(2)
        .any(|node| node == u64::from(other).to_le_bytes())
}
