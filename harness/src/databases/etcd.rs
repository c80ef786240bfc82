//! etcd, spoken to by its JSON gateway; its members dial each other through the links, each by names of its own.

mod txn;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use smol_str::SmolStr;
use workloads::{Op, Reply};

use super::node::{http, http_from, lost};
use super::{Client, Database, Deployment, Error, Future_, hosts, on_path};
use crate::exit::Failure;
use crate::faults::Need;
use crate::links::Way;
use crate::lock::lock;
use crate::observation::NodeStatus;
use crate::plan::Plan;
use crate::site::{NodeId, Site};

/// How long a status request may take before the node counts as silent.
const STATUS_TIMEOUT: Duration = Duration::from_millis(250);
/// Quick elections, in milliseconds, so that a short run sees many.
const HEARTBEAT: &str = "50";
const ELECTION: &str = "250";
/// Entries between snapshots: few, so that whoever was away needs one.
const SNAPSHOT_COUNT: &str = "500";

/// Flags that nobody but the harness gives.
const OWN: &[&str] = &[
    "--name",
    "--data-dir",
    "--listen-peer-urls",
    "--initial-advertise-peer-urls",
    "--listen-client-urls",
    "--advertise-client-urls",
    "--initial-cluster",
    "--initial-cluster-state",
    "--initial-cluster-token",
];

/// The row in the table of databases.
pub struct Etcd;

impl Database for Etcd {
    fn name(&self) -> &'static str {
        "etcd"
    }

    fn about(&self) -> &'static str {
        "etcd 3.4 or newer, as installed; register over its JSON gateway, reads linearizable"
    }

    fn package(&self) -> Option<&'static str> {
        None
    }

    fn binary(&self) -> Option<PathBuf> {
        on_path("etcd")
    }

    fn missing(&self) -> Option<String> {
        match self.binary() {
            Some(_) => hosts::problem(),
            None => Some("etcd is not installed: scripts/install-databases".into()),
        }
    }

    fn offers(&self, need: Need) -> bool {
        // A Go program: it calls the kernel without the C library, and takes memory far ahead.
        matches!(
            need,
            Need::Signals | Need::Limits | Need::Links | Need::Clients
        )
    }

    fn speaks(&self, _verb: &str) -> bool {
        true
    }

    fn loses_power(&self) -> bool {
        false
    }

    fn check_flag(&self, flag: &str) -> Result<(), String> {
        let name = flag.split('=').next().unwrap_or(flag);
        if !name.starts_with("--") || flag.contains(['\'', ' ']) {
            return Err(format!(
                "--node-flag '{flag}' is no flag: write it as --node-flag=--election-timeout=1000"
            ));
        }
        if OWN.contains(&name) {
            return Err(format!(
                "--node-flag '{flag}': the harness itself decides on {name}"
            ));
        }
        Ok(())
    }

    fn deploy(
        &self,
        site: Arc<Site>,
        plan: &Plan,
        binary: PathBuf,
    ) -> Result<Box<dyn Deployment>, Failure> {
        let folder = site.folder().join("nodes");
        let written = |node: NodeId| -> std::io::Result<()> {
            let mut text = String::from("127.0.0.1 localhost\n");
            for peer in site.nodes() {
                text += &format!("{} {}\n", site.link(node, peer).ip(), name(peer));
            }
            std::fs::create_dir_all(&folder)?;
            std::fs::write(folder.join(format!("{node}.hosts")), text)
        };
        for node in site.nodes() {
            written(node).map_err(|error| crate::store::cannot_write(&folder, &error))?;
        }
        Ok(Box::new(Cluster {
            http: http(STATUS_TIMEOUT)?,
            site,
            binary,
            flags: plan.node_flags.clone(),
            members: Mutex::default(),
        }))
    }
}

/// What every member calls this one. Where that leads is each member's own: its link to it.
fn name(node: NodeId) -> String {
    format!("{node}.ordeal")
}

struct Cluster {
    site: Arc<Site>,
    binary: PathBuf,
    /// Of the user; the last of a name counts.
    flags: Vec<String>,
    http: reqwest::Client,
    /// etcd's number of each member, learned from its own answers.
    members: Mutex<BTreeMap<String, NodeId>>,
}

impl Cluster {
    /// The port of a link says whom it leads to, its address whose it is.
    fn peer_url(&self, node: NodeId) -> String {
        if self.site.way() != Way::Proxies {
            return format!("http://{}", self.site.peer(node));
        }
        format!(
            "http://{}:{}",
            name(node),
            self.site.link(node, node).port()
        )
    }

    fn connection(&self, node: NodeId, timeout: Duration, follows_leader: bool) -> Connection {
        Connection {
            http: http_from(self.site.workers(), timeout)
                .expect("the same client was built once before"),
            site: self.site.clone(),
            node,
            follows_leader,
        }
    }
}

