//! What else a node is asked, and the signed transactions that it takes.

use std::collections::BTreeMap;

use alloy_consensus::transaction::SignableTransaction as _;
use alloy_consensus::{TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Decodable2718 as _;
use alloy_primitives::{Address, B256, Log, Signature, keccak256};
use k256::ecdsa::{RecoveryId, VerifyingKey};

use crate::chain::DevChain;
use crate::transaction::{Receipt, SendError};

/// Signed transactions that are in no block, by sender and nonce.
pub(crate) type Pool = BTreeMap<(Address, u64), Pooled>;

/// A signed transaction, and who has signed it.
#[derive(Clone, Debug)]
pub(crate) struct Pooled {
    pub(crate) from: Address,
    pub(crate) content: TxEip1559,
    pub(crate) envelope: TxEnvelope,
}

impl DevChain {
    /// Takes a signed transaction (EIP-1559, as octets of EIP-2718), as a node does. Where blocks are made
    /// [automatically](Self::set_automatic) it is in one at once, if those before it are.
    ///
    /// # Errors
    ///
    /// [`SendError::Invalid`], in a node's words.
    pub fn send_raw(&self, raw: &[u8]) -> Result<B256, SendError> {
        let pooled = Pooled::read(raw, self.id())?;
        let hash = *pooled.envelope.tx_hash();
        let mut chain = self.lock();
        let next = chain.nonce(pooled.from);
        let nonce = pooled.content.nonce;
        if chain.receipt(hash).is_some() {
            return Err(invalid("already known"));
        }
        if nonce < next {
            return Err(invalid(&format!(
                "nonce too low: next nonce {next}, tx nonce {nonce}"
            )));
        }
        let key = (pooled.from, nonce);
        if let Some(known) = chain.pool.get(&key) {
            if known.envelope.tx_hash() == pooled.envelope.tx_hash() {
                return Err(invalid("already known"));
            }
            if pooled.content.max_fee_per_gas < known.content.max_fee_per_gas / 10 * 11 {
                return Err(invalid("replacement transaction underpriced"));
            }
        }
        if nonce == next {
            chain.try_signed(&pooled)?;
        }
        chain.pool.insert(key, pooled);
        if chain.automatic {
            while chain.mine_one() {}
        }
        Ok(hash)
    }

    /// Whether a signed transaction is put in a block of its own at once, as from the start, or waits for
    /// [`mine`](Self::mine).
    pub fn set_automatic(&self, automatic: bool) {
        self.lock().automatic = automatic;
    }

    /// How many transactions of an account are in blocks.
    #[must_use]
    pub fn nonce(&self, account: Address) -> u64 {
        self.lock().nonce(account)
    }

    /// The same with those that are signed and wait, one after the other.
    #[must_use]
    pub fn nonce_with_waiting(&self, account: Address) -> u64 {
        let chain = self.lock();
        let next = chain.nonce(account);
        let waits = |nonce: &u64| chain.pool.contains_key(&(account, *nonce));
        next + (next..).take_while(waits).count() as u64
    }

    /// What became of a transaction, if it is in a kept block.
    #[must_use]
    pub fn receipt(&self, transaction: B256) -> Option<Receipt> {
        self.lock().receipt(transaction)
    }

    /// What a contract logged under a first topic in kept blocks `from` to `to`, with the blocks' numbers.
    #[must_use]
    pub fn logs(&self, contract: Address, topic: B256, from: u64, to: u64) -> Vec<(u64, Log)> {
        self.lock().logs(contract, topic, from, to)
    }

    /// The hash of a kept block.
    #[must_use]
    pub fn block_hash(&self, number: u64) -> Option<B256> {
        self.lock().hash_of(number)
    }

    /// What the newest block burned for a unit of gas, in wei.
    #[must_use]
    pub fn base_fee(&self) -> u64 {
        self.lock().head.header.base_fee_per_gas.unwrap_or_default()
    }

    /// Takes the newest blocks back, as a fork without them does, and says how many there were. What was in
    /// them is gone until somebody sends it again.
    pub fn rewind(&self, blocks: usize) -> usize {
        self.lock().rewind(blocks)
    }
}

impl Pooled {
    fn read(raw: &[u8], chain_id: u64) -> Result<Self, SendError> {
        let mut octets = raw;
        let envelope = TxEnvelope::decode_2718(&mut octets)
            .map_err(|error| invalid(&format!("the transaction cannot be read: {error}")))?;
        let TxEnvelope::Eip1559(signed) = &envelope else {
            return Err(invalid("transaction type not supported"));
        };
        if !octets.is_empty() {
            return Err(invalid("octets after the transaction"));
        }
        let content = signed.tx().clone();
        if content.chain_id != chain_id {
            return Err(invalid("invalid chain id for signer"));
        }
        let from = signer(content.signature_hash(), signed.signature())
            .ok_or_else(|| invalid("invalid signature"))?;
        Ok(Self {
            from,
            content,
            envelope,
        })
    }
}

fn signer(digest: B256, signature: &Signature) -> Option<Address> {
    let octets = signature.as_bytes();
    let rs = k256::ecdsa::Signature::from_slice(&octets[..64]).ok()?;
    let recovery = RecoveryId::new(signature.v(), false);
    let key = VerifyingKey::recover_from_prehash(&digest.0, &rs, recovery).ok()?;
    // SEC 1 section 2.3.3: one octet of prefix stands before the coordinates.
    Some(Address::from_slice(
        &keccak256(&key.to_sec1_point(false).as_bytes()[1..])[12..],
    ))
}

fn invalid(words: &str) -> SendError {
    SendError::Invalid(words.into())
}
