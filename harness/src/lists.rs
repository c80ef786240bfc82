//! `harness list …`: what can be asked for, as a table.

use crate::exit::{self, Failure};
use crate::{bugs, databases, faults};

/// Prints the table of `what`; `name` picks a row where a table has rows to pick.
///
/// # Errors
/// There is no such table, or no such row.
pub fn print(what: &str, name: Option<&str>) -> Result<u8, Failure> {
    match (what, name) {
        ("bug-names", None) => bugs::BUGS.iter().for_each(|bug| println!("{}", bug.name)),
        ("bug-commands", None) => bugs::DEMONSTRATIONS
            .iter()
            .for_each(|shown| println!("{}", shown.bugs)),
        ("bug-flags", Some(name)) => {
            let shown = bugs::DEMONSTRATIONS
                .iter()
                .find(|shown| shown.bugs == name)
                .ok_or_else(|| {
                    Failure::new(
                        exit::USAGE,
                        format!("no command is known that shows '{name}': see `list bug-commands`"),
                    )
                })?;
            println!("--bug {} {}", shown.bugs, shown.flags);
        }
        _ => return table(what),
    }
    Ok(exit::VALID)
}

fn table(what: &str) -> Result<u8, Failure> {
    let rows: Vec<(String, &str)> = match what {
        "faults" => faults::FAULTS
            .iter()
            .map(|fault| (fault.name().into(), fault.about()))
            .collect(),
        "workloads" => workloads::WORKLOADS
            .iter()
            .map(|work| (work.name().into(), work.about()))
            .collect(),
        "systems" => databases::DATABASES
            .iter()
            .map(|system| (system.name().into(), system.about()))
            .collect(),
        "bugs" => {
            demonstrations();
            return Ok(exit::VALID);
        }
        _ => {
            let message =
                format!("there is no list of '{what}': choose faults, workloads, systems or bugs");
            return Err(Failure::new(exit::USAGE, message));
        }
    };
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, about) in rows {
        println!("{name:width$}  {about}");
    }
    Ok(exit::VALID)
}

/// The planted bugs, and the command that shows each.
fn demonstrations() {
    let mut class = "";
    let mut rows: Vec<&bugs::PlantedBug> = bugs::BUGS.iter().collect();
    rows.sort_by_key(|bug| (bug.class, bug.name));
    for bug in rows {
        if bug.class != class {
            class = bug.class;
            println!("{class}");
        }
        let (id, name, about) = (bug.id, bug.name, bug.about);
        println!("  {id} {name}: {about} ({})", bug.source);
    }
    println!("\nShown by (a run of at most a minute; `scripts/planted-bugs` measures how often):");
    for shown in bugs::DEMONSTRATIONS {
        println!(
            "  cargo run -p harness -- --bug {} {}",
            shown.bugs, shown.flags
        );
    }
}
