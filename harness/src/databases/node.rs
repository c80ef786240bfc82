//! Our own `node`, spoken to by its HTTP API like any other client would.

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use smol_str::SmolStr;
use workloads::{Op, Reply};

use super::{Change, Client, Database, Deployment, Error, Future_, Members};
use crate::exit::{self, Failure};
use crate::kept::AppliedLog;
use crate::observation::{FollowerStatus, NodeStatus};
use crate::plan::Plan;
use crate::replication::Replication;
use crate::site::{NodeId, Site};
use crate::whitebox;

/// How long a status request may take before the node counts as silent.
const STATUS_TIMEOUT: Duration = Duration::from_millis(250);

/// How long a change of members may take: longer than a node waits for it.
const CHANGE_TIMEOUT: Duration = Duration::from_secs(1);

/// What nodes are told unless `--node-flag` says otherwise. They let a client wait only for a moment before they
/// say that the outcome is unknown, so that workers pinned to a node that is cut off soon ask again. Segments are so
/// small, and snapshots so frequent, that the log turns over every few seconds; so few entries stay behind a snapshot
/// that a node which was cut off, stopped or down needs one.
const DEFAULTS: [&str; 4] = [
    "--request-timeout=600ms",
    "--segment-size=262144",
    "--snapshot-every=1000",
    "--keep-entries=100",
];

/// What the harness decides: addresses, identities, files, and what has flags of its own.
const OWN: [&str; 11] = [
    "--id",
    "--cluster",
    "--seed",
    "--data-dir",
    "--listen-client",
    "--listen-peer",
    "--peer",
    "--disk",
    "--replication",
    "--bug",
    "--events",
];

fn name_of(flag: &str) -> &str {
    flag.split('=').next().unwrap_or(flag)
}

fn check(flag: &str) -> Result<(), String> {
    let name = name_of(flag);
    if name.len() < 3 || !name.starts_with("--") || flag.contains(['\'', ' ']) {
        return Err(format!(
            "--node-flag '{flag}' is no flag: write it as --node-flag=--snapshot-every=20"
        ));
    }
    match OWN.contains(&name) {
        true => Err(format!(
            "--node-flag '{flag}': the harness itself decides on {name}"
        )),
        false => Ok(()),
    }
}

/// The row in the table of databases.
pub struct Node;

impl Database for Node {
    fn name(&self) -> &'static str {
        "node"
    }

    fn about(&self) -> &'static str {
        "this workspace's own key-value server: Raft over a write-ahead log"
    }

    fn package(&self) -> Option<&'static str> {
        Some("node")
    }

    fn check_flag(&self, flag: &str) -> Result<(), String> {
        check(flag)
    }

    fn deploy(
        &self,
        site: Arc<Site>,
        plan: &Plan,
        binary: PathBuf,
    ) -> Result<Box<dyn Deployment>, Failure> {
        let http = http(STATUS_TIMEOUT)?;
        let lossy =
            plan.kill_means == "power-loss" && plan.nemesis.iter().any(|name| name == "kill");
        let (bugs, seed, replication) = (plan.bugs.clone(), plan.seed, plan.replication);
        let flags = plan.node_flags.clone();
        Ok(Box::new(Cluster {
            site,
            binary,
            lossy,
            bugs,
            flags,
            events: plan.events,
            seed,
            replication,
            http,
        }))
    }
}

/// An HTTP client that repeats nothing by itself.
fn http(timeout: Duration) -> Result<reqwest::Client, Failure> {
    reqwest::Client::builder()
        .timeout(timeout)
        .connect_timeout(timeout)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
        .tcp_nodelay(true)
        .build()
        .map_err(|error| {
            Failure::new(
                exit::INTERNAL,
                format!("cannot make an HTTP client: {error}"),
            )
        })
}

struct Cluster {
    site: Arc<Site>,
    binary: PathBuf,
    lossy: bool,
    bugs: Vec<String>,
    flags: Vec<String>,
    events: bool,
    seed: u64,
    replication: Replication,
    http: reqwest::Client,
}

