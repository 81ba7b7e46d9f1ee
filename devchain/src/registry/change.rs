//! What becomes of an approved record, and of the operator's keys.

use alloy_primitives::{Address, B256, Bytes, U256};
use callseal_registry_client::{
    RegistryConfig, operator_keys_digest, revocation_digest, rotation_digest,
};

use super::abi::Registry as contract;
use super::{DevRegistry, Entry, Operator, RegistryError};
use crate::transaction::Receipt;

/// A holder's change of a record's key: what `rotateClient` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// [`number_hash`](callseal_registry_client::number_hash) of the number.
    pub number_hash: B256,
    /// The new identity key, see [`uncompressed_key`](crate::uncompressed_key).
    pub key: [u8; 64],
    /// By the present key over [`DevRegistry::rotation_digest`].
    pub holder_signature: [u8; 65],
    /// By the new key over [`DevRegistry::proof_of_possession_digest`].
    pub proof_of_possession: [u8; 65],
}

/// A change of the operator's keys: what `rotateOperatorKeys` takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OperatorKeysChange {
    /// The new keys; the account may be the old one.
    pub operator: Operator,
    /// How long the old keys go on beside the new ones, in seconds; at most thirty days.
    pub overlap: u64,
    /// By the new account over [`DevRegistry::operator_keys_digest`].
    pub account_signature: [u8; 65],
}

impl DevRegistry {
    /// What the present key, of a record with this `revision`, signs to be replaced by `key`.
    #[must_use]
    pub fn rotation_digest(&self, number_hash: B256, revision: u32, key: &[u8; 64]) -> B256 {
        let RegistryConfig {
            contract, chain_id, ..
        } = self.config();
        rotation_digest(chain_id, contract, number_hash, revision, key)
    }

    /// What the present key, of a record with this `revision`, signs to be revoked.
    #[must_use]
    pub fn revocation_digest(&self, number_hash: B256, revision: u32) -> B256 {
        let RegistryConfig {
            contract, chain_id, ..
        } = self.config();
        revocation_digest(chain_id, contract, number_hash, revision)
    }

    /// What the account of `operator` signs to take the registry over, as its key set number `revision`.
    #[must_use]
    pub fn operator_keys_digest(&self, operator: &Operator, revision: u32) -> B256 {
        let RegistryConfig {
            contract, chain_id, ..
        } = self.config();
        operator_keys_digest(
            chain_id,
            contract,
            operator.account,
            &operator.signing_key,
            &operator.sealing_key,
            revision,
        )
    }

    /// Replaces a record's key at once; `from` has to be its holder.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract refuses the change.
    pub fn rotate_client(
        &self,
        from: Address,
        rotation: &Rotation,
    ) -> Result<Receipt, RegistryError> {
        self.send(
            from,
            &contract::rotateClientCall {
                numberHash: rotation.number_hash,
                key: Bytes::copy_from_slice(&rotation.key),
                holderSignature: Bytes::copy_from_slice(&rotation.holder_signature),
                proofOfPossession: Bytes::copy_from_slice(&rotation.proof_of_possession),
            },
        )
    }

    /// Takes a record out of force at once; `from` has to be its holder, and its key to have signed the
    /// [digest](Self::revocation_digest).
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract refuses the revocation.
    pub fn revoke_client(
        &self,
        from: Address,
        number_hash: B256,
        holder_signature: &[u8; 65],
    ) -> Result<Receipt, RegistryError> {
        self.send(
            from,
            &contract::revokeClientCall {
                numberHash: number_hash,
                holderSignature: Bytes::copy_from_slice(holder_signature),
            },
        )
    }

    /// Takes a record out of force at once; `from` has to be the operator's account.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract refuses the revocation.
    pub fn revoke_by_operator(
        &self,
        from: Address,
        number_hash: B256,
    ) -> Result<Receipt, RegistryError> {
        self.send(
            from,
            &contract::revokeByOperatorCall {
                numberHash: number_hash,
            },
        )
    }

    /// Keeps a successor from coming into force; `from` has to be the record's holder or the operator's account.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract refuses the objection.
    pub fn drop_successor(
        &self,
        from: Address,
        number_hash: B256,
    ) -> Result<Receipt, RegistryError> {
        self.send(
            from,
            &contract::dropSuccessorCall {
                numberHash: number_hash,
            },
        )
    }

    /// Replaces the operator's keys; `from` has to be its present account.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract refuses the change.
    pub fn rotate_operator_keys(
        &self,
        from: Address,
        change: &OperatorKeysChange,
    ) -> Result<Receipt, RegistryError> {
        self.send(
            from,
            &contract::rotateOperatorKeysCall {
                account: change.operator.account,
                signingKey: Bytes::copy_from_slice(&change.operator.signing_key),
                sealingKey: change.operator.sealing_key.into(),
                overlap: U256::from(change.overlap),
                accountSignature: Bytes::copy_from_slice(&change.account_signature),
            },
        )
    }

    /// The successor that waits, as `getSuccessor` returns it: unproven, from the newest block.
    ///
    /// # Errors
    ///
    /// [`RegistryError`] when the contract does not answer.
    pub fn successor(&self, number_hash: B256) -> Result<Option<Entry>, RegistryError> {
        let entry = self.ask(&contract::getSuccessorCall {
            numberHash: number_hash,
        })?;
        Ok(Entry::of(entry))
    }
}
