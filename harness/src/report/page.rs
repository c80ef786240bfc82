//! The page: head, sections in their order, foot.

use checker::Valid;

use super::data::Data;
use super::html::{Html, text};
use super::{embed, palette, plots, sections};

const STYLE: &str = include_str!("style.css");

/// The page's script, in parts; it needs nothing beside itself.
const SCRIPT: [&str; 9] = [
    include_str!("script/data.js"),
    include_str!("script/view.js"),
    include_str!("script/plot.js"),
    include_str!("script/panels.js"),
    include_str!("script/lanes.js"),
    include_str!("script/spacetime.js"),
    include_str!("script/details.js"),
    include_str!("script/input.js"),
    include_str!("script/main.js"),
];

/// Puts the page together.
pub fn page(data: &Data<'_>) -> String {
    let mut left_out = Vec::new();
    let tone = match data.valid() {
        Valid::Yes => "valid",
        Valid::Unknown => "unknown",
        Valid::No => "invalid",
    };
    let wrong = match data.violation() {
        Some(_) => "What is wrong",
        None => "What was judged",
    };
    let verdict = sections::verdict(data);
    let named: Vec<(&str, &str, Html)> = [
        ("anomaly", wrong, sections::anomaly(data, &mut left_out)),
        ("faults", "Faults", sections::faults(data, &mut left_out)),
        ("time", "Over time", sections::timeline(data, &mut left_out)),
        (
            "log",
            "Leaders and logs",
            sections::log(data, &mut left_out),
        ),
        (
            "inside",
            "Inside the nodes",
            sections::whitebox(data, &mut left_out),
        ),
        ("sometimes", "Rare situations", sections::sometimes(data)),
        ("clients", "Clients", sections::clients(data, &mut left_out)),
    ]
    .into_iter()
    .filter_map(|(id, title, content)| Some((id, title, content?)))
    .chain([(
        "setup",
        "Configuration and raw files",
        sections::setup(data),
    )])
    .collect();
    let (embedded, untold) = embed::embed(data);
    left_out.extend(untold);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<link rel=\"icon\" href=\"data:,\">\n\
         <title>{}</title>\n<style>\n{}{STYLE}</style>\n</head>\n<body class=\"{tone}\">\n{}",
        text(title(data)),
        palette::style_sheet(),
        plots::definitions(data),
    );
    out.push_str(&format!("<main>\n<header>\n{verdict}</header>\n"));
    out.push_str("<nav aria-label=\"Sections\"><ul>");
    for (id, title, _) in &named {
        out.push_str(&format!("<li><a href=\"#{id}\">{title}</a></li>"));
    }
    out.push_str("</ul></nav>\n");
    for (id, title, content) in &named {
        out.push_str(&format!(
            "<section id=\"{id}\" aria-labelledby=\"{id}-title\">\n<h2 id=\"{id}-title\">{title}</h2>\n{content}</section>\n"
        ));
    }
    out.push_str(&sections::left_out(&left_out).to_string());
    out.push_str(&format!(
        "</main>\n<footer>Made by Ordeal {} from the files of this run's folder.</footer>\n{embedded}<script>(() => {{\n'use strict';\n{}}})();</script>\n</body>\n</html>\n",
        text(&data.run.plan.version),
        SCRIPT.concat(),
    ));
    out
}

fn title(data: &Data<'_>) -> String {
    let plan = &data.run.plan;
    let faults = match plan.nemesis.join(",") {
        faults if faults.is_empty() => "none".to_string(),
        faults => faults,
    };
    format!(
        "{}: {} {} {faults} seed {}",
        sections::headline(data),
        plan.system,
        plan.workload,
        plan.seed
    )
}
