//! Two phones as two processes, each with a light client, that hand each other
//! what proves their records.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]
#![cfg(unix)]

mod support;

use callseal_sts::IdentityKey;
use support::devnet::Devnet;
use support::phones::{Phone, Running, short_speech, talk};
use support::{folder, text};

const BOB: &str = "+8613800000002";

#[test]
fn both_records_travel_inside_the_handshake_from_a_checkpoint_and_from_kept_state() {
    let folder = folder();
    let devnet = Devnet::start(&folder.path().join("devnet"));
    let words = short_speech(folder.path(), "words.pcap", 0xa11c_e000, 40);
    let [mut alice, mut bob] = [0, 1].map(|index| devnet.phone(index));
    for _ in 0..2 {
        let mut listen = bob.listen();
        let b = Running::start_listening(listen.args(["--send", text(&words)]));
        let mut call = alice.call(&format!("{BOB}@{}", b.address.unwrap()));
        let a = Running::start(call.args(["--send", text(&words)]));
        for done in talk(a, b, [40, 40]) {
            let said = done.expect_code(0).json();
            assert_eq!(said["established"], true);
            assert_eq!(said["record_from"], "peer", "{said}");
            assert_eq!(said["packets_received"], 40);
        }
        // The second time, what was verified is taken up again.
        for phone in [&mut alice, &mut bob] {
            let at = phone
                .registry
                .iter()
                .position(|word| word == "--checkpoint");
            let at = at.unwrap_or(phone.registry.len());
            phone.registry.drain(at..(at + 2).min(phone.registry.len()));
        }
    }
}

#[test]
fn whoever_has_no_record_in_force_hands_nothing_over_and_is_refused() {
    let folder = folder();
    let devnet = Devnet::start(&folder.path().join("devnet"));
    let bob = devnet.phone(1);
    let alice = devnet.phone(0);
    // Alice's number, with a key that the registry does not have.
    let key = IdentityKey::from_bytes([7; 32]).unwrap();
    let mallory = Phone::new(
        &folder.path().join("devnet"),
        &alice.number,
        &key,
        alice.registry.clone(),
    );
    let mut listen = bob.listen();
    let b = Running::start_listening(listen.args(["--send", "none"]));
    let mut call = mallory.call(&format!("{BOB}@{}", b.address.unwrap()));
    let refused = Running::start(&mut call).finish().expect_code(1).json();
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("does not vouch"), "{error}");
    b.interrupt();
    b.finish().expect_code(1);
}

#[test]
fn a_block_or_a_beacon_node_is_named() {
    let done = support::run(&[
        "call",
        "+8613800000002@127.0.0.1:9",
        "--key",
        "none",
        "--rpc",
        "http://127.0.0.1:1",
        "--contract",
        "0x0000000000000000000000000000000000000001",
    ]);
    assert_eq!(done.code, 2);
    assert!(done.stderr.contains("--trusted-block"), "{}", done.stderr);
}
