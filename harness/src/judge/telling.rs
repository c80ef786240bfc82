//! The verdict in words on standard output.

use std::io::Write;
use std::path::Path;

use checker::Valid;

use crate::exit;
use crate::report::{self, Run};
use crate::store;
use crate::terminal::{Colour, paint};

/// A summary without the verdict's word, which stands before it already.
pub(super) fn plain(summary: &str) -> &str {
    let words = ["Valid: ", "Invalid: ", "Unknown: "];
    words
        .iter()
        .find_map(|word| summary.strip_prefix(word))
        .unwrap_or(summary)
}

/// The verdict in words on standard output.
pub(super) fn print(run: &Run, folder: &Path) {
    // Whoever reads may have left; the verdict is in its file and in the exit code.
    let _ = write_verdict(run, folder, &mut std::io::stdout().lock());
}

fn write_verdict(run: &Run, folder: &Path, out: &mut impl Write) -> std::io::Result<()> {
    let (word, colour) = match run.exit_code {
        exit::VALID => ("VALID", Colour::Good),
        exit::INVALID => ("INVALID", Colour::Bad),
        exit::UNKNOWN => ("UNKNOWN", Colour::Doubtful),
        exit::NOT_LIVE => ("SERVICE LEVEL OR RECOVERY BROKEN", Colour::Bad),
        exit::NODE_FAILED => ("NODE FAILED", Colour::Bad),
        _ => ("FAILED", Colour::Bad),
    };
    writeln!(out, "{}", paint(word, colour))?;
    for note in &run.notes {
        writeln!(out, "  {note}")?;
    }
    if !run.plan.bugs.is_empty() {
        let valid = run
            .verdicts
            .iter()
            .map(|verdict| verdict.valid)
            .max()
            .unwrap_or(Valid::Unknown);
        writeln!(out, "  {}", report::planted(&run.plan, valid))?;
    }
    for verdict in &run.verdicts {
        let mark = match verdict.valid {
            Valid::Yes => "ok",
            Valid::Unknown => "??",
            Valid::No => "XX",
        };
        writeln!(
            out,
            "  {mark} {}: {}",
            verdict.checker,
            plain(&verdict.summary)
        )?;
        if let Some(violation) = verdict.violations.first() {
            writeln!(out, "     {}: {}", violation.anomaly, violation.explanation)?;
        }
    }
    let acted = run
        .injuries
        .iter()
        .filter(|injury| injury.effect.is_some())
        .count();
    writeln!(
        out,
        "  faults: {} injected, {acted} with a measured effect",
        run.injuries.len()
    )?;
    writeln!(out, "  report: {}", folder.join(store::REPORT).display())?;
    writeln!(out, "  repeat: {}", run.plan.command)?;
    Ok(())
}
