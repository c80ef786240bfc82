//! What clock and disk faults did, as the nodes themselves told it.

use super::super::data::Data;
use super::super::palette::Colour;
use super::Panel;
use super::bins::Bins;
use super::canvas::{Axes, Screen, seconds};
use super::strip::{Bar, Row, Words, strip};
use crate::observation::{NodeStatus, Observation};

/// The offset of clocks and the times of a full disk, each where such faults were on.
pub fn panels(data: &Data<'_>) -> Vec<Panel> {
    let faults = data.faults();
    let mut panels = Vec::new();
    if faults.contains(&"clock-skew") {
        panels.extend(offsets(data));
    }
    if faults.contains(&"disk-full") {
        panels.push(disks(data));
    }
    panels
}

fn statuses<'a>(data: &'a Data<'_>) -> impl Iterator<Item = (u64, usize, Option<&'a NodeStatus>)> {
    data.run
        .observations
        .iter()
        .filter_map(|observation| match observation {
            Observation::Status {
                time_ns,
                node,
                status,
            } => Some((*time_ns, data.node(node)?, status.as_ref())),
            _ => None,
        })
}

fn offsets(data: &Data<'_>) -> Option<Panel> {
    let bins = Bins::new(data.end_ns, 200_000_000);
    let mut offsets: Vec<Vec<Option<f64>>> = vec![vec![None; bins.count]; data.nodes.len()];
    let mut any = false;
    for (time_ns, node, status) in statuses(data) {
        if let Some(offset) = status.and_then(|status| status.clock_offset_ms) {
            any = true;
            let widest = &mut offsets[node][bins.of(time_ns)];
            if widest.is_none_or(|widest| offset.abs() > widest.abs()) {
                *widest = Some(offset);
            }
        }
    }
    if !any {
        return None;
    }
    let ticks = [
        (-3_600_000.0, "−1 h"),
        (-60_000.0, "−1 min"),
        (-1_000.0, "−1 s"),
        (0.0, "0"),
        (1_000.0, "+1 s"),
        (60_000.0, "+1 min"),
        (3_600_000.0, "+1 h"),
    ];
    let high = scale(7_200_000.0);
    let axes = Axes {
        data,
        screen: Screen::Wide,
        height: 210,
        range: (-high, high),
        ticks: ticks
            .map(|(ms, label)| (scale(ms), label.to_string()))
            .into(),
        grid: true,
    };
    let svg = axes.draw(|canvas| {
        for (node, offsets) in offsets.iter().enumerate() {
            let points = offsets.iter().enumerate();
            let points = points.map(|(at, offset)| {
                (
                    bins.middle(at, data.end_ns),
                    offset.map(|ms| scale(ms).clamp(-high, high)),
                )
            });
            canvas.line(points, Colour::node(node))?;
        }
        Ok(())
    });
    Some(Panel {
        title: "Clock offset".into(),
        about: "Each node's wall clock against the harness' own; offsets of less than 10 ms are drawn as none.".into(),
        legend: (data.nodes.iter().enumerate())
            .map(|(at, node)| (Colour::node(at), node.clone()))
            .collect(),
        svg,
        left_out: None,
    })
}

/// Logarithmic to both sides, from 10 ms on.
fn scale(ms: f64) -> f64 {
    ms.signum() * (ms.abs() / 10.0).max(1.0).log10()
}

fn disks(data: &Data<'_>) -> Panel {
    let mut rows: Vec<Row> = (data.nodes.iter())
        .map(|node| Row {
            label: node.clone(),
            bars: Vec::new(),
        })
        .collect();
    let mut full_since: Vec<Option<u64>> = vec![None; data.nodes.len()];
    let mut close = |node: usize, since_ns: Option<u64>, to_ns: u64| {
        if let Some(from_ns) = since_ns {
            rows[node].bars.push(Bar {
                from: seconds(from_ns),
                to: seconds(to_ns.max(from_ns)),
                colour: Colour::fault("disk-full"),
                opacity: 0.8,
                words: Words::None,
            });
        }
    };
    for (time_ns, node, status) in statuses(data) {
        // A node that does not answer tells nothing: what it said last holds.
        match status.map(|status| status.disk_full) {
            Some(true) => {
                full_since[node].get_or_insert(time_ns);
            }
            Some(false) => close(node, full_since[node].take(), time_ns),
            None => {}
        }
    }
    for (node, since_ns) in full_since.into_iter().enumerate() {
        close(node, since_ns, data.end_ns);
    }
    Panel {
        title: "Disk full".into(),
        about: "While a node reported that its disk takes no more writes.".into(),
        legend: Vec::new(),
        svg: strip(data, Screen::Wide, 30, &rows),
        left_out: None,
    }
}
