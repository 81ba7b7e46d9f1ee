//! What words of the registry's storage mean.

use alloy_primitives::{Address, B256};

use crate::layout::{NUMBER_SLOTS, RECORD_SLOTS};

/// One subscriber's entry in the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record {
    /// The identity key on secp256k1, SEC 1 compressed. That it is on the curve, the contract has checked.
    pub key: [u8; 33],
    /// Whether the operator has approved it.
    pub status: Status,
    /// Counts the records of this number from 1, a revocation among them; 0 while pending.
    pub revision: u32,
    /// When it came into force (a claim: when it was made; a revocation: when it took effect); Unix time in
    /// seconds.
    pub valid_since: u64,
    /// The wallet that claimed the number and may speak for the record.
    pub holder: Address,
    /// What the operator alone has approved to take this record's place, and is not in force yet.
    pub successor: Option<Successor>,
}

/// A record that the operator has approved for a number that has one, or had: it waits, for everybody to see.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Successor {
    /// The identity key on secp256k1, SEC 1 compressed.
    pub key: [u8; 33],
    /// Its revision, once it is in force.
    pub revision: u32,
    /// When it comes into force; Unix time in seconds.
    pub valid_since: u64,
    /// The wallet that claimed the number.
    pub holder: Address,
}

impl Record {
    /// Whether the operator vouches for the key at `time` (Unix time in seconds).
    #[must_use]
    pub fn is_in_force(&self, time: u64) -> bool {
        self.status == Status::Approved && self.valid_since <= time
    }
}

/// What an entry of the registry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// Claimed, and not approved: nobody vouches for it.
    Pending,
    /// The operator vouches for it.
    Approved,
    /// Its holder or the operator took it out of force.
    Revoked,
}

/// Reads an entry from the words of its [slots](crate::layout::client_slots); `None` where there is none.
///
/// # Errors
///
/// [`RecordError`] when the registry's code could not have written these words.
///
/// ```
/// use alloy_primitives::B256;
/// use callseal_registry_client::record_from_slots;
///
/// assert_eq!(record_from_slots([B256::ZERO, B256::ZERO])?, None);
/// # Ok::<(), callseal_registry_client::RecordError>(())
/// ```
pub fn record_from_slots(words: [B256; RECORD_SLOTS]) -> Result<Option<Record>, RecordError> {
    let [x, packed] = words;
    if x.is_zero() && packed.is_zero() {
        return Ok(None);
    }
    let packed = Packed::from(packed);
    let status = match packed.status {
        1 => Status::Pending,
        2 => Status::Approved,
        3 => Status::Revoked,
        got => return Err(RecordError::Status { got }),
    };
    Ok(Some(Record {
        key: packed.compressed(x)?,
        status,
        revision: packed.revision,
        valid_since: packed.valid_since,
        holder: packed.account,
        successor: None,
    }))
}

/// Reads the record that stands at `time` (Unix time in seconds) from the words of
/// [a number's slots](crate::layout::number_slots); `None` where there is none.
///
/// A successor whose time has come stands in the record's place, whether or not a transaction has moved it there.
///
/// # Errors
///
/// [`RecordError`] when the registry's code could not have written these words.
pub fn record_at(
    time: u64,
    [x, packed, next_x, next_packed]: [B256; NUMBER_SLOTS],
) -> Result<Option<Record>, RecordError> {
    let record = record_from_slots([x, packed])?;
    let Some(successor) = record_from_slots([next_x, next_packed])? else {
        return Ok(record);
    };
    let record = record.ok_or(RecordError::Successor)?;
    if successor.status != Status::Approved || successor.revision <= record.revision {
        return Err(RecordError::Successor);
    }
    if successor.valid_since <= time {
        return Ok(Some(successor));
    }
    let Record {
        key,
        revision,
        valid_since,
        holder,
        ..
    } = successor;
    Ok(Some(Record {
        successor: Some(Successor {
            key,
            revision,
            valid_since,
            holder,
        }),
        ..record
    }))
}

/// The operator's keys.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OperatorKeys {
    /// The only account that may approve.
    pub account: Address,
    /// The key on secp256k1 that signs enrolment tokens, SEC 1 compressed.
    pub signing_key: [u8; 33],
    /// The X25519 key that subscribers seal enrolment requests to, if the operator has published one.
    pub sealing_key: Option<[u8; 32]>,
    /// Counts the operator's key sets from 1.
    pub revision: u32,
    /// When these keys came into force; Unix time in seconds.
    pub valid_since: u64,
}

