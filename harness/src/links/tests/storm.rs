//! Rules that change all the time under traffic on several threads: whatever happens, no stream has a hole.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::super::frame::HEADER;
use super::super::frame::sample::frame;
use super::super::*;

const APPEND: u8 = 6;
const VOTE: u8 = 4;
const DIALLERS: usize = 4;

/// Every second frame is an append.
fn kind(term: u64) -> u8 {
    if term.is_multiple_of(2) { APPEND } else { VOTE }
}

/// Dials again and again; on each connection it counts up in the terms of its frames, from 1.
async fn speak(address: SocketAddr, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    loop {
        let Ok(mut stream) = TcpStream::connect(address).await else {
            continue;
        };
        for term in 1.. {
            let bytes = frame(kind(term), 1, 2, term, &vec![7; rng.random_range(0..3000)]);
            if stream.write_all(&bytes).await.is_err() {
                break;
            }
        }
    }
}

/// Reads frames to the stream's end. Their terms count up by one, but that appends may be left out.
async fn listen(mut stream: TcpStream, may_skip: bool, heard: Arc<AtomicU64>) {
    let (mut expected, mut header) = (1, [0; HEADER]);
    // The end of the stream may come anywhere: the cut in the middle of a frame ends in a reset.
    while stream.read_exact(&mut header).await.is_ok() {
        let len = u32::from_le_bytes(*header.first_chunk().unwrap());
        let term = u64::from_le_bytes(*header.last_chunk().unwrap());
        assert_eq!(header[8], kind(term), "out of step");
        let skipped = may_skip && kind(expected) == APPEND && term == expected + 1;
        assert!(term == expected || skipped, "a hole: {term} for {expected}");
        expected = term + 1;
        let mut payload = vec![0; len as usize];
        if stream.read_exact(&mut payload).await.is_err() {
            return;
        }
        assert!(payload.iter().all(|byte| *byte == 7), "out of step");
        heard.fetch_add(1, Ordering::Relaxed);
    }
}

async fn storm(rules: &[Rule], may_skip: bool) {
    let listener = TcpListener::bind("127.0.0.5:0").await.unwrap();
    let target = listener.local_addr().unwrap();
    let id = LinkId { from: 1, to: 2 };
    let route = Route {
        id,
        listen: "127.0.0.6:0".parse().unwrap(),
        target,
    };
    let links = Links::start(&[route]).await.unwrap();
    let address = links.address(1, 2).unwrap();
    let heard = Arc::new(AtomicU64::new(0));
    let mut speakers = JoinSet::new();
    for seed in 0..DIALLERS as u64 {
        speakers.spawn(speak(address, seed));
    }
    let counted = Arc::clone(&heard);
    let hearing = tokio::spawn(async move {
        let mut listeners = JoinSet::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => {
                    listeners.spawn(listen(accepted.unwrap().0, may_skip, Arc::clone(&counted)));
                }
                Some(ended) = listeners.join_next() => ended.unwrap(),
            }
        }
    });
    let mut rng = StdRng::seed_from_u64(7);
    for _ in 0..300 {
        let rule = rules[rng.random_range(0..rules.len())].clone();
        links.set(1, 2, rule);
        tokio::time::sleep(Duration::from_micros(rng.random_range(0..3000))).await;
        assert!(!hearing.is_finished(), "{}", hearing.await.unwrap_err());
    }
    // Healed: whoever was in the black hole is reset, dials again, and is heard.
    links.heal_all();
    let (before, dropped) = (
        heard.load(Ordering::Relaxed),
        links.counters().total().dropped,
    );
    while heard.load(Ordering::Relaxed) < before + 1000 {
        assert!(!hearing.is_finished(), "{}", hearing.await.unwrap_err());
        tokio::task::yield_now().await;
    }
    assert!(dropped.frames > 0 && links.counters().total().passed.frames >= before);
    hearing.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_under_cuts_and_resets_has_no_hole() {
    storm(&[Rule::Pass, Rule::Drop, Rule::Pass, Rule::Reset], false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_loses_some_kinds_stays_in_step() {
    let kinds = Rule::shape(Shape::dropping(Kinds::of(&[APPEND])));
    storm(&[Rule::Pass, kinds.clone(), Rule::Drop, kinds], true).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_is_held_delayed_and_cut_has_no_hole() {
    let slow = Rule::shape(Shape {
        delay: Duration::from_millis(1),
        jitter: Duration::from_millis(2),
        ..Shape::default()
    });
    let hold = Rule::Hold(Duration::from_micros(100));
    storm(&[Rule::Pass, slow, hold, Rule::Drop, Rule::HalfOpen], false).await;
}
