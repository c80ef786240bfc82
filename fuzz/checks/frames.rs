//! A connection of a peer: sound frames, damaged ones and noise in any order. What comes out is exactly the sound
//! frames up to the first that is not, and nothing panics.
//!
//! The input is a list of pieces. Each begins with a byte that says what it is; see [`piece`].

use std::collections::BTreeMap;
use std::sync::OnceLock;

use node::events::Events;
use node::kv::{Logged, Machine};
use node::raft::{
    Appended, Body, Chunk, Configured, Entry, Index, LogId, Message, NodeId, Payload as Carried,
    RequestId, Round, Term,
};
use node::transport::frame::{self, Header};
use node::transport::wire::{self, Forward, Hello};
use node::transport::{Event, Outgoing, Payload, Site, listen};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

const US: NodeId = NodeId(2);
const PEER: NodeId = NodeId(1);
const CLUSTER: u64 = 7;
/// Most pieces of an input that are looked at.
const MOST: usize = 64;

/// What one piece of the input puts on the wire.
enum Piece {
    /// A frame whose checksum holds, whatever its payload is.
    Sound(Vec<u8>),
    /// The same with one bit flipped.
    Damaged(Vec<u8>),
    /// Anything.
    Noise(Vec<u8>),
}

/// Reads the input from the front; where it has ended there are zeros.
struct Input<'a>(&'a [u8]);

impl Input<'_> {
    fn byte(&mut self) -> u8 {
        let (&first, rest) = self.0.split_first().unwrap_or((&0, &[]));
        self.0 = rest;
        first
    }

    fn number(&mut self) -> usize {
        usize::from(self.byte()) << 8 | usize::from(self.byte())
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        let (taken, rest) = self.0.split_at(count.min(self.0.len()));
        self.0 = rest;
        taken.to_vec()
    }
}

/// First byte 0: a greeting. 1: a frame; kind, whether it says that it comes from somebody else, term, length
/// (2 bytes), payload. 2: the same, damaged; the position of the bit (2 bytes) comes before. 3: noise; length, bytes.
fn piece(input: &mut Input<'_>) -> Piece {
    match input.byte() % 4 {
        0 => Piece::Sound(wire::encode_hello(US, hello())),
        1 => Piece::Sound(sound(input)),
        2 => {
            let at = input.number();
            let mut bytes = sound(input);
            let bit = at % (bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            Piece::Damaged(bytes)
        }
        _ => {
            let length = usize::from(input.byte());
            Piece::Noise(input.bytes(length))
        }
    }
}

fn sound(input: &mut Input<'_>) -> Vec<u8> {
    let kind = input.byte();
    let from = match input.byte() {
        0..250 => PEER,
        _ => NodeId(3),
    };
    let term = Term(u64::from(input.byte()));
    let length = input.number();
    let payload = input.bytes(length);
    frame::encode(Vec::new(), kind, from, US, term, |mut bytes| {
        bytes.extend_from_slice(&payload);
        bytes
    })
}

fn hello() -> Hello {
    Hello {
        cluster: CLUSTER,
        node: PEER,
        incarnation: 1,
        disk: 5,
        yours: Some(6),
        version: frame::VERSION,
    }
}

fn site() -> Site {
    Site {
        cluster: CLUSTER,
        id: US,
        incarnation: 1,
        peers: BTreeMap::from([
            (PEER, ([127, 0, 0, 1], 1).into()),
            (NodeId(3), ([127, 0, 0, 1], 1).into()),
        ]),
        known: None,
        events: Events::default(),
    }
}

/// # Panics
/// Where the node takes what it should not, or does not take what it should.
pub fn check(input: &[u8]) {
    let mut input = Input(input);
    let mut stream = Vec::new();
    let mut expected = Vec::new();
    // Greeted or not; `None` from where nothing may be taken any more.
    let mut greeted = Some(false);
    // Noise may happen to be a frame: from there on nothing is foretold.
    let mut foretold = true;
    for _ in 0..MOST {
        if input.0.is_empty() {
            break;
        }
        match piece(&mut input) {
            Piece::Sound(bytes) => {
                if let Some(known) = greeted {
                    let taken = read(&bytes);
                    greeted = take(taken, known, &mut expected);
                }
                stream.extend(bytes);
            }
            Piece::Damaged(bytes) => {
                greeted = None;
                stream.extend(bytes);
            }
            Piece::Noise(bytes) => {
                if !bytes.is_empty() {
                    foretold &= greeted.take().is_none();
                }
                stream.extend(bytes);
            }
        }
    }
    let heard = hear(&stream);
    if foretold {
        assert_eq!(heard, expected, "what was heard is not what was said");
    } else {
        assert!(
            heard.starts_with(&expected),
            "what was said first is missing"
        );
    }
    for (from, term, payload) in heard {
        assert_eq!(from, PEER);
        use_payload(term, payload);
    }
}

/// What the reader must make of a sound frame; `None`: it ends the connection.
fn take(
    frame: Option<(Header, Payload)>,
    greeted: bool,
    expected: &mut Vec<(NodeId, Term, Payload)>,
) -> Option<bool> {
    let (header, payload) = frame?;
    if !greeted {
        let Payload::Hello(said) = payload else {
            return None;
        };
        let ours = said.cluster == CLUSTER && said.version == frame::VERSION;
        // A frame that claims to come from n3 may greet as n3, whom this check then does not listen to.
        return (ours && said.node == header.from && header.from == PEER).then_some(true);
    }
    if header.from != PEER {
        return None;
    }
    expected.push((header.from, header.term, payload));
    Some(true)
}

fn read(bytes: &[u8]) -> Option<(Header, Payload)> {
    let (head, body) = bytes.split_first_chunk::<{ frame::HEADER }>()?;
    let header = Header::decode(head).expect("a sound frame has a sound header");
    Header::check(head, body).expect("a sound frame has a sound checksum");
    Some((header, Payload::decode(&header, body).ok()?))
}

fn hear(stream: &[u8]) -> Vec<(NodeId, Term, Payload)> {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_time().build().expect("a runtime")
    });
    let (sender, mut events) = mpsc::channel(MOST * 64);
    runtime.block_on(async { listen(&site(), stream, &sender).await });
    drop(sender);
    let mut heard = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let Event::Received {
            from,
            term,
            payload,
        } = event
        {
            // A greeting of n3 in n3's name is as good as ours, and not what is asked here.
            if from == PEER {
                heard.push((from, term, payload));
            }
        }
    }
    heard
}

