//! Talk between nodes: frames over TCP. A node speaks only on connections that it dialled and listens only on
//! those that it accepted, so cutting the link i→j cuts exactly what i says to j.

mod accept;
mod dial;
pub mod frame;
mod outbox;
pub mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;

pub use accept::{Closed, listen};
pub use outbox::Outgoing;
pub use wire::{ForwardReply, Payload};

use crate::events::Events;
use crate::raft::{Configuration, NodeId, RequestId, Term};
use outbox::Outbox;

/// Who this node is to its peers.
#[derive(Clone, Debug)]
pub struct Site {
    /// By [`cluster_id`](crate::storage::cluster_id).
    pub cluster: u64,
    /// This node.
    pub id: NodeId,
    /// How often it has started.
    pub incarnation: u64,
    /// Where to dial each peer.
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// Told of every frame that leaves or arrives.
    pub events: Events,
}

/// What arrives.
#[derive(Debug)]
pub enum Event {
    /// A frame of a peer that introduced itself.
    Received {
        /// The peer.
        from: NodeId,
        /// Its term when it spoke.
        term: Term,
        /// What it said.
        payload: Payload,
    },
    /// A forwarded request was dropped before any byte of it left this node.
    NotSent(RequestId),
}

/// The sending side: one bounded queue for each peer.
#[derive(Clone, Debug)]
pub struct Peers {
    site: Arc<Site>,
    roster: Arc<Roster>,
    events: mpsc::Sender<Event>,
}

/// Whom this node listens to and dials.
#[derive(Debug, Default)]
struct Roster(Mutex<Known>);

#[derive(Debug, Default)]
struct Known {
    members: BTreeSet<NodeId>,
    dialled: BTreeMap<NodeId, Dialled>,
}

#[derive(Debug)]
struct Dialled {
    address: SocketAddr,
    outbox: Arc<Outbox>,
    task: AbortHandle,
}

impl Roster {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether `node` may speak here: the command line names it, or the configuration.
    fn knows(&self, site: &Site, node: NodeId) -> bool {
        site.peers.contains_key(&node) || self.lock().members.contains(&node)
    }
}

impl Peers {
    /// Starts to dial every peer and to accept on `listener`; what arrives goes to `events`.
    ///
    /// Needs a tokio runtime to run in.
    pub fn start(site: Site, listener: TcpListener, events: &mpsc::Sender<Event>) -> Peers {
        let peers = Peers {
            site: Arc::new(site),
            roster: Arc::default(),
            events: events.clone(),
        };
        for (&peer, &address) in &peers.site.peers {
            peers.dial(peer, address);
        }
        let (site, roster) = (peers.site.clone(), peers.roster.clone());
        tokio::spawn(accept::run(site, roster, listener, events.clone()));
        peers
    }

    /// Listens to the members of `configuration`, and dials those whose address it says and no flag does. Who is no
    /// member any more is still dialled, so that it can be told.
    pub fn follow(&self, configuration: &Configuration) {
        self.roster.lock().members = configuration.members();
        for (&node, address) in configuration.addresses() {
            let flag = self.site.peers.contains_key(&node) || node == self.site.id;
            // What cannot be read was refused where it came from.
            if let Ok(address) = address.parse()
                && !flag
            {
                self.dial(node, address);
            }
        }
    }

    fn dial(&self, peer: NodeId, address: SocketAddr) {
        let mut known = self.roster.lock();
        if known
            .dialled
            .get(&peer)
            .is_some_and(|d| d.address == address)
        {
            return;
        }
        let outbox = Arc::new(Outbox::new(self.events.clone()));
        let dialling = dial::run(self.site.clone(), peer, address, outbox.clone());
        let dialled = Dialled {
            address,
            outbox,
            task: tokio::spawn(dialling).abort_handle(),
        };
        if let Some(before) = known.dialled.insert(peer, dialled) {
            before.task.abort();
            before.outbox.drop_all();
        }
    }

    /// Queues a frame. Never waits: when a queue is full its oldest frame is dropped, which Raft tolerates as it
    /// does any loss. A frame for an unknown peer is dropped.
    pub fn send(&self, to: NodeId, outgoing: Outgoing) {
        let outbox = self
            .roster
            .lock()
            .dialled
            .get(&to)
            .map(|d| d.outbox.clone());
        if let Some(outbox) = outbox {
            outbox.push(outgoing);
        }
    }
}
