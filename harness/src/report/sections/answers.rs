//! Questions that every reader has first, answered in a line each: which operation, when, under what, how long.

use checker::{Involved, Violation};

use super::super::data::Data;
use super::super::html::{Html, text};
use super::super::outages::Outage;
use super::super::units;
use super::super::windows::Window;
use super::operation;

/// The answers.
pub fn answers(data: &Data<'_>) -> Html {
    let mut answers: Vec<(&str, String)> = Vec::new();
    if let Some((_, violation)) = data.violation() {
        if let Some(wrong) = wrong(violation) {
            answers.push((
                "Wrong operation",
                format!(
                    "{} by {} ({}), {}",
                    operation::words(wrong),
                    operation::actor(wrong),
                    wrong.outcome,
                    operation::span(wrong)
                ),
            ));
        }
        if let Some(moment_ns) = data.moment_ns(violation) {
            answers.push((
                "Came to light",
                format!("{} into the run", units::moment(moment_ns)),
            ));
            answers.push(("Under which fault", under(data, moment_ns)));
        }
    }
    answers.push(("Clients without service", without_service(data)));
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
                "{}: {} since {} (measured: {})",
                window.injury.fault,
                during(window),
                units::moment(window.from_ns),
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

fn without_service(data: &Data<'_>) -> String {
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
            "{} at most (from {}, {}); {} in all, in {} of at least {shortest}",
            units::duration(longest.length_ns()),
            units::moment(longest.from_ns),
            blamed(data, longest),
            units::duration(data.outages.inside_ns(0, data.end_ns)),
            units::counted(data.outages.all.len() as u64, "outage"),
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
