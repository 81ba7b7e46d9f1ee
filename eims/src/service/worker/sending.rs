//! The account's transactions: signed, stored, sent, and sent again until they
//! are deep in the chain.

use alloy_primitives::{Address, B256, Bytes, U256};

use crate::node::{Head, Node, SendError};
use crate::service::points::{Point, Purpose};
use crate::service::records::{Outgoing, Variant};
use crate::service::worker::{WorkError, Worker};
use crate::{Fees, TokenHash, Unsigned};

/// What a transaction says.
pub(super) struct Content {
    pub(super) to: Address,
    pub(super) wei: u128,
    pub(super) data: Bytes,
    pub(super) gas_limit: u64,
}

/// What a node thinks of an offer for gas.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Offer {
    Fine,
    TooLow,
}

impl<N: Node> Worker<N> {
    /// Blocks that an offer is given until more is offered.
    const PATIENCE: u64 = 10;

    /// Settles what is deep enough, and sends again what is in no block.
    pub(super) fn follow(&mut self, head: &Head) -> Result<(), WorkError> {
        let outbox = self.store.outbox()?;
        if outbox.is_empty() {
            return Ok(());
        }
        let next = self.node.nonce(self.account.address())?;
        for (nonce, mut outgoing) in outbox {
            if self.settled(head, nonce, &outgoing)? {
                continue;
            }
            // In a block that is not deep enough: nothing to do but to wait.
            if self.in_block(&outgoing)?.is_none() {
                self.send_again(head, next, nonce, &mut outgoing)?;
            }
        }
        Ok(())
    }

    /// Sends what is in no block, with a higher fee where that is why. `next`
    /// is the nonce that the chain takes next.
    pub(super) fn send_again(
        &mut self,
        head: &Head,
        next: u64,
        nonce: u64,
        outgoing: &mut Outgoing,
    ) -> Result<(), WorkError> {
        let Some(newest) = outgoing.newest() else {
            return Ok(());
        };
        let offered = *self.offered.entry(nonce).or_insert(head.number);
        // It is the turn of this one, and blocks go by without it.
        let is_left = nonce == next && offered.saturating_add(Self::PATIENCE) <= head.number;
        let is_low =
            head.base_fee > newest.max_per_gas && newest.max_per_gas < self.terms.most_per_gas;
        if is_low || is_left {
            self.bid_more(head, nonce, outgoing)?;
        }
        // Once for a block, so that who looks often does not offer more.
        if self.send(nonce, outgoing)? == Offer::TooLow
            && self.offered.get(&nonce) < Some(&head.number)
            && self.bid_more(head, nonce, outgoing)?
        {
            self.send(nonce, outgoing)?;
        }
        Ok(())
    }

