//! Proofs of accounts and slots, walked by us and by the oracle.

use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256, keccak256};
use alloy_trie::TrieAccount;
use callseal_registry_client::{
    ProofError, SlotsError, VerifiedAccount, verify_account, verify_slots,
};
use callseal_testvectors::trie::{self, Trie};

/// Stands for the hash of the next node, so that a changed node is still the one that its parent names.
const NEXT: [u8; 32] = [0xee; 32];

/// `data`: 32 octets of slot, whose last 20 are an address; then nodes, each a length of two octets, most
/// significant first, and as many octets.
pub fn proof_walk(data: &[u8]) {
    let Some((slot, mut rest)) = data.split_first_chunk::<32>() else {
        return;
    };
    let mut proof = Vec::new();
    while let Some((len, after)) = rest.split_first_chunk::<2>() {
        let len = usize::from(u16::from_be_bytes(*len)).min(after.len());
        let (node, after) = after.split_at(len);
        proof.push(node.to_vec());
        rest = after;
    }
    link(&mut proof);
    let root = proof.first().map_or([0; 32], |node| trie::keccak256(node));

    let address = Address::from_slice(&slot[12..]);
    let oracle = trie::walk(root, &trie::keccak256(&address[..]), &proof);
    match verify_account(root.into(), address, &proof) {
        Ok(None) => assert_eq!(oracle, Ok(None)),
        Ok(Some(account)) => {
            let value = alloy_rlp::encode(TrieAccount {
                nonce: account.nonce(),
                balance: account.balance(),
                storage_root: account.storage_root(),
                code_hash: account.code_hash(),
            });
            assert_eq!(oracle, Ok(Some(value)));
        }
        Err(ProofError::Value { .. }) => assert!(matches!(oracle, Ok(Some(_)))),
        // The oracle knows tries of other shapes and lengths too, so it may go on where we refuse.
        Err(_) => {}
    }

    let slot = B256::from(slot);
    let oracle = trie::walk(root, &trie::keccak256(&slot[..]), &proof);
    match verify_slots(&account_with(root.into()), &[slot], &[proof]) {
        Ok(words) => {
            let word = U256::from_be_bytes(words[0].0);
            // A leaf may hold a zero that no client would store.
            let value = oracle
                .expect("we accepted it")
                .unwrap_or_else(|| alloy_rlp::encode(U256::ZERO));
            assert_eq!(value, alloy_rlp::encode(word));
        }
        Err(SlotsError::Proof { source, .. }) => {
            if let ProofError::Value { .. } = *source {
                assert!(matches!(oracle, Ok(Some(_))));
            }
        }
        Err(_) => {}
    }
}

fn link(proof: &mut [Vec<u8>]) {
    let mut next: Option<[u8; 32]> = None;
    for node in proof.iter_mut().rev() {
        if let Some(hash) = next
            && let Some(at) = node.windows(NEXT.len()).position(|window| window == NEXT)
        {
            node[at..at + NEXT.len()].copy_from_slice(&hash);
        }
        next = Some(trie::keccak256(node));
    }
}

fn account_with(storage_root: B256) -> VerifiedAccount {
    let address = Address::ZERO;
    let account = TrieAccount {
        storage_root,
        code_hash: KECCAK256_EMPTY,
        ..TrieAccount::default()
    };
    let state = Trie::of_hashed([(address.to_vec(), alloy_rlp::encode(account))]);
    let proof = state.prove(&keccak256(address).0);
    verify_account(state.root().into(), address, &proof)
        .expect("an honest proof")
        .expect("of an account that is there")
}
