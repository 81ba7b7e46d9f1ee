//! The registry contract's rules, on its own bytecode.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use alloy_primitives::{Address, B256, Bytes, U256, b256, keccak256};
use alloy_sol_types::{SolCall, sol};
use callseal_devchain::{
    Claim, DevChain, DevRegistry, Genesis, GenesisAccount, Operator, Outcome, RegistryError,
    RegistryEvent, Rotation, Transaction, prove_possession, uncompressed_key,
};
use callseal_registry_client::{Status, layout, proof_of_possession_digest};
use proptest::prelude::*;

use crate::enrolled::{CHAIN_ID, Subscriber, deploy, operator, registry};

mod enrolled;

sol! {
    function addClient(bytes32 numberHash, bytes key, bytes32 tokenHash, bytes proofOfPossession) external;
}

/// The order of secp256k1's group.
const ORDER: U256 = U256::from_be_bytes(
    b256!("fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141").0,
);

#[test]
fn a_claim_pends_until_the_operator_approves_it() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let claim = alice.claim(&registry);
    let record_hash = claim.record_hash(alice.wallet);

    let added = registry.add_client(alice.wallet, &claim).unwrap();
    let key = claim.compressed_key();
    assert_eq!(
        registry.events(&added),
        [RegistryEvent::ClientAdded {
            number_hash: claim.number_hash,
            sender: alice.wallet,
            key,
            token_hash: alice.token_hash,
            record_hash,
        }]
    );
    let pending = registry
        .pending(claim.number_hash, alice.wallet)
        .unwrap()
        .unwrap();
    assert_eq!(pending.status, Status::Pending);
    assert_eq!((pending.key, pending.holder), (key, alice.wallet));
    assert_eq!(
        (pending.token_hash, pending.revision),
        (alice.token_hash, 0)
    );
    assert_eq!(pending.valid_since, chain.head_timestamp());
    assert_eq!(
        registry.pending_claims().unwrap(),
        [(claim.number_hash, alice.wallet)]
    );
    assert_eq!(registry.client(claim.number_hash).unwrap(), None);
    assert!(registry.approved_numbers().unwrap().is_empty());

    let approved = registry
        .approve_client(
            chain.account(0),
            claim.number_hash,
            alice.wallet,
            record_hash,
        )
        .unwrap();
    assert_eq!(
        registry.events(&approved),
        [RegistryEvent::ClientApproved {
            number_hash: claim.number_hash,
            holder: alice.wallet,
            key,
            revision: 1,
            valid_since: chain.head_timestamp(),
            record_hash,
        }]
    );
    let client = registry.client(claim.number_hash).unwrap().unwrap();
    assert_eq!(client.status, Status::Approved);
    assert_eq!((client.key, client.holder), (key, alice.wallet));
    assert_eq!((client.token_hash, client.revision), (alice.token_hash, 1));
    assert_eq!(client.valid_since, chain.head_timestamp());
    assert_eq!(registry.approved_numbers().unwrap(), [claim.number_hash]);
    assert_eq!(registry.pending_claims().unwrap(), []);
    assert_eq!(
        registry.pending(claim.number_hash, alice.wallet).unwrap(),
        None
    );
}

#[test]
fn only_the_operator_approves() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let claim = alice.claim(&registry);
    registry.add_client(alice.wallet, &claim).unwrap();
    let record_hash = claim.record_hash(alice.wallet);
    for caller in [alice.wallet, chain.account(5)] {
        let refused = registry.approve_client(caller, claim.number_hash, alice.wallet, record_hash);
        assert_eq!(refused, Err(RegistryError::NotOperator { caller }));
    }
    assert_eq!(registry.client(claim.number_hash).unwrap(), None);
}

