//! Files as the system has them.

use std::fs;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use nix::fcntl::{FallocateFlags, fallocate};

use super::{File, Files};

const CHUNK: usize = 64 << 10;
static ZEROS: [u8; CHUNK] = [0; CHUNK];

/// The directory at a path.
#[derive(Clone, Debug)]
pub struct Direct {
    directory: PathBuf,
}

impl Direct {
    /// The files in `directory`, which must exist.
    pub fn new(directory: &Path) -> Direct {
        Direct {
            directory: directory.to_owned(),
        }
    }
}

impl Files for Direct {
    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let file = create_new(&self.directory.join(name))?;
        Ok(Box::new(DirectFile { file }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let path = self.directory.join(name);
        let file = fs::OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Box::new(DirectFile { file }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.directory.join(from), self.directory.join(to))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    fn sync_dir(&self) -> io::Result<()> {
        fs::File::open(&self.directory)?.sync_all()
    }
}

/// A file of the system.
#[derive(Debug)]
pub struct DirectFile {
    pub(super) file: fs::File,
}

impl File for DirectFile {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    fn read_all(&self) -> io::Result<Vec<u8>> {
        let length = usize::try_from(self.file.metadata()?.len()).map_err(io::Error::other)?;
        // Most of a segment is zeros: memory that is asked for zeroed and never written to costs nothing.
        let mut bytes = vec![0; length];
        let mut buffer = vec![0; CHUNK];
        for (number, chunk) in bytes.chunks_mut(CHUNK).enumerate() {
            let read = &mut buffer[..chunk.len()];
            self.file.read_exact_at(read, (number * CHUNK) as u64)?;
            if read != &ZEROS[..chunk.len()] {
                chunk.copy_from_slice(read);
            }
        }
        Ok(bytes)
    }

    fn length(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn preallocate(&self, length: u64) -> io::Result<()> {
        let signed = i64::try_from(length).map_err(io::Error::other)?;
        match fallocate(&self.file, FallocateFlags::empty(), 0, signed) {
            // Some file systems cannot: then space is found, or not, at each write.
            Err(nix::Error::EOPNOTSUPP | nix::Error::ENOSYS) => {
                if self.file.metadata()?.len() < length {
                    self.file.set_len(length)?;
                }
                Ok(())
            }
            other => other.map_err(io::Error::from),
        }
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        self.file.set_len(length)
    }

    fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

/// Makes a file that must not exist yet.
pub(super) fn create_new(path: &Path) -> io::Result<fs::File> {
    fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .open(path)
}
