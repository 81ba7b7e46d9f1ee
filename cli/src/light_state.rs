//! The file in which a light client keeps what it knows.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use callseal_registry_client::light::{Network, SharedClient, StateError, Store, json};

use crate::file_lock::FileLock;
use crate::known_peers::default_path;
use crate::output_file::{Existing, Privacy, write_whole};

/// Such a file; it need not exist yet.
#[derive(Clone, Debug)]
pub(crate) struct LightState {
    path: PathBuf,
}

/// What is kept where a checkpoint comes.
#[derive(Debug)]
pub(crate) enum Kept {
    /// Nothing that can be believed: no file, or a state of ours that is damaged or too old.
    Nothing,
    /// What was verified, and is young enough.
    Verified(Box<Store>),
    /// That two histories are proven.
    Contested {
        /// The slot.
        slot: u64,
    },
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
        let kept = self.kept(network, now)?.transpose();
        kept.with_context(|| format!("cannot use {}", self.path.display()))
    }

    /// What a checkpoint has to reckon with.
    ///
    /// # Errors
    /// Where the file is anything that a checkpoint may not replace.
    pub(crate) fn before_checkpoint(&self, network: &Network, now: u64) -> Result<Kept> {
        let kept = self.kept(network, now)?;
        match kept {
            None => Ok(Kept::Nothing),
            Some(Ok(store)) => Ok(Kept::Verified(store.into())),
            Some(Err(StateError::Contested { slot })) => Ok(Kept::Contested { slot }),
            Some(Err(error)) if is_ours_to_replace(&error) => Ok(Kept::Nothing),
            Some(Err(error)) => {
                Err(error).with_context(|| format!("{} is not replaced", self.path.display()))
            }
        }
    }

    /// Keeps what a light client knows, now and from now on. Where another process has kept that two histories are
    /// proven, this client stops too.
    pub(crate) fn keep_always<B>(&self, light: &SharedClient<B>) -> Result<()> {
        let state = self.clone();
        let (told, refused) = std::sync::mpsc::channel();
        light.kept_by(move |store| match state.keep(store) {
            Ok(contested) => contested,
            Err(error) => {
                // The first one is told to whoever begins.
                if let Err(error) = told.send(error) {
                    tracing::warn!("the light client's state is not kept: {:#}", error.0);
                }
                None
            }
        });
        refused.try_recv().map_or(Ok(()), Err)
    }

    /// Keeps what is known, as a whole or not at all. That two histories are proven stays, and is given: only a newer
    /// checkpoint [replaces](Self::replace) it. So does what a process that is further has kept.
    fn keep(&self, store: &Store) -> Result<Option<u64>> {
        let _lock = self.lock()?;
        let (contested, is_newer) = match self.kept(store.network(), 0)? {
            Some(Err(StateError::Contested { slot })) => (Some(slot), false),
            Some(Ok(kept)) => (None, kept.finalized_slot() > store.finalized_slot()),
            Some(Err(error)) if !is_ours_to_replace(&error) => {
                return Err(error)
                    .with_context(|| format!("{} is not replaced", self.path.display()));
            }
            Some(Err(_)) | None => (None, false),
        };
        let is_ours_to_write = contested.is_none() && !is_newer;
        if is_ours_to_write || store.contested().is_some() {
            self.write(store)?;
        }
        Ok(contested)
    }

    /// What the file holds; `None` where there is none.
    fn kept(&self, network: &Network, now: u64) -> Result<Option<Result<Store, StateError>>> {
        match std::fs::read(&self.path) {
            Ok(state) => Ok(Some(Store::from_state(network.clone(), &state, now))),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error).with_context(|| format!("cannot use {}", self.path.display())),
        }
    }

    /// Keeps what a checkpoint gives that is newer than the slot for which two histories are proven.
    pub(crate) fn replace(&self, store: &Store) -> Result<()> {
        let _lock = self.lock()?;
        self.write(store)
    }

    fn lock(&self) -> Result<FileLock> {
        FileLock::of(&self.path)
            .with_context(|| format!("cannot write beside {}", self.path.display()))
    }

    fn write(&self, store: &Store) -> Result<()> {
        Ok(write_whole(
            &self.path,
            Privacy::Owner,
            Existing::Replace,
            &store.to_state(),
        )?)
    }
}

