//! Dropping some kinds of frame: whole ones, and only these.

use super::*;

#[tokio::test]
async fn frames_of_some_kinds_are_dropped_whole_and_the_connection_lives() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    bench
        .links
        .set(1, 2, Rule::shape(Shape::dropping(Kinds::of(&[6]))));
    let said = [vote(1), append(2), append(3), vote(4)].concat();
    // Byte by byte: headers come in parts.
    for byte in said {
        ends.say(&[byte]).await;
    }
    let passed = [vote(1), vote(4)].concat();
    assert_eq!(ends.hear(passed.len()).await, passed);
    bench.until(|c| c.dropped.bytes == 2 * 124).await;
    // The heal falls into the middle of a frame: what is not whole yet was not dropped.
    ends.say(&append(5)[..50]).await;
    bench.links.set(1, 2, Rule::Pass);
    ends.say(&append(5)[50..]).await;
    ends.say(&append(6)).await;
    assert_eq!(ends.hear(248).await, [append(5), append(6)].concat());
    let counters = bench.counters();
    assert_eq!((counters.dropped.kinds[6], counters.resets), (2, 0));
}

#[tokio::test]
async fn a_frame_that_began_to_pass_ends_and_the_next_one_is_judged() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    let begun = append(1);
    ends.say(&begun[..50]).await;
    assert_eq!(ends.hear(50).await, begun[..50]);
    bench
        .links
        .set(1, 2, Rule::shape(Shape::dropping(Kinds::of(&[6]))));
    ends.say(&[&begun[50..], &append(2), &vote(3)].concat())
        .await;
    let passed = [&begun[50..], &vote(3)].concat();
    assert_eq!(ends.hear(passed.len()).await, passed);
    assert_eq!(bench.counters().dropped.frames, 1);
}

#[tokio::test]
async fn text_passes_a_link_that_drops_kinds() {
    let bench = Bench::new().await;
    let mut ends = bench.connect().await;
    bench
        .links
        .set(1, 2, Rule::shape(Shape::dropping(Kinds::of(&[6]))));
    ends.say(b"PING").await;
    assert_eq!(ends.hear(4).await, b"PING");
    // Held back as it could begin a frame, until the stream ends.
    let mut other = bench.connect().await;
    other.say(&[0, 0]).await;
    other.client.shutdown().await.unwrap();
    assert_eq!(other.hear(2).await, [0, 0]);
}
