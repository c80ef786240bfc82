//! Whom this node listens to and dials: who is a member, from which disk each may speak, and the connections there are.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::task::{AbortHandle, spawn_blocking};

use super::Site;
use super::accept::Closed;
use super::outbox::Outbox;
use super::wire::Hello;
use crate::lock::lock;
use crate::raft::NodeId;
use crate::storage::{KnownDisks, StorageError};

/// What is known of all nodes.
#[derive(Debug, Default)]
pub(super) struct Roster(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    members: BTreeSet<NodeId>,
    /// How often each node has become a member.
    additions: BTreeMap<NodeId, u64>,
    dialled: BTreeMap<NodeId, Dialled>,
    /// Those that were refused for their disk, which is said once.
    refused: BTreeSet<(NodeId, u64)>,
}

#[derive(Debug)]
struct Dialled {
    address: SocketAddr,
    outbox: Arc<Outbox>,
    task: AbortHandle,
}

impl Roster {
    fn lock(&self) -> MutexGuard<'_, Known> {
        lock(&self.0)
    }

    /// Whether `node` may speak here: the command line names it, or the configuration.
    pub(super) fn knows(&self, site: &Site, node: NodeId) -> bool {
        site.peers.contains_key(&node) || self.lock().members.contains(&node)
    }

    /// The members from now on.
    pub(super) fn set_members(&self, members: BTreeSet<NodeId>) {
        let known = &mut *self.lock();
        for node in &members - &known.members {
            *known.additions.entry(node).or_default() += 1;
        }
        known.members = members;
    }

    /// Grows whenever `node` becomes a member. It then has to greet again: nobody asked for its disk before.
    pub(super) fn additions(&self, node: NodeId) -> u64 {
        self.lock().additions.get(&node).copied().unwrap_or(0)
    }

    /// Whether a node that greets speaks from the disk that is known as its own, and knows this node's. Only members are
    /// counted anywhere, so only their disks are remembered.
    pub(super) async fn admit(&self, site: &Site, hello: Hello) -> Result<(), Closed> {
        let Some(known) = &site.known else {
            return Ok(());
        };
        let node = hello.node;
        if hello.yours.is_some_and(|disk| disk != known.own()) {
            return Err(Closed::Doubts(node));
        }
        if !self.lock().members.contains(&node) {
            return Ok(());
        }
        let admits = {
            let known = known.clone();
            move || known.admits(node, hello.disk)
        };
        match spawn_blocking(admits).await {
            Ok(Ok(true)) => {
                self.lock().refused.retain(|(refused, _)| *refused != node);
                Ok(())
            }
            Ok(Ok(false)) => Err(Closed::OtherDisk(node)),
            Ok(Err(error)) => {
                stop_if_broken(site.id, &error);
                Err(Closed::NotRemembered(node))
            }
            Err(_) => Err(Closed::Stopping),
        }
    }

    /// Whether a refusal for a disk has not been said yet: the peer dials again and again.
    pub(super) fn is_news(&self, hello: Hello) -> bool {
        self.lock().refused.insert((hello.node, hello.disk))
    }

    /// Makes `begin`'s task the one that dials `peer` at `address`, unless there is one.
    pub(super) fn dial(
        &self,
        peer: NodeId,
        address: SocketAddr,
        begin: impl FnOnce() -> (Arc<Outbox>, AbortHandle),
    ) {
        let mut known = self.lock();
        if known
            .dialled
            .get(&peer)
            .is_some_and(|d| d.address == address)
        {
            return;
        }
        let (outbox, task) = begin();
        let dialled = Dialled {
            address,
            outbox,
            task,
        };
        if let Some(before) = known.dialled.insert(peer, dialled) {
            before.task.abort();
            before.outbox.drop_all();
        }
    }

    /// What waits to be sent to `node`, if it is dialled.
    pub(super) fn outbox(&self, node: NodeId) -> Option<Arc<Outbox>> {
        self.lock().dialled.get(&node).map(|d| d.outbox.clone())
    }
}

/// Forgets the disks of all but `members`, on a thread of its own. On a full disk it is done with the next change.
pub(super) fn forget_others(id: NodeId, known: KnownDisks, members: BTreeSet<NodeId>) {
    spawn_blocking(move || {
        if let Err(error) = known.keep(&members) {
            stop_if_broken(id, &error);
        }
    });
}

fn stop_if_broken(id: NodeId, error: &StorageError) {
    if let StorageError::Broken(_) = error {
        error.end_process(id);
    }
}
