//! The registry's functions and events, as transactions and logs carry them.

use alloy_primitives::{Address, B256, Bytes, Log};
use alloy_sol_types::{SolCall as _, SolEvent as _, SolInterface as _};
use callseal_registry_client::{
    number_hash, proof_of_possession_digest, record_hash, revocation_digest, rotation_digest,
};

use crate::account::{address_of, compress, signer_of};
use crate::{AccountKey, Number, OperatorId, TokenHash};

/// The part of the contract's interface that enrolment needs;
/// `tests/contract_interface.rs` holds it against the compiled one.
mod abi {
    #![allow(
        clippy::too_many_arguments,
        reason = "the arguments are the contract's"
    )]
    alloy_sol_types::sol! {
        struct Client {
            bytes32 keyX;
            address holder;
            uint48 validSince;
            uint32 revision;
            uint8 keyPrefix;
            uint8 status;
            bytes32 tokenHash;
        }
        struct OperatorKeys {
            bytes32 signingKeyX;
            address account;
            uint48 validSince;
            uint32 revision;
            uint8 signingKeyPrefix;
            bytes32 sealingKey;
        }
        interface Registry {
            event ClientAdded(
                bytes32 indexed numberHash,
                address indexed sender,
                bytes32 keyX,
                uint8 keyPrefix,
                bytes32 tokenHash,
                bytes32 recordHash
            );

            error NotOperator(address caller);
            error NotPending(bytes32 numberHash, address sender);
            error RecordMismatch(bytes32 expected, bytes32 pending);
            error NotInForce(bytes32 numberHash);
            error OverlapTooLong(uint256 asked);
            error NotHolder(address caller);
            error NotHolderNorOperator(address caller);
            error BadHolderSignature();
            error NoSuccessor(bytes32 numberHash);

            function addClient(bytes32 numberHash, bytes key, bytes32 tokenHash, bytes proofOfPossession) external;
            function approveClient(bytes32 numberHash, address sender, bytes32 expectedRecordHash) external;
            function getClient(bytes32 numberHash) external view returns (Client memory);
            function getPending(bytes32 numberHash, address sender) external view returns (Client memory);
            function getOperator() external view returns (OperatorKeys memory);
            function getPreviousOperator() external view returns (OperatorKeys memory, uint48);
            function revokeByOperator(bytes32 numberHash) external;
            function revokeClient(bytes32 numberHash, bytes holderSignature) external;
            function rotateClient(bytes32 numberHash, bytes key, bytes holderSignature, bytes proofOfPossession) external;
            function dropSuccessor(bytes32 numberHash) external;
            function rotateOperatorKeys(address account, bytes signingKey, bytes32 sealingKey, uint256 overlap, bytes accountSignature) external;
        }
    }
}

use abi::Registry as contract;

/// What a wallet claims on the chain: a number for an identity key. What the
/// phone tells the operator beforehand, and then sends.
///
/// ```
/// use callseal_eims::{AccountKey, Claim, OperatorId, TokenHash};
///
/// let operator = OperatorId { chain_id: 31337, contract: [0xaa; 20] };
/// let identity = AccountKey::from_bytes([7; 32])?;
/// let wallet = AccountKey::from_bytes([8; 32])?.address();
/// let number = "+8613800000001".parse()?;
/// let claim = Claim::make(operator, number, wallet, &identity, TokenHash([3; 32]));
/// assert!(claim.is_by_its_key(operator));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Claim {
    /// The number's hash.
    pub number_hash: B256,
    /// The wallet that sends the claim.
    pub wallet: Address,
    /// The identity key, x then y.
    pub key: [u8; 64],
    /// The token's.
    pub token_hash: TokenHash,
    /// r, s, v by the identity key over
    /// [`proof_of_possession_digest`].
    pub proof_of_possession: [u8; 65],
}

/// A claim that a registry has logged, or holds: whatever its contract let in.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoggedClaim {
    /// The number's hash.
    pub number_hash: B256,
    /// Who sent it.
    pub sender: Address,
    /// The identity key, SEC 1 compressed.
    pub key: [u8; 33],
    /// The hash of the token that it names.
    pub token_hash: TokenHash,
}

