//! Transactions of Ethereum (EIP-1559), signed.

use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEnvelope};
use alloy_eips::eip2718::Encodable2718 as _;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};

use crate::AccountKey;

/// What an account signs to send ether or to call a contract.
///
/// ```
/// use alloy_primitives::{Address, U256};
/// use callseal_eims::{AccountKey, Fees, Transfer, Unsigned};
///
/// let key = AccountKey::from_bytes([1; 32])?;
/// let fees = Fees { max_per_gas: 2_000_000_000, tip_per_gas: 1_000_000_000 };
/// let to = Address::repeat_byte(0x42);
/// let unsigned = Unsigned::transfer(1, 0, fees, Transfer { to, wei: U256::from(5) });
/// let signed = unsigned.sign(&key);
/// assert_eq!(signed.raw[0], 2);
/// // A chain id, a nonce: signed again, it is the same transaction.
/// assert_eq!(unsigned.sign(&key), signed);
/// # Ok::<(), callseal_eims::KeyError>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Unsigned {
    /// The chain (EIP-155).
    pub chain_id: u64,
    /// Which of the account's transactions it is, counted from 0.
    pub nonce: u64,
    /// What is offered for gas.
    pub fees: Fees,
    /// The most gas that it may use.
    pub gas_limit: u64,
    /// Whom it pays or calls; nobody: it creates a contract.
    pub to: Option<Address>,
    /// What it carries, in wei.
    pub value: U256,
    /// What it says.
    pub data: Bytes,
}

/// What is offered for a unit of gas, in wei.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Fees {
    /// At most this, tip included.
    pub max_per_gas: u128,
    /// To the block's maker.
    pub tip_per_gas: u128,
}

/// Ether from one account to another.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Transfer {
    /// Who gets it.
    pub to: Address,
    /// How much.
    pub wei: U256,
}

/// A signed transaction, as a node takes it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Signed {
    /// Its name on the chain.
    pub hash: B256,
    /// Its octets (EIP-2718).
    pub raw: Vec<u8>,
}

impl Unsigned {
    /// The gas of a transfer to a wallet.
    pub const TRANSFER_GAS: u64 = 21_000;

    /// Pays somebody.
    pub fn transfer(chain_id: u64, nonce: u64, fees: Fees, transfer: Transfer) -> Self {
        Self {
            chain_id,
            nonce,
            fees,
            gas_limit: Self::TRANSFER_GAS,
            to: Some(transfer.to),
            value: transfer.wei,
            data: Bytes::new(),
        }
    }

    /// Calls a contract, without ether.
    pub fn call(
        chain_id: u64,
        nonce: u64,
        fees: Fees,
        contract: Address,
        data: Bytes,
        gas_limit: u64,
    ) -> Self {
        Self {
            chain_id,
            nonce,
            fees,
            gas_limit,
            to: Some(contract),
            value: U256::ZERO,
            data,
        }
    }

    /// What the sender needs to have for it, in wei.
    pub fn cost_at_most(&self) -> U256 {
        let gas = U256::from(self.gas_limit).saturating_mul(U256::from(self.fees.max_per_gas));
        gas.saturating_add(self.value)
    }

    /// Signs it; deterministic.
    pub fn sign(&self, key: &AccountKey) -> Signed {
        let unsigned = TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.fees.max_per_gas,
            max_priority_fee_per_gas: self.fees.tip_per_gas,
            to: self.to.map_or(TxKind::Create, TxKind::Call),
            value: self.value,
            access_list: alloy_eips::eip2930::AccessList::default(),
            input: self.data.clone(),
        };
        let octets = key.sign_digest(unsigned.signature_hash());
        let signature = Signature::new(
            U256::from_be_slice(&octets[..32]),
            U256::from_be_slice(&octets[32..64]),
            octets[64] == 28,
        );
        let envelope: TxEnvelope = unsigned.into_signed(signature).into();
        Signed {
            hash: *envelope.tx_hash(),
            raw: envelope.encoded_2718(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transaction_is_what_another_library_signs() {
        // eth-account 0.14.0 (PyPI): Account.sign_transaction of this content.
        let key = AccountKey::from_bytes([1; 32]).unwrap();
        let fees = Fees {
            max_per_gas: 2_000_000_000,
            tip_per_gas: 1_000_000_000,
        };
        let to = Address::repeat_byte(0x42);
        let data = Bytes::from_static(&[0xde, 0xad]);
        let unsigned = Unsigned {
            value: U256::from(5),
            ..Unsigned::call(31_337, 7, fees, to, data, 100_000)
        };
        let signed = unsigned.sign(&key);
        assert_eq!(hex::encode(&signed.raw), SIGNED_BY_ETH_ACCOUNT);
        assert_eq!(signed.hash, alloy_primitives::keccak256(&signed.raw));
        assert_eq!(unsigned.cost_at_most(), U256::from(200_000_000_000_005_u64));
    }

    const SIGNED_BY_ETH_ACCOUNT: &str = "02f86f827a6907843b9aca008477359400830186a09442424242424242424242424242424242424242420582deadc080a00d5a332cdbe7884759fd73f739821d1fbbc178075b69c291533d2a56b0264ba8a00abe5fd04233f7278b57723c60d5bbdb34d719aea738cadcfa279ecd3a5f546b";
}