/// Reads the operator's keys from the words of [their slots](crate::layout::operator_slots).
///
/// # Errors
///
/// [`RecordError`] when the registry's code could not have written these words.
pub fn operator_from_slots(words: [B256; 3]) -> Result<OperatorKeys, RecordError> {
    let [x, packed, sealing_key] = words;
    let packed = Packed::from(packed);
    if packed.status != 0 {
        return Err(RecordError::Status { got: packed.status });
    }
    Ok(OperatorKeys {
        account: packed.account,
        signing_key: packed.compressed(x)?,
        sealing_key: (!sealing_key.is_zero()).then_some(sealing_key.0),
        revision: packed.revision,
        valid_since: packed.valid_since,
    })
}

/// The operator's keys before the present ones.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PreviousOperatorKeys {
    /// The keys.
    pub keys: OperatorKeys,
    /// Until when they are good beside the present ones; Unix time in seconds.
    pub valid_until: u64,
}

/// Reads the operator's previous keys from the words of
/// [their slots](crate::layout::previous_operator_slots); `None` where the operator never changed its keys.
///
/// # Errors
///
/// [`RecordError`] when the registry's code could not have written these words.
pub fn previous_operator_from_slots(
    [x, packed, sealing_key, until]: [B256; 4],
) -> Result<Option<PreviousOperatorKeys>, RecordError> {
    if until.is_zero() {
        return Ok(None);
    }
    let [.., a, b, c, d, e, f] = until.0;
    Ok(Some(PreviousOperatorKeys {
        keys: operator_from_slots([x, packed, sealing_key])?,
        valid_until: u64::from_be_bytes([0, 0, a, b, c, d, e, f]),
    }))
}

/// Why words of storage are no entry of the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RecordError {
    /// The status is none that the registry knows.
    #[error("the entry's status is {got}, which the registry never writes there")]
    Status {
        /// The octet that was found.
        got: u8,
    },
    /// The key's prefix is not that of a compressed point.
    #[error("the key's prefix is {got}, a compressed key begins with 2 or 3")]
    KeyPrefix {
        /// The octet that was found.
        got: u8,
    },
    /// A successor that nothing comes before, or that the operator has not approved.
    #[error("a record waits to take the place of one that it does not come after")]
    Successor,
}

/// The second word of an entry, taken apart.
struct Packed {
    status: u8,
    key_prefix: u8,
    revision: u32,
    valid_since: u64,
    account: Address,
}

impl From<B256> for Packed {
    fn from(word: B256) -> Self {
        // Solidity packs from the least significant octet up, so the struct's last field comes first.
        let B256 {
            0:
                [
                    status,
                    key_prefix,
                    r0,
                    r1,
                    r2,
                    r3,
                    t0,
                    t1,
                    t2,
                    t3,
                    t4,
                    t5,
                    account @ ..,
                ],
        } = word;
        Self {
            status,
            key_prefix,
            revision: u32::from_be_bytes([r0, r1, r2, r3]),
            valid_since: u64::from_be_bytes([0, 0, t0, t1, t2, t3, t4, t5]),
            account: Address(account.into()),
        }
    }
}

impl Packed {
    fn compressed(&self, x: B256) -> Result<[u8; 33], RecordError> {
        if !matches!(self.key_prefix, 2 | 3) {
            return Err(RecordError::KeyPrefix {
                got: self.key_prefix,
            });
        }
        let mut key = [self.key_prefix; 33];
        key[1..].copy_from_slice(&x.0);
        Ok(key)
    }
}

#[cfg(test)]
mod tests {
    use alloy_primitives::{b256, hex};
    use proptest::prelude::*;

    use super::*;

    const X: B256 = b256!("79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798");

    /// The words of an entry with this status, revision and valid since.
    fn words(status: u8, revision: u32, valid_since: u64) -> [B256; 2] {
        let mut packed = B256::repeat_byte(0x11);
        packed[0] = status;
        packed[1] = 3;
        packed[2..6].copy_from_slice(&revision.to_be_bytes());
        packed[6..12].copy_from_slice(&valid_since.to_be_bytes()[2..]);
        [X, packed]
    }

    fn at(time: u64, record: [B256; 2], next: [B256; 2]) -> Result<Option<Record>, RecordError> {
        record_at(time, [record[0], record[1], next[0], next[1]])
    }

