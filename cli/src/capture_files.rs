//! The captures that a command line names, one by one or by their folders.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

/// How deep folders are looked through.
const MAX_DEPTH: usize = 32;

/// Files that are found, and how long they are together.
#[derive(Debug)]
pub struct CaptureFiles {
    /// The files: as given, and those of a folder by their names.
    pub paths: Vec<PathBuf>,
    /// Whether it is one that was named itself.
    pub is_one: bool,
    /// All their octets, as far as they are known.
    pub octets: u64,
}

impl CaptureFiles {
    /// Looks for what `given` names. A file may be called anything; in a
    /// folder, and in the folders in it, what ends in `.pcap`, `.pcapng` or
    /// `.cap` is meant.
    ///
    /// # Errors
    /// A folder that cannot be read, or holds none.
    pub fn find(given: &[PathBuf]) -> Result<Self> {
        let mut paths = Vec::new();
        for path in given {
            if !path.is_dir() {
                paths.push(path.clone());
                continue;
            }
            let before = paths.len();
            add_folder(path, 0, &mut paths)?;
            if paths.len() == before {
                bail!("no .pcap, .pcapng or .cap file in {}", path.display());
            }
        }
        let is_one = matches!(given, [path] if !path.is_dir());
        let lens = paths.iter().filter_map(|path| fs::metadata(path).ok());
        let octets = lens.map(|metadata| metadata.len()).sum();
        Ok(Self {
            paths,
            is_one,
            octets,
        })
    }
}

/// A file's name without its extension.
pub fn file_stem(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str());
    stem.to_string_lossy().into_owned()
}

fn add_folder(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> Result<()> {
    let named = || format!("cannot read the folder {}", folder.display());
    let mut entries: Vec<_> = fs::read_dir(folder)
        .and_then(Iterator::collect)
        .with_context(named)?;
    // The order in a folder is nobody's promise.
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Links are not followed: they may lead in a circle.
        let kind = entry.file_type().with_context(named)?;
        if kind.is_dir() && depth < MAX_DEPTH {
            add_folder(&path, depth + 1, found)?;
        } else if kind.is_file() && is_capture(&path) {
            found.push(path);
        }
    }
    Ok(())
}

fn is_capture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| {
        ["pcap", "pcapng", "cap"]
            .iter()
            .any(|known| extension.eq_ignore_ascii_case(known))
    })
}