#[test]
fn what_is_not_pending_cannot_be_approved() {
    let (chain, registry) = registry();
    let (alice, bob) = (Subscriber::new(&chain, 1), Subscriber::new(&chain, 2));
    let claim = alice.claim(&registry);
    let record_hash = claim.record_hash(alice.wallet);
    let approve = |number_hash, sender| {
        registry.approve_client(chain.account(0), number_hash, sender, record_hash)
    };
    let not_pending = |number_hash, sender| {
        Err(RegistryError::NotPending {
            number_hash,
            sender,
        })
    };

    let number_hash = claim.number_hash;
    assert_eq!(
        approve(number_hash, alice.wallet),
        not_pending(number_hash, alice.wallet)
    );
    registry.add_client(alice.wallet, &claim).unwrap();
    assert_eq!(
        approve(number_hash, bob.wallet),
        not_pending(number_hash, bob.wallet)
    );
    let other = bob.number_hash();
    assert_eq!(
        approve(other, alice.wallet),
        not_pending(other, alice.wallet)
    );
    approve(number_hash, alice.wallet).unwrap();
    assert_eq!(
        approve(number_hash, alice.wallet),
        not_pending(number_hash, alice.wallet)
    );
}

#[test]
fn a_record_swapped_between_check_and_approval_is_not_approved() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let checked = alice.claim(&registry);
    let expected = checked.record_hash(alice.wallet);
    let other_key = Subscriber {
        identity: [0x66; 32],
        ..alice.clone()
    };
    let other_token = Subscriber {
        token_hash: B256::repeat_byte(0x66),
        ..alice.clone()
    };

    for swapped in [other_key, other_token] {
        registry.add_client(alice.wallet, &checked).unwrap();
        let swapped = swapped.claim(&registry);
        registry.add_client(alice.wallet, &swapped).unwrap();
        let pending = swapped.record_hash(alice.wallet);
        let refused = registry.approve_client(
            chain.account(0),
            checked.number_hash,
            alice.wallet,
            expected,
        );
        assert_eq!(
            refused,
            Err(RegistryError::RecordMismatch { expected, pending })
        );
        // The same sender's claims replace each other, and leave one place in the list.
        assert_eq!(
            registry.pending_claims().unwrap(),
            [(checked.number_hash, alice.wallet)]
        );
    }
    assert_eq!(registry.client(checked.number_hash).unwrap(), None);
}

#[test]
fn nobody_displaces_another_senders_claim() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    // A stranger who saw Alice's claim on its way and was faster: her number, her token's hash.
    let mallory = Subscriber {
        number: alice.number.clone(),
        token_hash: alice.token_hash,
        ..Subscriber::new(&chain, 2)
    };
    let (claim, copied) = (alice.claim(&registry), mallory.claim(&registry));
    registry.add_client(mallory.wallet, &copied).unwrap();
    registry.add_client(alice.wallet, &claim).unwrap();
    registry.add_client(mallory.wallet, &copied).unwrap();

    registry
        .approve_client(
            chain.account(0),
            claim.number_hash,
            alice.wallet,
            claim.record_hash(alice.wallet),
        )
        .unwrap();
    let client = registry.client(claim.number_hash).unwrap().unwrap();
    assert_eq!(
        (client.key, client.holder),
        (claim.compressed_key(), alice.wallet)
    );
    assert_eq!(
        registry.pending_claims().unwrap(),
        [(claim.number_hash, mallory.wallet)]
    );

    // Not even the operator replaces at once what it has approved.
    registry
        .approve_client(
            chain.account(0),
            claim.number_hash,
            mallory.wallet,
            copied.record_hash(mallory.wallet),
        )
        .unwrap();
    assert_eq!(registry.client(claim.number_hash).unwrap(), Some(client));
}

#[test]
fn no_later_claim_overwrites_an_approved_record() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let claim = alice.enrol(&chain, &registry);
    let before = registry.client(claim.number_hash).unwrap();
    let same_wallet = Subscriber {
        identity: [0x66; 32],
        ..alice.clone()
    };
    let other_wallet = Subscriber {
        wallet: chain.account(7),
        ..same_wallet.clone()
    };
    for later in [alice, same_wallet, other_wallet] {
        let again = later.claim(&registry);
        registry.add_client(later.wallet, &again).unwrap();
        assert_eq!(registry.client(claim.number_hash).unwrap(), before);
        let refused = registry.approve_client(
            later.wallet,
            claim.number_hash,
            later.wallet,
            again.record_hash(later.wallet),
        );
        let caller = later.wallet;
        assert_eq!(refused, Err(RegistryError::NotOperator { caller }));
    }
    assert_eq!(registry.client(claim.number_hash).unwrap(), before);
    assert_eq!(registry.approved_numbers().unwrap(), [claim.number_hash]);
}

