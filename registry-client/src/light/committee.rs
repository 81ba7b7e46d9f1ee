//! Sync committees and their signatures.

use core::num::NonZero;
use std::panic::resume_unwind;
use std::sync::{Arc, OnceLock};
use std::thread;

use alloy_primitives::B256;
use blst::BLST_ERROR;
use blst::min_pk::{AggregatePublicKey, PublicKey, Signature};
use tree_hash::TreeHash;

use crate::light::container::container_root;
use crate::light::preset::Preset;

/// A compressed public key on BLS12-381.
pub type KeyOctets = [u8; 48];

/// A compressed signature on BLS12-381.
pub type SignatureOctets = [u8; 96];

/// `SyncCommittee`, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Deserialize, serde::Serialize))]
pub struct SyncCommittee {
    /// The members' keys; somebody may be a member twice.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::keys"))]
    pub pubkeys: Vec<KeyOctets>,
    /// Their sum.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::octets"))]
    pub aggregate_pubkey: KeyOctets,
}

impl SyncCommittee {
    /// `hash_tree_root`.
    #[must_use]
    pub fn root(&self) -> B256 {
        let roots: Vec<_> = self
            .pubkeys
            .iter()
            .map(|key| key.tree_hash_root())
            .collect();
        container_root(&[
            container_root(&roots),
            self.aggregate_pubkey.tree_hash_root(),
        ])
    }

    /// Whether this is what an object holds that brings no committee.
    pub(crate) fn is_blank(&self) -> bool {
        let keys = self.pubkeys.iter().chain([&self.aggregate_pubkey]);
        keys.flatten().all(|octet| *octet == 0)
    }
}

/// `SyncAggregate`, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Deserialize, serde::Serialize))]
pub struct SyncAggregate {
    /// A bit for each member, the lowest of the first octet for the first: whether it signed.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::bits"))]
    pub sync_committee_bits: Vec<u8>,
    /// The sum of their signatures.
    #[cfg_attr(feature = "json", serde(with = "crate::light::json::octets"))]
    pub sync_committee_signature: SignatureOctets,
}

impl SyncAggregate {
    /// How many signed, as it says.
    #[must_use]
    pub fn participants(&self) -> usize {
        let bits = self.sync_committee_bits.iter();
        bits.map(|octet| octet.count_ones() as usize).sum()
    }

    pub(crate) fn has_signed(&self, member: usize) -> bool {
        self.sync_committee_bits
            .get(member / 8)
            .is_some_and(|octet| octet >> (member % 8) & 1 == 1)
    }
}

/// A committee that is proven to be one. Its keys are unpacked at their first use, and kept; clones share them.
#[derive(Clone, Debug)]
pub(crate) struct Committee {
    given: Arc<SyncCommittee>,
    root: B256,
    keys: Arc<OnceLock<Keys>>,
}

#[derive(Clone, Debug)]
struct Keys {
    each: Box<[PublicKey]>,
    /// The sum of all, computed and not taken from the committee's own field.
    all: AggregatePublicKey,
}

impl Committee {
    /// For whoever has proven `given`, or is about to.
    pub(crate) fn new(given: SyncCommittee) -> Self {
        Self {
            root: given.root(),
            given: Arc::new(given),
            keys: Arc::default(),
        }
    }

    pub(crate) fn root(&self) -> B256 {
        self.root
    }

    pub(crate) fn given(&self) -> &SyncCommittee {
        &self.given
    }

    pub(crate) fn has_size_of(&self, preset: Preset) -> bool {
        self.given.pubkeys.len() == preset.committee_size()
    }

    /// `eth_fast_aggregate_verify` for those whose bits are set.
    pub(crate) fn verify(
        &self,
        aggregate: &SyncAggregate,
        signing_root: B256,
    ) -> Result<(), SignatureError> {
        let keys = self.keys()?;
        let signature = Signature::uncompress(&aggregate.sync_committee_signature)
            .map_err(|_| SignatureError::Wrong)?;
        let signers = keys
            .sum_of(aggregate)
            .ok_or(SignatureError::Wrong)?
            .to_public_key();
        // The keys are in their group: each was checked, and sums stay inside. Infinity is refused by
        // the pairing's own key check.
        let verdict = signature.verify(
            true,
            signing_root.as_slice(),
            CIPHERSUITE,
            &[],
            &signers,
            true,
        );
        match verdict {
            BLST_ERROR::BLST_SUCCESS => Ok(()),
            _ => Err(SignatureError::Wrong),
        }
    }

