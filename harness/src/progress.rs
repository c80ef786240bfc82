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

/// The state of a run at one moment.
pub struct Moment {
    /// Since the run began.
    pub elapsed: Duration,
    /// Until faults end.
    pub left: Duration,
    /// Operations so far: ok, fail, info.
    pub counts: [u64; 3],
    /// Operations that happened in the last second.
    pub rate: u64,
    /// Who leads, such as `n2 term 7`.
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

fn render(moment: &Moment) -> String {
    let [ok, fail, info] = moment.counts;
    let faults = if moment.faults.is_empty() {
        "none".into()
    } else {
        moment.faults.join("; ")
    };
    format!(
        "{:>5.1} s, {:.0} s left | {} ok/s | ok {ok}, fail {fail}, info {info} | leader {} | {} faults, {} with effect | now: {faults}",
        moment.elapsed.as_secs_f64(),
        moment.left.as_secs_f64(),
        moment.rate,
        moment.leader,
        moment.injuries.0,
        moment.injuries.1,
    )
}
