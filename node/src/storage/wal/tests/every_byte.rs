//! A small log of several segments, reused ones among them: every byte flipped, every file cut at every length, every
//! file missing. The outcome is a log that holds all that was attested, or a refusal that says where; or a
//! shorter log, if only the last batch of all can have suffered, which nothing written later vouches for.

use super::*;
use crate::raft::Index;

/// Three segments; the last one, and the one before, were others before. Gives index and place of the last batch.
fn small() -> (Disk, Wal, u64, usize) {
    let (disk, mut wal) = create();
    let mut index = 0;
    let mut start = 0;
    while wal.recycled() < 2 || wal.end.offset < SIZE / 2 {
        let sizes = [200, 0, 330, 64];
        let batch: Vec<Entry> = (1..=4)
            .map(|i| entry(index + i, 1, sizes[i as usize - 1]))
            .collect();
        index += 4;
        start = wal.end.offset as usize;
        wal.append(&disk, &batch).unwrap();
        wal.sync().unwrap();
        wal.purge(&disk, Index(index.saturating_sub(50))).unwrap();
    }
    (disk, wal, index - 4, start)
}

fn judge(disk: &Disk, all: &[Entry], last_batch: u64, may_shorten: bool, what: &str) -> bool {
    match Wal::open(disk, IDENTITY, SIZE) {
        Ok((_, found)) => {
            let least = if may_shorten {
                last_batch
            } else {
                all[all.len() - 1].id.index.0
            };
            assert!(
                found.last() >= least,
                "{what}: silently lost {}..",
                found.last() + 1
            );
            let first = all[0].id.index.0;
            assert!(
                found.first <= first,
                "{what}: silently begins with {}",
                found.first
            );
            let here = &found.entries[(first - found.first) as usize..];
            assert_eq!(here, &all[..here.len()], "{what}");
            true
        }
        Err(OpenError::Damage(damage)) => {
            assert!(!damage.what.is_empty() && !damage.file.is_empty());
            false
        }
        Err(other) => panic!("{what}: {other}"),
    }
}

#[test]
fn every_flipped_byte_is_refused_or_harmless() {
    let (disk, wal, last_batch, start) = small();
    let all = recover(&disk.copy()).unwrap();
    let current = segment::name(wal.end.sequence);
    let names: Vec<String> = segments(&disk)
        .into_iter()
        .filter(|n| n.starts_with("wal-"))
        .collect();
    assert_eq!(names.len(), 3);
    let (mut taken, mut refused) = (0, 0);
    for name in &names {
        let length = disk.edit(name, |bytes| bytes.len());
        for at in 0..length {
            for bit in [0x01, 0x80] {
                let copy = disk.copy();
                copy.edit(name, |bytes| bytes[at] ^= bit);
                let may_shorten = *name == current && at >= start;
                match judge(
                    &copy,
                    &all,
                    last_batch,
                    may_shorten,
                    &format!("{name} byte {at}"),
                ) {
                    true => taken += 1,
                    false => refused += 1,
                }
            }
        }
    }
    assert!(
        taken > 100 && refused > 10_000,
        "{taken} taken, {refused} refused"
    );
}

#[test]
fn every_cut_file_and_every_missing_file_is_refused_or_harmless() {
    let (disk, wal, last_batch, _) = small();
    let all = recover(&disk.copy()).unwrap();
    let current = segment::name(wal.end.sequence);
    for name in segments(&disk) {
        let length = disk.edit(&name, |bytes| bytes.len());
        // Without a header the newest segment looks as it does while it is made.
        let least = if name == current { segment::HEADER } else { 0 };
        for at in least..length {
            let copy = disk.copy();
            copy.edit(&name, |bytes| bytes.truncate(at));
            let taken = judge(
                &copy,
                &all,
                last_batch,
                false,
                &format!("{name} cut at {at}"),
            );
            assert!(!taken || !name.starts_with("wal-"), "{name} cut at {at}");
        }
        if name == current {
            // That the newest file as a whole is gone is nowhere written.
            continue;
        }
        let copy = disk.copy();
        copy.remove(&name).unwrap();
        match recovery::read(&copy, IDENTITY) {
            Ok(found) if !name.starts_with("wal-") => assert_eq!(found.entries, all),
            // The oldest may have been put away: then a snapshot covers what it held, or else this says so.
            Ok(found) => assert!(found.meets(LogId::default()).is_err(), "{name} missing"),
            Err(error) => assert!(matches!(error, OpenError::Damage(_)), "{name} missing"),
        }
    }
}

/// Everything behind a place zeroed, as when power went before it was written: the end of the last segment may be cut
/// to the last batch at most, anything before is refused.
#[test]
fn zeros_from_any_byte_on_are_refused_or_a_torn_tail() {
    let (disk, wal, last_batch, start) = small();
    let all = recover(&disk.copy()).unwrap();
    let current = segment::name(wal.end.sequence);
    for name in segments(&disk)
        .iter()
        .filter(|n| n.starts_with("wal-") && **n != current)
    {
        for at in 0..SIZE as usize - 8 {
            let copy = disk.copy();
            let changed = copy.edit(name, |bytes| {
                let changed = bytes[at..].iter().any(|&b| b != 0);
                bytes[at..].fill(0);
                changed
            });
            if changed {
                judge(
                    &copy,
                    &all,
                    last_batch,
                    false,
                    &format!("{name} zeros from {at}"),
                );
            }
        }
    }
    for at in start..SIZE as usize {
        let copy = disk.copy();
        copy.edit(&current, |bytes| bytes[at..].fill(0));
        assert!(judge(
            &copy,
            &all,
            last_batch,
            true,
            &format!("{current} zeros from {at}")
        ));
    }
}
