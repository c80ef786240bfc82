//! What the terminal is: its width, and whether it wants colour.

use std::io::IsTerminal;

/// Columns of the terminal on standard error, if it is one.
pub fn width() -> Option<usize> {
    use std::os::fd::AsRawFd;
    nix::ioctl_read_bad!(window_size, libc::TIOCGWINSZ, libc::winsize);
    let mut size = libc::winsize {
        ws_row: 0,
        ws_col: 0,
        ws_xpixel: 0,
        ws_ypixel: 0,
    };
    // SAFETY: the kernel writes one `winsize` through the pointer, which is valid for the call.
    #[allow(unsafe_code)]
    let asked = unsafe { window_size(std::io::stderr().as_raw_fd(), &mut size) };
    asked
        .ok()
        .map(|_| usize::from(size.ws_col))
        .filter(|columns| *columns > 0)
}

/// Wraps text in a colour where standard output is a terminal that has not asked for plain text.
pub fn paint(text: &str, colour: Colour) -> String {
    if !std::io::stdout().is_terminal() || std::env::var_os("NO_COLOR").is_some() {
        return text.into();
    }
    let code = match colour {
        Colour::Good => 32,
        Colour::Bad => 31,
        Colour::Doubtful => 33,
    };
    format!("\x1b[1;{code}m{text}\x1b[0m")
}

/// What a text means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Valid.
    Good,
    /// Invalid.
    Bad,
    /// Unknown.
    Doubtful,
}
