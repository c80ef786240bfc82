//! Latency of single operations by verb and outcome, on a logarithmic scale.

use super::super::data::Data;
use super::super::palette::Colour;
use super::super::samples::{Answer, Sample};
use super::super::units;
use super::Panel;
use super::canvas::{Axes, Screen, seconds};

/// Most marks in a plot.
const MARKS: usize = 3_000;
/// Most marks of failed and most of unknown operations among them: nearly always that is all there are.
const UNSERVED: usize = 900;
/// Columns among which marks are shared out.
const COLUMNS: usize = 240;
/// Verbs with a plot of their own.
const VERBS: usize = 6;

/// One plot for each verb.
pub fn panels(data: &Data<'_>) -> Vec<Panel> {
    let high = (data.samples.all.iter().map(Sample::latency_ns).max()).unwrap_or(0);
    let low = data.latencies.first().copied().unwrap_or(high);
    let range = (decade(low.max(1)).floor(), decade(high.max(10)).ceil());
    let verbs = data.samples.verbs.iter().enumerate().take(VERBS);
    let panels = verbs.map(|(verb, name)| {
        let of_verb = (data.samples.all.iter()).filter(|sample| usize::from(sample.verb) == verb);
        let all: Vec<&Sample> = of_verb.collect();
        panel(data, name, &all, range)
    });
    panels.collect()
}

fn panel(data: &Data<'_>, verb: &str, all: &[&Sample], range: (f64, f64)) -> Panel {
    const GROUPS: [(Answer, Colour, &str); 4] = [
        (Answer::Ok, Colour::OK, "ok"),
        (Answer::Unequal, Colour::UNEQUAL, "compared unequal"),
        (Answer::Fail, Colour::FAIL, "fail"),
        (Answer::Info, Colour::INFO, "info (unknown)"),
    ];
    let groups = GROUPS.map(|(answer, colour, name)| {
        let of: Vec<&Sample> = (all.iter().copied())
            .filter(|sample| sample.answer == answer)
            .collect();
        (of, colour, name)
    });
    let served = |colour: Colour| !matches!(colour, Colour::FAIL | Colour::INFO);
    let unserved = groups.iter().filter(|(_, colour, _)| !served(*colour));
    let unserved: usize = unserved.map(|(of, ..)| of.len().min(UNSERVED)).sum();
    let sharing = groups
        .iter()
        .filter(|(of, colour, _)| served(*colour) && !of.is_empty());
    let share = (MARKS - unserved) / sharing.count().max(1);
    let mut drawn = 0;
    let axes = Axes {
        data,
        screen: Screen::Wide,
        height: 210,
        range,
        ticks: decades(range),
        grid: true,
    };
    let svg = axes.draw(|canvas| {
        for (of, colour, _) in &groups {
            let (size, most) = if served(*colour) {
                (2, share)
            } else {
                (4, UNSERVED)
            };
            for sample in select(of, data.end_ns, most) {
                drawn += 1;
                let y = decade(sample.latency_ns().max(1)).clamp(range.0, range.1);
                canvas.dot((seconds(sample.start_ns), y), size, *colour)?;
            }
        }
        Ok(())
    });
    let left_out = (drawn < all.len()).then(|| {
        format!(
            "{} of {} {verb} operations are drawn: in every stretch of time the fastest and the slowest, and an even choice of the rest.",
            units::count(drawn as u64),
            units::count(all.len() as u64)
        )
    });
    Panel {
        title: format!("Latency of {verb}"),
        about: "Every mark is an operation, at the time of its invocation.".into(),
        legend: (groups.iter().filter(|(of, ..)| !of.is_empty()))
            .map(|(of, colour, name)| {
                (*colour, format!("{name} {}", units::count(of.len() as u64)))
            })
            .collect(),
        svg,
        left_out,
    }
}

/// The power of ten of a latency in nanoseconds.
fn decade(ns: u64) -> f64 {
    (ns as f64).log10()
}

/// Ticks at whole powers of ten of nanoseconds.
pub fn decades((low, high): (f64, f64)) -> Vec<(f64, String)> {
    let powers = (low.max(0.0) as u32)..=(high.max(0.0) as u32).min(18);
    let ticks = powers.map(|power| (f64::from(power), units::round(10u64.pow(power))));
    ticks.collect()
}

/// At most `budget` samples: all if they fit, else from every column of time the fastest, the slowest, and
/// an even choice of the rest. O(samples).
fn select<'a>(samples: &[&'a Sample], end_ns: u64, budget: usize) -> Vec<&'a Sample> {
    if samples.len() <= budget {
        return samples.to_vec();
    }
    let each = (budget / COLUMNS).max(2);
    let column_of = |sample: &Sample| {
        (u128::from(sample.start_ns) * COLUMNS as u128 / (u128::from(end_ns) + 1)) as usize
    };
    let mut chosen = Vec::with_capacity(budget);
    for column in samples.chunk_by(|a, b| column_of(a) == column_of(b)) {
        if column.len() <= each {
            chosen.extend_from_slice(column);
            continue;
        }
        chosen.extend(column.iter().min_by_key(|sample| sample.latency_ns()));
        chosen.extend(column.iter().max_by_key(|sample| sample.latency_ns()));
        let rest = each - 2;
        chosen.extend((0..rest).map(|at| column[(2 * at + 1) * column.len() / (2 * rest)]));
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_keeps_the_extremes_and_the_budget() {
        let samples: Vec<Sample> = (0..100_000)
            .map(|at| Sample {
                start_ns: at * 1_000,
                end_ns: at * 1_000
                    + 500
                    + (at * 7_919) % 1_000
                    + if at == 54_321 { 99_999 } else { 0 },
                answer: Answer::Ok,
                verb: 0,
                node: 0,
            })
            .collect();
        let all: Vec<&Sample> = samples.iter().collect();
        let chosen = select(&all, 100_000_000, 2_400);
        assert!(chosen.len() <= 2_400 && chosen.len() > 2_000);
        assert!(chosen.iter().any(|sample| sample.latency_ns() > 90_000));
        assert_eq!(select(&all[..100], 100_000_000, 2_400).len(), 100);
    }
}
