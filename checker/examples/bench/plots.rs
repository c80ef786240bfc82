//! Cost against length and against concurrency, drawn as SVG; the baseline is dashed.

use std::path::Path;

use plotters::prelude::*;

use super::baseline::Budget;
use super::cases::Case;
use super::measure::{Judge, measure};

/// A curve: its name, and where its history of size x is.
struct Curve {
    name: &'static str,
    case: fn(u64) -> String,
}

const AGAINST_LENGTH: [Curve; 5] = [
    Curve {
        name: "register, distinct values, 20 clients",
        case: |n| format!("regu_c20_k1_n{n}_u0.01_valid"),
    },
    Curve {
        name: "register, 5 values, 10 clients",
        case: |n| format!("regs_c10_k1_n{n}_u0_valid"),
    },
    Curve {
        name: "queue, 10 clients",
        case: |n| format!("queue_c10_k1_n{n}_u0_valid"),
    },
    Curve {
        name: "stack, 10 clients",
        case: |n| format!("stack_c10_k1_n{n}_u0_valid"),
    },
    Curve {
        name: "counter, 10 clients",
        case: |n| format!("counter_c10_k1_n{n}_u0_valid"),
    },
];

const AGAINST_CLIENTS: [Curve; 5] = [
    Curve {
        name: "register, distinct values",
        case: |c| format!("regu_c{c}_k1_n1000_u0_valid"),
    },
    Curve {
        name: "register, 5 values",
        case: |c| format!("regs_c{c}_k1_n1000_u0_valid"),
    },
    Curve {
        name: "queue",
        case: |c| format!("queue_c{c}_k1_n1000_u0_valid"),
    },
    Curve {
        name: "stack",
        case: |c| format!("stack_c{c}_k1_n1000_u0_valid"),
    },
    Curve {
        name: "counter",
        case: |c| format!("counter_c{c}_k1_n1000_u0_valid"),
    },
];

/// Measures and draws both.
pub fn draw(folder: &Path, ours: Budget, baseline: Budget) -> Result<(), String> {
    std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    let lengths = [
        100, 300, 1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000,
    ];
    let clients = [1, 2, 5, 10, 15, 20, 30, 40, 50];
    let length = ("cost-length.svg", "operations", &AGAINST_LENGTH);
    let crowd = (
        "cost-clients.svg",
        "clients (1,000 operations)",
        &AGAINST_CLIENTS,
    );
    for ((file, axis, curves), places) in [(length, lengths), (crowd, clients)] {
        let path = folder.join(file);
        let drawn = Points::measure(curves, &places, ours, baseline)?;
        plot(&path, axis, &drawn).map_err(|error| error.to_string())?;
        println!("{}", path.display());
    }
    Ok(())
}

/// Where a curve goes, as far as there was an answer.
struct Points {
    name: &'static str,
    colour: RGBColor,
    ours: Vec<(f64, f64)>,
    baseline: Vec<(f64, f64)>,
}

const COLOURS: [RGBColor; 5] = [
    RGBColor(0, 114, 178),
    RGBColor(213, 94, 0),
    RGBColor(0, 158, 115),
    RGBColor(204, 121, 167),
    RGBColor(86, 86, 86),
];

impl Points {
    fn measure(
        curves: &[Curve],
        places: &[u64],
        ours: Budget,
        baseline: Budget,
    ) -> Result<Vec<Points>, String> {
        let follow = |curve: &Curve, judge, budget| {
            let mut points = Vec::new();
            for &place in places {
                let case: Case = (curve.case)(place).parse()?;
                let measured = measure(&case, judge, budget)?;
                if !measured.decided() {
                    break;
                }
                points.push((place as f64, measured.seconds.max(1e-7)));
            }
            Ok::<_, String>(points)
        };
        (curves.iter().zip(COLOURS))
            .map(|(curve, colour)| {
                Ok(Points {
                    name: curve.name,
                    colour,
                    ours: follow(curve, Judge::Ours, ours)?,
                    baseline: follow(curve, Judge::Baseline, baseline)?,
                })
            })
            .collect()
    }
}

fn plot(path: &Path, axis: &str, all: &[Points]) -> Result<(), Box<dyn std::error::Error>> {
    let points = || {
        all.iter()
            .flat_map(|points| points.ours.iter().chain(&points.baseline))
    };
    let across = |which: fn(&(f64, f64)) -> f64| {
        let least = points().map(which).fold(f64::INFINITY, f64::min);
        let most = points().map(which).fold(0.0, f64::max);
        (least * 0.8)..(most * 1.5)
    };
    let root = SVGBackend::new(path, (900, 560)).into_drawing_area();
    root.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&root)
        .margin(12)
        .x_label_area_size(40)
        .y_label_area_size(70)
        .build_cartesian_2d(
            across(|(x, _)| *x).log_scale(),
            across(|(_, y)| *y).log_scale(),
        )?;
    (chart.configure_mesh())
        .x_desc(axis)
        .y_desc("seconds of processor time; dashed: the baseline")
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| match *y >= 1.0 {
            true => format!("{y:.0} s"),
            false if *y >= 1e-3 => format!("{:.0} ms", y * 1e3),
            false => format!("{:.0} µs", y * 1e6),
        })
        .light_line_style(TRANSPARENT)
        .draw()?;
    for Points {
        name,
        colour,
        ours,
        baseline,
    } in all
    {
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(ours.iter().copied(), style).point_size(3))?
            .label(*name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 18, y)], style));
        chart.draw_series(DashedLineSeries::new(baseline.iter().copied(), 5, 4, style))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.8))
        .border_style(BLACK.mix(0.2))
        .draw()?;
    root.present()?;
    Ok(())
}
