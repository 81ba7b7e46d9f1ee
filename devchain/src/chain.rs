//! The chain, and the handle that everybody holds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, Log, U256};

use crate::block::{Block, Draft, Run, call};
use crate::genesis::{FUNDED_ACCOUNTS, Genesis, funded_account};
use crate::node::{Pool, Pooled};
use crate::transaction::{Outcome, Receipt, SendError, Transaction};

/// Seconds between blocks, unless the next one's time was set.
const BLOCK_TIME: u64 = 12;

/// A chain that makes a block whenever something is sent. A clone is another handle on the same chain.
///
/// It implements [`callseal_registry_client::Transport`]: it can be asked like any node.
///
/// ```
/// use alloy_primitives::hex;
/// use callseal_devchain::{DevChain, Outcome};
///
/// let chain = DevChain::new(31337);
/// let sender = chain.account(0);
/// // Init code that returns one octet of code: STOP.
/// let contract = chain.deploy(sender, hex!("60016000f3"))?;
/// let receipt = chain.send(sender, contract, [])?;
/// assert_eq!(receipt.outcome, Outcome::Returned([].into()));
/// assert_eq!(chain.head(), receipt.block_hash);
/// assert_eq!(chain.head_number(), 2);
/// # Ok::<(), callseal_devchain::SendError>(())
/// ```
#[derive(Clone, Debug)]
pub struct DevChain {
    chain_id: u64,
    inner: Arc<Mutex<Chain>>,
}

impl DevChain {
    /// A chain of its own, with block 0 and [`FUNDED_ACCOUNTS`] funded accounts.
    #[must_use]
    pub fn new(chain_id: u64) -> Self {
        Self::from_genesis(Genesis::new(chain_id))
    }

    /// A chain that starts from `genesis`.
    #[must_use]
    pub fn from_genesis(genesis: Genesis) -> Self {
        let block = Block::genesis(genesis.world(), genesis.timestamp);
        Self {
            chain_id: genesis.chain_id,
            inner: Arc::new(Mutex::new(Chain {
                chain_id: genesis.chain_id,
                kept_blocks: genesis.kept_blocks,
                next_timestamp: None,
                head: Arc::new(block),
                past: VecDeque::new(),
                pool: Pool::new(),
                automatic: true,
            })),
        }
    }

    /// The chain's id (EIP-155).
    #[must_use]
    pub fn id(&self) -> u64 {
        self.chain_id
    }

    /// One of the accounts that are funded from the start, counted round from 0 to [`FUNDED_ACCOUNTS`] - 1.
    #[must_use]
    pub fn account(&self, index: usize) -> Address {
        funded_account(index % FUNDED_ACCOUNTS)
    }

    /// The newest block's hash.
    #[must_use]
    pub fn head(&self) -> B256 {
        self.lock().head.hash
    }

    /// The newest block's number.
    #[must_use]
    pub fn head_number(&self) -> u64 {
        self.lock().head.header.number
    }

    /// The newest block's time; Unix time in seconds.
    #[must_use]
    pub fn head_timestamp(&self) -> u64 {
        self.lock().head.header.timestamp
    }

    /// The header of a kept block.
    #[must_use]
    pub fn header_of(&self, block_hash: B256) -> Option<Header> {
        self.lock()
            .block(block_hash)
            .map(|block| block.header.clone())
    }

    /// What an account owns after the newest block, in wei.
    #[must_use]
    pub fn balance(&self, address: Address) -> U256 {
        self.lock()
            .head
            .world
            .account(address)
            .map_or(U256::ZERO, |account| account.balance)
    }

    /// keccak256 of an account's code after the newest block.
    #[must_use]
    pub fn code_hash(&self, address: Address) -> B256 {
        self.lock()
            .head
            .world
            .account(address)
            .map_or(KECCAK256_EMPTY, |account| account.code_hash)
    }

    /// Creates a contract from its init code (bytecode, then encoded arguments) in a block of its own.
    ///
    /// # Errors
    ///
    /// [`SendError`] when there is no block, or no contract in it.
    pub fn deploy(&self, from: Address, init_code: impl Into<Bytes>) -> Result<Address, SendError> {
        let receipt = self.transact(Transaction::create(from, init_code))?;
        match receipt.outcome {
            Outcome::Returned(_) => receipt
                .created
                .ok_or(SendError::NotCreated(receipt.outcome)),
            failed => Err(SendError::NotCreated(failed)),
        }
    }

