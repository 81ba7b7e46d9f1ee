//! Which network is ours.

use alloy_primitives::{B256, b256};
use tree_hash::TreeHash;

use crate::light::fork::Fork;
use crate::light::preset::Preset;

/// What a client has to know of a consensus network beforehand, none of it from a node.
///
/// ```
/// use callseal_registry_client::light::{Fork, Network};
///
/// let mainnet = Network::mainnet();
/// assert_eq!(mainnet.fork_at(mainnet.epoch_of(13_200_000)), Fork::Fulu);
/// assert_eq!(mainnet.slot_at(mainnet.time_of(7_109_430)), 7_109_430);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Network {
    terms: NetworkTerms,
}

/// A network's constants, as its `config.yaml` and its genesis have them.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Deserialize, serde::Serialize),
    serde(deny_unknown_fields)
)]
pub struct NetworkTerms {
    /// What to call it.
    pub name: String,
    /// The sizes that it is built with.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::preset"))]
    pub preset: Preset,
    /// The execution chain's id (EIP-155).
    pub chain_id: u64,
    /// When slot 0 began; Unix time in seconds.
    pub genesis_time: u64,
    /// The root of the first validators: it tells networks apart.
    pub genesis_validators_root: B256,
    /// The length of a slot, in seconds.
    pub seconds_per_slot: u64,
    /// The forks, from the one in force at epoch 0 on.
    pub forks: Vec<Activation>,
}

/// When a fork comes into force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(
    feature = "json",
    derive(serde::Deserialize, serde::Serialize),
    serde(deny_unknown_fields)
)]
pub struct Activation {
    /// The fork.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::fork"))]
    pub fork: Fork,
    /// Its first epoch.
    pub epoch: u64,
    /// Its version, which signatures are bound to.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::version"))]
    pub version: [u8; 4],
}

impl Network {
    /// The main network, as `metadata/config.yaml` of github.com/eth-clients/mainnet has it.
    #[must_use]
    pub fn mainnet() -> Self {
        let fork = |fork, epoch, first| Activation {
            fork,
            epoch,
            version: [first, 0, 0, 0],
        };
        Self {
            terms: NetworkTerms {
                name: "mainnet".into(),
                preset: Preset::Mainnet,
                chain_id: 1,
                genesis_time: 1_606_824_023,
                genesis_validators_root: b256!(
                    "4b363db94e286120d76eb905340fdd4e54bfe9f06bf33ff6cf5ad27f511bfe95"
                ),
                seconds_per_slot: 12,
                forks: vec![
                    fork(Fork::Phase0, 0, 0),
                    fork(Fork::Altair, 74_240, 1),
                    fork(Fork::Bellatrix, 144_896, 2),
                    fork(Fork::Capella, 194_048, 3),
                    fork(Fork::Deneb, 269_568, 4),
                    fork(Fork::Electra, 364_032, 5),
                    fork(Fork::Fulu, 411_392, 6),
                ],
            },
        }
    }

    /// The test network Hoodi, as `metadata/config.yaml` and `metadata/genesis_validators_root.txt` of
    /// github.com/eth-clients/hoodi have it (its genesis is `MIN_GENESIS_TIME` + `GENESIS_DELAY`).
    #[must_use]
    pub fn hoodi() -> Self {
        let fork = |fork, epoch, first| Activation {
            fork,
            epoch,
            version: [first, 0, 0x09, 0x10],
        };
        Self {
            terms: NetworkTerms {
                name: "hoodi".into(),
                preset: Preset::Mainnet,
                chain_id: 560_048,
                genesis_time: 1_742_213_400,
                genesis_validators_root: b256!(
                    "212f13fc4df078b6cb7db228f1c8307566dcecf900867401a92023d7ba99cb5f"
                ),
                seconds_per_slot: 12,
                forks: vec![
                    fork(Fork::Phase0, 0, 0x10),
                    fork(Fork::Altair, 0, 0x20),
                    fork(Fork::Bellatrix, 0, 0x30),
                    fork(Fork::Capella, 0, 0x40),
                    fork(Fork::Deneb, 0, 0x50),
                    fork(Fork::Electra, 2_048, 0x60),
                    fork(Fork::Fulu, 50_688, 0x70),
                ],
            },
        }
    }

