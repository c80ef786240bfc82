//! What each kind of fault looks like: the colour of its family and a pattern of its own, so that no two are taken for
//! each other, whatever colours a reader sees.

use std::fmt::Write;

use super::palette::Colour;

/// What a fault does to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Family {
    /// Links carry nothing.
    Cut,
    /// Links carry messages late, twice, damaged, or not all.
    Disturbed,
    /// Processes end.
    Down,
    /// Processes stand still.
    Halted,
    /// Clocks are wrong.
    Clock,
    /// The system refuses something, or breaks it.
    Resource,
    /// Who votes changes.
    Members,
    /// Whatever has no place above.
    Other,
}

/// A fault's look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The fault's name.
    kind: &'static str,
    /// Decides the colour.
    pub family: Family,
    /// Lines on a tile of 8 by 8, as the data of an SVG path; empty: plain.
    pub pattern: &'static str,
}

const PLAIN: &str = "";
const RISING: &str = "M-2 2L2 -2M0 8L8 0M6 10L10 6";
const FALLING: &str = "M-2 6L2 10M0 0L8 8M6 -2L10 2";
const UPRIGHT: &str = "M4 0V8";
const LEVEL: &str = "M0 4H8";
const CROSSED: &str = "M0 8L8 0M0 0L8 8";
const GRID: &str = "M4 0V8M0 4H8";
const TEES: &str = "M0 2H8M4 2V8";
const DOTS: &str = "M2.6 4H5.4";
const DOUBLE: &str = "M1 2H7M1 6H7";
const ZIGZAG: &str = "M0 6L4 2L8 6";

const fn look(kind: &'static str, family: Family, pattern: &'static str) -> Look {
    Look {
        kind,
        family,
        pattern,
    }
}

/// The last one is for a fault that has none.
const LOOKS: [Look; 28] = [
    look("partition", Family::Cut, PLAIN),
    look("flaky", Family::Cut, UPRIGHT),
    look("half-open", Family::Cut, LEVEL),
    look("reset", Family::Cut, CROSSED),
    look("client-partition", Family::Cut, TEES),
    look("swizzle", Family::Cut, ZIGZAG),
    look("latency", Family::Disturbed, PLAIN),
    look("bandwidth", Family::Disturbed, LEVEL),
    look("corrupt", Family::Disturbed, CROSSED),
    look("duplicate", Family::Disturbed, UPRIGHT),
    look("hold", Family::Disturbed, FALLING),
    look("loss", Family::Disturbed, DOTS),
    look("messages", Family::Disturbed, GRID),
    look("reorder", Family::Disturbed, ZIGZAG),
    look("kill", Family::Down, PLAIN),
    look("rolling-restart", Family::Down, RISING),
    look("term", Family::Down, LEVEL),
    look("pause", Family::Halted, FALLING),
    look("slow-cpu", Family::Halted, DOTS),
    look("clock-rate", Family::Clock, CROSSED),
    look("clock-skew", Family::Clock, DOTS),
    look("bit-flip", Family::Resource, CROSSED),
    look("disk-full", Family::Resource, RISING),
    look("fd-exhaustion", Family::Resource, GRID),
    look("memory", Family::Resource, UPRIGHT),
    look("sync-error", Family::Resource, LEVEL),
    look("membership", Family::Members, DOUBLE),
    look("", Family::Other, PLAIN),
];

/// A fault's look.
pub fn of(kind: &str) -> Look {
    LOOKS[number(kind)]
}

/// The number of a fault's look.
pub fn number(kind: &str) -> usize {
    let found = LOOKS.iter().position(|look| look.kind == kind);
    found.unwrap_or(LOOKS.len() - 1)
}

/// There is a look of that number.
pub fn is(number: usize) -> bool {
    number < LOOKS.len()
}

/// How the page calls a look's pattern.
pub fn id(number: usize) -> String {
    match LOOKS[number].kind {
        "" => "look-other".into(),
        kind => format!("look-{kind}"),
    }
}

