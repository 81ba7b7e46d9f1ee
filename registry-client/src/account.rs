//! From a state root to one account.

use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::TrieAccount;

use crate::proof::{ProofError, walk};

/// An account, proven under a state root.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifiedAccount {
    nonce: u64,
    balance: U256,
    storage_root: B256,
    code_hash: B256,
}

/// Proves what `address`, and no other, has under `state_root`; `None` when it is proven that there is
/// no such account.
///
/// `proof` are the trie's nodes from the root down, as `eth_getProof` gives them.
///
/// # Errors
///
/// [`ProofError`] says where the proof fails.
///
/// ```
/// use alloy_primitives::Address;
/// use callseal_registry_client::verify_account;
///
/// // In an empty state nobody has an account, and no node is needed to show it.
/// assert_eq!(verify_account(alloy_trie::EMPTY_ROOT_HASH, Address::ZERO, &[])?, None);
/// # Ok::<(), callseal_registry_client::ProofError>(())
/// ```
pub fn verify_account(
    state_root: B256,
    address: Address,
    proof: &[Vec<u8>],
) -> Result<Option<VerifiedAccount>, ProofError> {
    let Some(value) = walk(state_root, keccak256(address), proof)? else {
        return Ok(None);
    };
    let account =
        alloy_rlp::decode_exact::<TrieAccount>(&value).map_err(|source| ProofError::Value {
            wanted: "an account",
            source,
        })?;
    Ok(Some(VerifiedAccount {
        nonce: account.nonce,
        balance: account.balance,
        storage_root: account.storage_root,
        code_hash: account.code_hash,
    }))
}

impl VerifiedAccount {
    /// Transactions sent, or contracts created.
    #[must_use]
    pub fn nonce(&self) -> u64 {
        self.nonce
    }

    /// What the account owns, in wei.
    #[must_use]
    pub fn balance(&self) -> U256 {
        self.balance
    }

    /// The root of the account's storage.
    #[must_use]
    pub fn storage_root(&self) -> B256 {
        self.storage_root
    }

    /// keccak256 of the account's code.
    #[must_use]
    pub fn code_hash(&self) -> B256 {
        self.code_hash
    }
}
