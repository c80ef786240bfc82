//! Colours by meaning, light and dark, as CSS variables; plots carry stand-ins that become variables.

use std::fmt::Write;

use plotters::style::RGBColor;

/// A colour of the page, by its meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour(usize);

/// Name of the variable, colour on light ground, colour on dark ground.
const COLOURS: [(&str, &str, &str); 31] = [
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
    // Faults.
    ("partition", "#7048c6", "#a78bfa"),
    ("kill", "#9c4a1f", "#e08e5e"),
    ("pause", "#0c8599", "#3bc9db"),
    ("clock", "#b08300", "#fcc419"),
    ("disk", "#2b8a3e", "#69db7c"),
    ("fault", "#6b5b4b", "#c0a98e"),
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
    // One more fault.
    ("members", "#a61e4d", "#f06595"),
];

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

    /// A fault's colour.
    pub fn fault(name: &str) -> Colour {
        Colour(match name {
            "partition" => 12,
            "kill" => 13,
            "pause" => 14,
            "clock-skew" => 15,
            "disk-full" => 16,
            "membership" => 30,
            _ => 17,
        })
    }

    /// The colour of node number `at`, from 0.
    pub fn node(at: usize) -> Colour {
        Colour(18 + at % 9)
    }

    /// For attributes and style sheets: `var(--ok)`.
    pub fn css(self) -> String {
        format!("var(--{})", COLOURS[self.0].0)
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
        match colour.and_then(|number| COLOURS.get(number)) {
            Some((name, ..)) if found.get(6..9) == Some("5E\"") => {
                let _ = write!(out, "\"var(--{name})\"");
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
    }
}
