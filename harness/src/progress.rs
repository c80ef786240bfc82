//! Shows a run as it goes: one line that is rewritten on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::time::Duration;

/// Where people are told what happens. Everything goes to standard error; standard output has the verdict.
pub struct Progress {
    quiet: bool,
    terminal: bool,
    /// A rewritten line is on the screen and must be ended before another text.
    dirty: Mutex<bool>,
}

/// Operations by how they ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They happened.
    pub ok: u64,
    /// Compare-and-sets that found another value: answered, but not done.
    pub unequal: u64,
    /// They certainly did not happen.
    pub fail: u64,
    /// Nobody knows.
    pub info: u64,
}

/// The state of a run at one moment.
pub struct Moment {
    /// Until faults end.
    pub left: Duration,
    /// Operations so far.
    pub counts: Counts,
    /// Operations that happened in the last second.
    pub rate: u64,
    /// Who leads, such as `n2 leads in term 7`.
    pub leader: String,
    /// Faults that act now.
    pub faults: Vec<String>,
    /// Injuries that are over, and how many of them had a measured effect.
    pub injuries: (u64, u64),
}

impl Progress {
    /// Looks at the terminal.
    pub fn new(quiet: bool) -> Progress {
        Progress {
            quiet,
            terminal: std::io::stderr().is_terminal(),
            dirty: Mutex::new(false),
        }
    }

    /// How often [`Progress::moment`] should be called.
    pub fn every(&self) -> Duration {
        Duration::from_millis(if self.terminal { 250 } else { 5000 })
    }

    /// Says a line that stays.
    pub fn say(&self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }

    /// Says a line that stays, even when quiet.
    pub fn line(&self, text: &str) {
        let mut dirty = self
            .dirty
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut out = std::io::stderr().lock();
        let clear = if *dirty { "\r\x1b[2K" } else { "" };
        *dirty = false;
        // Nobody may be listening; a run does not end for that.
        let _ = writeln!(out, "{clear}{text}");
    }

    /// Shows the state of the run.
    pub fn moment(&self, moment: &Moment) {
        if self.quiet {
            return;
        }
        let text = render(moment);
        if !self.terminal {
            return self.line(&text);
        }
        let mut dirty = self
            .dirty
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let mut out = std::io::stderr().lock();
        let width = crate::terminal::width().unwrap_or(120).saturating_sub(1);
        let text: String = text.chars().take(width).collect();
        *dirty = true;
        let _ = write!(out, "\r\x1b[2K{text}");
        let _ = out.flush();
    }
}

/// What matters most stands first: a narrow terminal cuts the end off.
fn render(moment: &Moment) -> String {
    let Counts {
        ok,
        unequal,
        fail,
        info,
    } = moment.counts;
    let (over, acted) = moment.injuries;
    let now = if moment.faults.is_empty() {
        "no fault".into()
    } else {
        moment.faults.join("; ")
    };
    format!(
        "{:>4.0} s left | {} | {now} | {} ok/s | ok {ok}, unequal {unequal}, fail {fail}, unknown {info} | {acted} of {over} faults had an effect",
        moment.left.as_secs_f64(),
        moment.leader,
        moment.rate,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leader_and_faults_fit_on_a_narrow_terminal() {
        let text = render(&Moment {
            left: Duration::from_secs(250),
            counts: Counts {
                ok: 100_000,
                unequal: 1,
                fail: 2,
                info: 3,
            },
            rate: 950,
            leader: "n2 leads in term 17".into(),
            faults: vec!["n2 was cut off from n1, n3, n4 and n5".into()],
            injuries: (9, 8),
        });
        let narrow: String = text.chars().take(79).collect();
        assert!(
            narrow.contains("n2 leads") && narrow.contains("n2 was cut off"),
            "{narrow}"
        );
    }
}