impl Cluster {
    /// What a node says of itself.
    async fn get<T: DeserializeOwned>(&self, node: NodeId, what: &str) -> Option<T> {
        let url = format!("http://{}/v1/{what}", self.site.client(node));
        self.http.get(url).send().await.ok()?.json().await.ok()
    }
}

impl Deployment for Cluster {
    fn command(&self, node: NodeId) -> Command {
        let site = &self.site;
        let mut command = Command::new(&self.binary);
        command
            .args(["--id", &node.0.to_string()])
            .args(["--cluster", "ordeal"])
            .args(["--seed", &(self.seed ^ u64::from(node.0)).to_string()])
            .arg("--data-dir")
            .arg(site.node_folder(node))
            .args(["--listen-client", &site.client(node).to_string()])
            .args(["--listen-peer", &site.peer(node).to_string()])
            .args(["--replication", self.replication.name()])
            .args(["--disk", if self.lossy { "lossy" } else { "direct" }]);
        for peer in site.nodes().filter(|peer| *peer != node) {
            command.args(["--peer", &format!("{}={}", peer.0, site.link(node, peer))]);
        }
        let defaults = DEFAULTS.iter().filter(|default| {
            let given = |flag: &String| name_of(flag) == name_of(default);
            !self.flags.iter().any(given)
        });
        command.args(defaults).args(&self.flags);
        for bug in &self.bugs {
            command.args(["--bug", bug]);
        }
        if self.events {
            let file = whitebox::file(site.folder(), node.0);
            command.arg("--events").arg(file);
        }
        command
    }

    fn verify(&self, node: NodeId) -> Option<Command> {
        let mut command = Command::new(&self.binary);
        command
            .args(["verify", "--data-dir"])
            .arg(self.site.node_folder(node));
        Some(command)
    }

    fn client(&self, node: NodeId, timeout: Duration) -> Box<dyn Client> {
        let http = http(timeout).expect("the same client was built once before");
        Box::new(Connection {
            site: self.site.clone(),
            http,
            node,
            follows_leader: false,
            hint: None,
        })
    }

    fn leader_client(&self, first: NodeId, timeout: Duration) -> Box<dyn Client> {
        let http = http(timeout).expect("the same client was built once before");
        Box::new(Connection {
            site: self.site.clone(),
            http,
            node: first,
            follows_leader: true,
            hint: None,
        })
    }

    fn members(&self, node: NodeId) -> Future_<'_, Option<Members>> {
        Box::pin(async move {
            let request = self.http.get(self.membership(node));
            let body = request
                .send()
                .await
                .ok()?
                .json::<MembersBody>()
                .await
                .ok()?;
            Some(Members {
                voters: body.voters.iter().filter_map(|name| member(name)).collect(),
                learners: body
                    .learners
                    .iter()
                    .filter_map(|name| member(name))
                    .collect(),
                settled: body.committed && !body.joint,
            })
        })
    }

    fn change_members<'a>(
        &'a self,
        node: NodeId,
        change: &'a Change,
    ) -> Future_<'a, Result<(), String>> {
        Box::pin(async move {
            let body = match change {
                Change::Add(node) => json!({ "add": node.to_string() }),
                Change::Promote(node) => json!({ "promote": node.to_string() }),
                Change::Demote(node) => json!({ "demote": node.to_string() }),
                Change::Remove(node) => json!({ "remove": node.to_string() }),
                Change::Voters(nodes) => {
                    let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
                    json!({ "voters": names })
                }
            };
            let request = self.http.post(self.membership(node)).json(&body);
            let answer = request.timeout(CHANGE_TIMEOUT).send().await;
            match answer {
                Ok(answer) if answer.status() == StatusCode::OK => Ok(()),
                Ok(answer) => Err(answer.text().await.unwrap_or_default()),
                Err(error) => Err(error.to_string()),
            }
        })
    }

    fn status(&self, node: NodeId) -> Future_<'_, Option<NodeStatus>> {
        Box::pin(async move { self.get::<StatusBody>(node, "status").await.map(Into::into) })
    }

    fn applied_log(&self, node: NodeId) -> Future_<'_, Option<AppliedLog>> {
        Box::pin(async move {
            let LogBody { applied, terms } = self.get(node, "log").await?;
            Some(AppliedLog {
                node: node.to_string(),
                applied,
                terms,
            })
        })
    }
}

