//! Plots over one time axis, drawn by plotters as SVG: a panel is a title, a legend and a drawing.

mod availability;
mod bands;
mod bins;
mod canvas;
mod clock;
mod lag;
mod latency;
mod overview;
mod quantiles;
mod rate;
mod roles;
mod strip;

pub use bands::definitions;
pub use overview::overview;

use std::fmt::Display;

use super::data::Data;
use super::html::{Html, text};
use super::palette::Colour;

/// A drawing with what is needed to read it.
pub struct Panel {
    /// What it shows.
    pub title: String,
    /// How to read it, in a sentence; also the drawing's description for those who cannot see it.
    pub about: String,
    /// Colours and what they stand for.
    pub legend: Vec<(Colour, String)>,
    /// The drawing, or why there is none.
    pub svg: Result<String, String>,
    /// What was left out of the drawing, in a sentence.
    pub left_out: Option<String>,
}

impl Display for Panel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "<figure class=\"panel\"><figcaption><h3>{}</h3>",
            text(&self.title)
        )?;
        if !self.legend.is_empty() {
            f.write_str("<ul class=\"legend\">")?;
            for (colour, meaning) in &self.legend {
                write!(
                    f,
                    "<li><i style=\"background:{}\"></i>{}</li>",
                    colour.css(),
                    text(meaning)
                )?;
            }
            f.write_str("</ul>")?;
        }
        writeln!(f, "<p>{}</p></figcaption>", text(&self.about))?;
        match &self.svg {
            Ok(svg) => {
                let label = text(format!("{}: {}", self.title, self.about));
                // The drawing's own opening tag stays; what it is gets in front of its attributes.
                let svg = svg.replacen(
                    "<svg ",
                    &format!("<svg role=\"img\" aria-label=\"{label}\" "),
                    1,
                );
                f.write_str(&svg)?;
            }
            Err(why) => write!(f, "<p>This plot could not be drawn: {}.</p>", text(why))?,
        }
        f.write_str("</figure>\n")
    }
}

/// Every panel that this run has something for, in the order of the page.
pub fn panels(data: &Data<'_>) -> Vec<Panel> {
    let mut panels = Vec::new();
    panels.extend(bands::faults(data));
    panels.extend(latency::panels(data));
    panels.extend(quantiles::panel(data));
    panels.extend(rate::panel(data));
    panels.extend(availability::panel(data));
    panels.extend(roles::panel(data));
    panels.extend(lag::panel(data));
    panels.extend(clock::panels(data));
    panels
}

/// Panels one beneath the other. On a narrow screen all of them scroll together.
pub fn stack(panels: &[Panel]) -> Html {
    let mut out = String::from(
        "<div class=\"scroll axis\" tabindex=\"0\" role=\"group\" aria-label=\"plots over time\"><div class=\"panels\">\n",
    );
    for panel in panels {
        out.push_str(&panel.to_string());
    }
    out.push_str("</div></div>\n");
    Html::raw(out)
}
