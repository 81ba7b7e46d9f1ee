//! Light-client data: a loopback network's, which lies beside this crate, and the consensus specification's
//! `light_client/sync` vectors, which are read from wherever they lie.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_yaml_ng::Value;

use crate::octets;

/// A loopback network of Lodestar 1.5.1: minimal preset, Capella, slots of a second. See `ethereum/README.md`.
pub struct Devnet {
    /// `/eth/v1/beacon/genesis`.
    pub genesis: &'static str,
    /// `/eth/v1/beacon/light_client/bootstrap/…` for the block in slot 48.
    pub bootstrap: &'static str,
    /// `/eth/v1/beacon/light_client/updates` for the periods 0 to 3, one each.
    pub updates: [&'static str; 4],
    /// `/eth/v1/beacon/light_client/finality_update`: slot 168 is final, 184 attests it.
    pub finality_update: &'static str,
}

/// The loopback network's data.
pub const DEVNET: Devnet = Devnet {
    genesis: include_str!("../ethereum/devnet/genesis.json"),
    bootstrap: include_str!("../ethereum/devnet/bootstrap_slot48.json"),
    updates: [
        include_str!("../ethereum/devnet/updates_p0.json"),
        include_str!("../ethereum/devnet/updates_p1.json"),
        include_str!("../ethereum/devnet/updates_p2.json"),
        include_str!("../ethereum/devnet/updates_p3.json"),
    ],
    finality_update: include_str!("../ethereum/devnet/finality_update.json"),
};

/// One case of the specification's `light_client/sync` vectors.
pub struct SyncCase {
    /// Its folder.
    pub folder: PathBuf,
    /// `config.yaml`; numbers in hexadecimal are numbers here.
    pub config: BTreeMap<String, Value>,
    /// `genesis_validators_root`.
    pub genesis_validators_root: [u8; 32],
    /// `trusted_block_root`.
    pub trusted_block_root: [u8; 32],
    /// Names the fork of the bootstrap's shape.
    pub bootstrap_fork_digest: [u8; 4],
    /// The bootstrap in SSZ.
    pub bootstrap: Vec<u8>,
    /// What happens, in order.
    pub steps: Vec<SyncStep>,
    /// Files beside it that no step names.
    pub unnamed: Vec<PathBuf>,
}

/// One step of a case.
pub enum SyncStep {
    /// An update comes in.
    ProcessUpdate {
        /// Its name.
        name: String,
        /// Names the fork of its shape.
        fork_digest: [u8; 4],
        /// The update in SSZ.
        update: Vec<u8>,
        /// The slot that it is.
        current_slot: u64,
        /// What holds afterwards.
        checks: SyncChecks,
    },
    /// A client that waits no longer takes the best update that it has.
    ForceUpdate {
        /// The slot that it is.
        current_slot: u64,
        /// What holds afterwards.
        checks: SyncChecks,
    },
    /// The store's containers change their shape.
    UpgradeStore {
        /// What holds afterwards.
        checks: SyncChecks,
    },
}

/// What holds after a step.
#[derive(Clone, Debug, Deserialize)]
pub struct SyncChecks {
    /// The store's finalized header.
    pub finalized_header: HeaderCheck,
    /// The store's optimistic header.
    pub optimistic_header: HeaderCheck,
}

/// What holds of a header.
#[derive(Clone, Debug, Deserialize)]
pub struct HeaderCheck {
    /// Its slot.
    pub slot: u64,
    /// The root of its beacon part, in hexadecimal.
    pub beacon_root: String,
    /// The root of its execution part, in hexadecimal; before Capella there is none.
    pub execution_root: Option<String>,
}

/// All cases in a folder and below it, by name.
///
/// # Panics
///
/// Where a file is not what it should be, or is of no case.
#[must_use]
pub fn sync_cases(root: &Path) -> Vec<SyncCase> {
    let mut folders = vec![root.to_owned()];
    let mut cases = Vec::new();
    while let Some(folder) = folders.pop() {
        let below = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
        let paths = below.map(|entry| entry.expect("a folder's entry").path());
        let (below, files): (Vec<_>, Vec<_>) = paths.partition(|path| path.is_dir());
        folders.extend(below);
        let is_case = files.iter().any(|path| path.ends_with("steps.yaml"));
        let is_vector = |path: &&PathBuf| {
            path.extension()
                .is_some_and(|extension| extension == "ssz_snappy")
        };
        match files.iter().find(is_vector) {
            _ if is_case => cases.push(sync_case(folder, files)),
            Some(vector) => panic!("{}: no steps.yaml names it", vector.display()),
            None => {}
        }
    }
    cases.sort_by(|a, b| a.folder.cmp(&b.folder));
    cases
}

fn sync_case(folder: PathBuf, files: Vec<PathBuf>) -> SyncCase {
    #[derive(Deserialize)]
    struct Meta {
        genesis_validators_root: String,
        trusted_block_root: String,
        bootstrap_fork_digest: String,
    }
    let meta: Meta = yaml(&folder.join("meta.yaml"));
    let steps: Vec<BTreeMap<String, Step>> = yaml(&folder.join("steps.yaml"));
    let steps: Vec<_> = steps.into_iter().flatten().collect();
    let is_read = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let updates = steps.iter().filter_map(|(_, step)| step.update.as_ref());
        let mut updates = updates.map(|update| format!("{update}.ssz_snappy"));
        READ.contains(&&*name) || updates.any(|update| update == name)
    };
    let mut unnamed: Vec<_> = files.into_iter().filter(|path| !is_read(path)).collect();
    unnamed.sort();
    SyncCase {
        config: yaml(&folder.join("config.yaml")),
        genesis_validators_root: octets(&meta.genesis_validators_root[2..])
            .try_into()
            .expect("a root"),
        trusted_block_root: octets(&meta.trusted_block_root[2..])
            .try_into()
            .expect("a root"),
        bootstrap_fork_digest: digest(&meta.bootstrap_fork_digest),
        bootstrap: unpacked(&folder.join("bootstrap.ssz_snappy")),
        steps: steps
            .into_iter()
            .map(|(name, step)| step.read(&name, &folder))
            .collect(),
        unnamed,
        folder,
    }
}

