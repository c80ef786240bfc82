//! Questions that every reader has first, answered in a line each: which operation, when, under what, how long.

use checker::{Involved, Valid, Violation};

use super::super::data::Data;
use super::super::html::{Html, text};
use super::super::leaders::Role;
use super::super::outages::Outage;
use super::super::units;
use super::super::windows::Window;
use super::operation;
use crate::whitebox;

/// Keys that are named.
const NAMED: usize = 10;

/// The answers.
pub fn answers(data: &Data<'_>) -> Html {
    let mut answers: Vec<(&str, String)> = Vec::new();
    let told = data.violation();
    let moment_ns = told.and_then(|(_, violation)| data.moment_ns(violation));
    if let Some((_, violation)) = told {
        if let Some(wrong) = wrong(violation) {
            let key = violation.key.as_ref();
            answers.push((
                "Wrong operation",
                format!(
                    "{}{}, by {} ({}), {}",
                    operation::words(wrong),
                    key.map_or(String::new(), |key| format!(" (key {key})")),
                    operation::actor(wrong),
                    wrong.outcome,
                    operation::span(wrong)
                ),
            ));
        } else if let Some(breach) = data.breach(violation) {
            answers.push((
                "What went wrong",
                format!("{}; no client's operation shows it", breach.what),
            ));
        }
        if let Some(moment_ns) = moment_ns {
            answers.push((
                "Came to light",
                format!("{} into the run", units::moment(moment_ns)),
            ));
            answers.push(("Under which fault", under(data, moment_ns)));
            let from_ns = wrong(violation).map_or(moment_ns, |wrong| wrong.start_ns);
            answers.extend(leaders(data, from_ns, moment_ns).map(|who| ("Who led then", who)));
        }
    }
    answers.push(("Clients without service", without_service(data, moment_ns)));
    let others = others(data);
    if !others.is_empty() {
        answers.push(("Also wrong", others.join("; ")));
    }
    let mut out = String::from("<dl class=\"answers\">\n");
    for (question, answer) in answers {
        out.push_str(&format!(
            "<div><dt>{}</dt><dd>{}</dd></div>\n",
            text(question),
            text(answer)
        ));
    }
    out.push_str("</dl>\n");
    Html::raw(out)
}

/// The operation that made the history wrong: the one that completed last of those that matter.
fn wrong(violation: &Violation) -> Option<&Involved> {
    (violation.operations.iter())
        .find(|operation| operation.complete == Some(violation.prefix_end))
        .or_else(|| {
            let essential = violation.operations.iter().filter(|o| o.essential);
            essential.max_by_key(|operation| operation.complete)
        })
}

fn under(data: &Data<'_>, moment_ns: u64) -> String {
    let active: Vec<String> = (data.active(moment_ns, moment_ns))
        .map(|window| {
            format!(
                "{}: {}, from {} to {} (measured: {})",
                window.injury.fault,
                during(window),
                units::moment(window.from_ns),
                units::moment(window.to_ns),
                window.injury.effect.as_deref().unwrap_or("no effect")
            )
        })
        .collect();
    if !active.is_empty() {
        return active.join("; ");
    }
    let before = data.windows.iter().filter(|w| w.to_ns <= moment_ns);
    match before.max_by_key(|window| window.to_ns) {
        Some(last) => format!(
            "none at that moment; {} ({}) was healed {} before",
            last.injury.fault,
            during(last),
            units::duration(moment_ns - last.to_ns)
        ),
        None => "none".into(),
    }
}

/// Who led in a stretch; nothing where nobody knows of leaders.
fn leaders(data: &Data<'_>, from_ns: u64, to_ns: u64) -> Option<String> {
    let all = || {
        data.leaders
            .reigns
            .iter()
            .filter(|reign| reign.role == Role::Leader)
    };
    all().next()?;
    let then: Vec<String> = all()
        .filter(|reign| reign.from_ns <= to_ns && from_ns <= reign.to_ns)
        .map(|reign| {
            format!(
                "{} in term {} ({} – {})",
                reign.node,
                reign.term,
                units::moment(reign.from_ns),
                units::moment(reign.to_ns)
            )
        })
        .collect();
    Some(match then.as_slice() {
        [] => format!(
            "nobody, as far as the nodes told, from {} to {}",
            units::moment(from_ns),
            units::moment(to_ns)
        ),
        [one] => one.clone(),
        many => format!("{}, each by its own word", many.join(" and ")),
    })
}

