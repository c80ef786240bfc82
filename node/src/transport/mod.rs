//! Talk between nodes: frames over TCP. A node speaks only on connections that it dialled and listens only on
//! those that it accepted, so cutting the link i→j cuts exactly what i says to j.

mod accept;
mod dial;
pub mod frame;
mod outbox;
pub mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub use accept::{Closed, listen};
pub use outbox::Outgoing;
pub use wire::{ForwardReply, Payload};

use crate::events::Events;
use crate::raft::{NodeId, RequestId, Term};
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
    outboxes: Arc<BTreeMap<NodeId, Arc<Outbox>>>,
}

impl Peers {
    /// Starts to dial every peer and to accept on `listener`; what arrives goes to `events`.
    ///
    /// Needs a tokio runtime to run in.
    pub fn start(site: Site, listener: TcpListener, events: &mpsc::Sender<Event>) -> Peers {
        let site = Arc::new(site);
        let mut outboxes = BTreeMap::new();
        for (&peer, &address) in &site.peers {
            let outbox = Arc::new(Outbox::new(events.clone()));
            tokio::spawn(dial::run(site.clone(), peer, address, outbox.clone()));
            outboxes.insert(peer, outbox);
        }
        tokio::spawn(accept::run(site, listener, events.clone()));
        Peers {
            outboxes: Arc::new(outboxes),
        }
    }

    /// Queues a frame. Never waits: when a queue is full its oldest frame is dropped, which Raft tolerates as it
    /// does any loss. A frame for an unknown peer is dropped.
    pub fn send(&self, to: NodeId, outgoing: Outgoing) {
        if let Some(outbox) = self.outboxes.get(&to) {
            outbox.push(outgoing);
        }
    }
}
