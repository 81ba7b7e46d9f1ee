//! Where the demonstration leaves its files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use callseal_endpoint::Remote;

use super::call::Call;
use super::{ALICE, BOB, NAMES, NUMBERS};
use crate::keys_file::{KeysFile, MkiOctets, SenderKey};
use crate::output_file::{Existing, OutputFile, Privacy};
use crate::secret::Secret;
use crate::speech::AMR_WB_PAYLOAD_TYPE;

/// Where the demonstration leaves its files.
pub(crate) struct Folder {
    pub(super) path: PathBuf,
    existing: Existing,
}

impl Folder {
    /// The folder `out`, or a new one in the current folder. Without `force`
    /// it must be new or empty.
    pub(crate) fn open(out: Option<&Path>, force: bool) -> Result<Self> {
        let existing = match force {
            true => Existing::Replace,
            false => Existing::Keep,
        };
        let path = match out {
            Some(path) => {
                let is_empty = || Ok::<_, std::io::Error>(path.read_dir()?.next().is_none());
                if path.exists() && !force && !is_empty().unwrap_or(false) {
                    bail!(
                        "{} exists and is not an empty folder; name another with --out, or give --force",
                        path.display()
                    );
                }
                fs::create_dir_all(path)
                    .with_context(|| format!("cannot make the folder {}", path.display()))?;
                path.to_owned()
            }
            None => new_folder()?,
        };
        Ok(Self { path, existing })
    }

    pub(super) fn create(&self, name: &str, privacy: Privacy) -> Result<OutputFile> {
        Ok(OutputFile::create(
            &self.path.join(name),
            privacy,
            self.existing,
        )?)
    }

    /// Writes what is left of the call besides the captures.
    pub(crate) fn keep(&self, call: &Call) -> Result<()> {
        keys_of(call).write(&self.path.join("keys.json"), self.existing)?;
        for (side, name) in [(ALICE, "alice-heard.wav"), (BOB, "bob-heard.wav")] {
            for (_, stream) in call.records[side].heard.streams() {
                if stream.recording.is_empty() {
                    continue;
                }
                let mut file = self.create(name, Privacy::Umask)?;
                stream.recording.write(&mut file)?;
                file.complete()?;
            }
        }
        Ok(())
    }
}

/// A folder that did not exist before.
fn new_folder() -> Result<PathBuf> {
    const MAX_FOLDERS: usize = 1_000;
    for number in 1..=MAX_FOLDERS {
        let path = match number {
            1 => PathBuf::from("callseal-demo"),
            number => PathBuf::from(format!("callseal-demo-{number}")),
        };
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot make the folder {}", path.display()));
            }
        }
    }
    bail!("callseal-demo and {MAX_FOLDERS} more exist already; remove some, or name one with --out")
}

/// The keys of both directions, each with the addresses it is sent from.
fn keys_of(call: &Call) -> KeysFile {
    let mut keys = Vec::new();
    for side in [ALICE, BOB] {
        let Remote { rtp, rtcp } = call.addresses[side];
        let mut from = vec![rtp, rtcp];
        from.dedup();
        for exported in &call.records[side].keys {
            keys.push(SenderKey {
                sender: format!("{} {}", NAMES[side], NUMBERS[side]),
                from: from.clone(),
                mki: MkiOctets(vec![exported.epoch]),
                ..SenderKey::new(
                    exported.profile,
                    Secret::new(exported.local_key.clone()),
                    Secret::new(exported.local_salt.clone()),
                )
            });
        }
    }
    let payload_types = BTreeMap::from([
        (0, "PCMU/8000".to_owned()),
        (AMR_WB_PAYLOAD_TYPE, "AMR-WB/16000".to_owned()),
    ]);
    KeysFile::new(keys, payload_types)
}
