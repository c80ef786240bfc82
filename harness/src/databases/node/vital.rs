//! Bytes of a node's data directory that it cannot do without, by the names and formats that its documents tell.

use std::path::{Path, PathBuf};

/// A segment's header, checksummed as a whole.
const HEADER: u64 = 64;
/// A record's header, checksummed with the record.
const RECORD: u64 = 40;

/// A byte in which every bit counts: of a snapshot, or of the oldest segment of the log, whose header and, if it is not
/// the last one, first record were synced long ago. `None`: there are no files yet.
pub(super) fn byte(folder: &Path, draw: u64) -> Option<(PathBuf, u64)> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();
    names.sort();
    let with = |prefix: &str| {
        let numbered = |name: &&String| {
            name.strip_prefix(prefix)
                .is_some_and(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
        };
        names.iter().filter(numbered).collect::<Vec<_>>()
    };
    let (segments, snapshots) = (with("wal-"), with("snapshot-"));
    let rest = draw / 2;
    if let Some(snapshot) = snapshots.last()
        && draw.is_multiple_of(2)
    {
        let file = folder.join(snapshot);
        let length = std::fs::metadata(&file).ok()?.len().max(1);
        return Some((file, rest % length));
    }
    let sure = match segments.len() {
        0 => return None,
        1 => HEADER,
        _ => HEADER + RECORD,
    };
    Some((folder.join(segments.first()?), rest % sure))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_bytes_that_were_synced_long_ago_are_chosen() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(byte(folder.path(), 0), None);
        let make = |name: &str| std::fs::write(folder.path().join(name), [0; 100]).unwrap();
        make("hard-state");
        make("spare-0000000001");
        make("wal-0000000002");
        let chosen = |draw| byte(folder.path(), draw).unwrap();
        let oldest = folder.path().join("wal-0000000002");
        assert!((0..500).all(|draw| chosen(draw).0 == oldest && chosen(draw).1 < HEADER));
        make("wal-0000000003");
        assert!((0..500).all(|draw| chosen(draw).0 == oldest && chosen(draw).1 < HEADER + RECORD));
        make("snapshot-00000000000000000007");
        make("snapshot.tmp");
        let snapshot = folder.path().join("snapshot-00000000000000000007");
        assert_eq!(chosen(4), (snapshot, 2));
        assert_eq!(chosen(5), (oldest, 2));
    }
}
