//! Replication lag: how far each follower's disk was behind the leader's log.

use super::super::data::Data;
use super::super::palette::Colour;
use super::super::units;
use super::Panel;
use super::bins::Bins;
use super::canvas::{Axes, Screen};
use crate::observation::Observation;

/// Entries that the leader had and a follower's disk had not, the most in each stretch of time.
pub fn panel(data: &Data<'_>) -> Option<Panel> {
    let bins = Bins::new(data.end_ns, 200_000_000);
    // The newest leader's view counts: a deposed one knows nothing of what is acknowledged elsewhere.
    let mut newest = vec![0; bins.count];
    let mut lags: Vec<Vec<Option<u64>>> = vec![vec![None; bins.count]; data.nodes.len()];
    for observation in &data.run.observations {
        let Observation::Status {
            time_ns,
            status: Some(status),
            ..
        } = observation
        else {
            continue;
        };
        let bin = bins.of(*time_ns);
        if status.role != "leader" || status.term < newest[bin] {
            continue;
        }
        if status.term > newest[bin] {
            newest[bin] = status.term;
            for lag in &mut lags {
                lag[bin] = None;
            }
        }
        for follower in &status.followers {
            if let Some(node) = data.node(&follower.node) {
                let lag = status.last.saturating_sub(follower.durable);
                lags[node][bin] = lags[node][bin].max(Some(lag));
            }
        }
    }
    let highest = lags.iter().flatten().flatten().max()?;
    let high = scale(*highest).ceil().max(2.0);
    let axes = Axes {
        data,
        screen: Screen::Wide,
        height: 190,
        range: (0.0, high + 0.1),
        ticks: (0..=high as u32)
            .map(|tick| {
                let entries = if tick == 0 {
                    0
                } else {
                    10u64.saturating_pow(tick - 1)
                };
                (f64::from(tick), units::count(entries))
            })
            .collect(),
        grid: true,
    };
    let svg = axes.draw(|canvas| {
        for (node, lag) in lags.iter().enumerate() {
            let points = lag.iter().enumerate();
            let points = points.map(|(at, lag)| (bins.middle(at, data.end_ns), lag.map(scale)));
            canvas.line(points, Colour::node(node))?;
        }
        Ok(())
    });
    Some(Panel {
        title: "Replication lag".into(),
        about: format!(
            "Log entries that the leader had and a follower's disk had not, the most in each {}; as the leader of the highest term saw it.",
            units::round(bins.width_ns)
        ),
        legend: (data.nodes.iter().enumerate())
            .map(|(at, node)| (Colour::node(at), node.clone()))
            .collect(),
        svg,
        left_out: None,
    })
}

/// Logarithmic, with a place for none: 0, 1, 10, 100 … are 0, 1, 2, 3 …
fn scale(entries: u64) -> f64 {
    match entries {
        0 => 0.0,
        entries => 1.0 + (entries as f64).log10(),
    }
}
