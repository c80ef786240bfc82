//! The first drawing of the page: faults above, what clients got beneath, on one axis.

use super::super::data::Data;
use super::super::palette::Colour;
use super::Panel;
use super::strip::strip;
use super::{bands, rate};

/// The strip of faults and the rate, small.
pub fn overview(data: &Data<'_>) -> Vec<Panel> {
    let mut panels = Vec::new();
    let rows = bands::rows(data);
    if !rows.is_empty() {
        panels.push(Panel {
            title: "What was broken".into(),
            about: "Each bar is one fault acting on the cluster.".into(),
            legend: Vec::new(),
            svg: strip(data, 28, &rows),
            left_out: None,
        });
    }
    if let Some((svg, _)) = rate::draw(data, 150) {
        panels.push(Panel {
            title: "What clients got".into(),
            about: "Operations completed each second.".into(),
            legend: vec![
                (Colour::OK, "ok".into()),
                (Colour::FAIL, "fail".into()),
                (Colour::INFO, "info (unknown)".into()),
            ],
            svg,
            left_out: None,
        });
    }
    panels
}
