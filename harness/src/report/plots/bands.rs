//! Fault windows: the bands behind every plot, the moment of the anomaly, and the strip that names them.

use std::fmt::Write;

use super::super::data::Data;
use super::super::html::Html;
use super::super::looks;
use super::super::palette::Colour;
use super::Panel;
use super::canvas::{Screen, seconds};
use super::strip::{Bar, Row, Words, strip};

/// Drawn once, used by every plot: `#bands` and `#moment`, one unit wide and high.
pub fn definitions(data: &Data<'_>) -> Html {
    let mut out = String::from(
        "<svg class=\"definitions\" width=\"0\" height=\"0\" aria-hidden=\"true\"><defs>\n",
    );
    out.push_str(&looks::definitions(&data.faults()));
    out.push_str("<g id=\"bands\">");
    let x = |ns: u64| ns as f64 / data.end_ns.max(1) as f64;
    let band = |out: &mut String, class: &str, colour: Colour, from_ns: u64, to_ns: u64| {
        let (left, right) = (x(from_ns), x(to_ns.min(data.end_ns)));
        let _ = write!(
            out,
            "<rect class=\"{class}\" x=\"{left:.5}\" width=\"{:.5}\" height=\"1\" fill=\"{}\"/>",
            (right - left).max(0.0008),
            colour.css()
        );
    };
    for window in &data.windows {
        let colour = Colour::fault(&window.injury.fault);
        band(&mut out, "band", colour, window.from_ns, window.to_ns);
    }
    for (from_ns, to_ns) in data.stalls() {
        band(&mut out, "stall", Colour::STALL, from_ns, to_ns);
    }
    out.push_str("</g>\n<g id=\"moment\">");
    if let Some(moment_ns) = data.violation().and_then(|(_, v)| data.moment_ns(v)) {
        let _ = write!(
            out,
            "<line class=\"moment\" x1=\"{at:.5}\" x2=\"{at:.5}\" y1=\"0\" y2=\"1\"/>",
            at = x(moment_ns)
        );
    }
    out.push_str("</g></defs></svg>\n");
    Html::raw(out)
}

/// A row for every kind of fault; solid where an effect was measured, pale where none was.
pub fn rows(data: &Data<'_>) -> Vec<Row> {
    let mut rows: Vec<Row> = (data.faults().iter())
        .map(|kind| Row {
            label: kind.to_string(),
            bars: (data.windows.iter().filter(|w| w.injury.fault == *kind))
                .map(|window| Bar {
                    from: seconds(window.from_ns),
                    to: seconds(window.to_ns),
                    colour: Colour::fault_fill(kind),
                    opacity: if window.injury.effect.is_some() {
                        0.9
                    } else {
                        0.3
                    },
                    words: Words::None,
                })
                .collect(),
        })
        .collect();
    let stalls: Vec<Bar> = (data.stalls())
        .map(|(from_ns, to_ns)| Bar {
            from: seconds(from_ns),
            to: seconds(to_ns),
            colour: Colour::STALL,
            opacity: 0.9,
            words: Words::None,
        })
        .collect();
    if !stalls.is_empty() {
        rows.push(Row {
            label: "stalls".into(),
            bars: stalls,
        });
    }
    rows
}

/// The strip of faults.
pub fn faults(data: &Data<'_>) -> Option<Panel> {
    let rows = rows(data);
    (!rows.is_empty()).then(|| Panel {
        title: "Faults".into(),
        about: "Each bar is one injury, from the beginning of its injection to the end of its heal; pale: no effect was measured. The same stretches are shaded behind every plot. A stall is a time in which this machine did not let the harness run: what looks like a fault then may be none.".into(),
        legend: Vec::new(),
        svg: strip(data, Screen::Wide, 30, &rows),
        left_out: None,
    })
}
