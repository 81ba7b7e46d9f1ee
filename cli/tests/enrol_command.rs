//! `callseal enrol`, as a process, at an operator's service over the embedded chain.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256, U256};
use callseal::demo::operators::{Operator, OperatorSecrets};
use callseal::loopback_node::LoopbackNode;
use callseal::output_file::Existing;
use callseal::phone_keys::{PhoneKeys, Work};
use callseal::random::SystemRandom;
use callseal_devchain::{DevBeacon, DevChain, DevRegistry, Genesis, Transaction};
use callseal_eims::contract::hash_of;
use callseal_eims::{AccountKey, Lifetime, OperatorId, Payment, Token, TokenClaims, Wait};
use callseal_registry_client::{HttpTransport, layout};
use serde_json::{Value, json};
use support::node::Node;
use support::operator::Subscriber;
use support::phones::Running;
use support::{Done, callseal, folder, run, text, until};
use tempfile::TempDir;

const ALICE: &str = "+8613800000001";
const BOB: &str = "+8613800000002";
const PASSPHRASE: &str = "open sesame";
/// Seconds that a phone has, where it is not to give up.
const PATIENCE: &str = "600";
/// Where no node is.
const DOWN: &str = "http://127.0.0.1:1";
/// What an operator pays for a claim.
const FEE_MONEY: u64 = 10_000_000_000_000_000;

/// A chain, a node that serves it, and an operator.
struct World {
    folder: TempDir,
    chain: DevChain,
    beacon: DevBeacon,
    checkpoint: String,
    url: String,
    /// What `--rpc` says, in this order.
    urls: Vec<String>,
    operator: Operator,
    registry: DevRegistry,
    /// Seconds that a phone has.
    wait: &'static str,
}

/// A phone's files.
struct Phone {
    token: PathBuf,
    keys: PathBuf,
    passphrase: PathBuf,
    number_hash: B256,
    wallet: Address,
}

impl World {
    /// Where whatever is sent is in a block at once, and final.
    fn new() -> Self {
        Self::over(LoopbackNode::serve_final)
    }

    /// Where nothing is in a block before the test makes one: a phone stays at each step that needs it.
    fn without_blocks() -> Self {
        let world = Self::over(|chain, beacon| LoopbackNode::serve(chain, beacon, 0));
        world.chain.set_automatic(false);
        world
    }

