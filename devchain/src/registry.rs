//! The subscriber registry on the embedded chain, with types instead of calldata.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolConstructor, SolEventInterface};
use callseal_registry_client::{RegistryConfig, Status, layout, record_hash};

use self::abi::Registry as contract;
use self::error::refusal;
use crate::chain::DevChain;
use crate::transaction::{Outcome, Receipt, SendError, Transaction};

mod change;
mod error;
mod event;

pub use self::change::{OperatorKeysChange, Rotation};
pub use self::error::RegistryError;
pub use self::event::RegistryEvent;

/// The contract's interface and bytecode, from the committed artifact.
mod abi {
    alloy_sol_types::sol!(Registry, "../contracts/artifacts/Registry.json");
}

/// A registry on an embedded chain. A clone is another handle on the same one.
///
/// ```
/// use callseal_devchain::{Claim, DevChain, DevRegistry, Operator, prove_possession, uncompressed_key};
/// use callseal_registry_client::{Registry, number_hash};
///
/// let chain = DevChain::new(31337);
/// let (operator, wallet) = (chain.account(0), chain.account(1));
/// let registry = DevRegistry::deploy(&chain, operator, &Operator {
///     account: operator,
///     signing_key: uncompressed_key(&[1; 32])?,
///     sealing_key: [0; 32],
/// })?;
///
/// let (number, identity) = ("+8613800000001", [7; 32]);
/// let digest = registry.proof_of_possession_digest(number_hash(number)?, wallet);
/// let claim = Claim {
///     number_hash: number_hash(number)?,
///     key: uncompressed_key(&identity)?,
///     token_hash: [3; 32].into(),
///     proof_of_possession: prove_possession(&identity, digest)?,
/// };
/// registry.add_client(wallet, &claim)?;
/// registry.approve_client(operator, claim.number_hash, wallet, claim.record_hash(wallet))?;
///
/// let mut reader = Registry::new(registry.config(), chain.head(), chain.clone());
/// let record = reader.look_up(number)?.into_record().ok_or("absent")?;
/// assert_eq!(record.value().key[1..], claim.key[..32]);
/// assert!(record.is_in_force());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct DevRegistry {
    chain: DevChain,
    address: Address,
}

/// Who runs a registry: what its constructor takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The only account that may approve.
    pub account: Address,
    /// The key that signs enrolment tokens: x then y on secp256k1.
    pub signing_key: [u8; 64],
    /// The X25519 key that enrolment requests are sealed to; zero for none.
    pub sealing_key: [u8; 32],
}

/// A subscriber's claim of a number: what `addClient` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// [`number_hash`](callseal_registry_client::number_hash) of the number.
    pub number_hash: B256,
    /// The identity key, see [`uncompressed_key`](crate::uncompressed_key).
    pub key: [u8; 64],
    /// The hash of the enrolment token.
    pub token_hash: B256,
    /// See [`prove_possession`](crate::prove_possession).
    pub proof_of_possession: [u8; 65],
}

impl Claim {
    /// The identity key as the registry stores it: SEC 1 compressed.
    #[must_use]
    pub fn compressed_key(&self) -> [u8; 33] {
        let mut compressed = [0; 33];
        // SEC 1 section 2.3.3: the prefix says whether y is odd.
        compressed[0] = 2 + (self.key[63] & 1);
        compressed[1..].copy_from_slice(&self.key[..32]);
        compressed
    }

    /// The hash that names this claim by `sender` when it is approved.
    #[must_use]
    pub fn record_hash(&self, sender: Address) -> B256 {
        record_hash(
            self.number_hash,
            sender,
            &self.compressed_key(),
            self.token_hash,
        )
    }
}

impl Operator {
    /// What creates a registry on any chain: its bytecode and its constructor's arguments.
    #[must_use]
    pub fn init_code(&self) -> Bytes {
        let arguments = contract::constructorCall {
            account: self.account,
            signingKey: Bytes::copy_from_slice(&self.signing_key),
            sealingKey: self.sealing_key.into(),
        };
        [&contract::BYTECODE[..], &arguments.abi_encode()]
            .concat()
            .into()
    }
}