#[test]
fn a_proof_of_possession_counts_for_one_chain_contract_number_and_sender() {
    let (chain, registry) = registry();
    let other_contract = deploy(&chain);
    let alice = Subscriber::new(&chain, 1);
    let (here, number, sender) = (registry.address(), alice.number_hash(), alice.wallet);
    let refused = |digest| {
        let claim = alice.claim_with(digest);
        let refused = registry.add_client(alice.wallet, &claim);
        assert_eq!(refused, Err(RegistryError::BadProofOfPossession));
    };
    refused(proof_of_possession_digest(
        CHAIN_ID + 1,
        here,
        number,
        sender,
    ));
    refused(proof_of_possession_digest(
        CHAIN_ID,
        other_contract.address(),
        number,
        sender,
    ));
    refused(proof_of_possession_digest(
        CHAIN_ID,
        here,
        keccak256("tel:+86"),
        sender,
    ));
    refused(proof_of_possession_digest(
        CHAIN_ID,
        here,
        number,
        chain.account(5),
    ));

    // A good one counts here and is worth nothing elsewhere or to anybody else.
    let claim = alice.claim(&registry);
    let refused = Err(RegistryError::BadProofOfPossession);
    assert_eq!(other_contract.add_client(alice.wallet, &claim), refused);
    assert_eq!(registry.add_client(chain.account(5), &claim), refused);
    let elsewhere = DevChain::new(CHAIN_ID + 1);
    let same_address = deploy(&elsewhere);
    assert_eq!(same_address.address(), registry.address());
    assert_eq!(same_address.add_client(alice.wallet, &claim), refused);
    registry.add_client(alice.wallet, &claim).unwrap();
}

#[test]
fn a_signature_by_another_key_is_refused() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let digest = registry.proof_of_possession_digest(alice.number_hash(), alice.wallet);
    let stolen = Claim {
        proof_of_possession: prove_possession(&[0x66; 32], digest).unwrap(),
        ..alice.claim(&registry)
    };
    let refused = registry.add_client(alice.wallet, &stolen);
    assert_eq!(refused, Err(RegistryError::BadProofOfPossession));
}

#[test]
fn every_octet_of_key_and_proof_counts() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let claim = alice.claim(&registry);
    let refused = Err(RegistryError::BadProofOfPossession);
    for at in 0..claim.key.len() {
        let mut claim = claim;
        claim.key[at] ^= 1;
        assert_eq!(
            registry.add_client(alice.wallet, &claim),
            refused,
            "octet {at} of the key"
        );
    }
    for at in 0..claim.proof_of_possession.len() {
        let mut claim = claim;
        claim.proof_of_possession[at] ^= 1;
        let got = registry.add_client(alice.wallet, &claim);
        assert_eq!(got, refused, "octet {at} of the proof");
    }
    assert_eq!(registry.pending_claims().unwrap(), []);
}

#[test]
fn a_malleated_signature_is_refused() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let mut claim = alice.claim(&registry);
    let [_, s, _] = parts(&claim.proof_of_possession);
    assert!(s <= ORDER >> 1, "the signer makes low s");
    claim.proof_of_possession[32..64].copy_from_slice(&(ORDER - s).to_be_bytes::<32>());
    // The twin: with the other v, ecrecover finds the same key.
    claim.proof_of_possession[64] = 27 + 28 - claim.proof_of_possession[64];
    let refused = registry.add_client(alice.wallet, &claim);
    assert_eq!(refused, Err(RegistryError::BadProofOfPossession));
}

#[test]
fn a_signature_that_recovers_nothing_is_refused() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let good = alice.claim(&registry);
    let refused = Err(RegistryError::BadProofOfPossession);
    let mut zero = good;
    zero.proof_of_possession = [0; 65];
    assert_eq!(registry.add_client(alice.wallet, &zero), refused);
    for v in [0, 1, 26, 29, 255] {
        let mut claim = good;
        claim.proof_of_possession[64] = v;
        assert_eq!(
            registry.add_client(alice.wallet, &claim),
            refused,
            "v = {v}"
        );
    }
}

