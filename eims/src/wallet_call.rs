//! A call of the registry that a wallet makes and pays for by itself.

use alloy_primitives::{Address, B256, Bytes, U256};
use thiserror::Error;

use crate::contract::refusal;
use crate::fees::{bumped, offered};
use crate::{
    AccountKey, CallEnd, Fees, Node, OperatorId, Receipt, SendError, SignedCall, TransportError,
    Unsigned,
};

/// A call that is made once: signed, kept, and then sent until it is in a
/// block. Where too little was offered, the same call is signed again in its
/// place, for more.
///
/// ```
/// use alloy_primitives::B256;
/// use callseal_eims::{OperatorId, WalletCall, contract};
///
/// let operator = OperatorId { chain_id: 31337, contract: [0xaa; 20] };
/// let data = contract::drop_successor(B256::repeat_byte(1));
/// let call = WalletCall::new(operator, data, contract::HOLDER_GAS);
/// // What is to be kept is there once something was signed.
/// assert!(call.signed().is_none());
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletCall {
    operator: OperatorId,
    data: Bytes,
    gas: u64,
    signed: Option<SignedCall>,
}

/// What came of a step of a [`WalletCall`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub enum CallAdvance {
    /// The next step can be done at once.
    Moved,
    /// It is sent, and in no block yet: ask again in a few seconds.
    Waiting {
        /// The newest transaction that makes it.
        transaction: B256,
    },
    /// It is in a block, and was not taken back.
    InBlock(Receipt),
}

/// Why a call is not made.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CallError<E> {
    /// The caller's: the node serves another chain.
    #[error("the node serves chain {got}, the operator's registry is on chain {expected}")]
    WrongChain {
        /// The registry's chain.
        expected: u64,
        /// The node's.
        got: u64,
    },
    /// The wallet cannot pay for it; what was not sent yet, is not sent.
    #[error("the wallet {wallet} has too little ether: at least {missing} wei more are needed")]
    Funds {
        /// Where ether is to be sent to.
        wallet: Address,
        /// What it has, in wei.
        balance: U256,
        /// What it lacks at the fees of the moment, in wei.
        missing: U256,
    },
    /// The registry would take it back; nothing was sent.
    #[error("the registry would not take it{}", reason.map(|reason| format!(": {reason}")).unwrap_or_default())]
    Refused {
        /// Its words, if it gave any.
        reason: Option<&'static str>,
    },
    /// The registry has taken it back, and the fee is paid.
    #[error("the registry has taken it back, in transaction {transaction}")]
    TakenBack {
        /// The transaction.
        transaction: B256,
    },
    /// The node's: it did not take the transaction.
    #[error(transparent)]
    Send(SendError),
    /// The node's: it gave no answer.
    #[error("the node gave no answer: {0}")]
    Node(#[from] TransportError),
    /// What was signed could not be kept, and was not sent.
    #[error(transparent)]
    Keep(E),
}

impl WalletCall {
    /// A call of the operator's registry with this data, for so much gas at
    /// most.
    #[must_use]
    pub fn new(operator: OperatorId, data: Bytes, gas: u64) -> Self {
        Self {
            operator,
            data,
            gas,
            signed: None,
        }
    }

    /// The same call, as far as was kept.
    #[must_use]
    pub fn resumed(self, signed: Option<SignedCall>) -> Self {
        Self { signed, ..self }
    }

    /// What was signed last.
    #[must_use]
    pub fn signed(&self) -> Option<&SignedCall> {
        self.signed.as_ref()
    }

    /// Does the next thing: call it until it is [`CallAdvance::InBlock`], with
    /// a pause where it waits. `keep` stores what was signed, and returns when
    /// that has reached the disk; nothing is sent before.
    ///
    /// # Errors
    ///
    /// [`CallError`]; what was sent stays sent, and is not sent twice.
    pub fn advance<E>(
        &mut self,
        wallet: &AccountKey,
        node: &mut dyn Node,
        keep: &mut dyn FnMut(Option<&SignedCall>) -> Result<(), E>,
    ) -> Result<CallAdvance, CallError<E>> {
        match self.signed.clone() {
            None => self.sign(wallet, node, keep),
            Some(signed) => self.send(wallet, signed, node, keep),
        }
    }

