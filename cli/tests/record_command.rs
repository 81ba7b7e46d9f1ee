//! `callseal record`, as a process, over the embedded chain; and what a phone tells its owner.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

#[path = "record_command/crashes.rs"]
mod crashes;
mod support;

use std::path::PathBuf;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256, U256};
use callseal::loopback_node::LoopbackNode;
use callseal::output_file::Existing;
use callseal::phone_keys::{PhoneKeys, Work};
use callseal::random::SystemRandom;
use callseal_devchain::{
    Claim, DevBeacon, DevChain, DevRegistry, Genesis, Operator, Transaction, prove_possession,
    uncompressed_key,
};
use callseal_registry_client::number_hash;
use callseal_sts::{IdentityKey, Number};
use serde_json::{Value, json};
use support::node::Node;
use support::phones::Running;
use support::{Done, callseal, folder, text, until};
use tempfile::TempDir;

const ALICE: &str = "+8613800000001";
const PASSPHRASE: &str = "open sesame";
const DAY: u64 = 24 * 3_600;

/// A chain, its node, and a registry with Alice's record.
struct World {
    folder: TempDir,
    chain: DevChain,
    beacon: DevBeacon,
    checkpoint: B256,
    url: String,
    /// What `--rpc` says, in this order.
    urls: Vec<String>,
    registry: DevRegistry,
    alice: PathBuf,
}

impl World {
    /// On a chain that began so many seconds ago.
    fn begun_before(seconds: u64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        let began = now.as_secs() - seconds;
        let chain = DevChain::from_genesis(Genesis::new(31_337).at(began));
        let beacon = DevBeacon::new(&chain).unwrap();
        let checkpoint = beacon.finalize();
        let terms = Operator {
            account: chain.account(0),
            signing_key: uncompressed_key(&[0x51; 32]).unwrap(),
            sealing_key: [0; 32],
        };
        let registry = DevRegistry::deploy(&chain, chain.account(0), &terms).unwrap();
        let folder = folder();
        std::fs::write(folder.path().join("passphrase"), PASSPHRASE).unwrap();
        let constants = serde_json::to_string(beacon.network().terms()).unwrap();
        std::fs::write(folder.path().join("network.json"), constants).unwrap();
        let url = LoopbackNode::serve(&chain, &beacon, 0).unwrap().url();
        let mut world = Self {
            urls: vec![url.clone()],
            url,
            alice: PathBuf::new(),
            folder,
            chain,
            beacon,
            checkpoint,
            registry,
        };
        world.alice = world.key_file("alice");
        let keys = world.keys();
        world.fund(keys.address());
        world.approve(keys.address(), &keys.identity);
        world.beacon.finalize();
        world
    }

    fn new() -> Self {
        Self::begun_before(60 * 12)
    }

    fn key_file(&self, name: &str) -> PathBuf {
        let path = self.folder.path().join(format!("{name}.phone"));
        let number = Number::parse(ALICE).unwrap();
        let keys = PhoneKeys::generate(Some(number), None, &mut SystemRandom);
        keys.write(
            &path,
            PASSPHRASE,
            Work::LEAST,
            &mut SystemRandom,
            Existing::Keep,
        )
        .unwrap();
        path
    }

    /// What is in Alice's key file now.
    fn keys(&self) -> PhoneKeys {
        PhoneKeys::read(&self.alice, PASSPHRASE).unwrap()
    }

    fn notes(&self) -> PathBuf {
        self.folder.path().join("alice.phone.change")
    }

    fn fund(&self, account: Address) {
        let gift = Transaction {
            value: U256::from(10_u64.pow(17)),
            ..Transaction::call(self.chain.account(1), account, [])
        };
        self.chain.transact(gift).unwrap();
    }

    /// Has the operator approve this key for Alice's number.
    fn approve(&self, wallet: Address, identity: &IdentityKey) {
        let number_hash = number_hash(ALICE).unwrap();
        let digest = self
            .registry
            .proof_of_possession_digest(number_hash, wallet);
        let secret = identity.to_bytes();
        let claim = Claim {
            number_hash,
            key: uncompressed_key(&secret).unwrap(),
            token_hash: B256::repeat_byte(7),
            proof_of_possession: prove_possession(&secret, digest).unwrap(),
        };
        self.registry.add_client(wallet, &claim).unwrap();
        let (operator, hash) = (self.chain.account(0), claim.record_hash(wallet));
        self.registry
            .approve_client(operator, number_hash, wallet, hash)
            .unwrap();
    }

