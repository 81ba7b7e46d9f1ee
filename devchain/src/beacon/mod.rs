//! The consensus half: a committee that signs the chain's blocks, so that a light client can follow them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_consensus::Header;
use alloy_primitives::B256;
use callseal_registry_client::light::{
    Activation, BeaconHeader, Bootstrap, ExecutionHeader, Fork, LightHeader, Network, NetworkError,
    NetworkTerms, Preset, SyncAggregate, Update, WithBranch,
};

use crate::chain::DevChain;

mod committee;
mod transport;
mod tree;

use committee::Committee;
use tree::Tree;

/// Beacon blocks over an embedded chain, with sync committees that sign them: small ones (the minimal preset),
/// whose keys anybody can derive. A clone is another handle on the same ones.
///
/// What a light client checks is real: signatures, branches, committees that change every 64 slots. Everything
/// that it does not look at is left empty.
///
/// ```
/// use core::time::Duration;
/// use callseal_devchain::{DevBeacon, DevChain};
/// use callseal_registry_client::light::LightClient;
///
/// let chain = DevChain::new(31337);
/// let beacon = DevBeacon::new(&chain)?;
/// let checkpoint = beacon.finalize();
/// beacon.pass_periods(2);
///
/// let now = beacon.now();
/// let (mut client, _) = LightClient::start(beacon.network(), checkpoint, vec![beacon.clone()], now)?;
/// client.sync(now)?;
/// let anchor = client.store().anchor(now, Duration::from_secs(60))?;
/// assert_eq!(Some(anchor.block_hash()), beacon.finalized_block());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DevBeacon {
    chain: DevChain,
    network: Arc<Network>,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    committee_size: usize,
    committees: BTreeMap<u64, Arc<Committee>>,
    /// Final blocks' roots by slot.
    roots: BTreeMap<u64, B256>,
    bootstraps: BTreeMap<B256, Bootstrap>,
    /// The newest update of each period.
    updates: BTreeMap<u64, Update>,
    finality_update: Option<Update>,
    now: u64,
}

impl DevBeacon {
    /// Beacon blocks from now on, by the rules of the fork Fulu.
    ///
    /// # Errors
    ///
    /// [`NetworkError`], which the fork Fulu does not cause.
    pub fn new(chain: &DevChain) -> Result<Self, NetworkError> {
        Self::at_fork(chain, Fork::Fulu)
    }

    /// The same by the rules of another fork, which is in force from the start.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] when a network cannot start with that fork.
    pub fn at_fork(chain: &DevChain, fork: Fork) -> Result<Self, NetworkError> {
        Self::with_preset(chain, fork, Preset::Minimal)
    }

    /// The same with committees and periods of another size.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] when a network cannot start with that fork.
    pub fn with_preset(chain: &DevChain, fork: Fork, preset: Preset) -> Result<Self, NetworkError> {
        Self::with_forks(chain, preset, [(fork, 0)])
    }

    /// The same over several forks, each with its first epoch.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] when no network goes through these forks.
    pub fn with_forks(
        chain: &DevChain,
        preset: Preset,
        forks: impl IntoIterator<Item = (Fork, u64)>,
    ) -> Result<Self, NetworkError> {
        let forks = forks.into_iter().map(|(fork, epoch)| Activation {
            fork,
            epoch,
            version: [fork as u8, 0, 0, 0x77],
        });
        let network = Network::new(NetworkTerms {
            name: "embedded".into(),
            preset,
            chain_id: chain.id(),
            // Slot 0 would be genesis, which is final as nothing but zeros.
            genesis_time: chain.head_timestamp().saturating_sub(8 * SLOT_TIME),
            genesis_validators_root: B256::with_last_byte(1),
            seconds_per_slot: SLOT_TIME,
            forks: forks.collect(),
        })?;
        let now = chain.head_timestamp();
        Ok(Self {
            chain: chain.clone(),
            network: Arc::new(network),
            inner: Arc::new(Mutex::new(Inner {
                committee_size: preset.committee_size(),
                now,
                ..Inner::default()
            })),
        })
    }

