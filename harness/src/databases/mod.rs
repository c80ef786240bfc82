//! Systems under test. To add one: a file here, a `mod` line, a row in [`DATABASES`].

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use workloads::{Op, Reply};

use crate::exit::Failure;
use crate::kept::AppliedLog;
use crate::observation::NodeStatus;
use crate::plan::Plan;
use crate::site::{NodeId, Site};

mod node;

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
    /// A client of one node. `timeout` bounds each operation.
    fn client(&self, node: NodeId, timeout: Duration) -> Box<dyn Client>;
    /// A client that asks the node it believes to be the leader and follows hints, as a user's driver would.
    fn leader_client(&self, first: NodeId, timeout: Duration) -> Box<dyn Client>;
    /// What a node says of itself; `None`: no answer in time.
    fn status(&self, node: NodeId) -> Future_<'_, Option<NodeStatus>>;
    /// Which log entries a node has applied; `None`: no answer in time, or the system names no entries.
    fn applied_log(&self, _node: NodeId) -> Future_<'_, Option<AppliedLog>> {
        Box::pin(async { None })
    }
}

/// Speaks to the database for one worker. Never repeats an operation on its own.
pub trait Client: Send {
    /// Does one operation.
    fn invoke<'a>(&'a mut self, op: &'a Op) -> Future_<'a, Result<Reply, Error>>;
    /// The node that the next operation will be asked of.
    fn node(&self) -> NodeId;
}

/// All databases, sorted by name.
pub const DATABASES: &[&dyn Database] = &[&node::Node];

/// The database of that name.
pub fn find(name: &str) -> Option<&'static dyn Database> {
    DATABASES
        .iter()
        .copied()
        .find(|database| database.name() == name)
}