/// What every case has.
const READ: [&str; 4] = [
    "bootstrap.ssz_snappy",
    "config.yaml",
    "meta.yaml",
    "steps.yaml",
];

#[derive(Deserialize)]
struct Step {
    update_fork_digest: Option<String>,
    update: Option<String>,
    current_slot: Option<u64>,
    checks: SyncChecks,
}

impl Step {
    fn read(self, name: &str, folder: &Path) -> SyncStep {
        let slot = |slot: Option<u64>| slot.expect("current_slot");
        match name {
            "process_update" => {
                let name = self.update.expect("update");
                SyncStep::ProcessUpdate {
                    fork_digest: digest(&self.update_fork_digest.expect("update_fork_digest")),
                    update: unpacked(&folder.join(format!("{name}.ssz_snappy"))),
                    current_slot: slot(self.current_slot),
                    checks: self.checks,
                    name,
                }
            }
            "force_update" => SyncStep::ForceUpdate {
                current_slot: slot(self.current_slot),
                checks: self.checks,
            },
            "upgrade_store" => SyncStep::UpgradeStore {
                checks: self.checks,
            },
            other => panic!("{}: no step is called {other}", folder.display()),
        }
    }
}

fn digest(hexadecimal: &str) -> [u8; 4] {
    octets(&hexadecimal[2..]).try_into().expect("a fork digest")
}

fn yaml<T: serde::de::DeserializeOwned>(path: &Path) -> T {
    let text = fs::read_to_string(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    serde_yaml_ng::from_str(&text).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// A file's octets, unpacked from a block of snappy.
///
/// # Panics
///
/// Where it cannot be read, or is no such block.
#[must_use]
pub fn unpacked(path: &Path) -> Vec<u8> {
    let packed = fs::read(path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
    let unpacked = snap::raw::Decoder::new().decompress_vec(&packed);
    unpacked.unwrap_or_else(|error| panic!("{path:?}: {error}"))
}
