//! Small histories, each with the anomaly that a reader should be told of.

use checker::history::jsonl::read;
use checker::linearizable::{Details, Limits, Linearizable};
use checker::{Checker, History, Valid, Verdict};

/// One event a line: `process type f value`, with `!` before the error and `?` before what was found.
fn history(script: &str) -> History {
    read("script", lines("x", script).as_bytes())
        .unwrap()
        .history
}

fn lines(key: &str, script: &str) -> String {
    let mut text = String::new();
    for (at, line) in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .enumerate()
    {
        let mut words = line.split_whitespace();
        let mut next = || words.next().unwrap_or("null");
        let (process, kind, f, value) = (next(), next(), next(), next());
        let mut event = format!(
            r#"{{"process":{process},"type":"{kind}","f":"{f}","key":"{key}","value":{value},"time":{},"node":"n{process}""#,
            (at + 1) * 1_000_000
        );
        for word in words {
            match word.split_at(1) {
                ("!", error) => event += &format!(r#","error":"{error}""#),
                (_, found) => event += &format!(r#","current":{found}"#),
            }
        }
        text += &event;
        text += "}\n";
    }
    text
}

fn check(script: &str) -> Verdict {
    Linearizable::default().check(&history(script))
}

#[track_caller]
fn valid(script: &str) {
    let verdict = check(script);
    assert_eq!(verdict.valid, Valid::Yes, "{verdict:#?}");
}

/// The anomaly's name, how many operations are essential, and a piece of the explanation.
#[track_caller]
fn invalid(script: &str, anomaly: &str, essential: usize, says: &str) {
    let verdict = check(script);
    assert_eq!(verdict.valid, Valid::No, "{verdict:#?}");
    let violation = &verdict.violations[0];
    assert_eq!(violation.anomaly, anomaly, "{violation:#?}");
    assert!(
        violation.explanation.contains(says),
        "{}",
        violation.explanation
    );
    let marked = violation
        .operations
        .iter()
        .filter(|operation| operation.essential)
        .count();
    assert_eq!(marked, essential, "{violation:#?}");
}

const WRITE_1: &str = "1 invoke write 1 \n 1 ok write 1 \n";
const WRITE_2: &str = "2 invoke write 2 \n 2 ok write 2 \n";
const READ_1: &str = "3 invoke read \n 3 ok read 1 \n";
const READ_2: &str = "4 invoke read \n 4 ok read 2 \n";
const READ_NOTHING: &str = "5 invoke read \n 5 ok read null \n";

#[test]
fn reads_of_the_latest_write_are_valid() {
    valid(&[READ_NOTHING, WRITE_1, READ_1, WRITE_2, READ_2].concat());
}

#[test]
fn an_old_value_after_a_new_one_was_acknowledged_is_a_stale_read() {
    let script = [WRITE_1, WRITE_2, READ_1, READ_2].concat();
    invalid(
        &script,
        "stale read",
        3,
        "process 2's write of 2 had been acknowledged at 0.004 s",
    );
}

#[test]
fn an_acknowledged_write_that_nobody_ever_sees_is_a_lost_write() {
    invalid(
        &[WRITE_1, WRITE_2, READ_1, READ_1].concat(),
        "lost write",
        3,
        "Process 3 read 1 from n3",
    );
    invalid(
        &[WRITE_1, READ_NOTHING, READ_NOTHING].concat(),
        "lost write",
        2,
        "only until the first write",
    );
}

#[test]
fn two_updates_of_the_same_value_are_a_lost_update() {
    let script = [
        WRITE_1,
        "2 invoke cas [1,2] \n 3 invoke cas [1,3] \n 2 ok cas [1,2] \n 3 ok cas [1,3]",
    ]
    .concat();
    invalid(&script, "lost update", 3, "1 was written only once");
}

#[test]
fn a_value_from_nowhere_is_named_by_where_it_comes_from() {
    invalid(
        READ_1,
        "read of a value nobody wrote",
        1,
        "nobody ever wrote 1",
    );
    let failed = "1 invoke write 1 \n 1 fail write 1 !full \n";
    invalid(
        &[failed, READ_1].concat(),
        "read of a failed write",
        1,
        "it must not have happened",
    );
    invalid(
        &[READ_1, WRITE_1].concat(),
        "read from the future",
        1,
        "which began at 0.003 s",
    );
}

#[test]
fn a_compare_and_set_on_a_replaced_value_should_have_failed() {
    let script = [WRITE_1, WRITE_2, "3 invoke cas [1,3] \n 3 ok cas [1,3] \n"].concat();
    invalid(
        &script,
        "compare-and-set that should have failed",
        3,
        "Process 3 replaced 1 by 3 through n3",
    );
}

#[test]
fn a_compare_and_set_on_the_present_value_should_have_succeeded() {
    let name = "compare-and-set that should have succeeded";
    let script = [WRITE_1, "2 invoke cas [1,3] \n 2 fail cas [1,3] ?1 \n"].concat();
    invalid(&script, name, 1, "the very value it had asked for");
    let failed = "2 invoke cas [1,3] \n 2 fail cas [1,3] \n";
    invalid(
        &[WRITE_1, failed].concat(),
        name,
        2,
        "nobody wrote anything else",
    );
    let unknown = "7 invoke write 9 \n";
    valid(&[WRITE_1, unknown, failed].concat());
    invalid(
        &[WRITE_1, unknown, failed, READ_1].concat(),
        name,
        3,
        "1 was there all the time",
    );
}

#[test]
fn a_compare_and_set_that_failed_by_its_value_is_a_read_of_what_it_found() {
    let script = [
        WRITE_1,
        WRITE_2,
        "3 invoke cas [7,8] \n 3 fail cas [7,8] ?1 \n",
    ]
    .concat();
    invalid(&script, "stale read", 3, "failed and said that it found 1");
    valid(
        &[
            WRITE_1,
            WRITE_2,
            "3 invoke cas [7,8] \n 3 fail cas [7,8] ?2 \n",
        ]
        .concat(),
    );
}

#[test]
fn a_compare_and_set_that_was_refused_says_nothing_of_the_value() {
    valid(
        &[
            WRITE_1,
            "2 invoke cas [1,3] \n 2 fail cas [1,3] !disk-full \n",
            READ_1,
        ]
        .concat(),
    );
}

#[test]
fn a_chain_of_compare_and_sets_makes_an_old_read_stale() {
    let chain = "2 invoke cas [1,2] \n 2 ok cas [1,2] \n 2 invoke cas [2,3] \n 2 ok cas [2,3] \n";
    invalid(
        &[WRITE_1, chain, READ_1].concat(),
        "stale read",
        3,
        "compare-and-sets had replaced it",
    );
}

#[test]
fn of_a_long_chain_the_link_next_to_the_old_value_is_told() {
    let link = |old: u32| {
        format!(
            "2 invoke cas [{old},{0}] \n 2 ok cas [{old},{0}] \n",
            old + 1
        )
    };
    let chain: String = (1..6).map(link).collect();
    let seen = "4 invoke read \n 4 ok read 6 \n";
    let script = [WRITE_1, &chain, seen, READ_1].concat();
    invalid(&script, "stale read", 3, "step by step, by 2");
    let link = |old: u32| format!("9 invoke read \n 9 ok read {old} \n");
    let late = [WRITE_1, &chain, &link(3)].concat();
    invalid(&late, "stale read", 3, "step by step, by 4");
    // A compare-and-set that found too old a value, and one that began before what it found was there.
    let first = [WRITE_1, "2 invoke cas [2,3] \n 2 ok cas [2,3] \n", WRITE_2].concat();
    invalid(&first, "read from the future", 1, "was written only by");
}

#[test]
fn no_value_is_never_said_to_have_been_written() {
    let chain =
        "1 invoke cas [null,1] \n 1 ok cas [null,1] \n 2 invoke cas [1,2] \n 2 ok cas [1,2] \n";
    let twice = "3 invoke cas [null,4] \n 3 ok cas [null,4] \n";
    let verdict = check(&[chain, twice].concat());
    let text = &verdict.violations[0].explanation;
    assert!(
        text.contains("put 1 through n1 where there was no value"),
        "{text}"
    );
    let verdict = check(&[chain, READ_NOTHING].concat());
    let text = &verdict.violations[0].explanation;
    assert!(
        text.contains("the key holds no value only until the first write"),
        "{text}"
    );
    assert!(!text.contains("no value was written"), "{text}");
}

#[test]
fn an_unknown_write_may_take_effect_at_any_later_time_or_never() {
    let unknown = "7 invoke write 9 \n 7 info write 9 !timeout \n";
    let read_9 = "8 invoke read \n 8 ok read 9 \n";
    valid(&[unknown, WRITE_1, READ_1, WRITE_2].concat());
    valid(&[unknown, WRITE_1, READ_1, read_9].concat());
    invalid(
        &[unknown, read_9, WRITE_1, READ_1, read_9].concat(),
        "stale read",
        4,
        "was written only once",
    );
    // Never completed at all: the same.
    valid(&["7 invoke write 9 \n", WRITE_1, READ_1, read_9].concat());
}

#[test]
fn an_unknown_compare_and_set_took_effect_if_its_value_was_seen() {
    let unknown = "7 invoke cas [1,9] \n 7 info cas [1,9] !timeout \n";
    let read_9 = "8 invoke read \n 8 ok read 9 \n";
    valid(&[WRITE_1, unknown, READ_1, read_9].concat());
    invalid(
        &[WRITE_1, unknown, read_9, READ_1].concat(),
        "stale read",
        4,
        "",
    );
}

#[test]
fn repeated_values_are_searched_and_reduced_too() {
    let script = [WRITE_1, WRITE_2, WRITE_1, READ_1, WRITE_2, READ_2, READ_1].concat();
    invalid(
        &script,
        "stale read",
        2,
        "nobody was writing 1: the last to do so was process 1's write of 1",
    );
    valid(&[WRITE_1, WRITE_2, WRITE_1, READ_1, WRITE_2, READ_2].concat());
}

#[test]
fn the_shortest_wrong_prefix_ends_where_the_contradiction_becomes_certain() {
    let verdict = check(&[WRITE_1, WRITE_2, READ_1, READ_2, READ_2].concat());
    assert_eq!(verdict.violations[0].prefix_end, 5);
}

#[test]
fn nothing_done_and_unknown_verbs_are_not_valid() {
    assert_eq!(check("").valid, Valid::Unknown);
    let verdict = check("1 invoke append 1 \n 1 ok append 1 \n");
    assert_eq!(verdict.valid, Valid::Unknown);
    assert_eq!(
        verdict.summary,
        "Unknown: event 0: a register knows read, write and cas, but not append."
    );
    let verdict = check("1 invoke cas 1 \n 1 ok cas 1 \n");
    assert!(
        verdict.summary.contains("expected [old, new]"),
        "{}",
        verdict.summary
    );
}

#[test]
fn too_small_a_budget_is_unknown_and_says_what_is_proved() {
    let script = [
        WRITE_1,
        WRITE_1,
        READ_1,
        "6 invoke write 3 \n 7 invoke write 4 \n",
        READ_1,
    ]
    .concat();
    let script = script + "6 ok write 3 \n 7 ok write 4 \n 8 invoke read \n 8 ok read 3 \n";
    let limits = Limits {
        configurations: 1,
        steps: 2,
        bytes: 1 << 30,
    };
    let verdict = Linearizable {
        limits,
        ..Linearizable::default()
    }
    .check(&history(&script));
    assert_eq!(verdict.valid, Valid::Unknown, "{verdict:#?}");
    let details: Details = serde_json::from_value(verdict.details).unwrap();
    assert_eq!(details.keys[0].engine, "search");
    assert_eq!(details.keys[0].proved_to_event, Some(9));
    assert_eq!(
        verdict.summary,
        "Unknown: 1 of 1 key could not be decided within 2 steps and 1 configuration each, and 1024 MB; \
         this one is linearizable up to event 9 (0.010 s) at least."
    );
    valid(&script);
}

#[test]
fn a_verdict_says_by_whom_it_is_and_asks_for_work_but_not_for_faults() {
    assert_eq!(Linearizable::default().name(), "linearizable");
    let mut judge = Linearizable::default();
    judge.minimum.faults_that_acted = 3;
    assert_eq!(judge.check(&history(WRITE_1)).valid, Valid::Yes);
    judge.minimum.ok_operations = 2;
    assert_eq!(judge.check(&history(WRITE_1)).valid, Valid::Unknown);
}

#[test]
fn a_history_is_too_large_where_its_operations_alone_fill_the_memory() {
    let within = |bytes| {
        let mut judge = Linearizable::default();
        judge.limits.bytes = bytes;
        let verdict = judge.check(&history(&[WRITE_1, READ_1].concat()));
        verdict.summary.contains("too large")
    };
    let all = 2 * 2 * std::mem::size_of::<checker::models::register::Step>();
    assert!(within(all - 1));
    assert!(!within(all));
    assert!(!within(all + 1));
}

#[test]
fn what_is_still_kept_is_told_of_wrong_histories_only_and_of_wrong_keys_only() {
    let two_keys = |first: &str, second: &str| {
        // The second after the first.
        let text = lines("a", first) + &lines("b", second).replace(r#""time":"#, r#""time":1"#);
        Linearizable::default().check(&read("script", text.as_bytes()).unwrap().history)
    };
    let right = [WRITE_1, READ_1].concat();
    let wrong = [WRITE_1, WRITE_2, READ_1].concat();
    let promises = |first: &str, second: &str| {
        let details: Details = serde_json::from_value(two_keys(first, second).details).unwrap();
        details.promises
    };
    assert!(promises(&right, &right).is_none());
    let one = promises(&wrong, &right).unwrap();
    assert_eq!((one.sequential.kept, one.sequential.broken), (1, 0));
    let both = promises(&wrong, &wrong).unwrap();
    assert_eq!((both.sequential.kept, both.sequential.broken), (2, 0));
}

#[test]
fn keys_are_judged_apart_and_unknown_outcomes_are_counted() {
    let unknown = "7 invoke write 9 \n 7 info write 9 \n 8 invoke write 8 \n 9 invoke write 7 \n";
    let second = lines("b", &[READ_NOTHING, unknown].concat());
    let text = lines("a", WRITE_1) + &second.replace(r#""time":"#, r#""time":1"#);
    let history = read("script", text.as_bytes()).unwrap().history;
    let verdict = Linearizable::default().check(&history);
    assert_eq!(
        verdict.summary,
        "Valid: all 5 operations on 2 keys are linearizable (3 with an unknown outcome)."
    );
    let two = lines("a", WRITE_1) + &lines("b", READ_NOTHING).replace(r#""time":"#, r#""time":1"#);
    let history = read("script", two.as_bytes()).unwrap().history;
    assert_eq!(Linearizable::default().check(&history).valid, Valid::Yes);
}

#[test]
fn states_are_told_in_the_sentence_where_they_are_few() {
    let writes = |count: u32| -> String {
        let begun = (0..count).map(|at| format!("1{at} invoke write 9{at} \n"));
        begun.collect()
    };
    let told = |count| {
        let script = [WRITE_1, WRITE_2, &writes(count), READ_1].concat();
        let verdict = check(&script);
        let details: Details = serde_json::from_value(verdict.details).unwrap();
        let text = &verdict.violations[0].explanation;
        (
            details.keys[0].states.len(),
            text.contains("Right before that answer"),
        )
    };
    assert_eq!(told(4), (5, true));
    assert_eq!(told(5), (6, true));
    assert_eq!(told(6), (7, false));
}
