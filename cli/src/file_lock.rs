//! A file that is changed by one process at a time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;

/// Whoever has this is the only one to change a file, as long as all others take it too. It ends when it is dropped,
/// or its process ends.
#[derive(Debug)]
pub(crate) struct FileLock {
    _held: File,
}

impl FileLock {
    /// Waits for its turn. What is locked is an empty file beside `path`, which is replaced itself; the folder is made
    /// if need be.
    pub(crate) fn of(path: &Path) -> io::Result<Self> {
        let held = beside(path)?;
        match held.lock() {
            // A file system without locks: whoever has one there runs one process at a time.
            Err(error) if error.kind() == io::ErrorKind::Unsupported => {}
            locked => locked?,
        }
        Ok(Self { _held: held })
    }

    /// The same without waiting; `None` where it is another's turn.
    pub(crate) fn now_of(path: &Path) -> io::Result<Option<Self>> {
        let held = beside(path)?;
        match held.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) if error.kind() == io::ErrorKind::Unsupported => {}
            Err(TryLockError::Error(error)) => return Err(error),
        }
        Ok(Some(Self { _held: held }))
    }
}

fn beside(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_by_several_are_all_there_afterwards() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/count");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let _lock = FileLock::of(&path).unwrap();
                        let count = std::fs::read_to_string(&path).unwrap_or_default();
                        let count: u32 = count.parse().unwrap_or_default();
                        std::fs::write(&path, (count + 1).to_string()).unwrap();
                    }
                });
            }
        });
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "100");
    }
}
