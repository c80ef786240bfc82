//! What is told is what a power loss leaves.

use std::path::Path;

use super::*;
use crate::events::Sink;
use crate::raft::{
    Configured, Cut, Entry, HardState, LogId, Payload, Save, Snapshot, Ticket, Write,
};
use crate::storage::files::double::{self, Fault};
use crate::storage::{Boot, Disk, Mode, OpenError, Options, Recovered, Storage, wal};

#[derive(Default)]
struct Told(Mutex<Vec<Event>>);

impl Sink for Told {
    fn record(&self, event: Event) {
        lock(&self.0).push(event);
    }
}

/// Opens the data directory on `disk`, observed.
fn open(disk: &double::Disk) -> Result<(Arc<Told>, Disk, Recovered, Boot), OpenError> {
    let told = Arc::new(Told::default());
    let events = Events::to(told.clone());
    let files = Arc::new(Observed::new(Arc::new(disk.clone()), events.clone()));
    let options = Options {
        directory: Path::new(".").to_owned(),
        mode: Mode::Direct,
        cluster: "test".into(),
        node: NodeId(2),
        segment_size: wal::segment::MIN_SIZE,
        events,
    };
    let (disk, recovered, boot) = Disk::open_files(files, &options, 9)?;
    Ok((told, disk, recovered, boot))
}

fn entry(index: u64, term: u64) -> Entry {
    Entry {
        id: LogId::new(index, term),
        payload: Payload::Command([index as u8; 300][..].into()),
    }
}

fn write(ticket: u64, term: Option<u64>, entries: Vec<Entry>) -> Write {
    Write {
        ticket: Ticket(ticket),
        hard_state: term.map(|term| HardState {
            term: Term(term),
            vote: Some(NodeId(1)),
        }),
        snapshot: None,
        entries,
        as_leader: false,
    }
}

/// What the evidence says is on disk: term and vote, and the log.
#[derive(Default, Debug, PartialEq)]
struct Durable {
    hard: (u64, Option<u16>),
    log: Vec<(u64, u64)>,
    pending: Vec<(u64, FileName, bool, (u64, u64))>,
    pending_hard: Vec<(u64, u64, Option<u16>)>,
}

impl Durable {
    fn put(&mut self, (index, term): (u64, u64)) {
        self.log.retain(|(i, _)| *i < index);
        if term > 0 {
            self.log.push((index, term));
        }
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::HardState { write, term, vote } => {
                let vote = vote.map(|vote| vote.0);
                self.pending_hard.push((*write, term.0, vote));
            }
            Event::Synced {
                file: FileName::HardState,
                write,
            } => {
                for (_, term, vote) in self.pending_hard.extract_if(.., |(w, ..)| *w <= *write) {
                    self.hard = (term, vote);
                }
            }
            Event::Append {
                write,
                file,
                entries,
            } => {
                for Record(index, term, _) in entries {
                    self.pending.push((*write, *file, false, (*index, *term)));
                }
            }
            Event::Anew { write, file, first } => {
                // A record of no term: everything goes.
                self.pending.push((*write, *file, false, (0, 0)));
                assert!(*first > 0);
            }
            Event::Synced { file, write } => {
                for (w, f, synced, _) in &mut self.pending {
                    *synced |= f == file && *w <= *write;
                }
                while let Some((.., true, id)) = self.pending.first().copied() {
                    self.pending.remove(0);
                    self.put(id);
                }
            }
            Event::Erased { file, write } => {
                self.pending.retain(|(w, f, ..)| f != file || w < write);
            }
            Event::Removed { file } => self.pending.retain(|(_, f, ..)| f != file),
            _ => {}
        }
    }
}

/// A small generator (Knuth's MMIX constants), the same in every run.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

