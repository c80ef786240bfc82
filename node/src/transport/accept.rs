//! Listens to peers. Whoever is not a peer, or not understood, is refused with one line in the log.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::frame::{self, BadFrame, Header};
use super::roster::Roster;
use super::wire::{Hello, Payload};
use super::{Event, Site};
use crate::events::Event as Told;
use crate::log::say;
use crate::raft::NodeId;

const HELLO_TIMEOUT: Duration = Duration::from_secs(5);
/// A larger payload buffer is given back after use.
const KEPT_BUFFER: usize = 1 << 20;

/// Why a connection was closed.
#[derive(Debug)]
pub enum Closed {
    /// The peer ended it.
    Ended,
    /// It did not introduce itself in time.
    Silent,
    /// It sent what is no frame.
    Bad(BadFrame),
    /// Its first frame was no greeting.
    NoHello,
    /// It is of another cluster.
    Cluster(Hello),
    /// No `--peer` names it.
    Stranger(NodeId),
    /// It wanted another node.
    Misdirected(NodeId),
    /// It spoke as another node than it said it is.
    Impostor(NodeId),
    /// It speaks from another disk than the one that is known as this node's.
    OtherDisk(NodeId),
    /// It knows another disk as the one of the node that it dialled.
    Doubts(NodeId),
    /// There was no space to remember its disk.
    NotRemembered(NodeId),
    /// What was said already is not said again.
    Again,
    /// It has become a member and has to greet as one.
    Joined,
    /// This node stops.
    Stopping,
}

