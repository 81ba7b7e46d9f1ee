//! A network of Lodestar and ethereumjs, followed from a checkpoint to storage words.
#![cfg(feature = "json")]
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use core::time::Duration;

use alloy_primitives::{B256, U256, address, keccak256};
use callseal_registry_client::light::{
    AnchorError, BootstrapError, Fork, LightHeader, SignatureError, StateError, Store, UpdateError,
    WEAK_SUBJECTIVITY_LIMIT, json, ssz, verify_bootstrap, verify_update,
};
use callseal_registry_client::{json_rpc, verify_account, verify_header, verify_slots};
use callseal_testvectors::trie::{DEVNET_BLOCK, DEVNET_PROOF};

use crate::light::{bootstrap, checkpoint, finality_update, network, now, store, update};

mod light;

/// The contract's address, and a slot of its storage: see `testvectors/ethereum/README.md`.
const CONTRACT: alloy_primitives::Address = address!("5fbdb2315678afecb367f032d93f642f64180aa3");

fn synced() -> Store {
    let mut store = store();
    for object in [update(0), update(1), update(2), finality_update()] {
        let verified = verify_update(&store, &object, now()).unwrap();
        store.apply_update(verified);
    }
    store
}

#[test]
fn another_clients_network_is_followed_over_its_committees_down_to_a_word_of_storage() {
    let mut store = store();
    assert_eq!((store.finalized_slot(), store.period()), (48, 0));
    assert!(store.next_committee().is_none());
    let mut periods = Vec::new();
    for period in 0..3 {
        let verified = verify_update(&store, &update(period), now()).unwrap();
        let applied = store.apply_update(verified);
        assert!(applied.committee, "period {period}");
        periods.push(store.period());
        assert!(store.next_committee().is_some());
    }
    assert_eq!(periods, [0, 1, 2]);
    let verified = verify_update(&store, &finality_update(), now()).unwrap();
    assert_eq!(verified.finalized_slot(), Some(168));
    store.apply_update(verified);
    assert_eq!((store.finalized_slot(), store.attested_slot()), (168, 184));

    let anchor = store.anchor(now(), Duration::from_secs(60)).unwrap();
    assert_eq!((anchor.slot(), anchor.chain_id()), (168, 1337));
    let header = json_rpc::header(DEVNET_BLOCK.as_bytes(), 1)
        .unwrap()
        .unwrap();
    let header = verify_header(anchor.block_hash(), &header).unwrap();
    let proof = json_rpc::proof(DEVNET_PROOF.as_bytes(), 1).unwrap();
    let account = verify_account(header.state_root(), CONTRACT, &proof.account)
        .unwrap()
        .unwrap();
    let first = keccak256([keccak256("tel:+8613800000001").0, [0; 32]].concat());
    let second = B256::from(U256::from_be_bytes(first.0) + U256::ONE);
    let words = verify_slots(&account, &[first, second], &proof.slots).unwrap();
    assert!(!words[0].is_zero());
    assert!(verify_slots(&account, &[second, first], &proof.slots).is_err());
}

#[test]
fn objects_are_the_same_in_ssz_and_in_json() {
    let shape = ssz::Shape {
        fork: Fork::Capella,
        preset: network().preset(),
    };
    let first = bootstrap();
    let octets = ssz::bootstrap_octets(&first, shape);
    assert_eq!(ssz::bootstrap(&octets, shape).unwrap(), first);
    let text = json::bootstrap_text(&first, Fork::Capella);
    assert_eq!(json::bootstrap(text.as_bytes()).unwrap(), first);
    let update = update(1);
    let octets = ssz::update_octets(&update, shape);
    assert_eq!(ssz::update(&octets, shape).unwrap(), update);
    let text = json::updates_text(&[(update.clone(), Fork::Capella)]);
    assert_eq!(json::updates(text.as_bytes()).unwrap(), [update]);
    let update = finality_update();
    let octets = ssz::finality_update_octets(&update, shape);
    assert_eq!(ssz::finality_update(&octets, shape).unwrap(), update);
    let text = json::finality_update_text(&update, Fork::Capella);
    assert_eq!(json::finality_update(text.as_bytes()).unwrap(), update);
    for len in 0..octets.len() {
        assert!(ssz::finality_update(&octets[..len], shape).is_err());
    }
    let gloas = ssz::Shape {
        fork: Fork::Gloas,
        ..shape
    };
    let refused = ssz::SszError::Fork(Fork::Gloas);
    assert_eq!(ssz::finality_update(&octets, gloas), Err(refused));
}