/// The patterns of some kinds, as SVG definitions. Drawings are shown at half their size, and so are tiles.
pub fn definitions(kinds: &[&str]) -> String {
    let mut numbers: Vec<usize> = kinds.iter().map(|kind| number(kind)).collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers.into_iter().fold(String::new(), |mut out, number| {
        let Look { kind, pattern, .. } = LOOKS[number];
        let _ = writeln!(
            out,
            "<pattern id=\"{}\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\" patternTransform=\"scale(2)\"><rect width=\"8\" height=\"8\" fill=\"{}\"/><path class=\"pattern\" d=\"{pattern}\"/></pattern>",
            id(number),
            Colour::fault(kind).css(),
        );
        out
    })
}

/// A small square of a fault's look, for legends and tables.
pub fn swatch(kind: &str) -> String {
    format!(
        "<svg class=\"swatch\" viewBox=\"0 0 32 28\" aria-hidden=\"true\"><rect width=\"32\" height=\"28\" rx=\"5\" fill=\"{}\"/></svg>",
        Colour::fault_fill(kind).css()
    )
}

#[cfg(test)]
mod tests {
    use super::super::palette::COLOURS;
    use super::*;
    use crate::faults::FAULTS;

    #[test]
    fn every_fault_has_a_look_and_no_two_the_same() {
        for fault in FAULTS {
            assert!(number(fault.name()) + 1 < LOOKS.len(), "{}", fault.name());
        }
        for (at, one) in LOOKS.iter().enumerate() {
            for other in &LOOKS[..at] {
                assert_ne!((one.family, one.pattern), (other.family, other.pattern));
            }
        }
    }

    /// Linear light, 0 to 1.
    fn linear(hex: &str) -> [f64; 3] {
        [1, 3, 5].map(|at| {
            let byte = u8::from_str_radix(&hex[at..at + 2], 16).expect("a colour");
            (f64::from(byte) / 255.0).powf(2.2)
        })
    }

    /// What is left of a colour without one kind of cones (Viénot, Brettel and Mollon 1999), as shown on a screen.
    fn seen_as([r, g, b]: [f64; 3], sight: &str) -> [f64; 3] {
        let seen = match sight {
            "protanopia" => [
                0.1124 * r + 0.8876 * g,
                0.1124 * r + 0.8876 * g,
                0.004 * (r - g) + b,
            ],
            "deuteranopia" => [
                0.2928 * r + 0.7072 * g,
                0.2928 * r + 0.7072 * g,
                0.0223 * (g - r) + b,
            ],
            _ => [r, g, b],
        };
        seen.map(|part| part.clamp(0.0, 1.0).powf(1.0 / 2.2) * 255.0)
    }

    #[test]
    fn faults_of_one_pattern_differ_in_colour_for_every_sight() {
        let colour = |look: &Look, dark: bool| {
            let css = Colour::fault(look.kind).css();
            let name = css.trim_start_matches("var(--").trim_end_matches(')');
            let found = COLOURS
                .iter()
                .find(|colour| colour.0 == name)
                .expect("it is there");
            linear(if dark { found.2 } else { found.1 })
        };
        for (at, one) in LOOKS.iter().enumerate() {
            for other in LOOKS[..at]
                .iter()
                .filter(|other| other.pattern == one.pattern)
            {
                for dark in [false, true] {
                    for sight in ["all", "protanopia", "deuteranopia"] {
                        let (a, b) = (colour(one, dark), colour(other, dark));
                        let (a, b) = (seen_as(a, sight), seen_as(b, sight));
                        let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
                        let distance = squares.sum::<f64>().sqrt();
                        assert!(
                            distance > 45.0,
                            "{:?} and {:?} under {sight}, dark {dark}: {distance:.0}",
                            one.kind,
                            other.kind
                        );
                    }
                }
            }
        }
    }
}
