//! Which messages a page holds: all of a short run, else those around anomalies and the longest outages.

use super::columns::Column;
use crate::messages::Message;
use crate::report::outages::Outages;

/// Most messages.
const MOST: usize = 60_000;
/// Outages whose beginnings and ends are shown.
const OUTAGES: usize = 5;
/// So much before and after, in microseconds.
const AROUND_US: u64 = 100_000;

/// What was chosen.
pub struct Said {
    /// The messages, in the order of time.
    pub chosen: Vec<Message>,
    /// What was left out, in a sentence.
    pub left_out: Option<String>,
}

/// Chooses; `windows` are stretches in nanoseconds of which all messages are wanted, the most important first.
pub fn choose(all: &[Message], windows: &[(u64, u64)], outages: &Outages) -> Said {
    if all.len() <= MOST {
        return Said {
            chosen: all.to_vec(),
            left_out: None,
        };
    }
    let mut longest = outages.all.clone();
    longest.sort_by_key(|outage| std::cmp::Reverse(outage.length_ns()));
    let edges = longest.iter().take(OUTAGES).flat_map(|outage| {
        [outage.from_ns, outage.to_ns]
            .map(|ns| ns / 1_000)
            .map(|us| (us.saturating_sub(AROUND_US), us + AROUND_US))
    });
    let windows = windows.iter().map(|(from, to)| (from / 1_000, to / 1_000));
    let mut taken = vec![false; all.len()];
    let mut count = 0;
    for (from_us, to_us) in windows.chain(edges) {
        let from = all.partition_point(|message| message.at_us < from_us);
        let to = all.partition_point(|message| message.at_us <= to_us);
        // A window's end is where its anomaly is.
        for at in (from..to).rev() {
            if count < MOST && !taken[at] {
                taken[at] = true;
                count += 1;
            }
        }
    }
    let chosen = all.iter().zip(taken).filter(|(_, taken)| *taken);
    let units = |number: usize| crate::report::units::count(number as u64);
    Said {
        chosen: chosen.map(|(message, _)| *message).collect(),
        left_out: Some(format!(
            "Messages between nodes: the page holds {} of {}, those around anomalies and the longest outages; messages.jsonl has them all.",
            units(count),
            units(all.len())
        )),
    }
}

impl Said {
    /// The columns, by name.
    pub fn columns(&self) -> [(&'static str, Column); 7] {
        let column = |of: fn(&Message) -> u64| {
            let mut column = Column::default();
            for message in &self.chosen {
                column.push(of(message));
            }
            column
        };
        let mut at = Column::default();
        for message in &self.chosen {
            at.push_rise(message.at_us);
        }
        [
            ("m_at", at),
            ("m_from", column(|m| m.from.into())),
            ("m_to", column(|m| m.to.into())),
            // The lowest bit: swallowed.
            (
                "m_kind",
                column(|m| u64::from(m.kind) * 2 + u64::from(m.dropped)),
            ),
            ("m_term", column(|m| m.term)),
            ("m_bytes", column(|m| m.bytes)),
            ("m_late", column(|m| m.late_us)),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_many_messages_those_around_what_matters_are_held() {
        let message = |at_us| Message {
            at_us,
            from: 1,
            to: 2,
            kind: 6,
            term: 1,
            bytes: 30,
            dropped: false,
            late_us: 0,
        };
        let all: Vec<Message> = (0..100_000).map(|number| message(number * 10)).collect();
        let said = choose(&all, &[(500_000_000, 501_000_000)], &Outages::default());
        assert_eq!(said.chosen.len(), 101);
        assert_eq!(said.chosen[0].at_us, 500_000);
        assert!(said.left_out.is_some());
        let few = choose(&all[..100], &[], &Outages::default());
        assert_eq!((few.chosen.len(), few.left_out), (100, None));
    }
}
