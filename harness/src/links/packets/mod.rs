//! Links of packets: every node in a network namespace of its own, and a switch of ours between all of them and clients.
//!
//! What a rule does here it does to packets, so it acts on any system, which need not know: lost packets are sent again,
//! connections stall and time out as on a real network. Only in a box; there no program and no device file is needed.

mod packet;
mod queue;
mod wire;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::line::Line;
use super::rule::Rule;
use super::{LinkId, shape};
use packet::{OFFLOAD, Ports};
use queue::{Parcel, Queue};
pub(crate) use wire::{enter, within};

/// Nodes are 10.77.0.1 and so on.
const NETWORK: [u8; 3] = [10, 77, 0];
/// The host number of clients, as far as rules are about them.
const CLIENTS: u8 = 253;
/// The host number of the harness itself: no rule is about what it asks.
const HARNESS: u8 = 254;
/// What no frame is longer than: many segments in one, and what the kernel puts before them.
const LONGEST: usize = (64 << 10) + 256;
/// How often rules are looked at when nothing comes.
const LOOK: Duration = Duration::from_millis(5);
/// So many frames are taken from a wire before the next one's turn.
const TURN: usize = 32;

/// A node's address.
pub fn address(node: u16) -> Ipv4Addr {
    host(node as u8)
}

/// The address that clients speak from.
pub fn clients() -> Ipv4Addr {
    host(CLIENTS)
}

fn host(number: u8) -> Ipv4Addr {
    let [a, b, c] = NETWORK;
    Ipv4Addr::new(a, b, c, number)
}

/// The switch, and the namespaces that its wires lead to. Dropping it ends it.
#[derive(Debug)]
pub(super) struct Switch {
    namespaces: BTreeMap<u16, Arc<OwnedFd>>,
    ended: Arc<AtomicBool>,
}

impl Switch {
    /// Makes namespaces for nodes 1 to `nodes`, lays wires, and carries packets from now on, as lines say.
    ///
    /// # Errors
    /// This process is in no box, or the kernel knows no virtual Ethernet.
    pub(super) fn start(nodes: u16, lines: BTreeMap<LinkId, Arc<Line>>) -> io::Result<Switch> {
        let explain = |what: &'static str| {
            move |error: io::Error| io::Error::new(error.kind(), format!("{what}: {error}"))
        };
        let mut wires =
            vec![wire::lay(0, None, &[host(HARNESS), clients()]).map_err(explain("a wire"))?];
        let mut namespaces = BTreeMap::new();
        for node in 1..=nodes {
            let namespace = wire::namespace().map_err(explain("a network of a node's own"))?;
            let end = wire::lay(node, Some(&namespace), &[address(node)]);
            wires.push(end.map_err(explain("a wire"))?);
            namespaces.insert(node, Arc::new(namespace));
        }
        let ended = Arc::new(AtomicBool::new(false));
        let carrier = Carrier {
            wires,
            lines,
            ended: ended.clone(),
            queue: Queue::default(),
            reset: BTreeMap::new(),
            rng: StdRng::from_rng(&mut rand::rng()),
        };
        thread::Builder::new()
            .name("switch".into())
            .spawn(move || carrier.carry())?;
        Ok(Switch { namespaces, ended })
    }

    /// Where the node lives.
    pub(super) fn namespace(&self, node: u16) -> Option<Arc<OwnedFd>> {
        self.namespaces.get(&node).cloned()
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        self.ended.store(true, Relaxed);
    }
}

/// What the switch's thread has.
struct Carrier {
    /// By the number of the node; 0: the harness and clients.
    wires: Vec<OwnedFd>,
    lines: BTreeMap<LinkId, Arc<Line>>,
    ended: Arc<AtomicBool>,
    queue: Queue,
    /// Connections that were reset already, while a link resets.
    reset: BTreeMap<LinkId, BTreeSet<Ports>>,
    rng: StdRng,
}

impl Carrier {
    fn carry(mut self) {
        let mut buffer = vec![0; LONGEST];
        while !self.ended.load(Relaxed) {
            self.wait();
            for from in 0..self.wires.len() {
                for _ in 0..TURN {
                    let Some(frame) = wire::receive(&self.wires[from], &mut buffer) else {
                        break;
                    };
                    let frame = frame.to_vec();
                    self.take(from, frame);
                }
            }
            self.release();
            let now = Instant::now();
            while let Some(parcel) = self.queue.pop(now) {
                self.deliver(parcel);
            }
        }
    }

    fn wait(&self) {
        let mut polled: Vec<PollFd<'_>> = self
            .wires
            .iter()
            .map(|wire| PollFd::new(wire.as_fd(), PollFlags::POLLIN))
            .collect();
        let due = self.queue.due();
        let rest = due.map_or(LOOK, |due| {
            due.saturating_duration_since(Instant::now()).min(LOOK)
        });
        // Interrupted or not: it is called again.
        let _ = ppoll(&mut polled, Some(TimeSpec::from_duration(rest)), None);
    }

