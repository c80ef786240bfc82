//! Exit codes, after `sysexits.h`.

/// Stopped as asked.
pub const OK: i32 = 0;
/// The command line makes no sense.
pub const USAGE: i32 = 64;
/// The data directory is damaged or belongs to another node.
pub const DAMAGED: i32 = 65;
/// An address or the data directory is in use.
pub const IN_USE: i32 = 69;
/// A bug of ours.
pub const INTERNAL: i32 = 70;
/// A write or sync failed: nobody knows what is on disk before it is read again.
pub const IO_FAILED: i32 = 74;
