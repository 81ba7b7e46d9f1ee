//! Files that appear whole or not at all.

use std::fs::Permissions;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use callseal_eims::service::{folder_of, sync_name};
use tempfile::NamedTempFile;

/// Who may read a file that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Privacy {
    /// Its owner only: mode 0600.
    Owner,
    /// Whoever the process's umask lets.
    Umask,
}

/// What happens to a file that is already there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, and writing is refused.
    Keep,
    /// It is replaced.
    Replace,
}

/// A file being written beside its final name; it takes that name when it is
/// complete, and vanishes otherwise.
///
/// ```
/// use callseal::output_file::{Existing, OutputFile, Privacy};
/// use std::io::Write;
///
/// let path = std::env::temp_dir().join(format!("callseal-doc-{}", std::process::id()));
/// let mut file = OutputFile::create(&path, Privacy::Owner, Existing::Keep)?;
/// file.write_all(b"secret")?;
/// file.complete()?;
/// assert_eq!(std::fs::read(&path)?, b"secret");
/// std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct OutputFile {
    writer: BufWriter<NamedTempFile>,
    path: PathBuf,
    existing: Existing,
}

/// Why a file could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// There is such a file, and it is not ours to replace.
    #[error("{} exists already: name another file, or remove it (--force does, where a command has it)", .0.display())]
    Exists(PathBuf),
    /// The system refused.
    #[error("cannot write {}", path.display())]
    Io {
        /// The file's final name.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl OutputFile {
    /// Begins a file that will be called `path`.
    ///
    /// # Errors
    /// [`OutputError`] where there is such a file already and it is to be
    /// kept, or the folder cannot be written to.
    pub fn create(path: &Path, privacy: Privacy, existing: Existing) -> Result<Self, OutputError> {
        // Refused at once, before an hour of work; and again at the end.
        if existing == Existing::Keep && path.symlink_metadata().is_ok() {
            return Err(OutputError::Exists(path.to_owned()));
        }
        let file = privacy
            .builder()
            .tempfile_in(folder_of(path))
            .map_err(|source| OutputError::Io {
                path: path.to_owned(),
                source,
            })?;
        Ok(Self {
            writer: BufWriter::new(file),
            path: path.to_owned(),
            existing,
        })
    }

    /// Gives the file its name, after its contents have reached the disk; the name has when this returns.
    ///
    /// # Errors
    /// [`OutputError`]; nothing is left behind then, unless it is the name that may not have reached the disk.
    pub fn complete(self) -> Result<(), OutputError> {
        self.complete_by(sync_name)
    }

    fn complete_by(
        self,
        sync_name: impl FnOnce(&Path) -> io::Result<()>,
    ) -> Result<(), OutputError> {
        let path = self.path;
        let io_error = |source| OutputError::Io {
            path: path.clone(),
            source,
        };
        let file = self
            .writer
            .into_inner()
            .map_err(|error| io_error(error.into_error()))?;
        file.as_file().sync_all().map_err(io_error)?;
        let placed = match self.existing {
            Existing::Keep => file.persist_noclobber(&path),
            Existing::Replace => file.persist(&path),
        };
        match placed {
            Ok(_) => sync_name(&path).map_err(io_error),
            Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
                Err(OutputError::Exists(path))
            }
            Err(error) => Err(io_error(error.error)),
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        self.writer.write(octets)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

impl Seek for OutputFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.writer.seek(to)
    }
}

/// Writes `contents` as a whole file.
///
/// # Errors
/// [`OutputError`]; nothing is left behind then.
pub fn write_whole(
    path: &Path,
    privacy: Privacy,
    existing: Existing,
    contents: &[u8],
) -> Result<(), OutputError> {
    let mut file = OutputFile::create(path, privacy, existing)?;
    file.write_all(contents).map_err(|source| OutputError::Io {
        path: path.to_owned(),
        source,
    })?;
    file.complete()
}

impl Privacy {
    fn builder(self) -> tempfile::Builder<'static, 'static> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(".callseal-");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(Permissions::from_mode(match self {
                Self::Owner => 0o600,
                Self::Umask => 0o666,
            }));
        }
        builder
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_appears_only_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let mut file = OutputFile::create(&path, Privacy::Umask, Existing::Keep).unwrap();
        file.write_all(b"half").unwrap();
        assert!(!path.exists());
        drop(file);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_file_is_complete_once_its_name_is_on_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let file = OutputFile::create(&path, Privacy::Umask, Existing::Keep).unwrap();
        let completed = file.complete_by(|named| {
            assert!(named == path && path.exists());
            Err(io::Error::other("the folder is not synced"))
        });
        assert!(matches!(completed, Err(OutputError::Io { .. })));
    }

    #[test]
    fn an_existing_file_is_replaced_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        write_whole(&path, Privacy::Umask, Existing::Keep, b"first").unwrap();
        assert!(matches!(
            write_whole(&path, Privacy::Umask, Existing::Keep, b"second"),
            Err(OutputError::Exists(_))
        ));
        assert_eq!(std::fs::read(&path).unwrap(), b"first");
        write_whole(&path, Privacy::Umask, Existing::Replace, b"third").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"third");
    }

    #[test]
    fn a_file_that_appears_meanwhile_is_not_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out");
        let file = OutputFile::create(&path, Privacy::Umask, Existing::Keep).unwrap();
        std::fs::write(&path, b"somebody else's").unwrap();
        assert!(matches!(file.complete(), Err(OutputError::Exists(_))));
        assert_eq!(std::fs::read(&path).unwrap(), b"somebody else's");
        assert_eq!(folder.path().read_dir().unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn a_secret_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, b"world-readable before").unwrap();
        write_whole(&path, Privacy::Owner, Existing::Replace, b"secret").unwrap();
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
}
