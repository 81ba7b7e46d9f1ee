//! The one who sends the operator's transactions.
//!
//! One step settles what is deep enough, sends again what is not, scans new
//! blocks for claims, approves and pays. A step that fails leaves nothing half
//! done: the next one goes on from the store, and so does the next process.

mod by_hand;

use core::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use alloy_primitives::{Address, B256, Bytes, U256};
use thiserror::Error;

pub use self::by_hand::{Ended, Order};

use crate::contract::{self, APPROVE_CLIENT_GAS, LoggedClaim};
use crate::requests::{Hold, Wait};
use crate::service::database::StoreError;
use crate::service::points::{Point, Purpose, Stopped};
use crate::service::records::{Approved, Outgoing, Variant};
use crate::service::store::Store;
use crate::{
    AccountKey, CallEnd, Fees, Head, Node, SendError, TokenHash, TransportError, Unsigned,
};

/// The terms on which an operator works.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Terms {
    /// What a phone is paid for its claim's fees, in wei.
    pub fee_money: u128,
    /// The most that is offered for a unit of gas, tip included, in wei.
    pub most_per_gas: u128,
    /// How many blocks have to follow a block until it counts as settled, and
    /// how far back claims are looked for again.
    pub depth: u64,
    /// The first block that is scanned for claims, where none was scanned
    /// before; the newest one, where it is not said.
    pub from_block: Option<u64>,
    /// Whether claims of numbers that have a record are approved as well. Such
    /// an approval replaces the record 48 hours later.
    pub replacements: bool,
    /// The most payments to one wallet in a day.
    pub payments_per_day: usize,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            // 0.01 ether: a claim at 30 gwei.
            fee_money: 10_000_000_000_000_000,
            most_per_gas: 200_000_000_000,
            depth: 6,
            from_block: None,
            replacements: false,
            payments_per_day: 3,
        }
    }
}

/// Sends an operator's transactions, one step after the other. There is one
/// for an account, and nobody else sends anything from that account while it
/// has something out.
pub struct Worker<N> {
    store: Store,
    node: N,
    account: AccountKey,
    terms: Terms,
    wait: Arc<AtomicU8>,
    checked: bool,
    head: Option<Head>,
}