impl Deployment for Cluster {
    fn command(&self, node: NodeId) -> Command {
        let site = &self.site;
        let client = format!("http://{}", site.client(node));
        let members: Vec<String> = site
            .nodes()
            .map(|peer| format!("{peer}={}", self.peer_url(peer)))
            .collect();
        let mut command = Command::new(&self.binary);
        command
            .args(["--name", &node.to_string()])
            .arg("--data-dir")
            .arg(site.node_folder(node))
            .args(["--listen-peer-urls", &format!("http://{}", site.peer(node))])
            .args(["--initial-advertise-peer-urls", &self.peer_url(node)])
            .args(["--listen-client-urls", &client])
            .args(["--advertise-client-urls", &client])
            .args(["--initial-cluster", &members.join(",")])
            .args(["--initial-cluster-state", "new"])
            .args(["--initial-cluster-token", "ordeal"])
            .args(["--heartbeat-interval", HEARTBEAT])
            .args(["--election-timeout", ELECTION])
            .args(["--snapshot-count", SNAPSHOT_COUNT])
            .args(["--logger", "zap", "--log-level", "warn"])
            .args(&self.flags);
        let file = site.folder().join("nodes").join(format!("{node}.hosts"));
        if site.way() == Way::Proxies {
            hosts::give(&mut command, &file).expect("a run's folder holds no zero byte");
        }
        command
    }

    fn preloads(&self) -> bool {
        false
    }

    fn client(&self, node: NodeId, timeout: Duration) -> Box<dyn Client> {
        Box::new(self.connection(node, timeout, false))
    }

    fn leader_client(&self, first: NodeId, timeout: Duration) -> Box<dyn Client> {
        Box::new(self.connection(first, timeout, true))
    }

    fn status(&self, node: NodeId) -> Future_<'_, Option<NodeStatus>> {
        Box::pin(async move {
            let url = format!("http://{}/v3/maintenance/status", self.site.client(node));
            let answer = self.http.post(url).json(&json!({})).send().await.ok()?;
            let body: Value = answer.json().await.ok()?;
            let me = body["header"]["member_id"].as_str()?;
            let mut members = lock(&self.members);
            members.insert(me.to_string(), node);
            status(&body, me, &members)
        })
    }
}

/// Reads a status. Numbers of 64 bits are texts in the gateway's JSON, and those that are zero are left out.
fn status(body: &Value, me: &str, members: &BTreeMap<String, NodeId>) -> Option<NodeStatus> {
    let number = |value: &Value| value.as_str().unwrap_or("0").parse::<u64>().ok();
    let leader = body["leader"].as_str().filter(|leader| *leader != "0");
    let role = match leader {
        Some(leader) if leader == me => "leader",
        Some(_) => "follower",
        None => "candidate",
    };
    let commit = number(&body["raftIndex"])?;
    Some(NodeStatus {
        role: role.into(),
        // The answer's own term lags behind this one.
        term: number(&body["header"]["raft_term"])?,
        leader: leader.and_then(|leader| Some(members.get(leader)?.to_string())),
        commit,
        applied: number(&body["raftAppliedIndex"]).unwrap_or(commit),
        last: commit,
        clock_offset_ms: None,
        disk_full: body["errors"].to_string().contains("NOSPACE"),
        followers: Vec::new(),
    })
}

/// One worker's connection.
struct Connection {
    site: Arc<Site>,
    http: reqwest::Client,
    node: NodeId,
    follows_leader: bool,
}

impl Client for Connection {
    fn invoke<'a>(&'a mut self, op: &'a Op) -> Future_<'a, Result<Reply, Error>> {
        Box::pin(async move {
            let (path, body) = request(op)
                .ok_or_else(|| Error::Definite(format!("{} is not spoken with etcd", op.f())))?;
            let url = format!("http://{}{path}", self.site.door(self.node));
            let asked = async {
                let answer = self.http.post(url).json(&body).send().await?;
                let is_ok = answer.status().is_success();
                Ok::<_, reqwest::Error>((is_ok, answer.json::<Value>().await?))
            };
            let result = match asked.await {
                Ok((true, body)) => reply(op, &body),
                Ok((false, body)) => Err(refused(&body)),
                Err(error) => Err(lost(&error)),
            };
            if result.is_err() && self.follows_leader {
                // Any member forwards to the leader: a driver goes on to the next one.
                self.node = NodeId(self.node.0 % self.site.nodes().count() as u16 + 1);
            }
            result
        })
    }

    fn node(&self) -> NodeId {
        self.node
    }
}

