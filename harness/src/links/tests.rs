//! Proxies on real sockets: what passes, what is lost, and who hears of it.

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
async fn a_cut_swallows_without_a_word_and_ends_in_a_reset_of_both_sides() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    ends.say(&append(1)).await;
    ends.hear(124).await;
    bench.links.set(1, 2, Rule::Drop);
    ends.say(&append(2)).await;
    bench.until(|c| c.dropped.frames == 1).await;
    assert!(is_silent(&ends.server) && is_silent(&ends.client));
    assert_eq!(bench.counters().resets, 0);
    bench.links.heal_all();
    assert!(was_reset(&mut ends.server).await);
    assert!(was_reset(&mut ends.client).await);
    let counters = bench.counters();
    assert_eq!(
        (
            counters.passed.frames,
            counters.dropped.frames,
            counters.resets
        ),
        (1, 1, 1)
    );
}

#[tokio::test]
async fn a_connection_that_lost_nothing_goes_on_after_the_heal() {
    let bench = Bench::new().await;
    let mut idle = bench.connect().await;
    let mut busy = bench.connect().await;
    bench.links.set(1, 2, Rule::Drop);
    busy.say(b"lost").await;
    bench.until(|c| c.dropped.bytes == 4).await;
    bench.links.set(1, 2, Rule::Pass);
    assert!(was_reset(&mut busy.client).await);
    idle.say(b"kept").await;
    assert_eq!(idle.hear(4).await, b"kept");
}

#[tokio::test]
async fn a_cut_one_way_leaves_the_other_way_alone() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    bench.links.set(1, 2, Rule::Drop);
    ends.server.write_all(b"answer").await.unwrap();
    let mut answer = [0; 6];
    ends.client.read_exact(&mut answer).await.unwrap();
    bench.links.set(1, 2, Rule::Pass);
    bench.links.set(2, 1, Rule::Drop);
    ends.server.write_all(b"unheard").await.unwrap();
    ends.say(b"heard").await;
    assert_eq!(ends.hear(5).await, b"heard");
    let back = LinkId { from: 2, to: 1 };
    while bench.links.counters().0[&back].dropped.bytes < 7 {
        tokio::task::yield_now().await;
    }
    assert!(is_silent(&ends.client));
    bench.links.set(2, 1, Rule::Pass);
    assert!(was_reset(&mut ends.client).await);
    assert!(was_reset(&mut ends.server).await);
}

#[tokio::test]
async fn new_connections_into_a_cut_are_accepted_and_swallowed() {
    let bench = Bench::new().await;
    bench.links.set(1, 2, Rule::Drop);
    let mut speaker = bench.dial().await;
    let listener = bench.dial().await;
    speaker.write_all(&vote(9)).await.unwrap();
    bench
        .until(|c| c.dropped.frames == 1 && c.opened == 2)
        .await;
    assert!(is_silent(&speaker));
    bench.links.set(1, 2, Rule::Pass);
    assert!(was_reset(&mut speaker).await);
    // Who had said nothing lost nothing, and is connected now.
    let mut ends = Ends {
        client: listener,
        server: bench.accept().await,
    };
    ends.say(&vote(10)).await;
    assert_eq!(ends.hear(25).await, vote(10));
}

#[tokio::test]
async fn a_death_behind_a_cut_is_not_heard_of_before_the_heal() {
    let bench = Bench::new().await;
    let Ends { client, mut server } = bench.connect().await;
    let mut marker = bench.connect().await;
    bench.links.set(1, 2, Rule::Drop);
    drop(client);
    // Once the same link has swallowed this, the end before it has been swallowed too.
    marker.say(b"marker").await;
    bench.until(|c| c.dropped.bytes == 6).await;
    tokio::task::yield_now().await;
    assert!(is_silent(&server));
    bench.links.set(1, 2, Rule::Pass);
    assert!(was_reset(&mut server).await);
}

