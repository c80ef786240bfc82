//! Planted bugs: historical mistakes that a build for calibration can be told to make.
//!
//! One more is one row of the table below, a hook of one line where the real mistake was, and, where the mistake
//! can be made around the healthy code, a decorator instead (as `storage/eager.rs`).

macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident $name:literal,)*) => {
        /// A planted bug; names and mechanisms are those of the catalogue of historical bugs.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug { $($(#[$doc])* $bug,)* }

        /// All of them with the names that `--bug` takes, in the order of names.
        #[cfg(feature = "planted-bugs")]
        pub const ALL: &[(&str, Bug)] = &[$(($name, Bug::$bug),)*];
    };
}

bugs! {
    /// A write is acknowledged once it is in the leader's log: its waiter is resolved on `Ready::accepted`
    /// (MongoDB 2.4).
    AckBeforeCommit "ack-before-commit",
    /// Compare-and-set is decided on the leader's applied state when it is proposed, and logged as a blind
    /// put (ScyllaDB #31559).
    CasEvaluatedAtPropose "cas-evaluated-at-propose",
    /// Storage attests a follower's entries without syncing them (NATS 2.12.1).
    FollowerAckBeforeFsync "follower-ack-before-fsync",
    /// A leader answers reads from its own state without asking anybody whether it still leads (etcd #741).
    LeaderLocalRead "leader-local-read",
    /// Storage attests a leader's entries without syncing them (etcd #14370).
    LeaderSelfAckBeforeFsync "leader-self-ack-before-fsync",
    /// A new leader confirms reads before it has committed an entry of its term (etcd #7331).
    ReadindexWithoutNoopGuard "readindex-without-noop-guard",
}

/// Whether this run makes the mistake. Without the feature `planted-bugs`, never, at no cost.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub const fn on(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted-bugs")]
pub use planted::{choose, install, on, reached};

#[cfg(feature = "planted-bugs")]
mod planted {
    use std::str::FromStr;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

    use super::{ALL, Bug};

    static INSTALLED: AtomicBool = AtomicBool::new(false);
    static CHOSEN: [AtomicU64; 2] = [const { AtomicU64::new(0) }; 2];
    static REACHED: AtomicU64 = AtomicU64::new(0);

    impl FromStr for Bug {
        type Err = String;

        fn from_str(name: &str) -> Result<Bug, String> {
            let known = ALL.iter().find(|(n, _)| *n == name);
            known.map(|(_, bug)| *bug).ok_or_else(|| {
                let names: Vec<&str> = ALL.iter().map(|(n, _)| *n).collect();
                let names = names.join(", ");
                format!("no planted bug is called {name:?}; choose from {names}")
            })
        }
    }

    /// Chooses the mistakes of this process, once, before the node starts.
    ///
    /// # Errors
    /// Where bugs were installed before.
    pub fn install(bugs: &[Bug]) -> Result<(), String> {
        match INSTALLED.swap(true, Relaxed) {
            true => Err("planted bugs can be installed only once".to_owned()),
            false => {
                choose(bugs);
                Ok(())
            }
        }
    }

    /// Chooses the mistakes of all nodes in this process from now on: for a simulator, between its runs.
    pub fn choose(bugs: &[Bug]) {
        REACHED.store(0, Relaxed);
        for (half, chosen) in CHOSEN.iter().enumerate() {
            let bits = bugs.iter().map(|bug| *bug as usize);
            let bits = bits.filter(|bit| bit / 64 == half);
            chosen.store(bits.fold(0, |all, bit| all | 1 << (bit % 64)), Relaxed);
        }
    }

    /// Whether this run makes the mistake.
    pub fn on(bug: Bug) -> bool {
        let bit = bug as usize;
        let chosen = CHOSEN[bit / 64].load(Relaxed) >> (bit % 64) & 1 == 1;
        if chosen {
            REACHED.fetch_add(1, Relaxed);
        }
        chosen
    }

    /// How often code that a chosen bug changes was reached since the choice: no judge reads it, but it tells a bug
    /// that never acted from one that nobody saw.
    pub fn reached() -> u64 {
        REACHED.load(Relaxed)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn every_bug_has_a_name_and_others_are_refused_with_the_list() {
            assert_eq!("leader-local-read".parse(), Ok(Bug::LeaderLocalRead));
            let refusal = Bug::from_str("nope").expect_err("unknown");
            assert!(refusal.contains("ack-before-commit, cas-evaluated-at-propose"));
            assert!(ALL.is_sorted_by_key(|(name, _)| name));
            assert!(ALL.len() <= 128, "two words of bits hold no more");
        }

        #[test]
        fn only_the_chosen_ones_are_on() {
            // One that no other test of this process runs into meanwhile.
            let bug = Bug::LeaderSelfAckBeforeFsync;
            choose(&[bug]);
            assert!(on(bug) && !on(Bug::LeaderLocalRead));
            assert_eq!(reached(), 1);
            choose(&[]);
            assert!(!on(bug));
        }
    }
}
