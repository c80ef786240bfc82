//! What a node refuses: bad requests, strangers, garbage, damage, and commands that make no sense.

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Output};

use serde_json::json;
use support::{Cluster, wait};

fn one() -> Cluster {
    Cluster::start(1, &["--segment-size", "4096"])
}

fn node(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    command.args(arguments).output().unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn bad_requests_are_refused_in_json_and_change_nothing() {
    let cluster = one();
    let long_key = format!("/v1/kv/{}", "k".repeat(1025));
    let long_value = format!(r#"{{"value":"{}"}}"#, "v".repeat((1 << 20) + 1));
    let huge = format!(r#"{{"value":"{}"}}"#, "v".repeat(5 << 20));
    let put = r#"{"value":"1"}"#;
    let cases = [
        ("GET", "/", "", 404, "not-found"),
        ("GET", "/v1/kv/", "", 404, "not-found"),
        ("GET", "/v1/kv/%ff", "", 400, "bad-key"),
        ("GET", "/v1/kv/x?fresh=1", "", 400, "bad-query"),
        ("GET", "/v1/kv/x?stale=perhaps", "", 400, "bad-query"),
        ("PATCH", "/v1/kv/x", "", 405, "method-not-allowed"),
        ("PUT", "/v1/kv/x", "", 400, "bad-json"),
        ("PUT", "/v1/kv/x", r#"{"value":1}"#, 400, "bad-json"),
        (
            "PUT",
            "/v1/kv/x",
            r#"{"value":"1","ttl":3}"#,
            400,
            "bad-json",
        ),
        ("PUT", "/v1/kv/x?stale=true", put, 400, "bad-query"),
        ("PUT", &long_key, put, 400, "bad-key"),
        ("PUT", "/v1/kv/x", &long_value, 413, "value-too-large"),
        ("PUT", "/v1/kv/x", &huge, 413, "bad-body"),
        ("POST", "/v1/kv/x/cas", r#"{"new":"1"}"#, 400, "bad-json"),
        (
            "POST",
            "/v1/kv/x/cas",
            r#"{"expected":null,"revision":0,"new":"1"}"#,
            400,
            "bad-json",
        ),
        ("POST", "/v1/kv/x/add", r#"{"by":1.5}"#, 400, "bad-json"),
        ("POST", "/v1/kv/x/append", "{}", 400, "bad-json"),
        ("GET", "/v1/kv?limit=0", "", 400, "bad-query"),
        ("GET", "/v1/kv?prefx=a", "", 400, "bad-query"),
        ("POST", "/v1/txn", r#"{"then":[]}"#, 400, "bad-json"),
        (
            "POST",
            "/v1/txn",
            r#"{"success":[{"op":"put","key":"x"}]}"#,
            400,
            "bad-json",
        ),
        (
            "POST",
            "/v1/txn",
            r#"{"success":[{"op":"put","key":"x","value":"1","ttl":1}]}"#,
            400,
            "bad-json",
        ),
        (
            "POST",
            "/v1/txn",
            r#"{"success":[{"op":"delete","key":""}]}"#,
            400,
            "bad-key",
        ),
        (
            "POST",
            "/v1/txn",
            r#"{"compares":[{"key":"x","absent":true,"revision":0}]}"#,
            400,
            "bad-json",
        ),
        ("POST", "/v1/session", "[]", 400, "bad-json"),
        ("DELETE", "/v1/session/one", "", 400, "bad-name"),
        ("POST", "/v1/lease", r#"{"ttl_ms":0}"#, 400, "bad-json"),
        ("POST", "/v1/lease/1/keep-alive", "", 404, "no-lease"),
        (
            "PUT",
            "/v1/kv/x",
            r#"{"value":"1","lease":1}"#,
            409,
            "no-lease",
        ),
    ];
    for (method, path, body, status, code) in cases {
        // A body that is too large may be refused before all of it is sent.
        let Ok(answer) = cluster.ask(1, method, path, body) else {
            assert_eq!(status, 413);
            continue;
        };
        let error = &answer.body["error"];
        assert_eq!(
            (answer.status, &error["code"]),
            (status, &json!(code)),
            "{method} {path:.30}"
        );
        assert_eq!(error["outcome"], json!("not-applied"));
    }
    assert_eq!(cluster.get(1, "x"), json!(null));
    let status = cluster.status(1).unwrap();
    assert_eq!(status["revision"], json!(0));
}

#[test]
fn keys_and_values_may_be_any_text() {
    let cluster = one();
    let value = "\"\\ \u{0} \u{1F980}\n";
    assert_eq!(cluster.put(1, "a%2Fb%20%C3%A4", value).unwrap().status, 200);
    assert_eq!(cluster.get(1, "a%2Fb%20%C3%A4"), json!(value));
    let full = "v".repeat(1 << 20);
    assert_eq!(cluster.put(1, "full", &full).unwrap().status, 200);
    assert_eq!(cluster.get(1, "full"), json!(full));
}

#[test]
fn garbage_and_strangers_are_hung_up_on_and_the_node_lives() {
    let cluster = one();
    let hello = |from: u16, to: u16, cluster: u64| {
        // Written by hand from node/README.md: a postcard of (u64, u16, u64, u64, Option<u64>, u8), all varints.
        let mut payload = Vec::new();
        let mut rest = cluster;
        while rest >= 0x80 {
            payload.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        payload.push(rest as u8);
        payload.extend([from as u8, 1, 77, 0, 3]);
        let mut tail = vec![1, 3];
        tail.extend(from.to_le_bytes());
        tail.extend(to.to_le_bytes());
        tail.extend([0; 10]);
        tail.extend(&payload);
        let mut frame = (payload.len() as u32).to_le_bytes().to_vec();
        frame.extend(crc32c::crc32c(&tail).to_le_bytes());
        frame.extend(tail);
        frame
    };
    let mut other_version = hello(2, 1, 5);
    other_version[9] = 4;
    let mut damaged = hello(2, 1, 5);
    damaged[4] ^= 1;
    let cases = [
        (b"GET / HTTP/1.1\r\nhost: x\r\n\r\n".to_vec(), "version"),
        (vec![0xff; 64], "version"),
        (other_version, "version 4"),
        (damaged, "checksum"),
        (hello(2, 9, 5), "wants n9"),
        (hello(2, 1, 5), "another cluster"),
        (
            hello(2, 1, node::storage::cluster_id("test")),
            "neither a --peer nor the configuration names",
        ),
    ];
    for (bytes, complaint) in cases {
        let before = cluster.log(1).len();
        let mut stream = TcpStream::connect(cluster.peer_address(1)).unwrap();
        stream.write_all(&bytes).unwrap();
        let mut end = Vec::new();
        // The end of the stream or a reset: closed, and nothing was said.
        let _ = stream.read_to_end(&mut end);
        assert!(end.is_empty());
        wait(complaint, || cluster.log(1)[before..].contains(complaint));
    }
    assert_eq!(cluster.put(1, "x", "1").unwrap().status, 200);
}

#[test]
fn a_damaged_log_is_refused_with_the_place_and_the_way_out() {
    let mut cluster = one();
    for number in 0..5 {
        cluster.put(1, "x", &format!("{number}")).unwrap();
    }
    cluster.kill(1);
    let directory = cluster.data(1).display().to_string();
    let whole = node(&["verify", "--data-dir", &directory]);
    assert!(whole.status.success());
    assert!(String::from_utf8_lossy(&whole.stdout).contains("log: 6 entries, last 6@1"));

    let segment = cluster.data(1).join("wal-0000000001");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[64 + 40 + 45] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let verify = node(&["verify", "--data-dir", &directory]);
    let start = cluster.command(1).status().unwrap();
    for (code, said) in [
        (verify.status.code(), stderr(&verify)),
        (start.code(), cluster.log(1)),
    ] {
        assert_eq!(code, Some(65));
        assert!(
            said.contains("wal-0000000001 is damaged at byte 104"),
            "{said}"
        );
        assert!(said.contains("To rebuild"), "{said}");
    }
}

#[test]
fn a_node_that_cannot_start_says_why_in_its_exit_code() {
    let cluster = one();
    let taken = cluster.command(1).status().unwrap();
    assert_eq!(taken.code(), Some(69));
    assert!(cluster.log(1).contains("is in use"));
    assert_eq!(node(&[]).status.code(), Some(64));
    let client = cluster.client_address(7);
    let peer = cluster.peer_address(7);
    let data = cluster.data(1).display().to_string();
    let base = [
        "--data-dir",
        &data,
        "--listen-client",
        &client,
        "--listen-peer",
        &peer,
    ];
    let locked = node(&[&["--id", "1"][..], &base].concat());
    assert_eq!(locked.status.code(), Some(69), "{}", stderr(&locked));
    assert!(stderr(&locked).contains("--data-dir"));
}

#[cfg(not(feature = "planted-bugs"))]
#[test]
fn a_healthy_build_refuses_to_plant_bugs() {
    let cluster = one();
    let refused = cluster
        .command(1)
        .args(["--bug", "ack-before-commit"])
        .status()
        .unwrap();
    assert_eq!(refused.code(), Some(64));
    assert!(cluster.log(1).contains("--features planted-bugs"));
}