    /// What is held on links that hold no more is on its way.
    fn release(&mut self) {
        for (id, line) in &self.lines {
            if self.queue.holds(*id) && !matches!(*line.rule.borrow(), Rule::Hold(_)) {
                self.queue.release(*id, &mut self.rng);
            }
        }
    }

    /// A frame has come in on a wire.
    fn take(&mut self, wire: usize, frame: Vec<u8>) {
        let Some(ends) = packet::ends(&frame[OFFLOAD..]) else {
            return;
        };
        let (from, to) = (end(ends.from), end(ends.to));
        let (Some(from), Some(to)) = (from, to) else {
            return;
        };
        // Nobody speaks in another one's name.
        if from.wire() != wire || to.wire() >= self.wires.len() {
            return;
        }
        let bytes = (frame.len() - OFFLOAD) as u64;
        let mut parcel = Parcel {
            link: None,
            wire: to.wire(),
            frame,
            came: Instant::now(),
        };
        let link = from
            .number()
            .zip(to.number())
            .map(|(from, to)| LinkId { from, to });
        let line = link.and_then(|link| Some((link, self.lines.get(&link)?.clone())));
        let Some((link, line)) = line.filter(|_| !ends.is_arp) else {
            return wire::send(&self.wires[parcel.wire], &parcel.frame);
        };
        parcel.link = Some(link);
        let rule = line.rule.borrow().clone();
        if rule != Rule::Reset {
            self.reset.remove(&link);
        }
        let drop = || {
            line.ledger.count(|counters| {
                counters.dropped.frames += 1;
                counters.dropped.bytes += bytes;
            });
        };
        match rule {
            Rule::Pass if self.queue.is_idle(link) => self.deliver(parcel),
            Rule::Pass => self.queue.put(parcel, Duration::ZERO, 0),
            Rule::Drop | Rule::HalfOpen => drop(),
            Rule::Hold(gap) => {
                if self.queue.hold(parcel, gap) {
                    line.ledger.count(|counters| counters.held += bytes);
                } else {
                    drop();
                }
            }
            Rule::Reset => {
                drop();
                let Some((answer, ports, opens)) = packet::reset(&parcel.frame[OFFLOAD..]) else {
                    return;
                };
                let known = !self.reset.entry(link).or_default().insert(ports);
                // Of one connection many packets may be on their way.
                if opens || !known {
                    line.ledger.count(|counters| counters.resets += 1);
                }
                wire::send(&self.wires[wire], &answer);
            }
            Rule::Shaped(shapes) => {
                let Some(treatment) = shape::treat(&shapes, Some(&PACKET), &mut self.rng) else {
                    return drop();
                };
                if treatment.copies > 1 {
                    line.ledger.count(|counters| counters.duplicated += 1);
                    self.deliver(parcel.clone());
                }
                match treatment.overtaken_by {
                    Some(by) => {
                        line.ledger.count(|counters| counters.reordered += 1);
                        self.queue.put_aside(parcel, treatment.delay + by);
                    }
                    None => self.queue.put(parcel, treatment.delay, treatment.rate),
                }
            }
        }
    }

    fn deliver(&self, parcel: Parcel) {
        wire::send(&self.wires[parcel.wire], &parcel.frame);
        let line = parcel.link.and_then(|link| self.lines.get(&link));
        if let Some(line) = line {
            let late = parcel.came.elapsed();
            line.ledger.count(|counters| {
                counters.passed.frames += 1;
                counters.passed.bytes += (parcel.frame.len() - OFFLOAD) as u64;
                if late > Duration::from_millis(1) {
                    counters.delayed += 1;
                    counters.delay_ns += late.as_nanos() as u64;
                }
            });
        }
    }
}

/// What shapes take a packet for: a message like any other.
const PACKET: super::frame::Header = super::frame::Header {
    kind: 0,
    last_chunk: false,
};

/// Who is at an end.
#[derive(Clone, Copy)]
enum End {
    Harness,
    Clients,
    Node(u16),
}

impl End {
    fn wire(self) -> usize {
        match self {
            End::Node(node) => usize::from(node),
            End::Harness | End::Clients => 0,
        }
    }

    /// Whom links call it.
    fn number(self) -> Option<u16> {
        match self {
            End::Node(node) => Some(node),
            End::Clients => Some(0),
            End::Harness => None,
        }
    }
}

fn end(address: Ipv4Addr) -> Option<End> {
    let [a, b, c, host] = address.octets();
    ([a, b, c] == NETWORK).then_some(match host {
        HARNESS => End::Harness,
        CLIENTS => End::Clients,
        node => End::Node(u16::from(node)),
    })
}
