//! Real processes: what each verb answers, and that a repeated write in a session happens once.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use serde_json::{Value, json};
use support::{Answer, Cluster, request_with, wait};

const FAST: [&str; 2] = ["--disk", "lossy"];

fn post(cluster: &Cluster, path: &str, body: Value) -> Answer {
    cluster.ask(1, "POST", path, &body.to_string()).unwrap()
}

/// Leaves out the name of the entry, which depends on the history.
fn without_entry(answer: Answer) -> (u16, Value) {
    let mut body = answer.body;
    if let Some(fields) = body.as_object_mut() {
        fields.remove("entry");
    }
    (answer.status, body)
}

#[test]
fn every_verb_says_what_it_did() {
    let cluster = Cluster::start(1, &FAST);
    let check = |path: &str, body: Value, status: u16, expect: Value| {
        let answer = post(&cluster, path, body);
        assert_eq!(without_entry(answer), (status, expect), "{path}");
    };
    let list = "/v1/kv/list/append";
    check(
        list,
        json!({"value":"a"}),
        200,
        json!({"length":1,"revision":1}),
    );
    check(
        list,
        json!({"value":"b"}),
        200,
        json!({"length":2,"revision":2}),
    );
    assert_eq!(cluster.get(1, "list"), json!(["a", "b"]));
    let add = "/v1/kv/n/add";
    check(add, json!({"by":5}), 200, json!({"value":5,"revision":3}));
    check(add, json!({"by":-7}), 200, json!({"value":-2,"revision":4}));
    let cas = "/v1/kv/n/cas";
    let swap = json!({"revision":4,"new":"x"});
    check(cas, swap.clone(), 200, json!({"swapped":true,"revision":5}));
    let expect = json!({"swapped":false,"current":"x","current_revision":5,"revision":5});
    check(cas, swap, 409, expect);
    for (path, body, code) in [
        (add, json!({"by":1}), "not-a-number"),
        ("/v1/kv/n/append", json!({"value":"c"}), "not-a-list"),
    ] {
        let refused = post(&cluster, path, body);
        assert_eq!(
            (refused.status, &refused.body["error"]["code"]),
            (409, &json!(code))
        );
        assert_eq!(refused.body["error"]["outcome"], json!("not-applied"));
    }
    let listed = cluster
        .ask(1, "GET", "/v1/kv?prefix=l&limit=5", "")
        .unwrap();
    let item = json!({"key":"list","value":["a","b"],"revision":2,"found":true});
    let expect = json!({"items":[item],"more":false,"revision":5});
    assert_eq!(without_entry(listed), (200, expect));
}

#[test]
fn a_transaction_takes_the_branch_that_its_compares_choose() {
    let cluster = Cluster::start(1, &FAST);
    cluster.put(1, "a", "1").unwrap();
    let transaction = json!({
        "compares": [{"key":"a","value":"1"},{"key":"b","absent":true},{"key":"a","revision":1}],
        "success": [{"op":"put","key":"b","value":"2"},{"op":"delete","key":"a"},{"op":"get","key":"b"},
                    {"op":"add","key":"n","by":3},{"op":"append","key":"l","value":"x"}],
        "failure": [{"op":"get","key":"a"}],
    });
    let first = post(&cluster, "/v1/txn", transaction.clone());
    let expect = json!({"succeeded":true,"revision":2,"results":[
        {}, {"deleted":true}, {"value":"2","revision":2,"found":true}, {"value":3}, {"length":1}]});
    assert_eq!(without_entry(first), (200, expect));
    let second = post(&cluster, "/v1/txn", transaction);
    let expect = json!({"succeeded":false,"revision":2,"results":[{"value":null,"revision":0,"found":false}]});
    assert_eq!(without_entry(second), (200, expect));
    let bad = json!({"success":[{"op":"put","key":"b","value":"3"},{"op":"add","key":"l","by":1}]});
    let refused = post(&cluster, "/v1/txn", bad);
    assert_eq!(
        (refused.status, &refused.body["error"]["operation"]),
        (409, &json!(1))
    );
    assert_eq!(cluster.get(1, "b"), json!("2"));
}