/// Says again what was heard, which must be heard the same; and does what a forwarded command asks.
fn use_payload(term: Term, payload: Payload) {
    let outgoing = match payload {
        Payload::Hello(_) => return,
        Payload::Raft(body) => Outgoing::Raft(Message {
            from: PEER,
            to: US,
            term,
            body,
        }),
        Payload::Forward(forward) => {
            apply(&forward.command);
            Outgoing::Forward { term, forward }
        }
        Payload::ForwardReply(reply) => Outgoing::ForwardReply { term, reply },
    };
    let again = wire::encode(Vec::new(), PEER, US, &outgoing);
    let (header, payload) = read(&again).expect("what was said again is understood");
    assert_eq!(header.term, term);
    let same = match (payload, outgoing) {
        (Payload::Raft(a), Outgoing::Raft(b)) => a == b.body,
        (Payload::Forward(a), Outgoing::Forward { forward: b, .. }) => a == b,
        (Payload::ForwardReply(a), Outgoing::ForwardReply { reply: b, .. }) => a == b,
        _ => false,
    };
    assert!(same, "what was said again is something else");
}

/// Two replicas apply any command alike, and so does one that was restored in between.
fn apply(command: &[u8]) {
    let entry = |index| Entry {
        id: LogId::new(index, 1),
        payload: Carried::Command(command.into()),
    };
    let mut one = Machine::new();
    let first = one.apply(&entry(1));
    let mut other = Machine::restore(&one.snapshot()).expect("a whole snapshot");
    assert_eq!(one.apply(&entry(2)), other.apply(&entry(2)));
    assert_eq!(one.content(), other.content());
    assert_eq!(one.snapshot(), other.snapshot());
    if Logged::decode(command).is_err() {
        assert_eq!(one.revision(), 0, "{first:?}");
    }
}