    /// Calls a contract in a block of its own. A call that reverts is in the block all the same.
    ///
    /// # Errors
    ///
    /// [`SendError`] when the call is in no block.
    pub fn send(
        &self,
        from: Address,
        to: Address,
        calldata: impl Into<Bytes>,
    ) -> Result<Receipt, SendError> {
        self.transact(Transaction::call(from, to, calldata))
    }

    /// Executes a transaction in a block of its own.
    ///
    /// # Errors
    ///
    /// [`SendError`] when the transaction is in no block.
    pub fn transact(&self, transaction: Transaction) -> Result<Receipt, SendError> {
        let mut receipts = self.transact_all([transaction])?;
        receipts
            .pop()
            .ok_or_else(|| SendError::Invalid("the block is empty".into()))
    }

    /// Executes transactions in as few blocks as their gas allows. All are in, or none.
    ///
    /// # Errors
    ///
    /// [`SendError`] of the first transaction that the chain's rules forbid.
    pub fn transact_all(
        &self,
        transactions: impl IntoIterator<Item = Transaction>,
    ) -> Result<Vec<Receipt>, SendError> {
        // The iterator is the caller's code, and may ask this chain something.
        let transactions: Vec<_> = transactions.into_iter().collect();
        self.lock().transact_all(&transactions)
    }

    /// Makes a block with the signed transactions that wait and can be in it, and returns its hash.
    pub fn mine(&self) -> B256 {
        self.lock().mine()
    }

    /// What a call would end in now, without any effect.
    ///
    /// # Errors
    ///
    /// [`SendError`] when the chain's rules forbid the call.
    pub fn call(
        &self,
        from: Address,
        to: Address,
        calldata: impl Into<Bytes>,
    ) -> Result<Outcome, SendError> {
        let chain = self.lock();
        let transaction = Transaction::call(from, to, calldata);
        call(&chain.head, chain.chain_id, &transaction, |number| {
            chain.hash_of(number)
        })
    }

    /// Sets the time of the next block (Unix time in seconds); later blocks go on from there.
    ///
    /// # Errors
    ///
    /// [`ClockError`] when that is not after the newest block.
    pub fn set_next_timestamp(&self, timestamp: u64) -> Result<(), ClockError> {
        let mut chain = self.lock();
        let head = chain.head.header.timestamp;
        if timestamp <= head {
            return Err(ClockError {
                head,
                wanted: timestamp,
            });
        }
        chain.next_timestamp = Some(timestamp);
        Ok(())
    }

