//! A copy of the checker with all mutants in it, below `target/mutants`.

use crate::edits::Changed;
use crate::list::Mutant;
use crate::schemata::{self, Site, UNVIABLE};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// What became of each mutant by the time that the copy compiles.
#[derive(Debug)]
pub struct Copy {
    /// The folder of the copied package.
    pub package: PathBuf,
    /// For each mutant's number, from 1, where it is in the list of all.
    pub numbers: Vec<usize>,
    pub sites: Vec<Site>,
    /// Where in the list of all those are that do not compile.
    pub unviable: BTreeSet<usize>,
    /// Those that cannot be put in, and why.
    pub refused: BTreeMap<usize, &'static str>,
}

/// Copies the checker, puts all mutants in, and drops those that do not compile.
pub fn make(root: &Path, work: &Path, mutants: &[Mutant]) -> Result<Copy, String> {
    let package = work.join("checker");
    let own = ["lib.rs", "mutant.rs", "sites.rs"];
    let changed = mutants.iter().map(|mutant| mutant.file.as_str()).chain(own);
    let changed = changed.map(|file| package.join("src").join(file)).collect();
    mirror(&root.join("checker"), &package, &changed)
        .map_err(|error| format!("the copy: {error}"))?;
    let manifest = read(&root.join("Cargo.toml"))?;
    let members = manifest
        .find("members = [")
        .ok_or("Cargo.toml names no members")?;
    let end = members
        + manifest[members..]
            .find(']')
            .ok_or("Cargo.toml names no members")?
        + 1;
    let manifest = format!(
        "{}members = [\"checker\"]{}",
        &manifest[..members],
        &manifest[end..]
    );
    write(&work.join("Cargo.toml"), &manifest)?;
    if !work.join("Cargo.lock").exists() {
        write(&work.join("Cargo.lock"), &read(&root.join("Cargo.lock"))?)?;
    }
    write(
        &package.join("src/mutant.rs"),
        include_str!("../switch/mutant.rs"),
    )?;
    let lib = read(&root.join("checker/src/lib.rs"))?;
    let at = lib
        .find("\npub mod ")
        .ok_or("checker/src/lib.rs has no modules")?;
    let allows = "#![allow(warnings, arithmetic_overflow, unconditional_panic, clippy::all)]";
    write(
        &package.join("src/lib.rs"),
        &format!("{}\n{allows}\nmod mutant;{}", &lib[..at], &lib[at..]),
    )?;

    // What did not compile before does not now; each round of finding out takes a while.
    let path = work.join("unviable");
    let before = fs::read_to_string(&path).unwrap_or_default();
    let before: HashSet<&str> = before.lines().collect();
    let mut unviable: BTreeSet<usize> = (mutants.iter().enumerate())
        .filter(|(_, mutant)| before.contains(mutant.key.as_str()))
        .map(|(at, _)| at)
        .collect();
    for round in 1.. {
        let mut copy = Copy {
            package: package.clone(),
            numbers: Vec::new(),
            sites: Vec::new(),
            unviable: unviable.clone(),
            refused: BTreeMap::new(),
        };
        let changed = put_in(root, mutants, &mut copy)?;
        let wrong = compile(work, &changed)?;
        if wrong.is_empty() {
            let keys = |some: &BTreeSet<usize>| -> String {
                some.iter()
                    .map(|at| mutants[*at].key.clone() + "\n")
                    .collect()
            };
            write(&path, &keys(&unviable))?;
            let names = (1..)
                .zip(&copy.numbers)
                .map(|(number, at): (u32, _)| format!("{number}\t{}\n", mutants[*at].name));
            write(&work.join("numbers"), &names.collect::<String>())?;
            return Ok(copy);
        }
        unviable = copy.unviable;
        unviable.extend(
            wrong
                .iter()
                .map(|number| copy.numbers[*number as usize - 1]),
        );
        eprintln!("round {round}: {} do not compile", unviable.len());
    }
    unreachable!()
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))
}

