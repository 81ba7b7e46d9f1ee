//! A small state that holds a registry, with its proofs, made by the slow trie.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::TrieAccount;
use callseal_registry_client::{
    RawProof, RegistryConfig, Transport, TransportError, layout, number_hash,
};
use callseal_testvectors::trie::Trie;

pub(crate) const CHAIN_ID: u64 = 31337;
pub(crate) const SUBSCRIBERS: u8 = 40;
/// Whom the registry has no record of.
pub(crate) const STRANGER: &str = "+8613899999999";

pub(crate) struct State {
    pub(crate) header: Header,
    pub(crate) config: RegistryConfig,
    accounts: Trie,
    storage: Trie,
}

impl State {
    /// Subscribers 1 to [`SUBSCRIBERS`], and seventy accounts beside the registry's.
    pub(crate) fn new() -> Self {
        Self::with_code_hash(layout::CODE_HASH)
    }

    pub(crate) fn with_code_hash(code_hash: B256) -> Self {
        let words = (1..=SUBSCRIBERS).flat_map(|index| {
            let slots = layout::client_slots(number_hash(&number(index)).unwrap());
            let words = [key_x(index), packed(index)];
            slots.into_iter().zip(words).map(|(slot, word)| {
                (
                    slot.to_vec(),
                    alloy_rlp::encode(U256::from_be_bytes(word.0)),
                )
            })
        });
        let operator =
            layout::operator_slots()
                .into_iter()
                .zip([2_u8, 3, 4])
                .map(|(slot, octet)| {
                    (
                        slot.to_vec(),
                        alloy_rlp::encode(U256::from(octet) << 248_usize),
                    )
                });
        let storage = Trie::of_hashed(words.chain(operator));

        let contract = Address::repeat_byte(0x42);
        let registry = TrieAccount {
            nonce: 1,
            balance: U256::ZERO,
            storage_root: storage.root().into(),
            code_hash,
        };
        let others = (0..70_u8).map(|index| {
            let wallet = TrieAccount {
                nonce: index.into(),
                ..TrieAccount::default()
            };
            (other_account(index).to_vec(), alloy_rlp::encode(wallet))
        });
        let ours = (contract.to_vec(), alloy_rlp::encode(registry));
        let accounts = Trie::of_hashed(others.chain([ours]));
        Self {
            header: Header {
                number: 1_000,
                timestamp: 1_800_000_000,
                state_root: accounts.root().into(),
                base_fee_per_gas: Some(7),
                withdrawals_root: Some(B256::repeat_byte(1)),
                ..Header::default()
            },
            config: RegistryConfig {
                contract,
                code_hash,
                chain_id: CHAIN_ID,
            },
            accounts,
            storage,
        }
    }

    /// A node that says this state is that of its only block.
    pub(crate) fn node(&self, number: &str) -> Node {
        let slots = layout::number_slots(number_hash(number).unwrap());
        Node {
            header: self.header.clone(),
            proof: RawProof {
                account: self.account_proof(self.config.contract),
                slots: slots.iter().map(|slot| self.slot_proof(*slot)).collect(),
            },
            chain_id: CHAIN_ID,
        }
    }

    pub(crate) fn account_proof(&self, address: Address) -> Vec<Vec<u8>> {
        self.accounts.prove(&keccak256(address).0)
    }

    pub(crate) fn slot_proof(&self, slot: B256) -> Vec<Vec<u8>> {
        self.storage.prove(&keccak256(slot).0)
    }
}

/// A node that always says the same.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) header: Header,
    pub(crate) proof: RawProof,
    pub(crate) chain_id: u64,
}

impl Transport for Node {
    fn header(&mut self, _: B256) -> Result<Header, TransportError> {
        Ok(self.header.clone())
    }

    fn proof(&mut self, _: Address, _: &[B256], _: B256) -> Result<RawProof, TransportError> {
        Ok(self.proof.clone())
    }

    fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
        Ok(Some(self.chain_id))
    }
}

pub(crate) fn number(index: u8) -> String {
    format!("+86138000000{index:02}")
}

pub(crate) fn key_x(index: u8) -> B256 {
    keccak256([index])
}

/// An approved record of revision 1, held by 0x1111…, in force since some time before the block.
fn packed(index: u8) -> B256 {
    let mut word = B256::repeat_byte(0x11);
    word[..12].copy_from_slice(&[2, 2 + index % 2, 0, 0, 0, 1, 0, 0, 0x6b, 0, 0, index]);
    word
}

pub(crate) fn other_account(index: u8) -> Address {
    Address::from_word(keccak256([0xaa, index]))
}