impl DevRegistry {
    /// Puts the registry's own bytecode on a chain; `from` pays.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the constructor refuses the operator's keys.
    pub fn deploy(
        chain: &DevChain,
        from: Address,
        operator: &Operator,
    ) -> Result<Self, RegistryError> {
        let creation = Transaction::create(from, operator.init_code());
        let receipt = done(chain.transact(creation)?)?;
        let address = receipt
            .created
            .ok_or(SendError::NotCreated(receipt.outcome))?;
        Ok(Self {
            chain: chain.clone(),
            address,
        })
    }

    /// The contract's address.
    #[must_use]
    pub fn address(&self) -> Address {
        self.address
    }

    /// What a reader has to know beforehand.
    #[must_use]
    pub fn config(&self) -> RegistryConfig {
        RegistryConfig {
            contract: self.address,
            code_hash: layout::CODE_HASH,
            chain_id: self.chain.id(),
        }
    }

    /// What the identity key signs so that `sender` can claim a number here.
    #[must_use]
    pub fn proof_of_possession_digest(&self, number_hash: B256, sender: Address) -> B256 {
        let RegistryConfig {
            contract, chain_id, ..
        } = self.config();
        callseal_registry_client::proof_of_possession_digest(
            chain_id,
            contract,
            number_hash,
            sender,
        )
    }

    /// Claims a number for an identity key.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract refuses the claim.
    pub fn add_client(&self, sender: Address, claim: &Claim) -> Result<Receipt, RegistryError> {
        self.send(sender, &add_client_call(claim))
    }

    /// Claims numbers in as few blocks as their gas allows. Whatever the contract refuses is an error at the
    /// end: the other claims are made all the same.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] of the first claim that the contract refuses.
    pub fn add_clients<'a>(
        &self,
        claims: impl IntoIterator<Item = (Address, &'a Claim)>,
    ) -> Result<Vec<Receipt>, RegistryError> {
        let calls = claims.into_iter().map(|(sender, claim)| {
            Transaction::call(sender, self.address, add_client_call(claim).abi_encode())
        });
        self.chain
            .transact_all(calls)?
            .into_iter()
            .map(done)
            .collect()
    }

    /// Approves a claim; `from` has to be the operator's account.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract refuses the approval.
    pub fn approve_client(
        &self,
        from: Address,
        number_hash: B256,
        sender: Address,
        record_hash: B256,
    ) -> Result<Receipt, RegistryError> {
        self.send(from, &approve_client_call(number_hash, sender, record_hash))
    }

    /// Approves claims in as few blocks as their gas allows.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] of the first approval that the contract refuses.
    pub fn approve_clients<'a>(
        &self,
        from: Address,
        claims: impl IntoIterator<Item = (Address, &'a Claim)>,
    ) -> Result<Vec<Receipt>, RegistryError> {
        let calls = claims.into_iter().map(|(sender, claim)| {
            let call = approve_client_call(claim.number_hash, sender, claim.record_hash(sender));
            Transaction::call(from, self.address, call.abi_encode())
        });
        self.chain
            .transact_all(calls)?
            .into_iter()
            .map(done)
            .collect()
    }

    /// Removes a pending claim; `from` has to be its sender or the operator's account.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract refuses the removal.
    pub fn drop_client(
        &self,
        from: Address,
        number_hash: B256,
        sender: Address,
    ) -> Result<Receipt, RegistryError> {
        self.send(
            from,
            &contract::dropClientCall {
                numberHash: number_hash,
                sender,
            },
        )
    }

    /// The record as `getClient` returns it: unproven, from the newest block.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract does not answer.
    pub fn client(&self, number_hash: B256) -> Result<Option<Entry>, RegistryError> {
        let entry = self.ask(&contract::getClientCall {
            numberHash: number_hash,
        })?;
        Ok(Entry::of(entry))
    }

