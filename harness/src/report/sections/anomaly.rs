//! What is wrong, in words, in a drawing and in the few operations that show it.

use checker::explain::lanes_svg;
use checker::{Involved, Valid, Verdict, Violation};

use super::super::data::Data;
use super::super::html::{Html, Table, text};
use super::super::units;
use super::operation;

/// Violations shown in full.
const SHOWN: usize = 5;
/// Operations of a violation in its table.
const ROWS: usize = 40;

/// The section; nothing where nothing is wrong and nothing was left unjudged.
pub fn anomaly(data: &Data<'_>, left_out: &mut Vec<String>) -> Option<Html> {
    let mut out = String::new();
    let violations: Vec<(&Verdict, &Violation)> = (data.run.verdicts.iter())
        .filter(|verdict| verdict.valid == Valid::No)
        .flat_map(|verdict| verdict.violations.iter().map(move |v| (verdict, v)))
        .collect();
    for (verdict, violation) in violations.iter().take(SHOWN) {
        out.push_str(&one(data, verdict, violation, left_out));
    }
    if violations.len() > SHOWN {
        let rest = (violations.len() - SHOWN) as u64;
        left_out.push(format!(
            "{} beyond the first {SHOWN}: verdict.json has them all.",
            units::counted(rest, "violation")
        ));
    }
    out.push_str(&judged(data));
    Some(Html::raw(out))
}

/// What every checker said.
fn judged(data: &Data<'_>) -> String {
    if data.run.verdicts.is_empty() {
        return "<p>No checker judged this run.</p>\n".into();
    }
    let mut table = Table::new(
        "What each checker said",
        &["Checker", "Verdict", "In a sentence"],
    );
    for verdict in &data.run.verdicts {
        let word = super::word(verdict.valid);
        let class = word.to_lowercase();
        table.row(vec![
            verdict.checker.as_str().into(),
            Html::raw(format!("<span class=\"badge {class}\">{word}</span>")),
            verdict.summary.as_str().into(),
        ]);
    }
    table.to_string()
}

fn one(
    data: &Data<'_>,
    verdict: &Verdict,
    violation: &Violation,
    left_out: &mut Vec<String>,
) -> String {
    let mut title = violation.anomaly.clone();
    if let Some(key) = &violation.key {
        title.push_str(&format!(" on key {key}"));
    }
    let mut out = format!(
        "<article class=\"violation\">\n<h3>{}</h3>\n<p class=\"prose\">{}</p>\n<p class=\"note\">Found by the checker {}.{}</p>\n",
        text(title),
        text(&violation.explanation),
        text(&verdict.checker),
        gloss(verdict, violation),
    );
    out.push_str(&lanes(violation));
    out.push_str(&operations(violation, left_out));
    out.push_str(&faults(data, violation));
    out.push_str("</article>\n");
    out
}

/// What the checker demands, in a sentence that fits the anomaly.
fn gloss(verdict: &Verdict, violation: &Violation) -> &'static str {
    let stale = violation.anomaly.starts_with("stale");
    match verdict.checker.as_str() {
        "linearizable" if stale => {
            " Linearizable: every operation takes effect at one moment between its call and its answer, so nobody reads what had been overwritten before."
        }
        "linearizable" => {
            " Linearizable: every operation takes effect once, as a whole, at one moment between its call and its answer."
        }
        _ => "",
    }
}

/// The operations in lanes of processes, as the checker draws them.
fn lanes(violation: &Violation) -> String {
    if violation.operations.is_empty() {
        return String::new();
    }
    // Inside a page the name space is known; it would only look like an address.
    let svg = lanes_svg(violation).replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
    format!(
        "<figure class=\"lanes\"><div class=\"scroll\" tabindex=\"0\" role=\"group\" aria-label=\"drawing\">{svg}</div><figcaption>{}</figcaption></figure>\n",
        text(legend(violation, svg.contains(">//</text>")))
    )
}

