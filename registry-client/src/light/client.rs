//! A store, and the nodes that it is brought up to date by.

use core::time::Duration;
use std::sync::Arc;

use alloy_primitives::B256;

use crate::light::agreement::{KNOWN, Witness, compare_shown, compare_updates, newest_agreed};
use crate::light::beacon::Beacon;
use crate::light::bootstrap::{BootstrapError, VerifiedBootstrap, verify_bootstrap};
use crate::light::header::BeaconHeader;
use crate::light::history::Final;
use crate::light::network::Network;
use crate::light::objects::Update;
use crate::light::patient::{Elapsed, Patient, system_clock};
use crate::light::signed::Signed;
use crate::light::store::Store;
use crate::light::update::{
    UpdateError, VerifiedUpdate, prove_update, store_is_believable, verify_update,
};
use crate::nodes::named;
use crate::transport::TransportError;

/// Follows a network by what several nodes say. One that fails or lies is passed over and reported; two that
/// are both proven right about different histories stop everything, and for good: see [`SyncError::Disagreement`].
///
/// Everything that one node proves to be final is compared with what every other one that answers has in that slot.
/// That one says something else is no proof: it has to show by its blocks' headers that both cannot be.
///
/// Each node has half a minute in each round, and is not asked again in a round in which a question has timed out: so
/// following the network takes no longer than that for each node, and one question's time.
#[derive(Debug)]
pub struct LightClient<B> {
    store: Store,
    beacons: Vec<Patient<B>>,
    /// What has shown the store's final header to be final.
    shown_by: Option<Update>,
}

/// How a client was brought up to date.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Synced {
    /// Updates that were verified and taken in.
    pub updates: usize,
    /// What each of them has shown, in that order.
    pub signed: Vec<Signed>,
    /// What nodes failed at, or lied about.
    pub faults: Vec<Fault>,
}

/// A node that gave nothing usable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", named(node, cause, cause.transport()))]
pub struct Fault {
    /// What the node is called.
    pub node: String,
    /// What was wrong.
    pub cause: FaultCause,
}

/// What was wrong with a node's answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultCause {
    /// None came.
    #[error(transparent)]
    Transport(TransportError),
    /// The bootstrap is refused.
    #[error(transparent)]
    Bootstrap(BootstrapError),
    /// The update is refused.
    #[error(transparent)]
    Update(UpdateError),
    /// It is valid, and leads nowhere.
    #[error("the update of period {period} brings no committee that is final")]
    NoCommittee {
        /// The period asked for.
        period: u64,
    },
    /// It lags, or has no such block, or does not tell: that is no agreement.
    #[error("it does not say which block it has in slot {slot}, where one is known to be final")]
    Unsaid {
        /// The slot.
        slot: u64,
    },
    /// It says, and does not prove, that another block than the final one is in its slot, or none.
    #[error(
        "it says that it has {} in slot {slot}, where {known} is proven to be final, and does not prove it; do not ask it any more, or find out why",
        got.map_or_else(|| "no block".into(), |got| format!("block {got}"))
    )]
    OtherBlock {
        /// The slot.
        slot: u64,
        /// What is proven to be final.
        known: B256,
        /// The node's block.
        got: Option<B256>,
    },
}

impl FaultCause {
    fn transport(&self) -> Option<&TransportError> {
        match self {
            Self::Transport(error) => Some(error),
            _ => None,
        }
    }
}

impl<B: Beacon> LightClient<B> {
    /// Starts from a checkpoint: the root of a block that the caller trusts, no older than
    /// [`WEAK_SUBJECTIVITY_LIMIT`](crate::light::WEAK_SUBJECTIVITY_LIMIT) at `now` (Unix time in seconds).
    ///
    /// Every node is asked which block it has in the checkpoint's slot; one that has another is an error.
    ///
    /// # Errors
    ///
    /// [`SyncError`] when no node can prove the checkpoint, or when nodes disagree on it.
    pub fn start(
        network: &Network,
        checkpoint: B256,
        beacons: Vec<B>,
        now: u64,
    ) -> Result<(Self, Synced), SyncError> {
        let mut beacons = patient(beacons, &system_clock());
        let mut synced = Synced::default();
        let verified = bootstrap(network, checkpoint, &mut beacons, now, &mut synced.faults)?;
        compare(
            checkpoint,
            verified.slot(),
            &mut beacons,
            &mut synced.faults,
        )?;
        let client = Self {
            store: Store::new(verified),
            beacons,
            shown_by: None,
        };
        Ok((client, synced))
    }

