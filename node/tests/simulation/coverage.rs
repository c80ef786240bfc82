//! What happened in a run, so that a simulation in which nothing happens cannot pass.

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    pub leaders: u64,
    pub leaders_without_quorum_deposed: u64,
    pub committed: u64,
    pub committed_of_earlier_terms: u64,
    pub rolled_back: u64,
    pub rolled_back_from_disk: u64,
    pub conflicts_skipping_a_term: u64,
    pub pre_votes_refused: u64,
    pub transfers: u64,
    pub crashes: u64,
    pub writes_lost_in_a_crash: u64,
    pub refused_for_a_full_disk: u64,
    pub reads_at_leaders: u64,
    pub reads_at_followers: u64,
    pub reads_abandoned: u64,
    pub promises_released: u64,
    pub batches_cut_by_size: u64,
    pub reads_on_a_lease: u64,
    pub starts_from_a_snapshot: u64,
    pub transfers_begun_anew: u64,
    pub later_pieces: u64,
    pub tails_dropped_for_a_snapshot: u64,
    pub snapshots_installed: u64,
    pub snapshots_taken: u64,
    pub configurations: u64,
    pub configurations_committed: u64,
    pub configurations_rolled_back: u64,
    pub joint_ones_committed: u64,
    pub leaders_while_joint: u64,
    pub leaders_retired: u64,
    pub promotions_refused: u64,
    pub answered_ahead: u64,
    pub ahead_when_deposed: u64,
    pub on_all: u64,
}

macro_rules! each {
    ($f:ident) => {
        $f!(
            leaders,
            leaders_without_quorum_deposed,
            committed,
            committed_of_earlier_terms,
            rolled_back,
            rolled_back_from_disk,
            conflicts_skipping_a_term,
            pre_votes_refused,
            transfers,
            crashes,
            writes_lost_in_a_crash,
            refused_for_a_full_disk,
            reads_at_leaders,
            reads_at_followers,
            reads_abandoned,
            promises_released,
            snapshots_taken,
            snapshots_installed,
            tails_dropped_for_a_snapshot,
            later_pieces,
            transfers_begun_anew,
            starts_from_a_snapshot,
            reads_on_a_lease,
            configurations,
            configurations_committed,
            configurations_rolled_back,
            joint_ones_committed,
            leaders_while_joint,
            leaders_retired,
            promotions_refused,
            answered_ahead,
            ahead_when_deposed,
            on_all,
            batches_cut_by_size
        )
    };
}

impl Coverage {
    pub fn add(&mut self, other: &Coverage) {
        macro_rules! sum { ($($field:ident),*) => { $(self.$field += other.$field;)* } }
        each!(sum);
    }

    pub fn assert_everything_happened(&self) {
        macro_rules! some {
            ($($field:ident),*) => { $(assert!(self.$field > 0, "no {}", stringify!($field));)* }
        }
        each!(some);
    }
}
