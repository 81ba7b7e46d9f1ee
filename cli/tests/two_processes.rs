//! Two phones as two processes, over UDP on loopback, with the embedded chain
//! behind HTTP.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]
#![cfg(unix)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use callseal::demo::subscribers::{Enrolled, enrol};
use callseal_sts::IdentityKey;
use serde_json::{Value, json};
use support::node::Node;
use support::phones::{Phone, Running, paced_speech, short_speech, speech_at, talk};
use support::{folder, run, text};

const ALICE: &str = "+8613800000001";
const BOB: &str = "+8613800000002";
const STRANGER: &str = "+8613800000003";

#[test]
fn a_call_is_secured_and_both_sides_say_the_same() {
    for mux in [false, true] {
        let world = World::new();
        let mut listen = world.bob.listen();
        let words = [
            short_speech(world.folder.path(), "a.pcap", 0xa11c_e000, 40),
            short_speech(world.folder.path(), "b.pcap", 0xb0b0_0000, 40),
        ];
        let keys = world.folder.path().join("keys.json");
        let record = world.folder.path().join("record");
        listen.args(["--expect", ALICE, "--send", text(&words[1])]);
        if mux {
            listen.arg("--mux");
        }
        let bob = Running::start_listening(&mut listen);
        let mut call = world.alice.call(&format!("{BOB}@{}", bob.address.unwrap()));
        call.args(["--send", text(&words[0]), "--export-keys", text(&keys)])
            .args(["--record", text(&record), "--chain-id", "31337"]);
        if mux {
            call.arg("--mux");
        }
        let alice = Running::start(&mut call);
        let [alice, bob] = talk(alice, bob, [40, 40]).map(|done| done.expect_code(0));

        let (a, b) = (alice.json(), bob.json());
        assert_eq!(
            (&a["role"], &b["role"]),
            (&json!("caller"), &json!("callee"))
        );
        for name in ["sas", "epoch", "suite", "profile"] {
            assert_eq!(a[name], b[name], "{name}");
        }
        assert_eq!(
            (&a["peer_number"], &b["peer_number"]),
            (&json!(BOB), &json!(ALICE))
        );
        for (here, there) in [(&a, &b), (&b, &a)] {
            assert_eq!(here["established"], true);
            assert_eq!(here["known"], "first contact");
            assert_eq!(here["packets_sent"], 40);
            assert_eq!(there["packets_received"], 40);
            assert_eq!(here["sent_payload_sha256"], there["payload_sha256"]);
            for name in ["lost", "auth_failures", "replayed", "ignored"] {
                assert_eq!(here[name], 0, "{name}");
            }
        }

        // The caller's own capture holds the whole call, and its keys open it.
        let capture = record.join("call.pcapng");
        let replayed = run(&["replay", text(&capture), "--keys", text(&keys), "--json"]);
        let lines = replayed.expect_code(0).json_lines();
        let rtp: Vec<&Value> = lines
            .iter()
            .filter(|line| line["protocol"] == "rtp")
            .collect();
        assert_eq!(rtp.len(), 2);
        assert!(rtp.iter().all(|line| line["verified"] == 40));
        assert!(lines.last().unwrap()["handshake"].as_u64().unwrap() >= 4);
        assert!(record.join("heard-b0b00000.wav").exists());

        // Nothing that was printed or logged shows a key.
        let exported: Value = serde_json::from_slice(&std::fs::read(&keys).unwrap()).unwrap();
        let identity: Value =
            serde_json::from_slice(&std::fs::read(&world.alice.key).unwrap()).unwrap();
        let mut secrets = vec![identity["secret_key"].clone()];
        for key in exported["keys"].as_array().unwrap() {
            secrets.extend([key["master_key"].clone(), key["master_salt"].clone()]);
        }
        assert_eq!(secrets.len(), 5);
        assert!(alice.stderr.contains("secured with"), "{}", alice.stderr);
        for secret in secrets {
            let secret = secret.as_str().unwrap();
            for shown in [&alice.stdout, &alice.stderr] {
                assert!(!shown.to_lowercase().contains(secret));
            }
        }
        // The peer is remembered.
        let known = std::fs::read_to_string(&world.alice.known_peers).unwrap();
        assert!(known.contains(BOB), "{known}");
    }
}