    /// Goes on from a store, as [`Store::from_state`] reads it.
    pub fn resume(store: Store, beacons: Vec<B>) -> Self {
        Self {
            store,
            beacons: patient(beacons, &system_clock()),
            shown_by: None,
        }
    }

    /// Measures by another clock than this machine's how long nodes take: `elapsed` is the time since any moment that
    /// stays the same.
    #[must_use]
    pub fn with_clock(self, elapsed: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        let elapsed: Elapsed = Arc::new(elapsed);
        let beacons = self.beacons.into_iter();
        let beacons = beacons.map(|beacon| beacon.by_clock(&elapsed)).collect();
        Self { beacons, ..self }
    }

    /// What is believed.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The update that shows the store's final header to be final, as it was verified: what convinces others of it.
    /// There is none before the first [`sync`](Self::sync).
    pub fn finality_update(&self) -> Option<&Update> {
        self.shown_by
            .as_ref()
            .filter(|update| shows(update, &self.store))
    }

    /// Brings the store up to date: committee by committee to the period of `now` (Unix time in seconds), then
    /// to the newest final header that any node knows.
    ///
    /// # Errors
    ///
    /// [`SyncError`] when no node can prove what is missing, or when two prove what contradicts each other. What
    /// was proven before that stays in the store; after [`SyncError::Disagreement`] the store is
    /// [contested](Store::contested), and every later call gives the same error.
    pub fn sync(&mut self, now: u64) -> Result<Synced, SyncError> {
        let (synced, _) = self.sync_and_compare(now, &[])?;
        Ok(synced)
    }

    /// The same; also asks the nodes whether they have what others have shown to be final, as far as they are
    /// themselves. Gives what they were asked about, and the store's final header, which they have shown.
    pub(crate) fn sync_and_compare(
        &mut self,
        now: u64,
        shown: &[Final],
    ) -> Result<(Synced, Vec<BeaconHeader>), SyncError> {
        if let Some(contested) = self.store.contested() {
            return Err(SyncError::Disagreement {
                slot: contested.slot,
                nodes: contested.nodes.clone(),
            });
        }
        self.beacons.iter_mut().for_each(Patient::begin);
        let synced = self.bring_up_to_date(now, shown);
        if let Err(SyncError::Disagreement { slot, nodes }) = &synced {
            self.store.contest(*slot, nodes.clone());
        }
        synced
    }

    /// Believes nothing any more: two histories are proven.
    pub(crate) fn contest(&mut self, slot: u64, nodes: [String; 2]) {
        self.store.contest(slot, nodes);
    }

    fn bring_up_to_date(
        &mut self,
        now: u64,
        shown: &[Final],
    ) -> Result<(Synced, Vec<BeaconHeader>), SyncError> {
        store_is_believable(&self.store, now).map_err(SyncError::Store)?;
        let mut synced = Synced::default();
        let network = self.store.network();
        let target = network.period_of(network.slot_at(now));
        while self.store.period() < target {
            let period = self.store.period();
            match self.store.next_committee() {
                // The finality update itself can lead over to the last period.
                Some(_) if period + 1 == target => break,
                Some(_) => self.follow(period + 1, now, &mut synced)?,
                None => self.follow(period, now, &mut synced)?,
            }
        }
        let mut asked = self.finalize(now, shown, &mut synced)?;
        asked.push(self.store.finalized().beacon);
        if self.store.next_committee().is_none() {
            // Early in a period its next committee is not final yet, and that is nobody's fault.
            let faults = synced.faults.clone();
            match self.follow(self.store.period(), now, &mut synced) {
                Err(SyncError::NoAnswer { .. }) => synced.faults = faults,
                followed => followed?,
            }
        }
        Ok((synced, asked))
    }

