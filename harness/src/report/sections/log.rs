//! What became of the logs: who led, what was rolled back, and whether anything acknowledged was.

use super::super::data::Data;
use super::super::html::{Html, Table, text};
use super::super::rollbacks::ranges;
use super::super::units;

/// Rollbacks in the table.
const ROWS: usize = 100;

/// The section; nothing where nothing was observed.
pub fn log(data: &Data<'_>, left_out: &mut Vec<String>) -> Option<Html> {
    if data.run.observations.is_empty() {
        return None;
    }
    let leaders = &data.leaders;
    let mut out = format!(
        "<p>Elections won: {} in {}, {} of them by another node than the one before; the highest term was {}.</p>\n",
        units::count(leaders.elections()),
        units::duration(data.end_ns),
        units::count(leaders.changes()),
        units::count(leaders.highest_term)
    );
    let split = leaders.split_terms();
    if !split.is_empty() {
        let terms: Vec<String> = split.iter().take(20).map(u64::to_string).collect();
        out.push_str(&format!(
            "<p class=\"alarm\"><strong>Two leaders in one term:</strong> {} had more than one. Raft promises that this never happens.</p>\n",
            text(format!("term {}", terms.join(", ")))
        ));
    }
    out.push_str(&rollbacks(data, left_out));
    out.push_str(&super::lost::lost(data, left_out));
    Some(Html::raw(out))
}

fn rollbacks(data: &Data<'_>, left_out: &mut Vec<String>) -> String {
    let rollbacks = &data.rollbacks;
    if rollbacks.all.is_empty() {
        return "<p>No log entry was rolled back on any node.</p>\n".into();
    }
    let entries = match rollbacks.entries() {
        1 => "1 log entry was".to_string(),
        many => format!("{} log entries were", units::count(many)),
    };
    let mut out = format!("<p>{entries} rolled back. ");
    if !rollbacks.betrayed.is_empty() {
        let count = rollbacks.betrayed.len() as u64;
        let plan = &data.run.plan;
        let allowed = !plan.promise().keeps();
        out.push_str(&format!(
            "</p>\n<p class=\"alarm\"><strong>{} rolled back although a client had been told that it was done.</strong> {}</p>\n",
            if count == 1 { "1 entry was".to_string() } else { format!("{} entries were", units::count(count)) },
            if allowed { "That is the price of this replication mode." } else { "That is a lost write." },
        ));
        let mut table = Table::new(
            "Acknowledged, then rolled back",
            &[
                "Entry",
                "Rolled back on",
                "#Seen at",
                "#Acknowledged by event",
            ],
        );
        for betrayed in rollbacks.betrayed.iter().take(ROWS) {
            table.classed(
                "wrong",
                vec![
                    betrayed.entry.as_str().into(),
                    betrayed.node.as_str().into(),
                    units::moment(betrayed.time_ns).into(),
                    units::count(betrayed.event).into(),
                ],
            );
        }
        out.push_str(&table.to_string());
    } else if rollbacks.acknowledged == 0 {
        out.push_str("Whether one of them had been acknowledged cannot be told: no acknowledgement named its entry.</p>\n");
    } else {
        out.push_str(&format!(
            "<strong class=\"fine\">None of them had been acknowledged</strong> (checked against {}).</p>\n",
            units::counted(rollbacks.acknowledged as u64, "acknowledged entrie").replace("1 acknowledged entrie", "1 acknowledged entry")
        ));
    }
    let mut table = Table::new(
        "Rolled back: entries (index@term) that a node dropped for those of a newer leader",
        &["#Seen at", "Node", "#Entries", "Which"],
    );
    for rollback in rollbacks.all.iter().take(ROWS) {
        table.row(vec![
            units::moment(rollback.time_ns).into(),
            rollback.node.as_str().into(),
            units::count(rollback.entries.len() as u64).into(),
            shortened(ranges(&rollback.entries)).into(),
        ]);
    }
    if rollbacks.all.len() > ROWS {
        left_out.push(format!(
            "{} beyond the first {ROWS}: observations.jsonl has them all.",
            units::counted((rollbacks.all.len() - ROWS) as u64, "rollback")
        ));
    }
    format!(
        "{out}<details open><summary>Which entries, on which node</summary>\n{table}</details>\n"
    )
}

/// At most 200 letters.
fn shortened(words: String) -> String {
    match words.char_indices().nth(200) {
        Some((at, _)) => format!("{}…", &words[..at]),
        None => words,
    }
}