#[tokio::test]
async fn a_reset_closes_what_is_open_and_whatever_comes() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    bench.links.set(1, 2, Rule::Reset);
    assert!(was_reset(&mut ends.client).await);
    assert!(was_reset(&mut ends.server).await);
    let mut next = bench.dial().await;
    assert!(was_reset(&mut next).await);
    assert_eq!(bench.counters().resets, 2);
    bench.links.set(1, 2, Rule::Pass);
    let mut ends = bench.connect().await;
    ends.say(b"again").await;
    assert_eq!(ends.hear(5).await, b"again");
}

#[tokio::test]
async fn a_reset_one_way_spares_idle_connections_of_the_other() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    bench.links.set(2, 1, Rule::Reset);
    ends.say(b"mine").await;
    assert_eq!(ends.hear(4).await, b"mine");
    ends.server.write_all(b"yours").await.unwrap();
    assert!(was_reset(&mut ends.client).await);
}

#[tokio::test]
async fn a_cut_in_the_middle_of_a_frame_leaves_no_hole() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    let bytes = append(1);
    ends.say(&bytes[..60]).await;
    assert_eq!(ends.hear(60).await, bytes[..60]);
    bench.links.set(1, 2, Rule::Drop);
    ends.say(&bytes[60..]).await;
    ends.say(&append(2)).await;
    bench.until(|c| c.dropped.frames == 2).await;
    bench.links.set(1, 2, Rule::Pass);
    assert!(was_reset(&mut ends.server).await);
    assert_eq!(bench.counters().passed.frames, 0);
}

#[tokio::test]
async fn frames_of_some_kinds_are_dropped_whole_and_the_connection_lives() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    bench.links.set(1, 2, Rule::DropKinds(Kinds::of(&[6])));
    let said = [vote(1), append(2), append(3), vote(4)].concat();
    // Byte by byte: headers come in parts.
    for byte in said {
        ends.say(&[byte]).await;
    }
    let passed = [vote(1), vote(4)].concat();
    assert_eq!(ends.hear(passed.len()).await, passed);
    // The heal falls into the middle of a frame that is being dropped.
    ends.say(&append(5)[..50]).await;
    bench.until(|c| c.dropped.bytes == 2 * 124 + 50).await;
    bench.links.set(1, 2, Rule::Pass);
    ends.say(&append(5)[50..]).await;
    ends.say(&append(6)).await;
    assert_eq!(ends.hear(124).await, append(6));
    let counters = bench.counters();
    assert_eq!((counters.dropped.kinds[6], counters.resets), (3, 0));
}

#[tokio::test]
async fn text_passes_a_link_that_drops_kinds() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    bench.links.set(1, 2, Rule::DropKinds(Kinds::of(&[6])));
    ends.say(b"PING").await;
    assert_eq!(ends.hear(4).await, b"PING");
    // Held back as it could begin a frame, until the stream ends.
    let mut other = bench.connect().await;
    other.say(&[0, 0]).await;
    other.client.shutdown().await.unwrap();
    assert_eq!(other.hear(2).await, [0, 0]);
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
async fn a_receiver_that_does_not_read_stops_its_sender_and_a_cut_frees_it() {
    let bench = Bench::new().await;
    let ends = bench.connect().await;
    let chunk = vec![1; 1 << 16];
    // Whatever the kernel buffers in the four sockets, it is far less than this.
    let mut sent = 0;
    while sent < 1 << 28 {
        match tokio::time::timeout(Duration::from_millis(200), ends.client.writable()).await {
            Ok(ready) => ready.unwrap(),
            Err(_) => break,
        }
        sent += ends.client.try_write(&chunk).unwrap_or(0);
    }
    assert!(sent < 1 << 28, "the proxy keeps what nobody reads");
    bench.links.set(1, 2, Rule::Drop);
    ends.client.writable().await.unwrap();
    bench.until(|c| c.dropped.bytes > 0).await;
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

/// Prints what the proxy costs: `cargo test -p harness overhead -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement, not a test"]
fn overhead() {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
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
