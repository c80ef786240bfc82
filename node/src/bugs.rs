//! Planted bugs: historical mistakes that a build for calibration can be told to make.
//!
//! What each does wrong, its number in the catalogue of historical bugs and its source stand in `planted-bugs.csv`.
//! To add one: a row there, a row here, and a hook of one line where the real one was, or a decorator around storage
//! or files. Healthy code stays as it is: without the feature [`on`] is a constant.

macro_rules! bugs {
    ($($bug:ident = $name:literal),* $(,)?) => {
        /// A planted bug, by the name that the catalogue gives it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(usize)]
        #[allow(missing_docs, reason = "planted-bugs.csv says what each does wrong")]
        pub enum Bug {
            $($bug),*
        }

        #[cfg(feature = "planted-bugs")]
        const NAMES: &[(&str, Bug)] = &[$(($name, Bug::$bug)),*];
    };
}

// In the order of their names.
bugs! {
    AckBeforeCommit = "ack-before-commit",
    AeBatchHoleOnOversize = "ae-batch-hole-on-oversize",
    AeTruncatesMatchingSuffix = "ae-truncates-matching-suffix",
    CampaignBeforePersist = "campaign-before-persist",
    CasEvaluatedAtPropose = "cas-evaluated-at-propose",
    CommitOldTermByCount = "commit-old-term-by-count",
    CrossedWiresProxy = "crossed-wires-proxy",
    DedupNotInSnapshot = "dedup-not-in-snapshot",
    DuplicateVoteCounted = "duplicate-vote-counted",
    DurableIndexAba = "durable-index-aba",
    ElectionQuorumShort = "election-quorum-short",
    EnospcPartialWriteNotRolledBack = "enospc-partial-write-not-rolled-back",
    FollowerAckBeforeFsync = "follower-ack-before-fsync",
    FollowerLocalRead = "follower-local-read",
    FsyncErrorRetried = "fsync-error-retried",
    HardstateVolatile = "hardstate-volatile",
    HeartbeatCommitUnclamped = "heartbeat-commit-unclamped",
    JointUsesOnlyNewMajority = "joint-uses-only-new-majority",
    LeaderIgnoresHigherTerm = "leader-ignores-higher-term",
    LeaderLocalRead = "leader-local-read",
    LeaderSelfAckBeforeFsync = "leader-self-ack-before-fsync",
    LearnerCountedInQuorum = "learner-counted-in-quorum",
    LeaseCountedInTicks = "lease-counted-in-ticks",
    LeaseNotExtendedOnFailover = "lease-not-extended-on-failover",
    LeaseWithoutVoteStickiness = "lease-without-vote-stickiness",
    MidlogCorruptionAsTornTail = "midlog-corruption-as-torn-tail",
    NackHintBecomesMatch = "nack-hint-becomes-match",
    NoElectionJitter = "no-election-jitter",
    NoSessionDedup = "no-session-dedup",
    OverlappingConfChanges = "overlapping-conf-changes",
    PipelineWedgedAfterLoss = "pipeline-wedged-after-loss",
    PrevlogOffByOne = "prevlog-off-by-one",
    PrevoteStaleTermDeadlock = "prevote-stale-term-deadlock",
    ReadindexNoApplyWait = "readindex-no-apply-wait",
    ReadindexWithoutNoopGuard = "readindex-without-noop-guard",
    RecycledSegmentStaleRecords = "recycled-segment-stale-records",
    RemovedLeaderCountsItself = "removed-leader-counts-itself",
    ReplayAppliesUncommitted = "replay-applies-uncommitted",
    RestartForgetsUncommittedConfig = "restart-forgets-uncommitted-config",
    RevisionFromSurvivingKeys = "revision-from-surviving-keys",
    RevoteRejected = "revote-rejected",
    SingleServerChangeWithoutNoop = "single-server-change-without-noop",
    SnapshotCarriesWrongConfig = "snapshot-carries-wrong-config",
    SnapshotKeepsConflictingSuffix = "snapshot-keeps-conflicting-suffix",
    SnapshotNoChecksum = "snapshot-no-checksum",
    SnapshotNotSyncedBeforeCompaction = "snapshot-not-synced-before-compaction",
    SnapshotRenameNoDirsync = "snapshot-rename-no-dirsync",
    StaleVoteResponseCounted = "stale-vote-response-counted",
    TornTailNoCrc = "torn-tail-no-crc",
    VoteClearedSameTermStepdown = "vote-cleared-same-term-stepdown",
    VoteNoFsync = "vote-no-fsync",
    VoteNoLogCheck = "vote-no-log-check",
    WaiterMatchedByIndexOnly = "waiter-matched-by-index-only",
}