impl Cluster {
    fn membership(&self, node: NodeId) -> String {
        format!("http://{}/v1/admin/membership", self.site.client(node))
    }
}

/// The body of `GET /v1/admin/membership`, as far as the harness reads it.
#[derive(Deserialize)]
struct MembersBody {
    voters: Vec<String>,
    learners: Vec<String>,
    joint: bool,
    committed: bool,
}

fn member(name: &str) -> Option<NodeId> {
    name.strip_prefix('n')?.parse().ok().map(NodeId)
}

/// The body of `GET /v1/log`.
#[derive(Deserialize)]
struct LogBody {
    applied: String,
    terms: Vec<String>,
}

/// The body of `GET /v1/status`, as far as the harness reads it.
#[derive(Deserialize)]
struct StatusBody {
    role: String,
    term: u64,
    leader: Option<String>,
    commit: u64,
    applied: u64,
    last: u64,
    #[serde(default)]
    disk_full: bool,
    clock_ms: Option<f64>,
    #[serde(default)]
    followers: Vec<FollowerBody>,
}

#[derive(Deserialize)]
struct FollowerBody {
    node: String,
    sent: u64,
    durable: u64,
    applied: u64,
}

impl From<StatusBody> for NodeStatus {
    fn from(body: StatusBody) -> NodeStatus {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_secs_f64()
            * 1e3;
        let follower = |f: FollowerBody| FollowerStatus {
            node: f.node,
            sent: f.sent,
            durable: f.durable,
            applied: f.applied,
        };
        NodeStatus {
            role: body.role,
            term: body.term,
            leader: body.leader,
            commit: body.commit,
            applied: body.applied,
            last: body.last,
            clock_offset_ms: body.clock_ms.map(|theirs| theirs - now),
            disk_full: body.disk_full,
            followers: body.followers.into_iter().map(follower).collect(),
        }
    }
}

/// One worker's connection. Pinned to a node, or following the leader's hint.
struct Connection {
    site: Arc<Site>,
    http: reqwest::Client,
    node: NodeId,
    follows_leader: bool,
    hint: Option<NodeId>,
}

impl Client for Connection {
    fn invoke<'a>(&'a mut self, op: &'a Op) -> Future_<'a, Result<Reply, Error>> {
        Box::pin(async move {
            let (method, path, body) = request(op);
            let forward = if self.follows_leader {
                "?forward=false"
            } else {
                ""
            };
            let url = format!("http://{}{path}{forward}", self.site.client(self.node));
            let mut request = self.http.request(method, url);
            if let Some(body) = body {
                request = request.json(&body);
            }
            let answer = match request.send().await {
                Ok(answer) => answer,
                Err(error) => {
                    self.look_elsewhere();
                    return Err(lost(&error));
                }
            };
            let status = answer.status();
            let body: Value = answer.json().await.map_err(|error| lost(&error))?;
            if let Some(leader) = body.get("leader").and_then(Value::as_str) {
                self.hint = leader
                    .strip_prefix('n')
                    .and_then(|id| id.parse().ok())
                    .map(NodeId);
            }
            let result = reply(op, status, &body);
            if result.is_err() {
                self.look_elsewhere();
            }
            result
        })
    }

    fn node(&self) -> NodeId {
        self.node
    }
}

impl Connection {
    /// After a failure a client that follows the leader tries the hinted node next, or simply the next one.
    fn look_elsewhere(&mut self) {
        if !self.follows_leader {
            return;
        }
        let count = self.site.nodes().count() as u16;
        let next = NodeId(self.node.0 % count + 1);
        self.node = self
            .hint
            .take()
            .filter(|hint| (1..=count).contains(&hint.0))
            .unwrap_or(next);
    }
}