#[test]
fn keys_are_renewed_in_a_running_call_and_no_packet_is_lost() {
    let world = World::new();
    // Slowly enough that a phone that sleeps meanwhile has room for all that comes.
    let pace = Duration::from_millis(100);
    let words = [("a.pcap", 0xa11c_e000), ("b.pcap", 0xb0b0_0000)]
        .map(|(name, ssrc)| paced_speech(world.folder.path(), name, ssrc, 130, pace));
    let mut listen = world.bob.listen();
    let bob = Running::start_listening(listen.args(["--send", text(&words[1])]));
    let mut call = world.alice.call(&format!("{BOB}@{}", bob.address.unwrap()));
    let alice = Running::start(call.args(["--send", text(&words[0]), "--renew-every", "11"]));
    for phone in [&alice, &bob] {
        phone.await_line(&["secured with", "epoch 2"]);
    }
    let [alice, bob] = talk(alice, bob, [130, 130]).map(|done| done.expect_code(0).json());
    for (here, there) in [(&alice, &bob), (&bob, &alice)] {
        // Once, unless the machine takes another eleven seconds for what is left.
        let renewals = here["renewals"].as_u64().unwrap();
        assert!(renewals >= 1, "{here}");
        assert_eq!(here["epoch"], renewals + 1);
        assert_eq!(here["sas"], there["sas"]);
        assert_eq!(there["packets_received"], 130);
        assert_eq!(here["lost"], 0);
    }
}

