//! What a file's writers did since its last sync: done late, in part, or never.

use std::io;
use std::os::unix::fs::FileExt;

use super::super::File;
use super::super::direct::DirectFile;
use crate::raft::rng::Rng;

/// What a disk writes whole or not at all.
const SECTOR: u64 = 512;

/// A change of a file's content that is held.
pub(super) enum Edit {
    Write { offset: u64, bytes: Vec<u8> },
    Preallocate { length: u64 },
    SetLen { length: u64 },
}

impl Edit {
    /// Does it to a content in memory.
    pub(super) fn apply_to(&self, content: &mut Vec<u8>) {
        match self {
            Edit::Write { offset, bytes } => {
                let start = *offset as usize;
                let end = start + bytes.len();
                if content.len() < end {
                    content.resize(end, 0);
                }
                content[start..end].copy_from_slice(bytes);
            }
            Edit::Preallocate { length } => {
                content.resize(content.len().max(*length as usize), 0);
            }
            Edit::SetLen { length } => content.resize(*length as usize, 0),
        }
    }

    /// How long a file of `length` is after it.
    pub(super) fn length(&self, length: u64) -> u64 {
        match self {
            Edit::Write { offset, bytes } => length.max(offset + bytes.len() as u64),
            Edit::Preallocate { length: least } => length.max(*least),
            Edit::SetLen { length } => *length,
        }
    }

    /// Does it to the system's file.
    pub(super) fn apply(&self, file: &DirectFile) -> io::Result<()> {
        match self {
            Edit::Write { offset, bytes } => file.write_at(*offset, bytes),
            Edit::Preallocate { length } => file.preallocate(*length),
            Edit::SetLen { length } => file.set_len(*length),
        }
    }
}

/// The part of `edits` that the system writes back before anybody asks it to: bytes up to any one, or any of their
/// sectors. Nothing where the length changes too.
pub(super) fn written_back(edits: &[Edit], rng: &mut Rng) -> Vec<Edit> {
    let mut total = 0;
    for edit in edits {
        match edit {
            Edit::Write { bytes, .. } => total += bytes.len() as u64,
            _ => return Vec::new(),
        }
    }
    if total == 0 {
        return Vec::new();
    }
    // Most writes are smaller than a sector, and are torn by the first only.
    let prefix = !rng.next().is_multiple_of(4);
    let mut left = rng.next() % total;
    let mut part = Vec::new();
    for edit in edits {
        let Edit::Write { offset, bytes } = edit else {
            continue;
        };
        if prefix {
            let taken = left.min(bytes.len() as u64);
            left -= taken;
            part.push(write(*offset, &bytes[..taken as usize]));
            continue;
        }
        let end = offset + bytes.len() as u64;
        let mut start = *offset;
        while start < end {
            let next = (start / SECTOR + 1) * SECTOR;
            let sector = &bytes[(start - offset) as usize..(next.min(end) - offset) as usize];
            if rng.next().is_multiple_of(2) {
                part.push(write(start, sector));
            }
            start = next;
        }
    }
    part.retain(|edit| !matches!(edit, Edit::Write { bytes, .. } if bytes.is_empty()));
    part
}

fn write(offset: u64, bytes: &[u8]) -> Edit {
    Edit::Write {
        offset,
        bytes: bytes.to_vec(),
    }
}

/// What edits are about to replace.
pub(super) struct Before {
    length: u64,
    ranges: Vec<(u64, Vec<u8>)>,
}

impl Before {
    /// Reads it.
    pub(super) fn read(file: &DirectFile, edits: &[Edit]) -> io::Result<Before> {
        let length = file.length()?;
        let mut ranges = Vec::new();
        for edit in edits {
            let (start, end) = match edit {
                Edit::Write { offset, bytes } => (*offset, offset + bytes.len() as u64),
                Edit::SetLen { length: shorter } => (*shorter, length),
                Edit::Preallocate { .. } => continue,
            };
            if start < end.min(length) {
                let mut old = vec![0; (end.min(length) - start) as usize];
                file.file.read_exact_at(&mut old, start)?;
                ranges.push((start, old));
            }
        }
        Ok(Before { length, ranges })
    }

    /// Puts it back.
    pub(super) fn restore(&self, file: &DirectFile) -> io::Result<()> {
        file.set_len(self.length)?;
        for (offset, bytes) in &self.ranges {
            file.write_at(*offset, bytes)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OLD: u8 = 1;
    const NEW: u8 = 2;

    /// Two writes, one behind the other, the first across the end of a sector.
    fn writes() -> Vec<Edit> {
        [(400, 300), (700, 100)]
            .map(|(offset, length)| write(offset, &vec![NEW; length]))
            .into()
    }

    #[test]
    fn any_part_of_what_is_not_synced_may_be_written_back_and_nothing_else() {
        let mut parts = std::collections::BTreeSet::new();
        let mut rng = Rng::new(1);
        for _ in 0..1000 {
            let mut content = vec![OLD; 1024];
            for edit in written_back(&writes(), &mut rng) {
                edit.apply_to(&mut content);
            }
            assert!(
                content[..400]
                    .iter()
                    .chain(&content[800..])
                    .all(|b| *b == OLD)
            );
            let new: Vec<bool> = content[400..800].iter().map(|b| *b == NEW).collect();
            parts.insert((
                new[0],
                new[112],
                new[399],
                new.iter().filter(|n| **n).count(),
            ));
        }
        let some = |(first, second)| parts.iter().any(|p| (p.0, p.1) == (first, second));
        assert!(some((true, false)), "a torn write");
        assert!(some((false, true)), "a later sector without an earlier one");
        assert!(parts.len() > 100, "any length: {}", parts.len());
    }

    #[test]
    fn where_the_length_changes_nothing_is_written_back() {
        for change in [Edit::SetLen { length: 9 }, Edit::Preallocate { length: 9 }] {
            let mut edits = writes();
            edits.push(change);
            let mut rng = Rng::new(1);
            assert!((0..100).all(|_| written_back(&edits, &mut rng).is_empty()));
        }
    }

    #[test]
    fn what_was_before_can_be_put_back() {
        let file = tempfile::tempfile().unwrap();
        let file = DirectFile { file };
        let old: Vec<u8> = (0..=255).cycle().take(1000).collect();
        file.write_at(0, &old).unwrap();
        let mut edits = writes();
        edits.insert(0, Edit::SetLen { length: 500 });
        edits.push(Edit::Preallocate { length: 4000 });
        edits.push(write(3000, &[NEW]));
        let before = Before::read(&file, &edits).unwrap();
        edits.iter().for_each(|edit| edit.apply(&file).unwrap());
        assert_ne!(file.read_all().unwrap(), old);
        before.restore(&file).unwrap();
        assert_eq!(file.read_all().unwrap(), old);
    }
}
