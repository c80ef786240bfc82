//! Everything over one time axis.

use super::super::data::Data;
use super::super::html::{Html, text};
use super::super::looks;
use super::super::plots;

/// The section.
pub fn timeline(data: &Data<'_>, left_out: &mut Vec<String>) -> Option<Html> {
    let panels = plots::panels(data);
    if panels.is_empty() {
        return Some(Html::raw("<p>Nothing happened that could be drawn.</p>\n"));
    }
    left_out.extend(panels.iter().filter_map(|panel| panel.left_out.clone()));
    let mut intro = String::from("<p>All plots share the axis of time");
    if !data.windows.is_empty() {
        intro.push_str("; stretches in which faults acted are shaded");
    }
    if data.stalls().next().is_some() {
        intro.push_str("; stretches in which the harness itself was not scheduled are grey");
    }
    if data.violation().is_some() {
        intro.push_str("; the red line is the moment at which the anomaly was complete");
    }
    intro.push_str(".</p>\n");
    let kinds = data.faults();
    if !kinds.is_empty() {
        intro.push_str("<ul class=\"legend\" aria-label=\"Faults\">");
        for kind in kinds {
            intro.push_str(&format!("<li>{}{}</li>", looks::swatch(kind), text(kind)));
        }
        intro.push_str("</ul>\n");
    }
    // The script fills the first and hides the second, which is there without it and on paper.
    Some(Html::raw(format!(
        "{intro}<div id=\"live\" hidden></div>\n<div class=\"static\">\n{}</div>\n",
        plots::stack(&panels)
    )))
}