/// Why a step is not done. What it had to do is kept; try again.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum WorkError {
    /// The node does not answer.
    #[error(transparent)]
    Node(#[from] TransportError),
    /// The node is on another chain than the registry.
    #[error("the node is on chain {found}, the registry on chain {expected}")]
    WrongChain {
        /// The node's.
        found: u64,
        /// The operator's.
        expected: u64,
    },
    /// There is no registry at the address, or it makes no sense.
    #[error("there is no registry at {contract}, as the node says")]
    NoRegistry {
        /// The operator's contract.
        contract: Address,
    },
    /// The registry is another account's.
    #[error("the registry's operator is {found}, and not the account {account} of the keys")]
    NotOperator {
        /// As the registry says.
        found: Address,
        /// Ours.
        account: Address,
    },
    /// The account cannot pay what is due.
    #[error("the operator's account {account} has not enough ether: {missing} wei are missing")]
    Funds {
        /// Ours.
        account: Address,
        /// How much more it needs.
        missing: U256,
    },
    /// The registry would take back what the operator's people want it to do.
    #[error("the registry would refuse it: {reason}")]
    Refused {
        /// Why.
        reason: &'static str,
    },
    /// The records cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A test has stopped the service.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl<N: Node> Worker<N> {
    /// Blocks scanned at a time.
    const SCAN: u64 = 2_000;
    /// Payments begun in a step.
    const PAYMENTS: usize = 16;

    /// A worker for the operator of `store`. Asks nothing yet.
    pub fn new(store: Store, node: N, account: AccountKey, terms: Terms) -> Self {
        Self {
            store,
            node,
            account,
            terms,
            wait: Arc::new(AtomicU8::new(Wait::Turn as u8)),
            checked: false,
            head: None,
        }
    }

    /// What payments wait for, for those who answer phones.
    #[must_use]
    pub fn waits(&self) -> Arc<AtomicU8> {
        Arc::clone(&self.wait)
    }

    /// Does all that can be done now.
    ///
    /// # Errors
    ///
    /// [`WorkError`]: the first thing that could not be done.
    pub fn step(&mut self) -> Result<(), WorkError> {
        let done = self.do_step();
        let wait = match &done {
            Ok(()) => Wait::Turn,
            Err(WorkError::Funds { .. }) => Wait::Funds,
            Err(_) => Wait::Node,
        };
        self.wait.store(wait as u8, Ordering::Relaxed);
        done
    }

    fn do_step(&mut self) -> Result<(), WorkError> {
        self.check()?;
        let head = self.node.head()?;
        // Later parts are done although earlier ones failed: a transaction that
        // waits for ether keeps no claim from being seen.
        let followed = self.follow(&head);
        if let Err(WorkError::Stopped(_) | WorkError::Store(_)) = followed {
            return followed;
        }
        self.scan(&head)?;
        self.approve(&head)?;
        self.pay(&head)?;
        followed
    }

    /// Once: that the node and the registry are ours.
    fn check(&mut self) -> Result<(), WorkError> {
        if self.checked {
            return Ok(());
        }
        let operator = self.store.operator();
        let found = self.node.chain_id()?;
        if found != operator.chain_id {
            return Err(WorkError::WrongChain {
                found,
                expected: operator.chain_id,
            });
        }
        let contract = Address::from(operator.contract);
        let no_registry = WorkError::NoRegistry { contract };
        let account = self.account.address();
        let CallEnd::Returned(answer) =
            self.node
                .call(account, contract, contract::ask_operator())?
        else {
            return Err(no_registry);
        };
        let found = contract::operator(&answer).ok_or(no_registry)?.account;
        if found != account {
            return Err(WorkError::NotOperator { found, account });
        }
        self.store.send_from(account)?;
        if self.terms.replacements {
            self.store.reconsider(Hold::HasRecord)?;
        }
        self.checked = true;
        Ok(())
    }

    /// Settles what is deep enough, and sends again what is in no block.
    fn follow(&mut self, head: &Head) -> Result<(), WorkError> {
        for (nonce, mut outgoing) in self.store.outbox()? {
            if self.settled(head, nonce, &outgoing)? {
                continue;
            }
            // In a block that is not deep enough: nothing to do but to wait.
            if self.in_block(&outgoing)?.is_none() {
                self.send_again(head, nonce, &mut outgoing)?;
            }
        }
        Ok(())
    }

    /// Sends what is in no block, with a higher fee where that is why.
    fn send_again(
        &mut self,
        head: &Head,
        nonce: u64,
        outgoing: &mut Outgoing,
    ) -> Result<(), WorkError> {
        let Some(newest) = outgoing.newest() else {
            return Ok(());
        };
        if head.base_fee > newest.max_per_gas && newest.max_per_gas < self.terms.most_per_gas {
            self.bid_more(head, nonce, outgoing)?;
        }
        self.send(nonce, outgoing)
    }

    fn settled(&mut self, head: &Head, nonce: u64, outgoing: &Outgoing) -> Result<bool, WorkError> {
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

    /// Signs the same again with a higher fee.
    fn bid_more(
        &mut self,
        head: &Head,
        nonce: u64,
        outgoing: &mut Outgoing,
    ) -> Result<(), WorkError> {
        let wanted = self.fees(head)?;
        let Some(newest) = outgoing.newest() else {
            return Ok(());
        };
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
        Ok(())
    }

    fn send(&mut self, nonce: u64, outgoing: &Outgoing) -> Result<(), WorkError> {
        let Some(newest) = outgoing.newest() else {
            return Ok(());
        };
        let (purpose, transaction) = (outgoing.purpose, newest.hash);
        self.store.reach(Point::BeforeSend(purpose))?;
        let sent = self.node.send(&newest.raw);
        self.store.reach(Point::AfterSend(purpose))?;
        match sent {
            Ok(()) => tracing::debug!(?purpose, %transaction, nonce, "sent"),
            Err(SendError::Transport(error)) => return Err(error.into()),
            Err(SendError::Funds { .. }) => {
                let missing = U256::from(outgoing.wei);
                let account = self.account.address();
                return Err(WorkError::Funds { account, missing });
            }
            // In a block already, most likely: the receipt will say.
            Err(error @ SendError::NonceUsed { .. }) => {
                tracing::debug!(?purpose, %transaction, nonce, "{error}");
            }
            Err(error) => tracing::warn!(?purpose, %transaction, nonce, "{error}"),
        }
        Ok(())
    }

    /// Looks for claims in blocks that are new, or may have changed.
    fn scan(&mut self, head: &Head) -> Result<(), WorkError> {
        if self.head.is_some_and(|before| before.hash == head.hash) {
            return Ok(());
        }
        let first = self.terms.from_block.unwrap_or(head.number);
        let mut from = match self.store.scanned_to()? {
            // The last blocks may have been replaced by others.
            Some(to) => to
                .min(head.number)
                .saturating_sub(self.terms.depth)
                .max(first.min(to)),
            None => first,
        };
        let contract = Address::from(self.store.operator().contract);
        while from <= head.number {
            let to = head.number.min(from.saturating_add(Self::SCAN - 1));
            let logs = self.node.logs(contract, LoggedClaim::TOPIC, from, to)?;
            let claims: Vec<_> = logs
                .iter()
                .filter(|log| (from..=to).contains(&log.block_number))
                .filter_map(|log| Some((log.block_number, LoggedClaim::of_log(&log.log)?)))
                .collect();
            for (claim, hold) in self.store.scanned(from, to, &claims)? {
                let (token, sender) = (claim.token_hash, claim.sender);
                match hold {
                    Some(hold) => {
                        tracing::info!(%token, %sender, "a claim is left pending: {hold}")
                    }
                    None => tracing::info!(%token, %sender, "the phone's claim is on the chain"),
                }
            }
            from = to + 1;
        }
        self.head = Some(*head);
        Ok(())
    }

    /// Approves the claims that are what phones have told.
    fn approve(&mut self, head: &Head) -> Result<(), WorkError> {
        let contract = Address::from(self.store.operator().contract);
        let account = self.account.address();
        for token in self.store.to_approve()? {
            let Some(enrolment) = self.store.enrolment(&token)? else {
                continue;
            };
            let told = enrolment.told.as_ref();
            let Some(claim) = told.and_then(|told| told.expected(token)) else {
                continue;
            };
            let open = matches!(enrolment.approved, Approved::NoClaim | Approved::Held(_));
            if !open || !self.store.has_seen(&claim)? {
                // A fork without the claim, or a claim after its approval.
                self.store.hold(&token, None)?;
                continue;
            }
            // What is pending now, and not what a log has said some time.
            let question = contract::ask_pending(claim.number_hash, claim.sender);
            let CallEnd::Returned(answer) = self.node.call(account, contract, question)? else {
                continue;
            };
            match contract::pending(claim.number_hash, &answer) {
                Some(Some(pending)) if pending == claim => {}
                // A node that lags, or a claim that was dropped or replaced.
                _ => continue,
            }
            if !self.terms.replacements {
                let question = contract::ask_client(claim.number_hash);
                let CallEnd::Returned(answer) = self.node.call(account, contract, question)? else {
                    continue;
                };
                if !matches!(contract::client(claim.number_hash, &answer), Some(None)) {
                    tracing::warn!(%token, "a claim is left pending: {}", Hold::HasRecord);
                    self.store.hold(&token, Some(Hold::HasRecord))?;
                    continue;
                }
            }
            let content = Content {
                to: contract,
                wei: 0,
                data: claim.approve_client(),
                gas_limit: APPROVE_CLIENT_GAS,
            };
            self.sign_and_send(head, Purpose::Approve, &token, content)?;
        }
        Ok(())
    }

    /// Pays those who wait for it.
    fn pay(&mut self, head: &Head) -> Result<(), WorkError> {
        for token in self.store.to_pay(Self::PAYMENTS)? {
            let Some(enrolment) = self.store.enrolment(&token)? else {
                continue;
            };
            let Some(told) = enrolment.told else {
                continue;
            };
            let content = Content {
                to: told.wallet,
                wei: self.terms.fee_money,
                data: Bytes::new(),
                gas_limit: Unsigned::TRANSFER_GAS,
            };
            self.sign_and_send(head, Purpose::Pay, &token, content)?;
        }
        Ok(())
    }

    fn sign_and_send(
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
        // What is out already has to be paid as well.
        let mut due = unsigned(0).cost_at_most();
        for (_, outgoing) in self.store.outbox()? {
            if let Some(newest) = outgoing.newest() {
                let gas = U256::from(outgoing.gas_limit) * U256::from(newest.max_per_gas);
                due = due
                    .saturating_add(gas)
                    .saturating_add(U256::from(outgoing.wei));
            }
        }
        let balance = self.node.balance(account)?;
        if balance < due {
            let missing = due - balance;
            return Err(WorkError::Funds { account, missing });
        }
        let chains_nonce = self.node.nonce(account)?;
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
            self.send(nonce, &outgoing)?;
            return Ok(Some(nonce));
        }
        Ok(None)
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

/// What a transaction says.
struct Content {
    to: Address,
    wei: u128,
    data: Bytes,
    gas_limit: u64,
}

impl<N> fmt::Debug for Worker<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.address();
        write!(f, "Worker({}, account {account})", self.store.operator())
    }
}
