//! Snapshots and what they cut, through crashes, damage and a full disk.

use super::*;
use crate::raft::{Configuration, Configured, Cut, Index, Save};
use crate::storage::files::Files as _;

fn state(index: u64, term: u64) -> Arc<Snapshot> {
    Arc::new(Snapshot {
        last: LogId::new(index, term),
        configured: Configured {
            by: LogId::new(1, 1),
            configuration: Arc::new(Configuration::new([NodeId(1), NodeId(7)].into())),
        },
        // More than one chunk.
        data: vec![index as u8; 70_000].into(),
    })
}

fn save(ticket: u64, snapshot: &Arc<Snapshot>, cut: Cut, ids: &[(u64, u64)]) -> Write {
    Write {
        snapshot: Some(Save {
            snapshot: snapshot.clone(),
            cut,
        }),
        ..write(ticket, None, ids)
    }
}

fn range(from: u64, to: u64, term: u64) -> Vec<(u64, u64)> {
    (from..=to).map(|index| (index, term)).collect()
}

/// 300 entries in several segments.
fn filled() -> (double::Disk, Disk) {
    let disk = double::Disk::default();
    let (mut storage, ..) = open(&disk).unwrap();
    storage
        .persist(&[write(1, Some(1), &range(1, 300, 1))])
        .unwrap();
    (disk, storage)
}

fn segments(disk: &double::Disk) -> usize {
    let names = disk.list().unwrap();
    names.iter().filter(|n| n.starts_with("wal-")).count()
}

#[test]
fn a_snapshot_is_found_again_and_only_whole_segments_that_it_covers_are_gone() {
    let (disk, mut storage) = filled();
    let before = segments(&disk);
    let snapshot = state(280, 1);
    let cut = Cut::Prefix(Index(200));
    storage
        .persist(&[
            save(2, &snapshot, cut, &[]),
            write(3, None, &[(301, 1), (302, 1)]),
        ])
        .unwrap();
    assert!(segments(&disk) < before);
    disk.lose_power(|| false);
    let (_, recovered, boot) = open(&disk).unwrap();
    assert_eq!(recovered.snapshot.as_ref(), Some(&*snapshot));
    assert_eq!(boot.snapshot, LogId::new(280, 1));
    let ids = ids(&recovered);
    assert!((2..=201).contains(&ids[0].0), "begins with {:?}", ids[0]);
    assert_eq!(ids.last(), Some(&(302, 1)));
}

#[test]
fn a_leaders_snapshot_takes_the_place_of_the_whole_log() {
    let (disk, mut storage) = filled();
    let snapshot = state(250, 2);
    storage
        .persist(&[
            write(2, Some(2), &[]),
            save(3, &snapshot, Cut::Everything, &range(251, 253, 2)),
        ])
        .unwrap();
    // A conflict right behind it.
    storage
        .persist(&[write(4, Some(3), &[(251, 3), (252, 3)])])
        .unwrap();
    assert_eq!(segments(&disk), 1);
    for _ in 0..2 {
        disk.lose_power(|| false);
        let (_, recovered, _) = open(&disk).unwrap();
        assert_eq!(recovered.snapshot.as_ref(), Some(&*snapshot));
        assert_eq!(ids(&recovered), [(251, 3), (252, 3)]);
    }
}

/// Either what was before or what comes after, and nothing in between.
fn check_either(disk: &double::Disk, cut: Cut, step: u64) {
    let (_, recovered, _) = open(disk).unwrap_or_else(|e| panic!("step {step}: {e}"));
    let ids = ids(&recovered);
    let last = ids.last().copied().unwrap_or_default();
    match (&recovered.snapshot, cut) {
        (None, _) => assert_eq!(ids, range(1, 300, 1), "step {step}"),
        (Some(snapshot), Cut::Everything) => {
            assert_eq!(snapshot.last, LogId::new(250, 2));
            assert!(ids.is_empty() || ids == [(251, 2)], "step {step}: {ids:?}");
        }
        (Some(snapshot), Cut::Prefix(upto)) => {
            assert_eq!(snapshot.last, LogId::new(280, 1));
            assert!(ids[0].0 <= upto.0 + 1, "step {step}");
            assert!(last == (300, 1) || last == (301, 2), "step {step}");
        }
    }
}

