//! The file layer: the few operations on one flat directory that storage needs, so that faults can act below it.

pub mod direct;
#[cfg(test)]
pub(crate) mod double;
pub mod lossy;
#[cfg(feature = "planted-bugs")]
pub mod planted;

use std::io;

use super::StorageError;

/// One directory of files. Names are plain file names.
///
/// As POSIX has it, a new, renamed or removed name is certain to outlive a power loss only after
/// [`Files::sync_dir`], and a file's content only after its [`File::sync`].
pub trait Files: Send + Sync {
    /// Makes a file that must not exist yet.
    ///
    /// # Errors
    /// Of the system; `AlreadyExists` if it exists.
    fn create(&self, name: &str) -> io::Result<Box<dyn File>>;

    /// Opens a file for reading and writing.
    ///
    /// # Errors
    /// Of the system; `NotFound` if there is none.
    fn open(&self, name: &str) -> io::Result<Box<dyn File>>;

    /// Gives a file another name; replaces what had it.
    ///
    /// # Errors
    /// Of the system.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// Removes a name.
    ///
    /// # Errors
    /// Of the system; `NotFound` if there is none.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// All names, sorted.
    ///
    /// # Errors
    /// Of the system.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes all creations, renames and removals so far outlive a power loss.
    ///
    /// # Errors
    /// Of the system.
    fn sync_dir(&self) -> io::Result<()>;
}

/// An open file.
pub trait File: Send + Sync {
    /// Writes all of `bytes` at `offset`. After an error any part of them may have been written.
    ///
    /// # Errors
    /// Of the system.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()>;

    /// The whole content.
    ///
    /// # Errors
    /// Of the system.
    fn read_all(&self) -> io::Result<Vec<u8>>;

    /// How long it is, in bytes.
    ///
    /// # Errors
    /// Of the system.
    fn length(&self) -> io::Result<u64>;

    /// Makes the file at least `length` bytes long and reserves the blocks, filled with zeros, so that later writes
    /// inside find space.
    ///
    /// # Errors
    /// Of the system.
    fn preallocate(&self, length: u64) -> io::Result<()>;

    /// Cuts the file, or grows it with zeros.
    ///
    /// # Errors
    /// Of the system.
    fn set_len(&self, length: u64) -> io::Result<()>;

    /// Makes content and length outlive a power loss (`fdatasync`).
    ///
    /// # Errors
    /// Of the system. Nobody knows then what is on disk, except that rewriting the same bytes and
    /// syncing again is sound, as it makes the pages dirty anew.
    fn sync(&self) -> io::Result<()>;
}

/// Removes a file that need not be there.
///
/// # Errors
/// Of the system.
pub fn remove_if_there(files: &dyn Files, name: &str) -> io::Result<()> {
    match files.remove(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Sorts the errors of the system: a full disk (or quota) is not a broken one.
pub fn sort_error(error: io::Error) -> StorageError {
    match is_full(&error) {
        true => StorageError::Full,
        false => StorageError::Broken(error),
    }
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ENOSPC | libc::EDQUOT))
}
