//! The first drawing of the page: what was broken, what clients felt and when it went wrong, on one axis.

use super::super::data::Data;
use super::super::html::Html;
use super::super::outages::Outage;
use super::super::palette::Colour;
use super::super::units;
use super::Panel;
use super::canvas::{Screen, seconds};
use super::strip::{Bar, Row, Words, strip};
use super::{bands, rate};

/// The strip of faults, outages and the anomaly, and the rate beneath it; once for a wide screen and once for
/// a narrow one, of which the style sheet shows the one that fits.
pub fn overview(data: &Data<'_>) -> Html {
    let stacks = [("wide", Screen::Wide), ("narrow", Screen::Narrow)].map(|(class, screen)| {
        let panels: String = (panels(data, screen).iter())
            .map(Panel::to_string)
            .collect();
        format!("<div class=\"{class}\">\n{panels}</div>\n")
    });
    Html::raw(stacks.concat())
}

fn panels(data: &Data<'_>, screen: Screen) -> Vec<Panel> {
    let mut panels = Vec::new();
    let mut rows = bands::rows(data);
    rows.extend(outages(data));
    rows.extend(anomaly(data));
    if !rows.is_empty() {
        panels.push(Panel {
            title: "What was done to the cluster, and when nobody was served".into(),
            about: "Each bar is one fault (pale: it had no measured effect), or a stretch in which no client of the whole cluster was served.".into(),
            legend: Vec::new(),
            svg: strip(data, screen, 34, &rows),
            left_out: None,
        });
    }
    if let Some((svg, _)) = rate::draw(data, screen, 150) {
        panels.push(Panel {
            title: "What clients got".into(),
            about: "Operations completed a second.".into(),
            legend: rate::legend(data),
            svg,
            left_out: None,
        });
    }
    panels
}

/// When nobody was served. The longest is named, in a row of its own: beside it there may be no room for words.
fn outages(data: &Data<'_>) -> Vec<Row> {
    let Some(longest) = data.outages.longest() else {
        return Vec::new();
    };
    let bar = |outage: &Outage, words: Words| Bar {
        from: seconds(outage.from_ns),
        to: seconds(outage.to_ns),
        colour: Colour::HEAT[0],
        opacity: 0.95,
        words,
    };
    let row = |label: &str, bars: Vec<Bar>| Row {
        label: label.into(),
        bars,
    };
    let named = bar(
        &longest,
        Words::Beside(units::duration(longest.length_ns())),
    );
    match data.outages.all.as_slice() {
        [_] => vec![row("no service", vec![named])],
        all => vec![
            row(
                "no service",
                all.iter().map(|one| bar(one, Words::None)).collect(),
            ),
            row("the longest", vec![named]),
        ],
    }
}

/// The moment at which the contradiction was complete.
fn anomaly(data: &Data<'_>) -> Option<Row> {
    let (_, violation) = data.violation()?;
    let moment_ns = data.moment_ns(violation)?;
    let name: String = violation.anomaly.chars().take(40).collect();
    Some(Row {
        label: "anomaly".into(),
        bars: vec![Bar {
            from: seconds(moment_ns),
            to: seconds(moment_ns),
            colour: Colour::MOMENT,
            opacity: 1.0,
            words: Words::Beside(format!("{name} at {}", units::moment(moment_ns))),
        }],
    })
}
