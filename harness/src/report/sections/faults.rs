//! What was done to the cluster, what it measurably did, and what clients felt meanwhile.

use super::super::data::Data;
use super::super::html::{Html, Table, text};
use super::super::looks;
use super::super::samples::quantile;
use super::super::units;
use super::super::windows::{Felt, Window, complement, union};
use super::{count, duration};
use crate::injury::Injury;

/// Injuries in the table of each.
const ROWS: usize = 1_000;
/// So few are not folded away.
const FEW: usize = 12;

/// The section; nothing where no fault was planned.
pub fn faults(data: &Data<'_>, left_out: &mut Vec<String>) -> Option<Html> {
    if data.faults().is_empty() {
        return Some(Html::raw(
            "<p>No faults were planned: the cluster was left alone.</p>\n",
        ));
    }
    let mut out = by_kind(data);
    out.push_str(&each(data, left_out));
    Some(Html::raw(out))
}

/// One row for quiet time, one for each kind of fault.
fn by_kind(data: &Data<'_>) -> String {
    let shortest = units::round(data.outages.shortest_ns);
    let unequal = match data.counts.unequal {
        0 => String::new(),
        unequal => format!(
            " ok includes {} that compared unequal: the node did answer.",
            units::counted(unequal, "compare-and-set operation")
        ),
    };
    let mut table = Table::new(
        format!(
            "What clients felt, by kind of fault. Operations are counted where they were invoked; an outage is a stretch of at least {shortest} in which clients waited and nobody in the whole cluster was served, and belongs to the faults during which it began.{unequal}"
        ),
        &[
            "While",
            "#Injuries",
            "#With effect",
            "#Longest outage",
            "#Outage in all",
            "#ok",
            "#fail",
            "#info",
            "#p50",
            "#p99",
            "#Heal to first ok, median",
            "#worst",
        ],
    );
    let quiet = complement(&union(&data.windows), 0, data.samples.end_ns);
    let felt = Felt::over(&quiet, &data.samples, &data.outages);
    table.classed("quiet", row("no fault".into(), None, &felt, &[]));
    for kind in data.faults() {
        let windows: Vec<Window<'_>> = (data.windows.iter().copied())
            .filter(|window| window.injury.fault == kind)
            .collect();
        let felt = Felt::over(&union(&windows), &data.samples, &data.outages);
        let mut recoveries: Vec<u64> = (windows.iter())
            .filter_map(|w| Felt::during(w, &data.samples, &data.outages).recovery_ns)
            .collect();
        recoveries.sort_unstable();
        let injuries = data
            .run
            .injuries
            .iter()
            .filter(|injury| injury.fault == kind);
        let (all, effective) = injuries.fold((0, 0), |(all, effective), injury| {
            (all + 1, effective + u64::from(injury.effect.is_some()))
        });
        let name = Html::raw(format!(
            "<span class=\"kind\">{}{}</span>",
            looks::swatch(kind),
            text(kind)
        ));
        table.row(row(name, Some((all, effective)), &felt, &recoveries));
    }
    table.to_string()
}

fn row(name: Html, injuries: Option<(u64, u64)>, felt: &Felt, recoveries: &[u64]) -> Vec<Html> {
    let outage = |ns| duration(Some(ns).filter(|ns| *ns > 0));
    vec![
        name,
        injuries.map_or("–".into(), |(all, _)| units::count(all).into()),
        injuries.map_or("–".into(), |(_, effective)| {
            units::count(effective).into()
        }),
        outage(felt.longest_outage_ns),
        outage(felt.outage_ns),
        count(felt.counts.served()),
        count(felt.counts.fail),
        count(felt.counts.info),
        duration(felt.p50_ns),
        duration(felt.p99_ns),
        duration(quantile(recoveries, 0.5)),
        duration(recoveries.last().copied()),
    ]
}

/// Every injury; folded away where there are many.
fn each(data: &Data<'_>, left_out: &mut Vec<String>) -> String {
    let injuries = &data.run.injuries;
    if injuries.is_empty() {
        return "<p>None was inflicted.</p>\n".into();
    }
    let mut table = Table::new(
        "Each injury: what was asked for, what was measured, what clients felt. Latencies are those of operations invoked in the second before it, while it acted, and in the second after its heal.",
        &[
            "Injury",
            "Measured effect",
            "#From",
            "#Lasted (asked for)",
            "#Outage",
            "#ok",
            "#fail",
            "#info",
            "#p50 before, during, after",
            "#p99 before, during, after",
            "#Heal to first ok",
        ],
    );
    for injury in injuries.iter().take(ROWS) {
        let window = data.windows.iter().find(|w| w.injury.id == injury.id);
        let class = if injury.effect.is_some() { "" } else { "idle" };
        table.classed(class, injury_cells(data, injury, window));
    }
    if injuries.len() > ROWS {
        left_out.push(format!(
            "{} beyond the first {ROWS} in the table of faults: injuries.jsonl has them all.",
            units::counted((injuries.len() - ROWS) as u64, "injury").replace("injurys", "injuries")
        ));
    }
    format!(
        "<details{}><summary>Each of the {}</summary>\n{table}</details>\n",
        if injuries.len() <= FEW { " open" } else { "" },
        text(match injuries.len() {
            1 => "injuries: 1".to_string(),
            many => format!("{} injuries", units::count(many as u64)),
        })
    )
}

fn injury_cells(data: &Data<'_>, injury: &Injury, window: Option<&Window<'_>>) -> Vec<Html> {
    let name = Html::raw(format!(
        "{} {} {}<br><small>{}</small>",
        injury.id,
        text(&injury.fault),
        text(&injury.shape),
        text(&injury.description)
    ));
    let asked = injury.planned_ns[1].saturating_sub(injury.planned_ns[0]);
    let asked = units::duration(asked);
    let Some(window) = window else {
        let mut cells = vec![
            name,
            effect(injury),
            units::moment(injury.planned_ns[0]).into(),
        ];
        cells.push(format!("– ({asked})").into());
        cells.resize(11, "–".into());
        return cells;
    };
    let felt = Felt::during(window, &data.samples, &data.outages);
    let (p50_ns, p99_ns) = Felt::before(window, &data.samples);
    let (p50_after_ns, p99_after_ns) = Felt::after(window, &data.samples);
    let three =
        |all: [Option<u64>; 3]| Html::raw(all.map(|ns| duration(ns).to_string()).join(", "));
    let lasted = units::duration(window.to_ns - window.from_ns);
    vec![
        name,
        effect(injury),
        units::moment(window.from_ns).into(),
        format!("{lasted} ({asked})").into(),
        duration(Some(felt.longest_outage_ns).filter(|ns| *ns > 0)),
        count(felt.counts.served()),
        count(felt.counts.fail),
        count(felt.counts.info),
        three([p50_ns, felt.p50_ns, p50_after_ns]),
        three([p99_ns, felt.p99_ns, p99_after_ns]),
        duration(felt.recovery_ns),
    ]
}

fn effect(injury: &Injury) -> Html {
    match (&injury.effect, &injury.error) {
        (Some(effect), None) => effect.as_str().into(),
        (Some(effect), Some(error)) => format!("{effect}; but: {error}").into(),
        (None, Some(error)) => format!("not counted: {error}").into(),
        (None, None) => "no measurable effect, not counted".into(),
    }
}