    fn sign<E>(
        &mut self,
        wallet: &AccountKey,
        node: &mut dyn Node,
        keep: &mut dyn FnMut(Option<&SignedCall>) -> Result<(), E>,
    ) -> Result<CallAdvance, CallError<E>> {
        let chain_id = node.chain_id()?;
        if chain_id != self.operator.chain_id {
            return Err(CallError::WrongChain {
                expected: self.operator.chain_id,
                got: chain_id,
            });
        }
        let (from, to) = (wallet.address(), self.operator.contract.into());
        if let CallEnd::Reverted(data) = node.call(from, to, self.data.clone())? {
            let reason = refusal(&data);
            return Err(CallError::Refused { reason });
        }
        let balance = node.balance(from)?;
        let (base_fee, tip) = (node.head()?.base_fee, node.tip()?);
        let Some(fees) = offered(balance, self.gas, base_fee, tip) else {
            // As much as is good for several blocks.
            let per_gas = base_fee.saturating_mul(2).saturating_add(tip);
            let needed = U256::from(self.gas).saturating_mul(U256::from(per_gas));
            return Err(Self::too_poor(from, balance, needed));
        };
        let unsigned = self.unsigned(node.nonce(from)?, fees);
        self.keep(Some(SignedCall::new(&unsigned, wallet, None)), keep)
    }

    fn send<E>(
        &mut self,
        wallet: &AccountKey,
        signed: SignedCall,
        node: &mut dyn Node,
        keep: &mut dyn FnMut(Option<&SignedCall>) -> Result<(), E>,
    ) -> Result<CallAdvance, CallError<E>> {
        if let Some(receipt) = signed.mined(node)? {
            return self.take(receipt, &signed, keep);
        }
        let from = wallet.address();
        match node.send(&signed.raw) {
            Ok(()) => {}
            Err(SendError::NonceUsed { .. }) => {
                // In a block since we looked, or another of the wallet's is.
                if let Some(receipt) = signed.mined(node)? {
                    return self.take(receipt, &signed, keep);
                }
                if node.nonce(from)? > signed.nonce {
                    return self.keep(None, keep);
                }
            }
            Err(SendError::Underpriced { .. }) => {
                return self.offer_more(wallet, signed, node, keep);
            }
            Err(SendError::Funds { .. }) => {
                let needed = self.unsigned(signed.nonce, signed.fees()).cost_at_most();
                return Err(Self::too_poor(from, node.balance(from)?, needed));
            }
            Err(error) => return Err(CallError::Send(error)),
        }
        if node.head()?.base_fee > signed.fees().max_per_gas {
            return self.offer_more(wallet, signed, node, keep);
        }
        // Where a block comes at once, it is there already.
        if let Some(receipt) = signed.mined(node)? {
            return self.take(receipt, &signed, keep);
        }
        Ok(CallAdvance::Waiting {
            transaction: signed.hash,
        })
    }

    fn take<E>(
        &mut self,
        receipt: Receipt,
        signed: &SignedCall,
        keep: &mut dyn FnMut(Option<&SignedCall>) -> Result<(), E>,
    ) -> Result<CallAdvance, CallError<E>> {
        if receipt.succeeded {
            return Ok(CallAdvance::InBlock(receipt));
        }
        // Tried once more only where it would be taken now.
        let _moved = self.keep(None, keep)?;
        Err(CallError::TakenBack {
            transaction: signed.hash,
        })
    }

    /// The same call in the same place, for more.
    fn offer_more<E>(
        &mut self,
        wallet: &AccountKey,
        signed: SignedCall,
        node: &mut dyn Node,
        keep: &mut dyn FnMut(Option<&SignedCall>) -> Result<(), E>,
    ) -> Result<CallAdvance, CallError<E>> {
        let balance = node.balance(wallet.address())?;
        let (base_fee, tip) = (node.head()?.base_fee, node.tip()?);
        let unsigned = self.unsigned(signed.nonce, bumped(signed.fees(), base_fee, tip));
        if unsigned.cost_at_most() > balance {
            return Err(Self::too_poor(
                wallet.address(),
                balance,
                unsigned.cost_at_most(),
            ));
        }
        self.keep(Some(SignedCall::new(&unsigned, wallet, Some(signed))), keep)
    }

    fn unsigned(&self, nonce: u64, fees: Fees) -> Unsigned {
        let OperatorId { chain_id, contract } = self.operator;
        let (contract, data) = (contract.into(), self.data.clone());
        Unsigned::call(chain_id, nonce, fees, contract, data, self.gas)
    }

    fn too_poor<E>(wallet: Address, balance: U256, needed: U256) -> CallError<E> {
        CallError::Funds {
            wallet,
            balance,
            missing: needed.saturating_sub(balance),
        }
    }

    fn keep<E>(
        &mut self,
        signed: Option<SignedCall>,
        keep: &mut dyn FnMut(Option<&SignedCall>) -> Result<(), E>,
    ) -> Result<CallAdvance, CallError<E>> {
        keep(signed.as_ref()).map_err(CallError::Keep)?;
        self.signed = signed;
        Ok(CallAdvance::Moved)
    }
}

#[cfg(test)]
mod tests;