    /// The built-in network of this name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        [Self::mainnet(), Self::hoodi()]
            .into_iter()
            .find(|network| network.name() == name)
    }

    /// A network of one's own.
    ///
    /// # Errors
    ///
    /// [`NetworkError`] when the terms contradict themselves.
    pub fn new(terms: NetworkTerms) -> Result<Self, NetworkError> {
        if terms.seconds_per_slot == 0 {
            return Err(NetworkError::SlotTime);
        }
        if terms.forks.first().is_none_or(|first| first.epoch != 0) {
            return Err(NetworkError::NoFirstFork);
        }
        let mut pairs = terms.forks.iter().zip(terms.forks.iter().skip(1));
        if let Some((_, later)) = pairs.find(|(a, b)| a.fork >= b.fork || a.epoch > b.epoch) {
            return Err(NetworkError::ForkOrder { fork: later.fork });
        }
        Ok(Self { terms })
    }

    /// The constants.
    #[must_use]
    pub fn terms(&self) -> &NetworkTerms {
        &self.terms
    }

    /// What it is called.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.terms.name
    }

    /// The sizes that it is built with.
    #[must_use]
    pub fn preset(&self) -> Preset {
        self.terms.preset
    }

    /// The execution chain's id (EIP-155).
    #[must_use]
    pub fn chain_id(&self) -> u64 {
        self.terms.chain_id
    }

    /// The epoch that a slot is in.
    #[must_use]
    pub fn epoch_of(&self, slot: u64) -> u64 {
        slot / self.preset().slots_per_epoch()
    }

    /// The sync-committee period that a slot is in.
    #[must_use]
    pub fn period_of(&self, slot: u64) -> u64 {
        slot / self.preset().slots_per_period()
    }

    /// The slot at a time (Unix time in seconds); 0 before genesis.
    #[must_use]
    pub fn slot_at(&self, time: u64) -> u64 {
        time.saturating_sub(self.terms.genesis_time) / self.terms.seconds_per_slot
    }

    /// When a slot begins; Unix time in seconds.
    #[must_use]
    pub fn time_of(&self, slot: u64) -> u64 {
        slot.saturating_mul(self.terms.seconds_per_slot)
            .saturating_add(self.terms.genesis_time)
    }

    /// The fork in force in an epoch.
    #[must_use]
    pub fn fork_at(&self, epoch: u64) -> Fork {
        self.activation_at(epoch)
            .map_or(Fork::Phase0, |active| active.fork)
    }

    /// The fork in force in a slot.
    #[must_use]
    pub fn fork_of(&self, slot: u64) -> Fork {
        self.fork_at(self.epoch_of(slot))
    }

    /// What a committee signs for a block with this root when the signature goes into `signature_slot`
    /// (`compute_signing_root` over `DOMAIN_SYNC_COMMITTEE`).
    #[must_use]
    pub fn signing_root(&self, block_root: B256, signature_slot: u64) -> B256 {
        // The fork of the slot before: at a fork's first slot the parent was signed under the old version.
        let fork_slot = signature_slot.max(1) - 1;
        let version = self
            .activation_at(self.epoch_of(fork_slot))
            .map_or([0; 4], |active| active.version);
        let fork_data_root = ethereum_hashing::hash32_concat(
            &version.tree_hash_root().0,
            &self.terms.genesis_validators_root.0,
        );
        let mut domain = DOMAIN_SYNC_COMMITTEE;
        domain[4..].copy_from_slice(&fork_data_root[..28]);
        ethereum_hashing::hash32_concat(&block_root.0, &domain).into()
    }

    fn activation_at(&self, epoch: u64) -> Option<&Activation> {
        let forks = self.terms.forks.iter().rev();
        forks.into_iter().find(|active| active.epoch <= epoch)
    }
}