#[test]
fn a_checkpoint_older_than_a_week_is_refused() {
    let made = network().time_of(48);
    let limit = WEAK_SUBJECTIVITY_LIMIT.as_secs();
    let verify = |now| verify_bootstrap(&network(), checkpoint(), &bootstrap(), now);
    assert!(verify(made + limit).is_ok());
    let age = Duration::from_secs(limit + 1);
    let refusal = verify(made + limit + 1).unwrap_err();
    assert_eq!(refusal, BootstrapError::TooOld { slot: 48, age });
    assert!(refusal.to_string().contains("take a fresh one"));
    let refusal = verify(made - 1).unwrap_err();
    assert_eq!(refusal, BootstrapError::Future { slot: 48 });
}

#[test]
fn a_store_older_than_a_week_believes_no_committee() {
    let late = network().time_of(48) + WEAK_SUBJECTIVITY_LIMIT.as_secs() + 1;
    let refusal = verify_update(&store(), &update(0), late);
    assert!(matches!(
        refusal,
        Err(UpdateError::StoreTooOld { slot: 48, .. })
    ));
}

#[test]
fn an_old_final_header_is_no_anchor_however_well_it_is_signed() {
    let store = synced();
    let made = network().time_of(168);
    let max_age = Duration::from_secs(3600);
    assert!(store.anchor(made + 3600, max_age).is_ok());
    let refusal = store.anchor(made + 3601, max_age);
    assert!(matches!(refusal, Err(AnchorError::Stale { slot: 168, .. })));
}

#[test]
fn an_update_from_the_future_is_refused() {
    let early = network().time_of(184);
    let store = {
        let mut store = store();
        for period in 0..3 {
            let verified = verify_update(&store, &update(period), now()).unwrap();
            store.apply_update(verified);
        }
        store
    };
    let slot = finality_update().signature_slot;
    assert_eq!(
        verify_update(&store, &finality_update(), early).unwrap_err(),
        UpdateError::Future { slot, current: 184 }
    );
}

#[test]
fn a_period_cannot_be_skipped() {
    let refusal = verify_update(&store(), &update(1), now()).unwrap_err();
    assert_eq!(refusal, UpdateError::Period { got: 1, store: 0 });
    let refusal = verify_update(&store(), &finality_update(), now()).unwrap_err();
    assert_eq!(refusal, UpdateError::Period { got: 2, store: 0 });
}

#[test]
fn what_is_known_is_no_news_and_an_older_update_takes_nothing_back() {
    let store = synced();
    for object in [update(2), finality_update()] {
        let refusal = verify_update(&store, &object, now()).unwrap_err();
        assert_eq!(refusal, UpdateError::NothingNew);
    }
    let refusal = verify_update(&store, &update(0), now()).unwrap_err();
    assert!(matches!(refusal, UpdateError::Period { got: 0, store: 2 }));
}

#[test]
fn an_update_changes_only_the_store_that_it_was_verified_against() {
    let mut store = store();
    let verified = verify_update(&store, &update(0), now()).unwrap();
    assert!(store.apply_update(verified.clone()).committee);
    let slots = (store.finalized_slot(), store.attested_slot());
    assert_eq!(store.apply_update(verified), Default::default());
    assert_eq!((store.finalized_slot(), store.attested_slot()), slots);
}

#[test]
fn a_third_of_the_committee_is_missing_at_most() {
    let mut update = update(0);
    let bits = &mut update.sync_aggregate.sync_committee_bits;
    // 21 of 32 is less than two thirds.
    bits.copy_from_slice(&[0xff, 0xff, 0b1_1111, 0]);
    let refusal = verify_update(&store(), &update, now()).unwrap_err();
    assert_eq!(refusal, UpdateError::Participation { got: 21, of: 32 });
    update.sync_aggregate.sync_committee_bits[2] |= 0b10_0000;
    let refusal = verify_update(&store(), &update, now()).unwrap_err();
    assert_eq!(refusal, UpdateError::Signature(SignatureError::Wrong));
}

