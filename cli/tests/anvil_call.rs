//! Two phones as two processes, over a node that others have written.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::env;
use std::path::Path;

use callseal_sts::IdentityKey;
use support::anvil::Anvil;
use support::phones::{Phone, Running, short_speech, talk};
use support::{folder, text};

const ALICE: &str = "+8613800000001";
const BOB: &str = "+8613800000002";

#[test]
#[ignore = "needs a real node: set CALLSEAL_ANVIL to the path of an anvil binary"]
fn two_processes_call_each_other_over_a_real_node() {
    let binary = env::var_os("CALLSEAL_ANVIL").expect("CALLSEAL_ANVIL is an anvil binary's path");
    let anvil = Anvil::start(Path::new(&binary));
    let registry = anvil.deploy();
    let keys = [7, 8].map(|octet| IdentityKey::from_bytes([octet; 32]).unwrap());
    registry.claim(1, ALICE, &keys[0]);
    registry.approve(1, ALICE, &keys[0]);
    registry.claim(2, BOB, &keys[1]);
    let folder = folder();
    let words = [
        short_speech(folder.path(), "a.pcap", 0xa11c_e000, 50),
        short_speech(folder.path(), "b.pcap", 0xb0b0_0000, 50),
    ];
    let begin = |arguments: &[String], mux: bool| {
        let phone = |number, key| Phone::new(folder.path(), number, key, arguments.to_vec());
        let (alice, bob) = (phone(ALICE, &keys[0]), phone(BOB, &keys[1]));
        let mut listen = bob.listen();
        listen.args(["--send", text(&words[1])]);
        if mux {
            listen.arg("--mux");
        }
        let bob = Running::start_listening(&mut listen);
        let mut call = alice.call(&format!("{BOB}@{}", bob.address.unwrap()));
        call.args(["--send", text(&words[0])]);
        if mux {
            call.arg("--mux");
        }
        [Running::start(&mut call), bob]
    };
    let refused = |arguments: &[String]| {
        let [alice, bob] = begin(arguments, false);
        let alice = alice.finish().expect_code(1);
        bob.interrupt();
        bob.finish().expect_code(1);
        alice.json()["error"].as_str().unwrap().to_owned()
    };

    // Bob has claimed his number, and nobody has approved it yet.
    let before = registry.arguments();
    let error = refused(&before);
    assert!(error.contains("no record of"), "{error}");

    registry.approve(2, BOB, &keys[1]);
    for mux in [false, true] {
        anvil.mine();
        let [alice, bob] = begin(&registry.arguments(), mux);
        let [a, b] = talk(alice, bob, [50, 50]).map(|done| done.expect_code(0).json());
        for name in ["sas", "epoch", "suite"] {
            assert_eq!(a[name], b[name], "{name}");
        }
        for (here, there, key) in [(&a, &b, &keys[1]), (&b, &a, &keys[0])] {
            assert_eq!(here["peer_key"], key.public().to_string());
            assert_eq!(here["packets_sent"], 50);
            assert_eq!(there["packets_received"], 50);
            assert_eq!(here["sent_payload_sha256"], there["payload_sha256"]);
            assert_eq!(here["auth_failures"], 0);
        }
    }

    // The block from before the approval still proves what held then.
    refused(&before);
}
