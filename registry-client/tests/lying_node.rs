//! A node may say what it likes: what is not so is refused, and the refusal says where.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, U256};
use callseal_registry_client::{
    Answer, HeaderError, LookUpError, ProofError, RawProof, Registry, SlotsError, Transport,
    TransportError, Verified, layout, number_hash,
};

use crate::state::{CHAIN_ID, Node, STRANGER, State, key_x, number, other_account};

mod state;

fn look_up(state: &State, number: &str, node: Node) -> Result<Verified<Answer>, LookUpError> {
    Registry::new(state.config, state.header.hash_slow(), node).look_up(number)
}

fn account_refused(state: &State, number: &str, node: Node) -> ProofError {
    match look_up(state, number, node) {
        Err(LookUpError::Account { contract, source }) => {
            assert_eq!(contract, state.config.contract);
            *source
        }
        other => panic!("the account is to be refused, not {other:?}"),
    }
}

fn slot_refused(state: &State, number: &str, node: Node, index: usize) -> ProofError {
    match look_up(state, number, node) {
        Err(LookUpError::Slots(SlotsError::Proof { slot, source })) => {
            assert_eq!(
                slot,
                layout::number_slots(number_hash(number).unwrap())[index]
            );
            *source
        }
        other => panic!("slot {index} is to be refused, not {other:?}"),
    }
}

#[test]
fn the_truth_is_accepted() {
    let state = State::new();
    let answer = look_up(&state, &number(7), state.node(&number(7))).unwrap();
    assert_eq!(answer.block_hash(), state.header.hash_slow());
    assert_eq!(
        (answer.block_number(), answer.timestamp()),
        (1_000, 1_800_000_000)
    );
    let record = answer.into_record().unwrap();
    assert!(record.is_in_force());
    assert_eq!(record.value().key[0], 3);
    assert_eq!(record.value().key[1..], key_x(7)[..]);
    let answer = look_up(&state, STRANGER, state.node(STRANGER)).unwrap();
    assert_eq!(*answer.value(), Answer::Absent);
    assert_eq!(answer.into_record(), None);
}

#[test]
fn no_octet_of_a_proof_can_be_another() {
    let state = State::new();
    for number in [&number(7), STRANGER] {
        let honest = state.node(number);
        for (depth, node) in honest.proof.account.iter().enumerate() {
            for at in 0..node.len() {
                let mut liar = honest.clone();
                liar.proof.account[depth][at] ^= 1 << (at % 8);
                let refusal = account_refused(&state, number, liar);
                assert!(matches!(refusal, ProofError::NodeHash { .. }), "{refusal}");
            }
        }
        for (index, nodes) in honest.proof.slots.iter().enumerate() {
            for (depth, node) in nodes.iter().enumerate() {
                for at in 0..node.len() {
                    let mut liar = honest.clone();
                    liar.proof.slots[index][depth][at] ^= 1 << (at % 8);
                    let refusal = slot_refused(&state, number, liar, index);
                    assert!(matches!(refusal, ProofError::NodeHash { .. }), "{refusal}");
                }
            }
        }
    }
}

#[test]
fn a_refusal_says_where_what_was_expected_and_what_came() {
    let state = State::new();
    let mut liar = state.node(&number(7));
    let last = liar.proof.account.len() - 1;
    liar.proof.account[last].push(0);
    let got = alloy_primitives::keccak256(&liar.proof.account[last]);
    let expected = alloy_primitives::keccak256(&state.account_proof(state.config.contract)[last]);
    let refusal = account_refused(&state, &number(7), liar);
    let ProofError::NodeHash {
        path,
        expected: said_expected,
        got: said_got,
    } = refusal
    else {
        panic!("{refusal}");
    };
    assert_eq!((said_expected, said_got), (expected, got));
    assert_eq!(path.depth(), last);
    let key = alloy_primitives::keccak256(state.config.contract);
    let nibbles = alloy_primitives::hex::encode(key);
    assert_eq!(path.to_string(), format!("path {}", &nibbles[..last]));
}