/// Whether the file is a state of ours that is of no more use. All others are somebody's: another program's or
/// network's, or a later version's.
fn is_ours_to_replace(error: &StateError) -> bool {
    matches!(error, StateError::Damaged | StateError::TooOld { .. })
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
    use callseal_devchain::{DevBeacon, DevChain};
    use callseal_registry_client::light::{LightClient, SyncError};
    use sha2::Digest;

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
    fn that_two_histories_are_proven_outlasts_what_another_process_keeps() {
        let (folder, chain) = (tempfile::tempdir().unwrap(), DevChain::new(1));
        let beacon = DevBeacon::new(&chain).unwrap();
        let (checkpoint, now) = (beacon.finalize(), beacon.now());
        let network = beacon.network();
        let client = || {
            let beacons = vec![beacon.clone()];
            let (client, _) = LightClient::start(network, checkpoint, beacons, now).unwrap();
            SharedClient::from(client)
        };
        let state = LightState::of(network, Some(&folder.path().join("new/light.state"))).unwrap();
        // Two processes; one is shown a second history.
        let [one, other] = [client(), client()];
        for client in [&one, &other] {
            state.keep_always(client).unwrap();
        }
        // As `Store::to_state` writes it of a store that is contested in slot 9.
        let mut mark = b"callseal\0\x02".to_vec();
        mark.extend(network.terms().genesis_validators_root);
        mark.extend(9_u64.to_be_bytes());
        mark.extend(sha2::Sha256::digest(&mark));
        std::fs::write(state.path(), &mark).unwrap();
        let is_contested = |now| {
            let kept = state.before_checkpoint(network, now).unwrap();
            matches!(kept, Kept::Contested { slot: 9 })
        };
        assert!(is_contested(now));
        beacon.finalize();
        for client in [&one, &other] {
            let stopped = client.sync(beacon.now());
            let is_stopped = matches!(stopped, Err(SyncError::Disagreement { slot: 9, .. }));
            assert!(is_stopped, "{stopped:?}");
            assert_eq!(std::fs::read(state.path()).unwrap(), mark);
        }
        state.replace(&client().store()).unwrap();
        assert!(!is_contested(now));
    }

    #[test]
    fn a_process_that_lags_overwrites_nothing_newer() {
        let (folder, chain) = (tempfile::tempdir().unwrap(), DevChain::new(1));
        let beacon = DevBeacon::new(&chain).unwrap();
        let (checkpoint, begun) = (beacon.finalize(), beacon.now());
        let network = beacon.network();
        let state = LightState::of(network, Some(&folder.path().join("light.state"))).unwrap();
        let [ahead, behind] = [(); 2].map(|()| {
            let beacons = vec![beacon.clone()];
            let (client, _) = LightClient::start(network, checkpoint, beacons, begun).unwrap();
            SharedClient::from(client)
        });
        state.keep_always(&ahead).unwrap();
        beacon.finalize();
        ahead.sync(beacon.now()).unwrap();
        let newest = std::fs::read(state.path()).unwrap();
        assert_eq!(newest, ahead.store().to_state());
        state.keep_always(&behind).unwrap();
        assert!(behind.store().finalized_slot() < ahead.store().finalized_slot());
        assert_eq!(std::fs::read(state.path()).unwrap(), newest);
        // Once it is further itself, it keeps that.
        beacon.finalize();
        behind.sync(beacon.now()).unwrap();
        assert_eq!(
            std::fs::read(state.path()).unwrap(),
            behind.store().to_state()
        );
    }

    #[test]
    fn a_file_of_somebody_else_is_neither_read_nor_replaced() {
        let (folder, chain) = (tempfile::tempdir().unwrap(), DevChain::new(1));
        let beacon = DevBeacon::new(&chain).unwrap();
        let (checkpoint, now) = (beacon.finalize(), beacon.now());
        let start = || {
            let beacons = vec![beacon.clone()];
            LightClient::start(beacon.network(), checkpoint, beacons, now).unwrap()
        };
        let state = start().0.store().to_state();
        let mut other_format = state[..state.len() - 32].to_vec();
        other_format[9] = 77;
        other_format.extend(sha2::Sha256::digest(&other_format));
        for (network, contents) in [
            (beacon.network().clone(), b"dear diary".repeat(9)),
            (beacon.network().clone(), other_format),
            (Network::mainnet(), state),
        ] {
            let path = folder.path().join("theirs");
            std::fs::write(&path, &contents).unwrap();
            let file = LightState::of(&network, Some(&path)).unwrap();
            let error = file.before_checkpoint(&network, now).unwrap_err();
            assert!(
                format!("{error:#}").contains("theirs is not replaced"),
                "{error:#}"
            );
            if network == *beacon.network() {
                let client = SharedClient::from(start().0);
                file.keep_always(&client).unwrap_err();
            }
            assert_eq!(std::fs::read(&path).unwrap(), contents);
        }
    }

    #[test]
    fn a_damaged_file_is_named_with_a_remedy() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("light.state");
        let network = Network::mainnet();
        let state = LightState::of(&network, Some(&path)).unwrap();
        assert!(state.read(&network, 0).unwrap().is_none());
        std::fs::write(&path, b"callseal, cut off").unwrap();
        let kept = state.before_checkpoint(&network, 0).unwrap();
        assert!(matches!(kept, Kept::Nothing));
        let error = format!("{:#}", state.read(&network, 0).unwrap_err());
        assert!(error.contains("light.state"), "{error}");
        assert!(
            error.contains("start again from a fresh checkpoint"),
            "{error}"
        );
    }
}