    fn over(serve: impl Fn(&DevChain, &DevBeacon) -> io::Result<LoopbackNode>) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        // Far enough back that all its blocks, 12 seconds apart, have been by now, and in the period of today's
        // committee.
        let began = now.as_secs() - 48 * 12;
        let chain = DevChain::from_genesis(Genesis::new(31_337).at(began));
        let beacon = DevBeacon::new(&chain).unwrap();
        let checkpoint = beacon.finalize().to_string();
        let url = serve(&chain, &beacon).unwrap().url();
        let (operator, registry) = Operator::open("North", &chain, &url).unwrap();
        beacon.finalize();
        Self {
            folder: folder(),
            chain,
            beacon,
            checkpoint,
            urls: vec![url.clone()],
            url,
            operator,
            registry,
            wait: PATIENCE,
        }
    }

    /// What was sent is in a block, and whatever is sent from now on is in one at once.
    fn let_blocks_come(&self) {
        self.chain.set_automatic(true);
        self.chain.mine();
    }

    /// Another registry, whose operator has these secrets and no ether.
    fn deploy(&mut self, secrets: &OperatorSecrets) -> OperatorId {
        let terms = secrets.deployed().unwrap();
        let registry = DevRegistry::deploy(&self.chain, self.chain.account(1), &terms);
        self.registry = registry.unwrap();
        OperatorId {
            chain_id: self.chain.id(),
            contract: self.registry.address().into(),
        }
    }

    /// A phone with a token for this number, and keys.
    fn phone(&mut self, number: &str) -> Phone {
        let token = self.operator.issue(number.parse().unwrap()).unwrap();
        self.phone_with(number, &token)
    }

    fn phone_with(&self, name: &str, token: &Token) -> Phone {
        let file = |extension: &str| self.folder.path().join(format!("{name}.{extension}"));
        let number = token.unverified_claims().number;
        let keys = PhoneKeys::generate(
            Some(callseal_sts::Number::parse(&number.to_string()).unwrap()),
            None,
            &mut SystemRandom,
        );
        let phone = Phone {
            token: file("token"),
            keys: file("phone"),
            passphrase: file("passphrase"),
            number_hash: hash_of(number),
            wallet: keys.address(),
        };
        std::fs::write(&phone.token, format!("{}\n", &*token.to_text())).unwrap();
        std::fs::write(&phone.passphrase, PASSPHRASE).unwrap();
        keys.write(
            &phone.keys,
            PASSPHRASE,
            Work::LEAST,
            &mut SystemRandom,
            Existing::Keep,
        )
        .unwrap();
        phone
    }

    /// `callseal enrol` at the operator, believing the node.
    fn enrol(&self, phone: &Phone) -> Command {
        let address = self.operator.address().to_string();
        let mut command = self.enrol_at(&address, phone);
        command.arg("--trust-node");
        command
    }

    fn enrol_at(&self, address: &str, phone: &Phone) -> Command {
        let mut command = callseal();
        command
            .args(["enrol", "--operator", address])
            .args(self.urls.iter().flat_map(|url| ["--rpc", url]))
            .args(["--contract", &self.registry.address().to_string()])
            .args(["--token", text(&phone.token), "--keys", text(&phone.keys)])
            .args(["--passphrase-file", text(&phone.passphrase)])
            .args(["--wait", self.wait, "--poll", "100"]);
        command
    }

    /// Has phones ask another node first.
    fn asking_first(&mut self, url: &str) -> &mut Self {
        self.urls.insert(0, url.to_owned());
        self
    }

    /// What a light client needs.
    fn light_client(&self) -> Vec<String> {
        let network = self.folder.path().join("network.json");
        let constants = serde_json::to_string(self.beacon.network().terms()).unwrap();
        std::fs::write(&network, constants).unwrap();
        let state = self.folder.path().join("light.state");
        [
            ["--beacon", &self.url],
            ["--checkpoint", &self.checkpoint],
            ["--network", text(&network)],
            ["--state", text(&state)],
        ]
        .concat()
        .into_iter()
        .map(str::to_owned)
        .collect()
    }

    fn fund(&self, account: Address) {
        let ether = U256::from(10_u64.pow(18));
        let gift = Transaction::call(self.chain.account(1), account, []);
        let gift = Transaction {
            value: ether,
            ..gift
        };
        self.chain.transact(gift).unwrap();
    }

    fn is_approved(&self, phone: &Phone) -> bool {
        let entry = self.registry.client(phone.number_hash).unwrap();
        entry.is_some_and(|entry| entry.holder == phone.wallet)
    }

    /// How many claims the wallet has sent, and that it was paid once at most.
    fn claims_of(&self, phone: &Phone) -> u64 {
        assert!(self.chain.balance(phone.wallet) <= U256::from(FEE_MONEY));
        self.chain.nonce(phone.wallet)
    }
}

impl Phone {
    fn notes(&self) -> PathBuf {
        let mut name = self.keys.clone().into_os_string();
        name.push(".enrolment");
        name.into()
    }

    /// Its subscriber, who asks the operator by hand.
    fn person(&self) -> Subscriber {
        let keys = PhoneKeys::read(&self.keys, PASSPHRASE).unwrap();
        let key = |octets| AccountKey::from_bytes(octets).unwrap();
        let token = std::fs::read_to_string(&self.token).unwrap();
        Subscriber {
            token: token.trim().parse().unwrap(),
            wallet: key(*keys.wallet()),
            identity: key(*keys.identity.to_bytes()),
            phone_key: keys.enrolment,
        }
    }

    /// Waits until it is kept that this step is done, and nothing comes after it yet.
    fn await_step(&self, step: &str) {
        until(step, || {
            std::fs::read_to_string(self.notes()).is_ok_and(|notes| notes.contains(step))
        });
    }
}

fn json_of(command: &mut Command, code: i32) -> Value {
    let done = Done::of(&command.arg("--json").output().unwrap());
    done.expect_code(code).json()
}

#[test]
fn a_phone_enrols_by_a_light_client_and_a_second_time_there_is_nothing_to_do() {
    let mut world = World::new();
    let phone = world.phone(ALICE);
    let address = world.operator.address().to_string();
    let light = world.light_client();
    let mut command = world.enrol_at(&address, &phone);
    let enrolled = json_of(command.args(&light), 0);
    assert_eq!(enrolled["enrolled"], true, "{enrolled}");
    assert_eq!(enrolled["number"], ALICE);
    let wallet: Address = enrolled["wallet"].as_str().unwrap().parse().unwrap();
    assert_eq!(wallet, phone.wallet);
    assert!(world.is_approved(&phone));
    assert_eq!(world.claims_of(&phone), 1);
    let mode = phone.notes().metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let mut again = world.enrol_at(&address, &phone);
    let again = json_of(again.args(&light), 0);
    assert_eq!(again["block_hash"], enrolled["block_hash"]);
    assert_eq!(world.claims_of(&phone), 1);

    // And with its notes lost, at an operator whose books are closed.
    std::fs::remove_file(phone.notes()).unwrap();
    let mut lost = world.enrol_at(&address, &phone);
    assert_eq!(json_of(lost.args(&light), 0)["enrolled"], true);
    assert_eq!(world.claims_of(&phone), 1);
}

