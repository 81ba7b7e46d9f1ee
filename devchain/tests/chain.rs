//! Blocks, receipts and time of the embedded chain.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use alloy_consensus::{EMPTY_ROOT_HASH, Header};
use alloy_primitives::{Address, B256, Bytes, U256, hex, keccak256};
use callseal_devchain::{
    ClockError, DevBeacon, DevChain, Genesis, GenesisAccount, Outcome, SendError, Transaction,
};
use callseal_registry_client::light::Beacon as _;
use callseal_registry_client::{Transport, TransportError};
use callseal_testvectors::trie::Trie;

use crate::enrolled::{CHAIN_ID, Subscriber, registry};

mod enrolled;

/// Init code for a contract whose code is `code`.
fn init_code(code: &[u8]) -> Vec<u8> {
    // PUSH1 len, DUP1, PUSH1 10, PUSH0, CODECOPY, PUSH0, RETURN: ten octets, then the code.
    let head = [
        0x60,
        u8::try_from(code.len()).unwrap(),
        0x80,
        0x60,
        0x0a,
        0x5f,
        0x39,
        0x5f,
        0xf3,
        0x00,
    ];
    [&head, code].concat()
}

#[test]
fn every_block_is_named_by_its_header_and_names_its_parent() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let mut headers: Vec<Header> = Vec::new();
    let mut see = || headers.push(chain.header_of(chain.head()).unwrap());
    see();
    chain.mine();
    see();
    alice.enrol(&chain, &registry);
    see();
    let (first, mined, last) = (&headers[0], &headers[1], &headers[2]);
    assert_eq!(mined.parent_hash, first.hash_slow());
    assert_eq!(mined.number, first.number + 1);
    assert_eq!(mined.timestamp, first.timestamp + 12);
    assert_eq!(
        (mined.gas_used, mined.transactions_root),
        (0, EMPTY_ROOT_HASH)
    );
    assert_eq!(mined.state_root, first.state_root);
    assert_eq!(last.hash_slow(), chain.head());
    assert_eq!(last.number, mined.number + 2);
    assert_ne!(last.state_root, mined.state_root);
    assert!(
        last.base_fee_per_gas < mined.base_fee_per_gas,
        "blocks are nearly empty"
    );
}

#[test]
fn receipts_are_committed_to_by_the_header() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let receipt = registry
        .add_client(alice.wallet, &alice.claim(&registry))
        .unwrap();
    let header = chain.header_of(receipt.block_hash).unwrap();
    assert_eq!(header.gas_used, receipt.gas_used);
    let [log] = &receipt.logs[..] else {
        panic!("one event")
    };
    let said = |topic: &[u8]| {
        header
            .logs_bloom
            .contains_input(alloy_primitives::BloomInput::Raw(topic))
    };
    assert!(said(registry.address().as_slice()));
    assert!(log.topics().iter().all(|topic| said(topic.as_slice())));
    assert!(!said(b"something else"));

    // The receipt again, by hand: type 2 (EIP-2718), then status, gas, bloom and logs.
    let topics: Vec<B256> = log.topics().to_vec();
    let mut fields = Vec::new();
    let log_fields = [
        alloy_rlp::encode(log.address),
        alloy_rlp::encode(&topics),
        alloy_rlp::encode(&log.data.data),
    ];
    let list = |items: &[u8]| {
        let mut list = Vec::new();
        alloy_rlp::Header {
            list: true,
            payload_length: items.len(),
        }
        .encode(&mut list);
        [list, items.to_vec()].concat()
    };
    for field in [
        alloy_rlp::encode(1_u8),
        alloy_rlp::encode(receipt.gas_used),
        alloy_rlp::encode(header.logs_bloom),
        list(&list(&log_fields.concat())),
    ] {
        fields.extend(field);
    }
    let envelope = [&[2], &list(&fields)[..]].concat();
    let slow = Trie::of([(alloy_rlp::encode(0_u8), envelope)]);
    assert_eq!(header.receipts_root.0, slow.root());
}

#[test]
fn equal_calls_of_different_senders_are_different_transactions() {
    let chain = DevChain::new(CHAIN_ID);
    let to = Address::repeat_byte(0x77);
    let receipts = chain
        .transact_all([1, 2].map(|index| Transaction::call(chain.account(index), to, [])))
        .unwrap();
    assert_eq!(receipts[0].block_hash, receipts[1].block_hash);
    assert_ne!(receipts[0].transaction_hash, receipts[1].transaction_hash);
}

