//! `harness check RUN`: judges a stored run again and draws its report again.

use std::path::Path;

use crate::exit::{self, Failure};
use crate::progress::{Progress, Style};
use crate::{judge, store};

/// Judges the run in `folder`; a history file alone may be named too, by its folder.
///
/// # Errors
/// The folder is no run folder, or what is in it is damaged.
pub fn check(folder: &Path) -> Result<u8, Failure> {
    if !folder.join(store::HISTORY).is_file() {
        let message = format!(
            "{} is not a run folder: it has no {}; name one such as results/latest",
            folder.display(),
            store::HISTORY
        );
        return Err(Failure::new(exit::MISSING, message));
    }
    judge::judge_and_report(folder, &Progress::new(Style::People))
}