#[test]
fn a_kept_state_goes_on_where_it_stopped() {
    let store = synced();
    let state = store.to_state();
    // The preset's committees are small: a header of less than a kibibyte and 66 keys.
    assert!(state.len() < 4_500, "{} octets", state.len());
    let again = Store::from_state(network(), &state, now()).unwrap();
    assert_eq!(again.finalized(), store.finalized());
    assert_eq!(again.current_committee(), store.current_committee());
    assert_eq!(again.next_committee(), store.next_committee());
    assert_eq!(again.to_state(), state);

    let halfway = {
        let mut store = self::store();
        let verified = verify_update(&store, &update(0), now()).unwrap();
        store.apply_update(verified);
        Store::from_state(network(), &store.to_state(), now()).unwrap()
    };
    assert!(verify_update(&halfway, &update(1), now()).is_ok());
}

#[test]
fn a_damaged_foreign_or_old_state_is_an_error_with_a_remedy() {
    let state = synced().to_state();
    let read = |state: &[u8]| Store::from_state(network(), state, now()).map(|_| ());
    for at in 0..state.len() {
        let mut damaged = state.clone();
        damaged[at] ^= 1;
        // Without its first octets it could be anybody's.
        let refusal = match at {
            0..8 => StateError::NotAState,
            _ => StateError::Damaged,
        };
        assert_eq!(read(&damaged), Err(refusal), "octet {at}");
        assert_eq!(read(&state[..at]), Err(StateError::Damaged));
    }
    for foreign in ["dear diary", &"dear diary ".repeat(100)] {
        assert_eq!(read(foreign.as_bytes()), Err(StateError::NotAState));
    }
    let other = callseal_registry_client::light::Network::mainnet();
    let refusal = Store::from_state(other, &state, now()).unwrap_err();
    assert!(matches!(refusal, StateError::Network { .. }));
    let late = now() + WEAK_SUBJECTIVITY_LIMIT.as_secs();
    let refusal = Store::from_state(network(), &state, late).unwrap_err();
    assert!(matches!(refusal, StateError::TooOld { .. }));
    assert!(refusal.to_string().contains("fresh checkpoint"));

    // Rightly summed, wrongly made.
    let summed = |content: &[u8]| [content, &ethereum_hashing::hash_fixed(content)].concat();
    let content = &state[..state.len() - 32];
    assert_eq!(read(&summed(content)), Ok(()));
    for len in 0..content.len() {
        assert!(read(&summed(&content[..len])).is_err(), "{len} octets");
    }
    assert_eq!(
        read(&summed(&[content, &[0]].concat())),
        Err(StateError::NotAState)
    );
    let mut newer = content.to_vec();
    newer[9] = 3;
    assert_eq!(read(&summed(&newer)), Err(StateError::Format { got: 3 }));
}

#[test]
fn a_header_without_its_execution_part_is_not_taken_for_an_older_forks() {
    let mut update = finality_update();
    let finalized = update.finalized_header.as_mut().unwrap();
    finalized.value = LightHeader {
        beacon: finalized.value.beacon,
        ..LightHeader::default()
    };
    let store = synced_before_finality();
    let refusal = verify_update(&store, &update, now()).unwrap_err();
    assert!(matches!(refusal, UpdateError::Finalized(_)), "{refusal}");
}

fn synced_before_finality() -> Store {
    let mut store = store();
    for period in 0..3 {
        let verified = verify_update(&store, &update(period), now()).unwrap();
        store.apply_update(verified);
    }
    store
}

#[test]
fn a_known_next_committee_never_changes() {
    let mut store = store();
    let verified = verify_update(&store, &update(0), now()).unwrap();
    store.apply_update(verified);
    // As if another committee were known.
    let mut other = store.next_committee().unwrap().clone();
    other.pubkeys.swap(0, 1);
    let store = Store::trusting(
        network(),
        bootstrap().header,
        store.current_committee().clone(),
        Some(other),
    );
    let refusal = verify_update(&store, &update(0), now()).unwrap_err();
    assert!(
        matches!(refusal, UpdateError::CommitteeChanged { .. }),
        "{refusal}"
    );
}
