//! Any octets as a file of keys: no panic, no key in an error, and what is
//! read makes receivers or an error.

use callseal::keys_file::KeysFile;
use callseal::replay::{KeyRing, KeySet};

/// Reads `data` as a file of keys and makes what it says.
pub fn keys_file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let file = match KeysFile::parse(text) {
        Ok(file) => file,
        Err(error) => {
            assert!(!error.is_empty());
            return;
        }
    };
    assert!(!file.keys.is_empty());
    if let Ok(sets) = KeySet::all_of_file(&file) {
        assert!(!sets.is_empty() && sets.len() <= file.keys.len());
        for set in &sets {
            assert!(set.receiver().is_ok(), "it was tried before");
        }
        assert!(!KeyRing::new(sets).is_empty());
    }
}
