//! What a link may do to single frames, and to the time and rate at which bytes pass.

use std::time::Duration;

use rand::{Rng, RngExt as _};

use super::frame::Header;
use super::rule::Kinds;

/// A probability in parts per million, so that rules can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Share(u32);

impl Share {
    /// Always.
    pub const ALL: Share = Share(1_000_000);

    /// From 0.0 to 1.0; anything outside is taken for the nearer end.
    pub fn of(probability: f64) -> Share {
        Share((probability.clamp(0.0, 1.0) * 1e6).round() as u32)
    }

    fn draw(self, rng: &mut impl Rng) -> bool {
        self.0 > 0 && rng.random_range(0..1_000_000) < self.0
    }
}

/// One disturbance of a link. Loss, duplication, reordering and corruption act on whole frames of the node's
/// protocol and spare the hello, without which the rest of a connection is refused; streams that hold no frames
/// are only delayed and slowed down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shape {
    /// The frames that it is about; `None`: all, and streams that hold none.
    pub kinds: Option<Kinds>,
    /// Of snapshots the last piece only.
    pub last_chunk_only: bool,
    /// Frames that vanish.
    pub loss: Share,
    /// Frames that come twice.
    pub duplicate: Share,
    /// Frames that are overtaken by what follows within [`Shape::REORDER`].
    pub reorder: Share,
    /// Frames that come with one bit flipped.
    pub corrupt: Share,
    /// Everything comes later by this …
    pub delay: Duration,
    /// … and by up to this more, drawn for each piece; order is kept.
    pub jitter: Duration,
    /// Bytes a second on each connection; 0: no limit.
    pub rate: u64,
}

/// What became of a piece of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Treatment {
    pub(super) copies: u8,
    pub(super) corrupt: bool,
    /// Extra delay without which it would be in order.
    pub(super) overtaken_by: Option<Duration>,
    pub(super) delay: Duration,
    pub(super) rate: u64,
}

impl Shape {
    /// How long a reordered frame waits for others to overtake it.
    pub const REORDER: Duration = Duration::from_millis(40);

    /// Frames of these kinds vanish.
    pub fn dropping(kinds: Kinds) -> Shape {
        Shape {
            kinds: Some(kinds),
            loss: Share::ALL,
            ..Shape::default()
        }
    }

    fn is_about(&self, frame: Option<&Header>) -> bool {
        let kind = match (self.kinds, frame) {
            (None, _) => true,
            (Some(kinds), Some(frame)) => kinds.contains(frame.kind),
            (Some(_), None) => false,
        };
        kind && (!self.last_chunk_only || frame.is_some_and(|frame| frame.last_chunk))
    }
}

/// Draws what happens to a piece: a frame, or bytes of a stream without any. `None`: it vanishes.
pub(super) fn treat(
    shapes: &[Shape],
    frame: Option<&Header>,
    rng: &mut impl Rng,
) -> Option<Treatment> {
    let mut treatment = Treatment {
        copies: 1,
        corrupt: false,
        overtaken_by: None,
        delay: Duration::ZERO,
        rate: 0,
    };
    let whole = frame.is_some_and(|frame| frame.kind != super::frame::HELLO);
    for shape in shapes.iter().filter(|shape| shape.is_about(frame)) {
        if whole {
            if shape.loss.draw(rng) {
                return None;
            }
            treatment.copies += u8::from(shape.duplicate.draw(rng));
            treatment.corrupt |= shape.corrupt.draw(rng);
            if shape.reorder.draw(rng) {
                treatment.overtaken_by = Some(Shape::REORDER.mul_f64(rng.random_range(0.2..1.0)));
            }
        }
        treatment.delay += shape.delay + shape.jitter.mul_f64(rng.random_range(0.0..=1.0));
        treatment.rate = match (treatment.rate, shape.rate) {
            (0, rate) | (rate, 0) => rate,
            (one, other) => one.min(other),
        };
    }
    Some(treatment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng as _;
    use rand::rngs::StdRng;

    const APPEND: Header = Header {
        kind: 6,
        last_chunk: false,
    };

    #[test]
    fn a_share_is_drawn_as_often_as_it_says() {
        let mut rng = StdRng::seed_from_u64(1);
        let drawn = (0..10_000)
            .filter(|_| Share::of(0.2).draw(&mut rng))
            .count();
        assert!((1_800..2_200).contains(&drawn), "{drawn}");
        assert!(!(0..1000).any(|_| Share::default().draw(&mut rng)));
        assert!((0..1000).all(|_| Share::ALL.draw(&mut rng)));
    }

    #[test]
    fn only_the_kinds_that_are_meant_are_treated_and_never_a_hello_or_a_bare_stream() {
        let mut rng = StdRng::seed_from_u64(1);
        let appends = [Shape::dropping(Kinds::of(&[6]))];
        let all = [Shape {
            loss: Share::ALL,
            ..Shape::default()
        }];
        let vote = Header { kind: 4, ..APPEND };
        let hello = Header { kind: 1, ..APPEND };
        assert_eq!(treat(&appends, Some(&APPEND), &mut rng), None);
        assert!(treat(&appends, Some(&vote), &mut rng).is_some());
        assert!(treat(&appends, None, &mut rng).is_some());
        assert_eq!(treat(&all, Some(&vote), &mut rng), None);
        assert!(treat(&all, Some(&hello), &mut rng).is_some());
        assert!(treat(&all, None, &mut rng).is_some());
    }

    #[test]
    fn the_last_chunk_alone_is_meant() {
        let mut rng = StdRng::seed_from_u64(1);
        let shape = Shape {
            last_chunk_only: true,
            ..Shape::dropping(Kinds::of(&[14]))
        };
        let chunk = |last_chunk| Header {
            kind: 14,
            last_chunk,
        };
        assert_eq!(treat(&[shape], Some(&chunk(true)), &mut rng), None);
        assert!(treat(&[shape], Some(&chunk(false)), &mut rng).is_some());
    }

    #[test]
    fn delays_add_up_and_the_lowest_rate_counts() {
        let mut rng = StdRng::seed_from_u64(1);
        let slow = |ms, rate| Shape {
            delay: Duration::from_millis(ms),
            rate,
            ..Shape::default()
        };
        let shapes = [slow(5, 0), slow(7, 900), slow(0, 100)];
        let treatment = treat(&shapes, None, &mut rng).unwrap();
        assert_eq!(
            (treatment.delay, treatment.rate),
            (Duration::from_millis(12), 100)
        );
    }
}