#[test]
fn where_the_first_node_is_down_the_second_is_asked_and_the_report_names_the_first() {
    let mut world = World::new();
    let phone = world.phone(ALICE);
    let enrolled = json_of(&mut world.asking_first(DOWN).enrol(&phone), 0);
    assert_eq!(enrolled["enrolled"], true, "{enrolled}");
    assert_eq!(world.claims_of(&phone), 1);
    assert_eq!(enrolled["faults"].as_array().unwrap().len(), 1);
    let fault = enrolled["faults"][0].as_str().unwrap();
    assert_eq!(fault.matches(DOWN).count(), 1, "{fault}");

    let phone = world.phone(BOB);
    let done = Done::of(&world.enrol(&phone).output().unwrap()).expect_code(0);
    assert!(done.stdout.contains("passed over"), "{}", done.stdout);
}

#[test]
fn a_first_node_that_lies_neither_stops_nor_misleads_an_enrolment_and_is_named() {
    let mut world = World::new();
    let phone = world.phone(ALICE);
    // Proofs that prove nothing, a wallet without money that has sent much, and what is sent is kept from everybody.
    let liar = Node::lying(&world.url, |method, _| match method {
        "eth_getProof" => Some(json!({ "accountProof": ["0x80"], "storageProof": [] })),
        "eth_getBalance" => Some(json!("0x0")),
        "eth_getTransactionCount" => Some(json!("0x77")),
        "eth_sendRawTransaction" => Some(json!(B256::ZERO)),
        "eth_getTransactionReceipt" => Some(Value::Null),
        _ => None,
    });
    world.asking_first(&liar.url);
    let address = world.operator.address().to_string();
    let mut enrol = world.enrol_at(&address, &phone);
    let enrolled = json_of(enrol.args(world.light_client()), 0);
    assert_eq!(enrolled["enrolled"], true, "{enrolled}");
    assert_eq!(world.claims_of(&phone), 1);
    let faults = enrolled["faults"].as_array().unwrap();
    let faults: Vec<_> = faults.iter().map(|fault| fault.as_str().unwrap()).collect();
    for part in ["not proven", "in wei", "next transaction"] {
        let is_told = |fault: &&str| fault.contains(part) && fault.contains(&liar.url);
        assert!(faults.iter().any(is_told), "{part}: {faults:?}");
    }
}

#[test]
fn nodes_that_are_trusted_and_disagree_stop_the_enrolment() {
    let mut world = World::new();
    let phone = world.phone(ALICE);
    let liar = Node::lying(&world.url, {
        let honest = std::sync::Mutex::new(HttpTransport::new(&world.url).unwrap());
        move |method, params| {
            let is_block = method == "eth_getBlockByNumber";
            let block = is_block.then(|| honest.lock().unwrap().ask::<Value>(method, params));
            let mut block = block?.unwrap();
            block["hash"] = json!(B256::repeat_byte(0x66));
            Some(block)
        }
    });
    world.asking_first(&liar.url).wait = "1";
    let stopped = json_of(&mut world.enrol(&phone), 1);
    let error = stopped["error"].as_str().unwrap();
    assert!(error.contains("different blocks"), "{error}");
    for url in &world.urls {
        assert!(error.contains(url), "{error}");
    }
    assert_eq!(world.claims_of(&phone), 0);
}