#[test]
fn a_revert_takes_back_everything_but_the_fee() {
    let chain = DevChain::new(CHAIN_ID);
    let sender = chain.account(1);
    // Stores 1 in slot 0, then reverts with nothing.
    let contract = chain
        .deploy(sender, init_code(&hex!("60015f555f5ffd")))
        .unwrap();
    let (before, root) = (chain.balance(sender), storage_root(&chain, contract));
    let receipt = chain.send(sender, contract, []).unwrap();
    assert_eq!(receipt.outcome, Outcome::Reverted(Bytes::new()));
    assert_eq!(chain.head(), receipt.block_hash);
    assert_eq!(storage_root(&chain, contract), root);
    let base_fee = chain
        .header_of(chain.head())
        .unwrap()
        .base_fee_per_gas
        .unwrap();
    let fee = U256::from(receipt.gas_used) * U256::from(base_fee);
    assert_eq!(chain.balance(sender), before - fee);
}

#[test]
fn a_call_has_no_effect() {
    let chain = DevChain::new(CHAIN_ID);
    let sender = chain.account(1);
    // Counts up in slot 0 and returns the count.
    let counter = hex!("5f54600101805f555f5260205ff3");
    let contract = chain.deploy(sender, init_code(&counter)).unwrap();
    let head = chain.head();
    let one = Outcome::Returned(B256::with_last_byte(1).into());
    let nobody = Address::repeat_byte(0x99);
    for _ in 0..2 {
        assert_eq!(chain.call(nobody, contract, []), Ok(one.clone()));
    }
    assert_eq!(chain.head(), head);
    assert_eq!(chain.send(sender, contract, []).unwrap().outcome, one);
    let two = Outcome::Returned(B256::with_last_byte(2).into());
    assert_eq!(chain.call(nobody, contract, []), Ok(two));
}

#[test]
fn what_the_rules_forbid_is_in_no_block() {
    let chain = DevChain::new(CHAIN_ID);
    let head = chain.head();
    let to = chain.account(2);
    let penniless = Address::repeat_byte(0x99);
    assert!(matches!(
        chain.send(penniless, to, []),
        Err(SendError::Invalid(_))
    ));
    let beyond_its_means = Transaction {
        value: chain.balance(to) + U256::ONE,
        ..Transaction::call(to, chain.account(1), [])
    };
    let good = Transaction::call(chain.account(1), to, []);
    assert!(chain.transact_all([good, beyond_its_means]).is_err());
    assert_eq!(chain.head(), head, "all or none");
    // INVALID in the init code: a block holds the failure.
    let failed = chain.deploy(to, [0xfe]);
    assert!(matches!(
        failed,
        Err(SendError::NotCreated(Outcome::Halted(_)))
    ));
    assert_ne!(chain.head(), head);
}

#[test]
fn a_small_wallet_can_send_what_it_can_pay() {
    let small = Address::repeat_byte(0x99);
    let funds = GenesisAccount {
        // A little more than a plain transfer costs at the first base fee.
        balance: U256::from(25_000_u64 * 1_000_000_000),
        ..GenesisAccount::default()
    };
    let chain = DevChain::from_genesis(Genesis::new(CHAIN_ID).with_account(small, funds));
    let receipt = chain.send(small, Address::repeat_byte(0x77), []).unwrap();
    assert_eq!(receipt.outcome, Outcome::Returned(Bytes::new()));
    assert_eq!(receipt.gas_used, 21_000);
}

#[test]
fn transactions_spill_into_as_many_blocks_as_their_gas_needs() {
    let chain = DevChain::new(CHAIN_ID);
    let sender = chain.account(1);
    // Burns about 12 million gas: 3 · 2^16 turns of a loop over the hash of nothing.
    let burner = hex!("620300005b5f5f20506001900380600457");
    let contract = chain.deploy(sender, init_code(&burner)).unwrap();
    let before = chain.head_number();
    let receipts = chain
        .transact_all((0..6).map(|_| Transaction::call(sender, contract, [])))
        .unwrap();
    assert!(
        receipts
            .iter()
            .all(|receipt| matches!(receipt.outcome, Outcome::Returned(_)))
    );
    let total: u64 = receipts.iter().map(|receipt| receipt.gas_used).sum();
    assert!(total > 60_000_000, "one block would do for {total} gas");
    assert!(chain.head_number() > before + 1);
    let numbers: Vec<_> = receipts
        .iter()
        .map(|receipt| receipt.block_number)
        .collect();
    assert!(numbers.is_sorted());
    for receipt in &receipts {
        let header = chain.header_of(receipt.block_hash).unwrap();
        assert_eq!(header.number, receipt.block_number);
        assert!(header.gas_used <= header.gas_limit);
    }
}

