//! Disturbances: what is late, held, lost, doubled, overtaken, damaged; and that a heal ends it.

use super::*;

fn shape(shape: Shape) -> Rule {
    Rule::shape(shape)
}

/// The terms of frames that are read until `count` have come.
async fn terms(stream: &mut TcpStream, count: usize) -> Vec<u64> {
    let mut terms = Vec::new();
    while terms.len() < count {
        let mut bytes = vec![0; 124];
        stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(bytes[8], 6, "out of step");
        terms.push(u64::from_le_bytes(bytes[16..24].try_into().unwrap()));
    }
    terms
}

async fn say_appends(ends: &mut Ends, from: u64, to: u64) {
    for term in from..=to {
        ends.say(&append(term)).await;
    }
}

#[tokio::test]
async fn a_delay_makes_late_and_keeps_the_order_and_a_heal_ends_it() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    let delay = Duration::from_millis(80);
    let jitter = Duration::from_millis(20);
    bench.links.set(
        1,
        2,
        shape(Shape {
            delay,
            jitter,
            ..Shape::default()
        }),
    );
    let began = Instant::now();
    say_appends(&mut ends, 1, 20).await;
    assert_eq!(
        terms(&mut ends.server, 20).await,
        (1..=20).collect::<Vec<_>>()
    );
    assert!(began.elapsed() >= delay, "{:?}", began.elapsed());
    bench.until(|c| c.delayed == 20).await;
    let mean = Duration::from_nanos(bench.counters().delay_ns / 20);
    assert!(mean >= delay, "{mean:?}");
    // What is on its way when the line heals comes at once.
    bench.links.set(
        1,
        2,
        shape(Shape {
            delay: 3600 * Duration::from_secs(1),
            ..Shape::default()
        }),
    );
    say_appends(&mut ends, 21, 22).await;
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert!(is_silent(&ends.server));
    bench.links.heal_all();
    assert_eq!(terms(&mut ends.server, 2).await, [21, 22]);
    assert_eq!(bench.counters().resets, 0);
}

#[tokio::test]
async fn streams_without_frames_are_delayed_whole() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    let slow = Shape {
        delay: Duration::from_millis(30),
        loss: Share::ALL,
        ..Shape::default()
    };
    bench.links.set(1, 2, shape(slow));
    let said: Vec<u8> = (0..30_000u32).map(|n| (n % 251) as u8).collect();
    let began = Instant::now();
    ends.say(&said).await;
    assert_eq!(ends.hear(said.len()).await, said);
    assert!(began.elapsed() >= Duration::from_millis(30));
    drop(ends.client);
    assert!(!was_reset(&mut ends.server).await);
}

#[tokio::test]
async fn a_rate_is_kept() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    bench.links.set(
        1,
        2,
        shape(Shape {
            rate: 100_000,
            ..Shape::default()
        }),
    );
    let began = Instant::now();
    let said = vec![9; 20_000];
    ends.say(&said).await;
    assert_eq!(ends.hear(said.len()).await, said);
    assert!(
        began.elapsed() >= Duration::from_millis(200),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test]
async fn lost_doubled_and_reordered_frames_are_counted_and_the_stream_stays_in_step() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    bench.links.set(
        1,
        2,
        shape(Shape {
            duplicate: Share::ALL,
            ..Shape::default()
        }),
    );
    say_appends(&mut ends, 1, 3).await;
    assert_eq!(terms(&mut ends.server, 6).await, [1, 1, 2, 2, 3, 3]);
    assert_eq!(bench.counters().duplicated, 3);
    let half = Share::of(0.5);
    bench.links.set(
        1,
        2,
        shape(Shape {
            reorder: half,
            ..Shape::default()
        }),
    );
    for term in 4..=60 {
        ends.say(&append(term)).await;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let mut came = terms(&mut ends.server, 57).await;
    assert!(!came.is_sorted(), "{came:?}");
    came.sort_unstable();
    assert_eq!(came, (4..=60).collect::<Vec<_>>());
    bench.until(|c| c.reordered > 0).await;
    bench.links.set(
        1,
        2,
        shape(Shape {
            loss: half,
            ..Shape::default()
        }),
    );
    say_appends(&mut ends, 61, 160).await;
    bench.links.heal_all();
    ends.say(&append(999)).await;
    let mut came = Vec::new();
    while came.last() != Some(&999) {
        came.extend(terms(&mut ends.server, 1).await);
    }
    let dropped = bench.counters().dropped.frames;
    // The rule was there for a part of them at least.
    assert_eq!(came.len() as u64 - 1, 100 - dropped);
    assert_eq!(bench.counters().resets, 0);
}

