//! What the contract hashes when a number is claimed, and when what was claimed is changed.

use alloy_primitives::{Address, B256, U256, keccak256};

/// What an identity key signs to claim a number for a wallet: bound to one chain and one contract.
///
/// The signature is ECDSA on secp256k1 over this digest itself, with the low s.
///
/// ```
/// use alloy_primitives::{Address, B256};
/// use callseal_registry_client::proof_of_possession_digest;
///
/// let here = proof_of_possession_digest(1, Address::ZERO, B256::ZERO, Address::ZERO);
/// let elsewhere = proof_of_possession_digest(2, Address::ZERO, B256::ZERO, Address::ZERO);
/// assert_ne!(here, elsewhere);
/// ```
#[must_use]
pub fn proof_of_possession_digest(
    chain_id: u64,
    contract: Address,
    number_hash: B256,
    sender: Address,
) -> B256 {
    let words = [
        keccak256("callseal registry: proof of possession, version 1"),
        B256::from(U256::from(chain_id)),
        contract.into_word(),
        number_hash,
        sender.into_word(),
    ];
    keccak256(words.concat())
}

/// What the present key of a record signs so that its holder can put another in its place at once.
///
/// `revision` is the present record's, so that a signature counts once; `key` is uncompressed, x then y.
#[must_use]
pub fn rotation_digest(
    chain_id: u64,
    contract: Address,
    number_hash: B256,
    revision: u32,
    key: &[u8; 64],
) -> B256 {
    let words = [
        keccak256("callseal registry: rotation, version 1"),
        B256::from(U256::from(chain_id)),
        contract.into_word(),
        number_hash,
        B256::from(U256::from(revision)),
        B256::from_slice(&key[..32]),
        B256::from_slice(&key[32..]),
    ];
    keccak256(words.concat())
}

/// What the present key of a record signs so that its holder can revoke it; `revision` is the record's.
#[must_use]
pub fn revocation_digest(
    chain_id: u64,
    contract: Address,
    number_hash: B256,
    revision: u32,
) -> B256 {
    let words = [
        keccak256("callseal registry: revocation, version 1"),
        B256::from(U256::from(chain_id)),
        contract.into_word(),
        number_hash,
        B256::from(U256::from(revision)),
    ];
    keccak256(words.concat())
}

/// What an operator's new account signs to take the registry over; `revision` is that of the new keys.
#[must_use]
pub fn operator_keys_digest(
    chain_id: u64,
    contract: Address,
    account: Address,
    signing_key: &[u8; 64],
    sealing_key: &[u8; 32],
    revision: u32,
) -> B256 {
    let words = [
        keccak256("callseal registry: operator keys, version 1"),
        B256::from(U256::from(chain_id)),
        contract.into_word(),
        account.into_word(),
        keccak256(signing_key),
        B256::from(*sealing_key),
        B256::from(U256::from(revision)),
    ];
    keccak256(words.concat())
}

/// Names a claim's whole content: what an approval has to say it approves.
///
/// `key` is SEC 1 compressed.
///
/// ```
/// use alloy_primitives::{Address, B256};
/// use callseal_registry_client::record_hash;
///
/// let claim = |key| record_hash(B256::ZERO, Address::ZERO, key, B256::ZERO);
/// assert_ne!(claim(&[2; 33]), claim(&[3; 33]));
/// ```
#[must_use]
pub fn record_hash(number_hash: B256, sender: Address, key: &[u8; 33], token_hash: B256) -> B256 {
    let [prefix, x @ ..] = *key;
    let words = [
        number_hash,
        sender.into_word(),
        B256::from(x),
        B256::with_last_byte(prefix),
        token_hash,
    ];
    keccak256(words.concat())
}
