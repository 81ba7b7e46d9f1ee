//! A registry of a hundred times as many subscribers is proven by little more.

use alloy_primitives::{B256, U256, keccak256};
use alloy_trie::proof::ProofRetainer;
use alloy_trie::{HashBuilder, Nibbles};
use callseal_registry_client::{layout, number_hash};

/// Each way down is as long as the number of slots has digits in base 16: a hundred times as many are 1.66 digits
/// more, of a branch of 532 octets each.
#[test]
fn proofs_grow_with_the_logarithm_of_the_number_of_subscribers() {
    let [small, large] = [1_000, 100_000].map(longest_and_octets);
    println!("{small:?} {large:?}");
    assert!(large.0 - small.0 <= 3, "the longest: {large:?}, {small:?}");
    let (branch_len, slots) = (532, 2 * PROVEN);
    let grown = (large.1 - small.1) / slots;
    assert!((branch_len..=2 * branch_len).contains(&grown), "{grown}");
}

/// How many of the subscribers are looked up, two slots each.
const PROVEN: usize = 16;

/// The most nodes of a proof, and the octets of all, of some subscribers' records among so many.
fn longest_and_octets(subscribers: usize) -> (usize, usize) {
    let number = |index: usize| format!("+861{index:010}");
    let slots = |index: usize| layout::client_slots(number_hash(&number(index)).expect("a number"));
    let leaf = |slot: B256| {
        (
            keccak256(slot),
            alloy_rlp::encode(U256::from_be_bytes(slot.0)),
        )
    };
    let mut leaves: Vec<_> = (0..subscribers).flat_map(slots).map(leaf).collect();
    leaves.sort_unstable();
    let step = subscribers / PROVEN;
    let proven = (0..PROVEN).flat_map(|nth| slots(nth * step));
    let paths: Vec<_> = proven
        .map(|slot| Nibbles::unpack(keccak256(slot)))
        .collect();
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(paths.clone()));
    for (path, value) in &leaves {
        builder.add_leaf(Nibbles::unpack(path), value);
    }
    builder.root();
    let nodes = builder.take_proof_nodes();
    let proofs = paths.iter().map(|path| nodes.matching_nodes_sorted(path));
    let (mut longest, mut octets) = (0, 0);
    for proof in proofs {
        longest = longest.max(proof.len());
        octets += proof.iter().map(|(_, node)| node.len()).sum::<usize>();
    }
    (longest, octets)
}