    pub(super) fn settled(
        &mut self,
        head: &Head,
        nonce: u64,
        outgoing: &Outgoing,
    ) -> Result<bool, WorkError> {
        for variant in &outgoing.variants {
            let Some(receipt) = self.node.receipt(variant.hash)? else {
                continue;
            };
            let deep = receipt.block_number.saturating_add(self.terms.depth) <= head.number;
            if !deep || self.node.block_hash(receipt.block_number)? != Some(receipt.block_hash) {
                continue;
            }
            let succeeded = receipt.succeeded;
            self.store
                .settle(nonce, outgoing, variant.hash, succeeded)?;
            self.offered.remove(&nonce);
            let (purpose, token) = (outgoing.purpose, TokenHash(outgoing.token.0));
            let transaction = variant.hash;
            if succeeded {
                tracing::info!(?purpose, %token, %transaction, nonce, "settled");
            } else {
                tracing::warn!(?purpose, %token, %transaction, nonce, "the chain took it back");
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// The transaction that is in a block, and whether it has succeeded there.
    pub(super) fn in_block(
        &mut self,
        outgoing: &Outgoing,
    ) -> Result<Option<(B256, bool)>, WorkError> {
        for variant in &outgoing.variants {
            if let Some(receipt) = self.node.receipt(variant.hash)?
                && self.node.block_hash(receipt.block_number)? == Some(receipt.block_hash)
            {
                return Ok(Some((variant.hash, receipt.succeeded)));
            }
        }
        Ok(None)
    }

    /// Signs and sends the first transaction for a purpose; gives its nonce.
    pub(super) fn sign_and_send(
        &mut self,
        head: &Head,
        purpose: Purpose,
        token: &TokenHash,
        content: Content,
    ) -> Result<Option<u64>, WorkError> {
        let fees = self.fees(head)?;
        let account = self.account.address();
        let unsigned = |nonce| Unsigned {
            chain_id: self.store.operator().chain_id,
            nonce,
            fees,
            gas_limit: content.gas_limit,
            to: Some(content.to),
            value: U256::from(content.wei),
            data: content.data.clone(),
        };
        let chains_nonce = self.node.nonce(account)?;
        let due = unsigned(0)
            .cost_at_most()
            .saturating_add(self.due(chains_nonce)?);
        let balance = self.node.balance(account)?;
        if balance < due {
            let missing = due - balance;
            return Err(WorkError::Funds { account, missing });
        }
        let signed = self.store.sign(purpose, token, chains_nonce, |nonce| {
            let signed = unsigned(nonce).sign(&self.account);
            Outgoing {
                purpose,
                token: token.0.into(),
                to: content.to,
                wei: content.wei,
                data: content.data.clone(),
                gas_limit: content.gas_limit,
                variants: vec![Variant::of(signed, fees)],
            }
        })?;
        if let Some((nonce, outgoing)) = signed {
            let transaction = outgoing.newest().map(|newest| newest.hash);
            tracing::info!(?purpose, %token, ?transaction, nonce, "signed");
            self.offered.insert(nonce, head.number);
            self.send(nonce, &outgoing)?;
            return Ok(Some(nonce));
        }
        Ok(None)
    }

    /// What everything that is out and in no block takes from the account, in
    /// wei; `next` is the nonce that the chain takes next.
    fn due(&self, next: u64) -> Result<U256, WorkError> {
        let outbox = self.store.outbox()?;
        let waits = outbox.iter().filter(|(nonce, _)| *nonce >= next);
        Ok(waits.fold(U256::ZERO, |due, (_, outgoing)| {
            let per_gas = outgoing.newest().map_or(0, |newest| newest.max_per_gas);
            let gas = U256::from(outgoing.gas_limit).saturating_mul(U256::from(per_gas));
            due.saturating_add(gas)
                .saturating_add(U256::from(outgoing.wei))
        }))
    }

    /// Signs the same again with a higher fee, if more may be offered.
    fn bid_more(
        &mut self,
        head: &Head,
        nonce: u64,
        outgoing: &mut Outgoing,
    ) -> Result<bool, WorkError> {
        let wanted = self.fees(head)?;
        let Some(newest) = outgoing.newest() else {
            return Ok(false);
        };
        if newest.max_per_gas >= self.terms.most_per_gas && newest.tip_per_gas >= newest.max_per_gas
        {
            return Ok(false);
        }
        // Nodes replace a transaction only for a tenth more of each.
        let more = |before: u128| before.saturating_add(before / 8).saturating_add(1);
        let fees = Fees {
            max_per_gas: wanted
                .max_per_gas
                .max(more(newest.max_per_gas))
                .min(self.terms.most_per_gas),
            tip_per_gas: wanted.tip_per_gas.max(more(newest.tip_per_gas)),
        };
        let fees = Fees {
            tip_per_gas: fees.tip_per_gas.min(fees.max_per_gas),
            ..fees
        };
        let unsigned = Unsigned {
            chain_id: self.store.operator().chain_id,
            nonce,
            fees,
            gas_limit: outgoing.gas_limit,
            to: Some(outgoing.to),
            value: U256::from(outgoing.wei),
            data: outgoing.data.clone(),
        };
        let signed = unsigned.sign(&self.account);
        outgoing.variants.push(Variant::of(signed, fees));
        self.store.replace(nonce, outgoing)?;
        self.offered.insert(nonce, head.number);
        Ok(true)
    }

    fn send(&mut self, nonce: u64, outgoing: &Outgoing) -> Result<Offer, WorkError> {
        let Some(newest) = outgoing.newest() else {
            return Ok(Offer::Fine);
        };
        let (purpose, transaction) = (outgoing.purpose, newest.hash);
        self.store.reach(Point::BeforeSend(purpose))?;
        let sent = self.node.send(&newest.raw);
        self.store.reach(Point::AfterSend(purpose))?;
        match sent {
            Ok(()) => tracing::debug!(?purpose, %transaction, nonce, "sent"),
            Err(SendError::Transport(error)) => return Err(error.into()),
            Err(error @ SendError::Funds { .. }) => {
                let account = self.account.address();
                let next = self.node.nonce(account)?;
                let missing = self.due(next)?.saturating_sub(self.node.balance(account)?);
                if !missing.is_zero() {
                    return Err(WorkError::Funds { account, missing });
                }
                // Ether that this node has not seen yet.
                tracing::warn!(?purpose, %transaction, nonce, "{error}");
            }
            // In a block already, most likely: the receipt will say.
            Err(error @ SendError::NonceUsed { .. }) => {
                tracing::debug!(?purpose, %transaction, nonce, "{error}");
            }
            Err(error @ SendError::Underpriced { .. }) => {
                tracing::warn!(?purpose, %transaction, nonce, "{error}");
                return Ok(Offer::TooLow);
            }
            Err(error) => tracing::warn!(?purpose, %transaction, nonce, "{error}"),
        }
        Ok(Offer::Fine)
    }

    /// Twice the present base fee and a tip: good for some blocks that are
    /// full.
    fn fees(&mut self, head: &Head) -> Result<Fees, WorkError> {
        let most = self.terms.most_per_gas;
        let tip_per_gas = self.node.tip()?.min(most);
        let max_per_gas = head
            .base_fee
            .saturating_mul(2)
            .saturating_add(tip_per_gas)
            .min(most);
        Ok(Fees {
            max_per_gas,
            tip_per_gas: tip_per_gas.min(max_per_gas),
        })
    }
}
