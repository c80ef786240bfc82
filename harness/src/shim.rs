//! The harness' side of the preloaded library: a control page for each node, set at any time, read for effect.
//!
//! Level-triggered: the page holds what is wanted, healthy by default, and a program that is started again
//! finds it as it is. The library and its limits: `harness/shim/src/lib.rs`.
// Mapping a file that another process writes to has no safe door.
#![allow(unsafe_code)]

#[path = "../shim/src/page.rs"]
mod page;
#[cfg(test)]
mod tests;

use crate::lock::lock;
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::ops::Sub;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{Ordering, fence};

use nix::sys::mman::{MapFlags, ProtFlags, mmap};
use nix::time::{ClockId, clock_gettime};

use page::{DIR, MAGIC, PAGE, Page, Rate, SIZE, VERSION};

/// The preloaded library's file.
#[derive(Debug)]
pub struct Library {
    /// What `LD_PRELOAD` is set to.
    path: PathBuf,
    _held: Option<File>,
}

impl Library {
    /// The library that was built beside the harness.
    ///
    /// # Errors
    /// It is missing; the text says how to build it.
    pub fn beside_harness() -> io::Result<Library> {
        Library::at(&std::env::current_exe()?.with_file_name("libshim.so"))
    }

    /// The library at `path`, such as the copy that a run keeps.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn at(path: &Path) -> io::Result<Library> {
        let explain = |error: io::Error| {
            let text = format!(
                "cannot read the library {}, without which clocks and disks cannot be disturbed: {error}; \
                 build it with `cargo build -p shim`",
                path.display()
            );
            io::Error::new(error.kind(), text)
        };
        let path = std::path::absolute(path).map_err(explain)?;
        let file = File::open(&path).map_err(explain)?;
        // LD_PRELOAD is a list: spaces and colons part it, and nothing protects them. Such a file is named by
        // the harness' open descriptor instead, which is there for as long as the nodes are.
        if path
            .as_os_str()
            .as_encoded_bytes()
            .iter()
            .any(|byte| b" \t\n:".contains(byte))
        {
            let path = format!("/proc/{}/fd/{}", std::process::id(), file.as_raw_fd()).into();
            return Ok(Library {
                path,
                _held: Some(file),
            });
        }
        Ok(Library { path, _held: None })
    }
}

/// What a node's clock and disk are like.
#[derive(Debug)]
pub struct Shim {
    page: &'static Page,
    path: PathBuf,
    folder: PathBuf,
    /// The monotonic clock's rate, which one at a time may change.
    rate: Mutex<Rate>,
}

impl Shim {
    /// Makes the page, a new file at `path`, for a program whose data is below `folder`, which has to exist.
    ///
    /// # Errors
    /// The file cannot be made, or is there already; the folder is missing.
    pub fn create(path: &Path, folder: &Path) -> io::Result<Shim> {
        let explain = |error: io::Error| {
            let text = format!("cannot make the control page {}: {error}", path.display());
            io::Error::new(error.kind(), text)
        };
        let missing = |error: io::Error| {
            let text = format!("cannot find the data folder {}: {error}", folder.display());
            io::Error::new(error.kind(), text)
        };
        // As /proc shows open files: without links.
        let folder = folder.canonicalize().map_err(missing)?;
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .map_err(explain)?;
        // Written out, so that there is space for it even if the disk fills up.
        file.write_all(&[0; SIZE]).map_err(explain)?;
        let page = map(&file).map_err(explain)?;
        page.version.store(VERSION, Ordering::Relaxed);
        page.magic.store(MAGIC, Ordering::Release);
        Ok(Shim {
            page,
            path: std::path::absolute(path)?,
            folder,
            rate: Mutex::default(),
        })
    }

    /// Has `command` load the library, for this page and folder.
    pub fn preload(&self, command: &mut Command, library: &Library) {
        command
            .env("LD_PRELOAD", &library.path)
            .env(PAGE, &self.path)
            .env(DIR, &self.folder);
    }

    /// Moves the wall clock away from the true time by so many nanoseconds; 0 heals. Before 1970 it stands still.
    pub fn set_clock_offset(&self, nanos: i64) {
        self.page.clock_offset_ns.store(nanos, Ordering::Relaxed);
    }

    /// How far the wall clock is moved, in nanoseconds.
    pub fn clock_offset(&self) -> i64 {
        self.page.clock_offset_ns.load(Ordering::Relaxed)
    }

    /// Has the monotonic clock gain so many millionths from now on, or lose them; 0 heals. What it has gained it keeps: it
    /// never jumps and never goes back. At least a twentieth of its rate is left.
    pub fn set_clock_rate(&self, ppm: i64) {
        let mut rate = lock(&self.rate);
        let ppm = ppm.max(-950_000);
        if ppm == rate.ppm {
            return;
        }
        let page = self.page;
        let sequence = page.rate_sequence.load(Ordering::Relaxed);
        if sequence == 0 {
            let lead = clock_ns(ClockId::CLOCK_BOOTTIME) - clock_ns(ClockId::CLOCK_MONOTONIC);
            page.boot_lead_ns.store(lead, Ordering::Relaxed);
        }
        page.rate_sequence.store(sequence + 1, Ordering::Relaxed);
        // From here on readers wait: none goes on with the old rate after the moment that is taken now.
        fence(Ordering::SeqCst);
        let now_ns = clock_ns(ClockId::CLOCK_MONOTONIC);
        *rate = Rate {
            since_ns: now_ns,
            gained_ns: rate.gained(now_ns),
            ppm,
        };
        page.rate_since_ns.store(rate.since_ns, Ordering::Relaxed);
        page.rate_gained_ns.store(rate.gained_ns, Ordering::Relaxed);
        page.rate_ppm.store(rate.ppm, Ordering::Relaxed);
        page.rate_sequence.store(sequence + 2, Ordering::Release);
    }

