//! The protocol as text: scripts in `tests/golden/*.txt` of commands (`> n1 propose x=1`), each followed by
//! all that it made the cores say and do. The commands are those of `stage.rs`.
//!
//! `UPDATE_GOLDEN=1 cargo test -p node --test golden` writes what happens now into the scripts: read the
//! difference before committing it. A line `# Bug: NAME CHECK` says which promise is broken in the script by a node with
//! that planted bug: `tests/witnesses.rs` holds it to that.

mod safety;
mod stage;

use std::path::PathBuf;

use stage::{Stage, play};

fn check(name: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.txt"));
    let script = std::fs::read_to_string(&path).expect("the script is there");
    let mut stage = Stage::default();
    let played = play(&script, &mut stage);
    assert_eq!(stage.safety.violation(), None, "{name}.txt");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, played).expect("the script is writable");
        return;
    }
    for (number, (is, was)) in played.lines().zip(script.lines()).enumerate() {
        assert_eq!(is, was, "{name}.txt, line {}", number + 1);
    }
    assert_eq!(played, script, "{name}.txt ends differently");
}

#[test]
fn an_election_writes_before_it_speaks() {
    check("election");
}

#[test]
fn a_lagging_node_and_a_node_with_a_higher_term_elect_a_leader_together() {
    check("pre-vote-after-isolation");
}

#[test]
fn entries_are_acknowledged_from_disk_and_committed_by_a_majority() {
    check("replication");
}

#[test]
fn a_deposed_leaders_tail_is_rolled_back() {
    check("conflict");
}

#[test]
fn figure_8_of_the_raft_paper_commits_nothing_by_counting() {
    check("figure-8");
}

#[test]
fn reads_are_confirmed_by_a_round_that_began_after_them() {
    check("read-index");
}

#[test]
fn leadership_is_handed_to_a_follower_that_has_everything() {
    check("transfer");
}

#[test]
fn a_leader_without_space_hands_over() {
    check("disk-full");
}

#[test]
fn a_follower_below_the_cut_gets_a_snapshot_in_pieces() {
    check("snapshot");
}

#[test]
fn a_tail_that_conflicts_with_a_snapshot_goes_as_a_whole() {
    check("snapshot-conflict");
}

#[test]
fn a_lease_serves_reads_until_it_ends_and_never_after_a_transfer() {
    check("lease");
}

#[test]
fn two_of_three_voters_are_replaced_through_a_joint_configuration() {
    check("membership-joint");
}

#[test]
fn one_at_a_time_waits_for_the_leaders_own_term() {
    check("membership-single");
}

#[test]
fn a_learner_is_never_counted_and_is_promoted_once_it_has_caught_up() {
    check("learner");
}

#[test]
fn a_removed_leader_hands_over_and_a_removed_node_does_not_disturb() {
    check("removed");
}

#[test]
fn a_configuration_that_is_rolled_back_counts_no_more() {
    check("configuration-rolled-back");
}

#[test]
fn a_snapshot_brings_the_configuration_of_its_index() {
    check("configuration-in-snapshot");
}

#[test]
fn two_who_lose_their_leader_at_once_elect_one_of_them() {
    check("split-vote");
}

#[test]
fn a_longer_log_and_a_higher_term_find_a_leader_by_themselves() {
    check("stale-pre-candidate");
}

#[test]
fn a_vote_whose_answer_was_lost_is_given_again() {
    check("vote-again");
}

#[test]
fn who_echoed_a_lease_elects_nobody_else() {
    check("lease-loyalty");
}

#[test]
fn an_answer_to_an_earlier_term_confirms_no_read() {
    check("late-answer");
}

#[test]
fn a_write_whose_entries_were_replaced_acknowledges_nothing() {
    check("overwritten-write");
}

#[test]
fn a_lease_begins_when_its_round_was_sent() {
    check("lease-late-echo");
}
