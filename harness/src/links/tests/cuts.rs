//! Cuts and resets: what is lost, and who hears of it when.

use super::*;

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