    /// What a light client has to know beforehand.
    #[must_use]
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// When the newest update had been signed; Unix time in seconds.
    #[must_use]
    pub fn now(&self) -> u64 {
        self.lock().now
    }

    /// Makes the chain's newest block final, on one more that attests it. Gives the root of its beacon block,
    /// which is a checkpoint.
    pub fn finalize(&self) -> B256 {
        let mut inner = self.lock();
        // Final, attested and signed in one period, and all after what has been final before.
        let head = self.slot_of_head();
        let last = inner.roots.last_key_value().map_or(0, |(last, _)| *last);
        let mut slot = head.max(last + 1);
        while self.period_of(slot + 2) != self.period_of(slot) {
            slot += 1;
        }
        if slot != head {
            self.mine_at(slot);
        }
        let finalized = self.header(&mut inner, slot);
        let root = finalized.light.beacon.root();
        let bootstrap = Bootstrap {
            header: finalized.light.clone(),
            current_sync_committee: WithBranch {
                value: inner.committee(self.period_of(slot)).given().clone(),
                branch: finalized
                    .state
                    .branch(self.network.fork_of(slot).current_committee_gindex()),
            },
        };
        inner.bootstraps.insert(root, bootstrap);
        inner.roots.insert(slot, root);
        self.mine_at(slot + 1);
        let attested = self.header(&mut inner, slot + 1);
        let update = self.signed(&mut inner, &finalized, attested);
        inner.now = self.network.time_of(update.signature_slot);
        inner.updates.insert(self.period_of(slot), update.clone());
        inner.finality_update = Some(Update {
            next_sync_committee: None,
            ..update
        });
        root
    }

    /// Lets time go by, with something final in each of `periods` periods.
    pub fn pass_periods(&self, periods: u64) {
        for _ in 0..periods {
            let next = self.period_of(self.slot_of_head()) + 1;
            self.mine_at(next * self.network.preset().slots_per_period());
            self.finalize();
        }
    }

    /// Lets time go by to `time` (Unix time in seconds): where there is room for it, something newer becomes final,
    /// signed by then. Every period on the way has its update.
    pub fn pass_to(&self, time: u64) {
        // The slot that is final, the one that attests it, the one that holds the signature.
        let Some(slot) = self.network.slot_at(time).checked_sub(2) else {
            return;
        };
        while self.period_of(self.slot_of_head()) + 1 < self.period_of(slot) {
            self.pass_periods(1);
        }
        // Two periods share no finality: at the end of one there is a pause.
        let in_one_period = self.period_of(slot) == self.period_of(slot + 2);
        if in_one_period && slot > self.slot_of_head() {
            self.mine_at(slot);
            self.finalize();
        }
    }

    /// From the next block on, another committee than the honest one is to sign in `period`: what two thirds of the
    /// committee before it can do.
    pub fn replace_next_committee(&self, period: u64) {
        let mut inner = self.lock();
        let other = Committee::of(u64::MAX - period, inner.committee_size);
        inner.committees.insert(period, Arc::new(other));
    }

    /// The hash of the newest final execution block.
    #[must_use]
    pub fn finalized_block(&self) -> Option<B256> {
        let inner = self.lock();
        let finalized = inner.finality_update.as_ref()?.finalized_header.as_ref()?;
        Some(finalized.value.execution.block_hash)
    }

    fn period_of(&self, slot: u64) -> u64 {
        self.network.period_of(slot)
    }

    fn slot_of_head(&self) -> u64 {
        self.network.slot_at(self.chain.head_timestamp())
    }

    fn mine_at(&self, slot: u64) {
        // Slots only grow here, and so do their times.
        if self
            .chain
            .set_next_timestamp(self.network.time_of(slot))
            .is_ok()
        {
            self.chain.mine();
        }
    }

