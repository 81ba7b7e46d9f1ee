//! The highest revisions of records that were proven, in a small file.
//!
//! Revisions only grow, so whoever shows a lower one than was seen before shows what was so before: a key that was
//! revoked since, say. The file is kept beside the light client's state:
//!
//! ```json
//! {
//!   "format": "callseal seen revisions",
//!   "version": 1,
//!   "contracts": { "0x5fbd…": { "0x9c1e…": 2 } }
//! }
//! ```
//!
//! A number is named by its hash, as the registry has it; which number that is, anybody can find by trying them all,
//! so the file is its owner's alone.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use alloy_primitives::{Address, B256};
use anyhow::{Context, Result, bail};
use callseal_registry_client::SeenRevision;
use serde::{Deserialize, Serialize};

use crate::file_lock::FileLock;
use crate::keys_file::read_text;
use crate::output_file::{Existing, Privacy, write_whole};

const FORMAT: &str = "callseal seen revisions";
const VERSION: u32 = 1;

/// The most that the file holds; then the lowest go, which refuse the least.
const MAX_REVISIONS: usize = 4_096;

/// The highest revision that was proven of each contract's hashes of numbers.
pub type Revisions = BTreeMap<(Address, B256), u32>;

/// Such a file; it need not exist yet.
#[derive(Debug)]
pub(crate) struct SeenRevisions {
    path: PathBuf,
    /// As of our last look.
    known: Revisions,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Contents {
    format: String,
    version: u32,
    contracts: BTreeMap<Address, BTreeMap<B256, u32>>,
}

impl SeenRevisions {
    /// The file beside a light client's state.
    ///
    /// # Errors
    /// Names the file and what is wrong with it: one that cannot be read is not taken for an empty one.
    pub(crate) fn beside(state: &Path) -> Result<Self> {
        let path = state.with_extension("revisions.json");
        let known = read(&path)?;
        Ok(Self { path, known })
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = SeenRevision> {
        let seen = |(&(contract, number_hash), &revision): (&(Address, B256), &u32)| SeenRevision {
            contract,
            number_hash,
            revision,
        };
        self.known.iter().map(seen)
    }

    /// Keeps a revision, unless as high a one is kept. Other processes may have kept others meanwhile.
    ///
    /// # Errors
    /// Where the file cannot be read or written.
    pub(crate) fn note(&mut self, seen: SeenRevision) -> Result<()> {
        let place = (seen.contract, seen.number_hash);
        if self
            .known
            .get(&place)
            .is_some_and(|known| *known >= seen.revision)
        {
            return Ok(());
        }
        let shown = || format!("cannot keep the seen revisions in {}", self.path.display());
        let _lock = FileLock::of(&self.path).with_context(shown)?;
        let mut revisions = read(&self.path)?;
        let known = revisions.entry(place).or_default();
        *known = seen.revision.max(*known);
        while revisions.len() > MAX_REVISIONS {
            let others = revisions.iter().filter(|(there, _)| **there != place);
            let Some((&lowest, _)) = others.min_by_key(|(_, revision)| **revision) else {
                break;
            };
            revisions.remove(&lowest);
        }
        write(&self.path, &revisions)?;
        self.known = revisions;
        Ok(())
    }
}

fn read(path: &Path) -> Result<Revisions> {
    let text = match read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Revisions::new()),
        Err(error) => {
            return Err(error).with_context(|| format!("cannot read {}", path.display()));
        }
    };
    parse(&text).with_context(|| {
        format!(
            "{} holds no seen revisions; delete it if you can bear that what was seen before is forgotten",
            path.display()
        )
    })
}

/// Reads the text of a file.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Revisions> {
    let contents: Contents = serde_json::from_str(text)?;
    if contents.format != FORMAT {
        bail!("\"format\" is not \"{FORMAT}\"");
    }
    if contents.version != VERSION {
        bail!("version {} is not known, only {VERSION}", contents.version);
    }
    let of_contract = |(contract, numbers): (Address, BTreeMap<B256, u32>)| {
        let place = move |(number_hash, revision)| ((contract, number_hash), revision);
        numbers.into_iter().map(place)
    };
    Ok(contents
        .contracts
        .into_iter()
        .flat_map(of_contract)
        .collect())
}

