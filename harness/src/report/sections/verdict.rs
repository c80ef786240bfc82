//! First of all: the verdict in a sentence, what broke when and under what, and how to repeat it.

use checker::{Involved, Valid, Violation};

use super::super::data::Data;
use super::super::html::{Html, text};
use super::super::outages::Outage;
use super::super::samples::quantile;
use super::super::windows::Window;
use super::super::{plots, units};
use super::operation;

/// A verdict's word.
pub fn word(valid: Valid) -> &'static str {
    match valid {
        Valid::Yes => "Valid",
        Valid::Unknown => "Unknown",
        Valid::No => "Invalid",
    }
}

/// The section.
pub fn verdict(data: &Data<'_>) -> Html {
    let plan = &data.run.plan;
    let mut out = format!(
        "<div class=\"verdict\">\n<p class=\"run\">{} · {} · {} · seed {} · Ordeal {}</p>\n<h1><strong>{}:</strong> {}</h1>\n",
        text(&plan.system),
        text(&plan.workload),
        units::counted(plan.nodes.into(), "node"),
        plan.seed,
        text(&plan.version),
        word(data.valid()),
        text(sentence(data)),
    );
    if let Some(warning) = beyond(data.run.exit_code) {
        out.push_str(&format!("<p class=\"warning\">{}</p>\n", text(warning)));
    }
    if !plan.bugs.is_empty() {
        let bugs = plan.bugs.join(", ");
        let bugs = text(format!(
            "This system was built with planted bugs ({bugs}): an invalid verdict is what it is for."
        ));
        out.push_str(&format!("<p class=\"planted\">{bugs}</p>\n"));
    }
    out.push_str("</div>\n");
    out.push_str(&answers(data));
    out.push_str(&tiles(data));
    out.push_str(&plots::overview(data).to_string());
    out.push_str(&format!(
        "<div class=\"repeat\"><p>Repeat this plan:</p><pre tabindex=\"0\"><code>{}</code></pre><button class=\"copy\" type=\"button\" hidden>Copy</button>\n<p class=\"note\">The same seed draws the same operations and faults, but real processes, disks and networks are not deterministic: the same plan can end otherwise.</p></div>\n",
        text(&plan.command)
    ));
    Html::raw(out)
}

/// The verdict without its first word.
fn sentence(data: &Data<'_>) -> String {
    let summary = data.worst().map_or_else(
        || "nothing was judged, because no checker spoke.".to_string(),
        |verdict| verdict.summary.clone(),
    );
    let Some((verdict, violation)) = data.violation() else {
        // Checkers may begin with the word themselves.
        let word = word(data.valid()).to_lowercase();
        let rest = (summary.get(..word.len()))
            .filter(|begin| begin.eq_ignore_ascii_case(&word))
            .map(|_| {
                summary[word.len()..]
                    .trim_start_matches([':', ' '])
                    .to_string()
            });
        let rest = rest.filter(|rest| !rest.is_empty()).unwrap_or(summary);
        return rest.trim_end_matches('.').to_string();
    };
    let subject = match &violation.key {
        Some(key) => format!("key {key}"),
        None => "the history".to_string(),
    };
    let broken = match verdict.checker.as_str() {
        "linearizable" => "is not linearizable".to_string(),
        other => format!("fails the check {other:?}"),
    };
    let mut sentence = format!("{subject} {broken}");
    if violation.anomaly != "not linearizable" {
        sentence.push_str(&format!(" — {}", violation.anomaly));
    }
    if let Some(moment_ns) = data.moment_ns(violation) {
        sentence.push_str(&format!(" at {}", units::moment(moment_ns)));
        let active: Vec<&Window<'_>> = data.active(moment_ns, moment_ns).collect();
        match active.as_slice() {
            [] => {}
            [only] => sentence.push_str(&format!(" while {}", during(only))),
            [first, rest @ ..] => {
                let others = units::counted(rest.len() as u64, "other fault");
                sentence.push_str(&format!(" while {} (and {others})", during(first)));
            }
        }
    }
    sentence
}

/// A fault in words: its own, or its kind where it has none.
fn during(window: &Window<'_>) -> String {
    let injury = window.injury;
    if injury.description.is_empty() {
        format!("{} ({}) acted", injury.fault, injury.shape)
    } else {
        injury.description.clone()
    }
}

