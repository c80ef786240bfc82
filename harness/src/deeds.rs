//! What nodes did, from their own evidence: roles all the time; syncs and commits in the stretches that are looked at.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use checker::whitebox::lines::Line;
use checker::whitebox::{Event, File as Place, Id, Role};

use crate::whitebox;

/// What a node did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// Its process began.
    Started,
    /// It follows, or waits.
    Follows,
    /// It asks whether it would win, or for votes.
    Stands,
    /// It leads.
    Leads,
    /// Entries up to this one are on its disk.
    Synced,
    /// Entries up to this one are committed, as far as it knows.
    Committed,
    /// Entries from this one on were dropped for a leader's.
    RolledBack,
}

/// Who did what, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deed {
    /// Microseconds since the run began.
    pub at_us: u64,
    /// 1 for `n1`.
    pub node: u16,
    /// What.
    pub act: Act,
    /// The entry, where there is one.
    pub index: u64,
    /// Its term, or the node's.
    pub term: u64,
}

/// Most deeds of one node.
const MOST: usize = 20_000;

/// Reads the evidence in a run's folder, in the order of time. `stretches` are nanoseconds since the run began, at
/// `began_ns` of the machine's monotonic clock. Lines that cannot be read are the judge's concern. O(bytes).
pub fn read(folder: &Path, nodes: u16, began_ns: u64, stretches: &[(u64, u64)]) -> Vec<Deed> {
    let mut deeds: Vec<Deed> = (1..=nodes)
        .filter_map(|node| Some((node, File::open(whitebox::file(folder, node)).ok()?)))
        .flat_map(|(node, file)| {
            let wanted = |ns| {
                stretches
                    .iter()
                    .any(|(from, to)| (*from..=*to).contains(&ns))
            };
            of_node(
                BufReader::with_capacity(1 << 18, file),
                node,
                began_ns,
                wanted,
            )
        })
        .collect();
    deeds.sort_by_key(|deed| (deed.at_us, deed.node));
    deeds
}

fn of_node(
    mut from: impl BufRead,
    node: u16,
    began_ns: u64,
    wanted: impl Fn(u64) -> bool,
) -> Vec<Deed> {
    let mut deeds = Vec::new();
    let mut reader = Reader::default();
    let mut line = Vec::new();
    while deeds.len() < MOST {
        line.clear();
        if !matches!(from.read_until(b'\n', &mut line), Ok(1..)) {
            break;
        }
        // Of most lines a glance is enough.
        let Some((at_ns, name)) = head(&line) else {
            continue;
        };
        let since_ns = at_ns.saturating_sub(began_ns);
        let seen = match name {
            b"start" | b"role" | b"rolled-back" => true,
            b"append" | b"synced" | b"commit" => wanted(since_ns),
            _ => false,
        };
        if !seen {
            continue;
        }
        let Ok(line) = serde_json::from_slice::<Line>(&line) else {
            continue;
        };
        if let Some((act, id)) = reader.deed(&line.event) {
            deeds.push(Deed {
                at_us: since_ns / 1_000,
                node,
                act,
                index: id.index,
                term: id.term,
            });
        }
    }
    deeds
}

/// When, and what kind of event: `{"s":7,"t":123,"e":{"commit":…`.
fn head(line: &[u8]) -> Option<(u64, &[u8])> {
    let text = line.strip_prefix(b"{\"s\":")?;
    let at = text.iter().position(|byte| *byte == b',')?;
    let text = text[at..].strip_prefix(b",\"t\":")?;
    let at = text.iter().position(|byte| *byte == b',')?;
    let at_ns = std::str::from_utf8(&text[..at]).ok()?.parse().ok()?;
    let text = text[at..].strip_prefix(b",\"e\":{\"")?;
    let end = text.iter().position(|byte| *byte == b'"')?;
    Some((at_ns, &text[..end]))
}

/// What has to be remembered from line to line.
#[derive(Default)]
struct Reader {
    role: Option<(Role, u64)>,
    /// Written and not yet synced: where, the number of the write, the last entry.
    written: Vec<(Place, u64, Id)>,
}

impl Reader {
    fn deed(&mut self, event: &Event) -> Option<(Act, Id)> {
        match event {
            Event::Start { .. } => {
                *self = Reader::default();
                Some((Act::Started, Id::default()))
            }
            Event::Role { role, term, .. } => {
                // A leader that becomes known changes no role.
                let changed = self.role.replace((*role, *term)) != Some((*role, *term));
                let act = match role {
                    Role::Follower => Act::Follows,
                    Role::PreCandidate | Role::Candidate => Act::Stands,
                    Role::Leader => Act::Leads,
                };
                changed.then_some((act, Id::new(0, *term)))
            }
            Event::Append {
                write,
                file,
                entries,
            } => {
                let last = entries.last()?.id;
                self.written.push((*file, *write, last));
                None
            }
            Event::Synced { file, write } => {
                let reached =
                    |written: &(Place, u64, Id)| written.0 == *file && written.1 <= *write;
                let last = self
                    .written
                    .iter()
                    .rev()
                    .find(|written| reached(written))?
                    .2;
                self.written.retain(|written| !reached(written));
                Some((Act::Synced, last))
            }
            Event::Commit { last } => Some((Act::Committed, *last)),
            Event::RolledBack { entries } => Some((Act::RolledBack, *entries.first()?)),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_told_always_and_what_reached_the_disk_where_it_is_wanted() {
        let evidence = r#"{"s":1,"t":1000000,"e":{"start":{"node":2}}}
{"s":2,"t":2000000,"e":{"role":{"role":"follower","term":1,"leader":null}}}
{"s":3,"t":3000000,"e":{"role":{"role":"follower","term":1,"leader":1}}}
{"s":4,"t":4000000,"e":{"append":{"write":7,"file":{"wal":1},"entries":[[5,1,99],[6,1,98]]}}}
{"s":5,"t":5000000,"e":{"synced":{"file":"hard-state","write":8}}}
{"s":6,"t":6000000,"e":{"synced":{"file":{"wal":1},"write":7}}}
{"s":7,"t":7000000,"e":{"commit":{"last":[6,1]}}}
torn
{"s":8,"t":9000000,"e":{"commit":{"last":[7,1]}}}
{"s":9,"t":9500000,"e":{"role":{"role":"leader","term":2,"leader":2}}}
"#;
        let told: Vec<(u64, Act, u64, u64)> =
            of_node(evidence.as_bytes(), 2, 1_000_000, |ns| ns <= 6_000_000)
                .iter()
                .map(|deed| (deed.at_us, deed.act, deed.index, deed.term))
                .collect();
        assert_eq!(
            told,
            [
                (0, Act::Started, 0, 0),
                (1_000, Act::Follows, 0, 1),
                (5_000, Act::Synced, 6, 1),
                (6_000, Act::Committed, 6, 1),
                (8_500, Act::Leads, 0, 2),
            ]
        );
    }
}
