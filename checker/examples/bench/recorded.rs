//! What Porcupine itself and its Rust port needed elsewhere: `specimens/porcupine.csv`.

use std::collections::HashMap;

use super::cases::specimens;

/// Medians in seconds.
#[derive(Clone, Copy)]
pub struct Recorded {
    /// Porcupine (Go).
    pub porcupine: f64,
    /// porcupine-rust.
    pub port: Option<f64>,
}

/// By file, where Porcupine decided.
pub fn recorded() -> HashMap<String, Recorded> {
    let text = std::fs::read_to_string(specimens().join("porcupine.csv")).unwrap_or_default();
    let line = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let seconds = |at: usize| Some(fields.get(at)?.parse::<f64>().ok()? / 1e3);
        let decided = matches!(*fields.get(1)?, "Ok" | "Illegal");
        decided.then_some(())?;
        let (porcupine, port) = (seconds(2)?, seconds(4));
        Some((fields[0].to_string(), Recorded { porcupine, port }))
    };
    text.lines().skip(1).filter_map(line).collect()
}