#[test]
fn keys_and_proofs_have_one_length() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let claim = alice.claim(&registry);
    let send = |key: &[u8], proof: &[u8]| {
        let call = addClientCall {
            numberHash: claim.number_hash,
            key: Bytes::copy_from_slice(key),
            tokenHash: claim.token_hash,
            proofOfPossession: Bytes::copy_from_slice(proof),
        };
        chain
            .send(alice.wallet, registry.address(), call.abi_encode())
            .unwrap()
            .outcome
    };
    let error = |signature: &str, len: usize| {
        let selector = keccak256(signature);
        let argument = U256::from(len).to_be_bytes::<32>();
        Outcome::Reverted([&selector[..4], &argument].concat().into())
    };
    let (key, proof) = (&claim.key[..], &claim.proof_of_possession[..]);
    let long = [0; 96];
    for wrong in [&key[..0], &key[..63], &long[..65], &long] {
        assert_eq!(
            send(wrong, proof),
            error("BadKeyLength(uint256)", wrong.len())
        );
    }
    for wrong in [&proof[..0], &proof[..64], &long[..66], &long] {
        assert_eq!(
            send(key, wrong),
            error("BadProofLength(uint256)", wrong.len())
        );
    }
    assert_eq!(send(key, proof), Outcome::Returned(Bytes::new()));
}

#[test]
fn an_identity_key_is_not_its_wallet() {
    let alice = Subscriber::new(&DevChain::new(CHAIN_ID), 1);
    let key = uncompressed_key(&alice.identity).unwrap();
    let wallet = Address::from_word(keccak256(key));
    let funds = GenesisAccount {
        balance: U256::from(10_u64.pow(18)),
        ..GenesisAccount::default()
    };
    let chain = DevChain::from_genesis(Genesis::new(CHAIN_ID).with_account(wallet, funds));
    let registry = deploy(&chain);
    let both = Subscriber {
        wallet,
        ..alice.clone()
    };
    let refused = registry.add_client(wallet, &both.claim(&registry));
    assert_eq!(refused, Err(RegistryError::IdentityIsWallet { wallet }));
    // The wallet is good for somebody else's key, and the key for another wallet.
    let other_key = Subscriber {
        wallet,
        ..Subscriber::new(&chain, 2)
    };
    registry
        .add_client(wallet, &other_key.claim(&registry))
        .unwrap();
    registry
        .add_client(alice.wallet, &alice.claim(&registry))
        .unwrap();
}

#[test]
fn an_operators_keys_are_checked_when_the_registry_is_made() {
    let chain = DevChain::new(CHAIN_ID);
    let good = operator(&chain);
    let refusal = |operator: &Operator| {
        DevRegistry::deploy(&chain, chain.account(0), operator)
            .map(|_| ())
            .unwrap_err()
    };
    let mut off_curve = good;
    off_curve.signing_key[63] ^= 1;
    assert_eq!(refusal(&off_curve), RegistryError::KeyNotOnCurve);
    // A point with x = 1, and the same x modulo the field's prime: one point has one name.
    let mut low_x = good;
    low_x.signing_key[..32].copy_from_slice(&B256::with_last_byte(1)[..]);
    let y = b256!("4218f20ae6c646b363db68605822fb14264ca8d2587fdd6fbc750d587e76a7ee");
    low_x.signing_key[32..].copy_from_slice(&y[..]);
    assert!(DevRegistry::deploy(&chain, chain.account(0), &low_x).is_ok());
    let beyond = b256!("fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc30");
    low_x.signing_key[..32].copy_from_slice(&beyond[..]);
    assert_eq!(refusal(&low_x), RegistryError::KeyNotOnCurve);
    let zero = Operator {
        signing_key: [0; 64],
        ..good
    };
    assert_eq!(refusal(&zero), RegistryError::KeyNotOnCurve);
    let account = Address::from_word(keccak256(good.signing_key));
    let wallet_key = Operator { account, ..good };
    assert_eq!(
        refusal(&wallet_key),
        RegistryError::IdentityIsWallet { wallet: account }
    );
}

