//! Entries that nodes dropped for a leader's conflicting ones, and whether any had been acknowledged.

use std::collections::HashMap;

use checker::{History, Kind};

use crate::observation::Observation;

/// One rollback on one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollback {
    /// When the harness learnt of it.
    pub time_ns: u64,
    /// Whose log lost them.
    pub node: String,
    /// The entries, `5@3`.
    pub entries: Vec<String>,
}

/// An acknowledged write whose entry was rolled back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Betrayed {
    /// The entry.
    pub entry: String,
    /// The node that dropped it.
    pub node: String,
    /// When.
    pub time_ns: u64,
    /// Index of the event that acknowledged it.
    pub event: u64,
}

/// All rollbacks of a run.
#[derive(Debug, Default)]
pub struct Rollbacks {
    /// In the order in which they were seen.
    pub all: Vec<Rollback>,
    /// Rolled back although acknowledged; must be empty.
    pub betrayed: Vec<Betrayed>,
    /// How many acknowledged operations told their entry: with none, nothing can be said.
    pub acknowledged: usize,
}

impl Rollbacks {
    /// Joins observations with acknowledgements. O(events + entries).
    pub fn new(history: &History, observations: &[Observation]) -> Rollbacks {
        let columns = history.columns();
        let acknowledged: HashMap<&str, u64> = (0..columns.len())
            .filter(|event| columns.kind(*event) == Kind::Ok)
            .filter_map(|event| Some((columns.entry(event)?.as_str(), event as u64)))
            .collect();
        let mut rollbacks = Rollbacks {
            acknowledged: acknowledged.len(),
            ..Rollbacks::default()
        };
        for observation in observations {
            let Observation::RolledBack {
                time_ns,
                node,
                entries,
            } = observation
            else {
                continue;
            };
            for entry in entries {
                if let Some(event) = acknowledged.get(entry.as_str()) {
                    rollbacks.betrayed.push(Betrayed {
                        entry: entry.clone(),
                        node: node.clone(),
                        time_ns: *time_ns,
                        event: *event,
                    });
                }
            }
            rollbacks.all.push(Rollback {
                time_ns: *time_ns,
                node: node.clone(),
                entries: entries.clone(),
            });
        }
        rollbacks
    }

    /// How many entries were dropped, counted once for each node that dropped them.
    pub fn entries(&self) -> u64 {
        (self.all.iter())
            .map(|rollback| rollback.entries.len() as u64)
            .sum()
    }
}

/// Entries with runs of consecutive indices of one term drawn together: `5@3–9@3, 11@4`.
pub fn ranges(entries: &[String]) -> String {
    let parse = |entry: &str| -> Option<(u64, u64)> {
        let (index, term) = entry.split_once('@')?;
        Some((index.parse().ok()?, term.parse().ok()?))
    };
    let mut out: Vec<String> = Vec::new();
    let mut run: Option<(&str, &str, (u64, u64))> = None;
    let mut close = |run: Option<(&str, &str, (u64, u64))>| match run {
        Some((first, last, _)) if first != last => out.push(format!("{first}–{last}")),
        Some((first, ..)) => out.push(first.to_string()),
        None => {}
    };
    for entry in entries {
        let at = parse(entry).unwrap_or((0, 0));
        run = match run {
            Some((first, _, (index, term))) if at == (index + 1, term) => Some((first, entry, at)),
            before => {
                close(before);
                Some((entry, entry, at))
            }
        };
    }
    close(run);
    out.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_entries_of_a_term_are_drawn_together() {
        let entries =
            |list: &[&str]| -> Vec<String> { list.iter().map(|e| e.to_string()).collect() };
        assert_eq!(
            ranges(&entries(&["5@3", "6@3", "7@3", "8@4"])),
            "5@3–7@3, 8@4"
        );
        assert_eq!(ranges(&entries(&["5@3"])), "5@3");
        assert_eq!(ranges(&entries(&["odd", "5@3"])), "odd, 5@3");
        assert_eq!(ranges(&[]), "");
    }
}