#[test]
fn a_person_is_told_what_to_compare_and_what_was_heard() {
    let mut world = World::new();
    world.alice.is_plain = true;
    world.bob.is_plain = true;
    let words = short_speech(world.folder.path(), "a.pcap", 0xa11c_e000, 10);
    let mut listen = world.bob.listen();
    let bob = Running::start_listening(listen.args(["--send", text(&words)]));
    let mut call = world.alice.call(&format!("{BOB}@{}", bob.address.unwrap()));
    let alice = Running::start(call.args(["--send", text(&words)]));
    let [alice, bob] = talk(alice, bob, [10, 10]).map(|done| done.expect_code(0).stdout);
    let to_compare = |text: &str| {
        let line = text.lines().find(|line| line.contains("compared aloud"));
        line.unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(to_compare(&alice), to_compare(&bob));
    assert!(alice.contains(&format!("secured with {BOB}")), "{alice}");
    let heard = bob.lines().find(|line| line.starts_with("heard")).unwrap();
    let heard: Vec<&str> = heard.split_whitespace().collect();
    assert_eq!(heard[..5], ["heard", "a11ce000", "0", "10", "0"], "{bob}");
    assert!(bob.contains("the peer hung up: interrupted"), "{bob}");
}

#[test]
fn a_call_ends_by_itself_when_nobody_has_anything_to_say_any_more() {
    let world = World::new();
    let [a, b] = [("a.pcap", 0xa11c_e000), ("b.pcap", 0xb0b0_0000)].map(|(name, ssrc)| {
        speech_at(
            world.folder.path(),
            name,
            ssrc,
            [Duration::ZERO].into_iter(),
        )
    });
    let mut listen = world.bob.listen();
    let bob = Running::start_listening(listen.args(["--send", text(&b)]));
    let callee = format!("{BOB}@{}", bob.address.unwrap());
    let alice = Running::start(world.alice.call(&callee).args(["--send", text(&a)]));
    let ended = [alice, bob].map(|phone| phone.finish().expect_code(0).json()["ended"].clone());
    // Whoever is first, or both at once.
    for ended in ended {
        let ended = ended.as_str().unwrap();
        let ends = ["hung up", "the peer hung up: nobody says anything any more"];
        assert!(ends.contains(&ended), "{ended}");
    }
}

#[test]
fn a_number_that_is_not_registered_gets_no_call_and_the_error_says_why() {
    let world = World::new();
    let mut listen = world.stranger.listen();
    let listening = Running::start_listening(listen.args(["--send", "none"]));
    let callee = format!("{STRANGER}@{}", listening.address.unwrap());
    let done = Running::start(world.alice.call(&callee).args(["--send", "none"]))
        .finish()
        .expect_code(1);
    let json = done.json();
    assert_eq!(json["established"], false);
    let error = json["error"].as_str().unwrap();
    assert!(error.contains("no record of +8613800000003"), "{error}");
    assert!(error.contains("proves"), "{error}");
    listening.interrupt();
    let listened = listening.finish().expect_code(1).json();
    assert_eq!(listened["established"], false);
    assert_eq!(listened["packets_received"], 0);
}

#[test]
fn a_phone_that_nobody_calls_gives_up_in_time() {
    let world = World::new();
    let done = Running::start_listening(world.bob.listen().args(["--wait", "0.2"])).finish();
    let error = done.expect_code(1).json()["error"].clone();
    assert_eq!(error, "ended before anybody called");
}

#[test]
fn a_caller_whom_the_registry_does_not_know_is_refused() {
    let world = World::new();
    let mut listen = world.bob.listen();
    let listening = Running::start_listening(&mut listen);
    let callee = format!("{BOB}@{}", listening.address.unwrap());
    let done = Running::start(&mut world.stranger.call(&callee)).finish();
    let json = done.expect_code(1).json();
    let error = json["error"].as_str().unwrap();
    assert!(error.contains("does not vouch"), "{error}");
    listening.interrupt();
    let listened = listening.finish().expect_code(1).json();
    assert_eq!(listened["packets_sent"], 0);
}

#[test]
fn a_stolen_number_without_its_key_is_refused() {
    let world = World::new();
    let den = folder();
    let thief = Phone::new(
        den.path(),
        ALICE,
        &IdentityKey::from_bytes([9; 32]).unwrap(),
        world.registry(),
    );
    let mut listen = world.bob.listen();
    let listening = Running::start_listening(&mut listen);
    let callee = format!("{BOB}@{}", listening.address.unwrap());
    let error = Running::start(&mut thief.call(&callee))
        .finish()
        .expect_code(1)
        .json()["error"]
        .clone();
    assert!(
        error.as_str().unwrap().contains("does not vouch"),
        "{error}"
    );
    listening.interrupt();
    listening.finish().expect_code(1);
}

#[test]
fn a_changed_key_stops_the_call_until_it_is_accepted() {
    let world = World::new();
    let other = IdentityKey::from_bytes([5; 32]).unwrap().public();
    let remembered = json!({
        "format": "callseal known peers", "version": 1, "peers": { BOB: other.to_string() },
    });
    std::fs::write(&world.alice.known_peers, remembered.to_string()).unwrap();
    let words = short_speech(world.folder.path(), "a.pcap", 7, 5);
    let call = |more: &[&str]| {
        let mut listen = world.bob.listen();
        let listening = Running::start_listening(listen.args(["--send", text(&words)]));
        let callee = format!("{BOB}@{}", listening.address.unwrap());
        let mut call = world.alice.call(&callee);
        call.args(["--send", text(&words)]).args(more);
        [Running::start(&mut call), listening]
    };
    let [called, listening] = call(&[]);
    let json = called.finish().expect_code(1).json();
    listening.interrupt();
    listening.finish().expect_code(1);
    let error = json["error"].as_str().unwrap();
    assert!(error.contains(&other.to_string()), "{error}");
    assert!(error.contains("--accept-changed-key"), "{error}");

    for (accept, known) in [
        (&["--accept-changed-key"][..], "changed key"),
        (&[], "same key"),
    ] {
        let [calling, listening] = call(accept);
        let [called, listened] = talk(calling, listening, [5, 5]);
        assert_eq!(called.expect_code(0).json()["known"], known);
        listened.expect_code(0);
    }
}

#[test]
fn a_node_that_lies_or_is_down_makes_no_call() {
    let world = World::new();
    let lying = lying_node(&world);
    let nonsense = Node::serve_bent(
        world.enrolled.chain.clone(),
        Arc::new(|_, _| json!("nonsense")),
    );
    let down = "http://127.0.0.1:1".to_owned();
    for (url, named) in [
        (lying.url, "not proven"),
        (nonsense.url, "makes no sense"),
        (down, "cannot be reached"),
    ] {
        let mut listen = world.bob.listen();
        let listening = Running::start_listening(&mut listen);
        let callee = format!("{BOB}@{}", listening.address.unwrap());
        let mut call = world.alice.asking(&url).call(&callee);
        let json = Running::start(&mut call).finish().expect_code(1).json();
        let error = json["error"].as_str().unwrap();
        assert!(error.contains(named), "{named}: {error}");
        listening.interrupt();
        listening.finish().expect_code(1);
    }
}

#[test]
fn where_the_first_node_is_down_or_lies_the_second_is_asked_and_the_owner_is_told() {
    let world = World::new();
    let words = short_speech(world.folder.path(), "a.pcap", 7, 5);
    let lying = lying_node(&world);
    for first in ["http://127.0.0.1:1", &lying.url] {
        let mut listen = world.bob.listen();
        let bob = Running::start_listening(listen.args(["--send", text(&words)]));
        let callee = format!("{BOB}@{}", bob.address.unwrap());
        let mut call = world.alice.asking_first(first).call(&callee);
        let alice = Running::start(call.args(["--send", text(&words)]));
        let [alice, bob] = talk(alice, bob, [5, 5]).map(|done| done.expect_code(0));
        assert_eq!(alice.json()["peer_number"], BOB);
        let told = format!("passed over {first}");
        assert!(alice.stderr.contains(&told), "{}", alice.stderr);
        assert!(!bob.stderr.contains("passed over"), "{}", bob.stderr);
    }
}

#[test]
fn an_interrupt_says_good_bye_first() {
    let world = World::new();
    let mut listen = world.bob.listen();
    let words = [("a.pcap", 7, 10), ("b.pcap", 8, 1)]
        .map(|(name, ssrc, count)| short_speech(world.folder.path(), name, ssrc, count));
    let bob = Running::start_listening(listen.args(["--send", text(&words[1])]));
    let callee = format!("{BOB}@{}", bob.address.unwrap());
    let alice = Running::start(world.alice.call(&callee).args(["--send", text(&words[0])]));
    // She has more to say.
    bob.await_packets(10);
    alice.interrupt();
    let a = alice.finish().expect_code(0).json();
    let b = bob.finish().expect_code(0).json();
    assert_eq!(a["ended"], "hung up");
    assert_eq!(b["ended"], "the peer hung up: interrupted");
    assert_eq!(b["packets_received"], 10);
    assert_eq!(b["lost"], 0);
}

#[test]
fn a_bad_url_and_missing_keys_are_named_before_anything_is_sent() {
    let world = World::new();
    let callee = format!("{BOB}@127.0.0.1:9");
    let done = Running::start(&mut world.alice.asking("ftp://node").call(&callee))
        .finish()
        .expect_code(2);
    assert!(done.stderr.contains("ftp://node"), "{}", done.stderr);
    assert!(done.stderr.contains("http://"), "{}", done.stderr);

    std::fs::remove_file(&world.alice.key).unwrap();
    let done = Running::start(&mut world.alice.call(&callee))
        .finish()
        .expect_code(2);
    assert!(
        done.stderr.contains(text(&world.alice.key)),
        "{}",
        done.stderr
    );
    assert!(done.stderr.contains("callseal keygen"), "{}", done.stderr);
}

/// A node that changes the last bit of each proof.
fn lying_node(world: &World) -> Node {
    Node::serve_bent(
        world.enrolled.chain.clone(),
        Arc::new(|method, mut answer| {
            if method == "eth_getProof" {
                let nodes = answer["storageProof"][0]["proof"].as_array_mut().unwrap();
                let last = nodes.last_mut().unwrap();
                let mut changed = last.as_str().unwrap().to_owned();
                let bit = match changed.pop() {
                    Some('0') => '1',
                    _ => '0',
                };
                changed.push(bit);
                *last = json!(changed);
            }
            answer
        }),
    )
}

/// A registry with Alice and Bob, a node that serves it, and three phones.
struct World {
    folder: tempfile::TempDir,
    enrolled: Enrolled,
    node: Node,
    alice: Phone,
    bob: Phone,
    stranger: Phone,
}

impl World {
    fn new() -> Self {
        let enrolled = enrol(&[ALICE, BOB]).unwrap();
        let node = Node::serve(enrolled.chain.clone());
        let folder = folder();
        let registry = registry_arguments(&enrolled, &node.url);
        let phone =
            |number, key: &IdentityKey| Phone::new(folder.path(), number, key, registry.clone());
        Self {
            alice: phone(ALICE, &enrolled.subscribers[0].key),
            bob: phone(BOB, &enrolled.subscribers[1].key),
            stranger: phone(STRANGER, &IdentityKey::from_bytes([3; 32]).unwrap()),
            folder,
            enrolled,
            node,
        }
    }

    fn registry(&self) -> Vec<String> {
        registry_arguments(&self.enrolled, &self.node.url)
    }
}

fn registry_arguments(enrolled: &Enrolled, url: &str) -> Vec<String> {
    [
        "--rpc".to_owned(),
        url.to_owned(),
        "--contract".to_owned(),
        enrolled.registry.address().to_string(),
        "--trusted-block".to_owned(),
        enrolled.chain.head().to_string(),
    ]
    .to_vec()
}
