//! How long a start takes: `recovery MEGABYTES BYTES-PER-ENTRY DIR` fills a log in DIR, which must not exist, and
//! opens it again; prints seconds and removes it.

use std::sync::Arc;
use std::time::Instant;

use node::raft::{Entry, HardState, LogId, NodeId, Payload, Term, Ticket, Write};
use node::storage::wal::segment;
use node::storage::{Disk, Mode, Options, Storage};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [megabytes, bytes, directory] = &arguments[..] else {
        return Err("usage: recovery MEGABYTES BYTES-PER-ENTRY DIR".into());
    };
    let (megabytes, bytes): (usize, usize) = (megabytes.parse()?, bytes.parse()?);
    let options = Options {
        directory: directory.into(),
        mode: Mode::Direct,
        cluster: "recovery".into(),
        node: NodeId(1),
        segment_size: segment::DEFAULT_SIZE,
        events: node::events::Events::default(),
    };
    if options.directory.exists() {
        return Err(format!("{directory} exists").into());
    }
    let began = Instant::now();
    let entries = fill(&options, (megabytes << 20) / bytes, bytes)?;
    println!(
        "wrote {entries} entries of {bytes} bytes in {:.2} s",
        began.elapsed().as_secs_f64()
    );
    let began = Instant::now();
    let (_disk, recovered, boot) = Disk::open(&options)?;
    let seconds = began.elapsed().as_secs_f64();
    assert_eq!(recovered.entries.len(), entries);
    println!(
        "recovered {megabytes} MB in {} segments in {seconds:.2} s, {:.0} MB/s",
        boot.segments,
        megabytes as f64 / seconds
    );
    std::fs::remove_dir_all(&options.directory)?;
    Ok(())
}

fn fill(
    options: &Options,
    count: usize,
    bytes: usize,
) -> Result<usize, Box<dyn std::error::Error>> {
    let (mut disk, ..) = Disk::open(options)?;
    let term = Term(1);
    let indices: Vec<u64> = (1..=count as u64).collect();
    for (number, batch) in indices.chunks((8 << 20) / bytes.max(1) + 1).enumerate() {
        let entry = |&index: &u64| Entry {
            id: LogId::new(index, term.0),
            payload: Payload::Command(Arc::from(vec![index as u8; bytes])),
        };
        disk.persist(&[Write {
            ticket: Ticket(number as u64 + 1),
            hard_state: Some(HardState { term, vote: None }),
            snapshot: None,
            entries: batch.iter().map(entry).collect(),
            as_leader: true,
        }])?;
    }
    Ok(count)
}
