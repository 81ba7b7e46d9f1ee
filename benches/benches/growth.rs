//! How a look-up grows with the number of subscribers: the storage of a
//! registry with so many of them is generated, its trie built, and one
//! subscriber's record proven and verified.
//!
//! A line of JSON for each size. As a test (`cargo test`), the smallest alone.

use std::time::{Duration, Instant};

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_trie::proof::ProofRetainer;
use alloy_trie::{HashBuilder, Nibbles, TrieAccount};
use callseal_benches::report::Growth;
use callseal_devchain::{
    Claim, DevBeacon, DevChain, DevRegistry, Operator, prove_possession, uncompressed_key,
};
use callseal_registry_client::light::{Beacon, Fork, Network, Preset, Update};
use callseal_registry_client::{
    Evidence, EvidenceError, RawProof, layout, number_hash, record_at, verify_account, verify_slots,
};

const SUBSCRIBERS: [usize; 3] = [1_000, 100_000, 1_000_000];
/// Accounts beside the registry's: the chain's, whatever the registry holds.
const ACCOUNTS: usize = 1_000_000;
const CONTRACT: Address = Address::repeat_byte(0x42);
/// Where the contract lists the numbers that it has approved.
const APPROVED_NUMBERS: u64 = 5;
const APPROVED: u8 = 2;

fn main() {
    let measures = std::env::args().any(|argument| argument == "--bench");
    let (sizes, accounts) = match measures {
        true => (&SUBSCRIBERS[..], ACCOUNTS),
        false => (&SUBSCRIBERS[..1], 1_000),
    };
    let gas = gas();
    let mut last: Option<Growth> = None;
    for subscribers in sizes {
        let growth = measure(*subscribers, accounts, gas);
        println!("{}", serde_json::to_string(&growth).expect("figures"));
        if let Some(last) = last.replace(growth) {
            assert_logarithmic(&last, &growth);
        }
    }
}

/// A trie is as deep as its number of slots has digits in base 16; a path may be two nodes longer than most.
fn assert_logarithmic(small: &Growth, large: &Growth) {
    const BRANCH_LEN: usize = 532;
    let times = large.subscribers as f64 / small.subscribers as f64;
    let digits = times.log(16.0).ceil() as usize;
    assert!(large.depth <= small.depth + digits + 2);
    let grown = large.proof_len - small.proof_len;
    let slots = layout::number_slots(B256::ZERO).len();
    assert!(grown <= slots * digits * BRANCH_LEN, "{grown}");
}

fn measure(subscribers: usize, accounts: usize, gas: u64) -> Growth {
    let number = number(subscribers / 2);
    let slots = layout::number_slots(number_hash(&number).expect("a number"));
    let storage = storage(subscribers);
    let slots_used = storage.len();
    let targets: Vec<_> = slots.iter().map(keccak256).collect();
    let (storage_root, of_slots) = trie(storage, &targets);
    let contract = TrieAccount {
        nonce: 1,
        balance: U256::ZERO,
        storage_root,
        code_hash: layout::CODE_HASH,
    };
    let others = (0..accounts).map(|index| {
        let account = TrieAccount {
            nonce: index as u64,
            balance: U256::from(index),
            ..TrieAccount::default()
        };
        (keccak256(index.to_be_bytes()), alloy_rlp::encode(account))
    });
    let address = keccak256(CONTRACT);
    let state = others.chain([(address, alloy_rlp::encode(contract))]);
    let (state_root, mut of_account) = trie(state.collect(), &[address]);
    let proof = RawProof {
        account: of_account.remove(0),
        slots: of_slots,
    };

    let verify = || {
        let account = verify_account(state_root, CONTRACT, &proof.account)
            .expect("our own proof")
            .expect("it is there");
        let words = verify_slots(&account, &slots, &proof.slots).expect("our own proof");
        let words = words.try_into().expect("as many as were asked for");
        record_at(1, words).expect("what the contract writes")
    };
    assert!(verify().is_some_and(|record| record.is_in_force(1)));
    let verify_ns = median(verify).as_nanos() as f64;

    let nodes = |nodes: &[Vec<u8>]| nodes.iter().map(Vec::len).sum::<usize>();
    let longest = proof.slots.iter().map(Vec::len).max().unwrap_or_default();
    Growth {
        subscribers,
        depth: longest,
        account_proof_len: nodes(&proof.account),
        proof_len: nodes(&proof.account)
            + proof.slots.iter().map(|slot| nodes(slot)).sum::<usize>(),
        staple_len: staple_len(proof),
        verify_ns,
        slots: slots_used,
        gas,
    }
}

