//! The account's transactions: signed, stored, sent, and sent again until they
//! are deep in the chain.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256};

use crate::node::{Head, Node, SendError};
use crate::service::points::{Point, Purpose};
use crate::service::records::{Outgoing, Slot, Variant};
use crate::service::store::{Due, Settled};
use crate::service::worker::{WorkError, Worker};
use crate::{Fees, TokenHash, Transfer, Unsigned};

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

/// What has become of a transaction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Fate {
    /// It is in no block; it is sent again.
    Out,
    /// It is in a block that is not deep in the chain.
    InBlock { transaction: B256, succeeded: bool },
    /// It is deep in the chain.
    Settled { transaction: B256, succeeded: bool },
    /// Another one with its nonce is.
    Lost,
}

impl<N: Node> Worker<N> {
    /// Blocks that an offer is given until more is offered.
    const PATIENCE: u64 = 10;
    /// How deep a block is final, where the node does not say which ones are.
    const FINAL: u64 = 128;
    /// Nonces in a row that are filled, and how far the chain's count may be
    /// from ours for payments and approvals.
    const GAP: u64 = 256;

    /// Settles what is deep enough, and sends again what is in no block.
    pub(super) fn follow(&mut self, head: &Head) -> Result<(), WorkError> {
        let mut counts = BTreeMap::from([(self.account.address(), None)]);
        if self.followed != Some(head.hash) {
            self.look_back(head, &mut counts)?;
        }
        for (slot, mut outgoing) in self.store.outbox()? {
            let next = self.counted(&mut counts, slot.account)?;
            self.look_after(head, next, slot, &mut outgoing)?;
        }
        if self.followed != Some(head.hash) {
            let next = self.counted(&mut counts, self.account.address())?;
            self.fill(head, next)?;
            self.followed = Some(head.hash);
        }
        Ok(())
    }

    /// What the chain has counted of an account, asked once at a step.
    fn counted(
        &mut self,
        counts: &mut BTreeMap<Address, Option<u64>>,
        account: Address,
    ) -> Result<u64, WorkError> {
        let count = counts.entry(account).or_default();
        match count {
            Some(count) => Ok(*count),
            None => Ok(*count.insert(self.node.nonce(account)?)),
        }
    }

    /// Looks whether a fork has taken out what was settled, or brought back
    /// what was lost, and forgets what is final.
    fn look_back(
        &mut self,
        head: &Head,
        counts: &mut BTreeMap<Address, Option<u64>>,
    ) -> Result<(), WorkError> {
        let kept = self.store.kept()?;
        if kept.is_empty() {
            return Ok(());
        }
        let finalized = self.node.finalized()?;
        let finalized = finalized.or_else(|| head.number.checked_sub(Self::FINAL));
        let mut done = Vec::new();
        for (slot, kept) in kept {
            let is_free = slot.nonce >= self.counted(counts, slot.account)?;
            if is_free || kept.is_lost {
                let is_in_block = self.in_block(&kept.outgoing)?.is_some();
                if is_in_block == kept.is_lost || (is_free && !is_in_block) {
                    let is_out = self.store.reopen(slot, &kept, is_in_block)?;
                    let (purpose, nonce) = (kept.outgoing.purpose, slot.nonce);
                    tracing::warn!(
                        ?purpose,
                        nonce,
                        is_out,
                        "a fork has changed what became of it"
                    );
                    continue;
                }
            }
            if finalized.is_some_and(|finalized| kept.block_number <= finalized) {
                done.push(slot);
            }
        }
        if !done.is_empty() {
            self.store.forget(&done)?;
        }
        Ok(())
    }

    /// Settles or sends again what is out. `next` is the nonce that the chain
    /// takes next from its account.
    pub(super) fn look_after(
        &mut self,
        head: &Head,
        next: u64,
        slot: Slot,
        outgoing: &mut Outgoing,
    ) -> Result<Fate, WorkError> {
        if let Some((transaction, succeeded)) = self.settled(head, slot, outgoing)? {
            self.passed.remove(&slot);
            return Ok(Fate::Settled {
                transaction,
                succeeded,
            });
        }
        // In a block that is not deep enough: nothing to do but to wait.
        if let Some((transaction, succeeded)) = self.in_block(outgoing)? {
            self.passed.remove(&slot);
            return Ok(Fate::InBlock {
                transaction,
                succeeded,
            });
        }
        if slot.nonce < next {
            let passed = *self.passed.entry(slot).or_insert(head.number);
            if passed.saturating_add(self.terms.depth.max(1)) <= head.number {
                self.lose(head, slot, outgoing)?;
                return Ok(Fate::Lost);
            }
        } else {
            self.passed.remove(&slot);
        }
        self.send_again(head, next, slot, outgoing)?;
        Ok(Fate::Out)
    }

