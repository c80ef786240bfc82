//! Draws a violation: one lane a process, time from left to right.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::time::Duration;

use crate::verdict::{Involved, Violation};
pub use crate::words::transaction::of as transaction;
use crate::words::{digits, show};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 104.0;
const RIGHT: f64 = 24.0;
const ROW: f64 = 50.0;
const BAR: f64 = 16.0;
const TOP: f64 = 12.0;
/// Width of a character of a label, on the safe side.
const LETTER: f64 = 7.8;

/// An SVG (no script, no external resource) of the operations in linear time. Where little happens for long
/// the axis is cut, and marked. Essential operations are filled, those around them are outlines, unknown
/// outcomes fade out towards the right. Colours: `--wrong` for the operation that completes the contradiction, `--essential`,
/// `--around` and the current text colour.
pub fn lanes_svg(violation: &Violation) -> String {
    let axis = Axis::of(&violation.operations);
    let rows = rows(&violation.operations, &axis);
    let lanes = rows
        .iter()
        .flat_map(|(_, placed)| placed)
        .map(|(row, _)| row + 1)
        .max()
        .unwrap_or(0);
    let height = TOP + lanes as f64 * ROW + 40.0;
    let id = format!(
        "fade-{}-{}",
        violation.prefix_end,
        violation.operations.first().map_or(0, |op| op.invoke)
    );
    let title = format!("{}: {}", violation.anomaly, violation.explanation);
    let mut svg = String::new();
    // Writing to a String cannot fail.
    let _ = write!(
        svg,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img"
aria-label="{title}" font-family="system-ui, sans-serif" font-size="13">
<defs><linearGradient id="{id}"><stop offset="0" stop-color="white"/>
<stop offset="1" stop-color="white" stop-opacity="0"/></linearGradient>
<mask id="{id}-mask" maskContentUnits="objectBoundingBox"><rect width="1" height="1" fill="url(#{id})"/></mask></defs>"##,
        width = WIDTH,
        height = height,
        title = escape(&title),
        id = id
    );
    for (process, placed) in &rows {
        let first = placed.iter().map(|(row, _)| *row).min().unwrap_or(0);
        let last = placed.iter().map(|(row, _)| *row).max().unwrap_or(0);
        for row in first..=last {
            let y = middle(row);
            let _ = write!(
                svg,
                r#"<line x1="{LEFT}" x2="{}" y1="{y}" y2="{y}" stroke="currentColor" stroke-opacity=".15"/>"#,
                WIDTH - RIGHT
            );
        }
        let y = middle(first) + 4.5;
        let _ = write!(
            svg,
            r#"<text x="4" y="{y}" fill="currentColor" fill-opacity=".75">process {process}</text>"#
        );
        for (row, operation) in placed {
            let wrong = operation.complete == Some(violation.prefix_end);
            bar(&mut svg, operation, wrong, &axis, *row, &id);
        }
    }
    axis.draw(&mut svg, TOP + lanes as f64 * ROW);
    svg.push_str("</svg>");
    svg
}

fn middle(row: usize) -> f64 {
    TOP + row as f64 * ROW + ROW - BAR
}

fn bar(svg: &mut String, operation: &Involved, wrong: bool, axis: &Axis, row: usize, id: &str) {
    let from = axis.x(operation.invoke);
    let open = operation.complete.is_none();
    let to = operation
        .complete
        .map_or(WIDTH - RIGHT, |event| axis.x(event));
    let y = middle(row) - BAR / 2.0;
    let colour = match (wrong, operation.essential) {
        (true, _) => r#"fill="var(--wrong, #c62828)" stroke="var(--wrong, #c62828)""#,
        (_, true) => r#"fill="var(--essential, #c77700)" stroke="var(--essential, #c77700)""#,
        _ => r#"fill="none" stroke="var(--around, #78909c)""#,
    };
    let mask = if open {
        format!(r#" mask="url(#{id}-mask)""#)
    } else {
        String::new()
    };
    let (label, (x, _)) = (label(operation), label_span(operation, axis));
    let weight = if operation.essential {
        r#" font-weight="600""#
    } else {
        ""
    };
    let _ = write!(
        svg,
        r##"<g><title>{tip}</title><rect x="{from:.1}" y="{y}" width="{width:.1}" height="{height}" rx="3"
fill-opacity=".85" {colour}{mask}/>
<text x="{x:.1}" y="{text}" fill="currentColor"{weight}>{label}</text></g>"##,
        tip = escape(&tip(operation)),
        width = (to - from).max(4.0),
        height = BAR,
        text = y - 5.0,
        label = escape(&label),
    );
}

/// `write 43`, `read → 41`, `cas 41 → 44`, `cas 5 → 6 failed: 41`.
fn label(operation: &Involved) -> String {
    let value = &operation.value;
    let text = match (operation.f.as_str(), value.as_array().map(Vec::as_slice)) {
        _ if operation.words.is_some() => operation.words.clone().unwrap_or_default(),
        ("read", _) => format!("read → {}", show(value)),
        ("cas", Some([old, new])) => format!("cas {} → {}", show(old), show(new)),
        (f, _) => format!("{f} {}", show(value)),
    };
    let ending = match (operation.outcome.as_str(), &operation.current) {
        ("info", _) => " ?".to_string(),
        ("fail", Some(found)) => format!(" failed: {}", show(found)),
        ("fail", None) => " failed".to_string(),
        _ => String::new(),
    };
    let node = operation
        .node
        .as_ref()
        .map(|node| format!(" · {node}"))
        .unwrap_or_default();
    format!("{text}{ending}{node}")
}

fn tip(operation: &Involved) -> String {
    let seconds = |ns: u64| ns as f64 / 1e9;
    let end = operation
        .end_ns
        .map_or("open".into(), |end| format!("{:.6} s", seconds(end)));
    format!(
        "process {}: {} ({:.6} s to {end})",
        operation.process,
        label(operation),
        seconds(operation.start_ns)
    )
}

/// Where the label goes: from the bar's start, but not beyond the right edge.
fn label_span(operation: &Involved, axis: &Axis) -> (f64, f64) {
    let width = label(operation).chars().count() as f64 * LETTER;
    let x = axis
        .x(operation.invoke)
        .min(WIDTH - RIGHT - width)
        .max(LEFT);
    (x, x + width)
}

/// A process, and its operations with their rows.
type Lane<'a> = (u64, Vec<(usize, &'a Involved)>);