/// What is wrong beside the violation that is told first.
fn others(data: &Data<'_>) -> Vec<String> {
    let broken = data.run.verdicts.iter().filter(|v| v.valid == Valid::No);
    broken
        .enumerate()
        .filter_map(|(at, verdict)| {
            let first = at == 0 && !verdict.violations.is_empty();
            match verdict.violations.len() as u64 {
                1 if first => None,
                many if first => {
                    let keys: Vec<&str> = (verdict.violations[1..].iter())
                        .filter_map(|violation| violation.key.as_deref())
                        .take(NAMED)
                        .collect();
                    let on = match keys.as_slice() {
                        [] => String::new(),
                        keys => format!(" (keys {})", keys.join(", ")),
                    };
                    Some(format!(
                        "{} of the same kind{on}",
                        units::counted(many - 1, "violation")
                    ))
                }
                1.. if verdict.checker == whitebox::NAME => {
                    let judgement = data.run.judgement.as_ref();
                    let broken = judgement.map_or(0, |judgement| judgement.violated.values().sum());
                    let first = &verdict.violations[0].anomaly;
                    let (name, demand) = first.split_once(": ").unwrap_or((first, "?"));
                    Some(format!(
                        "inside the nodes an invariant was broken {}, first {name}, which demands that {demand}",
                        units::counted(broken, "time"),
                    ))
                }
                _ => Some(format!("{} (checker {})", verdict.summary, verdict.checker)),
            }
        })
        .collect()
}

/// How long nobody was served at most, and at the moment of the anomaly.
fn without_service(data: &Data<'_>, moment_ns: Option<u64>) -> String {
    if data.samples.all.is_empty() {
        return "no operation was ever invoked".into();
    }
    if data.samples.served_ns.is_empty() {
        return "all the time: no operation was served".into();
    }
    let shortest = units::round(data.outages.shortest_ns);
    match data.outages.longest() {
        None => format!("never for {shortest} or more"),
        Some(longest) => format!(
            "{}Longest in the run: {} (from {}, {}). In all: {}, in {} of at least {shortest} in which nobody in the whole cluster was served",
            moment_ns.map_or(String::new(), |ns| under_that_fault(data, ns)),
            units::duration(longest.length_ns()),
            units::moment(longest.from_ns),
            blamed(data, longest),
            units::duration(data.outages.inside_ns(0, data.end_ns)),
            units::counted(data.outages.all.len() as u64, "outage"),
        ),
    }
}

/// How long nobody was served under the faults that acted at a moment.
fn under_that_fault(data: &Data<'_>, moment_ns: u64) -> String {
    let active = data.active(moment_ns, moment_ns);
    let began = active.map(|window| window.from_ns).min();
    let ended = data.active(moment_ns, moment_ns).map(|window| window.to_ns);
    let (Some(from_ns), Some(to_ns)) = (began, ended.max()) else {
        return String::new();
    };
    // In their whole length: one that began under a fault may outlast it.
    match data.outages.overlapping(from_ns, to_ns) {
        [] => format!(
            "Under the fault above: never for {} or more. ",
            units::round(data.outages.shortest_ns)
        ),
        outages => format!(
            "Under the fault above: {} in {}. ",
            units::duration(outages.iter().map(|outage| outage.length_ns()).sum()),
            units::counted(outages.len() as u64, "outage")
        ),
    }
}

/// Under which fault an outage began.
fn blamed(data: &Data<'_>, outage: Outage) -> String {
    let told_ns = outage.from_ns + data.outages.shortest_ns / 2;
    match data.active(told_ns, told_ns).next() {
        Some(window) => format!("as {}", during(window)),
        None => "with no fault acting".into(),
    }
}

/// A fault in words: its own, or its kind where it has none.
pub fn during(window: &Window<'_>) -> String {
    let injury = window.injury;
    if injury.description.is_empty() {
        format!("{} ({}) acted", injury.fault, injury.shape)
    } else {
        injury.description.clone()
    }
}