/// The keys of an operator as its registry's functions return them: unproven.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LoggedOperator {
    /// The only account that may approve.
    pub account: Address,
    /// The key that signs tokens, SEC 1 compressed.
    pub signing_key: [u8; 33],
    /// The X25519 key that requests are sealed to.
    pub sealing_key: [u8; 32],
    /// Counts the operator's key sets from 1.
    pub revision: u32,
}

/// The most gas that `addClient` may use; what it leaves is not charged.
pub const ADD_CLIENT_GAS: u64 = 300_000;
/// The same of `approveClient`.
pub const APPROVE_CLIENT_GAS: u64 = 300_000;
/// The same of `revokeByOperator`.
pub const REVOKE_BY_OPERATOR_GAS: u64 = 200_000;
/// The same of `rotateOperatorKeys`.
pub const ROTATE_OPERATOR_KEYS_GAS: u64 = 400_000;
/// The same of what a record's holder may do: `dropSuccessor`, `revokeClient`
/// and `rotateClient`.
pub const HOLDER_GAS: u64 = 300_000;

impl Claim {
    /// A claim of `number` at `operator`, by `wallet`, for an identity key that
    /// signs it.
    pub fn make(
        operator: OperatorId,
        number: Number,
        wallet: Address,
        identity: &AccountKey,
        token_hash: TokenHash,
    ) -> Self {
        let number_hash = hash_of(number);
        let digest = proof_of_possession_digest(
            operator.chain_id,
            operator.contract.into(),
            number_hash,
            wallet,
        );
        Self {
            number_hash,
            wallet,
            key: identity.uncompressed(),
            token_hash,
            proof_of_possession: identity.sign_digest(digest),
        }
    }

    /// Whether `operator`'s contract will take it: the identity key has signed
    /// it, and is not the wallet.
    #[must_use]
    pub fn is_by_its_key(&self, operator: OperatorId) -> bool {
        let digest = proof_of_possession_digest(
            operator.chain_id,
            operator.contract.into(),
            self.number_hash,
            self.wallet,
        );
        signer_of(digest, &self.proof_of_possession) == Some(self.key)
            && address_of(&self.key) != self.wallet
    }

    /// The identity key as the registry stores it, SEC 1 compressed.
    #[must_use]
    pub fn compressed_key(&self) -> [u8; 33] {
        compress(&self.key)
    }

    /// What the chain shows of it.
    #[must_use]
    pub fn as_logged(&self) -> LoggedClaim {
        LoggedClaim {
            number_hash: self.number_hash,
            sender: self.wallet,
            key: self.compressed_key(),
            token_hash: self.token_hash,
        }
    }

    /// The data of the transaction that makes it: `addClient`.
    #[must_use]
    pub fn add_client(&self) -> Bytes {
        contract::addClientCall {
            numberHash: self.number_hash,
            key: Bytes::copy_from_slice(&self.key),
            tokenHash: self.token_hash.0.into(),
            proofOfPossession: Bytes::copy_from_slice(&self.proof_of_possession),
        }
        .abi_encode()
        .into()
    }
}

impl LoggedClaim {
    /// The first topic of a claim's log.
    pub const TOPIC: B256 = contract::ClientAdded::SIGNATURE_HASH;

    /// The claim in a log of the registry; none where the log is of another
    /// event, or names a record hash that is not its own.
    #[must_use]
    pub fn of_log(log: &Log) -> Option<Self> {
        let event = contract::ClientAdded::decode_log(log).ok()?.data;
        let claim = Self {
            number_hash: event.numberHash,
            sender: event.sender,
            key: prefixed(event.keyPrefix, event.keyX),
            token_hash: TokenHash(event.tokenHash.0),
        };
        (claim.record_hash() == event.recordHash).then_some(claim)
    }

    /// What an approval of exactly this names.
    #[must_use]
    pub fn record_hash(&self) -> B256 {
        record_hash(
            self.number_hash,
            self.sender,
            &self.key,
            self.token_hash.0.into(),
        )
    }

