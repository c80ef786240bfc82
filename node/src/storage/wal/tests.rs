//! The log under power loss, damage and a full disk, on a disk in memory.

mod every_byte;
mod model;
mod recycling;

use std::sync::Arc;

use super::*;
use crate::raft::{LogId, NodeId, Payload};
use crate::storage::Damage;
use crate::storage::files::double::{Disk, Fault};

const IDENTITY: Identity = Identity {
    cluster: 7,
    node: NodeId(2),
    log: 0x1234_5678_9abc_def0,
};
const SIZE: u64 = segment::MIN_SIZE;

fn entry(index: u64, term: u64, bytes: usize) -> Entry {
    let payload = match bytes {
        0 => Payload::Noop,
        _ => Payload::Command(Arc::from(vec![(index * 7 + term) as u8 | 1; bytes])),
    };
    Entry {
        id: LogId::new(index, term),
        payload,
    }
}

fn create() -> (Disk, Wal) {
    let disk = Disk::default();
    let wal = Wal::create(&disk, IDENTITY, SIZE).unwrap();
    (disk, wal)
}

/// A log of the given batches, each synced.
fn written(batches: &[&[Entry]]) -> (Disk, Wal) {
    let (disk, mut wal) = create();
    for batch in batches {
        wal.append(&disk, batch).unwrap();
        wal.sync().unwrap();
    }
    (disk, wal)
}

fn recover(disk: &Disk) -> Result<Vec<Entry>, OpenError> {
    Wal::open(disk, IDENTITY, SIZE).map(|(_, found)| found.entries)
}

fn damage(disk: &Disk) -> Damage {
    match recover(disk) {
        Err(OpenError::Damage(damage)) => damage,
        other => panic!("expected damage, found {other:?}"),
    }
}

fn segments(disk: &Disk) -> Vec<String> {
    disk.list().unwrap()
}

#[test]
fn what_was_synced_is_found_again() {
    let log = [entry(1, 1, 0), entry(2, 1, 30), entry(3, 2, 1)];
    let (disk, _) = written(&[&log[..2], &log[2..]]);
    disk.lose_power(|| false);
    assert_eq!(recover(&disk).unwrap(), log);
}

#[test]
fn a_batch_costs_one_sync() {
    let (disk, mut wal) = create();
    let before = disk.syncs();
    for index in 1..=20 {
        wal.append(&disk, &[entry(index, 1, 10)]).unwrap();
    }
    wal.sync().unwrap();
    assert_eq!(disk.syncs() - before, 1);
}

#[test]
fn a_log_that_ends_at_any_byte_is_cut_to_its_whole_records() {
    let log: Vec<Entry> = (1..=5).map(|i| entry(i, 1, 9 * i as usize)).collect();
    let (disk, wal) = written(&log.chunks(1).collect::<Vec<_>>());
    let mut ends = vec![segment::HEADER];
    for entry in &log {
        ends.push(ends.last().unwrap() + record::size(entry));
    }
    for at in segment::HEADER..wal.end.offset as usize {
        let copy = disk.copy();
        copy.edit(&segment::name(1), |bytes| bytes[at..].fill(0));
        let found = recover(&copy).unwrap();
        let whole = ends.iter().filter(|&&end| end <= at).count() - 1;
        // A record whose last bytes are zero anyway is whole a little earlier.
        assert!(
            found.len() == whole || found.len() == whole + 1,
            "byte {at}"
        );
        assert_eq!(found[..], log[..found.len()], "byte {at}");
        let torn = copy.edit(&segment::name(1), |bytes| {
            bytes[ends[found.len()]..].iter().any(|&b| b != 0)
        });
        assert!(!torn, "byte {at}: the torn tail is still there");
    }
}

#[test]
fn a_file_that_was_made_shorter_is_refused() {
    let (disk, wal) = written(&[&[entry(1, 1, 50)], &[entry(2, 1, 50)]]);
    let first = segment::HEADER + record::size(&entry(1, 1, 50));
    for length in (first..SIZE as usize).step_by(7) {
        let copy = disk.copy();
        copy.edit(&segment::name(1), |bytes| bytes.truncate(length));
        assert!(damage(&copy).what.contains("was cut"), "{length}");
    }
    drop(wal);
}

#[test]
fn a_flipped_bit_is_refused_unless_only_the_last_batch_can_have_suffered() {
    let log: Vec<Entry> = (1..=4).map(|i| entry(i, 1, 20 + i as usize)).collect();
    let (disk, wal) = written(&log.chunks(1).collect::<Vec<_>>());
    let last = wal.end.offset as usize - record::size(&log[3]);
    for at in 0..SIZE as usize {
        for bit in [0x01, 0x80] {
            let copy = disk.copy();
            copy.edit(&segment::name(1), |bytes| bytes[at] ^= bit);
            if at < last {
                let damage = damage(&copy);
                assert_eq!(damage.file, segment::name(1));
                assert!(damage.offset as usize <= at, "byte {at}: {damage}");
            } else {
                let kept = if at < wal.end.offset as usize { 3 } else { 4 };
                assert_eq!(recover(&copy).unwrap(), log[..kept], "byte {at}");
            }
        }
    }
}