/// Lanes in the order in which their processes first act; one whose labels would overlap gets several rows.
fn rows<'a>(operations: &'a [Involved], axis: &Axis) -> Vec<Lane<'a>> {
    let mut by_process: Vec<(u64, Vec<&Involved>)> = Vec::new();
    for operation in operations {
        match by_process
            .iter_mut()
            .find(|(process, _)| *process == operation.process)
        {
            Some((_, operations)) => operations.push(operation),
            None => by_process.push((operation.process, vec![operation])),
        }
    }
    let mut next = 0;
    let place = |(process, operations): (u64, Vec<&'a Involved>)| {
        let mut ends: Vec<f64> = Vec::new();
        let mut placed = Vec::new();
        for operation in operations {
            let (from, to) = label_span(operation, axis);
            let row = ends
                .iter()
                .position(|end| *end + LETTER < from)
                .unwrap_or(ends.len());
            let to = to.max(operation.complete.map_or(WIDTH, |event| axis.x(event)));
            match ends.get_mut(row) {
                Some(end) => *end = to,
                None => ends.push(to),
            }
            placed.push((next + row, operation));
        }
        next += ends.len();
        (process, placed)
    };
    by_process.into_iter().map(place).collect()
}

/// Events on a line: distances are times, within bounds that keep everything legible.
struct Axis {
    /// (event, time in ns, x)
    ticks: Vec<(u64, u64, f64)>,
    /// Where time was left out: x.
    cuts: Vec<f64>,
}

impl Axis {
    fn of(operations: &[Involved]) -> Axis {
        let mut events: BTreeMap<u64, u64> = BTreeMap::new();
        for operation in operations {
            events.insert(operation.invoke, operation.start_ns);
            if let (Some(event), Some(time)) = (operation.complete, operation.end_ns) {
                events.insert(event, time);
            }
        }
        let events: Vec<(u64, u64)> = events.into_iter().collect();
        let mut gaps: Vec<u64> = events
            .windows(2)
            .map(|pair| pair[1].1.saturating_sub(pair[0].1))
            .collect();
        let mut sorted: Vec<u64> = gaps.iter().copied().filter(|gap| *gap > 0).collect();
        sorted.sort_unstable();
        let unit = sorted.get(sorted.len() / 2).copied().unwrap_or(1) as f64;
        let weight = |gap: &mut u64| (*gap as f64 / unit).clamp(0.4, 3.0);
        let cut: Vec<bool> = gaps.iter().map(|gap| *gap as f64 / unit > 3.0).collect();
        let weights: Vec<f64> = gaps.iter_mut().map(weight).collect();
        // Room at the end for operations that never completed.
        let total: f64 = weights.iter().sum::<f64>() + 0.6;
        let scale = (WIDTH - LEFT - RIGHT) / total;
        let (mut ticks, mut cuts, mut x) = (Vec::new(), Vec::new(), LEFT);
        for (at, (event, time)) in events.iter().enumerate() {
            if let Some(before) = at.checked_sub(1) {
                if cut[before] {
                    cuts.push(x + weights[before] * scale / 2.0);
                }
                x += weights[before] * scale;
            }
            ticks.push((*event, *time, x));
        }
        Axis { ticks, cuts }
    }

