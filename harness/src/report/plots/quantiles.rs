//! Quantiles of latency over time.

use super::super::data::Data;
use super::super::palette::Colour;
use super::super::samples::quantile;
use super::super::units;
use super::Panel;
use super::bins::Bins;
use super::canvas::{Axes, Screen};

/// Median, 95th and 99th percentile of served operations.
pub fn panel(data: &Data<'_>) -> Option<Panel> {
    const QUANTILES: [(f64, Colour, &str); 3] = [
        (0.99, Colour::P99, "p99"),
        (0.95, Colour::P95, "p95"),
        (0.5, Colour::P50, "p50"),
    ];
    let (low, high) = (*data.latencies.first()?, *data.latencies.last()?);
    let bins = Bins::new(data.end_ns, 200_000_000);
    let mut latencies: Vec<Vec<u64>> = vec![Vec::new(); bins.count];
    for sample in data.samples.all.iter().filter(|s| s.answer.served()) {
        latencies[bins.of(sample.end_ns)].push(sample.latency_ns());
    }
    for bin in &mut latencies {
        bin.sort_unstable();
    }
    let decade = |ns: u64| (ns.max(1) as f64).log10();
    let range = (decade(low).floor(), (decade(high) + 0.001).ceil());
    let axes = Axes {
        data,
        screen: Screen::Wide,
        height: 210,
        range,
        ticks: super::latency::decades(range),
        grid: true,
    };
    let svg = axes.draw(|canvas| {
        for (q, colour, _) in QUANTILES {
            let points = latencies.iter().enumerate();
            let points = points
                .map(|(at, bin)| (bins.middle(at, data.end_ns), quantile(bin, q).map(decade)));
            canvas.line(points, colour)?;
        }
        Ok(())
    });
    Some(Panel {
        title: "Latency quantiles".into(),
        about: format!(
            "Of the operations that were served in each {}; a line stops where none was.",
            units::round(bins.width_ns)
        ),
        legend: (QUANTILES.iter().rev())
            .map(|(_, colour, name)| (*colour, name.to_string()))
            .collect(),
        svg,
        left_out: None,
    })
}
