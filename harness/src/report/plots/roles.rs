//! Who led, in which term, and which processes did not run.

use super::super::data::Data;
use super::super::leaders::Role;
use super::super::palette::Colour;
use super::Panel;
use super::canvas::{Screen, seconds};
use super::strip::{Bar, Row, Words, strip};

/// A row for every node: bars while it led (with the term), asked for votes, or was down.
pub fn panel(data: &Data<'_>) -> Option<Panel> {
    if data.leaders.reigns.is_empty() {
        return None;
    }
    let mut rows: Vec<Row> = (data.nodes.iter())
        .map(|node| Row {
            label: node.clone(),
            bars: Vec::new(),
        })
        .collect();
    for reign in &data.leaders.reigns {
        let Some(at) = data.node(&reign.node) else {
            continue;
        };
        let (colour, opacity, words) = match reign.role {
            Role::Leader => {
                let words = Words::Inside(reign.term.to_string());
                (Colour::node(at), 0.75, words)
            }
            Role::Candidate => (Colour::node(at), 0.25, Words::None),
            Role::Down => (Colour::STALL, 0.55, Words::None),
        };
        rows[at].bars.push(Bar {
            from: seconds(reign.from_ns),
            to: seconds(reign.to_ns),
            colour,
            opacity,
            words,
        });
    }
    Some(Panel {
        title: "Leader and term".into(),
        about: "Solid while a node led, with its term; pale while it asked for votes; grey while its process did not run. Two solid bars at one time are a leader that did not know yet that it was deposed.".into(),
        legend: Vec::new(),
        svg: strip(data, Screen::Wide, 36, &rows),
        left_out: None,
    })
}
