//! The page that compares replication modes: one table, then every lost write.

use super::html::{Html, Table, code, text};
use super::sections::lost_writes;
use super::{palette, units};
use crate::modes::{Comparison, Row, lost_in_words, word};

const STYLE: &str = include_str!("style.css");

/// The whole page: it loads nothing.
pub fn modes(comparison: &Comparison) -> String {
    let plan = &comparison.plan;
    let faults = match plan.nemesis.as_slice() {
        [] => "none".to_string(),
        faults => faults.join(", "),
    };
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>Replication modes</title>\n<style>\n{}{STYLE}</style>\n</head>\n<body>\n<main>\n<header>\n\
         <h1>What each replication mode costs, and what it loses</h1>\n\
         <p>The same plan in every mode: {} of {}, {}, {} for {}, faults: {}, seed {}.</p>\n</header>\n",
        palette::style_sheet(),
        units::counted(plan.nodes.into(), "node"),
        text(&plan.system),
        text(&plan.workload),
        units::counted(plan.concurrency as u64, "client"),
        units::duration(u64::try_from(plan.time.as_nanos()).unwrap_or(u64::MAX)),
        text(faults),
        plan.seed,
    );
    out.push_str(&table(&comparison.rows));
    for row in &comparison.rows {
        out.push_str(&lost(row));
        for strict in &row.strict {
            out.push_str(&format!("<p>{}: {}</p>\n", row.replication, text(strict)));
        }
    }
    out.push_str(&format!(
        "<h2>Repeat it</h2>\n<pre tabindex=\"0\">{}</pre>\n</main>\n</body>\n</html>\n",
        code(&comparison.command)
    ));
    out
}

fn table(rows: &[Row]) -> String {
    let mut table = Table::new(
        "Times of served operations; unavailable: somebody waited and nobody was served for 100 ms or more",
        &[
            "Mode",
            "#Writes p50",
            "#Writes p99",
            "#No writes for",
            "#Longest",
            "#Reads p50",
            "#Reads p99",
            "#No reads for",
            "#Acknowledged writes",
            "#Lost",
            "Verdict",
        ],
    );
    for row in rows {
        let time = |ns: Option<u64>| Html::from(ns.map_or("–".into(), units::duration));
        let (writes, reads) = (&row.writes, &row.reads);
        table.row(vec![
            row.replication.name().into(),
            time(writes.p50_ns),
            time(writes.p99_ns),
            time(Some(writes.unavailable_ns)),
            time(Some(writes.longest_outage_ns)),
            time(reads.p50_ns),
            time(reads.p99_ns),
            time(Some(reads.unavailable_ns)),
            units::count(row.acknowledged).into(),
            lost_in_words(row).into(),
            word(row.exit_code).into(),
        ]);
    }
    table.to_string()
}

fn lost(row: &Row) -> String {
    let lost = row.lost.as_deref().unwrap_or_default();
    if lost.is_empty() {
        return String::new();
    }
    let caption = format!(
        "Acknowledged in {} and lost, by key and index",
        row.replication
    );
    let all = "<p>modes.json has them all.</p>\n";
    format!("{}{all}", lost_writes(&caption, lost))
}