#[test]
fn whatever_fails_the_evidence_is_what_a_power_loss_leaves() {
    for seed in 0..150 {
        let mut draw = Draw(seed);
        let disk = double::Disk::default();
        let mut durable = Durable::default();
        let (told, mut open_disk, ..) = open(&disk).unwrap();
        let (mut last, mut term) = (0, 1);
        for ticket in 1..=12 {
            let from = match draw.below(4) {
                0 => 1 + draw.below(last + 1),
                _ => last + 1,
            };
            if from <= last {
                term += 1;
            }
            let upto = from + draw.below(7);
            let entries = (from..=upto).map(|index| entry(index, term)).collect();
            let fault = match draw.below(3) {
                0 => Some(Fault {
                    from: disk.operations() + 1 + draw.below(8),
                    count: 1 + draw.below(3),
                    errno: libc::ENOSPC,
                }),
                _ => None,
            };
            disk.fail(fault);
            let write = [write(ticket, Some(term), entries)];
            while open_disk.persist(&write).is_err() {
                disk.fail(None);
            }
            disk.fail(None);
            last = upto;
        }
        // Ends in the middle of a write.
        disk.fail(Some(Fault {
            from: disk.operations() + 1 + draw.below(12),
            count: 100,
            errno: libc::EIO,
        }));
        let entries = (last + 1..last + 14)
            .map(|index| entry(index, term + 1))
            .collect();
        let _ = open_disk.persist(&[write(13, Some(term + 1), entries)]);
        disk.fail(None);
        drop(open_disk);
        for event in lock(&told.0).iter() {
            durable.take(event);
        }
        disk.lose_power(|| false);
        let (_, _, recovered, _) = open(&disk).unwrap();
        let found: Vec<_> = recovered
            .entries
            .iter()
            .map(|e| (e.id.index.0, e.id.term.0))
            .collect();
        assert_eq!(found, durable.log, "seed {seed}");
        let hard = recovered.hard_state;
        let found = (hard.term.0, hard.vote.map(|vote| vote.0));
        assert_eq!(found, durable.hard, "seed {seed}");
    }
}

#[test]
fn a_snapshot_is_told_once_its_name_is_durable_and_a_log_that_begins_anew_is() {
    let disk = double::Disk::default();
    let (told, mut open_disk, ..) = open(&disk).unwrap();
    let entries = (1..=3).map(|index| entry(index, 1)).collect();
    open_disk.persist(&[write(1, Some(1), entries)]).unwrap();
    lock(&told.0).clear();
    let snapshot = Arc::new(Snapshot {
        last: LogId::new(9, 1),
        configured: Configured::default(),
        data: [1, 2, 3][..].into(),
    });
    let save = Save {
        snapshot,
        cut: Cut::Everything,
    };
    let with = Write {
        snapshot: Some(save),
        ..write(2, None, vec![entry(10, 1)])
    };
    open_disk.persist(&[with]).unwrap();
    let told = std::mem::take(&mut *lock(&told.0));
    let kept = Event::Snapshot {
        last: Id(9, 1),
        hash: u64::from(crc32c::crc32c(&[1, 2, 3])),
        installed: true,
    };
    let at = |wanted: &dyn Fn(&Event) -> bool| told.iter().position(wanted);
    let kept = at(&|event| *event == kept).expect("the snapshot is told");
    let anew =
        at(&|event| matches!(event, Event::Anew { first: 10, .. })).expect("so is the new log");
    let append =
        at(&|event| matches!(event, Event::Append { .. })).expect("and the entry behind it");
    assert!(kept < anew && anew < append, "{told:?}");
    let gone = |event: &Event| {
        matches!(
            event,
            Event::Removed {
                file: FileName::Wal(1)
            }
        )
    };
    assert!(told.iter().any(gone));
}

#[test]
fn a_failed_sync_is_told() {
    let disk = double::Disk::default();
    let (told, mut open_disk, ..) = open(&disk).unwrap();
    disk.fail(Some(Fault {
        from: disk.operations() + 2,
        count: 1,
        errno: libc::EIO,
    }));
    open_disk
        .persist(&[write(1, None, vec![entry(1, 1)])])
        .unwrap_err();
    let failed = Event::DiskError {
        file: FileName::Wal(1),
        operation: DiskOperation::Sync,
        full: false,
    };
    assert_eq!(lock(&told.0).last(), Some(&failed));
}
