//! What the nodes' own evidence shows: each invariant with its tests, and the rare situations that came up or did not.

use checker::whitebox::Sometimes;

use super::super::data::Data;
use super::super::html::{Html, Table, text};
use super::super::units;

/// The section on invariants; nothing where nodes left no evidence.
pub fn whitebox(data: &Data<'_>, left_out: &mut Vec<String>) -> Option<Html> {
    let Some(judgement) = data.run.judgement.as_ref() else {
        left_out.push("What nodes did inside was not judged: they left no evidence.".into());
        return None;
    };
    let mut invariants = Table::new(
        format!(
            "Invariants put to the test by {} of the nodes",
            units::counted(judgement.events, "event")
        ),
        &["Invariant", "What must hold", "#Tests", "#Violations"],
    );
    for (invariant, tests) in &judgement.checks {
        let violated = judgement.violated.get(invariant).copied().unwrap_or(0);
        let class = if violated > 0 { "invalid" } else { "" };
        invariants.classed(
            class,
            vec![
                invariant.to_string().into(),
                invariant.statement().into(),
                super::count(*tests),
                super::count(violated),
            ],
        );
    }
    Some(Html::raw(invariants.to_string()))
}

/// The section on rare situations: what the run has seen, with counts, and what it has never seen.
pub fn sometimes(data: &Data<'_>) -> Option<Html> {
    let situations = situations(data);
    let mut seen: Vec<_> = situations.iter().filter(|(_, count)| *count > 0).collect();
    seen.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let never: Vec<_> = situations.iter().filter(|(_, count)| *count == 0).collect();
    let mut out = format!(
        "<p>Mistakes hide in situations that come up only sometimes. This run saw {} of {}; one that it never saw could not have shown its mistakes.</p>\n",
        seen.len(),
        situations.len()
    );
    if !never.is_empty() {
        out.push_str("<h3>Never seen</h3>\n<ul class=\"never\">\n");
        for (what, _) in never {
            out.push_str(&format!("<li>{}</li>\n", text(what)));
        }
        out.push_str("</ul>\n");
    }
    if !seen.is_empty() {
        let mut table = Table::new("Seen, the most frequent first", &["Situation", "#Times"]);
        for (what, count) in seen {
            table.row(vec![(*what).into(), super::count(*count)]);
        }
        out.push_str(&table.to_string());
    }
    Some(Html::raw(out))
}

/// What clients and the harness can see of any system, then what nodes' evidence tells, each with how often it was seen.
fn situations(data: &Data<'_>) -> Vec<(&'static str, u64)> {
    let number = |count: usize| count as u64;
    let together = data.windows.iter().enumerate().filter(|(at, window)| {
        let mut others = data.windows[at + 1..].iter();
        others.any(|other| other.meets(window.from_ns, window.to_ns))
    });
    let overtaken = data
        .run
        .messages
        .iter()
        .filter(|message| message.late_us > 0);
    let dropped = data.run.messages.iter().filter(|message| message.dropped);
    let mut all = vec![
        ("an operation's outcome stayed unknown", data.counts.info),
        ("a compare-and-set found another value", data.counts.unequal),
        (
            "nobody in the cluster was served for a while",
            number(data.outages.all.len()),
        ),
        ("faults acted at the same time", number(together.count())),
    ];
    if !data.run.observations.is_empty() {
        all.push(("another node became leader", data.leaders.changes()));
        all.push((
            "log entries were rolled back",
            number(data.rollbacks.all.len()),
        ));
    }
    if !data.run.messages.is_empty() {
        all.push((
            "a message between nodes was dropped",
            number(dropped.count()),
        ));
        all.push((
            "a message between nodes came late",
            number(overtaken.count()),
        ));
    }
    if let Some(judgement) = &data.run.judgement {
        let inside = Sometimes::ALL.into_iter();
        all.extend(inside.map(|what| (what.description(), judgement.coverage.count(what))));
    }
    all
}
