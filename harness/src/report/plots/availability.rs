//! Availability by node: which share of the operations that were sent to it was served.

use super::super::data::Data;
use super::super::palette::Colour;
use super::super::samples::Counts;
use super::super::units;
use super::Panel;
use super::bins::Bins;
use super::canvas::{Screen, seconds};
use super::strip::{Bar, Row, Words, strip};

/// A row for every node, coloured where it did not serve all.
pub fn panel(data: &Data<'_>) -> Option<Panel> {
    let samples = &data.samples;
    if samples.all.is_empty() {
        return None;
    }
    let bins = Bins::new(data.end_ns, 1_000_000_000);
    let mut counts = vec![vec![Counts::default(); bins.count]; samples.nodes.len()];
    for sample in &samples.all {
        counts[usize::from(sample.node)][bins.of(sample.start_ns)].add(sample.answer);
    }
    let rows: Vec<Row> = (samples.nodes.iter().zip(&counts))
        .map(|(node, counts)| Row {
            label: node.clone(),
            bars: bars(counts, &bins, data.end_ns),
        })
        .collect();
    Some(Panel {
        title: "Availability by node".into(),
        about: format!(
            "Of the operations sent to a node in each {}, how many were served.",
            units::round(bins.width_ns)
        ),
        legend: vec![
            (Colour::HEAT[0], "none served".into()),
            (Colour::HEAT[1], "less than half".into()),
            (Colour::HEAT[2], "less than all".into()),
            (Colour::OK, "all served".into()),
        ],
        svg: strip(data, Screen::Wide, 32, &rows),
        left_out: None,
    })
}

/// Neighbours of one shade are drawn as one bar.
fn bars(counts: &[Counts], bins: &Bins, end_ns: u64) -> Vec<Bar> {
    let shades: Vec<Option<(Colour, f64)>> = (counts.iter())
        .map(|counts| match (counts.served(), counts.total()) {
            (_, 0) => None,
            (0, _) => Some((Colour::HEAT[0], 0.95)),
            (served, total) if served == total => Some((Colour::OK, 0.3)),
            (served, total) if 2 * served < total => Some((Colour::HEAT[1], 0.95)),
            _ => Some((Colour::HEAT[2], 0.95)),
        })
        .collect();
    let mut bars = Vec::new();
    let mut at = 0;
    for run in shades.chunk_by(|a, b| a == b) {
        if let Some((colour, opacity)) = run[0] {
            bars.push(Bar {
                from: bins.from(at),
                to: bins.from(at + run.len()).min(seconds(end_ns)),
                colour,
                opacity,
                words: Words::None,
            });
        }
        at += run.len();
    }
    bars
}