    /// The operator approves a thief's key for Alice's number.
    fn approve_thief(&self) {
        let thief = IdentityKey::from_bytes([0x66; 32]).unwrap();
        self.approve(self.chain.account(5), &thief);
    }

    /// The key that the registry has now, in its newest block.
    fn key(&self) -> [u8; 33] {
        let entry = self.registry.client(number_hash(ALICE).unwrap());
        entry.unwrap().unwrap().key
    }

    fn has_successor(&self) -> bool {
        let entry = self.registry.successor(number_hash(ALICE).unwrap());
        entry.unwrap().is_some()
    }

    fn sent(&self) -> u64 {
        self.chain.nonce(self.keys().address())
    }

    /// `callseal record`, believing the node.
    fn record(&self, what: &str) -> Command {
        let mut command = self.record_of(what, &self.alice);
        command.arg("--trust-node");
        command
    }

    fn record_of(&self, what: &str, keys: &std::path::Path) -> Command {
        let mut command = callseal();
        command
            .args(["record", what, "--json", "--keys", text(keys)])
            .args(self.urls.iter().flat_map(|url| ["--rpc", url]))
            .args(["--contract", &self.registry.address().to_string()]);
        self.with_passphrase(&mut command);
        if what != "show" {
            command.args(["--wait", "300", "--poll", "50"]);
        }
        command
    }

    /// `callseal record`, with a light client.
    fn proven(&self, what: &str) -> Command {
        let mut command = self.record_of(what, &self.alice);
        self.with_light_client(&mut command);
        command
    }

    fn with_passphrase(&self, command: &mut Command) {
        let file = self.folder.path().join("passphrase");
        command.args(["--passphrase-file", text(&file)]);
    }

    fn with_light_client(&self, command: &mut Command) {
        let network = self.folder.path().join("network.json");
        let state = self.folder.path().join("light.state");
        command
            .args(["--beacon", &self.url, "--network", text(&network)])
            .args(["--checkpoint", &self.checkpoint.to_string()])
            .args(["--state", text(&state)]);
    }

    /// What a phone says on standard error when it listens, and nobody calls.
    fn listen(&self) -> String {
        let peers = self.folder.path().join("peers.json");
        let mut command = callseal();
        command
            .args(["listen", "--bind", "127.0.0.1:0", "--send", "none"])
            .args(["--wait", "0.5", "--known-peers", text(&peers)])
            .args(["--key", text(&self.alice), "--rpc", &self.url])
            .args(["--contract", &self.registry.address().to_string()]);
        self.with_passphrase(&mut command);
        self.with_light_client(&mut command);
        Done::of(&command.output().unwrap()).expect_code(1).stderr
    }
}

fn json_of(command: &mut Command, code: i32) -> Value {
    Done::of(&command.output().unwrap())
        .expect_code(code)
        .json()
}

fn error_of(command: &mut Command) -> String {
    let said = json_of(command, 1);
    assert_eq!(said["done"], false, "{said}");
    said["error"].as_str().unwrap().to_owned()
}

#[test]
fn where_the_first_nodes_are_down_or_lie_the_next_is_asked_and_the_owner_is_told() {
    let mut world = World::new();
    let liar = Node::lying(&world.url, |method, _| {
        let proof = json!({ "accountProof": ["0x80"], "storageProof": [] });
        (method == "eth_getProof").then_some(proof)
    });
    let bad = ["http://127.0.0.1:1", &liar.url];
    world.urls.splice(0..0, bad.map(str::to_owned));
    let shown = json_of(&mut world.proven("show"), 0);
    let revoked = json_of(world.record("revoke").arg("--yes"), 0);
    assert_eq!(revoked["record"]["status"], "revoked");
    for said in [shown, revoked] {
        let faults = said["faults"].to_string();
        assert!(bad.iter().all(|url| faults.contains(url)), "{said}");
    }
}

