//! What happened in a run, so that a simulation in which nothing happens cannot pass.

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// Counts of what should happen sometimes.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct Coverage { $($(#[$doc])* pub $name: u64,)* }

        impl Coverage {
            /// Adds another run's counts.
            pub fn add(&mut self, other: &Coverage) {
                $(self.$name += other.$name;)*
            }

            /// All counts with their names.
            pub fn all(&self) -> Vec<(&'static str, u64)> {
                vec![$((stringify!($name), self.$name),)*]
            }
        }
    };
}

counters! {
    /// Elections won.
    leaders,
    /// Leaders that stepped down without having heard of a higher term.
    check_quorum_step_downs,
    /// Entries that were committed.
    committed,
    /// Of these, entries of earlier terms than their committer's.
    committed_of_earlier_terms,
    /// Entries that a node dropped for a leader's.
    rolled_back,
    /// Of these, entries that were on its disk.
    rolled_back_from_disk,
    /// Appends that were refused with a hint.
    conflicts,
    /// Of these, hints that skip a term.
    conflicts_skipping_a_term,
    /// Pre-votes refused.
    pre_votes_refused,
    /// Votes refused.
    votes_refused,
    /// Leadership handed over.
    transfers,
    /// Snapshots taken.
    snapshots_taken,
    /// Snapshots installed from a leader.
    snapshots_installed,
    /// Pieces of snapshots but the first.
    later_pieces,
    /// Snapshots that were begun anew.
    transfers_begun_anew,
    /// Power losses.
    power_losses,
    /// Power losses in the middle of a write.
    power_losses_in_a_write,
    /// Power losses while a node started.
    power_losses_in_a_start,
    /// Sectors that a power loss took.
    sectors_lost,
    /// Sectors that were not synced and survived.
    sectors_kept,
    /// Changes of a directory that a power loss took back.
    names_lost,
    /// Bytes of torn tails that a start cut.
    torn_bytes,
    /// Starts from a snapshot.
    starts_from_a_snapshot,
    /// Processes killed or stopped.
    kills,
    /// Pauses.
    pauses,
    /// I/O errors that a node ended for.
    disk_errors,
    /// Writes that found no space.
    refused_for_space,
    /// Bits flipped.
    bits_flipped,
    /// Starts that were refused for it.
    damage_refused,
    /// Messages lost.
    messages_lost,
    /// Messages that arrived twice.
    messages_twice,
    /// Writes that clients were told of.
    writes_acknowledged,
    /// Writes that clients were told of and that were lost, where that may be.
    writes_lost,
    /// Reads that were answered.
    reads_answered,
    /// Of these, at nodes that did not lead.
    reads_at_followers,
    /// Of these, while a lease held.
    reads_on_a_lease,
    /// Writes whose outcome nobody knows.
    unknown_outcomes,
    /// Answers to repeated commands.
    repeats_recognised,
    /// Of these, by another leader than that of the first time.
    repeats_recognised_by_another_leader,
    /// Requests that another node forwarded to its leader.
    forwards,
    /// Leases granted or kept alive.
    leases_kept_alive,
    /// Leases that had ended when their clients came to keep them alive.
    leases_ended,
    /// Turns of nodes in a configuration with two majorities.
    turns_in_a_joint_configuration,
    /// Turns of nodes that only listen.
    turns_of_learners,
    /// Clock rates and jumps.
    clock_faults,
    /// Histories that were judged valid.
    judged,
    /// Histories in which a leader's tail may have been dropped with what clients had seen: not judged as a whole.
    not_promised,
    /// Histories that could not be decided, or told too little.
    undecided,
    /// Events that nodes told as evidence.
    evidence,
    /// Messages between nodes.
    messages,
    /// Events of the simulator.
    events,
}