/// Path and body of an operation's request.
fn request(op: &Op) -> Option<(&'static str, Value)> {
    let text = |value: &i64| STANDARD.encode(value.to_string());
    let key = STANDARD.encode(op.key().map_or("", SmolStr::as_str));
    Some(match op {
        Op::Txn(asked) => ("/v3/kv/txn", txn::request(asked)),
        Op::Read { .. } => ("/v3/kv/range", json!({ "key": key })),
        Op::Write { value, .. } => ("/v3/kv/put", json!({ "key": key, "value": text(value) })),
        Op::Cas { old, new, .. } => {
            let compare = match old {
                Some(old) => {
                    json!({ "key": key, "target": "VALUE", "result": "EQUAL", "value": text(old) })
                }
                // A key that was never written has version 0.
                None => {
                    json!({ "key": key, "target": "VERSION", "result": "EQUAL", "version": "0" })
                }
            };
            let body = json!({
                "compare": [compare],
                "success": [{ "request_put": { "key": key, "value": text(new) } }],
                "failure": [{ "request_range": { "key": key } }],
            });
            ("/v3/kv/txn", body)
        }
    })
}

/// The value in a range's answer.
fn value(range: &Value) -> Result<Option<i64>, Error> {
    let Some(pair) = range["kvs"].get(0) else {
        return Ok(None);
    };
    let bytes = pair["value"]
        .as_str()
        .and_then(|text| STANDARD.decode(text).ok());
    let number = bytes.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
    number.map(Some).ok_or_else(|| strange(range))
}

fn reply(op: &Op, body: &Value) -> Result<Reply, Error> {
    // Only what came from a member that had it applied carries its revision.
    if !body["header"]["revision"].is_string() {
        return Err(strange(body));
    }
    match op {
        Op::Read { .. } => Ok(Reply::Value(value(body)?)),
        Op::Txn(asked) => txn::reply(asked, body).ok_or_else(|| strange(body)),
        Op::Cas { .. } if body["succeeded"] != json!(true) => Ok(Reply::Mismatch {
            current: Some(value(&body["responses"][0]["response_range"])?),
        }),
        _ => Ok(Reply::Done { entry: None }),
    }
}

fn strange(body: &Value) -> Error {
    Error::Indefinite(format!("an answer that makes no sense: {body}"))
}

/// An error in words. Few of etcd's say for certain that nothing happened.
fn refused(body: &Value) -> Error {
    let text = body["error"].as_str().unwrap_or("no reason given");
    let certain = [
        "too many requests",
        "database space exceeded",
        "request is too large",
    ];
    if certain.iter().any(|words| text.contains(words)) {
        Error::Definite(text.into())
    } else {
        Error::Indefinite(text.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cas(old: Option<i64>) -> Op {
        Op::Cas {
            key: "k1".into(),
            old,
            new: 7,
        }
    }

    #[test]
    fn answers_are_read_as_the_gateway_writes_them() {
        let read = Op::Read { key: "k1".into() };
        let header = json!({ "revision": "5", "raft_term": "2" });
        let found =
            json!({ "header": header, "kvs": [{ "key": "azE=", "value": "NDE=" }], "count": "1" });
        assert_eq!(reply(&read, &found), Ok(Reply::Value(Some(41))));
        assert_eq!(
            reply(&read, &json!({ "header": header })),
            Ok(Reply::Value(None))
        );
        assert!(reply(&read, &json!({})).is_err());
        let unequal = json!({ "header": header, "responses": [{ "response_range": found }] });
        let found = Reply::Mismatch {
            current: Some(Some(41)),
        };
        assert_eq!(reply(&cas(Some(3)), &unequal), Ok(found));
        let swapped = json!({ "header": header, "succeeded": true });
        assert_eq!(reply(&cas(None), &swapped), Ok(Reply::Done { entry: None }));
    }

    #[test]
    fn an_error_is_certain_only_where_nothing_was_proposed() {
        let said = |text: &str| refused(&json!({ "error": text, "code": 14 }));
        assert!(matches!(
            said("etcdserver: too many requests"),
            Error::Definite(_)
        ));
        assert!(matches!(
            said("etcdserver: request timed out"),
            Error::Indefinite(_)
        ));
        assert!(matches!(
            said("etcdserver: leader changed"),
            Error::Indefinite(_)
        ));
        assert!(matches!(refused(&json!({})), Error::Indefinite(_)));
    }

    #[test]
    fn a_status_names_the_leader_once_its_number_is_known() {
        let body = json!({
            "header": { "member_id": "11", "raft_term": "4" },
            "leader": "22", "raftIndex": "9", "raftAppliedIndex": "8", "raftTerm": "3",
        });
        let known = |members: &[(&str, u16)]| {
            let members = members.iter().map(|(id, n)| (id.to_string(), NodeId(*n)));
            status(&body, "11", &members.collect()).unwrap()
        };
        assert_eq!(known(&[]).leader, None);
        let status = known(&[("22", 3)]);
        assert_eq!(status.leader.as_deref(), Some("n3"));
        assert_eq!(
            (status.role.as_str(), status.term, status.applied),
            ("follower", 4, 8)
        );
    }
}
