//! What clients ask of the driver, and where the answers go.

use tokio::sync::{oneshot, watch};

use crate::kv::{Answer, Command, Query, Token, Written};
use crate::raft::{Change, Index, NodeId, Time};
use crate::replica::{Failure, Members, ReadMode, Replica, Reply, Status};

/// A request of a client of this node.
#[derive(Debug)]
pub enum Request {
    /// Put a command into the log.
    Write {
        /// The command.
        command: Command,
        /// By which a repeat of it is known.
        token: Option<Token>,
        /// Whether this node may pass it to the leader.
        forward: bool,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<Written, Failure>>,
    },
    /// Read.
    Read {
        /// What.
        query: Query,
        /// How.
        mode: ReadMode,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<Answer, Failure>>,
    },
    /// Tell the state's revision, now and whenever it has grown.
    Subscribe {
        /// Where the answer goes.
        reply: oneshot::Sender<watch::Receiver<u64>>,
    },
    /// Hand leadership over. Answered as soon as the attempt begins, with the node that is to lead.
    Transfer {
        /// To whom; `None`: to the follower that has come furthest.
        to: Option<NodeId>,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<NodeId, Failure>>,
    },
    /// Take a snapshot of what this node has applied. Answered once it is on disk, with its last index.
    Snapshot {
        /// Where the answer goes.
        reply: oneshot::Sender<Index>,
    },
    /// Tell who is a member, as far as this node knows.
    Members {
        /// Where the answer goes.
        reply: oneshot::Sender<Members>,
    },
    /// Change who is a member. Answered once that is committed, with the members then.
    Change {
        /// What is to change.
        change: Change,
        /// Where the answer goes.
        reply: oneshot::Sender<Result<Members, Failure>>,
    },
    /// Tell about yourself.
    Status {
        /// Where the answer goes.
        reply: oneshot::Sender<Status>,
    },
}

impl Request {
    /// Asks the replica. `wall_ms` is the wall clock, in milliseconds since 1970; `revisions` tells the state's.
    pub fn put_to(
        self,
        replica: &mut Replica,
        now: Time,
        wall_ms: f64,
        revisions: &watch::Sender<u64>,
    ) {
        match self {
            Request::Write {
                command,
                token,
                forward,
                reply,
            } => replica.write(now, &command, token, forward, through(reply)),
            Request::Read { query, mode, reply } => {
                replica.read(now, query, mode, through(reply));
            }
            Request::Subscribe { reply } => {
                let _ = reply.send(revisions.subscribe());
            }
            Request::Transfer { to, reply } => replica.transfer(now, to, through(reply)),
            Request::Snapshot { reply } => replica.snapshot(through(reply)),
            Request::Members { reply } => {
                let _ = reply.send(replica.members());
            }
            Request::Change { change, reply } => replica.change(now, change, through(reply)),
            Request::Status { reply } => {
                let _ = reply.send(replica.status(wall_ms));
            }
        }
    }
}

/// Answers through a channel. A client that has gone away needs no answer.
fn through<T: Send + 'static>(reply: oneshot::Sender<T>) -> Reply<T> {
    Box::new(|answer| drop(reply.send(answer)))
}
