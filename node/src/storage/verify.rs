//! Explains a data directory offline: what is there, whether it is whole, where it ends. Changes nothing.

use std::fmt::Write as _;
use std::path::Path;

use super::files::{Files, direct::Direct};
use super::hard_state;
use super::wal::{pool, recovery, segment};
use super::{Damage, OpenError, peers, snapshot};
use crate::raft::LogId;

/// A report on the data directory at `path`, for people, one line a fact.
///
/// # Errors
/// What a start of the node would be refused for, after the facts that were found before it.
pub fn explain(path: &Path) -> (String, Result<(), OpenError>) {
    let mut report = String::new();
    let result = facts(&Direct::new(path), &mut report);
    (report, result)
}

fn facts(files: &dyn Files, report: &mut String) -> Result<(), OpenError> {
    // Writing to a string cannot fail.
    let mut say = |line: String| {
        let _ = writeln!(report, "{line}");
    };
    let file = hard_state::HardStateFile::open(files)?;
    let slots = hard_state::read(&files.open(hard_state::FILE)?.read_all()?);
    for (number, slot) in slots.iter().enumerate() {
        match slot {
            Some(slot) => say(format!(
                "hard-state slot {number}: write {} term={} vote={} incarnation={}",
                slot.sequence,
                slot.hard_state.term,
                slot.hard_state
                    .vote
                    .map_or("none".to_owned(), |v| v.to_string()),
                slot.incarnation
            )),
            None => say(format!(
                "hard-state slot {number}: unreadable, the other one stands in"
            )),
        }
    }
    let identity = file.state().identity;
    say(format!(
        "belongs to {} of cluster {:016x}, log {:016x}",
        identity.node, identity.cluster, identity.log
    ));
    let known = peers::read(files, identity)?;
    for (node, log) in &known {
        say(format!("knows {node} with log {log:016x}"));
    }
    let snapshot = snapshot::load(files, identity)?;
    let covered = snapshot
        .as_ref()
        .map_or(LogId::default(), |s| s.snapshot.last);
    match &snapshot {
        None => say("no snapshot".to_owned()),
        Some(found) => say(format!(
            "{}: covers entries up to {covered}, {} bytes of state, {}",
            snapshot::name(covered.index.0),
            found.snapshot.data.len(),
            match found.installed {
                true => "sent by a leader in place of the log",
                false => "taken here",
            }
        )),
    }
    let found = recovery::read(files, identity)?;
    for segment in &found.segments {
        say(format!(
            "{}: {} records from index {}, {} of {} bytes used{}{}",
            segment::name(segment.header.sequence),
            segment.records,
            segment.header.first,
            segment.end,
            segment.header.capacity,
            match segment.header.recycled {
                true => ", a file that was another segment before",
                false => "",
            },
            match segment.dirty - segment.end {
                0 => String::new(),
                torn => format!(", a torn tail of {torn} bytes that the next start will cut"),
            }
        ));
    }
    if let Some(unborn) = found.unborn {
        let name = segment::name(unborn);
        say(format!(
            "{name}: was being made when the node stopped; the next start will remove it"
        ));
    }
    let names = files.list()?;
    for name in names.iter().filter(|name| pool::is_spare(name)) {
        say(format!("{name}: a spare file for a segment to come"));
    }
    let last = found.entries.last().map_or(covered, |e| e.id);
    say(format!(
        "log: {} entries, last {last}, beginning with index {}",
        found.entries.len(),
        found.first
    ));
    if !found.meets(covered)? {
        match snapshot.is_some_and(|s| s.installed) {
            true => say(format!(
                "the log does not reach {covered}: the next start will drop it for the snapshot"
            )),
            false => {
                let what = format!("it ends or differs before {covered}, which a snapshot covers");
                return Err(Damage::new("the log", 0, &what).into());
            }
        }
    }
    Ok(())
}