/// What the signs mean that occur in a drawing; `cut`: its axis leaves time out.
fn legend(violation: &Violation, cut: bool) -> String {
    let all = &violation.operations;
    let is_wrong = |one: &Involved| one.complete == Some(violation.prefix_end);
    let labels: Vec<String> = all.iter().map(operation::words).collect();
    let says = |sign: &str| labels.iter().any(|label| label.contains(sign));
    let mut legend =
        String::from("Each lane is a process, which is one client; time runs from left to right");
    let signs = [
        (
            cut,
            ", and // stands where a stretch in which nothing happened was left out",
        ),
        (true, "."),
        (all.iter().any(is_wrong), " Red: the wrong operation."),
        (
            all.iter().any(|one| one.essential && !is_wrong(one)),
            " Orange: what it contradicts.",
        ),
        (
            all.iter().any(|one| !one.essential && !is_wrong(one)),
            " Outlined: what happened around them.",
        ),
        (says(" → "), " k → v: k was read, and held v."),
        (says(" := "), " k := v: k was set to v."),
        (
            says("[made revision") || says("[at revision"),
            " A revision counts the transactions that wrote: one that wrote made its own, one that only read tells at which it looked.",
        ),
    ];
    for (_, words) in signs.iter().filter(|(occurs, _)| *occurs) {
        legend.push_str(words);
    }
    legend
}

fn operations(violation: &Violation, left_out: &mut Vec<String>) -> String {
    if violation.operations.is_empty() {
        return String::new();
    }
    let mut table = Table::new(
        "The operations involved; those that the contradiction needs are marked",
        &[
            "Operation",
            "Outcome",
            "By",
            "#Invoked",
            "#Completed",
            "#Events",
        ],
    );
    for involved in violation.operations.iter().take(ROWS) {
        let wrong = involved.complete == Some(violation.prefix_end);
        let class = match (wrong, involved.essential) {
            (true, _) => "wrong",
            (false, true) => "essential",
            (false, false) => "around",
        };
        let completed = involved.end_ns.map_or("never known".into(), units::moment);
        let events = match involved.complete {
            Some(complete) => format!("{}–{complete}", involved.invoke),
            None => format!("{}–", involved.invoke),
        };
        table.classed(
            class,
            vec![
                operation::words(involved).into(),
                operation::outcome(&involved.outcome),
                operation::actor(involved).into(),
                units::moment(involved.start_ns).into(),
                completed.into(),
                events.into(),
            ],
        );
    }
    if violation.operations.len() > ROWS {
        left_out.push(format!(
            "{} of a violation beyond the first {ROWS}: verdict.json has them.",
            units::counted((violation.operations.len() - ROWS) as u64, "operation")
        ));
    }
    table.to_string()
}

/// Faults that acted between the first operation that matters and the end of the wrong prefix.
fn faults(data: &Data<'_>, violation: &Violation) -> String {
    let Some(moment_ns) = data.moment_ns(violation) else {
        return String::new();
    };
    let essential = violation.operations.iter().filter(|o| o.essential);
    let from_ns = essential.map(|o| o.start_ns).min().unwrap_or(moment_ns);
    let mut table = Table::new(
        "Faults that acted between the first marked operation and the moment the contradiction was complete",
        &["Fault", "In words", "#From", "#To", "At the moment itself"],
    );
    // The last ones are nearest to the moment.
    let active: Vec<_> = data.active(from_ns, moment_ns).collect();
    for window in active.iter().rev().take(12) {
        let acting = window.meets(moment_ns, moment_ns);
        table.row(vec![
            window.injury.fault.as_str().into(),
            window.injury.description.as_str().into(),
            units::moment(window.from_ns).into(),
            units::moment(window.to_ns).into(),
            if acting { "acting" } else { "healed before" }.into(),
        ]);
    }
    if table.is_empty() {
        return "<p>No fault acted between the first marked operation and the moment the contradiction was complete.</p>\n".into();
    }
    table.to_string()
}
