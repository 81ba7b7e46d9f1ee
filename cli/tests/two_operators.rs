//! Subscribers of two operators, on one chain or on two, call each other.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]
#![cfg(unix)]

mod support;

use std::path::{Path, PathBuf};

use callseal::demo::subscribers::{Subscriber, enrol_on};
use callseal_devchain::{DevChain, DevRegistry};
use serde_json::json;
use support::network::Network;
use support::node::Node;
use support::phones::{Phone, Running, short_speech, talk};
use support::{folder, text};

const ALICE: &str = "+8613800000001";
const BOB: &str = "+4420000000002";
const NOBODY: &str = "+3310000000003";

/// An operator with a chain of its own, and its subscriber.
struct Operator {
    chain: DevChain,
    registry: DevRegistry,
    subscriber: Subscriber,
    node: Node,
}

impl Operator {
    fn new(chain_id: u64, number: &str) -> Self {
        let chain = DevChain::new(chain_id);
        let (registry, mut subscribers) = enrol_on(&chain, &[number]).unwrap();
        Self {
            node: Node::serve(chain.clone()),
            chain,
            registry,
            subscriber: subscribers.remove(0),
        }
    }

    fn phone(&self, folder: &Path, operators: &[Operator; 2]) -> Phone {
        let mut registry = vec![
            "--operators".to_owned(),
            text(&write_operators(folder, operators)).to_owned(),
        ];
        for operator in operators {
            let (chain, url) = (operator.chain.id(), &operator.node.url);
            let head = operator.chain.head();
            registry.extend(["--rpc".into(), format!("{chain}={url}")]);
            registry.extend(["--trusted-block".into(), format!("{chain}={head}")]);
        }
        let subscriber = &self.subscriber;
        Phone::new(
            folder,
            subscriber.number.as_str(),
            &subscriber.key,
            registry,
        )
    }
}

fn write_operators(folder: &Path, operators: &[Operator; 2]) -> PathBuf {
    let path = folder.join("operators.json");
    let entry = |operator: &Operator, name: &str, prefix: &str| {
        json!({
            "name": name,
            "chain_id": operator.chain.id(),
            "contract": operator.registry.address(),
            "prefixes": [prefix],
        })
    };
    let contents = json!({
        "format": "callseal operators",
        "version": 1,
        "operators": [entry(&operators[0], "North", "+86"), entry(&operators[1], "South", "+44")],
    });
    std::fs::write(&path, contents.to_string()).unwrap();
    path
}

#[test]
fn subscribers_of_two_operators_on_two_chains_call_each_other() {
    let folder = folder();
    let operators = [Operator::new(1_001, ALICE), Operator::new(1_002, BOB)];
    let alice = operators[0].phone(folder.path(), &operators);
    let bob = operators[1].phone(folder.path(), &operators);
    let words = [("a.pcap", 0xa11c_e000, 20), ("b.pcap", 0xb0b0_0000, 1)]
        .map(|(name, ssrc, count)| short_speech(folder.path(), name, ssrc, count));

    let mut listen = bob.listen();
    let listening = Running::start_listening(listen.args(["--send", text(&words[1])]));
    let mut call = alice.call(&format!("{BOB}@{}", listening.address.unwrap()));
    let calling = Running::start(call.args(["--send", text(&words[0])]));
    let [a, b] = talk(calling, listening, [1, 20]).map(|done| done.expect_code(0).json());
    assert_eq!(a["sas"], b["sas"]);
    assert_eq!(
        a["peer_key"],
        operators[1].subscriber.key.public().to_string()
    );
    assert_eq!(
        b["peer_key"],
        operators[0].subscriber.key.public().to_string()
    );
    assert_eq!(b["packets_received"], 20);
}

#[test]
fn a_callee_of_no_operator_gets_no_call_and_the_error_says_so() {
    let folder = folder();
    let operators = [Operator::new(1_001, ALICE), Operator::new(1_002, BOB)];
    let alice = operators[0].phone(folder.path(), &operators);
    let bob = operators[1].phone(folder.path(), &operators);
    let mut listen = bob.listen();
    let listening = Running::start_listening(listen.args(["--send", "none"]));
    let mut call = alice.call(&format!("{NOBODY}@{}", listening.address.unwrap()));
    let called = Running::start(call.args(["--send", "none"])).finish();
    listening.interrupt();
    listening.finish().expect_code(1);
    let error = called.expect_code(1).json()["error"].clone();
    let error = error.as_str().unwrap();
    assert!(error.contains(NOBODY), "{error}");
    assert!(error.contains("belongs to no operator"), "{error}");
}

/// Each is proven to the other at its own operator's contract, by what it hands over itself.
#[test]
fn subscribers_of_two_operators_call_each_other_by_a_light_client_and_hand_over_their_records() {
    let folder = folder();
    let network = Network::new(folder.path(), &[ALICE, BOB]);
    let [alice, bob] = [0, 1].map(|index| network.phone(index));
    let words = [("a.pcap", 0xa11c_e000, 20), ("b.pcap", 0xb0b0_0000, 1)]
        .map(|(name, ssrc, count)| short_speech(folder.path(), name, ssrc, count));
    let mut listen = bob.listen();
    let listening = Running::start_listening(listen.args(["--send", text(&words[1])]));
    let mut call = alice.call(&format!("{BOB}@{}", listening.address.unwrap()));
    let calling = Running::start(call.args(["--send", text(&words[0])]));
    for (done, peer) in talk(calling, listening, [1, 20]).into_iter().zip([1, 0]) {
        let said = done.expect_code(0).json();
        assert_eq!(said["record_from"], "peer", "{said}");
        let key = network.operators[peer].subscriber.key.public();
        assert_eq!(said["peer_key"], key.to_string());
    }
}

/// South vouches for a key of its own for a northern number, and hands over what proves that.
#[test]
fn what_is_proven_at_another_operators_contract_is_refused_for_the_same_number() {
    let folder = folder();
    let network = Network::new(folder.path(), &[ALICE, BOB]);
    let (souths, mut mallory) = enrol_on(&network.chain, &[ALICE]).unwrap();
    network.beacon.finalize();
    let mallory = mallory.remove(0);
    let contract = souths.address().to_string();
    let mallory = Phone::new(
        &folder.path().join("."),
        "+8613800000001",
        &mallory.key,
        network.arguments(["--contract", &contract], "mallory.state"),
    );
    let bob = network.phone(1);
    let mut listen = bob.listen();
    let listening = Running::start_listening(listen.args(["--send", "none"]));
    let mut call = mallory.call(&format!("{BOB}@{}", listening.address.unwrap()));
    let called = Running::start(call.args(["--send", "none"])).finish();
    called.expect_code(1);
    listening.interrupt();
    listening.finish().expect_code(1);
}
