//! What links did: counts that only grow, so that an injury's effect is a difference of two snapshots.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::{AddAssign, Sub};

use serde::{Deserialize, Serialize};

use super::LinkId;
use super::frame::Frame;
use super::rule::{KINDS, kind_name};

/// Frames and bytes, all told and by kind of frame.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Traffic {
    /// Whole frames. One that was cut in the middle counts where its end went.
    pub frames: u64,
    /// Bytes, those outside of frames included.
    pub bytes: u64,
    /// Frames of each kind, by its number.
    pub kinds: [u64; KINDS],
}

impl Traffic {
    /// How much it is, for people: in bytes alone where nobody knows where messages end.
    pub fn amount(&self) -> String {
        match self.frames {
            0 => format!("{} bytes", self.bytes),
            frames => format!("{frames} messages ({} bytes)", self.bytes),
        }
    }

    pub(super) fn add_frame(&mut self, frame: &Frame) {
        self.frames += 1;
        if let Some(count) = self.kinds.get_mut(usize::from(frame.kind)) {
            *count += 1;
        }
    }
}

impl AddAssign for Traffic {
    fn add_assign(&mut self, other: Traffic) {
        self.frames += other.frames;
        self.bytes += other.bytes;
        for (sum, more) in self.kinds.iter_mut().zip(other.kinds) {
            *sum += more;
        }
    }
}

impl Sub for Traffic {
    type Output = Traffic;

    fn sub(mut self, before: Traffic) -> Traffic {
        self.frames = self.frames.saturating_sub(before.frames);
        self.bytes = self.bytes.saturating_sub(before.bytes);
        for (after, before) in self.kinds.iter_mut().zip(before.kinds) {
            *after = after.saturating_sub(before);
        }
        self
    }
}

/// `312 frames (300 append, 12 vote), 40960 bytes`.
impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} frames", self.frames)?;
        let kinds = (0u8..).zip(self.kinds).filter(|(_, count)| *count > 0);
        let kinds: Vec<String> = kinds
            .map(|(kind, count)| format!("{count} {}", kind_name(kind)))
            .collect();
        if !kinds.is_empty() {
            write!(f, " ({})", kinds.join(", "))?;
        }
        write!(f, ", {} bytes", self.bytes)
    }
}

/// One link's counts. Bytes that an answerer sends back on a connection count on the opposite link: they
/// are what it says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// What went through.
    pub passed: Traffic,
    /// What was swallowed.
    pub dropped: Traffic,
    /// Frames, passed or dropped, whose checksum was wrong.
    pub damaged: u64,
    /// Connections that were dialled and accepted, under whatever rule.
    pub opened: u64,
    /// Connections that a rule reset: at once, or at the heal because something had been dropped.
    pub resets: u64,
    /// Connections ended because nobody listened at the target.
    pub refused: u64,
    /// Frames, or pieces of a stream without any, that a rule made come later.
    pub delayed: u64,
    /// How much later in all, in nanoseconds, as measured when they left.
    pub delay_ns: u64,
    /// Bytes that were held.
    pub held: u64,
    /// Frames sent once more.
    pub duplicated: u64,
    /// Frames that left after one that came later.
    pub reordered: u64,
    /// Frames sent with a bit flipped.
    pub corrupted: u64,
}

impl AddAssign for Counters {
    fn add_assign(&mut self, other: Counters) {
        self.passed += other.passed;
        self.dropped += other.dropped;
        self.damaged += other.damaged;
        self.opened += other.opened;
        self.resets += other.resets;
        self.refused += other.refused;
        self.delayed += other.delayed;
        self.delay_ns += other.delay_ns;
        self.held += other.held;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
        self.corrupted += other.corrupted;
    }
}

impl Sub for Counters {
    type Output = Counters;

    fn sub(self, before: Counters) -> Counters {
        Counters {
            passed: self.passed - before.passed,
            dropped: self.dropped - before.dropped,
            damaged: self.damaged.saturating_sub(before.damaged),
            opened: self.opened.saturating_sub(before.opened),
            resets: self.resets.saturating_sub(before.resets),
            refused: self.refused.saturating_sub(before.refused),
            delayed: self.delayed.saturating_sub(before.delayed),
            delay_ns: self.delay_ns.saturating_sub(before.delay_ns),
            held: self.held.saturating_sub(before.held),
            duplicated: self.duplicated.saturating_sub(before.duplicated),
            reordered: self.reordered.saturating_sub(before.reordered),
            corrupted: self.corrupted.saturating_sub(before.corrupted),
        }
    }
}

/// The counts of all links at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot(pub BTreeMap<LinkId, Counters>);

impl Snapshot {
    /// What was counted after `before`; a link that it lacks counts from zero.
    pub fn since(&self, before: &Snapshot) -> Snapshot {
        let none = Counters::default();
        let each = self.0.iter();
        Snapshot(
            each.map(|(id, now)| (*id, *now - *before.0.get(id).unwrap_or(&none)))
                .collect(),
        )
    }

    /// These links alone.
    pub fn only(&self, wanted: impl Fn(LinkId) -> bool) -> Snapshot {
        Snapshot(
            self.0
                .iter()
                .filter(|(id, _)| wanted(**id))
                .map(|(id, c)| (*id, *c))
                .collect(),
        )
    }

    /// All links together.
    pub fn total(&self) -> Counters {
        self.0
            .values()
            .fold(Counters::default(), |mut sum, counters| {
                sum += *counters;
                sum
            })
    }

    /// How many links dropped or reset anything.
    pub fn affected(&self) -> usize {
        let affected = |c: &&Counters| c.dropped.bytes > 0 || c.resets > 0;
        self.0.values().filter(affected).count()
    }
}

/// The effect in words, as an injury tells it: `312 frames (…), 40960 bytes dropped and 4 connections reset on
/// 8 links`; `nothing dropped` when there was none.
impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (total, links) = (self.total(), self.affected());
        if links == 0 {
            return f.write_str("nothing dropped");
        }
        write!(
            f,
            "{} dropped and {} connections reset on {links} links",
            total.dropped, total.resets
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(kind: u8, count: u64) -> Traffic {
        let mut traffic = Traffic {
            frames: count,
            bytes: 100 * count,
            ..Traffic::default()
        };
        traffic.kinds[usize::from(kind)] = count;
        traffic
    }

    #[test]
    fn an_effect_is_the_difference_of_two_snapshots() {
        let id = LinkId { from: 1, to: 2 };
        let other = LinkId { from: 2, to: 1 };
        let at = |dropped| Counters {
            dropped,
            resets: dropped.frames / 2,
            ..Counters::default()
        };
        let before = Snapshot([(id, at(frames(6, 2)))].into());
        let after = Snapshot([(id, at(frames(6, 6))), (other, Counters::default())].into());
        let effect = after.since(&before);
        assert_eq!(effect.total().dropped, frames(6, 4));
        assert_eq!(
            effect.to_string(),
            "4 frames (4 append), 400 bytes dropped and 2 connections reset on 1 links"
        );
        assert_eq!(after.since(&after).to_string(), "nothing dropped");
        assert_eq!(effect.only(|id| id == other).affected(), 0);
    }
}
