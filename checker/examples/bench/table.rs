//! The table: every history, the baseline beside it, and what follows from both.

use checker::Valid;

use super::baseline::Budget;
use super::cases::Case;
use super::measure::{Judge, Measured, measure};

/// A history with both measurements.
struct Row {
    case: Case,
    ours: Measured,
    baseline: Measured,
}

impl Row {
    /// How many times quicker, where both decide.
    fn ratio(&self) -> Option<f64> {
        let both = self.ours.decided() && self.baseline.decided();
        both.then(|| self.baseline.seconds / self.ours.seconds)
    }

    /// Values written once, or at least 100 keys: a verdict is a must.
    fn must_decide(&self) -> bool {
        let Case::Made(family) = &self.case else {
            return false;
        };
        let distinct = [
            "regu",
            "regcas",
            "queue",
            "stack",
            "priority-queue",
            "set",
            "log",
        ];
        family.keys >= 100 || distinct.contains(&family.name)
    }
}

/// The geometric mean.
pub fn mean(ratios: &[f64]) -> f64 {
    let sum: f64 = ratios.iter().map(|ratio| ratio.ln()).sum();
    (sum / ratios.len().max(1) as f64).exp()
}

/// The word for a verdict.
pub fn word(valid: Valid) -> &'static str {
    match valid {
        Valid::Yes => "valid",
        Valid::No => "invalid",
        Valid::Unknown => "unknown",
    }
}

/// Measures all and prints.
pub fn print(cases: &[Case], ours: Budget, baseline: Budget) -> Result<(), String> {
    println!(
        "| history | operations | verdict | ms | explained, ms | operations/s | MB | baseline | ms | MB | times quicker |"
    );
    println!("|---|--:|---|--:|--:|--:|--:|---|--:|--:|--:|");
    let mut rows = Vec::new();
    for case in cases {
        let row = Row {
            case: case.clone(),
            ours: measure(case, Judge::Ours, ours)?,
            baseline: measure(case, Judge::Baseline, baseline)?,
        };
        let Row { ours, baseline, .. } = &row;
        let (valid, operations) = (word(ours.valid), ours.operations);
        println!(
            "| {case} | {operations} | {valid} | {:.3} | {:.3} | {:.0} | {:.1} | {} | {:.3} | {:.1} | {} |",
            ours.seconds * 1e3,
            ours.explained * 1e3,
            operations as f64 / ours.seconds.max(1e-9),
            ours.megabytes,
            word(baseline.valid),
            baseline.seconds * 1e3,
            baseline.megabytes,
            row.ratio()
                .map_or(String::new(), |ratio| format!("{ratio:.1}")),
        );
        if ours.decided() && baseline.decided() && ours.valid != baseline.valid {
            return Err(format!("{case}: the two judges contradict each other"));
        }
        rows.push(row);
    }
    conclude(&rows);
    Ok(())
}

fn conclude(rows: &[Row]) {
    let ratios: Vec<f64> = rows.iter().filter_map(Row::ratio).collect();
    let decided =
        |which: fn(&Row) -> &Measured| rows.iter().filter(|row| which(row).decided()).count();
    println!(
        "\nOf {} histories this crate decides {}, the baseline {}; on the {} that both decide it is {:.1} times quicker in \
         the geometric mean, {:.2} times at worst.",
        rows.len(),
        decided(|row| &row.ours),
        decided(|row| &row.baseline),
        ratios.len(),
        mean(&ratios),
        ratios.iter().copied().fold(f64::INFINITY, f64::min),
    );
    let long: Vec<f64> = (rows.iter())
        .filter(|row| row.baseline.seconds >= 1e-3)
        .filter_map(Row::ratio)
        .collect();
    println!(
        "On the {} of these that take the baseline 1 ms or more: {:.1} times.",
        long.len(),
        mean(&long)
    );
    let slower = (rows.iter())
        .filter(|row| row.baseline.decided() && row.ours.seconds > row.baseline.seconds)
        .filter(|row| row.ours.seconds >= 1e-3);
    list("Above 1 ms and slower than the baseline", slower);
    let open = rows
        .iter()
        .filter(|row| row.must_decide() && !row.ours.decided());
    list(
        "Undecided, of the families with distinct values or 100 keys",
        open,
    );
    let etcd = rows
        .iter()
        .filter(|row| row.case.to_string().contains("etcd_"));
    let etcd: Vec<f64> = etcd.map(|row| row.ours.seconds * 1e3).collect();
    println!(
        "\nAll {} etcd logs: {:.1} ms, the worst {:.2} ms.",
        etcd.len(),
        etcd.iter().sum::<f64>(),
        etcd.iter().copied().fold(0.0, f64::max)
    );
}

fn list<'a>(what: &str, rows: impl Iterator<Item = &'a Row>) {
    let names: Vec<String> = rows.map(|row| row.case.to_string()).collect();
    match names.is_empty() {
        true => println!("\n{what}: none."),
        false => println!("\n{what}: {}.", names.join(", ")),
    }
}
