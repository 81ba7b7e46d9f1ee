//! One light client, and whoever reads by it.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_primitives::B256;

use crate::light::agreement::KNOWN;
use crate::light::beacon::Beacon;
use crate::light::client::{LightClient, SyncError, Synced};
use crate::light::header::BeaconHeader;
use crate::light::history::History;
use crate::light::objects::Update;
use crate::light::store::Store;
use crate::light::update::UpdateError;

/// A light client that several readers share: what one has it find, all know. A clone is another handle on the same.
///
/// What peers show to be final, by what they hand over, is compared with what is known, and with what the nodes have
/// when the network is followed the next time.
///
/// That two histories are proven, whoever was shown it, stops all of them at once and for good. Only one follows the
/// network at a time; who asks for it meanwhile waits, and takes what the other has found. Nobody waits for a node in
/// order to read what is known.
///
/// ```
/// use callseal_devchain::{DevBeacon, DevChain};
/// use callseal_registry_client::light::{LightClient, SharedClient};
///
/// let chain = DevChain::new(1);
/// let beacon = DevBeacon::new(&chain)?;
/// let checkpoint = beacon.finalize();
/// let now = beacon.now();
/// let (client, _) = LightClient::start(beacon.network(), checkpoint, vec![beacon.clone()], now)?;
/// let one = SharedClient::from(client);
/// let other = one.clone();
/// beacon.finalize();
/// one.sync(beacon.now())?;
/// assert_eq!(other.store().finalized_slot(), one.store().finalized_slot());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct SharedClient<B> {
    shared: Arc<Shared<B>>,
}

/// Locks are taken in the order in which they stand here, and the last one never while anything is waited for.
struct Shared<B> {
    /// Held while nodes are asked.
    client: Mutex<LightClient<B>>,
    /// Held while a file is written, so that an older state never comes after a newer one.
    keeper: Mutex<Keeper>,
    known: Mutex<Known>,
}

struct Known {
    store: Arc<Store>,
    shown_by: Option<Arc<Update>>,
    history: History,
    /// How often the network was followed, and what came of it the last time.
    rounds: u64,
    last: Result<Synced, SyncError>,
    is_synced: bool,
}

/// Keeps a store over a restart; gives the slot of a disagreement that is kept in its place already.
type Keep = Box<dyn FnMut(&Store) -> Option<u64> + Send>;

#[derive(Default)]
struct Keeper {
    keep: Option<Keep>,
    kept: Option<(B256, bool)>,
}

/// What is known at one moment.
#[derive(Clone, Debug)]
pub(crate) struct Snapshot {
    pub(crate) store: Arc<Store>,
    /// What shows its final header to be final.
    pub(crate) shown_by: Option<Arc<Update>>,
    /// Whether it was brought up to date since it was given to us, and nothing spoke against it.
    pub(crate) is_synced: bool,
}

impl<B> SharedClient<B> {
    /// What is believed, as it is now.
    #[must_use]
    pub fn store(&self) -> Arc<Store> {
        Arc::clone(&self.known().store)
    }

    /// The update that shows the store's final header to be final, as [`LightClient::finality_update`].
    #[must_use]
    pub fn finality_update(&self) -> Option<Arc<Update>> {
        self.snapshot().shown_by
    }

    /// Has `keep` keep the store over a restart: now, and after each change of what is final or known, one call at a
    /// time, the newest last. Where two histories are proven, that is the last it is given.
    ///
    /// `keep` gives the slot of a disagreement that is kept already, by another process: it stops this one too. It must
    /// not use this client itself.
    pub fn kept_by(&self, keep: impl FnMut(&Store) -> Option<u64> + Send + 'static) {
        *lock(&self.shared.keeper) = Keeper {
            keep: Some(Box::new(keep)),
            kept: None,
        };
        self.keep();
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        let known = self.known();
        Snapshot {
            store: Arc::clone(&known.store),
            shown_by: known.shown_by.clone(),
            is_synced: known.is_synced,
        }
    }

    pub(crate) fn has_verified(&self, digest: B256) -> bool {
        self.known().history.has_verified(digest)
    }

    /// Takes note of an update that was verified, and of what it shows to be final.
    ///
    /// # Errors
    ///
    /// [`UpdateError::Contradiction`] where another header was proven to be final in its slot: then nothing is
    /// believed any more. [`UpdateError::Contested`] where nothing was before.
    pub(crate) fn note_verified(
        &self,
        digest: B256,
        finalized: BeaconHeader,
        witness: &str,
    ) -> Result<(), UpdateError> {
        let noted = {
            let mut known = self.known();
            if let Some(contested) = known.store.contested() {
                let slot = contested.slot;
                return Err(UpdateError::Contested { slot });
            }
            let noted = known.history.note(finalized, witness);
            if noted.is_ok() {
                known.history.note_verified(digest);
            }
            noted
        };
        noted.map_err(|contradiction| {
            let slot = contradiction.slot;
            self.contest(slot, [contradiction.shown_by, witness.into()]);
            UpdateError::Contradiction { slot }
        })
    }