    fn keys(&self) -> Result<&Keys, SignatureError> {
        if let Some(keys) = self.keys.get() {
            return Ok(keys);
        }
        let unpacked = Keys::unpack(&self.given.pubkeys)?;
        Ok(self.keys.get_or_init(|| unpacked))
    }
}

impl Keys {
    fn unpack(pubkeys: &[KeyOctets]) -> Result<Self, SignatureError> {
        let processors = thread::available_parallelism().map_or(1, NonZero::get);
        let each = validated(0, pubkeys, processors.min(MAX_THREADS))?.into_boxed_slice();
        let refs: Vec<_> = each.iter().collect();
        let all = AggregatePublicKey::aggregate(&refs, false)
            .map_err(|_| SignatureError::Key { index: 0 })?;
        Ok(Self { each, all })
    }

    /// The sum of the signers' keys, by whichever way is shorter; `None` when nobody signed.
    fn sum_of(&self, aggregate: &SyncAggregate) -> Option<AggregatePublicKey> {
        let (signed, absent): (Vec<_>, Vec<_>) =
            (0..self.each.len()).partition(|member| aggregate.has_signed(*member));
        let keys = |members: &[usize]| -> Option<AggregatePublicKey> {
            let keys: Vec<_> = members
                .iter()
                .filter_map(|member| self.each.get(*member))
                .collect();
            AggregatePublicKey::aggregate(&keys, false).ok()
        };
        if signed.is_empty() || absent.is_empty() {
            return (!signed.is_empty()).then_some(self.all);
        }
        if signed.len() <= absent.len() {
            return keys(&signed);
        }
        let mut sum = self.all;
        sum.sub_aggregate(&keys(&absent)?);
        Some(sum)
    }
}

/// The most threads that unpack a committee's keys.
const MAX_THREADS: usize = 4;

/// Fewer keys than these are not worth a thread.
const MIN_KEYS_PER_THREAD: usize = 64;

/// Keys that are points of the group, by so many threads; `first` is the place of the first.
fn validated(
    first: usize,
    pubkeys: &[KeyOctets],
    threads: usize,
) -> Result<Vec<PublicKey>, SignatureError> {
    if threads < 2 || pubkeys.len() < 2 * MIN_KEYS_PER_THREAD {
        let keys = pubkeys.iter().zip(first..).map(|(octets, index)| {
            PublicKey::key_validate(octets).map_err(|_| SignatureError::Key { index })
        });
        return keys.collect();
    }
    let (left, right) = pubkeys.split_at(pubkeys.len() / 2);
    let second = first + left.len();
    thread::scope(|scope| {
        let other = thread::Builder::new()
            .spawn_scoped(scope, move || validated(second, right, threads / 2));
        let mut keys = validated(first, left, threads - threads / 2)?;
        keys.extend(match other {
            Ok(other) => other.join().unwrap_or_else(|panic| resume_unwind(panic))?,
            // The system has no thread to give.
            Err(_) => validated(second, right, 1)?,
        });
        Ok(keys)
    })
}

/// The proof-of-possession ciphersuite of the consensus layer.
const CIPHERSUITE: &[u8] = b"BLS_SIG_BLS12381G2_XMD:SHA-256_SSWU_RO_POP_";

/// Why a committee's signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SignatureError {
    /// A member's key is no point of the group. The proven state has it, so the state is not that of a network.
    #[error("key {index} of the committee is no key")]
    Key {
        /// The member, from 0.
        index: usize,
    },
    /// The signature is not theirs, or not for this.
    #[error("the committee has not signed this")]
    Wrong,
}
