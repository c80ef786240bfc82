//! What clients got: outcomes by verb and by node, latencies, errors.

use std::collections::BTreeMap;

use checker::Kind;

use super::super::data::Data;
use super::super::html::{Html, Table};
use super::super::samples::{Counts, Sample, latencies, quantile};
use super::super::units;
use super::{count, duration};

/// Errors in the table.
const ERRORS: usize = 10;
/// Verbs or nodes in a table.
const ROWS: usize = 50;

/// The section.
pub fn clients(data: &Data<'_>, left_out: &mut Vec<String>) -> Option<Html> {
    if data.samples.all.is_empty() {
        return Some(Html::raw("<p>Clients invoked no operation.</p>\n"));
    }
    let mut out = by_verb(data);
    out.push_str(&by_node(data));
    out.push_str(&errors(data, left_out));
    Some(Html::raw(out))
}

fn by_verb(data: &Data<'_>) -> String {
    let mut table = table("Outcomes and latencies by verb", "Verb");
    for (verb, name) in data.samples.verbs.iter().enumerate().take(ROWS) {
        let of = |sample: &&Sample| usize::from(sample.verb) == verb;
        table.row(row(name, || data.samples.all.iter().filter(of)));
    }
    if data.samples.verbs.len() > 1 {
        table.classed("sum", row("all", || data.samples.all.iter()));
    }
    table.to_string()
}

fn by_node(data: &Data<'_>) -> String {
    let mut table = table("Outcomes and latencies by the node that was asked", "Node");
    for (node, name) in data.samples.nodes.iter().enumerate().take(ROWS) {
        let of = |sample: &&Sample| usize::from(sample.node) == node;
        table.row(row(name, || data.samples.all.iter().filter(of)));
    }
    table.to_string()
}

fn table(caption: &str, first: &str) -> Table {
    Table::new(
        caption,
        &[
            first,
            "#ok",
            "#compared unequal",
            "#fail",
            "#info",
            "#Served",
            "#p50",
            "#p90",
            "#p99",
            "#p99.9",
            "#worst",
        ],
    )
}

fn row<'a, I: Iterator<Item = &'a Sample>>(name: &str, samples: impl Fn() -> I) -> Vec<Html> {
    let counts: Counts = samples().collect();
    let sorted = latencies(samples());
    let mut cells = vec![
        name.into(),
        count(counts.ok),
        count(counts.unequal),
        count(counts.fail),
        count(counts.info),
        units::percent(counts.served(), counts.total()).into(),
    ];
    cells.extend([0.5, 0.9, 0.99, 0.999, 1.0].map(|q| duration(quantile(&sorted, q))));
    cells
}

fn errors(data: &Data<'_>, left_out: &mut Vec<String>) -> String {
    let mut by_text: BTreeMap<(&str, &str), u64> = BTreeMap::new();
    let columns = data.run.history.columns();
    for event in 0..columns.len() {
        let outcome = match columns.kind(event) {
            Kind::Fail => "fail",
            Kind::Info if columns.process(event) != checker::Process::Nemesis => "info",
            _ => continue,
        };
        let error = columns.error(event).map(|error| error.as_str());
        let error = error.unwrap_or(match columns.current(event) {
            Some(_) => "(compared unequal)",
            None => "(no reason given)",
        });
        *by_text.entry((error, outcome)).or_default() += 1;
    }
    if by_text.is_empty() {
        return "<p>No operation ended in fail or info.</p>\n".into();
    }
    let mut errors: Vec<((&str, &str), u64)> = by_text.into_iter().collect();
    errors.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut table = Table::new(
        "Why operations did not end in ok, the most frequent first",
        &["Reason", "Outcome", "#Operations"],
    );
    for ((error, outcome), count) in errors.iter().take(ERRORS) {
        let words: String = error.chars().take(300).collect();
        table.row(vec![
            words.into(),
            super::operation::outcome(outcome),
            units::count(*count).into(),
        ]);
    }
    if errors.len() > ERRORS {
        left_out.push(format!(
            "{} beyond the {ERRORS} most frequent: history.jsonl has them all.",
            units::counted((errors.len() - ERRORS) as u64, "kind of error")
                .replace("errors", "error")
        ));
    }
    table.to_string()
}
