//! Reused files: through crashes at any operation, with any part of what was not synced surviving.

use super::*;
use crate::raft::Index;
use crate::storage::wal::pool::{self, Pool};

/// Equal sizes, so that a record of a former life stands exactly where the next one would be looked for.
const BYTES: usize = 64;

fn entries(from: u64, to: u64, term: u64) -> Vec<Entry> {
    (from..=to).map(|index| entry(index, term, BYTES)).collect()
}

/// Appends 40 entries at a time, syncs, and puts away what is below the last 50. Fewer than two segments stay.
fn churn(disk: &Disk, wal: &mut Wal, until: u64) -> Result<(), StorageError> {
    while wal.last() < until {
        let first = wal.last() + 1;
        wal.append(disk, &entries(first, first + 39, 1))?;
        wal.sync()?;
        wal.prepare(disk)?;
        wal.purge(disk, Index(wal.last().saturating_sub(50)))?;
    }
    Ok(())
}

fn spares(disk: &Disk) -> usize {
    let names = disk.list().unwrap();
    names.iter().filter(|name| pool::is_spare(name)).count()
}

/// What is found must end with `attested` or behind it, and be what was written.
fn check(disk: &Disk, attested: u64, what: &str) -> u64 {
    let (wal, found) = Wal::open(disk, IDENTITY, SIZE).unwrap_or_else(|e| panic!("{what}: {e}"));
    assert!(
        wal.last() >= attested,
        "{what}: {attested} was attested, {} is left",
        wal.last()
    );
    assert_eq!(
        found.entries,
        entries(found.first, found.last(), 1),
        "{what}"
    );
    assert!(spares(disk) <= pool::MAX_SPARES, "{what}");
    wal.last()
}

#[test]
fn segments_are_reused_and_few_files_are_ever_made() {
    let (disk, mut wal) = create();
    churn(&disk, &mut wal, 2000).unwrap();
    assert!(wal.recycled() >= 40, "{} were reused", wal.recycled());
    assert!(segments(&disk).len() <= 3 + pool::MAX_SPARES);
    disk.lose_power(|| false);
    assert_eq!(check(&disk, 2000, "after all"), 2000);
}

#[test]
fn a_spare_is_ready_before_it_is_needed() {
    let (disk, mut wal) = create();
    wal.append(&disk, &entries(1, 30, 1)).unwrap();
    wal.sync().unwrap();
    wal.prepare(&disk).unwrap();
    assert_eq!(spares(&disk), 1);
    wal.append(&disk, &entries(31, 60, 1)).unwrap();
    wal.sync().unwrap();
    assert_eq!((spares(&disk), wal.recycled()), (0, 1));
}

#[test]
fn power_may_go_at_any_operation_while_files_are_reused() {
    let begin = || {
        let (disk, mut wal) = create();
        churn(&disk, &mut wal, 240).unwrap();
        (disk, wal)
    };
    let (disk, mut wal) = begin();
    let before = disk.operations();
    churn(&disk, &mut wal, 400).unwrap();
    assert!(wal.recycled() >= 5);
    let steps = disk.operations() - before;
    for step in 1..=steps {
        let (disk, mut wal) = begin();
        disk.fail(Some(Fault {
            from: disk.operations() + step,
            count: u64::MAX / 2,
            errno: libc::EIO,
        }));
        churn(&disk, &mut wal, 400).unwrap_err();
        let attested = wal.last();
        for seed in 0..24_u64 {
            let mut coin = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut toss = || {
                coin ^= coin << 13;
                coin ^= coin >> 7;
                coin ^= coin << 17;
                match seed {
                    0 => false,
                    1 => true,
                    _ => coin & 1 == 1,
                }
            };
            let crashed = disk.copy();
            crashed.lose_power(&mut toss);
            let last = check(&crashed, attested, &format!("step {step}, seed {seed}"));
            // It goes on, reuses files again, and power goes again.
            let (mut wal, _) = Wal::open(&crashed, IDENTITY, SIZE).unwrap();
            wal.append(&crashed, &entries(last + 1, last + 3, 1))
                .unwrap();
            wal.sync().unwrap();
            let goal = wal.last() + 80;
            crashed.fail(Some(Fault {
                from: crashed.operations() + 1 + (step + seed) % 30,
                count: u64::MAX / 2,
                errno: libc::EIO,
            }));
            let _ = churn(&crashed, &mut wal, goal);
            let attested = wal.last();
            crashed.fail(None);
            crashed.lose_power(toss);
            check(
                &crashed,
                attested,
                &format!("step {step}, seed {seed}, again"),
            );
        }
    }
}

