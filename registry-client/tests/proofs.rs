//! Two walkers that share no code give one verdict, on honest proofs and on mangled ones.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use std::collections::BTreeMap;

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U256, address, b256, keccak256};
use alloy_trie::proof::verify_proof;
use alloy_trie::{EMPTY_ROOT_HASH, Nibbles, TrieAccount};
use callseal_registry_client::{
    ProofError, SlotsError, VerifiedAccount, verify_account, verify_header, verify_slots,
};
use callseal_testvectors::trie::{self, DEVNET_BLOCK, DEVNET_PROOF, Trie};
use proptest::prelude::*;
use serde_json::Value;

/// A storage trie by its slots.
fn storage(words: &BTreeMap<u16, U256>) -> Trie {
    Trie::of_hashed(
        words
            .iter()
            .map(|(number, word)| (slot(*number).to_vec(), alloy_rlp::encode(word))),
    )
}

fn slot(number: u16) -> B256 {
    B256::from(U256::from(number))
}

/// A verified account with this storage.
fn account_with(storage_root: B256) -> VerifiedAccount {
    let account = TrieAccount {
        storage_root,
        ..TrieAccount::default()
    };
    let address = Address::repeat_byte(0x42);
    let state = Trie::of_hashed([(address.to_vec(), alloy_rlp::encode(account))]);
    let proof = state.prove(&keccak256(address).0);
    verify_account(state.root().into(), address, &proof)
        .unwrap()
        .unwrap()
}

fn ours(storage: &Trie, slot: B256, proof: &[Vec<u8>]) -> Result<U256, SlotsError> {
    let account = account_with(storage.root().into());
    let words = verify_slots(&account, &[slot], &[proof.to_vec()])?;
    Ok(U256::from_be_bytes(words[0].0))
}

fn oracle(storage: &Trie, slot: B256, proof: &[Vec<u8>]) -> Result<U256, String> {
    let value = trie::walk(storage.root(), &trie::keccak256(&slot[..]), proof)?;
    Ok(value.map_or(U256::ZERO, |value| alloy_rlp::decode_exact(value).unwrap()))
}

fn words() -> impl Strategy<Value = BTreeMap<u16, U256>> {
    let word = prop_oneof![
        (1_u64..300).prop_map(U256::from),
        any::<[u8; 32]>().prop_map(|word| U256::from_be_bytes(word) | U256::ONE),
    ];
    prop::collection::btree_map(0_u16..400, word, 0..80)
}

/// Something done to a proof; places count round.
#[derive(Clone, Debug)]
enum Mangle {
    Flip {
        node: usize,
        octet: usize,
        bit: u8,
    },
    Cut(usize),
    Swap(usize, usize),
    Repeat(usize),
    Remove(usize),
    Insert {
        at: usize,
        node: Vec<u8>,
    },
    /// Goes on as another slot's proof does.
    Continue {
        at: usize,
        other: u16,
    },
}

fn mangle() -> impl Strategy<Value = Mangle> {
    let any = any::<usize>;
    prop_oneof![
        (any(), any(), 0_u8..8).prop_map(|(node, octet, bit)| Mangle::Flip { node, octet, bit }),
        any().prop_map(Mangle::Cut),
        (any(), any()).prop_map(|(one, other)| Mangle::Swap(one, other)),
        any().prop_map(Mangle::Repeat),
        any().prop_map(Mangle::Remove),
        (any(), prop::collection::vec(prop::num::u8::ANY, 0..40))
            .prop_map(|(at, node)| Mangle::Insert { at, node }),
        (any(), 0_u16..400).prop_map(|(at, other)| Mangle::Continue { at, other }),
    ]
}