#[test]
fn an_owner_sees_a_thiefs_successor_objects_in_time_and_it_never_comes_into_force() {
    let world = World::begun_before(3 * DAY);
    let ours = world.key();
    let well = json_of(&mut world.record("show"), 0);
    assert_eq!(well["status"], "in force");
    assert_eq!(
        (&well["revision"], &well["key_is_ours"]),
        (&1.into(), &true.into())
    );
    assert_eq!(well["successor"], Value::Null);
    assert!(error_of(&mut world.record("object")).contains("nothing to object to"));
    assert_eq!(world.sent(), 1);

    world.approve_thief();
    let seen = json_of(&mut world.record("show"), 1);
    assert_eq!(seen["successor"]["in_seconds"], 2 * DAY);
    let concern = seen["concern"].as_str().unwrap();
    assert!(concern.contains("callseal record object"), "{concern}");

    let done = json_of(&mut world.record("object"), 0);
    assert_eq!(done["done"], true);
    assert_eq!(done["record"]["successor"], Value::Null);
    assert!(!world.has_successor());
    assert!(!world.notes().exists());
    let after = world.chain.head_timestamp() + 2 * DAY + 60;
    world.chain.set_next_timestamp(after).unwrap();
    world.chain.mine();
    assert_eq!(world.key(), ours);
    assert_eq!(json_of(&mut world.record("show"), 0)["status"], "in force");
}

#[test]
fn a_revocation_is_asked_for_twice_and_is_final() {
    let world = World::new();
    let unasked = Done::of(&world.record("revoke").output().unwrap()).expect_code(2);
    assert!(unasked.stderr.contains("--yes"), "{}", unasked.stderr);
    assert_eq!(world.sent(), 1);
    let done = json_of(world.record("revoke").arg("--yes"), 0);
    assert_eq!(done["record"]["status"], "revoked");
    assert_eq!(json_of(&mut world.record("show"), 1)["status"], "revoked");
    // A second time there is nothing to do, and nothing is paid.
    let sent = world.sent();
    assert_eq!(
        json_of(world.record("revoke").arg("--yes"), 0)["done"],
        true
    );
    assert_eq!(world.sent(), sent);
    assert!(error_of(&mut world.record("rotate")).contains("revoked"));
    assert!(error_of(&mut world.record("object")).contains("revoked"));
}

#[test]
fn a_rotation_that_is_killed_at_any_step_goes_on_and_never_loses_the_key() {
    let world = World::new();
    let (before, sent) = (world.keys(), world.sent());
    world.chain.set_automatic(false);

    // Dropped is killed, as by kill -9. Before anybody hears of it, the new key is kept.
    let running = Running::start(&mut world.proven("rotate"));
    until("the new key is kept", || {
        std::fs::read_to_string(&world.alice)
            .unwrap()
            .contains("\"next\"")
    });
    drop(running);
    let kept = world.keys();
    let next = kept.next_identity.unwrap();
    assert_eq!(kept.identity.public(), before.identity.public());

    let running = Running::start(&mut world.proven("rotate"));
    until("what is signed is kept", || {
        std::fs::read_to_string(world.notes()).is_ok_and(|notes| notes.contains("\"raw\""))
    });
    drop(running);
    assert_eq!(world.key(), *before.identity.public().as_bytes());

    // In a block, and not final.
    world.chain.set_automatic(true);
    world.chain.mine();
    let running = Running::start(&mut world.proven("rotate"));
    until("the registry has the new key", || {
        world.key() == *next.public().as_bytes()
    });
    drop(running);
    let kept = world.keys();
    assert_eq!(kept.identity.public(), before.identity.public());
    assert_eq!(kept.next_identity.unwrap().public(), next.public());
    let notes = std::fs::read(world.notes()).unwrap();

    world.beacon.finalize();
    let done = json_of(&mut world.proven("rotate"), 0);
    assert_eq!(done["done"], true, "{done}");
    assert_eq!(done["record"]["revision"], 2);
    let after = world.keys();
    assert_eq!(after.identity.public(), next.public());
    assert!(after.next_identity.is_none());
    assert_eq!(after.address(), before.address());
    assert!(!world.notes().exists());

    // Killed after the key file was written: nothing is done twice.
    std::fs::write(world.notes(), notes).unwrap();
    assert_eq!(json_of(&mut world.proven("rotate"), 0)["done"], true);
    assert_eq!(world.keys().identity.public(), next.public());
    assert_eq!(world.sent(), sent + 1);
    assert_eq!(json_of(&mut world.proven("show"), 0)["key_is_ours"], true);
}

