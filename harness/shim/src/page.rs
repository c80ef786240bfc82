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
pub const VERSION: u32 = 1;

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
    reserved: [u64; 5],
    /// Offset 64: how many programs have mapped the page since it was made.
    pub attached: AtomicU64,
    /// Offset 72: readings of the wall clock that were skewed.
    pub clock_reads_skewed: AtomicU64,
    /// Offset 80: writes, and requests for space, that were refused.
    pub writes_refused: AtomicU64,
    /// Offset 88: syncs that were refused.
    pub syncs_refused: AtomicU64,
}

const _: () = assert!(size_of::<Page>() == 96 && size_of::<Page>() <= SIZE);
