//! The file in which a light client keeps what it knows.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use callseal_registry_client::light::{Network, StateError, Store, json};

use crate::known_peers::default_path;
use crate::output_file::{Existing, Privacy, write_whole};

/// Such a file; it need not exist yet.
#[derive(Debug)]
pub(crate) struct LightState {
    path: PathBuf,
}

impl LightState {
    /// The file at `path`, or where it is by default.
    pub(crate) fn of(network: &Network, path: Option<&Path>) -> Result<Self> {
        let name = format!("light-{}.state", network.name());
        let beside_known_peers = || Some(default_path()?.with_file_name(name));
        let Some(path) = path.map(Path::to_owned).or_else(beside_known_peers) else {
            bail!("no folder for programs' state is known here; name a file with --state");
        };
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// What was kept; `None` where there is no file.
    pub(crate) fn read(&self, network: &Network, now: u64) -> Result<Option<Store>> {
        let named = || format!("cannot use {}", self.path.display());
        let state = match std::fs::read(&self.path) {
            Ok(state) => state,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error).with_context(named),
        };
        Store::from_state(network.clone(), &state, now)
            .map(Some)
            .with_context(named)
    }

    /// The slot for which two histories were proven, where that is what was kept.
    pub(crate) fn contested_slot(&self, network: &Network, now: u64) -> Option<u64> {
        let state = std::fs::read(&self.path).ok()?;
        match Store::from_state(network.clone(), &state, now) {
            Err(StateError::Contested { slot }) => Some(slot),
            _ => None,
        }
    }

    /// Keeps what is known, as a whole or not at all.
    pub(crate) fn keep(&self, store: &Store) -> Result<()> {
        if let Some(folder) = self
            .path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
        {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        }
        Ok(write_whole(
            &self.path,
            Privacy::Owner,
            Existing::Replace,
            &store.to_state(),
        )?)
    }
}

/// A built-in network, or one whose constants are in a file.
pub(crate) fn network_named(name: &str) -> Result<Network> {
    if let Some(network) = Network::named(name) {
        return Ok(network);
    }
    let text = std::fs::read(name).with_context(|| {
        format!("{name:?} is neither mainnet nor hoodi, nor a file that can be read")
    })?;
    let named = || format!("{name} holds no network's constants");
    Network::new(json::network(&text).with_context(named)?).with_context(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_networks_constants_come_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.json");
        let hoodi = Network::hoodi();
        let text = serde_json::to_string(hoodi.terms()).unwrap();
        std::fs::write(&path, &text).unwrap();
        assert_eq!(network_named(path.to_str().unwrap()).unwrap(), hoodi);
        std::fs::write(&path, text.replace("\"preset\"", "\"pre\"")).unwrap();
        let error = network_named(path.to_str().unwrap()).unwrap_err();
        assert!(format!("{error:#}").contains("network.json holds no network's constants"));
        let error = network_named("nowhere").unwrap_err();
        assert!(format!("{error:#}").contains("neither mainnet nor hoodi"));
    }

    #[test]
    fn a_damaged_file_is_named_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("light.state");
        let network = Network::mainnet();
        let state = LightState::of(&network, Some(&path)).unwrap();
        assert!(state.read(&network, 0).unwrap().is_none());
        std::fs::write(&path, [7; 100]).unwrap();
        let error = format!("{:#}", state.read(&network, 0).unwrap_err());
        assert!(error.contains("light.state"), "{error}");
        assert!(
            error.contains("start again from a fresh checkpoint"),
            "{error}"
        );
    }
}