    /// The data of the transaction that approves it: `approveClient`.
    #[must_use]
    pub fn approve_client(&self) -> Bytes {
        contract::approveClientCall {
            numberHash: self.number_hash,
            sender: self.sender,
            expectedRecordHash: self.record_hash(),
        }
        .abi_encode()
        .into()
    }
}

/// The registry's hash of a number.
#[must_use]
pub fn hash_of(number: Number) -> B256 {
    match number_hash(&number.to_string()) {
        Ok(hash) => hash,
        Err(_) => unreachable!("both crates know the same numbers"),
    }
}

/// The number whose claim a transaction with this data approves; none where it
/// does something else.
#[must_use]
pub fn approved_number(data: &[u8]) -> Option<B256> {
    let call = contract::approveClientCall::abi_decode(data).ok()?;
    Some(call.numberHash)
}

/// The data of the question what `sender` claims for a number: `getPending`.
#[must_use]
pub fn ask_pending(number_hash: B256, sender: Address) -> Bytes {
    contract::getPendingCall {
        numberHash: number_hash,
        sender,
    }
    .abi_encode()
    .into()
}

/// The answer to [`ask_pending`]; nothing claimed is `Some(None)`, no answer
/// `None`.
#[must_use]
pub fn pending(number_hash: B256, answer: &[u8]) -> Option<Option<LoggedClaim>> {
    let client = contract::getPendingCall::abi_decode_returns(answer).ok()?;
    Some((client.status == PENDING).then(|| LoggedClaim {
        number_hash,
        sender: client.holder,
        key: prefixed(client.keyPrefix, client.keyX),
        token_hash: TokenHash(client.tokenHash.0),
    }))
}

/// The data of the question for a number's record: `getClient`.
#[must_use]
pub fn ask_client(number_hash: B256) -> Bytes {
    contract::getClientCall {
        numberHash: number_hash,
    }
    .abi_encode()
    .into()
}

/// The answer to [`ask_client`]: what the approved record says, also if it is
/// revoked; no record is `Some(None)`, no answer `None`.
#[must_use]
pub fn client(number_hash: B256, answer: &[u8]) -> Option<Option<LoggedClaim>> {
    let client = contract::getClientCall::abi_decode_returns(answer).ok()?;
    Some((client.status != 0).then(|| LoggedClaim {
        number_hash,
        sender: client.holder,
        key: prefixed(client.keyPrefix, client.keyX),
        token_hash: TokenHash(client.tokenHash.0),
    }))
}

/// The data of the question for the operator's keys: `getOperator`.
#[must_use]
pub fn ask_operator() -> Bytes {
    contract::getOperatorCall {}.abi_encode().into()
}

/// The answer to [`ask_operator`].
#[must_use]
pub fn operator(answer: &[u8]) -> Option<LoggedOperator> {
    let keys = contract::getOperatorCall::abi_decode_returns(answer).ok()?;
    Some(logged_operator(&keys))
}

/// The data of the question for the keys before: `getPreviousOperator`.
#[must_use]
pub fn ask_previous_operator() -> Bytes {
    contract::getPreviousOperatorCall {}.abi_encode().into()
}

/// The answer to [`ask_previous_operator`]: the keys, and until when they are
/// good (Unix seconds; 0 where there are none).
#[must_use]
pub fn previous_operator(answer: &[u8]) -> Option<(LoggedOperator, u64)> {
    let answer = contract::getPreviousOperatorCall::abi_decode_returns(answer).ok()?;
    Some((logged_operator(&answer._0), answer._1.to()))
}

/// The data of the transaction that replaces the operator's keys; the account
/// signs for itself.
#[must_use]
pub fn rotate_operator_keys(
    account: &AccountKey,
    signing_key: &[u8; 64],
    sealing_key: [u8; 32],
    overlap: u64,
    digest: B256,
) -> Bytes {
    contract::rotateOperatorKeysCall {
        account: account.address(),
        signingKey: Bytes::copy_from_slice(signing_key),
        sealingKey: sealing_key.into(),
        overlap: alloy_primitives::U256::from(overlap),
        accountSignature: Bytes::copy_from_slice(&account.sign_digest(digest)),
    }
    .abi_encode()
    .into()
}