fn apply(mangle: Mangle, storage: &Trie, proof: &mut Vec<Vec<u8>>) {
    let place = |at: usize, len: usize| at % len.max(1);
    let len = proof.len();
    match mangle {
        Mangle::Insert { at, node } => proof.insert(place(at, len + 1), node),
        Mangle::Continue { at, other } => {
            let other = storage.prove(&keccak256(slot(other)).0);
            let at = place(at, len + 1);
            proof.truncate(at);
            proof.extend(other.into_iter().skip(at));
        }
        _ if len == 0 => {}
        Mangle::Flip { node, octet, bit } => {
            let node = &mut proof[place(node, len)];
            if !node.is_empty() {
                let octet = place(octet, node.len());
                node[octet] ^= 1 << bit;
            }
        }
        Mangle::Cut(at) => proof.truncate(place(at, len)),
        Mangle::Swap(one, other) => proof.swap(place(one, len), place(other, len)),
        Mangle::Repeat(at) => proof.insert(place(at, len), proof[place(at, len)].clone()),
        Mangle::Remove(at) => drop(proof.remove(place(at, len))),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_word_of_any_storage_is_proven_and_so_is_every_gap(
        words in words(),
        probe in 0_u16..400,
    ) {
        let storage = storage(&words);
        for number in words.keys().copied().take(8).chain([probe]) {
            let (slot, word) = (slot(number), words.get(&number).copied().unwrap_or_default());
            let proof = storage.prove(&keccak256(slot).0);
            prop_assert_eq!(ours(&storage, slot, &proof), Ok(word));
            prop_assert_eq!(oracle(&storage, slot, &proof), Ok(word));
            let leaf = (!word.is_zero()).then(|| alloy_rlp::encode(word));
            let nodes: Vec<_> = proof.into_iter().map(Bytes::from).collect();
            let key = Nibbles::unpack(keccak256(slot));
            prop_assert_eq!(verify_proof(storage.root().into(), key, leaf, &nodes), Ok(()));
        }
    }

    #[test]
    fn whatever_is_done_to_a_proof_the_verdict_is_one(
        words in words(),
        probe in 0_u16..400,
        mangles in prop::collection::vec(mangle(), 1..4),
    ) {
        let (storage, slot) = (storage(&words), slot(probe));
        let mut proof = storage.prove(&keccak256(slot).0);
        for mangle in mangles {
            apply(mangle, &storage, &mut proof);
        }
        let word = words.get(&probe).copied().unwrap_or_default();
        match (ours(&storage, slot, &proof), oracle(&storage, slot, &proof)) {
            (Ok(ours), Ok(oracle)) => prop_assert_eq!((ours, oracle), (word, word)),
            (Err(_), Err(_)) => {}
            (ours, oracle) => prop_assert!(false, "{:?} and {:?}", ours, oracle),
        }
    }
}

#[test]
fn another_clients_header_account_and_storage_are_verified() {
    let block: Value = serde_json::from_str(DEVNET_BLOCK).unwrap();
    let proof: Value = serde_json::from_str(DEVNET_PROOF).unwrap();
    let (block, proof) = (&block["result"], &proof["result"]);
    let field = |name: &str| block[name].as_str().unwrap();
    let number = |name: &str| u64::from_str_radix(&field(name)[2..], 16).unwrap();
    let header = Header {
        parent_hash: field("parentHash").parse().unwrap(),
        ommers_hash: field("sha3Uncles").parse().unwrap(),
        beneficiary: field("miner").parse().unwrap(),
        state_root: field("stateRoot").parse().unwrap(),
        transactions_root: field("transactionsRoot").parse().unwrap(),
        receipts_root: field("receiptsRoot").parse().unwrap(),
        number: number("number"),
        gas_limit: number("gasLimit"),
        gas_used: number("gasUsed"),
        timestamp: number("timestamp"),
        mix_hash: field("mixHash").parse().unwrap(),
        base_fee_per_gas: Some(number("baseFeePerGas")),
        withdrawals_root: Some(field("withdrawalsRoot").parse().unwrap()),
        ..Header::default()
    };
    let header = verify_header(field("hash").parse().unwrap(), &header).unwrap();
    assert_eq!(header.number(), 168);

    let nodes = |value: &Value| -> Vec<Vec<u8>> {
        let node = |node: &Value| node.as_str().unwrap().parse::<Bytes>().unwrap().into();
        value.as_array().unwrap().iter().map(node).collect()
    };
    let contract = address!("5fbdb2315678afecb367f032d93f642f64180aa3");
    let account = nodes(&proof["accountProof"]);
    let account = verify_account(header.state_root(), contract, &account)
        .unwrap()
        .unwrap();
    assert_eq!(account.nonce(), 1);
    assert_eq!(
        account.code_hash(),
        b256!("6727c2efecd10879fdf0ef8021ed947a977d482253a7df22cf6f3575e75bd8c9")
    );
    let record = keccak256([keccak256("tel:+8613800000001"), B256::ZERO].concat());
    let slots = [
        record,
        B256::from(U256::from_be_bytes(record.0) + U256::ONE),
    ];
    let proofs: Vec<_> = (0..2)
        .map(|index| nodes(&proof["storageProof"][index]["proof"]))
        .collect();
    assert_eq!(
        verify_slots(&account, &slots, &proofs).unwrap(),
        [
            B256::repeat_byte(0x11),
            b256!("000000000000000000000000000000000000000000000002000000006b027881"),
        ]
    );
}

#[test]
fn an_empty_trie_needs_no_node_and_bears_the_one_that_says_so() {
    let verify = |proof: &[Vec<u8>]| verify_account(EMPTY_ROOT_HASH, Address::ZERO, proof);
    assert_eq!(verify(&[]), Ok(None));
    assert_eq!(verify(&[vec![0x80]]), Ok(None));
    for more in [vec![vec![0x80]; 2], vec![Vec::new()], vec![vec![0xc0]]] {
        assert!(matches!(verify(&more), Err(ProofError::Surplus { .. })));
    }
}

#[test]
fn a_proven_value_of_the_wrong_kind_is_refused() {
    let address = Address::repeat_byte(0x42);
    let state = |leaf: Vec<u8>| Trie::of_hashed([(address.to_vec(), leaf)]);
    let account = alloy_rlp::encode(TrieAccount::default());
    let longer = [&account[..], &[0x80]].concat();
    for leaf in [
        vec![0x05],
        vec![0xc0],
        longer,
        account[..account.len() - 1].to_vec(),
    ] {
        let state = state(leaf);
        let proof = state.prove(&keccak256(address).0);
        let refusal = verify_account(state.root().into(), address, &proof).unwrap_err();
        assert!(
            matches!(
                refusal,
                ProofError::Value {
                    wanted: "an account",
                    ..
                }
            ),
            "{refusal}"
        );
    }
    // 33 octets, a leading zero, a list.
    for leaf in [
        alloy_rlp::encode(&[1_u8; 33][..]),
        alloy_rlp::encode(&[0_u8, 1][..]),
        vec![0xc0],
    ] {
        let storage = Trie::of_hashed([(slot(1).to_vec(), leaf)]);
        let proof = storage.prove(&keccak256(slot(1)).0);
        let refusal = ours(&storage, slot(1), &proof).unwrap_err();
        let SlotsError::Proof { source, .. } = refusal else {
            panic!("{refusal}")
        };
        assert!(matches!(*source, ProofError::Value { .. }), "{source}");
    }
}