    /// The beacon block over the chain's newest, in `slot`.
    fn header(&self, inner: &mut Inner, slot: u64) -> Made {
        let period = self.period_of(slot);
        let parent = inner.roots.last_key_value().map(|(_, root)| *root);
        let parent = parent.unwrap_or(B256::repeat_byte(0xff));
        let fork = self.network.fork_of(slot);
        let state = Tree::new([
            (fork.finalized_root_gindex(), parent),
            (
                fork.current_committee_gindex(),
                inner.committee(period).given().root(),
            ),
            (
                fork.next_committee_gindex(),
                inner.committee(period + 1).given().root(),
            ),
        ]);
        let head = self.chain.head();
        let header = self.chain.header_of(head).unwrap_or_default();
        let execution = execution_header(&header, head, fork);
        let body = Tree::new([(EXECUTION_GINDEX, execution.root(fork))]);
        // Before Capella headers name no execution block, and nothing proves that there is none.
        let branch = match fork >= Fork::Capella {
            true => body.branch(EXECUTION_GINDEX),
            false => vec![B256::ZERO; 4],
        };
        let light = LightHeader {
            beacon: BeaconHeader {
                slot,
                proposer_index: 0,
                parent_root: parent,
                state_root: state.root(),
                body_root: body.root(),
            },
            execution,
            execution_branch: branch.try_into().unwrap_or_default(),
        };
        Made { light, state }
    }

    /// What the committee signs: that `finalized` is final for `attested`.
    fn signed(&self, inner: &mut Inner, finalized: &Made, attested: Made) -> Update {
        let slot = attested.light.beacon.slot;
        let signature_slot = slot + 1;
        let signing_root = self
            .network
            .signing_root(attested.light.beacon.root(), signature_slot);
        let signers = inner.committee(self.period_of(signature_slot));
        let next = inner.committee(self.period_of(slot) + 1);
        let fork = self.network.fork_of(slot);
        Update {
            next_sync_committee: Some(WithBranch {
                value: next.given().clone(),
                branch: attested.state.branch(fork.next_committee_gindex()),
            }),
            finalized_header: Some(WithBranch {
                value: finalized.light.clone(),
                branch: attested.state.branch(fork.finalized_root_gindex()),
            }),
            attested_header: attested.light,
            sync_aggregate: SyncAggregate {
                sync_committee_bits: vec![0xff; self.network.preset().committee_size() / 8],
                sync_committee_signature: signers.sign(signing_root),
            },
            signature_slot,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn committee(&mut self, period: u64) -> Arc<Committee> {
        let size = self.committee_size;
        let made = self.committees.entry(period);
        made.or_insert_with(|| Arc::new(Committee::of(period, size)))
            .clone()
    }
}

/// A block, and the state that its header names.
struct Made {
    light: LightHeader,
    state: Tree,
}

/// As on the main network.
const SLOT_TIME: u64 = 12;
/// Where a block's body has the execution payload.
const EXECUTION_GINDEX: u64 = 25;

/// A chain's header as beacon blocks of `fork` hold it. Lists have other roots there, which nobody here asks for.
fn execution_header(header: &Header, block_hash: B256, fork: Fork) -> ExecutionHeader {
    if fork < Fork::Capella {
        return ExecutionHeader::default();
    }
    let has_blobs = fork >= Fork::Deneb;
    let blobs = |gas: Option<u64>| gas.filter(|_| has_blobs).unwrap_or_default();
    ExecutionHeader {
        parent_hash: header.parent_hash,
        fee_recipient: header.beneficiary,
        state_root: header.state_root,
        receipts_root: header.receipts_root,
        logs_bloom: header.logs_bloom,
        prev_randao: header.mix_hash,
        block_number: header.number,
        gas_limit: header.gas_limit,
        gas_used: header.gas_used,
        timestamp: header.timestamp,
        extra_data: header.extra_data.clone(),
        base_fee_per_gas: header
            .base_fee_per_gas
            .map(alloy_primitives::U256::from)
            .unwrap_or_default(),
        block_hash,
        blob_gas_used: blobs(header.blob_gas_used),
        excess_blob_gas: blobs(header.excess_blob_gas),
        ..ExecutionHeader::default()
    }
}