#[test]
fn a_claim_is_dropped_by_its_sender_or_the_operator() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let claim = alice.claim(&registry);
    let (number_hash, sender) = (claim.number_hash, alice.wallet);
    for caller in [alice.wallet, chain.account(0)] {
        registry.add_client(sender, &claim).unwrap();
        let stranger = chain.account(6);
        let refused = registry.drop_client(stranger, number_hash, sender);
        assert_eq!(
            refused,
            Err(RegistryError::NotSenderNorOperator { caller: stranger })
        );
        let dropped = registry.drop_client(caller, number_hash, sender).unwrap();
        let event = RegistryEvent::ClientDropped {
            number_hash,
            sender,
        };
        assert_eq!(registry.events(&dropped), [event]);
        assert_eq!(registry.pending(number_hash, sender).unwrap(), None);
        let refused = registry.drop_client(caller, number_hash, sender);
        assert_eq!(
            refused,
            Err(RegistryError::NotPending {
                number_hash,
                sender
            })
        );
    }
}

#[test]
fn an_approved_record_cannot_be_dropped() {
    let (chain, registry) = registry();
    let alice = Subscriber::new(&chain, 1);
    let claim = alice.enrol(&chain, &registry);
    for caller in [alice.wallet, chain.account(0)] {
        assert!(
            registry
                .drop_client(caller, claim.number_hash, alice.wallet)
                .is_err()
        );
    }
    assert!(registry.client(claim.number_hash).unwrap().is_some());
}

#[test]
fn the_registry_takes_no_ether() {
    let (chain, registry) = registry();
    let data = [Bytes::new(), addClientCall::SELECTOR.into()];
    for data in data {
        let gift = Transaction {
            value: U256::ONE,
            ..Transaction::call(chain.account(1), registry.address(), data)
        };
        let receipt = chain.transact(gift).unwrap();
        assert!(matches!(receipt.outcome, Outcome::Reverted(_)));
    }
    assert_eq!(chain.balance(registry.address()), U256::ZERO);
}

#[test]
fn every_registry_has_the_pinned_code() {
    let (chain, registry) = registry();
    let other = Operator {
        account: chain.account(3),
        signing_key: uncompressed_key(&[0x77; 32]).unwrap(),
        sealing_key: [0; 32],
    };
    let other = DevRegistry::deploy(&chain, chain.account(3), &other).unwrap();
    assert_eq!(chain.code_hash(registry.address()), layout::CODE_HASH);
    assert_eq!(chain.code_hash(other.address()), layout::CODE_HASH);
}

#[test]
fn the_code_hands_control_to_nobody() {
    // Nothing can reenter a contract that calls nothing but a precompile, and nothing can change its code.
    const PUSH1: u8 = 0x60;
    const PUSH32: u8 = 0x7f;
    const CREATE: u8 = 0xf0;
    const CALL: u8 = 0xf1;
    const CALLCODE: u8 = 0xf2;
    const DELEGATECALL: u8 = 0xf4;
    const CREATE2: u8 = 0xf5;
    const STATICCALL: u8 = 0xfa;
    const SELFDESTRUCT: u8 = 0xff;

    let artifact = include_str!("../../contracts/artifacts/Registry.json");
    let artifact: serde_json::Value = serde_json::from_str(artifact).unwrap();
    let code = artifact["deployedBytecode"]
        .as_str()
        .unwrap()
        .parse::<Bytes>()
        .unwrap();
    assert_eq!(keccak256(&code), layout::CODE_HASH);
    let mut seen = BTreeMap::<u8, usize>::new();
    let mut at = 0;
    while at < code.len() {
        let opcode = code[at];
        *seen.entry(opcode).or_default() += 1;
        // What follows a push is data.
        at += match opcode {
            PUSH1..=PUSH32 => usize::from(opcode - PUSH1) + 2,
            _ => 1,
        };
    }
    for opcode in [CREATE, CALL, CALLCODE, DELEGATECALL, CREATE2, SELFDESTRUCT] {
        assert_eq!(seen.get(&opcode), None, "opcode {opcode:#x}");
    }
    assert_eq!(
        seen.get(&STATICCALL),
        Some(&1),
        "ecrecover, and nothing else"
    );
}