/// The request for an operation: method, path, body.
fn request(op: &Op) -> (Method, String, Option<Value>) {
    let path = format!("/v1/kv/{}", op.key());
    let text = |value: &i64| value.to_string();
    match op {
        Op::Read { .. } => (Method::GET, path, None),
        Op::Write { value, .. } => (Method::PUT, path, Some(json!({ "value": text(value) }))),
        Op::Cas { old, new, .. } => {
            let body = json!({ "expected": old.as_ref().map(text), "new": text(new) });
            (Method::POST, path + "/cas", Some(body))
        }
    }
}

/// Reads an answer. Only a body that says so makes an outcome certain.
fn reply(op: &Op, status: StatusCode, body: &Value) -> Result<Reply, Error> {
    let number = |field: &str| match body.get(field) {
        Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => text.parse().map(Some).map_err(|_| strange(body)),
        _ => Err(strange(body)),
    };
    match (op, status) {
        (Op::Read { .. }, StatusCode::OK) => Ok(Reply::Value(number("value")?)),
        (Op::Write { .. } | Op::Cas { .. }, StatusCode::OK)
            if body["revision"].is_u64() && body.get("swapped") != Some(&Value::Bool(false)) =>
        {
            let entry = body.get("entry").and_then(Value::as_str);
            Ok(Reply::Done {
                entry: entry.map(SmolStr::from),
            })
        }
        (Op::Cas { .. }, StatusCode::CONFLICT) => Ok(Reply::Mismatch {
            current: Some(number("current")?),
        }),
        _ => {
            let error = body.get("error");
            let field = |name: &str| error.and_then(|e| e.get(name)).and_then(Value::as_str);
            let code = field("code").unwrap_or(status.as_str()).to_string();
            match field("outcome") {
                Some("not-applied") => Err(Error::Definite(code)),
                _ => Err(Error::Indefinite(code)),
            }
        }
    }
}

fn strange(body: &Value) -> Error {
    Error::Indefinite(format!("an answer that makes no sense: {body}"))
}

/// A request without an answer. Only one that never got a connection certainly did nothing.
fn lost(error: &reqwest::Error) -> Error {
    if error.is_connect() {
        Error::Definite("cannot connect".into())
    } else if error.is_timeout() {
        Error::Indefinite("timed out".into())
    } else {
        Error::Indefinite("connection lost".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read() -> Op {
        Op::Read { key: "k1".into() }
    }

    #[test]
    fn only_a_body_that_says_not_applied_is_a_certain_failure() {
        let said =
            |outcome: &str| json!({"error": {"code": "x", "message": "", "outcome": outcome}});
        let write = Op::Write {
            key: "k".into(),
            value: 1,
        };
        let gone = StatusCode::SERVICE_UNAVAILABLE;
        assert_eq!(
            reply(&write, gone, &said("not-applied")),
            Err(Error::Definite("x".into()))
        );
        assert_eq!(
            reply(&write, gone, &said("unknown")),
            Err(Error::Indefinite("x".into()))
        );
        assert!(matches!(
            reply(&write, gone, &json!("garbage")),
            Err(Error::Indefinite(_))
        ));
    }

    #[test]
    fn an_absent_key_reads_as_no_value_and_nonsense_is_never_a_value() {
        assert_eq!(
            reply(&read(), StatusCode::OK, &json!({"value": null})),
            Ok(Reply::Value(None))
        );
        assert_eq!(
            reply(&read(), StatusCode::OK, &json!({"value": "41"})),
            Ok(Reply::Value(Some(41)))
        );
        assert!(reply(&read(), StatusCode::OK, &json!({"value": "forty"})).is_err());
        assert!(reply(&read(), StatusCode::OK, &json!({})).is_err());
    }

    #[test]
    fn a_failed_compare_tells_what_it_found() {
        let cas = Op::Cas {
            key: "k".into(),
            old: Some(1),
            new: 2,
        };
        let body = json!({"swapped": false, "current": "7"});
        let found = Reply::Mismatch {
            current: Some(Some(7)),
        };
        assert_eq!(reply(&cas, StatusCode::CONFLICT, &body), Ok(found));
    }
}
