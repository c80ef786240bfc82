//! Payloads of frames: the greeting, Raft's messages, forwarded requests and their answers (postcard).

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Outgoing;
use super::frame::{self, BadFrame, Header};
use crate::kv::Written;
use crate::raft::{Body, NodeId, RequestId, Term};
use crate::replica::Failure;

/// The kind of [`Payload::Hello`].
pub const HELLO: u8 = 1;
/// The kind of [`Payload::Forward`].
pub const FORWARD: u8 = 12;
/// The kind of [`Payload::ForwardReply`].
pub const FORWARD_REPLY: u8 = 13;

/// What a frame carries.
#[derive(Clone, Debug, PartialEq)]
pub enum Payload {
    /// The first frame of every connection.
    Hello(Hello),
    /// A message of Raft; sender, receiver and term are the header's.
    Raft(Body),
    /// A client's write, for the leader.
    Forward(Forward),
    /// What became of it.
    ForwardReply(ForwardReply),
}

/// Who dials.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// By [`cluster_id`](crate::storage::cluster_id).
    pub cluster: u64,
    /// The dialler.
    pub node: NodeId,
    /// How often it has started.
    pub incarnation: u64,
    /// Its data directory, by the number that was drawn when that was made.
    pub disk: u64,
    /// The listener's, as far as the dialler knows it.
    pub yours: Option<u64>,
    /// Of the protocol; repeats the header's, for the day when that grows.
    pub version: u8,
}

/// A client's write on its way to the leader.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Forward {
    /// The sender's name for it, which the answer repeats.
    pub id: RequestId,
    /// The encoded command.
    pub command: Arc<[u8]>,
}

/// What became of a [`Forward`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardReply {
    /// The name that the forwarder gave it.
    pub id: RequestId,
    /// Its fate.
    pub result: Result<Written, Failure>,
}

impl Payload {
    /// Reads the payload of a frame.
    ///
    /// # Errors
    /// [`BadFrame::Payload`].
    pub fn decode(header: &Header, bytes: &[u8]) -> Result<Payload, BadFrame> {
        let bad = |_| BadFrame::Payload(header.kind);
        match header.kind {
            HELLO => exact(bytes).map(Payload::Hello).map_err(bad),
            FORWARD => exact(bytes).map(Payload::Forward).map_err(bad),
            FORWARD_REPLY => exact(bytes).map(Payload::ForwardReply).map_err(bad),
            kind => match exact::<Body>(bytes) {
                Ok(body) if body.kind() == kind => Ok(Payload::Raft(body)),
                _ => Err(BadFrame::Payload(kind)),
            },
        }
    }
}

fn exact<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, postcard::Error> {
    match postcard::take_from_bytes(bytes)? {
        (value, []) => Ok(value),
        _ => Err(postcard::Error::SerdeDeCustom),
    }
}

/// Appends the frame of `outgoing` to `bytes`.
pub fn encode(bytes: Vec<u8>, from: NodeId, to: NodeId, outgoing: &Outgoing) -> Vec<u8> {
    match outgoing {
        Outgoing::Raft(message) => put(
            bytes,
            message.body.kind(),
            from,
            to,
            message.term,
            &message.body,
        ),
        Outgoing::Forward { term, forward } => put(bytes, FORWARD, from, to, *term, forward),
        Outgoing::ForwardReply { term, reply } => put(bytes, FORWARD_REPLY, from, to, *term, reply),
    }
}

/// The greeting's frame.
pub fn encode_hello(to: NodeId, hello: Hello) -> Vec<u8> {
    put(Vec::new(), HELLO, hello.node, to, Term(0), &hello)
}

fn put<T: Serialize>(
    bytes: Vec<u8>,
    kind: u8,
    from: NodeId,
    to: NodeId,
    term: Term,
    payload: &T,
) -> Vec<u8> {
    frame::encode(bytes, kind, from, to, term, |bytes| {
        // Serializing our own types into memory cannot fail; a payload of nothing would be refused.
        postcard::to_extend(payload, bytes).unwrap_or_default()
    })
}