    /// A kept block.
    pub(crate) fn block(&self, block_hash: B256) -> Option<Arc<Block>> {
        self.lock().block(block_hash).cloned()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Chain> {
        // Whoever panicked had the next block in its own hands, not in here.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a time was not set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a block at {wanted} cannot follow one at {head}")]
pub struct ClockError {
    /// The newest block's time.
    pub head: u64,
    /// The time that was to be set.
    pub wanted: u64,
}

#[derive(Debug)]
pub(crate) struct Chain {
    chain_id: u64,
    kept_blocks: usize,
    next_timestamp: Option<u64>,
    pub(crate) head: Arc<Block>,
    /// The kept blocks before the head, oldest first, without a gap.
    past: VecDeque<Arc<Block>>,
    /// What is signed and in no block.
    pub(crate) pool: Pool,
    /// Whether that is put in blocks at once.
    pub(crate) automatic: bool,
}

impl Chain {
    fn transact_all(&mut self, transactions: &[Transaction]) -> Result<Vec<Receipt>, SendError> {
        // On a copy, which shares everything, so that an error leaves no block behind.
        let mut ahead = Self {
            past: self.past.clone(),
            head: self.head.clone(),
            pool: self.pool.clone(),
            ..*self
        };
        let mut receipts = Vec::new();
        let mut draft = ahead.draft();
        for transaction in transactions {
            while let Run::NoRoom = draft.run(transaction, |number| ahead.hash_of(number))? {
                if draft.is_empty() {
                    return Err(SendError::Invalid("no block has enough gas for it".into()));
                }
                let (block, sealed) = draft.seal();
                receipts.extend(sealed);
                ahead.append(block);
                draft = ahead.draft();
            }
        }
        if !draft.is_empty() {
            let (block, sealed) = draft.seal();
            receipts.extend(sealed);
            ahead.append(block);
        }
        *self = ahead;
        Ok(receipts)
    }

    pub(crate) fn mine(&mut self) -> B256 {
        let mut draft = self.draft();
        let mut pool = std::mem::take(&mut self.pool);
        // In the order of senders and nonces; what cannot be in this block waits on.
        pool.retain(|_, signed| {
            draft
                .run_signed(signed, |number| self.hash_of(number))
                .is_err()
        });
        self.pool = pool;
        let (block, _) = draft.seal();
        self.append(block);
        self.forget_used();
        self.head.hash
    }

    /// Puts one waiting transaction in a block of its own, if there is one that can be.
    pub(crate) fn mine_one(&mut self) -> bool {
        let due = |((from, nonce), _): &(&(Address, u64), &Pooled)| self.nonce(*from) == *nonce;
        let Some((key, signed)) = self.pool.iter().find(due) else {
            return false;
        };
        let key = *key;
        let mut draft = self.draft();
        let ran = draft.run_signed(signed, |number| self.hash_of(number));
        self.pool.remove(&key);
        if ran.is_ok() {
            let (block, _) = draft.seal();
            self.append(block);
        }
        true
    }

    /// Whether a signed transaction could be in the next block.
    pub(crate) fn try_signed(&self, signed: &Pooled) -> Result<(), SendError> {
        self.draft()
            .run_signed(signed, |number| self.hash_of(number))
    }

    pub(crate) fn nonce(&self, account: Address) -> u64 {
        self.head
            .world
            .account(account)
            .map_or(0, |account| account.nonce)
    }

    pub(crate) fn receipt(&self, transaction: B256) -> Option<Receipt> {
        self.blocks()
            .flat_map(|block| &block.receipts)
            .find(|receipt| receipt.transaction_hash == transaction)
            .cloned()
    }

    pub(crate) fn logs(
        &self,
        contract: Address,
        topic: B256,
        from: u64,
        to: u64,
    ) -> Vec<(u64, Log)> {
        let blocks = self.past.iter().chain(std::iter::once(&self.head));
        let within = blocks.filter(|block| (from..=to).contains(&block.header.number));
        within
            .flat_map(|block| &block.receipts)
            .flat_map(|receipt| {
                let logs = receipt.logs.iter().cloned();
                logs.map(|log| (receipt.block_number, log))
            })
            .filter(|(_, log)| log.address == contract && log.topics().first() == Some(&topic))
            .collect()
    }

    pub(crate) fn rewind(&mut self, blocks: usize) -> usize {
        let mut rewound = 0;
        while rewound < blocks
            && let Some(before) = self.past.pop_back()
        {
            self.head = before;
            rewound += 1;
        }
        // Another block of the same number is another block.
        if rewound > 0 {
            let timestamp = self.head.header.timestamp;
            self.next_timestamp = Some(timestamp + BLOCK_TIME + 1);
        }
        rewound
    }

    /// Whatever was in a block under the same nonce has taken its place.
    fn forget_used(&mut self) {
        let pool = std::mem::take(&mut self.pool);
        self.pool = pool
            .into_iter()
            .filter(|((from, nonce), _)| *nonce >= self.nonce(*from))
            .collect();
    }

    fn draft(&self) -> Draft {
        let timestamp = self
            .next_timestamp
            .unwrap_or(self.head.header.timestamp + BLOCK_TIME);
        Draft::on(&self.head, self.chain_id, timestamp)
    }

    fn append(&mut self, block: Block) {
        self.next_timestamp = None;
        self.past
            .push_back(std::mem::replace(&mut self.head, Arc::new(block)));
        while self.past.len() >= self.kept_blocks {
            self.past.pop_front();
        }
    }

    fn block(&self, hash: B256) -> Option<&Arc<Block>> {
        self.blocks().find(|block| block.hash == hash)
    }

    pub(crate) fn hash_of(&self, number: u64) -> Option<B256> {
        self.blocks()
            .find(|block| block.header.number == number)
            .map(|block| block.hash)
    }

    /// The kept blocks, newest first: those are asked for.
    fn blocks(&self) -> impl Iterator<Item = &Arc<Block>> {
        std::iter::once(&self.head).chain(self.past.iter().rev())
    }
}
