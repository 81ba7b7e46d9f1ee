//! What a chain starts from.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, Bytes, U256, keccak256};

use crate::state::{Account, World};

/// The state of block 0, and the terms of the chain.
///
/// ```
/// use alloy_primitives::{Address, U256};
/// use callseal_devchain::{DevChain, Genesis, GenesisAccount};
///
/// let rich = Address::repeat_byte(7);
/// let genesis = Genesis::new(31337)
///     .at(1_800_000_000)
///     .with_account(rich, GenesisAccount { balance: U256::from(5), ..GenesisAccount::default() });
/// let chain = DevChain::from_genesis(genesis);
/// assert_eq!(chain.balance(rich), U256::from(5));
/// ```
#[derive(Clone, Debug)]
pub struct Genesis {
    pub(crate) chain_id: u64,
    pub(crate) timestamp: u64,
    pub(crate) kept_blocks: usize,
    accounts: BTreeMap<Address, GenesisAccount>,
}

/// An account that exists from block 0 on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GenesisAccount {
    /// What it owns, in wei.
    pub balance: U256,
    /// Its nonce.
    pub nonce: u64,
    /// Its code; empty for a wallet.
    pub code: Bytes,
    /// Its storage; zero words are left out.
    pub storage: BTreeMap<B256, B256>,
}

/// The number of accounts that [`Genesis::new`] funds.
pub const FUNDED_ACCOUNTS: usize = 10;

/// Enough for the opcode that asks for the last 256 block hashes, and twice what common nodes keep of the state.
const KEPT_BLOCKS: usize = 257;

/// 2026-01-01 00:00:00 UTC.
const TIMESTAMP: u64 = 1_767_225_600;

impl Genesis {
    /// A chain with this id, and [`FUNDED_ACCOUNTS`] accounts of 10,000 ether each.
    #[must_use]
    pub fn new(chain_id: u64) -> Self {
        let ether = U256::from(1_000_000_000_000_000_000_u64);
        let funded = GenesisAccount {
            balance: U256::from(10_000) * ether,
            ..GenesisAccount::default()
        };
        Self {
            chain_id,
            timestamp: TIMESTAMP,
            kept_blocks: KEPT_BLOCKS,
            accounts: (0..FUNDED_ACCOUNTS)
                .map(|index| (funded_account(index), funded.clone()))
                .collect(),
        }
    }

    /// Makes block 0 at this Unix time, in seconds.
    #[must_use]
    pub fn at(mut self, timestamp: u64) -> Self {
        self.timestamp = timestamp;
        self
    }

    /// Keeps headers and states of this many of the newest blocks, at least one.
    #[must_use]
    pub fn keeping(mut self, blocks: usize) -> Self {
        self.kept_blocks = blocks.max(1);
        self
    }

    /// Adds an account, or replaces one.
    #[must_use]
    pub fn with_account(mut self, address: Address, account: GenesisAccount) -> Self {
        self.accounts.insert(address, account);
        self
    }

    pub(crate) fn world(&self) -> World {
        let mut world = World::default();
        for (address, given) in &self.accounts {
            let mut account = Account::with_code(given.code.clone());
            account.balance = given.balance;
            account.nonce = given.nonce;
            for (slot, word) in &given.storage {
                account.store(*slot, U256::from_be_bytes(word.0));
            }
            world.put(*address, account);
        }
        world
    }
}

/// The funded account number `index`. Nobody has its key: this chain takes its owner's word.
pub(crate) fn funded_account(index: usize) -> Address {
    Address::from_word(keccak256(format!(
        "callseal devchain: funded account {index}"
    )))
}
