//! What the nodes' own evidence shows: each invariant with its tests, and the rare situations.

use checker::whitebox::Sometimes;

use super::super::data::Data;
use super::super::html::{Html, Table};
use super::super::units;

/// The section; nothing where nodes left no evidence.
pub fn whitebox(data: &Data<'_>) -> Option<Html> {
    let judgement = data.run.judgement.as_ref()?;
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
    let mut rare = Table::new(
        "Rare situations in which mistakes hide: one that was never seen could not have shown its mistakes",
        &["Situation", "#Times"],
    );
    for what in Sometimes::ALL {
        let count = judgement.coverage.count(what);
        rare.row(vec![what.description().into(), super::count(count)]);
    }
    Some(Html::raw(format!("{invariants}{rare}")))
}