    /// Takes in the update of a period: the first that leads on, once all nodes were asked for theirs.
    fn follow(&mut self, period: u64, now: u64, synced: &mut Synced) -> Result<(), SyncError> {
        let mut faults = Vec::new();
        let mut proven = Vec::new();
        for beacon in &mut self.beacons {
            let verified = beacon
                .update(period)
                .map_err(FaultCause::Transport)
                .and_then(|update| verified(&self.store, &update, now));
            let node = beacon.name();
            let cause = match verified {
                Ok(Some(update)) => {
                    let is_leading = self.store.is_led_on_by(&update);
                    proven.push((node.clone(), update));
                    match is_leading {
                        true => continue,
                        false => FaultCause::NoCommittee { period },
                    }
                }
                Ok(None) => FaultCause::NoCommittee { period },
                Err(cause) => cause,
            };
            agrees(beacon, &cause)?;
            faults.push(Fault { node, cause });
        }
        let named = proven.iter().map(|(node, update)| (node.clone(), update));
        compare_updates(self.store.network(), named)?;
        let leading = proven
            .into_iter()
            .find(|(_, update)| self.store.is_led_on_by(update));
        synced.faults.extend(faults.iter().cloned());
        let Some((_, update)) = leading else {
            return Err(SyncError::NoAnswer { faults });
        };
        synced.signed.push(Signed::of(&self.store, &update));
        self.store.apply_committee(update);
        synced.updates += 1;
        Ok(())
    }

    /// Asks every node for its newest final header and takes in the newest of those that are proven, and that no
    /// other node holds back. Gives what of `shown` the nodes were asked about.
    fn finalize(
        &mut self,
        now: u64,
        shown: &[Final],
        synced: &mut Synced,
    ) -> Result<Vec<BeaconHeader>, SyncError> {
        let mut witnesses = Vec::new();
        let mut faults = Vec::new();
        for beacon in &mut self.beacons {
            let answer = beacon.finality_update().map_err(FaultCause::Transport);
            let proven = answer.map(without_committee).and_then(|update| {
                let verified = prove_update(&self.store, &update, now);
                Ok((verified.map_err(FaultCause::Update)?, update))
            });
            let cause = match proven {
                Ok(proven) => {
                    witnesses.push(Witness::Proven(proven.into()));
                    continue;
                }
                Err(cause) => cause,
            };
            agrees(beacon, &cause)?;
            witnesses.push(match cause {
                FaultCause::Transport(TransportError::Refused { .. }) => Witness::Unproven,
                FaultCause::Transport(_) => Witness::Silent,
                _ => Witness::Unproven,
            });
            let node = beacon.name();
            faults.push(Fault { node, cause });
        }
        let named = self.beacons.iter().zip(&witnesses);
        let proven = named.filter_map(|(beacon, witness)| match witness {
            Witness::Proven(proven) => Some((beacon.name(), &proven.0)),
            Witness::Silent | Witness::Unproven => None,
        });
        compare_updates(self.store.network(), proven)?;
        let beacons = &mut self.beacons;
        let newest = newest_agreed(&self.store, beacons, &witnesses, now, &mut faults)?;
        let asked = compare_shown(&self.store, shown, beacons, &witnesses, &mut faults)?;
        if !witnesses
            .iter()
            .any(|witness| matches!(witness, Witness::Proven(_)))
        {
            return Err(SyncError::NoAnswer { faults });
        }
        synced.faults.append(&mut faults);
        let Some(Witness::Proven(proven)) = newest.map(|at| witnesses.swap_remove(at)) else {
            return Ok(asked);
        };
        let (newest, update) = *proven;
        let signed = Signed::of(&self.store, &newest);
        let applied = self.store.apply_update(newest);
        if applied.is_any() {
            synced.updates += 1;
            synced.signed.push(signed);
        }
        if shows(&update, &self.store) && (applied.finalized || self.shown_by.is_none()) {
            self.shown_by = Some(update);
        }
        Ok(asked)
    }
}