    /// Believes nothing any more: two histories are proven.
    pub(crate) fn contest(&self, slot: u64, nodes: [String; 2]) {
        self.known().contest(slot, nodes);
        self.keep();
    }

    /// Keeps what is newest, unless it is kept.
    fn keep(&self) {
        let mut keeper = lock(&self.shared.keeper);
        let store = self.store();
        let name = Some((store.name(), store.contested().is_some()));
        let Keeper { keep, kept } = &mut *keeper;
        let Some(keep) = keep.as_mut().filter(|_| *kept != name) else {
            return;
        };
        *kept = name;
        if let Some(slot) = keep(&store) {
            let other = "another program on this machine".to_owned();
            self.known().contest(slot, [KNOWN.into(), other]);
        }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        lock(&self.shared.known)
    }
}

impl<B: Beacon> SharedClient<B> {
    /// Brings the store up to date, as [`LightClient::sync`]; where somebody else is at it, waits for that and gives
    /// what came of it.
    ///
    /// # Errors
    ///
    /// [`SyncError`], as [`LightClient::sync`].
    pub fn sync(&self, now: u64) -> Result<Synced, SyncError> {
        let before = self.known().rounds;
        let mut client = lock(&self.shared.client);
        let shown = {
            let known = self.known();
            if known.rounds != before {
                return known.outcome();
            }
            if let Some(contested) = known.store.contested() {
                client.contest(contested.slot, contested.nodes.clone());
            }
            known.history.unasked()
        };
        let synced = client.sync_and_compare(now, &shown);
        self.known().take(&client, synced);
        self.keep();
        self.known().outcome()
    }
}

impl Known {
    fn new<B: Beacon>(client: &LightClient<B>) -> Self {
        let store = client.store().clone();
        let mut history = History::default();
        let header = store.finalized().beacon;
        // Nothing else is known that it could contradict.
        let _ = history.note(header, KNOWN);
        history.asked(&[header]);
        Self {
            store: Arc::new(store),
            shown_by: client.finality_update().cloned().map(Arc::new),
            history,
            rounds: 0,
            last: Ok(Synced::default()),
            is_synced: false,
        }
    }

    /// What a round of following the network has brought.
    fn take<B: Beacon>(
        &mut self,
        client: &LightClient<B>,
        synced: Result<(Synced, Vec<BeaconHeader>), SyncError>,
    ) {
        if self.store.contested().is_none() {
            self.store = Arc::new(client.store().clone());
            let header = self.store.finalized().beacon;
            let noted = self.history.note(header, NODES);
            if let Ok((_, asked)) = &synced {
                self.history.asked(asked);
            }
            if let Err(contradiction) = noted {
                self.contest(header.slot, [contradiction.shown_by, NODES.into()]);
            }
            let is_same = |known: &Arc<Update>| Some(&**known) == client.finality_update();
            if !self.shown_by.as_ref().is_some_and(is_same) {
                self.shown_by = client.finality_update().cloned().map(Arc::new);
            }
        }
        let is_contested = self.store.contested().is_some();
        self.is_synced = (self.is_synced || synced.is_ok()) && !is_contested;
        self.last = synced.map(|(synced, _)| synced);
        self.rounds = self.rounds.wrapping_add(1);
        if is_contested {
            self.forget();
        }
    }

    /// What came of the last round. Somebody may have been shown another history since.
    fn outcome(&self) -> Result<Synced, SyncError> {
        match self.store.contested() {
            Some(contested) => Err(SyncError::Disagreement {
                slot: contested.slot,
                nodes: contested.nodes.clone(),
            }),
            None => self.last.clone(),
        }
    }

    fn contest(&mut self, slot: u64, nodes: [String; 2]) {
        if self.store.contested().is_none() {
            let mut store = Store::clone(&self.store);
            store.contest(slot, nodes);
            self.store = Arc::new(store);
        }
        self.forget();
    }

    fn forget(&mut self) {
        self.shown_by = None;
        self.history = History::default();
        self.is_synced = false;
    }
}

/// What errors call whoever has brought the light client up to date.
pub(crate) const NODES: &str = "the beacon nodes";

impl<B: Beacon> From<LightClient<B>> for SharedClient<B> {
    fn from(client: LightClient<B>) -> Self {
        let known = Known::new(&client);
        Self {
            shared: Arc::new(Shared {
                client: Mutex::new(client),
                keeper: Mutex::default(),
                known: Mutex::new(known),
            }),
        }
    }
}

impl<B> Clone for SharedClient<B> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<B> fmt::Debug for SharedClient<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SharedClient")
            .field("store", &self.known().store)
            .finish_non_exhaustive()
    }
}

/// A lock that outlives a panic of who held it: what it guards is whole at every moment.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
