//! Draws the first violation of a history: `draw FILE > violation.svg`.

use std::path::Path;
use std::process::ExitCode;

use checker::Checker;
use checker::explain::lanes_svg;
use checker::history::jsonl;
use checker::linearizable::Linearizable;

fn main() -> ExitCode {
    let file = std::env::args().nth(1).unwrap_or_default();
    match jsonl::open(Path::new(&file)) {
        Ok(recorded) => {
            let verdict = Linearizable::default().check(&recorded.history);
            verdict
                .violations
                .first()
                .map(lanes_svg)
                .iter()
                .for_each(|svg| println!("{svg}"));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