/// Inputs to begin with: every kind of message, as nodes say them.
#[allow(dead_code)] // The fuzzer has them from the corpus.
pub fn seeds() -> Vec<Vec<u8>> {
    let id = LogId::new(5, 2);
    let round = Round(3);
    let entry = |payload| Entry { id, payload };
    let put = b"\x00\x00\x01k\x01v".as_slice();
    let bodies = [
        Body::PreVote { last: id },
        Body::PreVoteReply { granted: true },
        Body::Vote {
            last: id,
            transfer: true,
        },
        Body::VoteReply { granted: false },
        Body::Append {
            prev: LogId::new(4, 2),
            entries: vec![entry(Carried::Noop), entry(Carried::Command(put.into()))],
            commit: Index(4),
            round,
        },
        Body::AppendReply {
            result: Appended::Match { index: Index(5) },
            round,
        },
        Body::AppendReply {
            result: Appended::Conflict { prev: id, hint: id },
            round,
        },
        Body::Heartbeat {
            commit: Index(4),
            round,
        },
        Body::HeartbeatReply { round },
        Body::ReadIndex { id: RequestId(9) },
        Body::ReadIndexReply {
            id: RequestId(9),
            index: Some(Index(4)),
        },
        Body::Snapshot {
            chunk: Chunk {
                last: id,
                configured: Configured::default(),
                size: 3,
                crc: 1,
                offset: 0,
                bytes: [1, 2, 3].into(),
            },
            round,
        },
        Body::SnapshotReply {
            last: id,
            received: 3,
            installed: true,
            round,
        },
        Body::TimeoutNow,
    ];
    let term = Term(2);
    let mut frames: Vec<Vec<u8>> = bodies
        .into_iter()
        .map(|body| {
            let message = Message {
                from: PEER,
                to: US,
                term,
                body,
            };
            wire::encode(Vec::new(), PEER, US, &Outgoing::Raft(message))
        })
        .collect();
    for command in commands() {
        let forward = Forward {
            id: RequestId(9),
            command: command.into(),
        };
        frames.push(wire::encode(
            Vec::new(),
            PEER,
            US,
            &Outgoing::Forward { term, forward },
        ));
    }
    let mut seeds: Vec<Vec<u8>> = frames
        .iter()
        .flat_map(|frame| {
            let mut sound = vec![1, frame[8], 0, 2];
            sound.extend(((frame.len() - frame::HEADER) as u16).to_be_bytes());
            sound.extend(&frame[frame::HEADER..]);
            let after_hello = [&[0], &sound[..]].concat();
            let damaged = [&[0, 2, 0, 90], &sound[1..], &sound[..]].concat();
            [after_hello, damaged]
        })
        .collect();
    seeds.push([&[3, 40][..], &wire::encode_hello(US, hello())].concat());
    seeds.push(vec![1, 1, 255, 0, 0, 4, 7, 3, 1, 1]);
    seeds
}

/// One of each kind that clients can make.
#[allow(dead_code)]
fn commands() -> Vec<Vec<u8>> {
    use node::kv::{Command, Compare, Operation, Token};
    let key = || "k".to_owned();
    let value = || "1".to_owned();
    let operation = [
        Operation::Get { key: key() },
        Operation::Put {
            key: key(),
            value: value(),
            lease: Some(1),
        },
        Operation::Delete { key: key() },
        Operation::Append {
            key: key(),
            value: value(),
        },
        Operation::Add { key: key(), by: -1 },
    ];
    let mut commands: Vec<Command> = operation.iter().cloned().map(Command::Do).collect();
    commands.extend([
        Command::Put {
            key: key(),
            value: value(),
        },
        Command::Delete { key: key() },
        Command::Cas {
            key: key(),
            expected: None,
            new: Some(value()),
        },
        Command::CasRevision {
            key: key(),
            revision: 1,
            new: None,
        },
        Command::Transaction {
            compares: vec![
                Compare::Value {
                    key: key(),
                    value: None,
                },
                Compare::Revision {
                    key: key(),
                    revision: 0,
                },
            ],
            success: operation.to_vec(),
            failure: vec![],
        },
        Command::OpenSession { lifetime: 5 },
        Command::CloseSession { session: 1 },
        Command::GrantLease { ttl_ms: 100 },
        Command::KeepAlive { lease: 1 },
        Command::RevokeLease { lease: 1 },
        Command::Clock { now_ms: 1000 },
    ]);
    let token = Some(Token {
        session: 1,
        sequence: 1,
    });
    let with = |command: Command| [command.encode(), command.encode_in(token)];
    commands.into_iter().flat_map(with).collect()
}