#[test]
fn a_repeated_write_in_a_session_happens_once_also_after_its_leader_is_gone() {
    let mut cluster = Cluster::start(3, &FAST);
    let opened = post(&cluster, "/v1/session", json!({}));
    let session = opened.body["session"].as_u64().unwrap();
    let add = |cluster: &Cluster, node: u16, sequence: u64, session: u64| {
        let headers = format!("x-session: {session}\r\nx-sequence: {sequence}\r\n");
        let address = cluster.client_address(node);
        request_with(&address, "POST", "/v1/kv/n/add", &headers, r#"{"by":1}"#).unwrap()
    };
    let first = add(&cluster, 1, 1, session);
    assert_eq!((first.status, &first.body["value"]), (200, &json!(1)));
    let leader = cluster.leader();
    cluster.kill(leader);
    let other = 1 + leader % 3;
    let mut again = add(&cluster, other, 1, session);
    // Until another leads.
    while again.status != 200 {
        again = add(&cluster, other, 1, session);
    }
    assert_eq!(again.body["repeated"], json!(true));
    assert_eq!(again.body["entry"], first.body["entry"]);
    assert_eq!(add(&cluster, other, 2, session).body["value"], json!(2));
    let late = add(&cluster, other, 1, session);
    assert_eq!(
        (late.status, &late.body["error"]["code"]),
        (409, &json!("old-sequence"))
    );
    let stranger = add(&cluster, other, 1, 999);
    assert_eq!(
        (stranger.status, &stranger.body["error"]["code"]),
        (410, &json!("no-session"))
    );
    assert_eq!(stranger.body["error"]["outcome"], json!("unknown"));
    assert_eq!(cluster.get(other, "n"), json!("2"));
    let half = "x-session: 1\r\n";
    let address = cluster.client_address(other);
    let refused = request_with(&address, "DELETE", "/v1/kv/n", half, "").unwrap();
    assert_eq!(
        (refused.status, &refused.body["error"]["code"]),
        (400, &json!("bad-session"))
    );
}

#[test]
fn a_lease_takes_its_keys_along_when_it_ends() {
    let mut cluster = Cluster::start(3, &FAST);
    let grant = |cluster: &Cluster, ttl_ms: u64| {
        let granted = post(cluster, "/v1/lease", json!({"ttl_ms":ttl_ms}));
        granted.body["lease"].as_u64().unwrap()
    };
    let put = |key: &str, lease: u64| {
        let body = json!({"value":"1","lease":lease}).to_string();
        let answer = cluster.ask(2, "PUT", &format!("/v1/kv/{key}"), &body);
        answer.unwrap().status
    };
    let (short, long) = (grant(&cluster, 200), grant(&cluster, 3_600_000));
    assert_eq!(put("long", long), 200);
    // It may have ended already, on a machine that stalls; then this says so.
    assert!([200, 409].contains(&put("short", short)));
    wait("the end of a lease", || {
        cluster.get(3, "short") == Value::Null
    });
    let late = post(
        &cluster,
        &format!("/v1/lease/{short}/keep-alive"),
        json!(null),
    );
    assert_eq!(
        (late.status, &late.body["error"]["code"]),
        (404, &json!("no-lease"))
    );
    let leader = cluster.leader();
    cluster.kill(leader);
    let other = 1 + leader % 3;
    // Leases outlive leaders, and end under new ones.
    let path = format!("/v1/lease/{long}");
    wait("another leader", || {
        let seen = cluster.ask(other, "GET", &path, "").unwrap();
        seen.body["keys"] == json!(["long"]) && seen.body["ttl_ms"] == json!(3_600_000)
    });
    let mut short = Value::Null;
    wait("a lease", || {
        let granted = cluster.ask(other, "POST", "/v1/lease", r#"{"ttl_ms":100}"#);
        short = granted.unwrap().body["lease"].clone();
        short.is_u64()
    });
    wait("its end", || {
        let seen = cluster.ask(other, "GET", &format!("/v1/lease/{short}"), "");
        seen.unwrap().status == 404
    });
    let revoked = cluster.ask(other, "DELETE", &path, "").unwrap();
    assert_eq!(
        (&revoked.body["revoked"], &revoked.body["keys"]),
        (&json!(true), &json!(1))
    );
    assert_eq!(cluster.get(other, "long"), Value::Null);
}

/// The events of a watch, as (kind, data), for ever.
fn watch(address: &str, query: &str) -> impl Iterator<Item = (String, Value)> + use<> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(support::PATIENCE)).unwrap();
    write!(
        stream,
        "GET /v1/watch?{query} HTTP/1.1\r\nhost: test\r\n\r\n"
    )
    .unwrap();
    let mut kind = String::new();
    BufReader::new(stream)
        .lines()
        .map_while(Result::ok)
        .filter_map(move |line| {
            if let Some(name) = line.strip_prefix("event: ") {
                kind = name.to_owned();
            }
            let data = line.strip_prefix("data: ")?;
            Some((kind.clone(), serde_json::from_str(data).unwrap()))
        })
}