#[test]
fn of_what_keeps_a_holder_from_speaking_each_is_named() {
    let world = World::new();
    // Another phone's file, for the same number.
    let other = world.key_file("mallory");
    let mut show = world.record_of("show", &other);
    let seen = json_of(show.arg("--trust-node"), 1);
    assert_eq!(seen["holder_is_ours"], false);
    let mut object = world.record_of("object", &other);
    let error = error_of(object.arg("--trust-node"));
    assert!(error.contains("holder is the wallet"), "{error}");

    // The wallet has nothing left.
    let keys = world.keys();
    let wallet = keys.address();
    world.approve_thief();
    drain(&world, wallet);
    let poor = json_of(&mut world.record("object"), 1);
    let missing: u64 = poor["missing_wei"].as_str().unwrap().parse().unwrap();
    assert!(missing > 0);
    let error = poor["error"].as_str().unwrap();
    assert!(error.contains(&wallet.to_string()), "{error}");
    assert!(world.has_successor());
    // As much as it asks for is enough.
    let gift = Transaction {
        value: U256::from(missing),
        ..Transaction::call(world.chain.account(1), wallet, [])
    };
    world.chain.transact(gift).unwrap();
    assert_eq!(json_of(&mut world.record("object"), 0)["done"], true);

    let wrong = world.folder.path().join("passphrase");
    std::fs::write(wrong, "open barley").unwrap();
    let done = Done::of(&world.record("show").output().unwrap()).expect_code(2);
    assert!(
        done.stderr.contains("passphrase is wrong"),
        "{}",
        done.stderr
    );
}

/// Leaves the wallet next to nothing.
fn drain(world: &World, wallet: Address) {
    while world.chain.balance(wallet) > U256::from(10_u64.pow(12)) {
        let gift = Transaction {
            value: world.chain.balance(wallet) / U256::from(2),
            ..Transaction::call(wallet, world.chain.account(1), [])
        };
        if world.chain.transact(gift).is_err() {
            break;
        }
    }
}

#[test]
fn a_number_without_a_record_is_named() {
    let world = World::new();
    let mut object = world.record("object");
    let error = error_of(object.args(["--number", "+8613800000009"]));
    assert!(error.contains("no record"), "{error}");
    let mut show = world.record("show");
    let absent = json_of(show.args(["--number", "+8613800000009"]), 1);
    assert_eq!(absent["status"], "absent");
}

#[test]
fn a_phone_warns_its_owner_of_a_successor_another_key_and_a_revocation() {
    let world = World::new();
    let said = world.listen();
    assert!(!said.contains("our own record"), "{said}");

    world.approve_thief();
    world.beacon.finalize();
    let said = world.listen();
    assert!(said.contains("approved another key"), "{said}");
    assert!(said.contains("callseal record object"), "{said}");

    // The holder's own change drops it; a phone that still has the old key says so.
    let mut old = world.keys();
    let mut rotate = world.record("rotate");
    assert_eq!(json_of(&mut rotate, 0)["done"], true);
    let new = world.keys();
    old.next_identity = None;
    let write = |keys: &PhoneKeys| {
        let (work, random) = (Work::USUAL, &mut SystemRandom);
        keys.write(&world.alice, PASSPHRASE, work, random, Existing::Replace)
            .unwrap();
    };
    write(&old);
    world.beacon.finalize();
    let said = world.listen();
    assert!(said.contains("another key than ours"), "{said}");

    write(&new);
    assert_eq!(
        json_of(world.record("revoke").arg("--yes"), 0)["done"],
        true
    );
    world.beacon.finalize();
    let said = world.listen();
    assert!(said.contains("revoked since"), "{said}");
}