/// The domain's type, and room for the fork.
const DOMAIN_SYNC_COMMITTEE: [u8; 32] = {
    let mut domain = [0; 32];
    domain[0] = 7;
    domain
};

/// Why constants make no network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NetworkError {
    /// Slots last no time.
    #[error("a slot cannot last 0 seconds")]
    SlotTime,
    /// Nothing is in force at epoch 0.
    #[error("the first fork has to be in force from epoch 0 on")]
    NoFirstFork,
    /// Forks come in another order than every network's.
    #[error("{fork} comes too early in the list of forks, or before the fork that it follows")]
    ForkOrder {
        /// The fork that is out of order.
        fork: Fork,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forks_come_into_force_at_their_epoch() {
        let mainnet = Network::mainnet();
        assert_eq!(mainnet.fork_at(74_239), Fork::Phase0);
        assert_eq!(mainnet.fork_at(74_240), Fork::Altair);
        assert_eq!(mainnet.fork_at(364_031), Fork::Deneb);
        assert_eq!(mainnet.fork_at(364_032), Fork::Electra);
        assert_eq!(mainnet.fork_at(u64::MAX), Fork::Fulu);
        assert_eq!(Network::hoodi().fork_at(0), Fork::Deneb);
    }

    /// Compared with the configurations that Lodestar (npm's @lodestar/config 1.41.0) and go-ethereum's light client
    /// ship, which name the same files as their source, on 22 November 2026.
    #[test]
    fn hoodi_is_what_other_clients_say_it_is() {
        let hoodi = Network::hoodi().terms;
        assert_eq!(hoodi.genesis_time, 1_742_212_800 + 600);
        assert_eq!(hoodi.chain_id, 560_048);
        let forks = hoodi.forks.iter();
        let forks: Vec<_> = forks
            .map(|active| {
                (
                    active.fork,
                    active.epoch,
                    u32::from_be_bytes(active.version),
                )
            })
            .collect();
        let expected = [
            (Fork::Phase0, 0, 0x1000_0910),
            (Fork::Altair, 0, 0x2000_0910),
            (Fork::Bellatrix, 0, 0x3000_0910),
            (Fork::Capella, 0, 0x4000_0910),
            (Fork::Deneb, 0, 0x5000_0910),
            (Fork::Electra, 2_048, 0x6000_0910),
            (Fork::Fulu, 50_688, 0x7000_0910),
        ];
        assert_eq!(forks, expected);
    }

    #[test]
    fn contradictory_terms_are_refused() {
        let refused = |change: fn(&mut NetworkTerms)| {
            let mut terms = Network::mainnet().terms;
            change(&mut terms);
            Network::new(terms).unwrap_err()
        };
        assert_eq!(refused(|t| t.seconds_per_slot = 0), NetworkError::SlotTime);
        assert_eq!(refused(|t| t.forks.clear()), NetworkError::NoFirstFork);
        assert_eq!(refused(|t| t.forks[0].epoch = 1), NetworkError::NoFirstFork);
        let altair = NetworkError::ForkOrder { fork: Fork::Altair };
        assert_eq!(refused(|t| t.forks.swap(0, 1)), NetworkError::NoFirstFork);
        assert_eq!(refused(|t| t.forks.insert(1, t.forks[1])), altair);
        assert!(Network::new(Network::hoodi().terms).is_ok());
    }

    #[test]
    fn no_slot_or_time_overflows() {
        let mainnet = Network::mainnet();
        assert_eq!(mainnet.time_of(u64::MAX), u64::MAX);
        assert_eq!(mainnet.slot_at(0), 0);
        let _ = mainnet.signing_root(B256::ZERO, 0);
        let _ = mainnet.signing_root(B256::ZERO, u64::MAX);
    }
}
