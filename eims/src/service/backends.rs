//! Where a database's octets are.

use core::ops::Bound;
use std::io;
use std::path::{Path, PathBuf};

use redb::backends::FileBackend;
use redb::{BackendError, DatabaseError, StorageBackend, StorageError};

use crate::service::folder::sync_name;

/// Where a database's octets are, each time it is opened.
pub trait Backends: Send + Sync {
    /// The octets.
    ///
    /// # Errors
    ///
    /// What the system says.
    fn open(&self) -> Result<Box<dyn StorageBackend>, DatabaseError>;
}

/// A database that ends with this process: for trials and tests.
#[derive(Clone, Copy, Debug, Default)]
pub struct Memory;

impl Backends for Memory {
    fn open(&self) -> Result<Box<dyn StorageBackend>, DatabaseError> {
        Ok(Box::new(redb::backends::InMemoryBackend::new()))
    }
}

/// A backend behind a pointer, as the database wants it.
#[derive(Debug)]
pub(crate) struct Erased(pub(crate) Box<dyn StorageBackend>);

impl StorageBackend for Erased {
    fn len(&self) -> Result<u64, io::Error> {
        self.0.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> Result<(), io::Error> {
        self.0.read(offset, out)
    }

    fn set_len(&self, len: u64) -> Result<(), io::Error> {
        self.0.set_len(len)
    }

    fn sync_data(&self) -> Result<(), io::Error> {
        self.0.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> Result<(), io::Error> {
        self.0.write(offset, data)
    }

    fn close(&self) -> Result<(), io::Error> {
        self.0.close()
    }

    // Without these there are no locks, and two services pay from one file.

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.try_lock_range(start, end)
    }

    fn try_lock_shared_range(
        &self,
        start: Bound<u64>,
        end: Bound<u64>,
    ) -> Result<bool, BackendError> {
        self.0.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.0.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.0.query_lock_range(start, end)
    }
}

/// A file that its owner alone can read: it says who enrols, and when.
pub(crate) struct PrivateFile {
    pub(crate) file: PathBuf,
    /// Has the name outlast a loss of power, and with it all that is recorded.
    pub(crate) sync_name: fn(&Path) -> io::Result<()>,
}

impl PrivateFile {
    pub(crate) fn at(file: &Path) -> Self {
        Self {
            file: file.to_owned(),
            sync_name,
        }
    }
}

impl Backends for PrivateFile {
    fn open(&self) -> Result<Box<dyn StorageBackend>, DatabaseError> {
        let mut options = std::fs::OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.file).map_err(StorageError::from)?;
        (self.sync_name)(&self.file).map_err(StorageError::from)?;
        Ok(Box::new(FileBackend::new(file)?))
    }
}
