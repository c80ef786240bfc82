//! Planted bugs have witnesses: short scenarios in which a check speaks with the bug, and none without it.
//!
//! `cargo run --release -p simulator --features planted-bugs -- --witnesses simulator/witnesses.txt` looks for them anew
//! where a change of node or simulator has made old ones pass.
#![cfg(feature = "planted-bugs")]

use std::sync::{Arc, Mutex, PoisonError};

use node::bugs::{Bug, replace};
use node::events::Events;
use node::raft::{
    Cut, Entry, HardState, LogId, NodeId, Payload, Save, Snapshot, Term, Ticket, Write,
};
use node::storage::files::Files;
use node::storage::{OpenError, Storage, StorageError};
use simulator::disk::Disk;
use simulator::process::Process;
use simulator::run::{keep_panics, run};
use simulator::scenario::Scenario;
use simulator::swarm::Swarm;

/// What nodes do wrong is one for the whole process.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

#[test]
fn every_witness_ends_in_its_violated_check_and_a_healthy_node_passes_it() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    keep_panics();
    let mut wrong = Vec::new();
    let mut count = 0;
    for line in include_str!("../witnesses.txt").lines() {
        let mut words = line.splitn(3, ' ');
        let mut word = || words.next().expect("bug, check, scenario");
        let (name, check, scenario) = (word(), word(), word());
        let bug: Bug = name.parse().expect("a planted bug");
        let scenario: Scenario = scenario.parse().expect("a scenario");
        replace(&[bug]);
        let seen = run(&scenario, false)
            .violation
            .map(|violation| violation.check);
        if seen != Some(check) {
            wrong.push(format!("{name}: {seen:?} instead of {check}"));
        }
        replace(&[]);
        if let Some(violation) = run(&scenario, false).violation {
            wrong.push(format!("healthy: {violation:?} in {scenario}"));
        }
        count += 1;
    }
    assert!(count > 0);
    assert_eq!(wrong, Vec::<String>::new());
}

#[test]
fn every_planted_bug_has_a_witness_here_or_among_the_golden_scripts() {
    let golden = concat!(env!("CARGO_MANIFEST_DIR"), "/../node/tests/golden");
    let scripts = std::fs::read_dir(golden).expect("the golden scripts");
    let scripts = scripts.map(|file| std::fs::read_to_string(file.expect("a file").path()));
    let mut lines = scripts.collect::<Result<String, _>>().expect("text");
    lines.extend(
        include_str!("../witnesses.txt")
            .lines()
            .map(|line| format!("# Bug: {line}\n")),
    );
    let has = |name: &str| lines.contains(&format!("\n# Bug: {name} ")) || BELOW.contains(&name);
    let names = Bug::all().iter().map(|(name, _)| *name);
    assert_eq!(names.filter(|name| !has(name)).collect::<Vec<_>>(), [""; 0]);
}

/// Chance rarely brings these about.
const BELOW: &[&str] = &[
    "enospc-partial-write-not-rolled-back",
    "snapshot-no-checksum",
];

fn write(ticket: u64, entries: std::ops::RangeInclusive<u64>, snapshot: Option<Save>) -> Write {
    let entry = |index| Entry {
        id: LogId::new(index, 1),
        payload: Payload::Command(vec![index as u8; 1000].into()),
    };
    Write {
        ticket: Ticket(ticket),
        hard_state: Some(HardState {
            term: Term(1),
            vote: None,
        }),
        snapshot,
        entries: entries.map(entry).collect(),
        as_leader: false,
    }
}

fn open(disk: &Disk) -> Result<(impl Storage, node::storage::Recovered), OpenError> {
    let swarm = Swarm {
        segment_size: 4 << 10,
        ..Swarm::draw(1)
    };
    let (storage, found, _) = Process::open(disk, NodeId(1), &swarm, Events::default())?;
    Ok((storage, found))
}

/// Space ends in the middle of a batch, comes back, and the batch is tried again: gives what is found then.
fn full_and_tried_again() -> Result<u64, String> {
    let disk = Disk::default();
    let (mut storage, _) = open(&disk).map_err(|why| why.to_string())?;
    disk.set_space(Some(100));
    let batch = [write(1, 1..=6, None)];
    assert!(matches!(storage.persist(&batch), Err(StorageError::Full)));
    disk.set_space(None);
    storage.persist(&batch).map_err(|why| why.to_string())?;
    drop(storage);
    let (_, found) = open(&disk).map_err(|why| why.to_string())?;
    Ok(found.entries.len() as u64)
}

#[test]
fn a_full_disk_leaves_nothing_behind_that_a_second_attempt_stumbles_over() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    replace(&[]);
    assert_eq!(full_and_tried_again(), Ok(6));
    replace(&[Bug::EnospcPartialWriteNotRolledBack]);
    let seen = full_and_tried_again();
    replace(&[]);
    assert_ne!(seen, Ok(6));
}

/// A bit of a snapshot flips: gives whether a start believes it.
fn believes_a_flipped_bit() -> bool {
    let disk = Disk::default();
    let (mut storage, _) = open(&disk).expect("an empty disk");
    let data: Arc<[u8]> = vec![7; 100].into();
    let save = Save {
        snapshot: Arc::new(Snapshot {
            last: LogId::new(2, 1),
            configured: Default::default(),
            data: data.clone(),
        }),
        cut: Cut::Prefix(node::raft::Index(0)),
    };
    storage.persist(&[write(1, 1..=2, None)]).expect("space");
    storage
        .persist(&[write(2, 3..=3, Some(save))])
        .expect("space");
    drop(storage);
    let names = disk.list().expect("a disk");
    let name = names.iter().find(|name| name.starts_with("snapshot-"));
    let name = name.expect("a snapshot");
    let bytes = disk.open(name).and_then(|file| file.read_all());
    let bytes = bytes.expect("a file");
    let inside = bytes.windows(50).position(|window| window == [7; 50]);
    disk.flip_at(name, inside.expect("what was saved"), 1);
    match open(&disk) {
        Err(OpenError::Damage(_)) => false,
        Err(other) => panic!("{other}"),
        Ok((_, found)) => found.snapshot.is_some_and(|s| s.data != data),
    }
}

#[test]
fn a_flipped_bit_in_a_snapshot_is_damage() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    replace(&[]);
    assert!(!believes_a_flipped_bit());
    replace(&[Bug::SnapshotNoChecksum]);
    let seen = believes_a_flipped_bit();
    replace(&[]);
    assert!(seen);
}