#[test]
fn the_end_of_a_full_segment_is_vouched_for_by_the_next() {
    let log: Vec<Entry> = (1..=9).map(|i| entry(i, 1, 600)).collect();
    let (disk, _) = written(&log.chunks(1).collect::<Vec<_>>());
    assert_eq!(segments(&disk).len(), 2);
    let full = (SIZE as usize - segment::HEADER) / record::size(&log[0]);
    let start = segment::HEADER + (full - 1) * record::size(&log[0]);
    for at in start..start + record::size(&log[0]) {
        let copy = disk.copy();
        copy.edit(&segment::name(1), |bytes| bytes[at] ^= 4);
        assert_eq!(damage(&copy).offset as usize, start);
    }
    let copy = disk.copy();
    copy.edit(&segment::name(1), |bytes| bytes[start..].fill(0));
    assert!(damage(&copy).what.contains("missing"));
    let copy = disk.copy();
    copy.remove(&segment::name(1)).unwrap();
    let found = recovery::read(&copy, IDENTITY).unwrap();
    assert!(found.meets(LogId::new(full as u64, 1)).unwrap());
    assert!(!found.meets(LogId::new(10, 1)).unwrap());
    let damage = found.meets(LogId::new(full as u64 - 1, 1)).unwrap_err();
    assert_eq!(damage.file, segment::name(2));
}

#[test]
fn an_entry_larger_than_a_segment_gets_one_of_its_own() {
    let log = [entry(1, 1, 10), entry(2, 1, 9000), entry(3, 1, 10)];
    let (disk, _) = written(&[&log]);
    assert_eq!(segments(&disk).len(), 3);
    disk.lose_power(|| false);
    assert_eq!(recover(&disk).unwrap(), log);
}

#[test]
fn a_conflicting_append_replaces_the_tail_and_the_old_one_never_returns() {
    // Records of equal size, so that a stale one would stand exactly behind the new.
    let old: Vec<Entry> = (1..=40).map(|i| entry(i, 1, 64)).collect();
    let new = [entry(20, 2, 64), entry(21, 2, 64)];
    let expected: Vec<Entry> = old[..19].iter().chain(&new).cloned().collect();
    let (disk, wal) = written(&[&old, &new]);
    assert_eq!(wal.last(), 21);
    disk.lose_power(|| false);
    assert_eq!(recover(&disk).unwrap(), expected);
    // Unless the new ones were never synced: then nobody was told of them.
    let (disk, mut wal) = written(&[&old]);
    wal.append(&disk, &new).unwrap();
    disk.lose_power(|| false);
    assert_eq!(recover(&disk).unwrap(), old);
}

#[test]
fn a_segment_that_was_being_made_when_power_went_is_removed() {
    let log: Vec<Entry> = (1..=6).map(|i| entry(i, 1, 600)).collect();
    let (disk, wal) = written(&[&log]);
    drop(wal);
    // Operations of a rotation: sync, create, preallocate, header, sync, directory.
    for step in 1..=6 {
        let copy = disk.copy();
        let (mut wal, _) = Wal::open(&copy, IDENTITY, SIZE).unwrap();
        copy.fail(Some(Fault {
            from: copy.operations() + step,
            count: 1,
            errno: libc::EIO,
        }));
        wal.append(&copy, &[entry(7, 1, 600)]).unwrap_err();
        for survives in [true, false] {
            let crashed = copy.copy();
            crashed.lose_power(|| survives);
            assert_eq!(recover(&crashed).unwrap(), log, "step {step}");
        }
    }
}

#[test]
fn foreign_and_reused_segments_are_refused() {
    let (disk, _) = written(&[&[entry(1, 1, 5)]]);
    let other = Identity { log: 1, ..IDENTITY };
    assert!(matches!(
        Wal::open(&disk, other, SIZE),
        Err(OpenError::Damage(_))
    ));
}

#[test]
fn a_record_of_another_life_of_the_segment_is_refused() {
    let (disk, wal) = written(&[&[entry(1, 1, 30)], &[entry(2, 1, 30)]]);
    let (other, _) = written(&[&[entry(1, 1, 31)], &[entry(2, 1, 31)]]);
    let end = wal.end.offset as usize;
    let last = end - record::size(&entry(2, 1, 30))..end;
    // Its own checksum holds, and index and term would fit.
    let stale = other.edit(&segment::name(1), |bytes| bytes[last.clone()].to_vec());
    disk.edit(&segment::name(1), |bytes| {
        bytes[last].copy_from_slice(&stale)
    });
    assert!(damage(&disk).what.contains("not chained"));
}

#[test]
fn nothing_of_a_refused_batch_stands_behind_a_later_record() {
    let (disk, mut wal) = written(&[&[entry(1, 1, 30)]]);
    disk.fail(Some(Fault {
        from: disk.operations() + 2,
        count: 1,
        errno: libc::ENOSPC,
    }));
    wal.append(&disk, &[entry(2, 1, 30), entry(3, 1, 30)])
        .unwrap();
    assert!(matches!(wal.sync(), Err(StorageError::Full)));
    wal.append(&disk, &[entry(2, 1, 30)]).unwrap();
    wal.sync().unwrap();
    let end = wal.end.offset as usize;
    disk.edit(&segment::name(1), |bytes| {
        assert!(bytes[end..].iter().all(|&b| b == 0));
    });
}

#[test]
fn what_was_synced_before_a_new_segment_found_no_space_stays() {
    let (disk, mut wal) = written(&[&[entry(1, 1, 30)]]);
    let long = SIZE as usize / 2;
    let batch = [entry(2, 1, 30), entry(3, 1, long), entry(4, 1, long)];
    // After the write and the sync of the first segment: the new one cannot be made.
    disk.fail(Some(Fault {
        from: disk.operations() + 3,
        count: 1,
        errno: libc::ENOSPC,
    }));
    let refused = wal.append(&disk, &batch);
    assert!(matches!(refused, Err(StorageError::Full)));
    assert_eq!(recover(&disk.copy()).unwrap().len(), 3);
    // Nor does making room for the next attempt take it back.
    wal.clear_failed(&disk).unwrap();
    assert_eq!(recover(&disk.copy()).unwrap().len(), 3);
    wal.append(&disk, &batch[1..]).unwrap();
    wal.sync().unwrap();
    assert_eq!(recover(&disk).unwrap().len(), 4);
}