#[test]
fn a_watch_tells_every_change_in_order_from_the_revision_that_is_asked_for() {
    let mut cluster = Cluster::start(3, &FAST);
    for number in 1..=100 {
        cluster
            .put(1, &format!("a{}", number % 3), &number.to_string())
            .unwrap();
        cluster.put(1, "b", "not asked for").unwrap();
    }
    wait("n2 to follow", || {
        cluster
            .status(2)
            .is_some_and(|s| s["revision"] == json!(200))
    });
    let mut events = watch(&cluster.client_address(2), "prefix=a&from=11");
    assert_eq!(events.next(), Some(("open".to_owned(), json!({"from":11}))));
    for number in 6..=100 {
        let (kind, data) = events.next().unwrap();
        let change = &data["changes"][0];
        assert_eq!(
            (kind.as_str(), &data["revision"]),
            ("change", &json!(number * 2 - 1))
        );
        assert_eq!(change["value"], json!(number.to_string()));
    }
    // What happens while it watches.
    let both = json!({"success":[{"op":"put","key":"a0","value":"x"},{"op":"delete","key":"a1"}]});
    post(&cluster, "/v1/txn", both);
    let (_, data) = events.next().unwrap();
    assert_eq!(data["revision"], json!(201));
    let told: Vec<_> = data["changes"].as_array().unwrap().iter().collect();
    assert_eq!(
        (&told[0]["key"], &told[0]["found"]),
        (&json!("a0"), &json!(true))
    );
    assert_eq!(
        (&told[1]["key"], &told[1]["found"]),
        (&json!("a1"), &json!(false))
    );
    drop(events);
    cluster.kill(2);
    cluster.start_node(2);
    wait("n2 to be back", || {
        cluster
            .status(2)
            .is_some_and(|s| s["revision"] == json!(201))
    });
    let missing = cluster.ask(2, "GET", "/v1/watch?from=0", "").unwrap();
    assert_eq!(
        (missing.status, &missing.body["error"]["code"]),
        (410, &json!("compacted"))
    );
    assert_eq!(missing.body["oldest"], json!(1));
}

#[test]
fn sessions_and_leases_survive_a_restart_from_a_snapshot() {
    let flags = [
        "--snapshot-every",
        "20",
        "--keep-entries",
        "0",
        "--segment-size",
        "4096",
    ];
    let mut cluster = Cluster::start(1, &flags);
    let session = post(&cluster, "/v1/session", json!({})).body["session"].clone();
    let lease = post(&cluster, "/v1/lease", json!({"ttl_ms":3_600_000})).body["lease"].clone();
    let headers = format!("x-session: {session}\r\nx-sequence: 1\r\n");
    let append = |cluster: &Cluster| {
        let address = cluster.client_address(1);
        let body = r#"{"value":"once"}"#;
        request_with(&address, "POST", "/v1/kv/list/append", &headers, body).unwrap()
    };
    let first = append(&cluster);
    let body = json!({"value":"1","lease":lease}).to_string();
    cluster.ask(1, "PUT", "/v1/kv/leased", &body).unwrap();
    for number in 0..60 {
        cluster.put(1, "x", &number.to_string()).unwrap();
    }
    wait("a snapshot", || {
        let status = cluster.status(1).unwrap();
        status["snapshot"].as_u64() > Some(40)
    });
    cluster.kill(1);
    cluster.start_node(1);
    cluster.leader();
    assert_eq!(cluster.get(1, "list"), json!(["once"]));
    let again = append(&cluster);
    assert_eq!(
        (&again.body["repeated"], &again.body["entry"]),
        (&json!(true), &first.body["entry"])
    );
    assert_eq!(cluster.get(1, "list"), json!(["once"]));
    let kept = cluster
        .ask(1, "GET", &format!("/v1/lease/{lease}"), "")
        .unwrap();
    assert_eq!(kept.body["keys"], json!(["leased"]));
    let old = cluster.ask(1, "GET", "/v1/watch?from=1", "").unwrap();
    assert_eq!(
        (old.status, &old.body["error"]["code"]),
        (410, &json!("compacted"))
    );
}

#[test]
fn metrics_count_requests_by_verb_and_outcome() {
    let cluster = Cluster::start(1, &FAST);
    cluster.put(1, "x", "1").unwrap();
    cluster
        .ask(1, "POST", "/v1/kv/x/cas", r#"{"expected":"2","new":"3"}"#)
        .unwrap();
    let text = support::text(&cluster.client_address(1), "/v1/metrics");
    for expect in [
        "ordeal_requests_total{verb=\"put\",outcome=\"ok\"} 1\n",
        "ordeal_requests_total{verb=\"cas\",outcome=\"refused\"} 1\n",
        "ordeal_request_duration_seconds_count{verb=\"put\"} 1\n",
        "ordeal_revision 1\n",
        "ordeal_role{role=\"leader\"} 1\n",
    ] {
        assert!(text.contains(expect), "{expect}{text}");
    }
}