/// What an exit code says that the verdict does not.
fn beyond(exit_code: u8) -> Option<&'static str> {
    match exit_code {
        3 => Some("Exit code 3: a demand on liveness or service was not met."),
        4 => Some("Exit code 4: a node panicked, or refused to start; its log says why."),
        70 => Some("Exit code 70: the harness itself failed; see the configuration section."),
        73 => Some("Exit code 73: results could not be written completely."),
        _ => None,
    }
}

/// Questions that every reader has, and their answers.
fn answers(data: &Data<'_>) -> String {
    let mut answers: Vec<(&str, String)> = Vec::new();
    if let Some((_, violation)) = data.violation() {
        if let Some(wrong) = wrong(violation) {
            answers.push((
                "Wrong operation",
                format!(
                    "{} by {} ({}), {}",
                    operation::words(wrong),
                    operation::actor(wrong),
                    wrong.outcome,
                    operation::span(wrong)
                ),
            ));
        }
        if let Some(moment_ns) = data.moment_ns(violation) {
            answers.push((
                "Came to light",
                format!("{} into the run", units::moment(moment_ns)),
            ));
            answers.push(("Under which fault", under(data, moment_ns)));
        }
    }
    answers.push(("Clients without service", without_service(data)));
    let mut out = String::from("<dl class=\"answers\">\n");
    for (question, answer) in answers {
        out.push_str(&format!(
            "<div><dt>{}</dt><dd>{}</dd></div>\n",
            text(question),
            text(answer)
        ));
    }
    out.push_str("</dl>\n");
    out
}

/// The operation that made the history wrong: the one that completed last of those that matter.
fn wrong(violation: &Violation) -> Option<&Involved> {
    (violation.operations.iter())
        .find(|operation| operation.complete == Some(violation.prefix_end))
        .or_else(|| {
            let essential = violation.operations.iter().filter(|o| o.essential);
            essential.max_by_key(|operation| operation.complete)
        })
}

fn under(data: &Data<'_>, moment_ns: u64) -> String {
    let active: Vec<String> = (data.active(moment_ns, moment_ns))
        .map(|window| {
            format!(
                "{}: {} since {} (measured: {})",
                window.injury.fault,
                during(window),
                units::moment(window.from_ns),
                window.injury.effect.as_deref().unwrap_or("no effect")
            )
        })
        .collect();
    if !active.is_empty() {
        return active.join("; ");
    }
    let before = data.windows.iter().filter(|w| w.to_ns <= moment_ns);
    match before.max_by_key(|window| window.to_ns) {
        Some(last) => format!(
            "none at that moment; {} ({}) was healed {} before",
            last.injury.fault,
            during(last),
            units::duration(moment_ns - last.to_ns)
        ),
        None => "none".into(),
    }
}

fn without_service(data: &Data<'_>) -> String {
    if data.samples.all.is_empty() {
        return "no operation was ever invoked".into();
    }
    if data.samples.served_ns.is_empty() {
        return "all the time: no operation was served".into();
    }
    let shortest = units::round(data.outages.shortest_ns);
    match data.outages.longest() {
        None => format!("never for {shortest} or more"),
        Some(longest) => format!(
            "{} at most (from {}, {}); {} in all, in {} of at least {shortest}",
            units::duration(longest.length_ns()),
            units::moment(longest.from_ns),
            blamed(data, longest),
            units::duration(data.outages.inside_ns(0, data.end_ns)),
            units::counted(data.outages.all.len() as u64, "outage"),
        ),
    }
}

/// Under which fault an outage began.
fn blamed(data: &Data<'_>, outage: Outage) -> String {
    let told_ns = outage.from_ns + data.outages.shortest_ns / 2;
    match data.active(told_ns, told_ns).next() {
        Some(window) => format!("as {}", during(window)),
        None => "with no fault acting".into(),
    }
}

/// Headline numbers.
fn tiles(data: &Data<'_>) -> String {
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
                "{} fail ({}), {} info ({}){unequal}",
                units::count(counts.fail),
                share(counts.fail),
                units::count(counts.info),
                share(counts.info)
            ),
        ),
        (
            "Throughput",
            units::rate(counts.served(), data.samples.end_ns),
            format!("served, over {}", units::duration(data.samples.end_ns)),
        ),
        (
            "Latency, median",
            quantile(0.5),
            format!("p99 {}, worst {}", quantile(0.99), quantile(1.0)),
        ),
        (
            "Longest outage",
            longest.map_or_else(
                || format!("< {}", units::round(data.outages.shortest_ns)),
                |outage| units::duration(outage.length_ns()),
            ),
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
    out
}
