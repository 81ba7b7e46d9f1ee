//! Accounts and their storage, as revm reads them and as the state root commits to them.

use core::fmt;

use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::TrieAccount;
use callseal_registry_client::RawProof;
use revm::DatabaseRef;
use revm::bytecode::Bytecode;
use revm::database_interface::DBErrorMarker;
use revm::state::{AccountInfo, EvmState};

use crate::trie::{Trie, Value};

/// All accounts after some block or transaction. Cloning shares everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    accounts: Trie<Account>,
}

#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) nonce: u64,
    pub(crate) balance: U256,
    pub(crate) code_hash: B256,
    code: Bytecode,
    storage: Trie<U256>,
}

impl World {
    pub(crate) fn account(&self, address: Address) -> Option<&Account> {
        self.accounts.get(keccak256(address))
    }

    pub(crate) fn put(&mut self, address: Address, account: Account) {
        self.accounts.insert(keccak256(address), account);
    }

    pub(crate) fn root(&self) -> B256 {
        self.accounts.root()
    }

    pub(crate) fn prove(&self, address: Address, slots: &[B256]) -> RawProof {
        let storage = self
            .account(address)
            .map(|account| account.storage.clone())
            .unwrap_or_default();
        RawProof {
            account: self.accounts.prove(keccak256(address)),
            slots: slots
                .iter()
                .map(|slot| storage.prove(keccak256(slot)))
                .collect(),
        }
    }

    /// Takes over what a transaction has changed.
    pub(crate) fn commit(&mut self, changes: EvmState) {
        for (address, change) in changes {
            if !change.is_touched() {
                continue;
            }
            // EIP-161: an empty account is no account.
            if change.is_selfdestructed() || change.info.is_empty() {
                self.accounts.remove(keccak256(address));
                continue;
            }
            let before = self
                .account(address)
                .filter(|_| !change.is_created())
                .cloned();
            let mut account = before.unwrap_or_default();
            account.nonce = change.info.nonce;
            account.balance = change.info.balance;
            if account.code_hash != change.info.code_hash {
                account.code_hash = change.info.code_hash;
                account.code = change.info.code.unwrap_or_default();
            }
            for (slot, value) in change.storage {
                if value.is_changed() {
                    account.store(B256::from(slot), value.present_value);
                }
            }
            self.put(address, account);
        }
    }
}

impl Account {
    pub(crate) fn with_code(code: Bytes) -> Self {
        let code = Bytecode::new_raw(code);
        Self {
            code_hash: code.hash_slow(),
            code,
            ..Self::default()
        }
    }

    pub(crate) fn store(&mut self, slot: B256, word: U256) {
        let key = keccak256(slot);
        if word.is_zero() {
            self.storage.remove(key);
        } else {
            self.storage.insert(key, word);
        }
    }
}

impl Default for Account {
    fn default() -> Self {
        Self {
            nonce: 0,
            balance: U256::ZERO,
            code_hash: KECCAK256_EMPTY,
            code: Bytecode::default(),
            storage: Trie::default(),
        }
    }
}

impl Value for Account {
    fn rlp(&self) -> Vec<u8> {
        let (root, code_hash) = (self.storage.root(), self.code_hash);
        alloy_rlp::encode(TrieAccount::new(self.nonce, self.balance, root, code_hash))
    }
}

impl Value for U256 {
    fn rlp(&self) -> Vec<u8> {
        alloy_rlp::encode(self)
    }
}

/// A world and the hashes of the blocks before, for revm to read.
pub(crate) struct View<'a, H> {
    pub(crate) world: &'a World,
    /// The hash of the block with some number, if it is kept.
    pub(crate) hash_of: H,
}

impl<H: Fn(u64) -> Option<B256>> DatabaseRef for View<'_, H> {
    type Error = NoSuchCode;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, NoSuchCode> {
        Ok(self.world.account(address).map(|account| {
            AccountInfo::new(
                account.balance,
                account.nonce,
                account.code_hash,
                account.code.clone(),
            )
        }))
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, NoSuchCode> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        // Every account comes with its code, so nobody has a hash to ask for.
        Err(NoSuchCode(code_hash))
    }

    fn storage_ref(&self, address: Address, slot: U256) -> Result<U256, NoSuchCode> {
        let word = self
            .world
            .account(address)
            .and_then(|account| account.storage.get(keccak256(B256::from(slot))).copied());
        Ok(word.unwrap_or_default())
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, NoSuchCode> {
        Ok((self.hash_of)(number).unwrap_or_default())
    }
}

/// Code was asked for by a hash that no account was given with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoSuchCode(B256);

impl fmt::Display for NoSuchCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no code with hash {}", self.0)
    }
}

impl core::error::Error for NoSuchCode {}

impl DBErrorMarker for NoSuchCode {}