    #[test]
    fn a_successor_takes_the_records_place_at_its_second() {
        for status in [2, 3] {
            let at = |time| at(time, words(status, 4, 100), words(2, 5, 1_000));
            let before = at(999).unwrap().unwrap();
            assert_eq!((before.revision, before.valid_since), (4, 100));
            let waiting = before.successor.unwrap();
            assert_eq!((waiting.revision, waiting.valid_since), (5, 1_000));
            let successor = record_from_slots(words(2, 5, 1_000)).unwrap();
            assert_eq!(at(1_000).unwrap(), successor);
        }
    }

    #[test]
    fn a_successor_comes_after_a_record_or_is_none() {
        let refused = Err(RecordError::Successor);
        assert_eq!(at(0, [B256::ZERO; 2], words(2, 1, 0)), refused);
        for (status, revision) in [(2, 4), (2, 3), (1, 5), (3, 5)] {
            assert_eq!(at(0, words(2, 4, 0), words(status, revision, 0)), refused);
        }
        assert_eq!(at(0, [B256::ZERO; 2], [B256::ZERO; 2]), Ok(None));
    }

    #[test]
    fn a_revoked_record_is_never_in_force() {
        let revoked = record_from_slots(words(3, 2, 100)).unwrap().unwrap();
        assert_eq!(revoked.status, Status::Revoked);
        assert!(!revoked.is_in_force(99) && !revoked.is_in_force(100_000));
    }

    #[test]
    fn the_packed_word_is_read_as_the_layout_says() {
        let packed = b256!("02030000000700006789abcd1111111111111111111111111111111111111111");
        let record = record_from_slots([X, packed]).unwrap().unwrap();
        assert_eq!(record.status, Status::Approved);
        assert_eq!(record.revision, 7);
        assert_eq!(record.valid_since, 0x6789_abcd);
        assert_eq!(record.holder, Address::repeat_byte(0x11));
        assert_eq!(
            record.key,
            hex!("0379be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798")
        );
    }

    #[test]
    fn only_an_approved_record_whose_time_has_come_is_in_force() {
        let record = |status: u8| {
            let mut packed = B256::ZERO;
            packed[0] = status;
            packed[1] = 2;
            packed[11] = 100;
            record_from_slots([X, packed]).unwrap().unwrap()
        };
        assert!(record(2).is_in_force(100));
        assert!(!record(2).is_in_force(99));
        assert!(!record(1).is_in_force(100));
    }

    #[test]
    fn words_the_contract_never_writes_are_refused() {
        let word = |status: u8, prefix: u8| {
            let mut packed = B256::repeat_byte(1);
            packed[0] = status;
            packed[1] = prefix;
            packed
        };
        // Emptiness is two empty words, not a missing status.
        assert_eq!(
            record_from_slots([X, B256::ZERO]),
            Err(RecordError::Status { got: 0 })
        );
        for status in [0, 4, 255] {
            let refused = Err(RecordError::Status { got: status });
            assert_eq!(record_from_slots([X, word(status, 2)]), refused);
        }
        for prefix in [0, 1, 4, 255] {
            let refused = Err(RecordError::KeyPrefix { got: prefix });
            assert_eq!(record_from_slots([X, word(2, prefix)]), refused);
        }
        let operator = operator_from_slots([X, word(1, 2), B256::ZERO]);
        assert_eq!(operator, Err(RecordError::Status { got: 1 }));
        let nobody = operator_from_slots([B256::ZERO; 3]);
        assert_eq!(nobody, Err(RecordError::KeyPrefix { got: 0 }));
    }

    #[test]
    fn an_operator_without_a_sealing_key_is_said_to_have_none() {
        let packed = b256!("00020000000100006789abcd1111111111111111111111111111111111111111");
        let keys = operator_from_slots([X, packed, B256::ZERO]).unwrap();
        assert_eq!(keys.sealing_key, None);
        let keys = operator_from_slots([X, packed, B256::repeat_byte(9)]).unwrap();
        assert_eq!(keys.sealing_key, Some([9; 32]));
        assert_eq!(keys.revision, 1);
        assert_eq!(keys.account, Address::repeat_byte(0x11));
    }

    proptest! {
        #[test]
        fn no_words_make_reading_panic(x: [u8; 32], packed: [u8; 32], sealing: [u8; 32]) {
            let _ = record_from_slots([x.into(), packed.into()]);
            let _ = operator_from_slots([x.into(), packed.into(), sealing.into()]);
        }
    }
}
