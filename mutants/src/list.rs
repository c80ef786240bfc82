//! What there is to change: cargo-mutants' own list.

use serde_json::Value;
use std::collections::HashMap;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;

/// A place in a file as cargo-mutants tells it: line and column, both from 1, in characters.
pub type Place = (usize, usize);

/// How a mutant changes the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Genre {
    /// A function answers a made-up value.
    Value,
    /// Another binary operator.
    Binary,
    /// A unary operator less.
    Unary,
    /// An arm of a match less.
    Arm,
    /// A guard of an arm that is always true, or never.
    Guard,
    /// A field of a struct expression less; the base tells it.
    Field,
}

/// One change.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// Below `checker/src`.
    pub file: String,
    /// Empty outside functions.
    pub function: String,
    pub genre: Genre,
    pub start: Place,
    pub replacement: String,
    /// cargo-mutants' words for it, with line and column.
    pub name: String,
    /// The words without line, column and function.
    pub mutation: String,
    /// The words, and what its file held: tells it from all others, until the file changes.
    pub key: String,
}

/// Asks cargo-mutants for all mutants of these files, which are globs below `checker/src`.
pub fn list(root: &Path, globs: &[&str]) -> Result<Vec<Mutant>, String> {
    let mut command = Command::new("cargo");
    command
        .args(["mutants", "--list", "--json", "-d"])
        .arg(root);
    for glob in globs {
        command.args(["-f", &format!("checker/src/{glob}")]);
    }
    let told = command.output().map_err(|error| error.to_string())?;
    if !told.status.success() {
        return Err(String::from_utf8_lossy(&told.stderr).into_owned());
    }
    let all: Value = serde_json::from_slice(&told.stdout).map_err(|error| error.to_string())?;
    let all = all.as_array().ok_or("cargo-mutants told no list")?;
    let mut hashes = HashMap::new();
    let mut mutants = Vec::new();
    for value in all {
        let mut mutant = mutant(value)
            .ok_or_else(|| format!("cargo-mutants told what is not understood: {value}"))?;
        let hash = match hashes.get(&mutant.file) {
            Some(hash) => *hash,
            None => {
                let path = root.join("checker/src").join(&mutant.file);
                let source =
                    fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
                let mut hasher = DefaultHasher::new();
                source.hash(&mut hasher);
                hashes.insert(mutant.file.clone(), hasher.finish());
                hasher.finish()
            }
        };
        mutant.key = format!("{} {hash:016x}", mutant.name);
        mutants.push(mutant);
    }
    Ok(mutants)
}

fn mutant(value: &Value) -> Option<Mutant> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let place = |value: &Value| -> Option<Place> {
        Some((
            value["line"].as_u64()? as usize,
            value["column"].as_u64()? as usize,
        ))
    };
    let function = text(&value["function"]["function_name"]).unwrap_or_default();
    let name = text(&value["name"])?;
    let words = name.split_once(": ")?.1;
    let mutation = words
        .strip_suffix(&format!(" in {function}"))
        .unwrap_or(words);
    Some(Mutant {
        file: value["file"]
            .as_str()?
            .strip_prefix("checker/src/")?
            .to_owned(),
        genre: match value["genre"].as_str()? {
            "FnValue" => Genre::Value,
            "BinaryOperator" => Genre::Binary,
            "UnaryOperator" => Genre::Unary,
            "MatchArm" => Genre::Arm,
            "MatchArmGuard" => Genre::Guard,
            "StructField" => Genre::Field,
            _ => return None,
        },
        start: place(&value["span"]["start"])?,
        replacement: text(&value["replacement"])?,
        mutation: mutation.to_owned(),
        function,
        name,
        key: String::new(),
    })
}