/// What is in the contract's storage, sorted by what the trie sorts by.
fn storage(subscribers: usize) -> Vec<(B256, Vec<u8>)> {
    let word = |slot: B256, value: B256| {
        let value = U256::from_be_bytes(value.0);
        (keccak256(slot), alloy_rlp::encode(value))
    };
    let at = |base: B256, offset: usize| {
        let slot = U256::from_be_bytes(base.0).wrapping_add(U256::from(offset));
        B256::from(slot)
    };
    let list = keccak256(B256::from(U256::from(APPROVED_NUMBERS)));
    let mut words = vec![word(
        B256::from(U256::from(APPROVED_NUMBERS)),
        B256::from(U256::from(subscribers)),
    )];
    for slot in layout::operator_slots() {
        words.push(word(slot, keccak256(slot)));
    }
    for index in 0..subscribers {
        let number_hash = number_hash(&number(index)).expect("a number");
        let [key, packed] = layout::client_slots(number_hash);
        let mut content = keccak256(packed);
        // Status, prefix, revision, valid since; then the holder.
        content.0[..12].copy_from_slice(&[APPROVED, 3, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1]);
        words.push(word(key, keccak256(key)));
        words.push(word(packed, content));
        words.push(word(at(key, 2), number_hash));
        words.push(word(at(list, index), number_hash));
    }
    words
}

/// A trie's root, and the nodes on the way to each of the targets.
fn trie(mut leaves: Vec<(B256, Vec<u8>)>, targets: &[B256]) -> (B256, Vec<Vec<Vec<u8>>>) {
    leaves.sort_unstable();
    let paths: Vec<_> = targets.iter().map(Nibbles::unpack).collect();
    let mut builder = HashBuilder::default().with_proof_retainer(ProofRetainer::new(paths.clone()));
    for (path, value) in &leaves {
        builder.add_leaf(Nibbles::unpack(path), value);
    }
    let root = builder.root();
    let nodes = builder.take_proof_nodes();
    let of = |path: &Nibbles| {
        let nodes = nodes.matching_nodes_sorted(path);
        nodes.into_iter().map(|(_, node)| node.to_vec()).collect()
    };
    (root, paths.iter().map(of).collect())
}

/// What the record takes with all that proves it on a network of the main
/// network's sizes, whether or not that is too much.
fn staple_len(mut proof: RawProof) -> usize {
    let (network, finality_update, header) = finality();
    proof.slots.remove(2);
    let evidence = Evidence {
        finality_update,
        header,
        proof,
    };
    match evidence.encode(&network) {
        Ok(octets) => octets.len(),
        Err(EvidenceError::TooLong { len }) => len,
        Err(error) => panic!("{error}"),
    }
}

fn finality() -> (Network, Update, Header) {
    let chain = DevChain::new(1);
    let mut beacon =
        DevBeacon::with_preset(&chain, Fork::Fulu, Preset::Mainnet).expect("a network of Fulu");
    beacon.finalize();
    beacon.finalize();
    let block = beacon.finalized_block().expect("it is there");
    let header = chain.header_of(block).expect("it is there");
    let update = beacon.finality_update().expect("it is there");
    (beacon.network().clone(), update, header)
}

/// What claiming a number and approving it cost together, once others are
/// there.
fn gas() -> u64 {
    let chain = DevChain::new(1);
    let operator = chain.account(0);
    let keys = Operator {
        account: operator,
        signing_key: uncompressed_key(&[1; 32]).expect("a secret key"),
        sealing_key: [2; 32],
    };
    let registry = DevRegistry::deploy(&chain, operator, &keys).expect("good keys");
    let enrol = |index: usize| {
        let wallet = chain.account(1 + index);
        let identity = keccak256(index.to_be_bytes()).0;
        let number_hash = number_hash(&number(index)).expect("a number");
        let digest = registry.proof_of_possession_digest(number_hash, wallet);
        let claim = Claim {
            number_hash,
            key: uncompressed_key(&identity).expect("a secret key"),
            token_hash: B256::repeat_byte(7),
            proof_of_possession: prove_possession(&identity, digest).expect("a secret key"),
        };
        let added = registry.add_client(wallet, &claim).expect("a good claim");
        let record_hash = claim.record_hash(wallet);
        let approved = registry
            .approve_client(operator, number_hash, wallet, record_hash)
            .expect("a pending claim");
        added.gas_used + approved.gas_used
    };
    enrol(0);
    enrol(1)
}

fn median<T>(mut work: impl FnMut() -> T) -> Duration {
    let mut times: Vec<_> = (0..301)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(work());
            begun.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[times.len() / 2]
}

fn number(index: usize) -> String {
    format!("+86138{index:08}")
}