#[test]
fn keys_are_made_where_there_are_none_and_a_pipe_hears_the_end_alone() {
    let mut world = World::new();
    let phone = world.phone(ALICE);
    std::fs::remove_file(&phone.keys).unwrap();
    let done = Done::of(&world.enrol(&phone).output().unwrap()).expect_code(0);
    assert_eq!(done.stderr, "");
    assert!(done.stdout.contains("is enrolled"), "{}", done.stdout);
    assert_eq!(done.stdout.lines().count(), 2, "{}", done.stdout);
    for line in done.stdout.lines() {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let mode = phone.keys.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let made = PhoneKeys::read(&phone.keys, PASSPHRASE).unwrap();
    let entry = world.registry.client(phone.number_hash).unwrap().unwrap();
    assert_eq!(entry.holder, made.address());
    assert_eq!(entry.key, *made.identity.public().as_bytes());
}

#[test]
fn a_phone_that_is_killed_goes_on_and_pays_and_claims_nothing_twice() {
    let mut world = World::without_blocks();
    let phone = world.phone(ALICE);

    // Dropped is killed, as by kill -9.
    let running = Running::start(&mut world.enrol(&phone));
    phone.await_step("announced");
    drop(running);
    let wallet = phone.wallet;
    world.let_blocks_come();
    until("the payment is in a block", || {
        world.chain.balance(wallet) > U256::ZERO
    });
    world.chain.set_automatic(false);
    let running = Running::start(&mut world.enrol(&phone));
    phone.await_step("signed");
    drop(running);
    assert_eq!(world.chain.nonce(wallet), 0);

    // What was kept is what is sent.
    let notes = std::fs::read_to_string(phone.notes()).unwrap();
    let notes: Value = serde_json::from_str(&notes).unwrap();
    let kept = notes["step"]["signed"]["hash"].as_str().unwrap();
    // The killed one may have sent it.
    world.let_blocks_come();
    let enrolled = json_of(&mut world.enrol(&phone), 0);
    assert_eq!(enrolled["enrolled"], true, "{enrolled}");
    let receipt = world.chain.receipt(kept.parse().unwrap());
    assert!(receipt.unwrap().succeeded());
    assert_eq!(world.claims_of(&phone), 1);
    assert!(world.is_approved(&phone));
}

#[test]
fn of_two_runs_at_once_the_second_is_told_of_the_first() {
    let mut world = World::without_blocks();
    let phone = world.phone(ALICE);
    let first = Running::start(world.enrol(&phone).arg("--json"));
    phone.await_step("announced");
    let second = Done::of(&world.enrol(&phone).output().unwrap()).expect_code(2);
    assert!(
        second
            .stderr
            .contains("another `callseal enrol` is at work"),
        "{}",
        second.stderr
    );
    world.let_blocks_come();
    assert_eq!(first.finish().expect_code(0).json()["enrolled"], true);
    assert_eq!(world.claims_of(&phone), 1);
}

/// The registry names one operator's key; whoever listens has another, and cannot open what the phone seals.
#[test]
fn whoever_is_not_the_registrys_operator_learns_nothing_and_the_phone_stops() {
    let mut world = World::new();
    let secrets = OperatorSecrets::generate();
    let id = world.deploy(&secrets);
    // All of the operator's but what phones seal to.
    let others = OperatorSecrets {
        account: secrets.account.clone(),
        signing: secrets.signing.clone(),
        sealing: OperatorSecrets::generate().sealing,
    };
    let mallory = Operator::serve("Mallory", id, others, &world.url).unwrap();
    world.fund(secrets.account.address());
    world.operator = Operator::serve("North", id, secrets, &world.url).unwrap();
    let phone = world.phone(ALICE);
    let mut command = world.enrol_at(&mallory.address().to_string(), &phone);
    let refused = json_of(command.arg("--trust-node"), 1);
    assert_eq!(refused["enrolled"], false);
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("key"), "{error}");
    let advice = refused["advice"].as_str().unwrap();
    assert!(advice.contains("--operator"), "{advice}");
    assert_eq!(refused["step"], "ready to begin");
    // At the right address it goes on.
    assert_eq!(json_of(&mut world.enrol(&phone), 0)["enrolled"], true);
}