#[test]
fn no_byte_of_a_former_life_is_ever_taken_for_a_record() {
    let (disk, mut wal) = create();
    churn(&disk, &mut wal, 400).unwrap();
    let reused = segment::name(wal.end.sequence);
    let end = wal.end.offset as usize;
    let stale = disk.edit(&reused, |bytes| bytes[end..].iter().any(|&b| b != 0));
    assert!(stale, "nothing of a former life stands behind the end");
    // Wherever the log is cut, what follows is a former life's, whose records have the same size.
    let (name, record) = (reused, record::size(&entry(1, 1, BYTES)));
    let spare = disk.list().unwrap().into_iter().find(|n| pool::is_spare(n));
    let former = disk.edit(&spare.expect("a spare"), |bytes| bytes.clone());
    for at in (segment::HEADER..=end).step_by(record) {
        let copy = disk.copy();
        copy.edit(&name, |bytes| bytes[at..].copy_from_slice(&former[at..]));
        let last = check(&copy, 0, &format!("former life from byte {at}"));
        assert_eq!(last, 400 - ((end - at) / record) as u64);
    }
}

#[test]
fn a_full_disk_makes_no_spare_and_does_no_harm() {
    for step in 1..=6 {
        let (disk, mut wal) = create();
        wal.append(&disk, &entries(1, 30, 1)).unwrap();
        wal.sync().unwrap();
        disk.fail(Some(Fault {
            from: disk.operations() + step,
            count: 1,
            errno: libc::ENOSPC,
        }));
        wal.prepare(&disk).unwrap();
        wal.prepare(&disk).unwrap();
        disk.fail(None);
        churn(&disk, &mut wal, 200).unwrap();
        disk.lose_power(|| false);
        check(&disk, 200, &format!("step {step}"));
    }
}

#[test]
fn spares_of_another_size_are_not_used() {
    let (disk, mut wal) = create();
    churn(&disk, &mut wal, 400).unwrap();
    assert!(spares(&disk) > 0);
    let pool = Pool::open(&disk, 2 * SIZE).unwrap();
    assert_eq!((pool.len(), spares(&disk)), (0, 0));
}

/// A power loss that takes the name of a spare's new life back and leaves its header, and later one the other
/// way round: the header is of the same segment then, yet of another history.
#[test]
fn a_header_whose_name_was_lost_is_not_believed_when_the_name_comes_first() {
    let (disk, mut wal) = create();
    churn(&disk, &mut wal, 240).unwrap();
    // Up to where the next record needs a new segment, and a smaller one does not.
    let record = record::size(&entry(1, 1, BYTES)) as u64;
    while wal.end.offset + record <= wal.end.capacity {
        wal.append(&disk, &entries(wal.last() + 1, wal.last() + 1, 1))
            .unwrap();
        wal.sync().unwrap();
    }
    assert!(!wal.pool.is_empty() && wal.end.offset + 40 <= wal.end.capacity);
    // Sync, rename, preallocate, header; then power goes.
    let begin = |disk: &Disk, wal: &mut Wal, survives: &dyn Fn(bool) -> bool| {
        let next = wal.last() + 1;
        disk.fail(Some(Fault {
            from: disk.operations() + 5,
            count: u64::MAX / 2,
            errno: libc::EIO,
        }));
        wal.append(disk, &entries(next, next, 1)).unwrap_err();
        disk.fail(None);
        let mut questions = 0;
        disk.copy().lose_power(|| {
            questions += 1;
            false
        });
        // The directory is asked last.
        let mut asked = 0;
        disk.lose_power(|| {
            asked += 1;
            survives(asked == questions)
        });
    };
    begin(&disk, &mut wal, &|name| !name);
    let (mut wal, found) = Wal::open(&disk, IDENTITY, SIZE).unwrap();
    assert!(spares(&disk) > 0 && found.unborn.is_none());
    let last = wal.last();
    wal.append(&disk, &[entry(last + 1, 1, 0)]).unwrap();
    wal.sync().unwrap();
    begin(&disk, &mut wal, &|name| name);
    let (wal, found) = Wal::open(&disk, IDENTITY, SIZE).unwrap();
    assert!(found.unborn.is_some());
    assert_eq!(wal.last(), last + 1);
}

/// A batch that was tried again begins a segment with the entry before; power goes, and the next entry is the first in it.
#[test]
fn a_segment_whose_first_entry_is_later_than_it_was_begun_for_is_whole() {
    let (disk, mut wal) = create();
    let mut last = 0;
    while wal.end.sequence == 1 && wal.end.offset + 300 < wal.end.capacity {
        last += 1;
        wal.append(&disk, &[entry(last, 1, 100)]).unwrap();
    }
    wal.sync().unwrap();
    wal.append(&disk, &[entry(last, 1, 1000)]).unwrap();
    assert_eq!(wal.end.sequence, 2, "it did not fit");
    disk.lose_power(|| false);
    let (mut wal, found) = Wal::open(&disk, IDENTITY, SIZE).unwrap();
    assert_eq!((found.last(), found.segments[1].header.first), (last, last));
    let next = entry(last + 1, 1, 0);
    wal.append(&disk, std::slice::from_ref(&next)).unwrap();
    wal.sync().unwrap();
    assert_eq!(recover(&disk).unwrap().last(), Some(&next));
    wal.purge(&disk, Index(last)).unwrap();
    let (_, found) = Wal::open(&disk, IDENTITY, SIZE).unwrap();
    assert_eq!((found.first, &found.entries[..]), (last + 1, &[next][..]));
    assert!(found.meets(LogId::new(last, 1)).unwrap());
    assert!(found.meets(LogId::new(last - 1, 1)).is_err());
}
