//! Shows a run as it goes: a dashboard on a terminal, plain lines elsewhere, JSON lines for programs.

mod dashboard;
mod moment;

use crate::lock::lock;
use std::io::{IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::broadcast;

use dashboard::Dashboard;
pub use moment::{Counts, Moment, NodeNow};

/// Who is told, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// People: a dashboard on a terminal, plain lines elsewhere; on standard error.
    #[default]
    People,
    /// People who want the verdict only.
    Quiet,
    /// Programs: a JSON object a line on standard output, `type` is `said`, `moment` or `verdict`.
    JsonLines,
}

/// Where people are told what happens. For people everything goes to standard error; standard output has the verdict.
pub struct Progress {
    style: Style,
    terminal: bool,
    shown: Mutex<Shown>,
    /// Every JSON object, for whoever listens.
    told: broadcast::Sender<Value>,
    /// All of them so far, for whoever comes later; moments are thinned as they grow many.
    past: Mutex<Vec<Value>>,
    /// A page tells all of it to whoever opens it, at any time.
    served: AtomicBool,
}

#[derive(Default)]
struct Shown {
    dashboard: Dashboard,
    /// Lines of the dashboard on the screen, which must be taken away before another text.
    lines: usize,
}

/// Most moments that are remembered.
const REMEMBERED: usize = 1_200;

impl Progress {
    /// Looks at the terminal.
    pub fn new(style: Style) -> Progress {
        Progress {
            style,
            terminal: style == Style::People && std::io::stderr().is_terminal(),
            shown: Mutex::default(),
            told: broadcast::Sender::new(64),
            past: Mutex::default(),
            served: AtomicBool::new(false),
        }
    }

    /// From now on there is a page that shows the run.
    pub fn serve(&self) {
        self.served.store(true, Relaxed);
    }

    /// Who is told, and how.
    pub fn style(&self) -> Style {
        self.style
    }

    /// Somebody is shown the run as it goes, or may yet come to look.
    pub fn is_watched(&self) -> bool {
        self.style != Style::Quiet || self.served.load(Relaxed)
    }

    /// How often [`Progress::moment`] should be called.
    pub fn every(&self) -> Duration {
        let watched = self.terminal || self.told.receiver_count() > 0;
        Duration::from_millis(match self.style {
            _ if watched => 250,
            Style::JsonLines => 1000,
            // Whoever comes to look is not to wait for long.
            Style::Quiet if self.served.load(Relaxed) => 1000,
            _ => 5000,
        })
    }

    /// Says a line that stays.
    pub fn say(&self, text: &str) {
        if self.style == Style::Quiet {
            return self.tell(json!({"type": "said", "text": text}));
        }
        self.line(text);
    }

    /// Says a line that stays, even when quiet.
    pub fn line(&self, text: &str) {
        let told = json!({"type": "said", "text": text});
        if self.style == Style::JsonLines {
            self.print(&told);
        } else {
            let mut shown = lock(&self.shown);
            let mut out = std::io::stderr().lock();
            let clear = away(&mut shown);
            // Nobody may be listening; a run does not end for that.
            let _ = writeln!(out, "{clear}{text}");
        }
        self.tell(told);
    }

    /// Shows the state of the run.
    pub fn moment(&self, moment: &Moment) {
        let mut told = serde_json::to_value(moment).unwrap_or_default();
        told["type"] = json!("moment");
        match self.style {
            Style::Quiet => {}
            Style::JsonLines => self.print(&told),
            Style::People if !self.terminal => {
                let _ = writeln!(std::io::stderr().lock(), "{}", moment.line());
            }
            Style::People => {
                let width = crate::terminal::width().unwrap_or(120).saturating_sub(1);
                let mut shown = lock(&self.shown);
                let clear = away(&mut shown);
                let lines = shown.dashboard.lines(moment, width);
                shown.lines = lines.len();
                let mut out = std::io::stderr().lock();
                let _ = writeln!(out, "{clear}{}", lines.join("\n"));
                let _ = out.flush();
            }
        }
        self.tell(told);
    }

    /// Tells programs and the live page how the run ended; people read it on standard output.
    pub fn verdict(&self, verdict: &Value) {
        let mut told = verdict.clone();
        told["type"] = json!("verdict");
        if self.style == Style::JsonLines {
            self.print(&told);
        }
        self.tell(told);
    }

    /// All that was told so far, and all that will be.
    pub fn listen(&self) -> (Vec<Value>, broadcast::Receiver<Value>) {
        let past = lock(&self.past);
        (past.clone(), self.told.subscribe())
    }

    fn tell(&self, told: Value) {
        let mut past = lock(&self.past);
        past.push(told.clone());
        if past.len() > REMEMBERED {
            let mut number = 0;
            past.retain(|told| {
                number += 1;
                told["type"] != "moment" || number % 2 == 0
            });
        }
        // Nobody listens: then nobody is told.
        let _ = self.told.send(told);
    }

    fn print(&self, told: &Value) {
        let _ = writeln!(std::io::stdout().lock(), "{told}");
    }
}

/// What takes the dashboard off the screen: up by its lines, then everything below goes.
fn away(shown: &mut Shown) -> String {
    match std::mem::take(&mut shown.lines) {
        0 => String::new(),
        lines => format!("\x1b[{lines}A\r\x1b[J"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_comes_late_hears_what_was_told_and_what_comes() {
        let progress = Progress::new(Style::Quiet);
        progress.say("first");
        progress.moment(&moment::tests::moment());
        let (past, mut told) = progress.listen();
        assert_eq!(past.len(), 2);
        assert_eq!(past[1]["type"], "moment");
        assert_eq!(past[1]["counts"]["ok"], 100_000);
        progress.verdict(&json!({"valid": "no"}));
        assert_eq!(told.try_recv().unwrap()["type"], "verdict");
    }

    #[test]
    fn a_quiet_run_is_watched_once_a_page_shows_it() {
        let progress = Progress::new(Style::Quiet);
        assert!(!progress.is_watched());
        progress.serve();
        assert!(progress.is_watched());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_keeps_what_was_said() {
        let progress = Progress::new(Style::Quiet);
        progress.say("first");
        for _ in 0..5_000 {
            progress.moment(&moment::tests::moment());
        }
        let (past, _) = progress.listen();
        assert!(past.len() <= REMEMBERED, "{}", past.len());
        assert_eq!(past[0]["text"], "first");
    }
}