    /// Lets writes to files below the folder fail with ENOSPC, or pass again.
    pub fn set_disk_full(&self, full: bool) {
        self.page.disk_full.store(full.into(), Ordering::Relaxed);
    }

    /// Do they fail?
    pub fn disk_full(&self) -> bool {
        self.page.disk_full.load(Ordering::Relaxed) != 0
    }

    /// Lets the `nth` sync of a file below the folder from now on fail with EIO, once; 0: none.
    pub fn set_sync_error(&self, nth: u64) {
        self.page.sync_error.store(nth, Ordering::Relaxed);
    }

    /// Is one still to fail?
    pub fn sync_error_pending(&self) -> bool {
        self.page.sync_error.load(Ordering::Relaxed) != 0
    }

    /// True time, at its true rate, free disk, and syncs that succeed.
    pub fn heal(&self) {
        self.set_sync_error(0);
        self.set_clock_offset(0);
        self.set_clock_rate(0);
        self.set_disk_full(false);
    }

    /// What came of it since the page was made.
    pub fn effect(&self) -> Effect {
        let page = self.page;
        Effect {
            attached: page.attached.load(Ordering::Relaxed),
            clock_reads_skewed: page.clock_reads_skewed.load(Ordering::Relaxed),
            writes_refused: page.writes_refused.load(Ordering::Relaxed),
            syncs_refused: page.syncs_refused.load(Ordering::Relaxed),
            clock_reads_rated: page.clock_reads_rated.load(Ordering::Relaxed),
            gained_ns: page.gained_ns.load(Ordering::Relaxed),
            syncs_failed: page.syncs_failed.load(Ordering::Relaxed),
        }
    }
}

/// Counts that only grow: an injury's effect is a difference of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Effect {
    /// Programs that loaded the library and found the page; 0 after a start: it has no effect on this program.
    pub attached: u64,
    /// Readings of a moved wall clock.
    pub clock_reads_skewed: u64,
    /// Writes, and requests for space, that failed with ENOSPC.
    pub writes_refused: u64,
    /// Syncs that did.
    pub syncs_refused: u64,
    /// Readings of a monotonic clock that ran fast or slow.
    pub clock_reads_rated: u64,
    /// What it had gained at the last of them; this one may fall.
    pub gained_ns: i64,
    /// Syncs that failed with EIO.
    pub syncs_failed: u64,
}

impl Sub for Effect {
    type Output = Effect;

    fn sub(self, before: Effect) -> Effect {
        Effect {
            attached: self.attached.saturating_sub(before.attached),
            clock_reads_skewed: self
                .clock_reads_skewed
                .saturating_sub(before.clock_reads_skewed),
            writes_refused: self.writes_refused.saturating_sub(before.writes_refused),
            syncs_refused: self.syncs_refused.saturating_sub(before.syncs_refused),
            clock_reads_rated: self
                .clock_reads_rated
                .saturating_sub(before.clock_reads_rated),
            gained_ns: self.gained_ns.saturating_sub(before.gained_ns),
            syncs_failed: self.syncs_failed.saturating_sub(before.syncs_failed),
        }
    }
}

/// `812 clock readings skewed`, `14 writes and 3 syncs refused`, `syncs failed: 1`, several of them, or `no effect`.
impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = vec![];
        if self.clock_reads_skewed > 0 {
            parts.push(format!("{} clock readings skewed", self.clock_reads_skewed));
        }
        if self.clock_reads_rated > 0 {
            parts.push(format!(
                "{:+.1} ms of the monotonic clock in {} readings",
                self.gained_ns as f64 / 1e6,
                self.clock_reads_rated
            ));
        }
        if self.writes_refused + self.syncs_refused > 0 {
            parts.push(format!(
                "{} writes and {} syncs refused",
                self.writes_refused, self.syncs_refused
            ));
        }
        if self.syncs_failed > 0 {
            parts.push(format!("syncs failed: {}", self.syncs_failed));
        }
        match parts.is_empty() {
            true => f.write_str("no effect"),
            false => f.write_str(&parts.join(", ")),
        }
    }
}

/// A clock of this process, which nobody bends.
fn clock_ns(id: ClockId) -> i64 {
    clock_gettime(id).map_or(0, |now| now.tv_sec() * 1_000_000_000 + now.tv_nsec())
}

/// Maps the page, for ever: it is one page of memory a node.
fn map(file: &File) -> io::Result<&'static Page> {
    let size = NonZeroUsize::new(SIZE).ok_or(io::ErrorKind::InvalidInput)?;
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new mapping at a place of the kernel's choice replaces nothing.
    let at = unsafe { mmap(None, size, access, MapFlags::MAP_SHARED, file, 0) }?;
    // SAFETY: never unmapped, aligned as a page of memory is, as long as `Page` is (the file is, and nobody makes
    // it shorter), and made of atomics only, so that other processes may change it.
    Ok(unsafe { at.cast::<Page>().as_ref() })
}
