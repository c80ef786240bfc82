//! Colours by meaning, light and dark, as CSS variables; plots carry stand-ins that become variables.
//! What faults look like stands in [`super::looks`].

use std::fmt::Write;

use plotters::style::RGBColor;

use super::looks::{self, Family};

/// A colour of the page, by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(usize);

/// Name of the variable, colour on light ground, colour on dark ground.
pub const COLOURS: [(&str, &str, &str); 32] = [
    ("ink", "#1f2328", "#e6e8eb"),
    ("muted", "#5d6570", "#9aa3ae"),
    ("grid", "#d9dce1", "#343a42"),
    ("stall", "#8b8f96", "#7d838c"),
    ("moment", "#c1121f", "#ff6b6b"),
    // Outcomes.
    ("ok", "#2468b8", "#6ea8ee"),
    ("unequal", "#7d93ad", "#8397b1"),
    ("fail", "#c77700", "#f0a53a"),
    ("info", "#c2255c", "#ff7aa8"),
    // Quantiles.
    ("p50", "#2468b8", "#6ea8ee"),
    ("p95", "#7048c6", "#b197fc"),
    ("p99", "#c2255c", "#ff7aa8"),
    // Faults, by family.
    ("cut", "#5b3fb5", "#9f86f5"),
    ("down", "#b34700", "#ff9054"),
    ("halted", "#005a94", "#4f9fe0"),
    ("clock", "#b58900", "#f2cf4a"),
    ("disk", "#00845f", "#35c99a"),
    ("fault", "#5c5c5c", "#b5b5b5"),
    // Nodes.
    ("n1", "#2468b8", "#6ea8ee"),
    ("n2", "#d9660a", "#ff9f55"),
    ("n3", "#1b8f6a", "#4fd1a5"),
    ("n4", "#8a3fc0", "#c792f0"),
    ("n5", "#a88500", "#e6c229"),
    ("n6", "#c9366f", "#f78fb3"),
    ("n7", "#55741c", "#a4cf4f"),
    ("n8", "#0b8ba8", "#58d3ee"),
    ("n9", "#84583c", "#cba284"),
    // Availability, from nothing served to nearly all.
    ("heat0", "#a50f15", "#ff5c5c"),
    ("heat1", "#ef7a4c", "#d9773f"),
    ("heat2", "#f6c667", "#a8842f"),
    // More faults.
    ("members", "#c06595", "#f5a8cf"),
    ("disturbed", "#4a9fd0", "#8fd3ff"),
];

/// Colours from this number on are fills: a fault's colour with its pattern.
const FILLS: usize = 128;

impl Colour {
    /// Text.
    pub const INK: Colour = Colour(0);
    /// Labels.
    pub const MUTED: Colour = Colour(1);
    /// Lines of a grid.
    pub const GRID: Colour = Colour(2);
    /// The harness itself stood still.
    pub const STALL: Colour = Colour(3);
    /// When the anomaly was complete.
    pub const MOMENT: Colour = Colour(4);
    /// Ok.
    pub const OK: Colour = Colour(5);
    /// Compared unequal.
    pub const UNEQUAL: Colour = Colour(6);
    /// Fail.
    pub const FAIL: Colour = Colour(7);
    /// Info.
    pub const INFO: Colour = Colour(8);
    /// Median.
    pub const P50: Colour = Colour(9);
    /// 95th percentile.
    pub const P95: Colour = Colour(10);
    /// 99th percentile.
    pub const P99: Colour = Colour(11);
    /// Nothing served, less than half, less than nearly all.
    pub const HEAT: [Colour; 3] = [Colour(27), Colour(28), Colour(29)];

    /// A fault's colour, which is that of its family.
    pub fn fault(name: &str) -> Colour {
        Colour(match looks::of(name).family {
            Family::Cut => 12,
            Family::Down => 13,
            Family::Halted => 14,
            Family::Clock => 15,
            Family::Resource => 16,
            Family::Other => 17,
            Family::Members => 30,
            Family::Disturbed => 31,
        })
    }

    /// A fault's colour with its pattern, for areas.
    pub fn fault_fill(name: &str) -> Colour {
        Colour(FILLS + looks::number(name))
    }

    /// The colour of node number `at`, from 0.
    pub fn node(at: usize) -> Colour {
        Colour(18 + at % 9)
    }

    /// For attributes: `var(--ok)`, or the name of a pattern. Style sheets know only the former.
    pub fn css(self) -> String {
        match self.0.checked_sub(FILLS) {
            Some(look) => format!("url(#{})", looks::id(look)),
            None => format!("var(--{})", COLOURS[self.0].0),
        }
    }

    /// What stands for it in a drawing until [`themed`] replaces it.
    pub fn stand_in(self) -> RGBColor {
        RGBColor(0xA7, self.0 as u8, 0x5E)
    }
}

/// Replaces stand-ins by variables, so that one drawing serves light and dark.
pub fn themed(svg: &str) -> String {
    let mut out = String::with_capacity(svg.len());
    let mut rest = svg;
    while let Some(at) = rest.find("\"#A7") {
        let (before, found) = rest.split_at(at);
        out.push_str(before);
        let colour = (found.get(4..6)).and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let known =
            |number: &usize| *number < COLOURS.len() || looks::is(number.wrapping_sub(FILLS));
        match colour.filter(known) {
            Some(number) if found.get(6..9) == Some("5E\"") => {
                let _ = write!(out, "\"{}\"", Colour(number).css());
                rest = &found[9..];
            }
            _ => {
                out.push_str(&found[..1]);
                rest = &found[1..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// The declarations of all variables, for light ground and for dark.
pub fn style_sheet() -> String {
    let block = |dark: bool| {
        COLOURS.iter().fold(String::new(), |mut css, colour| {
            let value = if dark { colour.2 } else { colour.1 };
            let _ = write!(css, "--{}:{value};", colour.0);
            css
        })
    };
    format!(
        ":root{{{}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{}}}}}\n",
        block(false),
        block(true)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stand_ins_become_variables_and_nothing_else_changes() {
        let RGBColor(r, g, b) = Colour::FAIL.stand_in();
        let svg = format!("<rect fill=\"#{r:02X}{g:02X}{b:02X}\" stroke=\"#A7FF5E\"/> \"#A7");
        assert_eq!(
            themed(&svg),
            "<rect fill=\"var(--fail)\" stroke=\"#A7FF5E\"/> \"#A7"
        );
        let RGBColor(r, g, b) = Colour::fault_fill("kill").stand_in();
        let svg = format!("<rect fill=\"#{r:02X}{g:02X}{b:02X}\"/>");
        assert_eq!(themed(&svg), "<rect fill=\"url(#look-kill)\"/>");
    }
}
