//! A verdict in one sentence, of keys or parts, whatever the object.

use super::limits::{Limits, Meter};
use crate::words::count;

/// What is counted: `key` or `part`, and a word in brackets after it, perhaps none.
pub(super) type Noun<'a> = [&'a str; 2];

fn counted(number: usize, [noun, kind]: Noun<'_>) -> String {
    match kind {
        "" => count(number as u64, noun),
        kind => format!("{} ({kind})", count(number as u64, noun)),
    }
}

/// All is right.
pub(super) fn valid(operations: u64, parts: usize, noun: Noun<'_>, more: &str) -> String {
    let parts = counted(parts, noun);
    match operations {
        1 => format!("Valid: the only operation on {parts} is linearizable{more}."),
        _ => format!("Valid: all {operations} operations on {parts} are linearizable{more}."),
    }
}

/// `first`: the first wrong part, and its anomaly.
pub(super) fn invalid(
    [wrong, all]: [usize; 2],
    noun: &str,
    first: [&str; 2],
    meter: &Meter<'_>,
) -> String {
    let all = count(all as u64, noun);
    let [name, anomaly] = first;
    let cut = match meter.is_over() {
        true => {
            " The given time or memory was used up before all was explained: more may be wrong, and less may show it."
        }
        false => "",
    };
    format!("Invalid: {wrong} of {all} not linearizable; first {name}: {anomaly}.{cut}")
}

/// Some parts are open, none is wrong; `proved`: the event up to which these are proved right.
pub(super) fn unknown(
    [open, all]: [usize; 2],
    noun: Noun<'_>,
    (limits, meter): (Limits, &Meter<'_>),
    proved: Option<String>,
) -> String {
    let others = match all - open {
        0 => "",
        1 => "the other one is linearizable, and ",
        _ => "the others are linearizable, and ",
    };
    let (subject, are) = match open {
        1 => ("this one", "is"),
        _ => ("these", "are"),
    };
    let proved = match (proved, others) {
        (None, _) => format!("nothing is proved of {subject}"),
        (Some(event), "") => format!("{subject} {are} linearizable up to {event} at least"),
        (Some(event), _) => format!("{subject} up to {event} at least"),
    };
    format!(
        "Unknown: {open} of {} could not be decided within {}; {others}{proved}.",
        counted(all, noun),
        within(limits, meter)
    )
}

/// The budget, not what was left of it for the search: that differs from run to run.
fn within(limits: Limits, meter: &Meter<'_>) -> String {
    if meter.is_over() {
        return "the given time and memory".into();
    }
    let memory = match meter.memory() {
        Some(bytes) => format!("{} MB in all", bytes >> 20),
        None => format!("{} MB", limits.bytes >> 20),
    };
    let configurations = count(limits.configurations as u64, "configuration");
    match limits.steps {
        u64::MAX => format!("{configurations} each and {memory}"),
        steps => format!(
            "{} and {configurations} each, and {memory}",
            count(steps, "step")
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::super::limits::NO_END;
    use super::*;

    const LIMITS: Limits = Limits {
        configurations: 7,
        steps: 9,
        bytes: 3 << 20,
    };

    #[test]
    fn nothing_is_said_of_others_where_there_are_none() {
        let told = |open, all, proved: Option<&str>| {
            let meter = Meter::new(NO_END);
            let proved = proved.map(String::from);
            let told = unknown([open, all], ["key", ""], (LIMITS, &meter), proved);
            told.split_once("; ").unwrap().1.to_string()
        };
        assert_eq!(told(1, 1, None), "nothing is proved of this one.");
        assert_eq!(told(2, 2, None), "nothing is proved of these.");
        let event = Some("event 5");
        assert_eq!(
            [told(1, 1, event), told(2, 2, event)],
            [
                "this one is linearizable up to event 5 at least.",
                "these are linearizable up to event 5 at least."
            ]
        );
        assert_eq!(
            [told(1, 2, event), told(2, 4, None)],
            [
                "the other one is linearizable, and this one up to event 5 at least.",
                "the others are linearizable, and nothing is proved of these."
            ]
        );
    }

    #[test]
    fn the_budget_is_told_and_not_what_is_left_of_it() {
        let told = |meter: Meter<'_>, steps| within(Limits { steps, ..LIMITS }, &meter);
        let meter = || Meter::new(NO_END);
        assert_eq!(
            told(meter(), 9),
            "9 steps and 7 configurations each, and 3 MB"
        );
        assert_eq!(
            told(meter().of_memory(5 << 20), u64::MAX),
            "7 configurations each and 5 MB in all"
        );
    }

    #[test]
    fn one_is_one() {
        assert_eq!(
            valid(1, 1, ["part", "lock"], ""),
            "Valid: the only operation on 1 part (lock) is linearizable."
        );
    }
}