    /// A pending claim as `getPending` returns it: unproven, from the newest block.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract does not answer.
    pub fn pending(
        &self,
        number_hash: B256,
        sender: Address,
    ) -> Result<Option<Entry>, RegistryError> {
        let entry = self.ask(&contract::getPendingCall {
            numberHash: number_hash,
            sender,
        })?;
        Ok(Entry::of(entry))
    }

    /// The hashes of all approved numbers, in the order of approval.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract does not answer.
    pub fn approved_numbers(&self) -> Result<Vec<B256>, RegistryError> {
        let count: u64 = self.ask(&contract::approvedCountCall {})?.saturating_to();
        let at = |index| {
            self.ask(&contract::approvedAtCall {
                index: U256::from(index),
            })
        };
        (0..count).map(at).collect()
    }

    /// The number hash and sender of all pending claims, in no order.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract does not answer.
    pub fn pending_claims(&self) -> Result<Vec<(B256, Address)>, RegistryError> {
        let count: u64 = self.ask(&contract::pendingCountCall {})?.saturating_to();
        let at = |index| {
            let claim = self.ask(&contract::pendingAtCall {
                index: U256::from(index),
            })?;
            Ok((claim.numberHash, claim.sender))
        };
        (0..count).map(at).collect()
    }

    /// What this registry logged in a transaction.
    #[must_use]
    pub fn events(&self, receipt: &Receipt) -> Vec<RegistryEvent> {
        let ours = receipt
            .logs
            .iter()
            .filter(|log| log.address == self.address);
        ours.filter_map(|log| contract::RegistryEvents::decode_log(log).ok())
            .map(|log| RegistryEvent::from(log.data))
            .collect()
    }

    fn send(&self, from: Address, call: &impl SolCall) -> Result<Receipt, RegistryError> {
        done(self.chain.send(from, self.address, call.abi_encode())?)
    }

    fn ask<C: SolCall>(&self, call: &C) -> Result<C::Return, RegistryError> {
        let outcome = self
            .chain
            .call(Address::ZERO, self.address, call.abi_encode())?;
        match outcome {
            Outcome::Returned(data) => C::abi_decode_returns(&data)
                .map_err(|_| RegistryError::Unexpected(Outcome::Returned(data))),
            failed => Err(refusal(failed)),
        }
    }
}

/// An entry as the contract's own functions return it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The identity key, SEC 1 compressed.
    pub key: [u8; 33],
    /// The wallet that claimed the number.
    pub holder: Address,
    /// When it came into force, or was claimed; Unix time in seconds.
    pub valid_since: u64,
    /// 0 while pending.
    pub revision: u32,
    /// What the entry is.
    pub status: Status,
    /// The hash of the enrolment token.
    pub token_hash: B256,
}

impl Entry {
    fn of(client: contract::Client) -> Option<Self> {
        // The contract's enum: None, Pending, Approved, Revoked.
        let status = match client.status {
            1 => Status::Pending,
            2 => Status::Approved,
            3 => Status::Revoked,
            _ => return None,
        };
        let mut key = [client.keyPrefix; 33];
        key[1..].copy_from_slice(&client.keyX.0);
        Some(Self {
            key,
            holder: client.holder,
            valid_since: client.validSince.to(),
            revision: client.revision,
            status,
            token_hash: client.tokenHash,
        })
    }
}

fn add_client_call(claim: &Claim) -> contract::addClientCall {
    contract::addClientCall {
        numberHash: claim.number_hash,
        key: Bytes::copy_from_slice(&claim.key),
        tokenHash: claim.token_hash,
        proofOfPossession: Bytes::copy_from_slice(&claim.proof_of_possession),
    }
}

fn approve_client_call(
    number_hash: B256,
    sender: Address,
    record_hash: B256,
) -> contract::approveClientCall {
    contract::approveClientCall {
        numberHash: number_hash,
        sender,
        expectedRecordHash: record_hash,
    }
}

fn done(receipt: Receipt) -> Result<Receipt, RegistryError> {
    match receipt.outcome {
        Outcome::Returned(_) => Ok(receipt),
        failed => Err(refusal(failed)),
    }
}
