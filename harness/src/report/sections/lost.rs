//! Acknowledged writes that are in no log any more, by key and index.

use super::super::data::Data;
use super::super::html::{Html, Table, text};
use super::super::units;
use crate::kept::{CHECKER, Lost};

/// Lost writes in a table.
const ROWS: usize = 500;

/// What the check of acknowledged writes found, and each lost one; nothing where it had nothing to look up.
pub fn lost(data: &Data<'_>, left_out: &mut Vec<String>) -> String {
    let Some(verdict) = data.run.verdicts.iter().find(|v| v.checker == CHECKER) else {
        return String::new();
    };
    let mode = data.run.plan.replication;
    let summary = text(&verdict.summary);
    let said = format!("<p>Looked up in what the nodes had in the end ({mode}): {summary}.</p>\n");
    let lost = verdict.details.get("lost").cloned().unwrap_or_default();
    let lost: Vec<Lost> = serde_json::from_value(lost).unwrap_or_default();
    if lost.is_empty() {
        return said;
    }
    if let Some(rest) = lost.len().checked_sub(ROWS).filter(|rest| *rest > 0) {
        let rest = units::counted(rest as u64, "lost write");
        left_out.push(format!(
            "{rest} beyond the first {ROWS}: verdict.json has them all."
        ));
    }
    format!(
        "{said}{}",
        table("Acknowledged and lost, by key and index", &lost)
    )
}

/// The first of them, as a table.
pub fn table(caption: &str, lost: &[Lost]) -> Html {
    let columns = [
        "Key",
        "#Index",
        "Entry",
        "Write",
        "Asked",
        "#Acknowledged at",
        "Led by",
        "Dropped by",
    ];
    let mut table = Table::new(caption, &columns);
    for lost in lost.iter().take(ROWS) {
        let dropped = lost.dropped_by.iter();
        let dropped = dropped.map(|(node, ns)| format!("{node} at {}", units::moment(*ns)));
        let dropped: Vec<String> = dropped.collect();
        table.row(vec![
            lost.key.as_str().into(),
            lost.index.map_or("–".into(), units::count).into(),
            lost.entry.as_deref().unwrap_or("–").into(),
            format!("{} {}", lost.f, lost.value).into(),
            lost.asked.as_str().into(),
            units::moment(lost.time_ns).into(),
            lost.led_by.as_deref().unwrap_or("–").into(),
            dropped.join(", ").into(),
        ]);
    }
    Html::raw(table.to_string())
}

#[cfg(test)]
mod tests {
    use checker::{Valid, Verdict};
    use serde_json::json;

    use super::super::super::fixture;
    use super::*;

    #[test]
    fn every_lost_write_is_told_by_key_and_index_and_escaped() {
        let mut run = fixture::valid();
        let one = Lost {
            key: "<k>".into(),
            f: "write".into(),
            value: json!(417),
            entry: Some("318@2".into()),
            index: Some(318),
            asked: "n5".into(),
            time_ns: 1_440_000_000,
            event: 12,
            led_by: None,
            dropped_by: vec![("n3".into(), 2_806_000_000)],
            beyond: None,
        };
        run.verdicts.push(Verdict {
            checker: CHECKER.into(),
            valid: Valid::Yes,
            summary: "one was lost".into(),
            violations: Vec::new(),
            details: json!({ "lost": vec![one; ROWS + 1] }),
        });
        let mut left_out = Vec::new();
        let section = lost(&Data::new(&run), &mut left_out);
        assert_eq!(section.matches("318@2").count(), ROWS);
        assert!(section.contains("&lt;k&gt;") && !section.contains("<k>"));
        assert!(
            section.contains("write 417") && section.contains("n3 at 2.806"),
            "{section}"
        );
        assert_eq!(left_out.len(), 1);
    }
}