/// The data of the transaction that takes a number's record out of force, for
/// good: `revokeByOperator`.
#[must_use]
pub fn revoke_by_operator(number_hash: B256) -> Bytes {
    contract::revokeByOperatorCall {
        numberHash: number_hash,
    }
    .abi_encode()
    .into()
}

/// The data of the transaction by which a record's holder objects to what the
/// operator has approved to take its place: `dropSuccessor`.
#[must_use]
pub fn drop_successor(number_hash: B256) -> Bytes {
    contract::dropSuccessorCall {
        numberHash: number_hash,
    }
    .abi_encode()
    .into()
}

/// The data of the transaction by which a record's holder takes it out of
/// force, for good: `revokeClient`. `revision` is the record's, and `identity`
/// its present key.
#[must_use]
pub fn revoke_client(
    operator: OperatorId,
    number_hash: B256,
    revision: u32,
    identity: &AccountKey,
) -> Bytes {
    let OperatorId { chain_id, contract } = operator;
    let digest = revocation_digest(chain_id, contract.into(), number_hash, revision);
    contract::revokeClientCall {
        numberHash: number_hash,
        holderSignature: Bytes::copy_from_slice(&identity.sign_digest(digest)),
    }
    .abi_encode()
    .into()
}

/// The data of the transaction by which a record's holder, `wallet`, puts the
/// key of `next` in the place of that of `present`, at once: `rotateClient`.
/// `revision` is the present record's.
#[must_use]
pub fn rotate_client(
    operator: OperatorId,
    number_hash: B256,
    wallet: Address,
    revision: u32,
    present: &AccountKey,
    next: &AccountKey,
) -> Bytes {
    let OperatorId { chain_id, contract } = operator;
    let (contract, key) = (contract.into(), next.uncompressed());
    let rotation = rotation_digest(chain_id, contract, number_hash, revision, &key);
    let possession = proof_of_possession_digest(chain_id, contract, number_hash, wallet);
    contract::rotateClientCall {
        numberHash: number_hash,
        key: Bytes::copy_from_slice(&key),
        holderSignature: Bytes::copy_from_slice(&present.sign_digest(rotation)),
        proofOfPossession: Bytes::copy_from_slice(&next.sign_digest(possession)),
    }
    .abi_encode()
    .into()
}

/// Why the registry took something back, in words; none where the words are
/// not the registry's.
#[must_use]
pub fn refusal(data: &[u8]) -> Option<&'static str> {
    Some(match contract::RegistryErrors::abi_decode(data).ok()? {
        contract::RegistryErrors::NotOperator(_) => "the account is not the registry's operator",
        contract::RegistryErrors::NotPending(_) => "nothing of the sender is pending",
        contract::RegistryErrors::RecordMismatch(_) => "what is pending is not what was checked",
        contract::RegistryErrors::NotInForce(_) => "the number has no record in force",
        contract::RegistryErrors::OverlapTooLong(_) => {
            "the overlap is longer than the registry lets it be"
        }
        contract::RegistryErrors::NotHolder(_) => "the wallet is not the record's holder",
        contract::RegistryErrors::NotHolderNorOperator(_) => {
            "the wallet is not the holder of a record that is in force"
        }
        contract::RegistryErrors::BadHolderSignature(_) => {
            "the record has changed since, and another key or revision counts"
        }
        contract::RegistryErrors::NoSuccessor(_) => "no successor waits for the number",
    })
}

/// The contract's enum: None, Pending, Approved, Revoked.
const PENDING: u8 = 1;

fn logged_operator(keys: &abi::OperatorKeys) -> LoggedOperator {
    LoggedOperator {
        account: keys.account,
        signing_key: prefixed(keys.signingKeyPrefix, keys.signingKeyX),
        sealing_key: keys.sealingKey.0,
        revision: keys.revision,
    }
}

fn prefixed(prefix: u8, x: B256) -> [u8; 33] {
    let mut key = [prefix; 33];
    key[1..].copy_from_slice(&x.0);
    key
}