#[test]
fn an_enrolment_costs_what_the_readme_says() {
    let readme = include_str!("../../contracts/README.md");
    let said = |what: &str| -> u64 {
        let row = readme
            .lines()
            .find(|line| line.starts_with(&format!("| {what} |")))
            .unwrap();
        row.split('|')
            .nth(2)
            .unwrap()
            .trim()
            .replace(',', "")
            .parse()
            .unwrap()
    };
    let (chain, registry) = registry();
    let deployed = chain.header_of(chain.head()).unwrap().gas_used;
    let subscribers: Vec<_> = (1..5).map(|index| Subscriber::new(&chain, index)).collect();
    // The first and the last of a list also pay for its length.
    let claim = |subscriber: &Subscriber| {
        registry
            .add_client(subscriber.wallet, &subscriber.claim(&registry))
            .unwrap()
            .gas_used
    };
    let claimed = subscribers.iter().map(claim).collect::<Vec<_>>()[1];
    let claimed_again = claim(&subscribers[1]);
    let approve = |subscriber: &Subscriber| {
        let (number, sender) = (subscriber.number_hash(), subscriber.wallet);
        let record_hash = subscriber.claim(&registry).record_hash(sender);
        registry
            .approve_client(chain.account(0), number, sender, record_hash)
            .unwrap()
            .gas_used
    };
    let approved = subscribers[..2].iter().map(approve).collect::<Vec<_>>()[1];
    let dropped = &subscribers[2];
    let dropped = registry.drop_client(dropped.wallet, dropped.number_hash(), dropped.wallet);
    let holder = &subscribers[0];
    let key = uncompressed_key(&[0x21; 32]).unwrap();
    let sign = |secret, digest| prove_possession(secret, digest).unwrap();
    let digest = registry.rotation_digest(holder.number_hash(), 1, &key);
    let rotation = Rotation {
        number_hash: holder.number_hash(),
        key,
        holder_signature: sign(&holder.identity, digest),
        proof_of_possession: sign(
            &[0x21; 32],
            registry.proof_of_possession_digest(holder.number_hash(), holder.wallet),
        ),
    };
    let rotated = registry.rotate_client(holder.wallet, &rotation);
    let digest = registry.revocation_digest(holder.number_hash(), 2);
    let signature = sign(&[0x21; 32], digest);
    let revoked = registry.revoke_client(holder.wallet, holder.number_hash(), &signature);
    let by_operator = registry.revoke_by_operator(chain.account(0), subscribers[1].number_hash());
    for (what, gas) in [
        ("deploy", deployed),
        ("`addClient`", claimed),
        ("`addClient`, replacing one's own claim", claimed_again),
        ("`approveClient`", approved),
        ("`dropClient`", dropped.unwrap().gas_used),
        ("`rotateClient`", rotated.unwrap().gas_used),
        ("`revokeClient`", revoked.unwrap().gas_used),
        ("`revokeByOperator`", by_operator.unwrap().gas_used),
    ] {
        // Zero octets of calldata are cheaper, so figures move a little with keys and signatures.
        assert!(
            gas.abs_diff(said(what)) < 300,
            "{what}: {gas} gas, said to be {}",
            said(what)
        );
    }
}

/// What may happen to a registry of two numbers and three wallets.
#[derive(Clone, Copy, Debug)]
enum Step {
    Add {
        number: usize,
        wallet: usize,
        key: usize,
    },
    Approve {
        number: usize,
        wallet: usize,
        key: usize,
    },
    Drop {
        number: usize,
        wallet: usize,
        by: Dropper,
    },
}

/// Who takes a claim off the list.
#[derive(Clone, Copy, Debug)]
enum Dropper {
    Sender,
    Operator,
    SomebodyElse,
}

