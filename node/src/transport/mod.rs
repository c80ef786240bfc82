//! Talk between nodes: frames over TCP. A node speaks only on connections that it dialled and listens only on
//! those that it accepted, so cutting the link i→j cuts exactly what i says to j.

mod accept;
mod dial;
pub mod frame;
mod outbox;
mod roster;
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
use crate::raft::{Configuration, NodeId, RequestId, Term};
use crate::storage::KnownDisks;
use outbox::Outbox;
use roster::Roster;

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
    /// This node's disk and those of its peers; `None`: nobody is asked for one.
    pub known: Option<KnownDisks>,
    /// Told of every frame that leaves or arrives.
    pub events: Events,
}

impl Site {
    /// This node's data directory.
    fn disk(&self) -> u64 {
        self.known.as_ref().map_or(0, KnownDisks::own)
    }
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
        self.roster.set_members(configuration.members());
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

    /// `configuration` is committed: who left it may come back from another disk.
    pub fn settle(&self, configuration: &Configuration) {
        if let Some(known) = self.site.known.clone() {
            roster::forget_others(self.site.id, known, configuration.members());
        }
    }

    fn dial(&self, peer: NodeId, address: SocketAddr) {
        self.roster.dial(peer, address, || {
            let outbox = Arc::new(Outbox::new(self.events.clone()));
            let dialling = dial::run(self.site.clone(), peer, address, outbox.clone());
            (outbox, tokio::spawn(dialling).abort_handle())
        });
    }

    /// Queues a frame. Never waits: when a queue is full its oldest frame is dropped, which Raft tolerates as it
    /// does any loss. A frame for an unknown peer is dropped.
    pub fn send(&self, to: NodeId, outgoing: Outgoing) {
        if let Some(outbox) = self.roster.outbox(to) {
            outbox.push(outgoing);
        }
    }
}
