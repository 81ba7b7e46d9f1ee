//! A file's name, which is on the disk only once its folder is.

use std::io;
use std::path::Path;

/// The folder that a file is in, or will be.
#[must_use]
pub fn folder_of(file: &Path) -> &Path {
    match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Has a file's name outlast a loss of power, as its contents do once they are synced. Where a folder cannot be synced
/// by itself, as on Windows, does nothing.
///
/// # Errors
///
/// What the system says.
pub fn sync_name(file: &Path) -> io::Result<()> {
    #[cfg(unix)]
    match std::fs::File::open(folder_of(file))?.sync_all() {
        // Some network file systems know no such thing.
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => {}
        synced => synced?,
    }
    #[cfg(not(unix))]
    let _ = file;
    Ok(())
}
