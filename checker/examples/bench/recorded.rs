//! Beside what Porcupine itself needed elsewhere: `specimens/porcupine.csv` for files that are here, and
//! `specimens/porcupine-families.csv` for histories of the same families, made up by the same rules.

use std::collections::HashMap;
use std::path::Path;

use super::baseline::Budget;
use super::cases::{Case, all_specimens, specimens};
use super::measure::{Judge, measure};
use super::table::{mean, word};

/// Medians in seconds.
#[derive(Clone, Copy)]
pub struct Recorded {
    /// Porcupine (Go).
    pub porcupine: f64,
    /// porcupine-rust, its port.
    pub port: Option<f64>,
}

/// The lines of a file below `specimens/`, without its head.
fn lines(file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(specimens().join(file)).unwrap_or_default();
    text.lines().skip(1).map(str::to_owned).collect()
}

/// By file, or by family, where Porcupine decided.
pub fn recorded() -> HashMap<String, Recorded> {
    let read = |line: &String| {
        let fields: Vec<&str> = line.split(',').collect();
        let seconds = |at: usize| Some(fields.get(at)?.parse::<f64>().ok()? / 1e3);
        let decided = matches!(*fields.get(1)?, "Ok" | "Illegal");
        decided.then_some(())?;
        let (porcupine, port) = (seconds(2)?, seconds(4));
        Some((fields[0].to_string(), Recorded { porcupine, port }))
    };
    let all = [lines("porcupine.csv"), lines("porcupine-families.csv")].concat();
    all.iter().filter_map(read).collect()
}

/// What Porcupine's figures know the case by.
fn name(case: &Case) -> String {
    match case {
        Case::Specimen { file, .. } => file.clone(),
        Case::Made(family) => family.to_string(),
    }
}

/// Every history that Porcupine decided, files first.
fn cases() -> Vec<Case> {
    let known = recorded();
    let made = lines("porcupine-families.csv");
    let made = made.iter().filter_map(|line| line.split(',').next());
    all_specimens()
        .into_iter()
        .filter(|case| known.contains_key(&name(case)))
        .chain(made.filter_map(|family| family.parse().ok()))
        .collect()
}

/// Measures all of them and prints, with `port` (lines of `file,ms`: what porcupine-rust needs on this machine) also
/// scaled by what porcupine-rust needed there.
///
/// # Errors
/// A history cannot be read, or is judged otherwise than Porcupine judged it.
pub fn print(ours: Budget, port: Option<&Path>) -> Result<(), String> {
    let known = recorded();
    println!("| history | operations | verdict | ms | Porcupine, ms | times quicker |");
    println!("|---|--:|---|--:|--:|--:|");
    let (mut files, mut families, mut worst) =
        (Vec::new(), Vec::new(), (f64::INFINITY, String::new()));
    let (mut undecided, mut slower) = (Vec::new(), Vec::new());
    for case in cases() {
        let measured = measure(&case, Judge::Ours, ours)?;
        let name = name(&case);
        let porcupine = known[&name].porcupine;
        let ratio = porcupine / measured.seconds;
        println!(
            "| {case} | {} | {} | {:.3} | {:.3} | {ratio:.1} |",
            measured.operations,
            word(measured.valid),
            measured.seconds * 1e3,
            porcupine * 1e3,
        );
        if !measured.decided() {
            undecided.push(name);
            continue;
        }
        if measured.seconds >= 1e-3 && ratio < 1.0 {
            slower.push(name.clone());
        }
        if ratio < worst.0 {
            worst = (ratio, name);
        }
        match case {
            Case::Specimen { .. } => files.push(ratio),
            Case::Made(_) => families.push(ratio),
        }
    }
    let all = [files.clone(), families.clone()].concat();
    let said =
        |ratios: &[f64], by: f64| format!("{:.1} times ({})", mean(ratios) / by, ratios.len());
    println!(
        "\nQuicker than Porcupine's recorded figures, in the geometric mean over what both decide: {}; files {}, families {}. \
         At worst {:.2} times: {}.",
        said(&all, 1.0),
        said(&files, 1.0),
        said(&families, 1.0),
        worst.0,
        worst.1,
    );
    if let Some(port) = port {
        let by = scale(port, &known)?;
        println!(
            "porcupine-rust is {by:.2} times as quick here as it was there; scaled by that: {}; files {}, families {}.",
            said(&all, by),
            said(&files, by),
            said(&families, by),
        );
    }
    let list = |names: &[String]| match names.is_empty() {
        true => "none".to_owned(),
        false => names.join(", "),
    };
    println!(
        "Undecided: {}. Above 1 ms and slower: {}.",
        list(&undecided),
        list(&slower)
    );
    Ok(())
}

/// How many times quicker the port is here than there.
fn scale(port: &Path, known: &HashMap<String, Recorded>) -> Result<f64, String> {
    let text =
        std::fs::read_to_string(port).map_err(|error| format!("{}: {error}", port.display()))?;
    let ratio = |line: &str| {
        let (file, here) = line.rsplit_once(',')?;
        let here = here.trim().parse::<f64>().ok()? / 1e3;
        Some(known.get(file)?.port? / here)
    };
    let ratios: Vec<f64> = text.lines().filter_map(ratio).collect();
    match ratios.is_empty() {
        true => Err(format!("{}: expected lines of file,ms", port.display())),
        false => Ok(mean(&ratios)),
    }
}
