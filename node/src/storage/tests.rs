//! A whole data directory: two slots, a log and a lock, through crashes and refusals.

mod snapshots;

use std::sync::Arc;

use super::files::double::{self, Fault};
use super::*;
use crate::raft::{LogId, Payload, Term, Ticket};

fn options(directory: &std::path::Path, mode: Mode) -> Options {
    Options {
        directory: directory.to_owned(),
        mode,
        cluster: "test".into(),
        node: NodeId(2),
        segment_size: wal::segment::MIN_SIZE,
        events: crate::events::Events::default(),
    }
}

fn write(ticket: u64, term: Option<u64>, ids: &[(u64, u64)]) -> Write {
    Write {
        ticket: Ticket(ticket),
        hard_state: term.map(|term| HardState {
            term: Term(term),
            vote: Some(NodeId(1)),
        }),
        snapshot: None,
        entries: ids
            .iter()
            .map(|&(index, term)| Entry {
                id: LogId::new(index, term),
                payload: Payload::Command(Arc::from([7; 20])),
            })
            .collect(),
        as_leader: false,
    }
}

fn ids(recovered: &Recovered) -> Vec<(u64, u64)> {
    let id = |e: &Entry| (e.id.index.0, e.id.term.0);
    recovered.entries.iter().map(id).collect()
}

fn open(disk: &double::Disk) -> Result<(Disk, Recovered, Boot), OpenError> {
    let here = options(std::path::Path::new("."), Mode::Direct);
    Disk::open_files(Arc::new(disk.clone()), &here, 9)
}

#[test]
fn a_new_directory_is_empty_and_counts_its_starts() {
    for mode in [Mode::Direct, Mode::Lossy { seed: 1 }] {
        let dir = tempfile::tempdir().unwrap();
        for start in 1..=3 {
            let (_disk, recovered, boot) = Disk::open(&options(dir.path(), mode)).unwrap();
            assert_eq!(recovered, Recovered::default());
            assert_eq!(boot.incarnation, start);
        }
    }
}

#[test]
fn what_was_attested_is_recovered() {
    for mode in [Mode::Direct, Mode::Lossy { seed: 1 }] {
        let dir = tempfile::tempdir().unwrap();
        let (mut disk, ..) = Disk::open(&options(dir.path(), mode)).unwrap();
        let writes = [
            write(1, Some(3), &[(1, 3), (2, 3)]),
            write(2, None, &[(3, 3)]),
        ];
        assert_eq!(disk.persist(&writes).unwrap().ticket(), Ticket(2));
        drop(disk);
        let (_disk, recovered, _) = Disk::open(&options(dir.path(), mode)).unwrap();
        assert_eq!(recovered.hard_state.term, Term(3));
        assert_eq!(ids(&recovered), [(1, 3), (2, 3), (3, 3)]);
    }
}

#[test]
fn the_lossy_disk_forgets_what_was_written_and_not_synced() {
    let dir = tempfile::tempdir().unwrap();
    let (mut disk, ..) = Disk::open(&options(dir.path(), Mode::Lossy { seed: 1 })).unwrap();
    disk.persist(&[write(1, Some(1), &[(1, 1)])]).unwrap();
    disk.write(&[write(2, None, &[(2, 1)])]).unwrap();
    drop(disk);
    let (_disk, recovered, _) = Disk::open(&options(dir.path(), Mode::Lossy { seed: 1 })).unwrap();
    assert_eq!(ids(&recovered), [(1, 1)]);
}

#[test]
fn two_processes_never_share_a_directory() {
    let dir = tempfile::tempdir().unwrap();
    let options = options(dir.path(), Mode::Direct);
    let _first = Disk::open(&options).unwrap();
    assert!(matches!(Disk::open(&options), Err(OpenError::Locked)));
}

#[test]
fn a_directory_of_another_node_or_cluster_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mine = options(dir.path(), Mode::Direct);
    drop(Disk::open(&mine).unwrap());
    let other_node = Options {
        node: NodeId(3),
        ..mine.clone()
    };
    let other_cluster = Options {
        cluster: "other".into(),
        ..mine
    };
    for options in [other_node, other_cluster] {
        assert!(matches!(Disk::open(&options), Err(OpenError::Foreign(_))));
    }
}

