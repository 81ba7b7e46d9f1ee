//! The keys of numbers that were called before, in a small file.
//!
//! A number whose key has changed since its last call is asked about before
//! the next one counts as secure. The file holds public keys only:
//!
//! ```json
//! {
//!   "format": "callseal known peers",
//!   "version": 1,
//!   "peers": { "+8613800000002": "0279be66…" }
//! }
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use callseal_endpoint::Pins;
use callseal_sts::{Number, PublicKey};
use serde::{Deserialize, Serialize};

use crate::keys_file::read_text;
use crate::output_file::{Existing, OutputError, Privacy, write_whole};

const FORMAT: &str = "callseal known peers";
const VERSION: u32 = 1;

/// Why the file could not be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KnownPeersError {
    /// It could not be read.
    #[error("cannot read the known peers in {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// It is no such file. It is not overwritten: what it knew would be lost.
    #[error(
        "{} is not a file of known peers: {what}; repair or remove it, or name another with --known-peers",
        path.display()
    )]
    NotPeers {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: String,
    version: u32,
    peers: BTreeMap<String, String>,
}

/// Where the file is by default: in the user's folder for programs' state
/// (`$XDG_STATE_HOME`, `~/.local/state`, or `%LOCALAPPDATA%`). `None` where
/// the environment names no such folder.
pub fn default_path() -> Option<PathBuf> {
    let folder = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    folder("XDG_STATE_HOME")
        .or_else(|| folder("HOME").map(|home| home.join(".local/state")))
        .or_else(|| folder("LOCALAPPDATA"))
        .map(|state| state.join("callseal/known-peers.json"))
}

/// Reads the file; one that does not exist knows nobody.
///
/// # Errors
/// [`KnownPeersError`] names the file and what is wrong with it.
pub fn read(path: &Path) -> Result<Pins, KnownPeersError> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Pins::default()),
        Err(source) => {
            return Err(KnownPeersError::Read {
                path: path.to_owned(),
                source,
            });
        }
    };
    parse(&text).map_err(|what| KnownPeersError::NotPeers {
        path: path.to_owned(),
        what,
    })
}

/// Writes the file, and its folder if need be, whole or not at all.
///
/// # Errors
/// [`OutputError`] where it cannot be written.
pub fn write(path: &Path, pins: &Pins) -> Result<(), OutputError> {
    let io_error = |source| OutputError::Io {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(io_error)?;
    }
    let text = to_text(pins).map_err(|error| io_error(error.into()))?;
    // Whom somebody calls is nobody else's business.
    write_whole(path, Privacy::Owner, Existing::Replace, text.as_bytes())
}

/// The text that [`parse`] reads.
///
/// # Errors
/// None that is known; JSON's.
pub fn to_text(pins: &Pins) -> Result<String, serde_json::Error> {
    let contents = Contents {
        format: FORMAT.to_owned(),
        version: VERSION,
        peers: pins
            .iter()
            .map(|(number, key)| (number.to_string(), key.to_string()))
            .collect(),
    };
    Ok(serde_json::to_string_pretty(&contents)? + "\n")
}

/// Reads the text of a file; the error is for people.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Pins, String> {
    let contents: Contents = serde_json::from_str(text).map_err(|error| error.to_string())?;
    if contents.format != FORMAT {
        return Err(format!("\"format\" is not \"{FORMAT}\""));
    }
    if contents.version != VERSION {
        let version = contents.version;
        return Err(format!("version {version} is not known, only {VERSION}"));
    }
    contents
        .peers
        .iter()
        .map(|(number, key)| {
            let parsed = Number::parse(number).map_err(|error| format!("\"{number}\": {error}"))?;
            let octets = hex::decode(key)
                .ok()
                .and_then(|octets| octets.try_into().ok())
                .ok_or_else(|| format!("the key of {number} is not 33 octets in hexadecimal"))?;
            let key = PublicKey::from_bytes(octets)
                .map_err(|error| format!("the key of {number}: {error}"))?;
            Ok((parsed, key))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use callseal_sts::IdentityKey;

    use super::*;

    #[test]
    fn what_is_remembered_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("new/folder/peers.json");
        assert_eq!(read(&path).unwrap(), Pins::default());
        let mut pins = Pins::default();
        let key = IdentityKey::from_bytes([9; 32]).unwrap().public();
        pins.remember(Number::parse("+8613800000002").unwrap(), key);
        write(&path, &pins).unwrap();
        write(&path, &pins).unwrap();
        assert_eq!(read(&path).unwrap(), pins);
    }

    #[test]
    fn a_damaged_file_is_refused_by_name_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("peers.json");
        std::fs::write(&path, "{\"format\": \"callseal known peers\"").unwrap();
        let error = read(&path).unwrap_err();
        assert!(error.to_string().contains("peers.json"), "{error}");
        assert!(path.exists());
        assert!(
            parse(r#"{"format":"callseal known peers","version":1,"peers":{"+86138":"02"}}"#)
                .unwrap_err()
                .contains("+86138")
        );
    }
}
