//! Our own `node`, spoken to by its HTTP API like any other client would.

mod connection;
mod session;
mod txn;
mod vital;

use std::net::IpAddr;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;

use connection::Connection;
pub(super) use connection::lost;
use session::InSession;

use super::{Change, Client, Database, Deployment, Future_, Members};
use crate::exit::{self, Failure};
use crate::faults::Need;
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

    fn offers(&self, _need: Need) -> bool {
        true
    }

    fn speaks(&self, _verb: &str) -> bool {
        true
    }

    fn loses_power(&self) -> bool {
        true
    }

    fn replications(&self) -> &'static [Replication] {
        &Replication::ALL
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
        let loses = |name: &String| matches!(name.as_str(), "kill" | "sync-error");
        let lossy = plan.kill_means == "power-loss" && plan.nemesis.iter().any(loses);
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
pub(super) fn http(timeout: Duration) -> Result<reqwest::Client, Failure> {
    http_from(None, timeout)
}

/// The same, speaking from one of this machine's addresses.
pub(super) fn http_from(
    from: Option<IpAddr>,
    timeout: Duration,
) -> Result<reqwest::Client, Failure> {
    reqwest::Client::builder()
        .local_address(from)
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

    fn vital_byte(&self, node: NodeId, draw: u64) -> Option<(PathBuf, u64)> {
        vital::byte(&self.site.node_folder(node), draw)
    }

    fn client(&self, node: NodeId, timeout: Duration) -> Box<dyn Client> {
        Box::new(self.connection(node, timeout, false))
    }

    fn leader_client(&self, first: NodeId, timeout: Duration) -> Box<dyn Client> {
        Box::new(self.connection(first, timeout, true))
    }

    fn session_client(&self, first: NodeId, timeout: Duration) -> Box<dyn Client> {
        let connection = self.connection(first, timeout, false);
        Box::new(InSession::new(connection, timeout * 2))
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
    fn connection(&self, node: NodeId, timeout: Duration, follows_leader: bool) -> Connection {
        Connection {
            site: self.site.clone(),
            http: http_from(self.site.workers(), timeout)
                .expect("the same client was built once before"),
            node,
            follows_leader,
            hint: None,
        }
    }

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
