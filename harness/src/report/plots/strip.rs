//! A strip: rows of bars over time.

use super::super::data::Data;
use super::super::palette::Colour;
use super::canvas::{Axes, Screen};

/// One bar, in seconds.
pub struct Bar {
    /// Left edge.
    pub from: f64,
    /// Right edge.
    pub to: f64,
    /// Its colour.
    pub colour: Colour,
    /// From 0 to 1.
    pub opacity: f64,
    /// What is written at it.
    pub words: Words,
}

/// Words at a bar.
pub enum Words {
    /// None.
    None,
    /// In it, where it is wide enough.
    Inside(String),
    /// Beside it, where there is more room.
    Beside(String),
}

/// A named row of bars.
pub struct Row {
    /// Its name.
    pub label: String,
    /// Its bars.
    pub bars: Vec<Bar>,
}

/// Draws rows of a height (in drawing units) from top to bottom.
pub fn strip(
    data: &Data<'_>,
    screen: Screen,
    row_height: u32,
    rows: &[Row],
) -> Result<String, String> {
    let high = rows.len() as f64;
    let middle = |at: usize| high - at as f64 - 0.5;
    let axes = Axes {
        data,
        screen,
        height: row_height * rows.len() as u32,
        range: (0.0, high),
        ticks: (rows.iter().enumerate())
            .map(|(at, row)| (middle(at), row.label.clone()))
            .collect(),
        grid: false,
    };
    axes.draw(|canvas| {
        for (at, row) in rows.iter().enumerate() {
            let (low, high) = (middle(at) - 0.38, middle(at) + 0.38);
            for bar in &row.bars {
                canvas.bar((bar.from, bar.to), (low, high), bar.colour, bar.opacity)?;
            }
            // Over all bars: a word may be wider than what is free beside its own.
            for bar in &row.bars {
                let span = (bar.from, bar.to);
                match &bar.words {
                    Words::None => {}
                    Words::Inside(words) => canvas.inside(span, middle(at), words)?,
                    Words::Beside(words) => canvas.beside(span, middle(at), words)?,
                }
            }
        }
        Ok(())
    })
}