#[test]
fn the_clock_is_the_callers_and_runs_forward() {
    let chain = DevChain::from_genesis(Genesis::new(CHAIN_ID).at(1_000));
    assert_eq!(chain.head_timestamp(), 1_000);
    chain.mine();
    assert_eq!(chain.head_timestamp(), 1_012);
    let refused = Err(ClockError {
        head: 1_012,
        wanted: 1_012,
    });
    assert_eq!(chain.set_next_timestamp(1_012), refused);
    chain.set_next_timestamp(5_000).unwrap();
    chain.mine();
    chain.mine();
    assert_eq!(chain.head_timestamp(), 5_012);
}

#[test]
fn contracts_see_the_hashes_of_blocks_before() {
    let chain = DevChain::new(CHAIN_ID);
    let sender = chain.account(1);
    // Returns the hash of the block whose number is in the calldata.
    let contract = chain
        .deploy(sender, init_code(&hex!("5f35405f5260205ff3")))
        .unwrap();
    let first = chain.head();
    let ask = |number: u64| {
        chain
            .call(sender, contract, B256::from(U256::from(number)))
            .unwrap()
    };
    chain.mine();
    chain.mine();
    assert_eq!(ask(1), Outcome::Returned(first.into()));
    assert_eq!(ask(100), Outcome::Returned(B256::ZERO.into()));
}

#[test]
fn old_blocks_are_forgotten_in_order() {
    let mut chain = DevChain::from_genesis(Genesis::new(CHAIN_ID).keeping(3));
    let blocks: Vec<_> = std::iter::once(chain.head())
        .chain((0..4).map(|_| chain.mine()))
        .collect();
    for (index, block_hash) in blocks.into_iter().enumerate() {
        let proof = chain.proof(chain.account(0), &[], block_hash);
        if index < 2 {
            assert!(matches!(proof, Err(TransportError::UnknownBlock { .. })));
            assert!(matches!(
                chain.header(block_hash),
                Err(TransportError::UnknownBlock { .. })
            ));
        } else {
            assert!(proof.is_ok());
            assert_eq!(chain.header(block_hash).unwrap().hash_slow(), block_hash);
        }
    }
}

#[test]
fn a_genesis_can_hold_code_and_storage() {
    // Returns the word in slot 0.
    let code = Bytes::from(hex!("5f545f5260205ff3"));
    let contract = Address::repeat_byte(0x42);
    let word = B256::repeat_byte(0x17);
    let account = GenesisAccount {
        nonce: 1,
        code: code.clone(),
        storage: [(B256::ZERO, word), (B256::with_last_byte(1), B256::ZERO)].into(),
        ..GenesisAccount::default()
    };
    let chain = DevChain::from_genesis(Genesis::new(CHAIN_ID).with_account(contract, account));
    assert_eq!(chain.code_hash(contract), keccak256(&code));
    let got = chain.call(chain.account(0), contract, []);
    assert_eq!(got, Ok(Outcome::Returned(word.into())));
    let slow = Trie::of_hashed([(
        B256::ZERO.to_vec(),
        alloy_rlp::encode(U256::from_be_bytes(word.0)),
    )]);
    assert_eq!(storage_root(&chain, contract).0, slow.root());
}

fn storage_root(chain: &DevChain, contract: Address) -> B256 {
    let header = chain.header_of(chain.head()).unwrap();
    let proof = chain.clone().proof(contract, &[], chain.head()).unwrap();
    let account =
        callseal_registry_client::verify_account(header.state_root, contract, &proof.account);
    account.unwrap().unwrap().storage_root()
}

/// A light client refuses what is signed in the future, also at the turn of a period.
#[test]
fn nothing_that_passes_with_the_clock_is_signed_in_its_future() {
    let chain = DevChain::from_genesis(Genesis::new(1).at(1_000_000));
    let mut beacon = DevBeacon::new(&chain).unwrap();
    beacon.finalize();
    let period = beacon.network().preset().slots_per_period() * 12;
    let mut newest = 0;
    for time in (beacon.now()..).step_by(5).take(3 * period as usize / 5) {
        beacon.pass_to(time);
        let update = beacon.finality_update().unwrap();
        let signed = beacon.network().time_of(update.signature_slot);
        assert!(signed <= time, "{signed} at {time}");
        // And it does not stand still for more than a few slots.
        newest = newest.max(signed);
        assert!(time - newest < 8 * 12, "{newest} at {time}");
    }
}
