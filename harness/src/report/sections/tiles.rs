//! Headline numbers.

use super::super::data::Data;
use super::super::html::{Html, text};
use super::super::samples::quantile;
use super::super::units;

/// Six of them, each with what is needed to read it.
pub fn tiles(data: &Data<'_>) -> Html {
    let counts = data.counts;
    let share = |part| units::percent(part, counts.total());
    let quantile = |q| quantile(&data.latencies, q).map_or("–".into(), units::duration);
    let inflicted = data.run.injuries.len() as u64;
    let effective = data
        .run
        .injuries
        .iter()
        .filter(|injury| injury.effect.is_some());
    let effective = effective.count() as u64;
    let unequal = match counts.unequal {
        0 => String::new(),
        unequal => format!(", {} compared unequal", units::count(unequal)),
    };
    let longest = data.outages.longest();
    let tiles = [
        (
            "Operations ok",
            units::count(counts.ok),
            format!(
                "{} fail ({}), {} info ({}){unequal}; without the final reads",
                units::count(counts.fail),
                share(counts.fail),
                units::count(counts.info),
                share(counts.info)
            ),
        ),
        (
            "Throughput",
            units::rate(counts.served(), data.samples.end_ns),
            format!(
                "ok or compared unequal, over {}, last heals included, final reads not",
                units::duration(data.samples.end_ns)
            ),
        ),
        (
            "Latency, median",
            quantile(0.5),
            format!("p99 {}, worst {}", quantile(0.99), quantile(1.0)),
        ),
        (
            "Longest outage",
            match longest {
                Some(outage) => units::duration(outage.length_ns()),
                None if data.samples.all.is_empty() => "–".into(),
                None => format!("< {}", units::round(data.outages.shortest_ns)),
            },
            longest.map_or("nobody waited longer".into(), |outage| {
                format!("nobody was served from {}", units::moment(outage.from_ns))
            }),
        ),
        (
            "Faults that acted",
            format!("{} of {}", units::count(effective), units::count(inflicted)),
            match data.faults().join(", ") {
                none if none.is_empty() => "none were asked for".into(),
                kinds => kinds,
            },
        ),
        (
            "Leader changes",
            units::count(data.leaders.changes()),
            format!(
                "{}, highest term {}",
                units::counted(data.leaders.elections(), "election"),
                units::count(data.leaders.highest_term)
            ),
        ),
    ];
    let mut out = String::from("<ul class=\"tiles\">\n");
    for (name, value, more) in tiles {
        out.push_str(&format!(
            "<li><span>{}</span><b>{}</b><small>{}</small></li>\n",
            text(name),
            text(value),
            text(more)
        ));
    }
    out.push_str("</ul>\n");
    Html::raw(out)
}