    fn lose(&mut self, head: &Head, slot: Slot, outgoing: &Outgoing) -> Result<(), WorkError> {
        self.store.lose(slot, outgoing, head.number)?;
        self.passed.remove(&slot);
        self.offered.remove(&slot);
        let (purpose, token) = (outgoing.purpose, TokenHash(outgoing.token.0));
        let Slot { account, nonce } = slot;
        match purpose {
            Purpose::Fill => tracing::debug!(nonce, "the gap is filled by another transaction"),
            _ => tracing::error!(
                ?purpose, %token, %account, nonce,
                "lost: the account has sent another transaction with this nonce; who else has its keys?"
            ),
        }
        Ok(())
    }

    /// Uses nonces that nothing has, so that those after them count: of what
    /// was final, and of somebody else's that a fork has taken out, and those
    /// below a count that was wrong.
    fn fill(&mut self, head: &Head, next: u64) -> Result<(), WorkError> {
        let account = self.account.address();
        let ours = self.store.next_nonce(account)?.unwrap_or(next);
        if ours <= next {
            return Ok(());
        }
        let out = self.store.outbox()?;
        let is_out = |nonce: u64| out.iter().any(|(slot, _)| *slot == Slot { account, nonce });
        // From the front: nothing counts that comes after a gap.
        let end = ours.min(next.saturating_add(Self::GAP));
        let gap: Vec<u64> = (next..end).filter(|nonce| !is_out(*nonce)).collect();
        if !gap.is_empty() && end < ours {
            return Err(WorkError::Nonce {
                account,
                found: next,
                known: ours,
            });
        }
        for nonce in gap {
            let fees = self.fees(head)?;
            let unsigned = Unsigned::transfer(
                self.store.operator().chain_id,
                nonce,
                fees,
                Transfer {
                    to: account,
                    wei: U256::ZERO,
                },
            );
            let outgoing = Outgoing {
                purpose: Purpose::Fill,
                token: B256::ZERO,
                to: account,
                wei: 0,
                data: Bytes::new(),
                gas_limit: unsigned.gas_limit,
                variants: vec![Variant::of(unsigned.sign(&self.account), fees)],
            };
            let slot = Slot { account, nonce };
            if self.store.fill(slot, &outgoing)? {
                tracing::warn!(
                    nonce,
                    "nothing has this nonce: a transfer of nothing takes it"
                );
                self.send(slot, &outgoing)?;
            }
        }
        Ok(())
    }

    /// Sends what is in no block, with a higher fee where that is why. `next`
    /// is the nonce that the chain takes next.
    fn send_again(
        &mut self,
        head: &Head,
        next: u64,
        slot: Slot,
        outgoing: &mut Outgoing,
    ) -> Result<(), WorkError> {
        let Some(newest) = outgoing.newest() else {
            return Ok(());
        };
        let offered = *self.offered.entry(slot).or_insert(head.number);
        // It is the turn of this one, and blocks go by without it.
        let is_left = slot.nonce == next && offered.saturating_add(Self::PATIENCE) <= head.number;
        let is_low =
            head.base_fee > newest.max_per_gas && newest.max_per_gas < self.terms.most_per_gas;
        if is_low || is_left {
            self.bid_more(head, slot, outgoing)?;
        }
        // Once for a block, so that who looks often does not offer more.
        if self.send(slot, outgoing)? == Offer::TooLow
            && self.offered.get(&slot) < Some(&head.number)
            && self.bid_more(head, slot, outgoing)?
        {
            self.send(slot, outgoing)?;
        }
        Ok(())
    }

    fn settled(
        &mut self,
        head: &Head,
        slot: Slot,
        outgoing: &Outgoing,
    ) -> Result<Option<(B256, bool)>, WorkError> {
        for variant in &outgoing.variants {
            let Some(receipt) = self.node.receipt(variant.hash)? else {
                continue;
            };
            let deep = receipt.block_number.saturating_add(self.terms.depth) <= head.number;
            if !deep || self.node.block_hash(receipt.block_number)? != Some(receipt.block_hash) {
                continue;
            }
            let succeeded = receipt.succeeded;
            let ended = Settled {
                transaction: variant.hash,
                succeeded,
                block_number: receipt.block_number,
            };
            self.store.settle(slot, outgoing, ended)?;
            self.offered.remove(&slot);
            let (purpose, token) = (outgoing.purpose, TokenHash(outgoing.token.0));
            let (transaction, nonce) = (variant.hash, slot.nonce);
            if succeeded {
                tracing::info!(?purpose, %token, %transaction, nonce, "settled");
            } else {
                tracing::warn!(?purpose, %token, %transaction, nonce, "the chain took it back");
            }
            return Ok(Some((transaction, succeeded)));
        }
        Ok(None)
    }