/// Writes what differs, so that nothing is compiled in vain.
fn write(path: &Path, text: &str) -> Result<(), String> {
    if fs::read_to_string(path).is_ok_and(|now| now == text) {
        return Ok(());
    }
    fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Copies a folder but for what is written changed; deletes what is there no more.
fn mirror(from: &Path, to: &Path, changed: &BTreeSet<PathBuf>) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let source = entry?.path();
        let target = to.join(source.file_name().unwrap_or_default());
        if source.is_dir() {
            mirror(&source, &target, changed)?;
        } else if !changed.contains(&target) {
            let bytes = fs::read(&source)?;
            if fs::read(&target).ok().as_ref() != Some(&bytes) {
                fs::write(&target, bytes)?;
            }
        }
    }
    for entry in fs::read_dir(to)? {
        let target = entry?.path();
        if from.join(target.file_name().unwrap_or_default()).exists() || changed.contains(&target) {
            continue;
        }
        match target.is_dir() {
            true => fs::remove_dir_all(&target)?,
            false => fs::remove_file(&target)?,
        }
    }
    Ok(())
}

/// Writes all sources; those with mutants changed. Tells what each of these became, by its path in the package.
fn put_in(
    root: &Path,
    mutants: &[Mutant],
    copy: &mut Copy,
) -> Result<BTreeMap<String, Changed>, String> {
    let mut files: BTreeMap<&str, Vec<(usize, &Mutant)>> = BTreeMap::new();
    for (at, mutant) in mutants.iter().enumerate() {
        let wanted = files.entry(&mutant.file).or_default();
        if !copy.unviable.contains(&at) {
            wanted.push((at, mutant));
        }
    }
    let mut all = BTreeMap::new();
    for (file, wanted) in files {
        let source = read(&root.join("checker/src").join(file))?;
        let (changed, refused) =
            schemata::rewrite(&source, &wanted, &mut copy.sites, &mut copy.numbers)
                .map_err(|error| format!("{file}: {error}"))?;
        for (at, why) in refused {
            if why == UNVIABLE {
                copy.unviable.insert(at);
            } else {
                copy.refused.insert(at, why);
            }
        }
        write(&copy.package.join("src").join(file), &changed.text)?;
        all.insert(format!("checker/src/{file}"), changed);
    }
    let sites: String = copy
        .sites
        .iter()
        .map(|(first, last)| format!("({first}, {last}),\n"))
        .collect();
    let sites = format!(
        "/// The first and the last mutant of each site.\nstatic SITES: [(u32, u32); {}] = [\n{sites}];\n",
        copy.sites.len()
    );
    write(&copy.package.join("src/sites.rs"), &sites)?;
    Ok(all)
}

/// Runs cargo on the copy and tells what its messages are.
pub fn cargo(work: &Path, arguments: &[&str]) -> Result<(bool, Vec<Value>), String> {
    let told = Command::new("cargo")
        .args(arguments)
        .args([
            "--quiet",
            "--message-format=json",
            "--config=profile.dev.package.checker.debug=0",
        ])
        .current_dir(work)
        .env("CARGO_TARGET_DIR", work.join("target"))
        .env("CARGO_INCREMENTAL", "0")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cargo: {error}"))?;
    let lines = String::from_utf8_lossy(&told.stdout);
    let messages = lines
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect();
    Ok((told.status.success(), messages))
}

/// Which mutants the compiler blames.
fn compile(work: &Path, changed: &BTreeMap<String, Changed>) -> Result<BTreeSet<u32>, String> {
    let (done, messages) = cargo(work, &["check", "-p", "checker", "--lib"])?;
    let mut blamed = BTreeSet::new();
    let mut others = Vec::new();
    let errors = messages
        .iter()
        .map(|line| &line["message"])
        .filter(|message| message["level"] == "error");
    for error in errors {
        let mut spans: Vec<&Value> = error["spans"].as_array().into_iter().flatten().collect();
        spans.sort_by_key(|span| span["is_primary"] != true);
        let mutant = spans.iter().find_map(|span| {
            let file = changed.get(span["file_name"].as_str()?)?;
            let at = span["byte_start"].as_u64()? as usize;
            let of = |(range, number): &(std::ops::Range<usize>, u32)| {
                range.contains(&at).then_some(*number)
            };
            file.mutants.iter().find_map(of)
        });
        match mutant {
            Some(mutant) => _ = blamed.insert(mutant),
            None => others.push(error["rendered"].as_str().unwrap_or_default()),
        }
    }
    if blamed.is_empty() && !done {
        return Err(format!(
            "the copy does not compile, and no mutant is to blame:\n{}",
            others.concat()
        ));
    }
    Ok(blamed)
}
