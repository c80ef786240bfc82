//! What waits to be sent to one peer: bounded, newest kept.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};

use tokio::sync::{Notify, mpsc};

use super::Event;
use super::wire::{Forward, ForwardReply};
use crate::lock::lock;
use crate::raft::{Body, Message, Payload, Term};

const MAX_FRAMES: usize = 1024;
const MAX_BYTES: usize = 32 << 20;

/// Something to send.
#[derive(Clone, Debug)]
pub enum Outgoing {
    /// A message of Raft.
    Raft(Message),
    /// A client's write.
    Forward {
        /// This node's term.
        term: Term,
        /// The write.
        forward: Forward,
    },
    /// An answer to one.
    ForwardReply {
        /// This node's term.
        term: Term,
        /// The answer.
        reply: ForwardReply,
    },
}

#[derive(Debug)]
pub(super) struct Outbox {
    queue: Mutex<Queue>,
    filled: Notify,
    events: mpsc::Sender<Event>,
}

#[derive(Debug, Default)]
struct Queue {
    frames: VecDeque<Outgoing>,
    bytes: usize,
}

impl Outbox {
    pub(super) fn new(events: mpsc::Sender<Event>) -> Outbox {
        Outbox {
            queue: Mutex::default(),
            filled: Notify::new(),
            events,
        }
    }

    pub(super) fn push(&self, outgoing: Outgoing) {
        let mut queue = self.lock();
        queue.bytes += outgoing.size();
        queue.frames.push_back(outgoing);
        while queue.frames.len() > MAX_FRAMES || queue.bytes > MAX_BYTES {
            let Some(oldest) = queue.frames.pop_front() else {
                break;
            };
            queue.bytes -= oldest.size();
            self.dropped(oldest);
        }
        drop(queue);
        self.filled.notify_one();
    }

    /// Takes frames, oldest first, up to some `bytes`; waits until there is one.
    pub(super) async fn take(&self, bytes: usize) -> Vec<Outgoing> {
        loop {
            let taken = self.take_now(bytes);
            if !taken.is_empty() {
                return taken;
            }
            self.filled.notified().await;
        }
    }

    fn take_now(&self, bytes: usize) -> Vec<Outgoing> {
        let mut queue = self.lock();
        let mut taken = Vec::new();
        let mut size = 0;
        while size < bytes
            && let Some(outgoing) = queue.frames.pop_front()
        {
            size += outgoing.size();
            taken.push(outgoing);
        }
        queue.bytes -= size;
        taken
    }

    /// Nobody can be reached: what waits would be stale by the time somebody can.
    pub(super) fn drop_all(&self) {
        let frames = {
            let mut queue = self.lock();
            queue.bytes = 0;
            std::mem::take(&mut queue.frames)
        };
        for outgoing in frames {
            self.dropped(outgoing);
        }
    }

    fn dropped(&self, outgoing: Outgoing) {
        if let Outgoing::Forward { forward, .. } = outgoing {
            // If the driver's queue is full it answers at the deadline: unknown, which is never wrong.
            let _ = self.events.try_send(Event::NotSent(forward.id));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }
}

impl Outgoing {
    /// About how many bytes it holds.
    fn size(&self) -> usize {
        let command = |payload: &Payload| match payload {
            Payload::Noop => 0,
            Payload::Command(command) => command.len(),
            Payload::Configuration(configuration) => configuration.weight(),
        };
        64 + match self {
            Outgoing::Raft(message) => match &message.body {
                Body::Append { entries, .. } => {
                    entries.iter().map(|e| 24 + command(&e.payload)).sum()
                }
                Body::Snapshot { chunk, .. } => chunk.bytes.len(),
                _ => 0,
            },
            Outgoing::Forward { forward, .. } => forward.command.len(),
            Outgoing::ForwardReply { .. } => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::RequestId;

    fn forward(id: u64, bytes: usize) -> Outgoing {
        Outgoing::Forward {
            term: Term(1),
            forward: Forward {
                id: RequestId(id),
                command: vec![0; bytes].into(),
            },
        }
    }

    fn not_sent(events: &mut mpsc::Receiver<Event>) -> Option<u64> {
        match events.try_recv() {
            Ok(Event::NotSent(id)) => Some(id.0),
            _ => None,
        }
    }

    #[test]
    fn a_full_queue_drops_its_oldest_and_says_so() {
        let (sender, mut events) = mpsc::channel(2000);
        let outbox = Outbox::new(sender);
        for id in 0..MAX_FRAMES as u64 + 2 {
            outbox.push(forward(id, 1));
        }
        assert_eq!(not_sent(&mut events), Some(0));
        assert_eq!(not_sent(&mut events), Some(1));
        assert_eq!(not_sent(&mut events), None);
        assert_eq!(outbox.take_now(usize::MAX).len(), MAX_FRAMES);
    }

    #[test]
    fn bytes_are_bounded_too() {
        let (sender, mut events) = mpsc::channel(10);
        let outbox = Outbox::new(sender);
        for id in 0..5 {
            outbox.push(forward(id, 8 << 20));
        }
        assert_eq!(not_sent(&mut events), Some(0));
        assert_eq!(not_sent(&mut events), Some(1));
        assert_eq!(outbox.take_now(usize::MAX).len(), 3);
        assert_eq!(outbox.lock().bytes, 0);
    }
}