fn write(path: &Path, revisions: &Revisions) -> Result<()> {
    let text = to_text(revisions)?;
    Ok(write_whole(
        path,
        Privacy::Owner,
        Existing::Replace,
        text.as_bytes(),
    )?)
}

/// The text that [`parse`] reads.
///
/// # Errors
/// None that is known; JSON's.
pub fn to_text(revisions: &Revisions) -> Result<String, serde_json::Error> {
    let mut contracts: BTreeMap<Address, BTreeMap<B256, u32>> = BTreeMap::new();
    for (&(contract, number_hash), &revision) in revisions {
        contracts
            .entry(contract)
            .or_default()
            .insert(number_hash, revision);
    }
    let contents = Contents {
        format: FORMAT.to_owned(),
        version: VERSION,
        contracts,
    };
    Ok(serde_json::to_string_pretty(&contents)? + "\n")
}

#[cfg(test)]
mod tests {
    use proptest::collection::btree_map;
    use proptest::prelude::*;

    use super::*;

    fn seen(number: u64, revision: u32) -> SeenRevision {
        SeenRevision {
            contract: Address::repeat_byte(1),
            number_hash: B256::from(alloy_primitives::U256::from(number)),
            revision,
        }
    }

    #[test]
    fn the_highest_is_kept_whoever_has_seen_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("light.state");
        let mut one = SeenRevisions::beside(&state).unwrap();
        let mut other = SeenRevisions::beside(&state).unwrap();
        one.note(seen(1, 3)).unwrap();
        other.note(seen(1, 2)).unwrap();
        other.note(seen(2, 1)).unwrap();
        one.note(seen(1, 1)).unwrap();
        let again = SeenRevisions::beside(&state).unwrap();
        assert_eq!(again.iter().collect::<Vec<_>>(), [seen(1, 3), seen(2, 1)]);
        assert!(folder.path().join("light.revisions.json").exists());
    }

    #[test]
    fn the_file_is_bounded_and_keeps_what_refuses_most() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("light.revisions.json");
        let full = (0..MAX_REVISIONS as u64).map(|number| {
            let seen = seen(number, 2 + u32::from(number != 7));
            ((seen.contract, seen.number_hash), seen.revision)
        });
        write(&path, &full.collect()).unwrap();
        let mut file = SeenRevisions::beside(&folder.path().join("light.state")).unwrap();
        file.note(seen(1 << 20, 1)).unwrap();
        let kept: Vec<_> = file.iter().collect();
        assert_eq!(kept.len(), MAX_REVISIONS);
        assert!(kept.contains(&seen(1 << 20, 1)) && !kept.contains(&seen(7, 2)));
    }

    proptest! {
        #[test]
        fn whatever_is_kept_is_read_again_and_nothing_else(
            revisions in btree_map((any::<[u8; 20]>(), any::<[u8; 32]>()), any::<u32>(), 0..9),
            cut in any::<prop::sample::Index>(),
        ) {
            let place = |((contract, number_hash), revision): (([u8; 20], [u8; 32]), u32)| {
                ((Address::from(contract), B256::from(number_hash)), revision)
            };
            let revisions: Revisions = revisions.into_iter().map(place).collect();
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("light.revisions.json");
            write(&path, &revisions).unwrap();
            prop_assert_eq!(&read(&path).unwrap(), &revisions);
            // Whatever is missing at the end is found out.
            let text = std::fs::read_to_string(&path).unwrap();
            let whole = text.trim_end();
            prop_assert!(parse(&whole[..cut.index(whole.len())]).is_err());
        }
    }

    #[test]
    fn a_damaged_file_is_named_and_not_taken_for_an_empty_one() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("light.state");
        let path = folder.path().join("light.revisions.json");
        for text in [
            "",
            "{",
            r#"{"format":"hosts","version":1,"contracts":{}}"#,
            r#"{"format":"callseal seen revisions","version":2,"contracts":{}}"#,
            r#"{"format":"callseal seen revisions","version":1,"contracts":{"0x12":{}}}"#,
        ] {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", SeenRevisions::beside(&state).unwrap_err());
            assert!(error.contains("light.revisions.json"), "{error}");
        }
    }
}