    /// The transaction that is in a block, and whether it has succeeded there.
    fn in_block(&mut self, outgoing: &Outgoing) -> Result<Option<(B256, bool)>, WorkError> {
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
        due: Due,
        content: Content,
    ) -> Result<Option<Slot>, WorkError> {
        let fees = self.fees(head)?;
        let chains_nonce = self.believed_count(due.purpose)?;
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
        let cost = unsigned(0)
            .cost_at_most()
            .saturating_add(self.cost_of_outbox(chains_nonce)?);
        let balance = self.node.balance(account)?;
        if balance < cost {
            let missing = cost - balance;
            return Err(WorkError::Funds { account, missing });
        }
        let Due { purpose, token, .. } = due;
        let signed = self.store.sign(due, account, chains_nonce, |nonce| {
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
        if let Some((slot, outgoing)) = signed {
            let newest = outgoing.newest();
            let transaction = newest.map(|newest| tracing::field::display(newest.hash));
            let nonce = slot.nonce;
            tracing::info!(?purpose, %token, transaction, nonce, "signed");
            self.offered.insert(slot, head.number);
            self.send(slot, &outgoing)?;
            return Ok(Some(slot));
        }
        Ok(None)
    }

    /// What the chain has counted of the account. One answer that is beyond
    /// our own count is not believed: what waits can only add to it.
    fn believed_count(&mut self, purpose: Purpose) -> Result<u64, WorkError> {
        let account = self.account.address();
        let mut found = self.node.nonce(account)?;
        let known = self.store.next_nonce(account)?;
        if known.is_none_or(|known| found > known) {
            found = found.min(self.node.nonce_with_waiting(account)?);
        }
        // What people want may come after whatever a thief has sent.
        let most = match (known, purpose) {
            (Some(known), Purpose::Pay | Purpose::Approve) => known.saturating_add(Self::GAP),
            _ => u64::MAX - 1,
        };
        if found > most {
            return Err(WorkError::Nonce {
                account,
                found,
                known: known.unwrap_or_default(),
            });
        }
        Ok(found)
    }

    /// What everything that is out and in no block takes from the account, in
    /// wei; `next` is the nonce that the chain takes next.
    fn cost_of_outbox(&self, next: u64) -> Result<U256, WorkError> {
        let (outbox, account) = (self.store.outbox()?, self.account.address());
        let waits = outbox
            .iter()
            .filter(|(slot, _)| slot.account == account && slot.nonce >= next);
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
        slot: Slot,
        outgoing: &mut Outgoing,
    ) -> Result<bool, WorkError> {
        // What another account has signed stays as it is.
        if slot.account != self.account.address() {
            return Ok(false);
        }
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
            nonce: slot.nonce,
            fees,
            gas_limit: outgoing.gas_limit,
            to: Some(outgoing.to),
            value: U256::from(outgoing.wei),
            data: outgoing.data.clone(),
        };
        let signed = unsigned.sign(&self.account);
        outgoing.variants.push(Variant::of(signed, fees));
        self.store.replace(slot, outgoing)?;
        self.offered.insert(slot, head.number);
        Ok(true)
    }

    fn send(&mut self, slot: Slot, outgoing: &Outgoing) -> Result<Offer, WorkError> {
        let Some(newest) = outgoing.newest() else {
            return Ok(Offer::Fine);
        };
        let (purpose, transaction, nonce) = (outgoing.purpose, newest.hash, slot.nonce);
        self.store.reach(Point::BeforeSend(purpose))?;
        let sent = self.node.send(&newest.raw);
        self.store.reach(Point::AfterSend(purpose))?;
        match sent {
            Ok(()) => tracing::debug!(?purpose, %transaction, nonce, "sent"),
            Err(SendError::Transport(error)) => return Err(error.into()),
            Err(error @ SendError::Funds { .. }) => {
                let account = self.account.address();
                let next = self.node.nonce(account)?;
                let cost = self.cost_of_outbox(next)?;
                let missing = cost.saturating_sub(self.node.balance(account)?);
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