fn step() -> impl Strategy<Value = Step> {
    let entry = || (0_usize..2, 0_usize..3, 0_usize..2);
    let by = prop_oneof![
        Just(Dropper::Sender),
        Just(Dropper::Operator),
        Just(Dropper::SomebodyElse)
    ];
    prop_oneof![
        3 => entry().prop_map(|(number, wallet, key)| Step::Add { number, wallet, key }),
        2 => entry().prop_map(|(number, wallet, key)| Step::Approve { number, wallet, key }),
        1 => (entry(), by).prop_map(|((number, wallet, _), by)| Step::Drop { number, wallet, by }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_history_leaves_what_the_rules_say(steps in prop::collection::vec(step(), 1..40)) {
        let (chain, registry) = registry();
        let subscriber = |number: usize, wallet: usize, key: usize| Subscriber {
            number: format!("+8613800{number}"),
            identity: [1 + key as u8; 32],
            wallet: chain.account(1 + wallet),
            token_hash: B256::ZERO,
        };
        let mut pending = BTreeMap::new();
        let mut approved = BTreeMap::new();
        let mut order = Vec::new();
        for step in steps {
            match step {
                Step::Add { number, wallet, key } => {
                    let sender = subscriber(number, wallet, key);
                    registry.add_client(sender.wallet, &sender.claim(&registry)).unwrap();
                    pending.insert((number, wallet), key);
                }
                Step::Approve { number, wallet, key } => {
                    let sender = subscriber(number, wallet, key);
                    let claim = sender.claim(&registry);
                    let record_hash = claim.record_hash(sender.wallet);
                    let done = registry
                        .approve_client(chain.account(0), claim.number_hash, sender.wallet, record_hash)
                        .is_ok();
                    prop_assert_eq!(done, pending.get(&(number, wallet)) == Some(&key));
                    if done {
                        pending.remove(&(number, wallet));
                        // A second approval waits, and no history here is two days long.
                        if let Entry::Vacant(free) = approved.entry(number) {
                            free.insert((wallet, key));
                            order.push(claim.number_hash);
                        }
                    }
                }
                Step::Drop { number, wallet, by } => {
                    let sender = subscriber(number, wallet, 0);
                    let from = match by {
                        Dropper::Sender => sender.wallet,
                        Dropper::Operator => chain.account(0),
                        Dropper::SomebodyElse => subscriber(number, wallet + 1, 0).wallet,
                    };
                    let done = registry
                        .drop_client(from, sender.number_hash(), sender.wallet)
                        .is_ok();
                    let is_theirs = !matches!(by, Dropper::SomebodyElse);
                    let was_there = is_theirs && pending.remove(&(number, wallet)).is_some();
                    prop_assert_eq!(done, was_there);
                }
            }
        }
        let listed: BTreeSet<_> = registry.pending_claims().unwrap().into_iter().collect();
        let expected: BTreeSet<_> = pending
            .keys()
            .map(|(number, wallet)| (subscriber(*number, *wallet, 0).number_hash(), chain.account(1 + wallet)))
            .collect();
        prop_assert_eq!(&listed, &expected);
        prop_assert_eq!(registry.pending_claims().unwrap().len(), expected.len());
        prop_assert_eq!(registry.approved_numbers().unwrap(), order);
        for number in 0..2 {
            for wallet in 0..3 {
                let found = registry
                    .pending(subscriber(number, wallet, 0).number_hash(), chain.account(1 + wallet))
                    .unwrap()
                    .map(|entry| entry.key);
                let expected = pending
                    .get(&(number, wallet))
                    .map(|key| subscriber(number, wallet, *key).claim(&registry).compressed_key());
                prop_assert_eq!(found, expected);
            }
            let found = registry.client(subscriber(number, 0, 0).number_hash()).unwrap();
            let expected = approved.get(&number).map(|(wallet, key)| {
                let holder = subscriber(number, *wallet, *key);
                (holder.claim(&registry).compressed_key(), holder.wallet)
            });
            prop_assert_eq!(found.map(|entry| (entry.key, entry.holder)), expected);
        }
    }
}

/// r, s and v of a signature.
fn parts(signature: &[u8; 65]) -> [U256; 3] {
    let [r, s] = [0, 32].map(|at| U256::from_be_slice(&signature[at..at + 32]));
    [r, s, U256::from(signature[64])]
}