pub(super) async fn run(
    site: Arc<Site>,
    roster: Arc<Roster>,
    listener: TcpListener,
    events: mpsc::Sender<Event>,
) {
    loop {
        match listener.accept().await {
            Ok((stream, address)) => {
                let (site, roster, events) = (site.clone(), roster.clone(), events.clone());
                tokio::spawn(async move {
                    let closed = listen_to(&site, &roster, stream, &events).await;
                    if !matches!(
                        closed,
                        Closed::Ended | Closed::Stopping | Closed::Joined | Closed::Again
                    ) {
                        say!(
                            "{} closed a peer connection from {address}: it {closed}",
                            site.id
                        );
                    }
                });
            }
            // Out of file descriptors, say: others may be closed meanwhile.
            Err(error) => {
                say!("{} cannot accept peer connections: {error}", site.id);
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

/// Hears one connection to its end, and says why it ended. What a peer that introduced itself says goes to `events`.
pub async fn listen<S: AsyncRead + Unpin>(
    site: &Site,
    stream: S,
    events: &mpsc::Sender<Event>,
) -> Closed {
    listen_to(site, &Roster::default(), stream, events).await
}

/// As [`listen`], and members of the configuration are peers, too.
async fn listen_to<S: AsyncRead + Unpin>(
    site: &Site,
    roster: &Roster,
    stream: S,
    events: &mpsc::Sender<Event>,
) -> Closed {
    let mut reader = Reader {
        stream: BufReader::with_capacity(64 << 10, stream),
        payload: Vec::new(),
    };
    let (peer, additions) = match timeout(HELLO_TIMEOUT, reader.frame(site)).await {
        Err(_) => return Closed::Silent,
        Ok(Err(closed)) => return closed,
        Ok(Ok((header, Payload::Hello(hello)))) => {
            match greet(site, roster, &header, hello).await {
                Ok(peer) => peer,
                Err(closed) => return closed,
            }
        }
        Ok(Ok(_)) => return Closed::NoHello,
    };
    loop {
        let (header, payload) = match reader.frame(site).await {
            Ok(frame) => frame,
            Err(closed) => return closed,
        };
        if roster.additions(peer) > additions {
            return Closed::Joined;
        }
        if header.from != peer {
            return Closed::Impostor(header.from);
        }
        if site.events.on()
            && let Some(told) = Told::receives(peer, header.term, &payload)
        {
            site.events.tell(|| told);
        }
        let event = Event::Received {
            from: peer,
            term: header.term,
            payload,
        };
        // Waits while the driver is busy: the sender's queue then drops, not this node's memory.
        if events.send(event).await.is_err() {
            return Closed::Stopping;
        }
    }
}

/// Who greets, and how often it had become a member then.
async fn greet(
    site: &Site,
    roster: &Roster,
    header: &Header,
    hello: Hello,
) -> Result<(NodeId, u64), Closed> {
    if hello.version != frame::VERSION {
        return Err(Closed::Bad(BadFrame::Version(hello.version)));
    }
    if hello.cluster != site.cluster {
        return Err(Closed::Cluster(hello));
    }
    if hello.node != header.from {
        return Err(Closed::Impostor(header.from));
    }
    if !roster.knows(site, hello.node) {
        return Err(Closed::Stranger(hello.node));
    }
    let additions = roster.additions(hello.node);
    match roster.admit(site, hello).await {
        Ok(()) => Ok((hello.node, additions)),
        Err(Closed::OtherDisk(_) | Closed::Doubts(_)) if !roster.is_news(hello) => {
            Err(Closed::Again)
        }
        Err(closed) => Err(closed),
    }
}

struct Reader<S> {
    stream: BufReader<S>,
    payload: Vec<u8>,
}

impl<S: AsyncRead + Unpin> Reader<S> {
    async fn frame(&mut self, site: &Site) -> Result<(Header, Payload), Closed> {
        let mut bytes = [0; frame::HEADER];
        self.stream.read_exact(&mut bytes).await.map_err(ended)?;
        let header = Header::decode(&bytes).map_err(Closed::Bad)?;
        if header.to != site.id {
            return Err(Closed::Misdirected(header.to));
        }
        self.payload.resize(header.length, 0);
        self.stream
            .read_exact(&mut self.payload)
            .await
            .map_err(ended)?;
        Header::check(&bytes, &self.payload).map_err(Closed::Bad)?;
        let payload = Payload::decode(&header, &self.payload).map_err(Closed::Bad)?;
        if self.payload.capacity() > KEPT_BUFFER {
            self.payload = Vec::new();
        }
        Ok((header, payload))
    }
}

fn ended(_: io::Error) -> Closed {
    Closed::Ended
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Closed::Ended => f.write_str("ended"),
            Closed::Stopping => f.write_str("came too late: this node stops"),
            Closed::Silent => write!(f, "did not introduce itself within {HELLO_TIMEOUT:?}"),
            Closed::Bad(bad) => bad.fmt(f),
            Closed::NoHello => f.write_str("did not introduce itself first"),
            Closed::Cluster(hello) => write!(
                f,
                "is {} of another cluster: start all nodes of a cluster with the same --cluster",
                hello.node
            ),
            Closed::Stranger(node) => write!(
                f,
                "is {node}, which neither a --peer nor the configuration names"
            ),
            Closed::Misdirected(node) => write!(f, "wants {node}: check the --peer addresses"),
            Closed::Impostor(node) => {
                write!(f, "speaks as {node}, but introduced itself otherwise")
            }
            Closed::OtherDisk(node) => write!(
                f,
                "is {node} with another data directory than before, so it has forgotten its vote and what it \
                 acknowledged. It is not listened to. Remove {node} from the cluster, start it with --join, and add it again"
            ),
            Closed::Doubts(node) => write!(
                f,
                "is {node}, which knows this node with another data directory. If that was lost, remove this node from \
                 the cluster, start it with --join, and add it again"
            ),
            Closed::NotRemembered(node) => {
                write!(
                    f,
                    "is {node}, whose data directory cannot be remembered: the disk is full"
                )
            }
            Closed::Again => f.write_str("was refused before"),
            Closed::Joined => f.write_str("has become a member and has to introduce itself again"),
        }
    }
}
