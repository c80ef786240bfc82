//! A client's connection to a whole node without peers: requests that are nearly right, and noise. Whatever comes,
//! the node answers as its documentation says or hangs up, and goes on to serve others.
//!
//! First byte of the input even: a request in parts, see [`request`]. Odd: the rest goes to the node as it is.

use std::collections::BTreeSet;
use std::time::Duration;

use node::driver::Request;
use node::events::Events;
use node::http::{Api, connection};
use node::kv::Machine;
use node::raft::{Config, Core, NodeId, Role, Time};
use node::replica::{self, Replica};
use node::storage::{Recovered, Storage, memory::Memory};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// Longest time that an answer may take: far longer than it does.
const PATIENCE: Duration = Duration::from_secs(20);
/// How often everything else may run before an answer that need not end, or come at all, is taken for ended.
const GLANCES: u32 = 64;

const METHODS: [&str; 6] = ["GET", "PUT", "POST", "DELETE", "PATCH", "HEAD"];
/// `*` stands for the part of the path that the input says.
const PATHS: [&str; 20] = [
    "/v1/kv/*",
    "/v1/kv",
    "/v1/kv/*/cas",
    "/v1/kv/*/append",
    "/v1/kv/*/add",
    "/v1/txn",
    "/v1/session",
    "/v1/session/*",
    "/v1/lease",
    "/v1/lease/*",
    "/v1/lease/*/keep-alive",
    "/v1/watch",
    "/v1/admin/transfer",
    "/v1/admin/snapshot",
    "/v1/metrics",
    "/v1/status",
    "/v1/health",
    "/v1/ready",
    "/v1/*",
    "/*",
];
const HEADERS: [&str; 6] = [
    "content-type: application/json\r\n",
    "content-type: text/plain\r\n",
    "x-session: 1\r\nx-sequence: 1\r\n",
    "x-session: 18446744073709551615\r\n",
    "expect: 100-continue\r\n",
    "x-session: one\r\nx-sequence: \r\n",
];
/// What `node/README.md` says a request may be answered with.
const STATUSES: [u16; 16] = [
    200, 400, 404, 405, 408, 409, 410, 411, 413, 415, 417, 421, 431, 503, 504, 507,
];

thread_local! {
    static NODE: Node = Node::start();
}

struct Node {
    runtime: Runtime,
    api: Api,
}

/// The rest of the input is the body.
fn request(input: &[u8]) -> Option<(Vec<u8>, bool)> {
    let (&[method, path, headers, query, word], rest) = input.split_first_chunk()?;
    let (word, rest) = rest.split_at(usize::from(word).min(rest.len()));
    let (query, body) = rest.split_at(usize::from(query).min(rest.len()));
    let method = METHODS[usize::from(method) % METHODS.len()];
    let path = PATHS[usize::from(path) % PATHS.len()];
    let target = path.replace('*', &escaped(word));
    let query = match query {
        [] => String::new(),
        query => format!("?{}", escaped(query)),
    };
    let mut head =
        format!("{method} {target}{query} HTTP/1.1\r\nhost: fuzz\r\nconnection: close\r\n");
    for (bit, lines) in HEADERS.iter().enumerate() {
        if headers >> bit & 1 == 1 {
            head += lines;
        }
    }
    let chunked = headers >> 7 == 1;
    head += &match chunked {
        true => "transfer-encoding: chunked\r\n\r\n".to_owned(),
        false => format!("content-length: {}\r\n\r\n", body.len()),
    };
    let mut bytes = head.into_bytes();
    if chunked && !body.is_empty() {
        bytes.extend(format!("{:x}\r\n", body.len()).bytes());
    }
    bytes.extend(body);
    if chunked {
        bytes.extend(match body.is_empty() {
            true => b"0\r\n\r\n".as_slice(),
            false => b"\r\n0\r\n\r\n",
        });
    }
    let endless = path == "/v1/watch";
    Some((bytes, endless))
}

/// As it is where a target may have it, percent-encoded where not.
fn escaped(bytes: &[u8]) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~%=&+".contains(byte);
    bytes
        .iter()
        .map(|byte| match plain(byte) {
            true => char::from(*byte).to_string(),
            false => format!("%{byte:02X}"),
        })
        .collect()
}