    fn x(&self, event: u64) -> f64 {
        let at = self.ticks.partition_point(|(other, ..)| *other < event);
        self.ticks.get(at).map_or(WIDTH - RIGHT, |(.., x)| *x)
    }

    fn draw(&self, svg: &mut String, y: f64) {
        let _ = write!(
            svg,
            r#"<line x1="{LEFT}" x2="{}" y1="{y}" y2="{y}" stroke="currentColor" stroke-opacity=".5"/>"#,
            WIDTH - RIGHT
        );
        let times: Vec<Duration> = self
            .ticks
            .iter()
            .map(|(_, time, _)| Duration::from_nanos(*time))
            .collect();
        let digits = digits(&times);
        let has_clock = self
            .ticks
            .last()
            .is_some_and(|(_, time, _)| *time >= 1_000_000);
        let mut free = 0.0;
        for (event, time, x) in &self.ticks {
            let _ = write!(
                svg,
                r#"<line x1="{x:.1}" x2="{x:.1}" y1="{y}" y2="{}" stroke="currentColor"/>"#,
                y + 4.0
            );
            let label = match has_clock {
                true => format!("{:.digits$} s", *time as f64 / 1e9),
                false => format!("event {event}"),
            };
            let half = label.chars().count() as f64 * 3.4;
            let centre = x.min(WIDTH - half);
            if centre - half > free {
                free = centre + half + 4.0;
                let _ = write!(
                    svg,
                    r#"<text x="{centre:.1}" y="{}" text-anchor="middle" font-size="11" fill="currentColor" fill-opacity=".75">{label}</text>"#,
                    y + 18.0
                );
            }
        }
        for x in &self.cuts {
            let _ = write!(
                svg,
                r#"<text x="{x:.1}" y="{}" text-anchor="middle" fill="currentColor"><title>time left out</title>//</text>"#,
                y + 4.5
            );
        }
    }
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '"' => escaped.push_str("&quot;"),
            // Not allowed in XML at all.
            '\0'..='\x08' | '\x0b' | '\x0c' | '\x0e'..='\x1f' => escaped.push('\u{fffd}'),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn involved(
        process: u64,
        invoke: u64,
        complete: Option<u64>,
        f: &str,
        value: Value,
    ) -> Involved {
        Involved {
            words: None,
            invoke,
            complete,
            process,
            node: Some("n1".into()),
            f: f.into(),
            value,
            current: None,
            outcome: if complete.is_some() { "ok" } else { "info" }.into(),
            start_ns: invoke * 1_000_000,
            end_ns: complete.map(|event| event * 1_000_000),
            essential: true,
        }
    }

    fn drawn(operations: Vec<Involved>) -> String {
        let (anomaly, explanation) = ("stale read".into(), "1 < 2 & \"so\"".into());
        lanes_svg(&Violation {
            key: None,
            anomaly,
            explanation,
            prefix_end: 9,
            operations,
        })
    }

    #[test]
    fn every_operation_has_a_labelled_bar_and_unknown_ones_fade() {
        let svg = drawn(vec![
            involved(1, 0, Some(2), "write", json!(43)),
            involved(1, 3, Some(5), "read", Value::Null),
            involved(2, 4, None, "cas", json!([43, 44])),
        ]);
        for label in [
            "write 43 · n1",
            "read → no value · n1",
            "cas 43 → 44 ? · n1",
            "process 2",
            "0.003 s",
        ] {
            assert!(svg.contains(label), "{label} is not in {svg}");
        }
        assert_eq!(svg.matches("mask=").count(), 1);
    }

    #[test]
    fn text_from_outside_is_escaped() {
        let svg = drawn(vec![involved(
            1,
            0,
            Some(1),
            "write",
            json!("</svg><script>"),
        )]);
        assert!(!svg.contains("<script>") && svg.contains("&lt;script&gt;"));
        assert!(svg.contains("1 &lt; 2 &amp; &quot;so&quot;"));
    }

    #[test]
    fn time_never_runs_backwards_and_stays_inside_the_drawing() {
        let far = vec![
            involved(1, 0, Some(1), "write", json!(1)),
            involved(2, 2, Some(100_000), "write", json!(2)),
            involved(3, 100_001, Some(100_002), "read", json!(1)),
        ];
        let axis = Axis::of(&far);
        let places: Vec<f64> = axis.ticks.iter().map(|(.., x)| *x).collect();
        assert!(
            places.windows(2).all(|pair| pair[0] < pair[1]),
            "{places:?}"
        );
        assert!(
            places.iter().all(|x| (LEFT..=WIDTH - RIGHT).contains(x)),
            "{places:?}"
        );
        assert_eq!(axis.cuts.len(), 1);
    }

    #[test]
    fn a_violation_without_operations_is_drawn_empty() {
        assert!(drawn(Vec::new()).ends_with("</svg>"));
    }
}
