//! Questions that every reader has first, answered in a line each: which operation, when, under what, how long.

use checker::{Involved, Valid, Violation};

use super::super::data::Data;
use super::super::html::{Html, text};
use super::super::leaders::Reign;
use super::super::outages::Outage;
use super::super::units;
use super::super::windows::Window;
use super::operation;
use crate::whitebox;

/// Keys that are named.
const NAMED: usize = 10;

/// The answers.
pub fn answers(data: &Data<'_>) -> Html {
    let mut answers: Vec<(&str, Html)> = Vec::new();
    let told = data.violation();
    let moment_ns = told.and_then(|(_, violation)| data.moment_ns(violation));
    if let Some((_, violation)) = told {
        if let Some(wrong) = wrong(violation) {
            let key = violation.key.as_ref();
            answers.push((
                "Wrong operation",
                text(format!(
                    "{}{}, by {} ({}), {}",
                    operation::words(wrong),
                    key.map_or(String::new(), |key| format!(" (key {key})")),
                    operation::actor(wrong),
                    wrong.outcome,
                    operation::span(wrong)
                )),
            ));
        } else if let Some(breach) = data.breach(violation) {
            answers.push((
                "What went wrong",
                text(format!("{}; no client's operation shows it", breach.what)),
            ));
        }
        if let Some(moment_ns) = moment_ns {
            answers.push((
                "Came to light",
                text(format!("{} into the run", units::moment(moment_ns))),
            ));
            let from_ns = wrong(violation).map_or(moment_ns, |wrong| wrong.start_ns);
            answers.push(("Which fault acted", text(under(data, from_ns, moment_ns))));
            answers.extend(leaders(data, from_ns, moment_ns).map(|who| ("Who led then", who)));
        }
    }
    let without_service = text(without_service(data, moment_ns));
    answers.push(("Clients without service", without_service));
    let others = others(data);
    if !others.is_empty() {
        answers.push(("Also wrong", text(others.join("; "))));
    }
    let mut out = String::from("<dl class=\"answers\">\n");
    for (question, answer) in answers {
        out.push_str(&format!(
            "<div><dt>{}</dt><dd>{answer}</dd></div>\n",
            text(question)
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

/// What acted when it came to light, and what else while the wrong operation (since `from_ns`) was under way.
fn under(data: &Data<'_>, from_ns: u64, moment_ns: u64) -> String {
    let earlier: Vec<String> = (data.active(from_ns, moment_ns))
        .filter(|window| window.to_ns < moment_ns)
        .map(|window| {
            format!(
                "{} ({} – {})",
                during(window),
                units::moment(window.from_ns),
                units::moment(window.to_ns)
            )
        })
        .collect();
    let earlier = match earlier.is_empty() {
        true => String::new(),
        false => format!(
            "; and, earlier while the operation was under way, {}",
            earlier.join(", ")
        ),
    };
    format!("{}{earlier}", at_the_moment(data, moment_ns))
}

fn at_the_moment(data: &Data<'_>, moment_ns: u64) -> String {
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
fn leaders(data: &Data<'_>, from_ns: u64, to_ns: u64) -> Option<Html> {
    if data.leaders.by_term.is_empty() {
        return None;
    }
    let lines = led(&data.leaders.in_terms(), from_ns, to_ns);
    Some(match lines.as_slice() {
        [] => text(format!(
            "nobody, as far as the nodes told, from {} to {}",
            units::moment(from_ns),
            units::moment(to_ns)
        )),
        lines => {
            let items = lines.iter().map(|line| format!("<li>{}</li>", text(line)));
            Html::raw(format!("<ul>{}</ul>", items.collect::<String>()))
        }
    })
}

/// A line for each leader in a stretch: its term, from when to when, and who had deposed it before it knew.
fn led(all: &[Reign], from_ns: u64, to_ns: u64) -> Vec<String> {
    (all.iter())
        .filter(|reign| reign.from_ns <= to_ns && from_ns <= reign.to_ns)
        .map(|reign| {
            // A handover at the same moment, or one that was still to come, needs no word.
            let before_ns = reign.to_ns.saturating_sub(1_000_000).min(to_ns);
            let deposed = |other: &&Reign| other.term > reign.term && other.from_ns < before_ns;
            let by = all.iter().filter(deposed).min_by_key(|other| other.from_ns);
            let span = format!(
                "{} in term {}, by its own word {} – {}",
                reign.node,
                reign.term,
                units::moment(reign.from_ns),
                units::moment(reign.to_ns)
            );
            by.map_or(span.clone(), |by| {
                format!(
                    "{span}; deposed by {} in term {} since {}",
                    by.node,
                    by.term,
                    units::moment(by.from_ns)
                )
            })
        })
        .collect()
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
            "{}{} in all, in {} of at least {shortest} in which nobody in the whole cluster was served; the longest {}, from the last answer at {} on ({})",
            moment_ns.map_or(String::new(), |ns| under_that_fault(data, ns)),
            units::duration(data.outages.inside_ns(0, data.end_ns)),
            units::counted(data.outages.all.len() as u64, "outage"),
            units::duration(longest.length_ns()),
            units::moment(longest.from_ns),
            blamed(data, longest),
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
            "never for {} or more under the fault above; ",
            units::round(data.outages.shortest_ns)
        ),
        outages => format!(
            "{} under the fault above ({}); ",
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::leaders::Role;

    #[test]
    fn a_leader_that_was_deposed_without_knowing_is_told_as_such() {
        let reign = |node: &str, term, from_ms: u64, to_ms: u64| Reign {
            node: node.into(),
            role: Role::Leader,
            term,
            from_ns: from_ms * 1_000_000,
            to_ns: to_ms * 1_000_000,
        };
        let all = [
            reign("n4", 3, 3_000, 4_000),
            reign("n2", 4, 4_000, 5_051),
            reign("n4", 5, 4_905, 6_000),
        ];
        assert_eq!(
            led(&all, 4_500_000_000, 5_500_000_000),
            [
                "n2 in term 4, by its own word 4.000 s – 5.051 s; deposed by n4 in term 5 since 4.905 s",
                "n4 in term 5, by its own word 4.905 s – 6.000 s",
            ]
        );
    }
}
