//! The node's storage on the simulated disk: what it must survive that other tests' disks cannot do.

use node::events::Events;
use node::raft::{Entry, LogId, NodeId, Payload, Ticket, Write};
use node::storage::{Storage, StorageError};
use simulator::disk::{Disk, Failing};
use simulator::process::Process;
use simulator::rng::Rng;
use simulator::swarm::Swarm;

fn write(index: u64) -> Write {
    Write {
        ticket: Ticket(index),
        hard_state: None,
        snapshot: None,
        entries: vec![Entry {
            id: LogId::new(index, 0),
            payload: Payload::Noop,
        }],
        as_leader: false,
    }
}

/// After a failed sync the system may call pages clean that are not on the disk. A process that starts again reads
/// them, rests on them, and must make them durable first (found by seed 6 of the first hundred).
#[test]
fn what_a_start_rests_on_outlives_a_power_loss_even_after_a_failed_sync() {
    let (swarm, id) = (Swarm::draw(1), NodeId(1));
    let disk = Disk::default();
    let (mut storage, ..) = Process::open(&disk, id, &swarm, Events::default()).unwrap();
    storage.persist(&[write(1)]).unwrap();
    disk.set_failing(Some(Failing::SyncAndPretend));
    let failed = storage.persist(&[write(2)]);
    assert!(matches!(failed, Err(StorageError::Broken(_))));
    drop(storage);
    let (storage, recovered, _) = Process::open(&disk, id, &swarm, Events::default()).unwrap();
    assert_eq!(recovered.entries.len(), 2);
    drop(storage);
    disk.lose_power(&mut Rng::new(1, 0), 0);
    let (_, again, _) = Process::open(&disk, id, &swarm, Events::default()).unwrap();
    assert_eq!(again.entries, recovered.entries);
}
