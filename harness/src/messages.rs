//! Messages between nodes, as the proxies saw them: `messages.jsonl`, from which a report draws who said what to whom.

use serde::{Deserialize, Serialize};

use crate::links::{LinkId, Seen, kind_name};
use std::time::Instant;

/// One message. Times are microseconds since the run began.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// When its last byte was passed on, or swallowed.
    pub at_us: u64,
    /// Who said it: 1 for `n1`.
    pub from: u16,
    /// To whom.
    pub to: u16,
    /// Its kind, by number (`kind_name`).
    pub kind: u8,
    /// The sender's term.
    pub term: u64,
    /// Its length.
    pub bytes: u64,
    /// The proxy swallowed it.
    pub dropped: bool,
    /// So long the proxy kept it before it passed it on, in microseconds; 0 where it only went through.
    pub late_us: u64,
}

/// A line of `messages.jsonl`: what crossed one directed link since the line before, in columns, so that a message
/// takes some ten letters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Who spoke: 1 for `n1`.
    pub from: u16,
    /// To whom.
    pub to: u16,
    /// When, in microseconds: the first since the run began, each other since the one before it.
    pub t: Vec<u64>,
    /// Kinds by number: 6 append, 8 heartbeat … as `node/README.md` has them.
    pub kind: Vec<u8>,
    /// Terms: the first as it is, each other as the distance from the one before it.
    pub term: Vec<i64>,
    /// Lengths in bytes.
    pub bytes: Vec<u64>,
    /// Positions of those that were swallowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<usize>,
    /// Those that were kept back: their positions, and for how many microseconds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<(usize, u64)>,
    /// So many came too fast to be written down, before these.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub missed: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl Batch {
    /// Packs what was seen on a link.
    pub fn new(link: LinkId, began: Instant, seen: &[Seen], missed: u64) -> Batch {
        let mut batch = Batch {
            from: link.from,
            to: link.to,
            missed,
            ..Batch::default()
        };
        let (mut last_us, mut last_term) = (0, 0);
        for (position, seen) in seen.iter().enumerate() {
            let since = seen.at.saturating_duration_since(began).as_micros();
            let at_us = u64::try_from(since).unwrap_or(u64::MAX).max(last_us);
            let term = i64::try_from(seen.frame.term).unwrap_or(i64::MAX);
            batch.t.push(at_us - last_us);
            batch.kind.push(seen.frame.kind);
            batch.term.push(term - last_term);
            batch.bytes.push(seen.frame.bytes);
            if !seen.passed {
                batch.dropped.push(position);
            }
            let late_us = u64::try_from(seen.late.as_micros()).unwrap_or(u64::MAX);
            if late_us > 0 {
                batch.late.push((position, late_us));
            }
            (last_us, last_term) = (at_us, term);
        }
        batch
    }

    /// The messages.
    pub fn messages(&self) -> Vec<Message> {
        let (mut at_us, mut term) = (0_u64, 0_i64);
        let rows = self
            .t
            .iter()
            .zip(&self.kind)
            .zip(&self.term)
            .zip(&self.bytes);
        let mut messages: Vec<Message> = rows
            .map(|(((t, kind), distance), bytes)| {
                at_us = at_us.saturating_add(*t);
                term = term.saturating_add(*distance);
                Message {
                    at_us,
                    from: self.from,
                    to: self.to,
                    kind: *kind,
                    term: u64::try_from(term).unwrap_or(0),
                    bytes: *bytes,
                    dropped: false,
                    late_us: 0,
                }
            })
            .collect();
        for position in &self.dropped {
            if let Some(message) = messages.get_mut(*position) {
                message.dropped = true;
            }
        }
        for (position, late_us) in &self.late {
            if let Some(message) = messages.get_mut(*position) {
                message.late_us = *late_us;
            }
        }
        messages
    }
}

/// All messages in the order of time, and how many were not written down.
pub fn unpack(batches: &[Batch]) -> (Vec<Message>, u64) {
    let mut all: Vec<Message> = batches.iter().flat_map(Batch::messages).collect();
    all.sort_by_key(|message| (message.at_us, message.from, message.to));
    (all, batches.iter().map(|batch| batch.missed).sum())
}

/// The names of kinds by number, for a legend.
pub fn kinds() -> Vec<String> {
    (0..32).map(kind_name).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::links::Frame;

    #[test]
    fn what_was_seen_comes_back_in_the_order_of_time() {
        let began = Instant::now();
        let seen = |us: u64, kind, term, passed| Seen {
            at: began + Duration::from_micros(us),
            frame: Frame {
                kind,
                term,
                bytes: 24,
                intact: true,
            },
            passed,
            late: Duration::from_micros(if kind == 7 { 20_000 } else { 0 }),
        };
        let link = |from, to| LinkId { from, to };
        let forth = [seen(100, 6, 3, true), seen(250, 8, 4, false)];
        let back = [seen(180, 7, 2, true)];
        let batches = [
            Batch::new(link(1, 2), began, &forth, 0),
            Batch::new(link(2, 1), began, &back, 5),
        ];
        let lines = batches.map(|batch| serde_json::to_string(&batch).unwrap());
        let read = lines.map(|line| serde_json::from_str(&line).unwrap());
        let (messages, missed) = unpack(&read);
        let told: Vec<(u64, u16, u8, u64, bool, u64)> = messages
            .iter()
            .map(|m| (m.at_us, m.from, m.kind, m.term, m.dropped, m.late_us))
            .collect();
        assert_eq!(
            told,
            [
                (100, 1, 6, 3, false, 0),
                (180, 2, 7, 2, false, 20_000),
                (250, 1, 8, 4, true, 0)
            ]
        );
        assert_eq!(missed, 5);
    }
}
