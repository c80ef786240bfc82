//! The node's log: one line on standard error for each thing that a reader should know.

use std::fmt;
use std::io::Write;

/// Writes a line, whole. Nobody reading it is no reason to stop.
pub fn line(line: fmt::Arguments<'_>) {
    let text = format!("{line}\n");
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// Says a line in the node's log.
macro_rules! say {
    ($($arguments:tt)*) => { $crate::log::line(format_args!($($arguments)*)) };
}

pub(crate) use say;