#[test]
fn a_proof_cut_short_proves_nothing() {
    let state = State::new();
    for number in [&number(7), STRANGER] {
        let honest = state.node(number);
        for kept in 0..honest.proof.account.len() {
            let mut liar = honest.clone();
            liar.proof.account.truncate(kept);
            let refusal = account_refused(&state, number, liar);
            assert!(matches!(refusal, ProofError::Truncated { .. }), "{refusal}");
        }
        for (index, nodes) in honest.proof.slots.iter().enumerate() {
            for kept in 0..nodes.len() {
                let mut liar = honest.clone();
                liar.proof.slots[index].truncate(kept);
                let refusal = slot_refused(&state, number, liar, index);
                assert!(matches!(refusal, ProofError::Truncated { .. }), "{refusal}");
            }
            // Without its beginning it hangs in the air.
            let mut liar = honest.clone();
            liar.proof.slots[index].remove(0);
            let refusal = slot_refused(&state, number, liar, index);
            let refused = matches!(
                refusal,
                ProofError::NodeHash { .. } | ProofError::Truncated { .. }
            );
            assert!(refused, "{refusal}");
        }
    }
}

#[test]
fn a_proof_with_something_added_proves_nothing() {
    let state = State::new();
    for number in [&number(7), STRANGER] {
        let honest = state.node(number);
        let spare = state.account_proof(other_account(3));
        let additions = [
            Vec::new(),
            vec![0x80],
            vec![0; 40],
            spare[spare.len() - 1].clone(),
        ];
        for addition in additions {
            for at in 0..=honest.proof.account.len() {
                let mut liar = honest.clone();
                liar.proof.account.insert(at, addition.clone());
                account_refused(&state, number, liar);
            }
            for (index, nodes) in honest.proof.slots.iter().enumerate() {
                for at in 0..=nodes.len() {
                    let mut liar = honest.clone();
                    liar.proof.slots[index].insert(at, addition.clone());
                    let refusal = slot_refused(&state, number, liar, index);
                    if at == nodes.len() {
                        assert!(matches!(refusal, ProofError::Surplus { .. }), "{refusal}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_proof_longer_than_any_trie_is_not_even_hashed() {
    let state = State::new();
    let mut liar = state.node(&number(7));
    liar.proof.account = vec![vec![0; 32]; 10_000];
    let refusal = account_refused(&state, &number(7), liar);
    assert_eq!(
        refusal,
        ProofError::TooManyNodes {
            limit: 65,
            got: 10_000
        }
    );
    let mut liar = state.node(&number(7));
    liar.proof.account[0] = vec![0; 1_000_000];
    let refusal = account_refused(&state, &number(7), liar);
    assert!(
        matches!(refusal, ProofError::NodeTooLong { got: 1_000_000, .. }),
        "{refusal}"
    );
}

#[test]
fn another_accounts_proof_is_not_ours() {
    let state = State::new();
    for index in 0..70 {
        let mut liar = state.node(&number(7));
        liar.proof.account = state.account_proof(other_account(index));
        account_refused(&state, &number(7), liar);
    }
    // Nor can another's absence be made ours.
    for index in 0..70 {
        let mut liar = state.node(&number(7));
        let address = Address::repeat_byte(index);
        if address != state.config.contract {
            liar.proof.account = state.account_proof(address);
            account_refused(&state, &number(7), liar);
        }
    }
}

#[test]
fn another_slots_proof_is_not_ours() {
    let state = State::new();
    let honest = state.node(&number(7));
    let mut swapped = honest.clone();
    swapped.proof.slots.swap(0, 1);
    slot_refused(&state, &number(7), swapped, 0);
    let mut twice = honest.clone();
    twice.proof.slots[1] = twice.proof.slots[0].clone();
    slot_refused(&state, &number(7), twice, 1);
    // Somebody else's key in our number's record, and the other way round.
    for index in (1..=state::SUBSCRIBERS).filter(|index| *index != 7) {
        let other = state.node(&number(index)).proof;
        for slot in 0..2 {
            let mut liar = honest.clone();
            liar.proof.slots[slot] = other.slots[slot].clone();
            slot_refused(&state, &number(7), liar, slot);
        }
    }
}

#[test]
fn nobody_absent_is_present_and_nobody_present_absent() {
    let state = State::new();
    let (present, absent) = (state.node(&number(7)), state.node(STRANGER));
    slot_refused(&state, STRANGER, present.clone(), 0);
    slot_refused(&state, &number(7), absent.clone(), 0);
    // One slot of each: neither a key without a state nor a state without a key.
    for (number, mine, other) in [
        (&number(7)[..], &present, &absent),
        (STRANGER, &absent, &present),
    ] {
        for slot in 0..2 {
            let mut liar = mine.clone();
            liar.proof.slots[slot] = other.proof.slots[slot].clone();
            slot_refused(&state, number, liar, slot);
        }
    }
    // An empty trie, which nobody has any record in, is not our trie.
    for nothing in [Vec::new(), vec![vec![0x80]], vec![Vec::new()]] {
        let mut liar = present.clone();
        liar.proof.slots = vec![nothing.clone(); 4];
        slot_refused(&state, &number(7), liar, 0);
        let mut liar = present.clone();
        liar.proof.account = nothing;
        account_refused(&state, &number(7), liar);
    }
}

#[test]
fn as_many_proofs_are_taken_as_slots_were_asked_for() {
    let state = State::new();
    let honest = state.node(&number(7));
    for got in [0, 1, 3, 5, 100] {
        let mut liar = honest.clone();
        liar.proof.slots.resize(got, honest.proof.slots[0].clone());
        let refusal = look_up(&state, &number(7), liar).unwrap_err();
        assert_eq!(
            refusal,
            LookUpError::Slots(SlotsError::Count { asked: 4, got })
        );
    }
}

#[test]
fn an_earlier_state_is_not_the_trusted_one() {
    let state = State::new();
    // The same registry before its last subscriber came, as an honest node had it then.
    let code_hash = state.config.code_hash;
    let earlier = State::with_code_hash(B256::repeat_byte(9));
    assert_ne!(earlier.header.state_root, state.header.state_root);
    let mut liar = state.node(&number(7));
    liar.proof = earlier.node(&number(7)).proof;
    account_refused(&state, &number(7), liar);
    // With its own header too it is another block.
    let refusal = look_up(&state, &number(7), earlier.node(&number(7))).unwrap_err();
    let LookUpError::Header(HeaderError::Hash { expected, got }) = refusal else {
        panic!("{refusal}");
    };
    assert_eq!(
        (expected, got),
        (state.header.hash_slow(), earlier.header.hash_slow())
    );

    // And where that block is trusted, its code is not ours.
    let config = state.config;
    let trusted = earlier.header.hash_slow();
    let mut reader = Registry::new(config, trusted, earlier.node(&number(7)));
    let got = B256::repeat_byte(9);
    let contract = config.contract;
    let refusal = LookUpError::CodeHash {
        contract,
        expected: code_hash,
        got,
    };
    assert_eq!(reader.look_up(&number(7)).unwrap_err(), refusal);
}

#[test]
fn no_field_of_the_header_can_be_another() {
    let state = State::new();
    let lies: [fn(&mut Header); 24] = [
        |header| header.parent_hash[0] ^= 1,
        |header| header.ommers_hash[0] ^= 1,
        |header| header.beneficiary[0] ^= 1,
        |header| header.state_root[0] ^= 1,
        |header| header.transactions_root[0] ^= 1,
        |header| header.receipts_root[0] ^= 1,
        |header| header.logs_bloom[0] ^= 1,
        |header| header.difficulty += U256::ONE,
        |header| header.number += 1,
        |header| header.gas_limit += 1,
        |header| header.gas_used += 1,
        |header| header.timestamp += 1,
        |header| header.extra_data = [1].into(),
        |header| header.mix_hash[0] ^= 1,
        |header| header.nonce[0] ^= 1,
        |header| header.base_fee_per_gas = Some(8),
        |header| header.base_fee_per_gas = None,
        |header| header.withdrawals_root = None,
        |header| header.blob_gas_used = Some(0),
        |header| header.excess_blob_gas = Some(0),
        |header| header.parent_beacon_block_root = Some(B256::ZERO),
        |header| header.requests_hash = Some(B256::ZERO),
        |header| header.block_access_list_hash = Some(B256::ZERO),
        |header| header.slot_number = Some(0),
    ];
    for (index, lie) in lies.into_iter().enumerate() {
        let mut liar = state.node(&number(7));
        lie(&mut liar.header);
        let refusal = look_up(&state, &number(7), liar).unwrap_err();
        assert!(
            matches!(refusal, LookUpError::Header(_)),
            "lie {index}: {refusal}"
        );
    }
}

#[test]
fn a_node_of_another_chain_is_named() {
    let state = State::new();
    let liar = Node {
        chain_id: 1,
        ..state.node(&number(7))
    };
    let refusal = look_up(&state, &number(7), liar).unwrap_err();
    assert_eq!(
        refusal,
        LookUpError::WrongChain {
            expected: CHAIN_ID,
            got: 1
        }
    );
}

#[test]
fn a_node_that_fails_is_not_a_registry_without_the_number() {
    #[derive(Clone)]
    enum Silent {
        Chain,
        Header,
        Proof(Box<Header>),
    }

    impl Silent {
        fn error() -> TransportError {
            TransportError::Unreachable {
                node: "somewhere".into(),
                cause: "it is dark".into(),
            }
        }
    }

    impl Transport for Silent {
        fn header(&mut self, _: B256) -> Result<Header, TransportError> {
            match self {
                Self::Proof(header) => Ok((**header).clone()),
                _ => Err(Self::error()),
            }
        }
        fn proof(&mut self, _: Address, _: &[B256], _: B256) -> Result<RawProof, TransportError> {
            Err(Self::error())
        }
        fn chain_id(&mut self) -> Result<Option<u64>, TransportError> {
            if let Self::Chain = self {
                Err(Self::error())
            } else {
                Ok(None)
            }
        }
    }

    let state = State::new();
    for silent in [
        Silent::Chain,
        Silent::Header,
        Silent::Proof(state.header.clone().into()),
    ] {
        let mut reader = Registry::new(state.config, state.header.hash_slow(), silent);
        for _ in 0..2 {
            let refusal = reader.look_up(&number(7)).unwrap_err();
            assert_eq!(refusal, LookUpError::Transport(Silent::error()));
        }
    }
}

#[test]
fn a_header_is_asked_for_once_and_a_new_trust_asks_again() {
    struct Counting(Node, u32);

    impl Transport for &mut Counting {
        fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
            self.1 += 1;
            self.0.header(block_hash)
        }
        fn proof(&mut self, c: Address, s: &[B256], b: B256) -> Result<RawProof, TransportError> {
            self.0.proof(c, s, b)
        }
    }

    let state = State::new();
    let trusted = state.header.hash_slow();
    let mut counting = Counting(state.node(&number(7)), 0);
    let mut reader = Registry::new(state.config, trusted, &mut counting);
    for _ in 0..3 {
        reader.look_up(&number(7)).unwrap();
    }
    reader.trust(trusted);
    reader.look_up(&number(7)).unwrap();
    reader.trust(B256::ZERO);
    assert!(matches!(
        reader.look_up(&number(7)),
        Err(LookUpError::Header(_))
    ));
    reader.trust(trusted);
    reader.look_up(&number(7)).unwrap();
    assert_eq!(counting.1, 3);
}

#[test]
fn proven_words_that_are_no_record_are_refused() {
    let state = State::new();
    // The operator's slots of this state hold nothing that a registry writes.
    let node = Node {
        proof: RawProof {
            account: state.account_proof(state.config.contract),
            slots: layout::operator_slots()
                .iter()
                .map(|slot| state.slot_proof(*slot))
                .collect(),
        },
        ..state.node(&number(7))
    };
    let mut reader = Registry::new(state.config, state.header.hash_slow(), node);
    assert!(matches!(
        reader.operator_keys(),
        Err(LookUpError::Record(_))
    ));
}
