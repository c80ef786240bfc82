//! What a proxy costs.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::{LinkId, Links, Route, any, frame};

/// Prints what the proxy costs: `cargo test -p harness costs -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a test"]
fn what_a_proxy_costs() {
    let listener = TcpListener::bind("127.0.0.2:0").unwrap();
    let target = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || {
                let (mut stream, mut bytes) = (stream, vec![0; 1 << 16]);
                stream.set_nodelay(true).unwrap();
                while let Ok(len @ 1..) = stream.read(&mut bytes) {
                    // Bulk is told from a question by its size.
                    if len <= 1024 && stream.write_all(&bytes[..len]).is_err() {
                        break;
                    }
                }
            });
        }
    });
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let route = Route {
        id: LinkId { from: 1, to: 2 },
        listen: any(),
        target,
    };
    let links = runtime.block_on(Links::start(&[route])).unwrap();
    let question = frame(8, 1, 2, 7, &[1; 40]);
    let bulk: Vec<u8> = std::iter::repeat_n(frame(6, 1, 2, 7, &[1; 2000]), 32)
        .flatten()
        .collect();
    for (name, address) in [("direct", target), ("proxy", links.address(1, 2).unwrap())].repeat(3) {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut answer = vec![0; question.len()];
        let mut times: Vec<Duration> = (0..20_000)
            .map(|_| {
                let begin = Instant::now();
                stream.write_all(&question).unwrap();
                stream.read_exact(&mut answer).unwrap();
                begin.elapsed()
            })
            .collect();
        times.sort();
        let (begin, mut sent) = (Instant::now(), 0);
        while begin.elapsed() < Duration::from_secs(1) {
            stream.write_all(&bulk).unwrap();
            sent += bulk.len();
        }
        let rate = sent as f64 / begin.elapsed().as_secs_f64() / 1e6;
        println!(
            "{name:7} round trip p50 {:?} p99 {:?}  bulk {rate:.0} MB/s",
            times[10_000], times[19_800]
        );
    }
}
