//! A wallet's call of the registry, signed, and what it replaces.

use alloy_primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};

use crate::{AccountKey, Fees, Node, Receipt, TransportError, Unsigned};

/// A wallet's call of the registry, signed: as it was sent and may be sent
/// again.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignedCall {
    /// Its name on the chain.
    pub hash: B256,
    /// Its octets.
    #[serde(with = "alloy_primitives::hex")]
    pub raw: Vec<u8>,
    /// Its place among the wallet's transactions.
    pub nonce: u64,
    max_fee_per_gas: u128,
    tip_per_gas: u128,
    /// Those that it is to replace, since they offered too little. One of them
    /// may get into a block all the same.
    #[serde(default)]
    replaced: Vec<B256>,
}

impl SignedCall {
    pub(crate) fn new(unsigned: &Unsigned, wallet: &AccountKey, replaces: Option<Self>) -> Self {
        let signed = unsigned.sign(wallet);
        let mut replaced = Vec::new();
        if let Some(earlier) = replaces {
            replaced = earlier.replaced;
            replaced.push(earlier.hash);
        }
        Self {
            hash: signed.hash,
            raw: signed.raw,
            nonce: unsigned.nonce,
            max_fee_per_gas: unsigned.fees.max_per_gas,
            tip_per_gas: unsigned.fees.tip_per_gas,
            replaced,
        }
    }

    pub(crate) fn fees(&self) -> Fees {
        Fees {
            max_per_gas: self.max_fee_per_gas,
            tip_per_gas: self.tip_per_gas,
        }
    }

    /// All transactions that make the call, the newest first.
    pub(crate) fn hashes(&self) -> impl Iterator<Item = B256> {
        let replaced = self.replaced.iter().rev().copied();
        std::iter::once(self.hash).chain(replaced)
    }

    /// Whether it is what its hash names.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        keccak256(&self.raw) == self.hash
    }

    /// Where one of the transactions that make the call is, if one is in a
    /// block.
    pub(crate) fn mined(&self, node: &mut dyn Node) -> Result<Option<Receipt>, TransportError> {
        for hash in self.hashes() {
            if let Some(receipt) = node.receipt(hash)? {
                return Ok(Some(receipt));
            }
        }
        Ok(None)
    }
}