#[tokio::test]
async fn a_damaged_frame_has_a_wrong_checksum() {
    let bench = Bench::new().await;
    bench.links.set(
        1,
        2,
        shape(Shape {
            corrupt: Share::ALL,
            ..Shape::default()
        }),
    );
    for _ in 0..20 {
        let mut ends = bench.connect().await;
        ends.say(&append(5)).await;
        let heard = ends.hear(124).await;
        let flipped: u32 = heard
            .iter()
            .zip(append(5))
            .map(|(a, b)| (a ^ b).count_ones())
            .sum();
        assert_eq!(flipped, 1);
        assert_eq!(heard[..4], append(5)[..4], "the length is spared");
        let crc = u32::from_le_bytes(heard[4..8].try_into().unwrap());
        assert_ne!(crc, crc32c::crc32c(&heard[8..]));
    }
    bench.until(|c| c.corrupted == 20).await;
}

#[tokio::test]
async fn what_is_held_comes_in_order_once_it_is_released_and_what_follows_comes_after() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    bench.links.set(1, 2, Rule::Hold(Duration::from_millis(2)));
    say_appends(&mut ends, 1, 30).await;
    bench.until(|c| c.held == 30 * 124).await;
    assert!(is_silent(&ends.server));
    let began = Instant::now();
    bench.links.set(1, 2, Rule::Pass);
    say_appends(&mut ends, 31, 35).await;
    assert_eq!(
        terms(&mut ends.server, 35).await,
        (1..=35).collect::<Vec<_>>()
    );
    let took = began.elapsed();
    assert!(
        took > Duration::from_millis(10) && took < Duration::from_secs(10),
        "{took:?}"
    );
    assert_eq!(bench.counters().resets, 0);
    // Healthy again: nothing waits.
    ends.say(&append(36)).await;
    assert_eq!(terms(&mut ends.server, 1).await, [36]);
}

#[tokio::test]
async fn what_is_held_and_then_cut_is_lost() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    bench.links.set(1, 2, Rule::Hold(Duration::ZERO));
    say_appends(&mut ends, 1, 3).await;
    bench.until(|c| c.held == 3 * 124).await;
    bench.links.set(1, 2, Rule::Drop);
    bench.until(|c| c.dropped.frames == 3).await;
    bench.links.set(1, 2, Rule::Pass);
    assert!(was_reset(&mut ends.server).await);
}

#[tokio::test]
async fn half_open_ends_one_side_and_the_other_does_not_hear_of_it_before_the_heal() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    ends.say(b"before").await;
    assert_eq!(ends.hear(6).await, b"before");
    bench.links.set(1, 2, Rule::HalfOpen);
    assert!(!was_reset(&mut ends.server).await);
    drop(ends.server);
    ends.client.write_all(b"into the void").await.unwrap();
    bench.until(|c| c.dropped.bytes == 13).await;
    assert!(is_silent(&ends.client));
    let mut new = bench.dial().await;
    new.write_all(b"hello?").await.unwrap();
    bench.until(|c| c.dropped.bytes == 19).await;
    bench.links.heal_all();
    assert!(was_reset(&mut ends.client).await);
    assert!(was_reset(&mut new).await);
}

#[tokio::test]
async fn what_several_want_of_a_link_holds_together() {
    let bench = Bench::new().await;
    let lossy = Shape::dropping(Kinds::of(&[6]));
    bench.links.want(1, 1, 2, shape(lossy));
    bench.links.want(2, 1, 2, Rule::Drop);
    assert_eq!(bench.links.rule(1, 2), Some(Rule::Drop));
    bench.links.want(2, 1, 2, Rule::Pass);
    assert_eq!(bench.links.rule(1, 2), Some(shape(lossy)));
    bench.links.want(1, 1, 2, Rule::Pass);
    assert_eq!(bench.links.rule(1, 2), Some(Rule::Pass));
}
