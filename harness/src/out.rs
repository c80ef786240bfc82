//! Lines on standard output, which somebody may have closed, as `head` does: then nobody reads on, and that is no failure.

/// As `println!`, but that a closed output is no reason to panic.
macro_rules! print_line {
    ($($words:tt)*) => {{
        use std::io::Write as _;
        let _ = writeln!(std::io::stdout(), $($words)*);
    }};
}

pub(crate) use print_line;
