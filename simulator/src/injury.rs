//! What is done to the cluster: a list of things to do, drawn before the run, so that it can be made shorter.

use crate::rng::Rng;
use crate::swarm::Swarm;

/// One thing to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Injury {
    /// Its number in the seed's list, by which it can be kept or left out.
    pub number: usize,
    /// When, in nanoseconds since the run began.
    pub at: u64,
    /// How long, in nanoseconds.
    pub length: u64,
    /// What.
    pub kind: Kind,
    /// Of the draws that it makes when it happens: so it does the same whatever else happens.
    pub seed: u64,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $weight:literal,)*) => {
        /// Kinds of injury.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        /// All kinds, and how often each is drawn.
        pub const KINDS: &[(Kind, u64)] = &[$((Kind::$kind, $weight),)*];
    };
}

kinds! {
    /// One node is cut off.
    Isolate 6,
    /// Two groups cannot talk.
    Halves 4,
    /// Some links work in one direction only.
    OneWay 4,
    /// Two groups that can only talk to one node between them.
    Bridge 2,
    /// A leader can talk to one other node only.
    LeaderPlusOne 3,
    /// What is said on some links arrives when this ends.
    Hold 2,
    /// Messages of some kinds are late, lost, or come twice.
    ByKind 6,
    /// Any message may be lost or late.
    Noise 3,
    /// A node loses power.
    PowerLoss 5,
    /// A node loses power in the middle of a write.
    PowerLossInWrite 6,
    /// A node loses power when it next says something of some kind.
    PowerLossOnWord 4,
    /// All nodes lose power.
    Blackout 2,
    /// A process is killed; its disk's cache survives.
    Kill 3,
    /// A process is asked to stop, and started again.
    Stop 2,
    /// A process stands still.
    Pause 4,
    /// Syncs take long.
    SlowDisk 4,
    /// There is no space.
    FullDisk 3,
    /// One write or sync fails.
    DiskError 3,
    /// A bit of a stopped node's disk flips: a minority only.
    BitFlip 2,
    /// A clock runs at another rate.
    ClockRate 3,
    /// A clock jumps ahead, as if the machine had slept.
    ClockJump 2,
    /// Leadership is handed over on request.
    Transfer 3,
    /// A snapshot is taken on request.
    Snapshot 2,
    /// A node that has just become leader is cut off, while those that were cut off before are back.
    NewLeader 4,
    /// Answers to a leader come late; half-way it is cut off, and clients go on asking it.
    LateAnswers 4,
    /// A follower that was cut off is back and asks for votes; then the leader is cut off.
    OldLeader 4,
    /// A member is added, promoted, demoted, removed, or all voters are replaced.
    Membership 10,
    /// Several nodes' election timers end at the same time.
    VoteStorm 2,
}

/// Draws what is done in a run of `length` nanoseconds.
pub fn draw(seed: u64, swarm: &Swarm, length: u64) -> Vec<Injury> {
    let mut rng = Rng::new(seed, 2);
    let kinds: Vec<(Kind, u64)> = KINDS
        .iter()
        .filter(|(kind, _)| swarm.spared >> (*kind as u64) & 1 == 0)
        .copied()
        .collect();
    let all: u64 = kinds.iter().map(|(_, weight)| weight).sum();
    let mut injuries = Vec::new();
    let mut at = rng.between(200, 600) * MILLISECOND;
    while at < length && all > 0 {
        let mut left = rng.below(all);
        let drawn = kinds.iter().find(|(_, weight)| match left < *weight {
            true => true,
            false => {
                left -= weight;
                false
            }
        });
        let span = rng.one_of(&[20, 100, 300, 600, 1500]);
        injuries.push(Injury {
            number: injuries.len(),
            at,
            length: rng.between(span / 4, span) * MILLISECOND,
            kind: drawn.map_or(Kind::Isolate, |(kind, _)| *kind),
            seed: rng.next(),
        });
        at += rng.between(swarm.cadence / 10, swarm.cadence * 2) * MILLISECOND;
    }
    injuries
}

/// In nanoseconds.
pub const MILLISECOND: u64 = 1_000_000;