#[test]
fn tokens_that_are_foreign_expired_used_or_altered_are_refused_by_name() {
    let mut world = World::new();
    let phone = world.phone(ALICE);
    let claims = |operator, lifetime| TokenClaims {
        operator,
        number: BOB.parse().unwrap(),
        serial: 7,
        lifetime,
    };
    let secrets = OperatorSecrets::generate();
    let issue = |claims| Token::issue(claims, &secrets.signing, &mut SystemRandom);
    let always = Lifetime::new(1, u64::MAX).unwrap();

    let foreign = OperatorId {
        contract: [0x77; 20],
        ..world.operator.id()
    };
    let foreign = world.phone_with("foreign", &issue(claims(foreign, always)));
    let done = Done::of(&world.enrol(&foreign).output().unwrap()).expect_code(2);
    assert!(done.stderr.contains("another operator"), "{}", done.stderr);

    let forged = world.phone_with("forged", &issue(claims(world.operator.id(), always)));
    let refused = json_of(&mut world.enrol(&forged), 1);
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("not signed by"), "{error}");

    std::fs::write(&forged.token, "callseal-token:AAAA").unwrap();
    let done = Done::of(&world.enrol(&forged).output().unwrap()).expect_code(2);
    assert!(done.stderr.contains("holds no token"), "{}", done.stderr);

    let over = Lifetime::new(1, 2).unwrap();
    let expired = world.operator.issue_for(BOB.parse().unwrap(), over);
    let expired = world.phone_with("expired", &expired);
    let refused = json_of(&mut world.enrol(&expired), 1);
    let error = refused["error"].as_str().unwrap();
    assert!(error.contains("expired"), "{error}");

    // A thief who has copied the token, after its owner has enrolled with it.
    assert_eq!(json_of(&mut world.enrol(&phone), 0)["enrolled"], true);
    let token = std::fs::read_to_string(&phone.token).unwrap();
    let thief = world.phone_with("thief", &token.trim().parse().unwrap());
    let refused = json_of(&mut world.enrol(&thief), 1);
    let error = refused["error"].as_str().unwrap();
    assert!(
        error.contains("used") || error.contains("another phone"),
        "{error}"
    );
    assert!(world.is_approved(&phone));
    assert_eq!(world.claims_of(&thief), 0);
}

#[test]
fn an_operator_without_ether_is_waited_for_and_named() {
    let mut world = World::new();
    let secrets = OperatorSecrets::generate();
    let id = world.deploy(&secrets);
    let poor = secrets.account.address();
    world.operator = Operator::serve("Poor", id, secrets, &world.url).unwrap();
    let phone = world.phone(ALICE);
    // The operator has tried to pay, and cannot.
    let address = world.operator.address().to_string();
    let person = phone.person();
    person.fund(&address, &world.url);
    person.await_status(&address, &world.url, |status| {
        status.payment == Payment::Queued(Wait::Funds)
    });
    // However long this machine takes for the operator's first answer.
    let waits = ["1", "10", "100"].into_iter().find_map(|wait| {
        world.wait = wait;
        let stopped = json_of(&mut world.enrol(&phone), 1);
        stopped["waits_for"].as_str().map(str::to_owned)
    });
    world.wait = PATIENCE;
    let waits = waits.unwrap();
    assert!(waits.contains("not enough ether"), "{waits}");
    world.fund(poor);
    assert_eq!(json_of(&mut world.enrol(&phone), 0)["enrolled"], true);
}

#[test]
fn the_operators_file_says_whose_number_it_is() {
    let mut world = World::new();
    let phone = world.phone(ALICE);
    let operators = world.folder.path().join("operators.json");
    let write = |prefix: &str| {
        let north = json!({
            "name": "North", "chain_id": world.chain.id(), "prefixes": [prefix],
            "contract": world.registry.address(), "code_hash": layout::CODE_HASH,
        });
        let all = json!({ "format": "callseal operators", "version": 1, "operators": [north] });
        std::fs::write(&operators, all.to_string()).unwrap();
    };
    let enrol = |phone: &Phone| {
        let mut command = callseal();
        command
            .args(["enrol", "--trust-node", "--operators", text(&operators)])
            .args(["--operator", &world.operator.address().to_string()])
            .args(["--token", text(&phone.token), "--keys", text(&phone.keys)])
            .args(["--passphrase-file", text(&phone.passphrase)])
            .args(["--rpc", &world.url]);
        command
    };
    write("+44");
    let done = Done::of(&enrol(&phone).output().unwrap()).expect_code(2);
    assert!(done.stderr.contains("no operator"), "{}", done.stderr);
    write("+86");
    assert_eq!(json_of(&mut enrol(&phone), 0)["enrolled"], true);
}

#[test]
fn what_is_missing_is_said() {
    let help = run(&["enrol", "--help"]).expect_code(0).stdout;
    assert!(help.contains("Examples:"), "{help}");
    assert!(help.contains("callseal enrol --token"), "{help}");
    let folder = folder();
    let nowhere = folder.path().join("sim.token");
    let all = [
        ["enrol", "--trust-node"],
        ["--token", text(&nowhere)],
        ["--keys", text(Path::new("alice.phone"))],
        ["--operator", "127.0.0.1:1"],
        ["--rpc", "http://127.0.0.1:1"],
    ]
    .concat();
    let contract = ["--contract", "0x0101010101010101010101010101010101010101"];
    let done = run(&[&all[..], &contract].concat()).expect_code(2);
    assert!(
        done.stderr.contains("cannot read the token"),
        "{}",
        done.stderr
    );
    let done = run(&all).expect_code(2);
    assert!(done.stderr.contains("--contract"), "{}", done.stderr);
}
