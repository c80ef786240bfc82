//! A panel's drawing area: time to the right, a value upwards, ticks and labels of our own choosing.

use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::super::data::Data;
use super::super::palette::{Colour, themed};

/// For which screen a drawing is. Drawing units are shown at about half their size, so that marks have
/// half-pixel positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Screen {
    /// Of a computer, or paper.
    Wide,
    /// Of a phone.
    Narrow,
}

impl Screen {
    /// Width in drawing units.
    pub fn width(self) -> u32 {
        match self {
            Screen::Wide => 1920,
            Screen::Narrow => 820,
        }
    }

    /// How many labels of time there is room for.
    fn ticks(self) -> f64 {
        match self {
            Screen::Wide => 12.0,
            Screen::Narrow => 5.0,
        }
    }
}

/// Room for labels at the left, in drawing units.
pub const LEFT: u32 = 186;
/// Room at the right.
pub const RIGHT: u32 = 24;
/// Room above.
pub const TOP: u32 = 10;
/// Room for labels of time.
pub const BOTTOM: u32 = 36;
/// Size of labels, in plotters' points (1.24 units each smaller on the page).
const LABEL: f64 = 27.0;

type Area<'r> = DrawingArea<SVGBackend<'r>, Shift>;
type Chart<'r> = ChartContext<'r, SVGBackend<'r>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
/// Why a drawing failed.
pub type Failure = DrawingAreaErrorKind<std::io::Error>;

/// A drawing under way.
pub struct Canvas<'r> {
    root: Area<'r>,
    chart: Chart<'r>,
    middle: i32,
}

/// What a panel's axes are.
pub struct Axes<'a> {
    /// The run: its length, faults and stalls.
    pub data: &'a Data<'a>,
    /// For which screen.
    pub screen: Screen,
    /// Height of the plotting area, in drawing units.
    pub height: u32,
    /// Lowest and highest value.
    pub range: (f64, f64),
    /// Values to label, with their labels.
    pub ticks: Vec<(f64, String)>,
    /// Draw a line of the grid at each tick.
    pub grid: bool,
}