/// # Panics
/// Where the node breaks its word, or panics itself.
pub fn check(input: &[u8]) {
    let Some((kind, rest)) = input.split_first() else {
        return;
    };
    let (bytes, ends) = match kind % 2 {
        0 => match request(rest) {
            Some((bytes, endless)) => (bytes, !endless),
            None => return,
        },
        _ => (rest.to_vec(), false),
    };
    NODE.with(|node| {
        node.runtime.block_on(async {
            let (ours, theirs) = duplex(1 << 16);
            let served = tokio::spawn(connection(theirs, node.api.clone()));
            let answer = exchange(ours, &bytes, ends).await;
            if ends {
                judge(&bytes, &answer);
                timeout(PATIENCE, served)
                    .await
                    .expect("hangs up")
                    .expect("no panic");
            } else {
                served.abort();
            }
        });
    });
}

async fn exchange(stream: DuplexStream, bytes: &[u8], ends: bool) -> Vec<u8> {
    let (mut reader, mut writer) = tokio::io::split(stream);
    let bytes = bytes.to_vec();
    let writing = tokio::spawn(async move {
        let _ = writer.write_all(&bytes).await;
        if !ends {
            let _ = writer.shutdown().await;
        }
        // Given back, as a dropped half would be an end.
        writer
    });
    let mut answer = Vec::new();
    if ends {
        let read = timeout(PATIENCE, reader.read_to_end(&mut answer)).await;
        read.expect("an answer in time").expect("a whole answer");
    } else {
        let mut buffer = [0; 4096];
        let mut quiet = 0;
        while quiet < GLANCES {
            tokio::select! {
                biased;
                read = reader.read(&mut buffer) => match read {
                    Ok(1..) => quiet = 0,
                    _ => break,
                },
                () = tokio::task::yield_now() => quiet += 1,
            }
        }
    }
    writing.abort();
    answer
}

/// The answer to a whole request is what the API promises.
fn judge(request: &[u8], answer: &[u8]) {
    let asked = String::from_utf8_lossy(request).into_owned();
    let text = String::from_utf8_lossy(answer);
    let text = text
        .strip_prefix("HTTP/1.1 100 Continue\r\n\r\n")
        .unwrap_or(&text);
    let (head, body) = text
        .split_once("\r\n\r\n")
        .unwrap_or_else(|| panic!("{asked:?}: no answer"));
    let status: u16 = head
        .strip_prefix("HTTP/1.1 ")
        .and_then(|head| head.get(..3)?.parse().ok())
        .unwrap_or_else(|| panic!("{asked:?}: {head:?}"));
    assert!(
        STATUSES.contains(&status),
        "{asked:?} was answered {status}"
    );
    if status == 200 || asked.starts_with("HEAD") {
        return;
    }
    // What is no HTTP is refused below the API, without a body.
    if body.is_empty() && matches!(status, 400 | 411 | 417 | 431) {
        return;
    }
    if status == 503 && asked.contains("/v1/ready") {
        return;
    }
    let json = body.get(body.find('{').unwrap_or(0)..).unwrap_or_default();
    let json = json.trim_end_matches(|c| c != '}');
    let said: serde_json::Value =
        serde_json::from_str(json).unwrap_or_else(|why| panic!("{asked:?}: {body:?}: {why}"));
    let outcome = &said["error"]["outcome"];
    assert!(
        outcome == "not-applied" || outcome == "unknown" || said["swapped"] == false,
        "{asked:?} was answered {said}"
    );
}

impl Node {
    fn start() -> Node {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        let runtime = builder.enable_all().build().expect("a runtime");
        let api = runtime.block_on(async {
            let id = NodeId(1);
            let mut config = Config::new(id, BTreeSet::from([id]));
            config.keep_entries = 10;
            let (requests, from_clients) = mpsc::channel(64);
            tokio::spawn(run(config, from_clients));
            Api::new(requests)
        });
        Node { runtime, api }
    }
}

