//! Operations a second, by outcome.

use super::super::data::Data;
use super::super::palette::Colour;
use super::super::samples::{Answer, Counts};
use super::super::units;
use super::Panel;
use super::bins::Bins;
use super::canvas::{Axes, Screen};

/// The plot of rates.
pub fn panel(data: &Data<'_>) -> Option<Panel> {
    let (svg, bins) = draw(data, Screen::Wide, 210)?;
    Some(Panel {
        title: "Rate".into(),
        about: format!(
            "Completions a second, counted in stretches of {}.",
            units::round(bins.width_ns)
        ),
        legend: legend(data),
        svg,
        left_out: None,
    })
}

/// What its colours mean.
pub fn legend(data: &Data<'_>) -> Vec<(Colour, String)> {
    let mut legend = vec![(Colour::OK, "ok".to_string())];
    if data.counts.unequal > 0 {
        legend.push((Colour::UNEQUAL, "compared unequal".into()));
    }
    legend.push((Colour::FAIL, "fail".into()));
    legend.push((Colour::INFO, "info (unknown)".into()));
    legend
}

/// The drawing for a screen, in a height of its own; nothing without operations.
pub fn draw(
    data: &Data<'_>,
    screen: Screen,
    height: u32,
) -> Option<(Result<String, String>, Bins)> {
    if data.samples.all.is_empty() {
        return None;
    }
    let bins = Bins::new(data.end_ns, 200_000_000);
    let mut counts = vec![Counts::default(); bins.count];
    for sample in &data.samples.all {
        counts[bins.of(sample.end_ns)].add(sample.answer);
    }
    // The last stretch is rarely whole: its rate is over what there is of it.
    let width = |at: usize| {
        let from_ns = bins.width_ns * at as u64;
        let width_ns = bins.width_ns.min(data.end_ns.saturating_sub(from_ns));
        super::canvas::seconds(width_ns.max(bins.width_ns / 10))
    };
    let of = |counts: &Counts, answer: Answer| match answer {
        Answer::Ok => counts.ok,
        Answer::Unequal => counts.unequal,
        Answer::Fail => counts.fail,
        Answer::Info => counts.info,
    };
    let mut lines = vec![
        (Answer::Info, Colour::INFO),
        (Answer::Fail, Colour::FAIL),
        (Answer::Ok, Colour::OK),
    ];
    if data.counts.unequal > 0 {
        lines.insert(0, (Answer::Unequal, Colour::UNEQUAL));
    }
    let rate = |at: usize, answer: Answer| of(&counts[at], answer) as f64 / width(at);
    let high = (0..bins.count)
        .flat_map(|at| lines.iter().map(move |(answer, _)| (at, *answer)))
        .map(|(at, answer)| rate(at, answer))
        .fold(1.0, f64::max);
    let step = round_step(high / 3.0);
    let axes = Axes {
        data,
        screen,
        height,
        range: (0.0, high * 1.05),
        ticks: (0..=4)
            .map(|number| f64::from(number) * step)
            .take_while(|value| *value <= high * 1.05)
            .map(|value| (value, format!("{}/s", units::count(value as u64))))
            .collect(),
        grid: true,
    };
    let svg = axes.draw(|canvas| {
        for (answer, colour) in &lines {
            let points =
                (0..bins.count).map(|at| (bins.middle(at, data.end_ns), Some(rate(at, *answer))));
            canvas.line(points, *colour)?;
        }
        Ok(())
    });
    Some((svg, bins))
}

/// The next round number (1, 2, 5 · 10ⁿ, at least 1) at or above.
pub fn round_step(least: f64) -> f64 {
    let power = 10f64.powf(least.max(1.0).log10().floor());
    let factors = [1.0, 2.0, 5.0, 10.0];
    let factor = factors.into_iter().find(|factor| factor * power >= least);
    factor.unwrap_or(10.0) * power
}
