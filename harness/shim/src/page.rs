//! The control page: how the harness tells a preloaded program what its clock and disk are like.
//!
//! A file of [`SIZE`] bytes, mapped shared by the harness, which writes the wants and reads the counts, and by
//! each program that was started with [`PAGE`] in its environment. All of it is atomic words in the machine's
//! byte order. Both sides compile this very file, so that they cannot disagree.

use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64};

/// Environment: the path of the page's file.
pub const PAGE: &str = "ORDEAL_SHIM_PAGE";
/// Environment: the folder, without links in its path, below which the disk can be full.
pub const DIR: &str = "ORDEAL_SHIM_DIR";
/// Bytes of the file, a page of memory.
pub const SIZE: usize = 4096;
/// First in the file: `ORDLSHIM`.
pub const MAGIC: u64 = u64::from_le_bytes(*b"ORDLSHIM");
/// Changes whenever the layout does; a page of another version is left alone.
pub const VERSION: u32 = 3;

/// The layout. Wants and counts lie on different cache lines, as every reading of the clock looks at the wants.
#[derive(Debug)]
#[repr(C)]
pub struct Page {
    /// Offset 0: [`MAGIC`], written last.
    pub magic: AtomicU64,
    /// Offset 8: [`VERSION`].
    pub version: AtomicU32,
    /// Offset 12: not 0: writes to files below [`DIR`] fail with ENOSPC.
    pub disk_full: AtomicU32,
    /// Offset 16: added to the wall clock, in nanoseconds; 0: the true time.
    pub clock_offset_ns: AtomicI64,
    /// Offset 24: counts the beginnings and ends of changes to the four below: odd while they change, 0: they were never set.
    pub rate_sequence: AtomicU64,
    /// Offset 32: a moment of the true monotonic clock, in nanoseconds.
    pub rate_since_ns: AtomicI64,
    /// Offset 40: what the monotonic clock had gained by then, in nanoseconds.
    pub rate_gained_ns: AtomicI64,
    /// Offset 48: what it gains from then on, in millionths.
    pub rate_ppm: AtomicI64,
    /// Offset 56: how far the clock that counts in a suspended machine, too, is ahead of it, in nanoseconds.
    pub boot_lead_ns: AtomicI64,
    /// Offset 64: how many programs have mapped the page since it was made.
    pub attached: AtomicU64,
    /// Offset 72: readings of the wall clock that were skewed.
    pub clock_reads_skewed: AtomicU64,
    /// Offset 80: writes, and requests for space, that were refused.
    pub writes_refused: AtomicU64,
    /// Offset 88: syncs that were refused.
    pub syncs_refused: AtomicU64,
    /// Offset 96: readings of a monotonic clock, and waits, that ran at another rate than the true one.
    pub clock_reads_rated: AtomicU64,
    /// Offset 104: what the monotonic clock had gained at the last of them, in nanoseconds.
    pub gained_ns: AtomicI64,
    /// Offset 112: which sync of a file below [`DIR`] from now on fails with EIO, once; 0: none. Only syncs look at it.
    pub sync_error: AtomicU64,
    /// Offset 120: syncs that did.
    pub syncs_failed: AtomicU64,
}

const _: () = assert!(size_of::<Page>() == 128 && size_of::<Page>() <= SIZE);

/// How the monotonic clock runs: nobody sees it jump, as each rate begins where the one before has led.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate {
    /// A moment of the true clock, in nanoseconds.
    pub since_ns: i64,
    /// What it had gained by then.
    pub gained_ns: i64,
    /// What it gains from then on, in millionths; more than -1,000,000, as it never stands still.
    pub ppm: i64,
}

impl Rate {
    /// What it has gained at a moment of the true clock, in nanoseconds.
    #[inline]
    pub fn gained(self, at_ns: i64) -> i64 {
        let since = i128::from(at_ns.saturating_sub(self.since_ns));
        let more = since
            .saturating_mul(i128::from(self.ppm))
            .div_euclid(1_000_000);
        self.gained_ns
            .saturating_add(i64::try_from(more).unwrap_or(0))
    }
}
