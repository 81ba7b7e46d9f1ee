//! What was seen of a record is not forgotten with the process that saw it.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]
#![cfg(unix)]

mod support;

use callseal_registry_client::number_hash;
use support::network::Network;
use support::phones::Running;
use support::{Done, callseal, folder};

const ALICE: &str = "+8613800000001";
const BOB: &str = "+4420000000002";

/// Asks for a number's record, as Alice's phone would.
fn get(network: &Network, number: &str, state: &str) -> Done {
    let operators = network.operators_file();
    let registry = ["--operators", operators.to_str().unwrap()];
    let mut command = callseal();
    command
        .args(["registry", "get", number, "--json"])
        .args(network.arguments(registry, state));
    Done::of(&command.output().unwrap())
}

/// Bob's phone has what proved its record before it was revoked; Alice's has seen the revocation in another process.
#[test]
fn a_staple_from_before_what_an_earlier_process_saw_is_refused() {
    for is_remembered in [true, false] {
        let folder = folder();
        let network = Network::new(folder.path(), &[ALICE, BOB]);
        let [alice, bob] = [0, 1].map(|index| network.phone(index));
        let mut listen = bob.listen();
        let listening = Running::start_listening(listen.args(["--send", "none"]));

        let registry = &network.operators[1].registry;
        let operator = network.chain.account(0);
        let hash = number_hash(BOB).unwrap();
        registry.revoke_by_operator(operator, hash).unwrap();
        network.beacon.finalize();
        let seen = get(&network, BOB, "light-0.state").expect_code(1).json();
        assert_eq!(seen["record"]["status"], "revoked");
        assert_eq!(seen["record"]["revision"], 2);
        let kept = folder.path().join("light-0.revisions.json");
        assert!(kept.exists());
        if !is_remembered {
            std::fs::remove_file(&kept).unwrap();
        }

        let mut call = alice.call(&format!("{BOB}@{}", listening.address.unwrap()));
        let called = Running::start(call.args(["--send", "none", "--duration", "1"])).finish();
        let said = called.json();
        // Without what was seen, the staple is as good as it was before: that is what is remembered.
        assert_eq!(
            said["established"], !is_remembered,
            "{said} {}",
            called.stderr
        );
        listening.interrupt();
        listening.finish();
    }
}

#[test]
fn an_answer_with_a_lower_revision_than_an_earlier_process_saw_is_refused() {
    let folder = folder();
    let network = Network::new(folder.path(), &[ALICE, BOB]);
    get(&network, ALICE, "light.state").expect_code(0);
    // As if that process had been shown a later block.
    let kept = folder.path().join("light.revisions.json");
    let text = std::fs::read_to_string(&kept).unwrap();
    assert!(text.contains(": 1"), "{text}");
    std::fs::write(&kept, text.replace(": 1\n", ": 2\n")).unwrap();
    let refused = get(&network, ALICE, "light.state").expect_code(2);
    let expected = "revision 1 of the record is out of date: revision 2 was seen before";
    assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    // What is no such file is not taken for an empty one.
    std::fs::write(&kept, "{").unwrap();
    let refused = get(&network, ALICE, "light.state").expect_code(2);
    assert!(
        refused.stderr.contains("light.revisions.json"),
        "{}",
        refused.stderr
    );
}