/// The whole node, but for peers, threads and a real disk: what the driver does, at a time of its own.
async fn run(config: Config, mut from_clients: mpsc::Receiver<Request>) {
    let mut disk = Memory::new(Recovered::default());
    let mut replica = Replica::new(replica::Parts {
        core: Core::new(config, Recovered::default(), Time::default()),
        machine: Machine::new(),
        snapshot_every: 1000,
        incarnation: 1,
        request_timeout: Duration::from_secs(2),
        events: Events::default(),
    });
    let (revisions, _) = watch::channel(0);
    let mut now = Time::default();
    loop {
        let work = replica.take_work();
        let busy = !(work.writes.is_empty() && work.jobs.is_empty());
        if let Some(proof) = work.writes.last().map(|_| disk.persist(&work.writes)) {
            replica.on_persisted(now, proof.expect("space"));
        }
        for job in work.jobs {
            replica.on_finished(now, job.run());
        }
        if replica.role() != Role::Leader {
            now = replica.wake(now);
        } else if !busy {
            let Some(request) = from_clients.recv().await else {
                return;
            };
            now = now + Duration::from_millis(1);
            request.put_to(&mut replica, now, 0.0, &revisions);
        }
        replica.finish_turn(now);
        let revision = replica.machine().revision();
        revisions.send_if_modified(|told| std::mem::replace(told, revision) != revision);
    }
}

/// Inputs to begin with: every endpoint, asked as it wants to be.
#[allow(dead_code)] // The fuzzer has them from the corpus.
pub fn seeds() -> Vec<Vec<u8>> {
    let asked: [(u8, u8, &str, &str, &str); 30] = [
        (0, 0, "k", "", ""),
        (0, 0, "k", "stale=true", ""),
        (1, 0, "k", "", r#"{"value":"1"}"#),
        (1, 0, "k", "forward=false", r#"{"value":"1","lease":1}"#),
        (3, 0, "k", "", ""),
        (0, 1, "", "prefix=k&after=a&limit=3", ""),
        (2, 2, "k", "", r#"{"expected":"1","new":"2"}"#),
        (2, 2, "k", "", r#"{"expected":null,"new":null}"#),
        (2, 2, "k", "", r#"{"revision":3,"new":"2"}"#),
        (2, 3, "l", "", r#"{"value":"c"}"#),
        (2, 4, "n", "", r#"{"by":-5}"#),
        (
            2,
            5,
            "",
            "",
            r#"{"compares":[{"key":"k","value":"1"},{"key":"l","absent":true},{"key":"n","revision":4}],"success":[{"op":"add","key":"n","by":3},{"op":"get","key":"k"}],"failure":[{"op":"put","key":"k","value":"\u00e9"},{"op":"append","key":"l","value":"x"},{"op":"delete","key":"k"}]}"#,
        ),
        (2, 6, "", "", "{}"),
        (2, 6, "", "", r#"{"lifetime":10}"#),
        (3, 7, "3", "", ""),
        (2, 8, "", "", r#"{"ttl_ms":1000}"#),
        (0, 9, "3", "", ""),
        (3, 9, "3", "", ""),
        (2, 10, "3", "", ""),
        (0, 11, "", "prefix=k&from=1", ""),
        (2, 12, "", "", "{}"),
        (2, 12, "", "", r#"{"to":"n2"}"#),
        (2, 13, "", "", ""),
        (0, 14, "", "", ""),
        (0, 15, "", "", ""),
        (0, 16, "", "", ""),
        (0, 17, "", "", ""),
        (0, 18, "nothing", "", ""),
        (4, 0, "k", "", ""),
        (5, 0, "k", "", ""),
    ];
    let part = |&(method, path, word, query, body): &(u8, u8, &str, &str, &str), headers: u8| {
        let mut input = vec![
            0,
            method,
            path,
            headers,
            query.len() as u8,
            word.len() as u8,
        ];
        input.extend(word.bytes().chain(query.bytes()).chain(body.bytes()));
        input
    };
    let mut seeds: Vec<Vec<u8>> = asked.iter().map(|asked| part(asked, 1)).collect();
    seeds.extend(asked.iter().map(|asked| part(asked, 0x85)));
    let raw = b"\x01GET /v1/kv/k HTTP/1.1\r\nhost: x\r\n\r\nPUT /v1/kv/k HTTP/1.1\r\ncontent-length: 13\r\n\r\n{\"value\":\"1\"}";
    seeds.push(raw.to_vec());
    seeds
}
