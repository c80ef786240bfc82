//! `harness list …`: what can be asked for, as a table.

use crate::exit::{self, Failure};
use crate::faults::{Fault, Need};
use crate::links::Way;
use crate::out::print_line;
use crate::{bugs, databases, faults};

/// Prints the table of `what`; `name` picks a row where a table has rows to pick.
///
/// # Errors
/// There is no such table, or no such row.
pub fn print(what: &str, name: Option<&str>) -> Result<u8, Failure> {
    match (what, name) {
        ("bug-names", None) => bugs::BUGS
            .iter()
            .for_each(|bug| print_line!("{}", bug.name)),
        ("fault-names", None) => faults::FAULTS
            .iter()
            .for_each(|f| print_line!("{}", f.name())),
        ("bug-commands", None) => bugs::DEMONSTRATIONS
            .iter()
            .for_each(|shown| print_line!("{}", shown.bugs)),
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
            print_line!("--bug {} {}", shown.bugs, shown.flags);
        }
        ("faults", None) => all_faults(),
        ("faults", Some(name)) => one_fault(name)?,
        _ => return table(what),
    }
    Ok(exit::VALID)
}

fn by_packets(fault: &dyn Fault) -> bool {
    faults::by_way(fault, Way::Packets) == Some(true)
}

/// The systems that a fault can act on, whatever their links are made of.
pub(crate) fn systems(fault: &dyn Fault) -> Vec<&'static str> {
    let packets = |ways: &[Way]| by_packets(fault) && ways.contains(&Way::Packets);
    databases::DATABASES
        .iter()
        .filter(|system| system.offers(fault.needs()) || packets(system.ways()))
        .map(|system| system.name())
        .collect()
}

/// One row for each fault: its name, what it needs, on which systems it acts, what it does.
fn all_faults() {
    let row = |cells: [&str; 4]| {
        let [name, needs, systems, about] = cells;
        print_line!("{name:16} {needs:26} {systems:22} {about}");
    };
    row(["fault", "needs", "acts on", "what it does"]);
    for fault in faults::FAULTS {
        let systems = systems(*fault);
        let mut needs = fault.needs().to_string();
        if by_packets(*fault) && fault.needs() == Need::Frames {
            needs += ", or packets";
        }
        row([fault.name(), &needs, &systems.join(", "), fault.about()]);
    }
    print_line!("\n`harness list faults NAME` lists what can be chosen of one.");
}

/// What can be chosen of a fault.
fn one_fault(name: &str) -> Result<(), Failure> {
    let fault = faults::Order::plain(name)
        .row()
        .map_err(|problem| Failure::new(exit::USAGE, problem))?;
    print_line!("{name}: {}", fault.about());
    print_line!("needs {}", fault.needs());
    for setting in fault.settings() {
        let default = match setting.default {
            "" => "drawn".to_string(),
            default => default.to_string(),
        };
        print_line!(
            "  {:10} {}; {} [default: {default}]",
            setting.name,
            setting.about,
            setting.kind
        );
    }
    if let Some(first) = fault.settings().first() {
        let first = first.name;
        print_line!("as in --nemesis {name}:{first}=…; the name of the first may be left out");
    }
    Ok(())
}

fn table(what: &str) -> Result<u8, Failure> {
    let rows: Vec<(String, &str)> = match what {
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
        print_line!("{name:width$}  {about}");
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
            print_line!("{class}");
        }
        let (id, name, about) = (bug.id, bug.name, bug.about);
        print_line!("  {id} {name}: {about} ({})", bug.source);
    }
    print_line!(
        "\nShown by (a run of at most a minute; `scripts/planted-bugs` measures how often):"
    );
    for shown in bugs::DEMONSTRATIONS {
        print_line!(
            "  cargo run -p harness -- --bug {} {}",
            shown.bugs,
            shown.flags
        );
    }
}
