//! Nodes that count what they are asked.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256};
use callseal_registry_client::light::{Beacon, BeaconHeader, Bootstrap, Update};
use callseal_registry_client::{RawProof, Transport, TransportError};

/// A node, and how often it and others were asked.
///
/// ```
/// use callseal_devchain::{Counted, DevChain, Tally};
/// use callseal_registry_client::Transport;
///
/// let tally = Tally::default();
/// let chain = DevChain::new(31337);
/// let mut node = Counted::new(chain.clone(), &tally);
/// node.header(chain.head())?;
/// assert_eq!((tally.of("header"), tally.total()), (1, 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Counted<N> {
    node: N,
    tally: Tally,
}

/// How often something was asked. A clone is another handle on the same counts.
#[derive(Clone, Debug, Default)]
pub struct Tally(Arc<Mutex<BTreeMap<&'static str, u64>>>);

impl<N> Counted<N> {
    /// A node whose questions `tally` counts from now on.
    pub fn new(node: N, tally: &Tally) -> Self {
        Self {
            node,
            tally: tally.clone(),
        }
    }

    fn counted(&mut self, question: &'static str) -> &mut N {
        *self.tally.lock().entry(question).or_default() += 1;
        &mut self.node
    }
}

impl Tally {
    /// How often this was asked, by the name of the trait's method.
    #[must_use]
    pub fn of(&self, question: &str) -> u64 {
        self.lock().get(question).copied().unwrap_or_default()
    }

    /// How often anything was asked.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.lock().values().sum()
    }

    /// Counts from nothing again; gives how often anything was asked until now.
    pub fn reset(&self) -> u64 {
        let counts = core::mem::take(&mut *self.lock());
        counts.values().sum()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<&'static str, u64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<N: Transport> Transport for Counted<N> {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        self.counted("header").header(block_hash)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        self.counted("proof").proof(contract, slots, block_hash)
    }

    fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
        self.counted("chain_id").chain_id()
    }
}

impl<N: Beacon> Beacon for Counted<N> {
    fn name(&self) -> String {
        self.node.name()
    }

    fn bootstrap(&mut self, block_root: B256) -> Result<Bootstrap, TransportError> {
        self.counted("bootstrap").bootstrap(block_root)
    }

    fn update(&mut self, period: u64) -> Result<Update, TransportError> {
        self.counted("update").update(period)
    }

    fn finality_update(&mut self) -> Result<Update, TransportError> {
        self.counted("finality_update").finality_update()
    }

    fn block_root(&mut self, slot: u64) -> Result<Option<B256>, TransportError> {
        self.counted("block_root").block_root(slot)
    }

    fn block_header(&mut self, block_root: B256) -> Result<BeaconHeader, TransportError> {
        self.counted("block_header").block_header(block_root)
    }
}