#[test]
fn a_log_without_term_and_vote_is_refused() {
    let disk = double::Disk::default();
    let (mut storage, ..) = open(&disk).unwrap();
    storage.persist(&[write(1, Some(1), &[(1, 1)])]).unwrap();
    files::Files::remove(&disk, hard_state::FILE).unwrap();
    assert!(matches!(open(&disk), Err(OpenError::Damage(_))));
}

#[test]
fn a_first_start_may_be_cut_short_anywhere() {
    let whole = double::Disk::default();
    open(&whole).unwrap();
    for step in 1..=whole.operations() {
        let disk = double::Disk::default();
        disk.fail(Some(Fault {
            from: step,
            count: 1,
            errno: libc::EIO,
        }));
        let _ = open(&disk);
        for survives in [false, true] {
            let crashed = disk.copy();
            crashed.lose_power(|| survives);
            let (_, recovered, _) = open(&crashed).unwrap();
            assert_eq!(recovered, Recovered::default(), "step {step}");
        }
    }
}

#[test]
fn a_full_disk_at_any_operation_loses_nothing_and_the_same_writes_succeed_later() {
    let first = [write(1, Some(1), &[(1, 1), (2, 1)])];
    // Long enough to begin new segments.
    let long: Vec<(u64, u64)> = (2..=90).map(|index| (index, 2)).collect();
    let second = [write(2, Some(2), &long), write(3, Some(3), &[(91, 3)])];
    let operations = {
        let disk = double::Disk::default();
        let (mut storage, ..) = open(&disk).unwrap();
        storage.persist(&first).unwrap();
        let before = disk.operations();
        storage.persist(&second).unwrap();
        disk.operations() - before
    };
    for at in 1..=operations {
        for count in [1, 2, 5] {
            let disk = double::Disk::default();
            let (mut storage, ..) = open(&disk).unwrap();
            storage.persist(&first).unwrap();
            disk.fail(Some(Fault {
                from: disk.operations() + at,
                count,
                errno: libc::ENOSPC,
            }));
            let mut refused = 0;
            while let Err(error) = storage.persist(&second) {
                assert!(matches!(error, StorageError::Full));
                refused += 1;
                let crashed = disk.copy();
                crashed.lose_power(|| false);
                let (_, recovered, _) = open(&crashed).unwrap();
                assert!(recovered.hard_state.term >= Term(1));
                assert_eq!(ids(&recovered)[0], (1, 1));
                assert!(recovered.entries.len() >= 2);
            }
            assert!(refused > 0, "operation {at} was never refused");
            disk.lose_power(|| false);
            let (_, recovered, _) = open(&disk).unwrap();
            assert_eq!(recovered.hard_state.term, Term(3));
            assert_eq!(recovered.entries.len(), 91);
            assert_eq!(ids(&recovered)[1], (2, 2));
        }
    }
}

#[test]
fn any_other_error_is_fatal() {
    let disk = double::Disk::default();
    let (mut storage, ..) = open(&disk).unwrap();
    disk.fail(Some(Fault {
        from: disk.operations() + 2,
        count: 1,
        errno: libc::EIO,
    }));
    let result = storage.persist(&[write(1, None, &[(1, 0)])]);
    assert!(matches!(result, Err(StorageError::Broken(_))));
}

#[cfg(feature = "planted-bugs")]
#[test]
fn an_eager_disk_attests_what_a_power_loss_takes() {
    let disk = double::Disk::default();
    let (storage, ..) = open(&disk).unwrap();
    let mut storage = eager::Eager::new(storage, true, false, Box::new(|| Duration::ZERO));
    storage.persist(&[write(1, Some(1), &[(1, 1)])]).unwrap();
    let proof = storage.persist(&[write(2, None, &[(2, 1)])]).unwrap();
    assert_eq!(proof.ticket(), Ticket(2));
    disk.lose_power(|| false);
    assert_eq!(ids(&open(&disk).unwrap().1), [(1, 1)]);
}