/// Why a client is not up to date.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SyncError {
    /// No node gave what is needed.
    #[error("{}", no_answer(faults))]
    NoAnswer {
        /// What each of them did instead.
        faults: Vec<Fault>,
    },
    /// A node has another block than the checkpoint in its slot: one of the two is not of our network's history.
    #[error(
        "{node} has block {got} in slot {slot}, where the checkpoint is {checkpoint}; find out which of them is right before you go on"
    )]
    Checkpoint {
        /// The node.
        node: String,
        /// The checkpoint's slot.
        slot: u64,
        /// The checkpoint.
        checkpoint: B256,
        /// The node's block.
        got: B256,
    },
    /// Ours: what is known can no longer be believed.
    #[error(transparent)]
    Store(UpdateError),
    /// Two nodes have signatures for different histories: two thirds of a committee signed both. It lasts, over a
    /// restart too ([`Store::to_state`]): the remedy is a checkpoint newer than the slot, chosen by a person.
    #[error(
        "{} and {} prove different histories (slot {slot}); nothing is believed any more: find out which of them is right, and start again from a checkpoint newer than that slot, from somebody you trust",
        nodes[0],
        nodes[1]
    )]
    Disagreement {
        /// The slot.
        slot: u64,
        /// The two.
        nodes: [String; 2],
    },
}

impl SyncError {
    /// Whether nothing is believed any more.
    pub(crate) fn is_disagreement(&self) -> bool {
        matches!(self, Self::Disagreement { .. })
    }
}

fn no_answer(faults: &[Fault]) -> String {
    match faults {
        [] => "there is no beacon node to ask".into(),
        faults => {
            let faults: Vec<_> = faults.iter().map(Fault::to_string).collect();
            format!("no beacon node gave what is needed: {}", faults.join("; "))
        }
    }
}

fn patient<B>(beacons: Vec<B>, elapsed: &Elapsed) -> Vec<Patient<B>> {
    let beacons = beacons.into_iter();
    beacons
        .map(|beacon| Patient::new(beacon, elapsed))
        .collect()
}

fn bootstrap<B: Beacon>(
    network: &Network,
    checkpoint: B256,
    beacons: &mut [B],
    now: u64,
    faults: &mut Vec<Fault>,
) -> Result<VerifiedBootstrap, SyncError> {
    for beacon in beacons {
        let verified = beacon
            .bootstrap(checkpoint)
            .map_err(FaultCause::Transport)
            .and_then(|bootstrap| {
                verify_bootstrap(network, checkpoint, &bootstrap, now)
                    .map_err(FaultCause::Bootstrap)
            });
        match verified {
            Ok(verified) => return Ok(verified),
            Err(cause) => faults.push(Fault {
                node: beacon.name(),
                cause,
            }),
        }
    }
    Err(SyncError::NoAnswer {
        faults: core::mem::take(faults),
    })
}

fn compare<B: Beacon>(
    checkpoint: B256,
    slot: u64,
    beacons: &mut [B],
    faults: &mut Vec<Fault>,
) -> Result<(), SyncError> {
    for beacon in beacons {
        match beacon.block_root(slot) {
            Ok(Some(got)) if got != checkpoint => {
                return Err(SyncError::Checkpoint {
                    node: beacon.name(),
                    slot,
                    checkpoint,
                    got,
                });
            }
            Ok(Some(_)) => {}
            Ok(None) => faults.push(Fault {
                node: beacon.name(),
                cause: FaultCause::Unsaid { slot },
            }),
            Err(error) => faults.push(Fault {
                node: beacon.name(),
                cause: FaultCause::Transport(error),
            }),
        }
    }
    Ok(())
}

/// Whether what an update shows to be final is the store's final header.
fn shows(update: &Update, store: &Store) -> bool {
    let finalized = update.finalized_header.as_ref();
    finalized.is_some_and(|finalized| finalized.value == *store.finalized())
}

fn without_committee(update: Update) -> Update {
    Update {
        next_sync_committee: None,
        ..update
    }
}

/// The update, checked; `None` when it is right and brings nothing new.
fn verified(
    store: &Store,
    update: &Update,
    now: u64,
) -> Result<Option<VerifiedUpdate>, FaultCause> {
    match verify_update(store, update, now) {
        Ok(verified) => Ok(Some(verified)),
        Err(UpdateError::NothingNew) => Ok(None),
        Err(error) => Err(FaultCause::Update(error)),
    }
}

/// Stops where a node has proven something else to be final than what is known.
fn agrees<B: Beacon>(beacon: &B, cause: &FaultCause) -> Result<(), SyncError> {
    match cause {
        FaultCause::Update(
            UpdateError::Contradiction { slot } | UpdateError::CommitteeChanged { slot, .. },
        ) => Err(SyncError::Disagreement {
            slot: *slot,
            nodes: [KNOWN.into(), beacon.name()],
        }),
        _ => Ok(()),
    }
}