/// Whether this run makes the mistake. Without the feature `planted-bugs`, never, at no cost.
#[cfg(not(feature = "planted-bugs"))]
#[inline(always)]
pub const fn on(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted-bugs")]
pub use planted::{install, on, replace, times_reached};

#[cfg(feature = "planted-bugs")]
mod planted {
    use std::str::FromStr;
    use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

    use super::{Bug, NAMES};

    const COUNT: usize = NAMES.len();

    static INSTALLED: AtomicBool = AtomicBool::new(false);
    static ACTIVE: [AtomicBool; COUNT] = [const { AtomicBool::new(false) }; COUNT];
    static REACHED: [AtomicU64; COUNT] = [const { AtomicU64::new(0) }; COUNT];

    impl FromStr for Bug {
        type Err = String;

        fn from_str(name: &str) -> Result<Bug, String> {
            let known = NAMES.iter().find(|(n, _)| *n == name);
            known.map(|(_, bug)| *bug).ok_or_else(|| {
                let names: Vec<&str> = NAMES.iter().map(|(n, _)| *n).collect();
                format!(
                    "no planted bug is called {name:?}; choose from {}",
                    names.join(", ")
                )
            })
        }
    }

    impl Bug {
        /// All of them, with their names.
        pub fn all() -> &'static [(&'static str, Bug)] {
            NAMES
        }
    }

    /// Chooses the mistakes of this process, once, before the node starts.
    ///
    /// # Errors
    /// Where bugs were installed before.
    pub fn install(bugs: &[Bug]) -> Result<(), String> {
        if INSTALLED.swap(true, Ordering::Relaxed) {
            return Err("planted bugs can be installed only once".to_owned());
        }
        replace(bugs);
        Ok(())
    }

    /// Chooses the mistakes of all that runs in this process from now on: for simulations of many clusters.
    pub fn replace(bugs: &[Bug]) {
        for (_, bug) in NAMES {
            ACTIVE[*bug as usize].store(bugs.contains(bug), Ordering::Relaxed);
            REACHED[*bug as usize].store(0, Ordering::Relaxed);
        }
    }

    /// Whether this run makes the mistake; each yes is counted.
    #[inline]
    pub fn on(bug: Bug) -> bool {
        let active = ACTIVE[bug as usize].load(Ordering::Relaxed);
        if active {
            REACHED[bug as usize].fetch_add(1, Ordering::Relaxed);
        }
        active
    }

    /// How often code that makes the mistake has run since it was chosen: a bug that was never reached cannot have
    /// been found.
    pub fn times_reached(bug: Bug) -> u64 {
        REACHED[bug as usize].load(Ordering::Relaxed)
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn every_bug_has_a_name_and_others_are_refused_with_the_list() {
            assert_eq!("leader-local-read".parse(), Ok(Bug::LeaderLocalRead));
            let refusal = Bug::from_str("nope").expect_err("unknown");
            assert!(refusal.contains("ack-before-commit, ae-batch-hole-on-oversize"));
        }

        #[test]
        fn the_table_describes_all_of_them_in_the_same_order() {
            let rows = include_str!("../planted-bugs.csv").lines().skip(1);
            let described: Vec<&str> = rows.filter_map(|row| row.split('|').next()).collect();
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            assert_eq!(described, names);
            assert!(
                NAMES
                    .iter()
                    .enumerate()
                    .all(|(i, (_, bug))| *bug as usize == i)
            );
        }
    }
}