impl Axes<'_> {
    /// Draws a panel.
    ///
    /// # Errors
    /// What plotters says when it cannot, in words.
    pub fn draw(
        &self,
        content: impl FnOnce(&mut Canvas<'_>) -> Result<(), Failure>,
    ) -> Result<String, String> {
        let mut svg = String::new();
        self.drawn(&mut svg, content)
            .map_err(|failure| failure.to_string())?;
        Ok(compact(&svg, self.screen.width(), self.height))
    }

    fn drawn(
        &self,
        svg: &mut String,
        content: impl FnOnce(&mut Canvas<'_>) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let width = self.screen.width();
        let size = (width, TOP + self.height + BOTTOM);
        let root = SVGBackend::with_string(svg, size).into_drawing_area();
        let end = seconds(self.data.end_ns.max(1));
        let (low, high) = self.range;
        let chart = ChartBuilder::on(&root)
            .margin_top(TOP)
            .margin_right(RIGHT)
            .set_label_area_size(LabelAreaPosition::Left, LEFT)
            .set_label_area_size(LabelAreaPosition::Bottom, BOTTOM)
            .build_cartesian_2d(0.0..end, low..high)?;
        let mut canvas = Canvas {
            root,
            chart,
            middle: width as i32 / 2,
        };
        for (value, label) in &self.ticks {
            if self.grid {
                let line =
                    PathElement::new([(0.0, *value), (end, *value)], Colour::GRID.stand_in());
                canvas.chart.draw_series([line])?;
            }
            let (_, y) = canvas.chart.backend_coord(&(0.0, *value));
            let anchor = Pos::new(HPos::Right, VPos::Center);
            canvas.label(label, (LEFT as i32 - 12, y), Colour::MUTED, anchor)?;
        }
        content(&mut canvas)?;
        let base = (TOP + self.height) as i32;
        for (at, label) in time_ticks(end, self.screen.ticks()) {
            let (x, _) = canvas.chart.backend_coord(&(at, low));
            let tick = PathElement::new([(x, base), (x, base + 6)], Colour::MUTED.stand_in());
            canvas.root.draw(&tick)?;
            let anchor = Pos::new(HPos::Center, VPos::Top);
            canvas.label(&label, (x, base + 9), Colour::MUTED, anchor)?;
        }
        let line = [(LEFT as i32, base), ((width - RIGHT) as i32, base)];
        canvas
            .root
            .draw(&PathElement::new(line, Colour::MUTED.stand_in()))?;
        canvas.root.present()
    }
}

impl Canvas<'_> {
    /// A dot of radius `size` (drawing units).
    pub fn dot(&mut self, at: (f64, f64), size: u32, colour: Colour) -> Result<(), Failure> {
        let style = colour.stand_in().mix(0.6).filled();
        self.chart
            .draw_series([Circle::new(at, size, style)])
            .map(drop)
    }

    /// A line through points; missing points interrupt it.
    pub fn line(
        &mut self,
        points: impl IntoIterator<Item = (f64, Option<f64>)>,
        colour: Colour,
    ) -> Result<(), Failure> {
        let style = colour.stand_in().stroke_width(3);
        let mut run: Vec<(f64, f64)> = Vec::new();
        for (x, y) in points.into_iter().chain([(0.0, None)]) {
            match y {
                Some(y) => run.push((x, y)),
                None => {
                    match run.as_slice() {
                        [] => {}
                        [only] => self.dot(*only, 3, colour)?,
                        _ => {
                            let path = PathElement::new(std::mem::take(&mut run), style);
                            self.chart.draw_series([path])?;
                        }
                    }
                    run.clear();
                }
            }
        }
        Ok(())
    }

    /// A filled box between two moments and two values; never narrower than can be seen.
    pub fn bar(
        &mut self,
        (from, to): (f64, f64),
        (low, high): (f64, f64),
        colour: Colour,
        opacity: f64,
    ) -> Result<(), Failure> {
        let (x, top) = self.chart.backend_coord(&(from, high));
        let (right, bottom) = self.chart.backend_coord(&(to, low));
        let style = colour.stand_in().mix(opacity).filled();
        let corners = [(x, top), (right.max(x + 2), bottom)];
        self.root.draw(&Rectangle::new(corners, style))
    }

    /// Text in the middle of a bar, if it fits.
    pub fn inside(&mut self, span: (f64, f64), value: f64, words: &str) -> Result<(), Failure> {
        let (left, right, y) = self.ends(span, value);
        if right - left < 16 + 13 * words.chars().count() as i32 {
            return Ok(());
        }
        let anchor = Pos::new(HPos::Center, VPos::Center);
        self.label(words, ((left + right) / 2, y), Colour::INK, anchor)
    }

    /// Text at the side of a bar where there is more room.
    pub fn beside(&mut self, span: (f64, f64), value: f64, words: &str) -> Result<(), Failure> {
        let (left, right, y) = self.ends(span, value);
        let (x, side) = if left > self.middle {
            (left - 14, HPos::Right)
        } else {
            (right + 14, HPos::Left)
        };
        self.label(words, (x, y), Colour::INK, Pos::new(side, VPos::Center))
    }

    fn ends(&self, (from, to): (f64, f64), value: f64) -> (i32, i32, i32) {
        let (left, y) = self.chart.backend_coord(&(from, value));
        let (right, _) = self.chart.backend_coord(&(to, value));
        (left, right, y)
    }

    fn label(
        &self,
        words: &str,
        at: (i32, i32),
        colour: Colour,
        anchor: Pos,
    ) -> Result<(), Failure> {
        let style = ("sans-serif", LABEL).into_font().color(&colour.stand_in());
        self.root.draw(&Text::new(words, at, style.pos(anchor)))
    }
}

/// Nanoseconds as the axis counts them.
pub fn seconds(ns: u64) -> f64 {
    ns as f64 / 1e9
}

/// At most `most` round moments from 0 to `end` seconds.
fn time_ticks(end: f64, most: f64) -> Vec<(f64, String)> {
    const STEPS: [f64; 16] = [
        0.001, 0.01, 0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1800.0,
        3600.0,
    ];
    let step = STEPS.into_iter().find(|step| end / step <= most);
    let step = step.unwrap_or(end / most);
    (0..=12)
        .map(|number| f64::from(number) * step)
        .take_while(|at| *at <= end)
        .map(|at| (at, format!("{} s", (at * 1000.0).round() / 1000.0)))
        .collect()
}

/// Puts fault bands behind and the moment of the anomaly before the drawing, hands colours over to the
/// style sheet, and drops attributes that say what is so anyway.
fn compact(svg: &str, width: u32, height: u32) -> String {
    let svg = themed(svg)
        .replace(" xmlns=\"http://www.w3.org/2000/svg\"", "")
        .replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "")
        .replace(" stroke-width=\"1\"", "")
        .replace(" font-family=\"sans-serif\"", "");
    let across = width - LEFT - RIGHT;
    let place = format!("transform=\"translate({LEFT} {TOP}) scale({across} {height})\"");
    let behind = format!("<use href=\"#bands\" {place}/>\n");
    let before = format!("<use href=\"#moment\" {place}/>\n</svg>");
    let body = svg.find('>').map_or(0, |at| at + 1);
    let (open, rest) = svg.split_at(body);
    // The page decides the width; the height follows.
    let open = open.replacen(&format!(" width=\"{width}\""), "", 1);
    let open = open.replacen(&format!(" height=\"{}\"", TOP + height + BOTTOM), "", 1);
    format!(
        "{open}\n{behind}{}",
        rest.trim_end().replacen("</svg>", &before, 1)
    )
}