#[test]
fn power_may_go_at_any_operation() {
    for cut in [Cut::Prefix(Index(270)), Cut::Everything] {
        let batch = || match cut {
            Cut::Everything => [
                write(2, Some(2), &[]),
                save(3, &state(250, 2), cut, &[(251, 2)]),
            ],
            Cut::Prefix(_) => [
                save(2, &state(280, 1), cut, &[]),
                write(3, Some(2), &[(301, 2)]),
            ],
        };
        let (disk, mut storage) = filled();
        let before = disk.operations();
        storage.persist(&batch()).unwrap();
        for step in 1..=disk.operations() - before {
            let (disk, mut storage) = filled();
            disk.fail(Some(Fault {
                from: disk.operations() + step,
                count: u64::MAX / 2,
                errno: libc::EIO,
            }));
            assert!(storage.persist(&batch()).is_err());
            let mut coin = step;
            for survival in 0..3 {
                let crashed = disk.copy();
                crashed.lose_power(|| match survival {
                    0 => false,
                    1 => true,
                    _ => {
                        coin = coin.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                        coin >> 63 == 1
                    }
                });
                check_either(&crashed, cut, step);
                // And what that start made of it is found by the next.
                crashed.lose_power(|| false);
                check_either(&crashed, cut, step);
            }
        }
    }
}

#[test]
fn a_full_disk_at_any_operation_only_delays() {
    let batch = [
        write(2, Some(2), &range(301, 340, 2)),
        save(3, &state(250, 3), Cut::Everything, &[(251, 3)]),
        write(4, Some(3), &range(252, 300, 3)),
        save(5, &state(280, 3), Cut::Prefix(Index(280)), &[(301, 3)]),
    ];
    let (disk, mut storage) = filled();
    let before = disk.operations();
    storage.persist(&batch).unwrap();
    for step in 1..=disk.operations() - before {
        let (disk, mut storage) = filled();
        disk.fail(Some(Fault {
            from: disk.operations() + step,
            count: 2,
            errno: libc::ENOSPC,
        }));
        while let Err(error) = storage.persist(&batch) {
            assert!(matches!(error, StorageError::Full), "step {step}: {error}");
        }
        disk.lose_power(|| false);
        let (_, recovered, _) = open(&disk).unwrap();
        assert_eq!(recovered.snapshot.map(|s| s.last), Some(LogId::new(280, 3)));
        let last = recovered.entries.last().map(|e| e.id);
        assert_eq!(last, Some(LogId::new(301, 3)), "step {step}");
    }
}

#[test]
fn any_flipped_byte_and_any_cut_of_a_snapshot_is_refused() {
    let (disk, mut storage) = filled();
    storage
        .persist(&[save(2, &state(280, 1), Cut::Prefix(Index(270)), &[])])
        .unwrap();
    drop(storage);
    let name = snapshot::name(280);
    let size = disk.edit(&name, |bytes| bytes.len());
    for at in (0..100).chain((100..size).step_by(977)) {
        for flip in [true, false] {
            let copy = disk.copy();
            copy.edit(&name, |bytes| match flip {
                true => bytes[at] ^= 0x40,
                false => bytes.truncate(at),
            });
            match open(&copy) {
                Err(OpenError::Damage(damage)) => assert_eq!(damage.file, name),
                Err(other) => panic!("byte {at}: {other}"),
                Ok(_) => panic!("byte {at} is not missed"),
            }
        }
    }
}

#[test]
fn a_log_that_no_snapshot_meets_is_refused() {
    let (disk, mut storage) = filled();
    storage
        .persist(&[save(2, &state(280, 1), Cut::Prefix(Index(280)), &[])])
        .unwrap();
    drop(storage);
    let gone = disk.copy();
    gone.remove(&snapshot::name(280)).unwrap();
    let Err(OpenError::Damage(damage)) = open(&gone) else {
        panic!("a log without its beginning was taken");
    };
    assert!(
        damage.what.contains("no snapshot covers entries 1 to"),
        "{damage}"
    );
    // Nor may a snapshot that was taken here be ahead of the log.
    let identity = hard_state::HardStateFile::open(&disk)
        .unwrap()
        .state()
        .identity;
    snapshot::save(&disk, identity, &state(400, 1), false).unwrap();
    assert!(matches!(open(&disk), Err(OpenError::Damage(_))));
}
