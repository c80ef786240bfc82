//! A closed loop of writes (or reads) against running nodes: `load SECONDS CLIENTS put|get ADDR…` prints a rate.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [seconds, clients, verb, addresses @ ..] = &arguments[..] else {
        return Err("usage: load SECONDS CLIENTS put|get ADDR…".into());
    };
    let (seconds, clients): (u64, usize) = (seconds.parse()?, clients.parse()?);
    let end = Instant::now() + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..clients)
        .map(|client| {
            let address = addresses[client % addresses.len()].clone();
            tokio::spawn(run(client, verb == "get", address, end))
        })
        .collect();
    let mut latencies = Vec::new();
    let mut failed = 0;
    for task in tasks {
        let (ok, bad) = task.await??;
        latencies.extend(ok);
        failed += bad;
    }
    latencies.sort();
    let at = |q: f64| latencies.get((latencies.len() as f64 * q) as usize);
    println!(
        "{} ok/s, {failed} failed, p50 {:?}, p99 {:?}, max {:?}",
        latencies.len() as u64 / seconds,
        at(0.5),
        at(0.99),
        latencies.last()
    );
    Ok(())
}

async fn run(
    client: usize,
    reads: bool,
    address: String,
    end: Instant,
) -> std::io::Result<(Vec<Duration>, u64)> {
    let mut stream = TcpStream::connect(&address).await?;
    stream.set_nodelay(true)?;
    let (mut latencies, mut failed, mut number) = (Vec::new(), 0, 0);
    let mut buffer = vec![0; 4096];
    while Instant::now() < end {
        number += 1;
        let key = client % 10;
        let request = if reads {
            format!("GET /v1/kv/k{key} HTTP/1.1\r\nhost: x\r\n\r\n")
        } else {
            let body = format!("{{\"value\":\"{client}-{number}\"}}");
            let length = body.len();
            format!(
                "PUT /v1/kv/k{key} HTTP/1.1\r\nhost: x\r\ncontent-length: {length}\r\n\r\n{body}"
            )
        };
        let began = Instant::now();
        stream.write_all(request.as_bytes()).await?;
        // Answers are small enough to arrive at once.
        let read = stream.read(&mut buffer).await?;
        if buffer[..read].starts_with(b"HTTP/1.1 200") {
            latencies.push(began.elapsed());
        } else {
            failed += 1;
        }
    }
    Ok((latencies, failed))
}
