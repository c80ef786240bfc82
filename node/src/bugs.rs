//! Planted bugs: historical mistakes that a build for calibration can be told to make.

/// A planted bug; names and mechanisms are those of the catalogue of historical bugs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bug {
    /// A leader answers reads from its own state without asking anybody whether it still leads (etcd #741).
    LeaderLocalRead,
    /// A write is acknowledged once it is in the leader's log: the driver resolves its waiter on
    /// `Ready::accepted` (MongoDB 2.4).
    AckBeforeCommit,
    /// A new leader confirms reads before it has committed an entry of its term (etcd #7331).
    ReadindexWithoutNoopGuard,
    /// Compare-and-set is decided on the leader's applied state when it is proposed, and logged as a blind
    /// put: the driver's (ScyllaDB #31559).
    CasEvaluatedAtPropose,
    /// Storage attests a follower's entries without syncing them (NATS 2.12.1).
    FollowerAckBeforeFsync,
    /// Storage attests a leader's entries without syncing them (etcd #14370).
    LeaderSelfAckBeforeFsync,
}

/// Whether this run makes the mistake. Without the feature `planted-bugs`, never, at no cost.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub const fn on(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted-bugs")]
pub use planted::{install, on};

#[cfg(feature = "planted-bugs")]
mod planted {
    use std::str::FromStr;
    use std::sync::OnceLock;

    use super::Bug;

    static INSTALLED: OnceLock<Vec<Bug>> = OnceLock::new();

    const NAMES: [(&str, Bug); 6] = [
        ("ack-before-commit", Bug::AckBeforeCommit),
        ("cas-evaluated-at-propose", Bug::CasEvaluatedAtPropose),
        ("follower-ack-before-fsync", Bug::FollowerAckBeforeFsync),
        ("leader-local-read", Bug::LeaderLocalRead),
        (
            "leader-self-ack-before-fsync",
            Bug::LeaderSelfAckBeforeFsync,
        ),
        (
            "readindex-without-noop-guard",
            Bug::ReadindexWithoutNoopGuard,
        ),
    ];

    impl FromStr for Bug {
        type Err = String;

        fn from_str(name: &str) -> Result<Bug, String> {
            let known = NAMES.iter().find(|(n, _)| *n == name);
            known.map(|(_, bug)| *bug).ok_or_else(|| {
                let names = NAMES.map(|(n, _)| n).join(", ");
                format!("no planted bug is called {name:?}; choose from {names}")
            })
        }
    }

    /// Chooses the mistakes of this process, once, before the node starts.
    ///
    /// # Errors
    /// Where bugs were installed before.
    pub fn install(bugs: &[Bug]) -> Result<(), String> {
        INSTALLED
            .set(bugs.to_vec())
            .map_err(|_| "planted bugs can be installed only once".to_owned())
    }

    /// Whether this run makes the mistake.
    pub fn on(bug: Bug) -> bool {
        INSTALLED.get().is_some_and(|bugs| bugs.contains(&bug))
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn every_bug_has_a_name_and_others_are_refused_with_the_list() {
            assert_eq!("leader-local-read".parse(), Ok(Bug::LeaderLocalRead));
            let refusal = Bug::from_str("nope").expect_err("unknown");
            assert!(refusal.contains("ack-before-commit, cas-evaluated-at-propose"));
        }
    }
}
