//! What a client is told when its time is up: "not applied" is said only of what never is.

mod support;

use serde_json::Value;
use support::{Cluster, wait};

#[test]
fn a_write_that_was_said_not_to_be_applied_never_shows_up() {
    // No time at all: it is up in the very turn in which the leader takes the write into its log.
    let cluster = Cluster::start(1, &["--request-timeout", "0ms"]);
    wait("a leader", || {
        let status = cluster.status(1);
        status.is_some_and(|status| status["role"] == "leader")
    });
    let mut denied = Vec::new();
    let mut unknown = 0;
    for number in 0..50 {
        let key = format!("k{number}");
        let answer = cluster.put(1, &key, "1").unwrap();
        match answer.body["error"]["outcome"].as_str() {
            Some("not-applied") => denied.push(key),
            Some(_) => unknown += 1,
            None => {}
        }
    }
    assert!(
        unknown + denied.len() > 0,
        "no deadline passed: the test tested nothing"
    );
    for key in denied {
        let path = format!("/v1/kv/{key}?stale=true");
        let found = cluster.ask(1, "GET", &path, "").unwrap();
        assert_eq!(
            found.body["value"],
            Value::Null,
            "{key} was said not to be applied"
        );
    }
}
