//! `harness compare A B …`: the same figures of several runs side by side, and which differ by more than chance.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use checker::History;

use super::significance::mann_whitney;
use super::stored;
use super::summary::{self, Figures, Summary};
use crate::exit::{self, Failure};
use crate::report::{self, PerSecond};

/// Differences less likely than this by chance are marked.
const RARE: f64 = 0.01;

struct Compared {
    label: String,
    summary: Summary,
    figures: Figures,
    seconds: PerSecond,
}

/// A row of the table: its name, each run's value, and the samples by which values are compared.
struct Row {
    name: String,
    values: Vec<String>,
    samples: Option<Vec<Vec<f64>>>,
}

/// Prints the table.
///
/// # Errors
/// A run is missing or damaged.
pub fn compare(folders: &[PathBuf]) -> Result<u8, Failure> {
    let runs: Result<Vec<Compared>, Failure> = folders.iter().map(|folder| read(folder)).collect();
    // Whoever reads may have left.
    let _ = std::io::Write::write_all(&mut std::io::stdout(), table(&runs?).as_bytes());
    Ok(exit::VALID)
}

fn read(folder: &Path) -> Result<Compared, Failure> {
    let summary = summary::of(folder).ok_or_else(|| {
        let text = format!(
            "{} is not a run folder: it has no plan.json",
            folder.display()
        );
        Failure::new(exit::MISSING, text)
    })?;
    let history: History = stored::history(folder)?;
    let injuries = crate::judge::injuries(folder)?;
    let observations = crate::store::read_lines(&folder.join(crate::store::OBSERVATIONS))?;
    let (figures, seconds) = report::measured(&history, &injuries, &observations);
    Ok(Compared {
        label: summary.name.clone(),
        summary,
        figures,
        seconds,
    })
}

fn table(runs: &[Compared]) -> String {
    let mut out = String::new();
    for (at, run) in runs.iter().enumerate() {
        let _ = writeln!(out, "{} {}", letter(at), run.label);
    }
    let rows = rows(runs);
    let wide = |texts: &mut dyn Iterator<Item = usize>| texts.max().unwrap_or(0);
    let first = wide(&mut rows.iter().map(|row| row.name.chars().count()));
    let widths: Vec<usize> = (0..runs.len())
        .map(|at| wide(&mut rows.iter().map(|row| row.values[at].chars().count())).max(9))
        .collect();
    let _ = write!(out, "\n{:first$}", "");
    for (at, width) in widths.iter().enumerate() {
        let _ = write!(out, "  {:>width$}", letter(at));
    }
    out.push_str("  differs from A\n");
    for row in &rows {
        let _ = write!(out, "{:first$}", row.name);
        for (value, width) in row.values.iter().zip(&widths) {
            let _ = write!(out, "  {value:>width$}");
        }
        let _ = writeln!(out, "  {}", differs(row).trim_end());
    }
    let _ = writeln!(
        out,
        "\nDiffers: Mann and Whitney's test over seconds of the run (rates, latencies) or over injuries (outages, recovery);\nmarked with * where chance alone would do that less than once in {:.0}. Seconds of one run hang together: take a mark\nas a reason to run again with other seeds, not as a proof. – too few to compare.",
        1.0 / RARE
    );
    out
}

fn letter(at: usize) -> char {
    char::from(b'A' + at as u8)
}

/// `B p=0.0004 *` for each run but the first.
fn differs(row: &Row) -> String {
    let Some(samples) = &row.samples else {
        return String::new();
    };
    let words = samples.iter().enumerate().skip(1).map(|(at, sample)| {
        match mann_whitney(&samples[0], sample) {
            None => format!("{} –", letter(at)),
            Some(p) if p < 0.0001 => format!("{} p<0.0001 *", letter(at)),
            Some(p) => format!(
                "{} p={p:.4}{}",
                letter(at),
                if p < RARE { " *" } else { "" }
            ),
        }
    });
    words.collect::<Vec<_>>().join("  ")
}

