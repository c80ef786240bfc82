//! Systems under test. To add one: a file here, a `mod` line, a row in [`DATABASES`].

use std::collections::BTreeSet;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use workloads::{Op, Reply};

use crate::cluster::Cluster;
use crate::exit::Failure;
use crate::faults::Need;
use crate::kept::AppliedLog;
use crate::links::Way;
use crate::observation::NodeStatus;
use crate::plan::Plan;
use crate::replication::Replication;
use crate::site::{NodeId, Site};

mod etcd;
mod hosts;
mod node;
mod postgres;

/// A future that a trait object can return.
pub type Future_<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why an operation did not get an answer, and what that means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// It certainly did not happen.
    Definite(String),
    /// It may have happened, or may yet.
    Indefinite(String),
}

/// A kind of database: a row in a table, holds nothing.
pub trait Database: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;
    /// One sentence for lists.
    fn about(&self) -> &'static str;
    /// The package and features to build it from in this workspace, where it comes from here.
    fn package(&self) -> Option<&'static str>;
    /// Where its binary is, where it does not come from here; `None`: not installed, or built here.
    fn binary(&self) -> Option<PathBuf> {
        None
    }
    /// Is the binary copied into the run's folder, so that no later build or upgrade changes a running cluster?
    fn copied(&self) -> bool {
        true
    }
    /// What its links can be made of.
    fn ways(&self) -> &'static [Way] {
        &[Way::Proxies, Way::Packets, Way::None]
    }
    /// When it can be told to answer writes.
    fn replications(&self) -> &'static [Replication] {
        &[Replication::Majority]
    }
    /// Do its clients understand a verb of a workload?
    fn speaks(&self, verb: &str) -> bool {
        matches!(verb, "read" | "write" | "cas")
    }
    /// Can a kill stand for a power loss, which takes all that was not synced?
    fn loses_power(&self) -> bool;
    /// What has to be installed before it can run; `None`: nothing.
    fn missing(&self) -> Option<String> {
        None
    }
    /// Does the system give a fault what it needs?
    fn offers(&self, need: Need) -> bool;
    /// Whether a node's command may be given this flag (`--node-flag`).
    ///
    /// # Errors
    /// Why not and what to do, in a sentence.
    fn check_flag(&self, flag: &str) -> Result<(), String> {
        let name = self.name();
        Err(format!(
            "--node-flag '{flag}': nodes of {name} take no flags of yours; drop it"
        ))
    }
    /// A deployment for one run; `binary` is the run's own copy.
    fn deploy(
        &self,
        site: Arc<Site>,
        plan: &Plan,
        binary: PathBuf,
    ) -> Result<Box<dyn Deployment>, Failure>;
}

/// One run's cluster, as the database sees it: how to start a node, how to ask it.
pub trait Deployment: Send + Sync {
    /// The command that starts a node, now or again after a kill.
    fn command(&self, node: NodeId) -> Command;
    /// Where peers reach the node behind their links, if not at the address that is meant for it.
    fn peer(&self, _node: NodeId) -> Option<SocketAddr> {
        None
    }
    /// Is the library for clocks and disks preloaded?
    fn preloads(&self) -> bool {
        true
    }
    /// Does a node consist of several processes, all of which have to be killed and stopped?
    fn starts_children(&self) -> bool {
        false
    }
    /// Is SIGINT, instead of SIGTERM, what makes a node end in order at once?
    fn ends_by_interrupt(&self) -> bool {
        false
    }
    /// What has to go on beside the nodes for as long as the run lasts.
    fn supervise(&self, _cluster: Arc<Cluster>) -> Option<Future_<'static, ()>> {
        None
    }
    /// Told when only final reads are left.
    fn nothing_is_written_any_more(&self) {}
    /// All values that were ever written, as the system still has them at the end; `None`: it keeps no such journal; an error says
    /// why it could not be read.
    fn journal(&self) -> Future_<'_, Option<Result<Vec<i64>, String>>> {
        Box::pin(async { None })
    }
    /// A client of one node. `timeout` bounds each operation.
    fn client(&self, node: NodeId, timeout: Duration) -> Box<dyn Client>;
    /// A client that asks the node it believes to be the leader and follows hints, as a user's driver would.
    fn leader_client(&self, first: NodeId, timeout: Duration) -> Box<dyn Client>;
    /// A client that repeats a write whose outcome it does not know, at other nodes, within three times `timeout`,
    /// where the system does a repeated write once; elsewhere a client of one node.
    fn session_client(&self, first: NodeId, timeout: Duration) -> Box<dyn Client> {
        self.client(first, timeout)
    }
    /// The command that looks, once a node has ended, whether the files that it left are whole; its exit code is 65
    /// where they are not. `None`: the database has no such thing.
    fn verify(&self, _node: NodeId) -> Option<Command> {
        None
    }
    /// A byte of the files of a node that is down without every bit of which it must refuse to start, drawn by `draw`;
    /// `None`: it has none yet, or refuses nothing.
    fn vital_byte(&self, _node: NodeId, _draw: u64) -> Option<(PathBuf, u64)> {
        None
    }
    /// Who is a member, as far as a node knows; `None`: no answer in time.
    fn members(&self, _node: NodeId) -> Future_<'_, Option<Members>> {
        Box::pin(async { None })
    }
    /// Has that node, the leader, change who is a member; done when it ends well.
    ///
    /// # Errors
    /// Why not: refused, or nobody knows.
    fn change_members<'a>(
        &'a self,
        _node: NodeId,
        _change: &'a Change,
    ) -> Future_<'a, Result<(), String>> {
        Box::pin(async { Err("this system's voters stay as they are".into()) })
    }
    /// What a node says of itself; `None`: no answer in time.
    fn status(&self, node: NodeId) -> Future_<'_, Option<NodeStatus>>;
    /// Which log entries a node has applied; `None`: no answer in time, or the system names no entries.
    fn applied_log(&self, _node: NodeId) -> Future_<'_, Option<AppliedLog>> {
        Box::pin(async { None })
    }
}

/// A change of who is a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// It gets the data, and does not vote.
    Add(NodeId),
    /// Who was added votes.
    Promote(NodeId),
    /// A voter votes no more, and goes on getting the data.
    Demote(NodeId),
    /// It leaves.
    Remove(NodeId),
    /// These vote, all others leave.
    Voters(Vec<NodeId>),
}

/// Who is a member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Those that vote.
    pub voters: BTreeSet<NodeId>,
    /// Those that only get the data.
    pub learners: BTreeSet<NodeId>,
    /// Known to be decided, and no change is half done.
    pub settled: bool,
}

/// Speaks to the database for one worker. Repeats nothing, but for writes in a session.
pub trait Client: Send {
    /// Does one operation.
    fn invoke<'a>(&'a mut self, op: &'a Op) -> Future_<'a, Result<Reply, Error>>;
    /// The node that the next operation will be asked of.
    fn node(&self) -> NodeId;
}

/// All databases, sorted by name.
pub const DATABASES: &[&dyn Database] = &[&etcd::Etcd, &node::Node, &postgres::Postgres];

/// The database of that name.
pub fn find(name: &str) -> Option<&'static dyn Database> {
    DATABASES
        .iter()
        .copied()
        .find(|database| database.name() == name)
}

/// An executable of that name in the folders where programs are.
fn on_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders = std::env::split_paths(&path);
    folders.find_map(|folder| Some(folder.join(name)).filter(|file| file.is_file()))
}
