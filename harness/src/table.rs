//! `harness table`: every fault alone against a system, for some seconds each, and what came of it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use crate::cli::{self, RunWish, TableArgs, Wish};
use crate::ending::Ending;
use crate::exit::{self, Failure};
use crate::faults::FAULTS;
use crate::injury::Injury;
use crate::{databases, run, store};

/// Runs each fault that can act on the system alone and prints a row for each; the worst code of all.
///
/// # Errors
/// A run could not begin: there is no such system, or it is not installed.
pub fn print(args: &TableArgs) -> Result<u8, Failure> {
    let (mut codes, mut rows) = (Vec::new(), Vec::new());
    for fault in FAULTS {
        let offered = databases::find(&args.system).is_none_or(|s| s.offers(fault.needs()));
        if !offered || fault.makes_no_sense(args.nodes).is_some() {
            let (system, name, needs) = (&args.system, fault.name(), fault.needs());
            rows.push(format!(
                "| {system} | {name} | not here: needs {needs} | | | | |"
            ));
            continue;
        }
        let wish = wish(args, fault.name())?;
        let (code, folder) = run::run(&wish)?;
        rows.push(row(args, fault.name(), code, &folder)?);
        codes.push(code);
    }
    println!(
        "\n| system | fault | verdict | injuries | with effect, such as | healed | recovered after |"
    );
    println!("|---|---|---|---|---|---|---|");
    rows.iter().for_each(|row| println!("{row}"));
    Ok(exit::worst(codes))
}

/// The run, as the command line would say it.
fn wish(args: &TableArgs, fault: &str) -> Result<RunWish, Failure> {
    let (time, nodes) = (args.time.to_string(), args.nodes.to_string());
    let mut words: Vec<OsString> = vec!["harness".into(), "--quiet".into()];
    for (flag, value) in [
        ("--system", args.system.as_str()),
        ("--nemesis", fault),
        ("--time", &time),
        ("--nodes", &nodes),
        ("--rate", "300"),
        ("--box", &args.sandbox),
    ] {
        words.extend([flag.into(), value.into()]);
    }
    words.extend(["--out".into(), args.out.clone().into()]);
    if let Some(binary) = &args.binary {
        words.extend(["--binary".into(), binary.into()]);
    }
    match cli::read(words.into_iter())? {
        Wish::Run(wish) => Ok(wish),
        _ => Err(Failure::new(exit::INTERNAL, "a run was asked for")),
    }
}

fn row(args: &TableArgs, fault: &str, code: u8, folder: &Path) -> Result<String, Failure> {
    let lines: Vec<Injury> = store::read_lines(&folder.join(store::INJURIES))?;
    // The last line of each says what came of it.
    let injuries: BTreeMap<u64, Injury> = lines.into_iter().map(|i| (i.id, i)).collect();
    let count = |wanted: &dyn Fn(&Injury) -> bool| injuries.values().filter(|i| wanted(i)).count();
    let effective = count(&|i| i.effect.is_some());
    let healed = count(&|i| i.healed_ns.is_some() && i.error.is_none());
    let mut effects = injuries.values().filter_map(|i| i.effect.as_deref());
    // The first sentence: what a node says at its end can be long.
    let example = effects.next().unwrap_or("nothing");
    let example = example.split(". ").next().unwrap_or(example);
    let ending: Ending = store::read_json(&folder.join(store::ENDING))?;
    let recovered = ending.recovered_after_ns.map_or("never".into(), |after| {
        format!("{:.2} s", after as f64 / 1e9)
    });
    let (system, verdict, all) = (&args.system, exit::word(code), injuries.len());
    let healed = if healed == all {
        "all".into()
    } else {
        format!("{healed} of {all}")
    };
    Ok(format!(
        "| {system} | {fault} | {verdict} | {all} | {effective}: {example} | {healed} | {recovered} |"
    ))
}
