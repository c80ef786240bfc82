//! Random histories of a log against a vector of entries.

use proptest::prelude::*;

use super::*;

/// What a test does to a log.
#[derive(Clone, Debug)]
enum Step {
    /// Append `entries` records, the first one `back` below the end, in a new term if it replaces anything.
    Append { back: u64, sizes: Vec<usize> },
    /// The same, but the disk is full from operation `at` on for `count` operations, and then retried.
    Full {
        at: u64,
        count: u64,
        sizes: Vec<usize>,
    },
    /// Written, not synced; then power goes and some sectors survive.
    Crash { sizes: Vec<usize>, survivors: u64 },
    /// The same after a full disk and before any retry.
    FullThenCrash {
        at: u64,
        sizes: Vec<usize>,
        survivors: u64,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let sizes = || prop::collection::vec(prop_oneof![0..60usize, 0..1500usize, Just(5000)], 0..6);
    let step = prop_oneof![
        4 => (0..6u64, sizes()).prop_map(|(back, sizes)| Step::Append { back, sizes }),
        2 => (1..14u64, 1..6u64, sizes()).prop_map(|(at, count, sizes)| Step::Full { at, count, sizes }),
        2 => (sizes(), any::<u64>()).prop_map(|(sizes, survivors)| Step::Crash { sizes, survivors }),
        2 => (1..14u64, sizes(), any::<u64>())
            .prop_map(|(at, sizes, survivors)| Step::FullThenCrash { at, sizes, survivors }),
    ];
    prop::collection::vec(step, 1..14)
}

/// The log as it must be.
struct Model {
    log: Vec<Entry>,
    term: u64,
}

impl Model {
    fn batch(&mut self, back: u64, sizes: &[usize]) -> Vec<Entry> {
        let back = back.min(self.log.len() as u64);
        if back > 0 {
            self.term += 1;
        }
        let first = self.log.len() as u64 - back + 1;
        let indices = first..;
        indices
            .zip(sizes)
            .map(|(index, &bytes)| entry(index, self.term, bytes))
            .collect()
    }

    fn take(&mut self, batch: &[Entry]) {
        if let Some(first) = batch.first() {
            self.log.truncate(first.id.index.0 as usize - 1);
            self.log.extend_from_slice(batch);
        }
    }
}

fn crash(disk: &Disk, mut survivors: u64) {
    disk.lose_power(|| {
        survivors = survivors.rotate_left(1);
        survivors & 1 == 1
    });
}

fn play(steps: &[Step]) {
    let (disk, mut wal) = create();
    let mut model = Model {
        log: Vec::new(),
        term: 1,
    };
    for step in steps {
        match step {
            Step::Append { back, sizes } => {
                let batch = model.batch(*back, sizes);
                wal.append(&disk, &batch).unwrap();
                wal.sync().unwrap();
                model.take(&batch);
            }
            Step::Full { at, count, sizes } => {
                let batch = model.batch(2, sizes);
                let from = disk.operations() + at;
                disk.fail(Some(Fault {
                    from,
                    count: *count,
                    errno: libc::ENOSPC,
                }));
                while let Err(error) = wal.append(&disk, &batch).and_then(|()| wal.sync()) {
                    assert!(matches!(error, StorageError::Full));
                    // Or a part of it was synced, since a new segment was to begin behind it.
                    let part = batch.iter().any(|entry| entry.id.index.0 == wal.last());
                    assert!(part || wal.last() == model.log.len() as u64);
                }
                disk.fail(None);
                model.take(&batch);
            }
            Step::Crash { sizes, survivors } => {
                let batch = model.batch(0, sizes);
                wal.append(&disk, &batch).unwrap();
                crash(&disk, *survivors);
                wal = reopen(&disk, &mut model, &batch);
            }
            Step::FullThenCrash {
                at,
                sizes,
                survivors,
            } => {
                let batch = model.batch(0, sizes);
                disk.fail(Some(Fault {
                    from: disk.operations() + at,
                    count: u64::MAX / 2,
                    errno: libc::ENOSPC,
                }));
                for _ in 0..2 {
                    let _ = wal.append(&disk, &batch).and_then(|()| wal.sync());
                }
                disk.fail(None);
                crash(&disk, *survivors);
                wal = reopen(&disk, &mut model, &batch);
            }
        }
        assert_eq!(wal.last(), model.log.len() as u64);
    }
    disk.lose_power(|| false);
    assert_eq!(recover(&disk).unwrap(), model.log);
}

/// All that was synced is there, and of the batch that was not, a prefix.
fn reopen(disk: &Disk, model: &mut Model, batch: &[Entry]) -> Wal {
    let (wal, found) = Wal::open(disk, IDENTITY, SIZE).unwrap();
    let extra = found.entries.len() - model.log.len();
    assert!(extra <= batch.len());
    model.log.extend_from_slice(&batch[..extra]);
    assert_eq!(found.entries, model.log);
    wal
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn the_log_is_what_was_synced_whatever_the_disk_does(steps in steps()) {
        play(&steps);
    }

    #[test]
    fn bytes_that_nobody_wrote_never_panic_the_reader(bytes in prop::collection::vec(any::<u8>(), 0..200), at in 0usize..400) {
        let (disk, _) = written(&[&[entry(1, 1, 100)], &[entry(2, 1, 100)]]);
        disk.edit(&segment::name(1), |file| file[at..at + bytes.len()].copy_from_slice(&bytes));
        let _ = recover(&disk);
    }
}
