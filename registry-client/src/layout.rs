//! Where the registry contract keeps what we prove.
//!
//! | slot | holds |
//! |---|---|
//! | 0, 1, 2 | the operator: signing key's x; account, times and prefix packed; sealing key |
//! | keccak(n . 3) + 0, 1, 2 | the approved record of number hash `n`: key's x; holder, times, prefix and status packed; token hash |
//! | keccak(s . keccak(n . 4)) + 0, 1, 2 | the claim of sender `s` on `n`, packed like a record |
//! | 6 | how many claims are pending |
//! | keccak(6) + 2i, + 1 | the i-th of them, from 0, in no order: its number's hash; its sender |
//! | keccak(n . 8) + 0, 1, 2 | the record that takes the approved one's place at its time, packed like it |
//! | 9, 10, 11 | the operator's keys before the present ones |
//! | 12 | until when those are good: Unix time, the low six octets |
//!
//! The second word of each is, from its most significant octet: status (1, unused for the operator),
//! SEC 1 prefix of the key (1), revision (4), valid since (6), account (20).

use alloy_primitives::{Address, B256, U256, b256, keccak256};

/// keccak256 of the registry's deployed code; the same for every registry, since none has immutables.
pub const CODE_HASH: B256 =
    b256!("37f6f0e2f2128397cb9e0b7c618606c5aa71192ec695b7eb98269d8a1304f61c");

/// The two words that make a record readable: the key's x, and the packed word.
pub const RECORD_SLOTS: usize = 2;

/// The words that say all about a number: its record's and its successor's.
pub const NUMBER_SLOTS: usize = 2 * RECORD_SLOTS;

/// Slots of the mapping from number hash to approved record.
const CLIENTS: u64 = 3;
/// Slot of the mapping from number hash and sender to pending claim.
const PENDING: u64 = 4;
/// Slot of the list of pending claims.
const CLAIMS: u64 = 6;
/// Slot of the mapping from number hash to the approved record that is not in force yet.
const SUCCESSORS: u64 = 8;

/// The slots that hold all that the registry says of a number: its record, then its successor.
#[must_use]
pub fn number_slots(number_hash: B256) -> [B256; NUMBER_SLOTS] {
    let [key, packed] = client_slots(number_hash);
    let [next_key, next_packed] = successor_slots(number_hash);
    [key, packed, next_key, next_packed]
}

/// The slots that hold the approved record of a number.
///
/// ```
/// use callseal_registry_client::{layout, number_hash};
///
/// let [key, packed] = layout::client_slots(number_hash("+8613800000001")?);
/// assert_ne!(key, packed);
/// # Ok::<(), callseal_registry_client::NumberError>(())
/// ```
#[must_use]
pub fn client_slots(number_hash: B256) -> [B256; RECORD_SLOTS] {
    let base = mapping_entry(number_hash, B256::from(U256::from(CLIENTS)));
    [base, offset(base, 1)]
}

/// The slots that hold the approved record which takes the place of the present one at its time.
#[must_use]
pub fn successor_slots(number_hash: B256) -> [B256; RECORD_SLOTS] {
    let base = mapping_entry(number_hash, B256::from(U256::from(SUCCESSORS)));
    [base, offset(base, 1)]
}

/// The slots that hold what `sender` claims for a number.
#[must_use]
pub fn pending_slots(number_hash: B256, sender: Address) -> [B256; RECORD_SLOTS] {
    let of_number = mapping_entry(number_hash, B256::from(U256::from(PENDING)));
    let base = mapping_entry(sender.into_word(), of_number);
    [base, offset(base, 1)]
}

/// The slot that holds how many claims are pending, of all numbers.
#[must_use]
pub fn claim_count_slot() -> B256 {
    B256::from(U256::from(CLAIMS))
}

/// The slots that name a pending claim: its number's hash, and its sender. `index` counts from 0.
#[must_use]
pub fn claim_slots(index: u64) -> [B256; 2] {
    let number_hash = U256::from_be_bytes(keccak256(claim_count_slot()).0)
        .wrapping_add(U256::from(index).wrapping_mul(U256::from(2)));
    let number_hash = B256::from(number_hash);
    [number_hash, offset(number_hash, 1)]
}

/// The slots that hold the operator's keys.
#[must_use]
pub fn operator_slots() -> [B256; 3] {
    [0_u64, 1, 2].map(|slot| B256::from(U256::from(slot)))
}

/// The slots that hold the operator's keys before the present ones, and until when they are good.
#[must_use]
pub fn previous_operator_slots() -> [B256; 4] {
    [9_u64, 10, 11, 12].map(|slot| B256::from(U256::from(slot)))
}

/// The first slot of a mapping's entry: Solidity hashes the key before the mapping's own slot.
fn mapping_entry(key: B256, mapping: B256) -> B256 {
    keccak256([key, mapping].concat())
}

/// The slot `by` further on; slots are numbers modulo 2^256.
fn offset(slot: B256, by: u64) -> B256 {
    B256::from(U256::from_be_bytes(slot.0).wrapping_add(U256::from(by)))
}
