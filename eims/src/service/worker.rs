//! The one who sends the operator's transactions.
//!
//! One step settles what is deep enough, sends again what is not, scans new
//! blocks for claims, approves and pays. A step that fails leaves nothing half
//! done: the next one goes on from the store, and so does the next process.

mod by_hand;
mod claims;
mod sending;

use core::fmt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use alloy_primitives::{Address, B256, Bytes, U256};
use thiserror::Error;

pub use self::by_hand::{Ended, Order};
use self::sending::Content;
use crate::contract;
use crate::requests::{Hold, Wait};
use crate::service::database::StoreError;
use crate::service::points::{Purpose, Stopped};
use crate::service::records::Slot;
use crate::service::store::{Due, Store};
use crate::{AccountKey, CallEnd, Head, Node, TokenHash, TransportError, Unsigned};

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
    /// The most payments for one number in a day.
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
/// for an account, and nobody else is to send anything from that account while
/// it has something out: what loses its nonce to another transaction is lost.
pub struct Worker<N> {
    store: Store,
    node: N,
    account: AccountKey,
    terms: Terms,
    wait: Arc<AtomicU8>,
    checked: bool,
    /// The last that was scanned to.
    head: Option<Head>,
    /// Blocks scanned at a time, as the node bears it.
    span: u64,
    /// The last token whose claim was asked for.
    asked: Option<TokenHash>,
    /// The last that the account's transactions were looked after at.
    followed: Option<B256>,
    /// The block in which an offer was made.
    offered: BTreeMap<Slot, u64>,
    /// The block in which it was seen first that another transaction has the
    /// nonce.
    passed: BTreeMap<Slot, u64>,
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
    /// What the node says of the account's nonce is far from what the records
    /// say: it is wrong, or others have the keys.
    #[error(
        "the node says that the account {account} has sent {found} transactions, the records {known}; is the node in order, and has anybody else the keys?"
    )]
    Nonce {
        /// Ours.
        account: Address,
        /// As the node says.
        found: u64,
        /// As the records say.
        known: u64,
    },
    /// Another transaction of the account has the nonce of an order.
    #[error(
        "transaction {nonce} of the account {account} is another one, which these records do not know: has anybody else the keys? Nothing is changed; give the order again"
    )]
    Lost {
        /// Ours.
        account: Address,
        /// The order's.
        nonce: u64,
    },
    /// The records cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A test has stopped the service.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

impl<N: Node> Worker<N> {
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
            span: Self::SCAN,
            asked: None,
            followed: None,
            offered: BTreeMap::new(),
            passed: BTreeMap::new(),
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
        // waits for ether keeps no claim from being seen, and a node that tells
        // no logs keeps nobody from being paid.
        let parts = [Self::follow, Self::scan, Self::approve, Self::pay];
        let mut done = Ok(());
        for part in parts {
            match part(self, &head) {
                Err(error @ (WorkError::Stopped(_) | WorkError::Store(_))) => return Err(error),
                part_done => done = done.and(part_done),
            }
        }
        done
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
        if self.terms.replacements {
            self.store.reconsider(Hold::HasRecord)?;
        }
        self.checked = true;
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
            let due = Due {
                purpose: Purpose::Pay,
                token,
                by_hand: false,
            };
            self.sign_and_send(head, due, content)?;
        }
        Ok(())
    }
}

impl<N> fmt::Debug for Worker<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let account = self.account.address();
        write!(f, "Worker({}, account {account})", self.store.operator())
    }
}
