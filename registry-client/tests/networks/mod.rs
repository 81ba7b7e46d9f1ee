//! Other networks' data as its folders lay it out.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub(crate) mod datachainlab;
pub(crate) mod eureka;
pub(crate) mod execution;
pub(crate) mod helios;

/// A folder below the one that the environment names.
pub(crate) fn folder(path: &str) -> PathBuf {
    const FOLDER: &str = "CALLSEAL_ETHEREUM_DATA";
    PathBuf::from(std::env::var(FOLDER).expect(FOLDER)).join(path)
}

/// The JSON files in a folder and below it, by name.
pub(crate) fn json_files(folder: &Path) -> Vec<PathBuf> {
    let mut folders = vec![folder.to_owned()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(&folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
        for entry in entries {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path
                .extension()
                .is_some_and(|extension| extension == "json")
            {
                files.push(path);
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "no JSON below {}", folder.display());
    files
}

pub(crate) fn octets(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn value(path: &Path) -> Value {
    let value = serde_json::from_slice(&octets(path));
    value.unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

pub(crate) fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("not a text: {value}"))
}

/// Nodes of a trie.
pub(crate) fn nodes(list: &Value) -> Vec<Vec<u8>> {
    let nodes = list.as_array().unwrap().iter();
    nodes
        .map(|node| alloy_primitives::hex::decode(text(node)).unwrap())
        .collect()
}