fn rows(runs: &[Compared]) -> Vec<Row> {
    let text = |name: &str, of: &dyn Fn(&Compared) -> String| Row {
        name: name.into(),
        values: runs.iter().map(of).collect(),
        samples: None,
    };
    let measured = |name: String,
                    of: &dyn Fn(&Compared) -> Option<f64>,
                    samples: &dyn Fn(&Compared) -> Vec<f64>| Row {
        name,
        values: runs.iter().map(|run| figure(of(run))).collect(),
        samples: Some(runs.iter().map(samples).collect()),
    };
    let mut rows = vec![
        text("verdict", &|run| match run.summary.valid.as_str() {
            "yes" => "valid".into(),
            "no" => "invalid".into(),
            "none" => "not judged".into(),
            other => other.into(),
        }),
        text("system", &|run| run.summary.system.clone()),
        text("workload", &|run| run.summary.workload.clone()),
    ];
    if runs.iter().any(|run| !run.summary.replication.is_empty()) {
        rows.push(text("replication", &|run| run.summary.replication.clone()));
    }
    rows.extend([
        text("ok", &|run| run.figures.ok.to_string()),
        text("fail", &|run| run.figures.fail.to_string()),
        text("info", &|run| run.figures.info.to_string()),
        measured(
            "served a second".into(),
            &|run| Some(run.figures.served_per_second),
            &|run| run.seconds.served.clone(),
        ),
        measured("p50, ms".into(), &|run| run.figures.p50_ms, &|run| {
            run.seconds.p50_ms.clone()
        }),
        measured("p99, ms".into(), &|run| run.figures.p99_ms, &|run| {
            run.seconds.p99_ms.clone()
        }),
        text("longest outage, ms", &|run| {
            figure(Some(run.figures.longest_outage_ms))
        }),
        text("outages in all, ms", &|run| {
            figure(Some(run.figures.outage_ms))
        }),
        text("leader changes", &|run| {
            run.figures.leader_changes.to_string()
        }),
    ]);
    let mut kinds: Vec<&str> = Vec::new();
    for fault in runs.iter().flat_map(|run| &run.figures.faults) {
        if !kinds.contains(&fault.fault.as_str()) {
            kinds.push(&fault.fault);
        }
    }
    for kind in kinds {
        let of = |run: &Compared| {
            run.figures
                .faults
                .iter()
                .find(|fault| fault.fault == kind)
                .cloned()
        };
        let each = |run: &Compared, which: fn(&report::EachInjury) -> Option<f64>| -> Vec<f64> {
            let injuries = run
                .seconds
                .injuries
                .iter()
                .filter(|injury| injury.fault == kind);
            injuries.filter_map(which).collect()
        };
        rows.push(measured(
            format!("{kind}: longest outage, ms"),
            &|run| of(run).map(|fault| fault.longest_outage_ms),
            &|run| each(run, |injury| Some(injury.longest_outage_ms)),
        ));
        rows.push(measured(
            format!("{kind}: worst heal to ok, ms"),
            &|run| of(run)?.worst_recovery_ms,
            &|run| each(run, |injury| injury.recovery_ms),
        ));
    }
    rows
}

fn figure(value: Option<f64>) -> String {
    match value {
        None => "–".into(),
        Some(value) if value >= 100.0 => format!("{value:.0}"),
        Some(value) if value >= 10.0 => format!("{value:.1}"),
        Some(value) => format!("{value:.2}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture::{self, Wanted};

    fn run(latency_us: u64) -> Compared {
        let run = fixture::made(&Wanted {
            seconds: 30,
            latency_us,
            faults: &["kill"],
        });
        let (figures, seconds) = report::measured(&run.history, &run.injuries, &run.observations);
        Compared {
            label: format!("run-{latency_us}"),
            summary: Summary {
                name: String::new(),
                utc: String::new(),
                system: "node".into(),
                workload: "register".into(),
                nemesis: "kill".into(),
                nodes: 5,
                seed: 1,
                bugs: String::new(),
                replication: String::new(),
                valid: "yes".into(),
                exit_code: Some(0),
                sentence: String::new(),
                figures: None,
                report: false,
            },
            figures,
            seconds,
        }
    }

    #[test]
    fn what_is_slower_is_marked_and_what_is_equal_is_not() {
        let runs = [run(20_000), run(20_000), run(40_000)];
        let table = table(&runs);
        let line = |name: &str| {
            let line = table.lines().find(|line| line.starts_with(name));
            line.unwrap_or_else(|| panic!("{name} in\n{table}"))
                .to_string()
        };
        assert!(
            line("p50, ms").ends_with("B p=1.0000  C p<0.0001 *"),
            "{table}"
        );
        assert!(line("served a second").contains("C p<0.0001 *"), "{table}");
        assert!(line("verdict").contains("valid"), "{table}");
        assert!(line("kill: longest outage").contains('B'), "{table}");
    }
}
