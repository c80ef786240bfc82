//! Proxies on real sockets, and what a healthy one does.

mod cost;
mod cuts;
mod kinds;
mod shapes;
mod storm;

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::frame::sample::frame;
use super::*;

/// One link n1→n2 with its opposite, and the listener that it leads to.
struct Bench {
    links: Links,
    listener: TcpListener,
}

/// Both ends of a connection through the link.
struct Ends {
    client: TcpStream,
    server: TcpStream,
}

impl Bench {
    async fn new() -> Bench {
        let listener = TcpListener::bind("127.0.0.2:0").await.unwrap();
        let target = listener.local_addr().unwrap();
        let route = |from, to| Route {
            id: LinkId { from, to },
            listen: any(),
            target,
        };
        let links = Links::start(&[route(1, 2), route(2, 1)]).await.unwrap();
        Bench { links, listener }
    }

    fn address(&self) -> SocketAddr {
        self.links.address(1, 2).unwrap()
    }

    async fn dial(&self) -> TcpStream {
        let client = TcpStream::connect(self.address()).await.unwrap();
        client.set_nodelay(true).unwrap();
        client
    }

    async fn connect(&self) -> Ends {
        let client = self.dial().await;
        Ends {
            client,
            server: self.accept().await,
        }
    }

    async fn accept(&self) -> TcpStream {
        self.listener.accept().await.unwrap().0
    }

    fn counters(&self) -> Counters {
        self.links.counters().0[&LinkId { from: 1, to: 2 }]
    }

    /// Waits until the link's counts are such; a wrong count fails by never becoming right.
    async fn until(&self, wanted: impl Fn(&Counters) -> bool) {
        let late = Instant::now() + Duration::from_secs(10);
        while !wanted(&self.counters()) {
            assert!(Instant::now() < late, "{:?}", self.counters());
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }
}

impl Ends {
    async fn say(&mut self, bytes: &[u8]) {
        self.client.write_all(bytes).await.unwrap();
    }

    async fn hear(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.server.read_exact(&mut bytes).await.unwrap();
        bytes
    }
}

fn any() -> SocketAddr {
    "127.0.0.3:0".parse().unwrap()
}

/// How the other side of a stream ended it: true for a reset, false for an orderly end.
async fn was_reset(stream: &mut TcpStream) -> bool {
    let mut rest = vec![0; 1 << 16];
    loop {
        match stream.read(&mut rest).await {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                return true;
            }
        }
    }
}

/// Nothing has come, now that things which were sent later elsewhere have been seen.
fn is_silent(stream: &TcpStream) -> bool {
    let silent = stream.try_read(&mut [0; 1]);
    matches!(silent, Err(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn append(term: u64) -> Vec<u8> {
    frame(6, 1, 2, term, &[7; 100])
}

fn vote(term: u64) -> Vec<u8> {
    frame(4, 1, 2, term, b"x")
}

#[tokio::test]
async fn a_healthy_link_passes_both_ways_and_counts_by_kind() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    let said = [append(1), vote(2), append(3)].concat();
    ends.say(&said).await;
    assert_eq!(ends.hear(said.len()).await, said);
    ends.server.write_all(b"back").await.unwrap();
    let mut back = [0; 4];
    ends.client.read_exact(&mut back).await.unwrap();
    assert_eq!(&back, b"back");
    bench.until(|c| c.passed.frames == 3).await;
    let counters = bench.counters();
    assert_eq!((counters.passed.kinds[6], counters.passed.kinds[4]), (2, 1));
    assert_eq!(
        (counters.passed.bytes, counters.opened),
        (said.len() as u64, 1)
    );
    assert_eq!(counters.dropped, Traffic::default());
    let terms = bench
        .links
        .recent(1, 2)
        .iter()
        .map(|seen| seen.frame.term)
        .collect::<Vec<_>>();
    assert_eq!(terms, [1, 2, 3]);
    assert_eq!(
        bench.links.counters().0[&LinkId { from: 2, to: 1 }]
            .passed
            .bytes,
        4
    );
}

#[tokio::test]
async fn bytes_that_are_no_frames_pass_as_they_come() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    for said in [&b"PING"[..], &[0; 3], &[255; 70_000]] {
        // By parts: more than the socket buffers hold must still find its way.
        ends.say(said).await;
        assert_eq!(ends.hear(said.len()).await, said);
    }
    bench.until(|c| c.passed.bytes == 70_007).await;
    assert_eq!(bench.counters().passed.frames, 0);
}

#[tokio::test]
async fn an_orderly_end_and_a_reset_pass_a_healthy_link_as_they_are() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    ends.say(b"last").await;
    drop(ends.client);
    assert!(!was_reset(&mut ends.server).await);
    let mut ends = bench.connect().await;
    ends.server.set_zero_linger().unwrap();
    drop(ends.server);
    assert!(was_reset(&mut ends.client).await);
    assert_eq!(bench.counters().resets, 0);
}

#[tokio::test]
async fn a_dead_target_ends_the_dialler() {
    let bench = Bench::new().await;
    let address = bench.address();
    let Bench { links, listener } = bench;
    drop(listener);
    let mut client = TcpStream::connect(address).await.unwrap();
    assert!(was_reset(&mut client).await);
    assert_eq!(links.counters().total().refused, 1);
}

#[tokio::test]
async fn dropping_the_links_ends_their_connections() {
    let Bench { links, listener } = Bench::new().await;
    let mut client = TcpStream::connect(links.address(1, 2).unwrap())
        .await
        .unwrap();
    let (_server, _) = listener.accept().await.unwrap();
    let address = links.address(1, 2).unwrap();
    drop(links);
    assert!(!was_reset(&mut client).await);
    // Its address is free again for the next run.
    while TcpListener::bind(address).await.is_err() {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_address_in_use_is_named_with_its_link() {
    let taken = TcpListener::bind("127.0.0.4:0").await.unwrap();
    let listen = taken.local_addr().unwrap();
    let route = Route {
        id: LinkId { from: 3, to: 4 },
        listen,
        target: any(),
    };
    let error = Links::start(&[route]).await.unwrap_err().to_string();
    assert!(
        error.contains(&format!("cannot listen on {listen} for the link n3->n4")),
        "{error}"
    );
    let route = Route {
        listen: any(),
        ..route
    };
    assert!(
        Links::start(&[route, route])
            .await
            .unwrap_err()
            .to_string()
            .contains("two routes")
    );
}

#[tokio::test]
async fn an_unknown_link_is_said_to_be_unknown() {
    let bench = Bench::new().await;
    assert!(!bench.links.set(1, 9, Rule::Drop));
    assert_eq!(bench.links.rule(1, 9), None);
    assert!(bench.links.set(1, 2, Rule::Drop));
    assert_eq!(
        bench.links.unhealthy(),
        [(LinkId { from: 1, to: 2 }, Rule::Drop)]
    );
    bench.links.heal_all();
    assert_eq!(bench.links.rule(1, 2), Some(Rule::Pass));
}
