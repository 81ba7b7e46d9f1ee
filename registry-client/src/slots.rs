//! From a proven account to words of its storage.

use alloy_primitives::{B256, U256, keccak256};

use crate::account::VerifiedAccount;
use crate::proof::{ProofError, walk};

/// Proves the words in `slots` of a proven account; a slot that is proven to be empty is zero.
///
/// `proofs` has one list of nodes for each slot, in the order of `slots`.
///
/// # Errors
///
/// [`SlotsError`] names the first slot whose proof fails.
///
/// ```
/// use alloy_primitives::{Address, B256, keccak256};
/// use alloy_trie::nodes::LeafNode;
/// use alloy_trie::{HashBuilder, Nibbles, TrieAccount};
/// use callseal_registry_client::{verify_account, verify_slots};
///
/// // A state of one account, whose storage is empty: its leaf is the whole proof.
/// let leaf = alloy_rlp::encode(TrieAccount::default());
/// let mut builder = HashBuilder::default();
/// builder.add_leaf(Nibbles::unpack(keccak256(Address::ZERO)), &leaf);
/// let state_root = builder.root();
/// let node = LeafNode::new(Nibbles::unpack(keccak256(Address::ZERO)), leaf);
/// let proof = [alloy_rlp::encode(node)];
///
/// let account = verify_account(state_root, Address::ZERO, &proof)?.ok_or("absent")?;
/// assert_eq!(verify_slots(&account, &[B256::ZERO], &[vec![]])?, [B256::ZERO]);
/// assert!(verify_slots(&account, &[B256::ZERO], &[]).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn verify_slots(
    account: &VerifiedAccount,
    slots: &[B256],
    proofs: &[Vec<Vec<u8>>],
) -> Result<Vec<B256>, SlotsError> {
    if slots.len() != proofs.len() {
        return Err(SlotsError::Count {
            asked: slots.len(),
            got: proofs.len(),
        });
    }
    slots
        .iter()
        .zip(proofs)
        .map(|(slot, proof)| {
            let word = word(account.storage_root(), *slot, proof);
            word.map_err(|source| SlotsError::Proof {
                slot: *slot,
                source: Box::new(source),
            })
        })
        .collect()
}

fn word(storage_root: B256, slot: B256, proof: &[Vec<u8>]) -> Result<B256, ProofError> {
    let Some(value) = walk(storage_root, keccak256(slot), proof)? else {
        return Ok(B256::ZERO);
    };
    let word = alloy_rlp::decode_exact::<U256>(&value).map_err(|source| ProofError::Value {
        wanted: "a word of storage",
        source,
    })?;
    Ok(B256::from(word))
}

/// Why storage is not proven.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SlotsError {
    /// There is not one proof for each slot.
    #[error("{asked} storage slots were asked for, {got} proofs came")]
    Count {
        /// Slots asked for.
        asked: usize,
        /// Proofs that came.
        got: usize,
    },
    /// A slot's proof fails.
    #[error("storage slot {slot}: {source}")]
    Proof {
        /// The slot.
        slot: B256,
        /// Where and why.
        source: Box<ProofError>,
    },
}
