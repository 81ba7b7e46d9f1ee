//! `callseal operator`, on the embedded chain.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use alloy_primitives::{Address, B256};
use callseal::operator_keys::OperatorKeys;
use callseal::random::SystemRandom;
use callseal_eims::{
    AccountKey, JsonRpcNode, Node as _, OperatorId, Payment, Token, TokenSigners, VerifyError,
};
use callseal_registry_client::{HttpTransport, Record, Registry, RegistryConfig, Verified, layout};
use serde_json::{Value, json};
use support::devnet::Devnet;
use support::operator::{Operator, Service, Subscriber};
use support::{folder, run, text, until};

const ALICE: &str = "+8613800000077";
const BOB: &str = "+8613800000078";
const CAROL: &str = "+8613800000079";
const CONTRACT: &str = "0x5fbdb2315678afecb367f032d93f642f64180aa3";

#[test]
fn help_is_there_at_every_level() {
    let top = run(&["operator", "--help"]).expect_code(0).stdout;
    for command in [
        "keys",
        "deploy",
        "issue-token",
        "serve",
        "status",
        "approve",
        "pay-again",
        "revoke",
        "rotate",
    ] {
        assert!(top.contains(command), "{top}");
        let help = run(&["operator", command, "--help"]).expect_code(0).stdout;
        let example = format!("callseal operator {command}");
        assert!(help.contains("Examples:"), "{command}: {help}");
        assert!(help.contains(&example), "{command}: {help}");
    }
}

#[test]
fn keys_are_made_once_and_for_their_owner_alone() {
    let folder = folder();
    let (keys, passphrase) = (
        folder.path().join("operator.json"),
        folder.path().join("passphrase"),
    );
    std::fs::write(&passphrase, "open sesame\n").unwrap();
    let make = |keys: &Path, more: &[&str]| {
        let made = ["operator", "keys", text(keys), "--json"];
        let passphrase = ["--passphrase-file", text(&passphrase)];
        run(&[&made[..], &passphrase, more].concat())
    };
    let said = make(&keys, &[]).expect_code(0).json();
    let mode = keys.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let before = std::fs::read(&keys).unwrap();
    let written: Value = serde_json::from_slice(&before).unwrap();
    let work = &written["account"]["crypto"]["kdfparams"]["n"];
    assert_eq!(work, 1 << 17, "what a passphrase costs to try");
    let again = make(&keys, &[]).expect_code(2);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
    assert_eq!(std::fs::read(&keys).unwrap(), before);

    // Others with the same account.
    let new = folder.path().join("new.json");
    let again = make(&new, &["--account-of", text(&keys)])
        .expect_code(0)
        .json();
    assert_eq!(again["account"], said["account"]);
    let [old, new] = [&keys, &new].map(|keys| OperatorKeys::read(keys, "open sesame").unwrap());
    let account: Address = said["account"].as_str().unwrap().parse().unwrap();
    assert_eq!(account, old.account.address());
    assert_eq!(new.account.address(), old.account.address());
    assert_ne!(*new.signing.to_bytes(), *old.signing.to_bytes());

    // Nobody is there to be asked for a passphrase.
    let other = folder.path().join("other.json");
    let refused = run(&["operator", "keys", text(&other)]).expect_code(2);
    assert!(
        refused.stderr.contains("--passphrase-file"),
        "{}",
        refused.stderr
    );
    assert!(!other.exists());
}

#[test]
fn a_token_is_the_operators_for_its_number_and_time() {
    let folder = folder();
    let operator = Operator::new(folder.path());
    let offline = [ALICE, "--contract", CONTRACT, "--chain-id", "5", "--json"];
    let before = unix_time();
    let said = operator
        .run("issue-token", &[&offline[..], &["--days", "2"]].concat())
        .expect_code(0)
        .json();
    let token: Token = said["token"].as_str().unwrap().parse().unwrap();
    let keys = OperatorKeys::read(&operator.keys, "open sesame").unwrap();
    let signers = TokenSigners::new(keys.signing.public());
    let id = OperatorId {
        chain_id: 5,
        contract: CONTRACT.parse::<Address>().unwrap().into_array(),
    };
    let now = unix_time();
    let claims = token.verify(&id, &signers, now).unwrap();
    assert_eq!(claims.number.to_string(), ALICE);
    assert_eq!(said["token_hash"], token.hash().to_string());
    let expires = said["expires"].as_u64().unwrap();
    assert!(token.verify(&id, &signers, expires - 1).is_ok());
    assert!((before..=now).contains(&(expires - 2 * 86_400)));
    assert!(matches!(
        token.verify(&id, &signers, expires),
        Err(VerifyError::Expired { .. })
    ));
    let elsewhere = OperatorId { chain_id: 6, ..id };
    assert!(token.verify(&elsewhere, &signers, now).is_err());

    // Into a file of its owner's, once, and not on the screen.
    let file = folder.path().join("alice.token");
    let to_file = [&offline[..], &["--out", text(&file)]].concat();
    let said = operator.run("issue-token", &to_file).expect_code(0).json();
    assert!(said["token"].is_null(), "{said}");
    let mode = file.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let written: Token = std::fs::read_to_string(&file)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert_eq!(said["token_hash"], written.hash().to_string());
    // Another token each time.
    assert_ne!(written.hash(), token.hash());
    let again = operator.run("issue-token", &to_file).expect_code(2);
    assert!(again.stderr.contains("exists already"), "{}", again.stderr);
}

#[test]
fn what_is_wrong_is_said_before_anything_is_done() {
    let folder = folder();
    let operator = Operator::new(folder.path());
    let wrong = folder.path().join("wrong");
    std::fs::write(&wrong, "open barley\n").unwrap();
    let keys = text(&operator.keys);
    let nobody = "http://127.0.0.1:1";
    let offline = ["issue-token", ALICE, "--contract", CONTRACT];
    let given = ["--passphrase-file", text(&operator.passphrase)];
    for (arguments, named) in [
        (
            [
                &offline[..],
                &["--chain-id", "1", "--keys", keys, "--passphrase-file"],
                &[text(&wrong)],
            ]
            .concat(),
            "the passphrase is wrong",
        ),
        (
            [
                &offline[..],
                &["--chain-id", "1", "--keys", text(&wrong)],
                &given[..],
            ]
            .concat(),
            "is not an operator's key file",
        ),
        (
            [
                &offline[..],
                &["--chain-id", "1", "--keys", "none.json"],
                &given[..],
            ]
            .concat(),
            "`callseal operator keys` makes some",
        ),
        (
            [&offline[..], &["--keys", keys], &given[..]].concat(),
            "--chain-id",
        ),
        (
            [
                &offline[..],
                &["--chain-id", "1", "--days", "0", "--keys", keys],
                &given[..],
            ]
            .concat(),
            "--days",
        ),
        (
            [&["deploy", "--rpc", nobody, "--keys", keys], &given[..]].concat(),
            "127.0.0.1:1",
        ),
        (
            [
                &["serve", "--rpc", nobody, "--keys", keys],
                &given[..],
                &["--contract", CONTRACT, "--store", "none.redb"],
                &["--fee-money", "much"],
            ]
            .concat(),
            "not an amount of ether",
        ),
    ] {
        let done = run(&[&["operator"], &arguments[..]].concat()).expect_code(2);
        assert!(done.stderr.contains(named), "{named}: {}", done.stderr);
    }
}

#[test]
fn an_operator_is_set_up_serves_and_approves_and_says_no_secret() {
    let folder = folder();
    let operator = Operator::new(folder.path());
    let account = operator.account.to_string();
    let devnet = Devnet::start_with(&folder.path().join("net"), &["--fund", &account]);
    let rpc = devnet.text("url");
    // An account without ether is told how much it needs.
    let poor = folder.path().join("poor");
    std::fs::create_dir(&poor).unwrap();
    let refused = Operator::new(&poor).run("deploy", &["--rpc", rpc]);
    let refused = refused.expect_code(2).stderr;
    assert!(refused.contains("owns 0 wei"), "{refused}");

    let contract = operator.deploy(rpc);
    let address = contract.to_string();
    let store = folder.path().join("eims.redb");
    let serve = [
        "--rpc",
        rpc,
        "--contract",
        &address,
        "--store",
        text(&store),
    ];
    let quick = ["--poll", "50", "--depth", "1"];
    let service = operator.serve(rpc, contract, &store, &quick);
    let mode = store.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);

    let person = Subscriber::new(operator.token(ALICE, contract, rpc));
    person.fund(&service.address, rpc);
    person.send_claim(rpc);
    person.await_approval(&service.address, rpc);
    // A claim that is seen at once is approved before its payment is looked at again.
    person.await_status(&service.address, rpc, |status| {
        matches!(status.payment, Payment::Settled(_))
    });
    let record = await_record(rpc, contract, ALICE);
    assert_eq!(record.value().key, person.identity.compressed());

    // The records are in use: a second service would pay from them as well.
    let second = operator.run("serve", &serve).expect_code(2).stderr;
    assert!(second.contains("eims.redb"), "{second}");

    let log = service.interrupt();
    assert!(log.contains("settled"), "{log}");
    assert!(!log.contains("Some("), "{log}");
    assert!(log.contains("stopped"), "{log}");
    let keys = OperatorKeys::read(&operator.keys, "open sesame").unwrap();
    for secret in [
        ALICE.to_owned(),
        ALICE[1..].to_owned(),
        person.token.to_text().to_string(),
        hex::encode(*keys.account.to_bytes()),
        hex::encode(*keys.signing.to_bytes()),
        hex::encode(*keys.sealing.to_bytes()),
        hex::encode(*person.identity.to_bytes()),
        "open sesame".to_owned(),
    ] {
        assert!(!log.contains(&secret), "{log}");
    }

    // Another registry, of the same keys: other records.
    let other = operator.deploy(rpc).to_string();
    let arguments = ["--rpc", rpc, "--contract", &other, "--store", text(&store)];
    let refused = operator.run("serve", &arguments).expect_code(2).stderr;
    assert!(refused.contains("are of operator"), "{refused}");
    // A registry that is another operator's.
    let foreign = devnet.text("contract");
    let fresh = folder.path().join("fresh.redb");
    let arguments = ["--rpc", rpc, "--contract", foreign, "--store", text(&fresh)];
    let refused = operator.run("serve", &arguments).expect_code(2).stderr;
    assert!(refused.contains("names other keys"), "{refused}");
    assert!(!fresh.exists());
    // No registry.
    let arguments = [ALICE, "--contract", CONTRACT, "--rpc", rpc];
    let refused = operator
        .run("issue-token", &arguments)
        .expect_code(2)
        .stderr;
    assert!(refused.contains("there is no registry"), "{refused}");
}

#[test]
fn keys_are_rotated_and_records_approved_and_revoked_by_hand() {
    let folder = folder();
    let operator = Operator::new(folder.path());
    // A wallet that claims without having told the service.
    let wallet = AccountKey::generate(&mut SystemRandom);
    let (account, funded) = (operator.account.to_string(), wallet.address().to_string());
    let fund = ["--fund", &account, "--fund", &funded];
    let devnet = Devnet::start_with(&folder.path().join("net"), &fund);
    let rpc = devnet.text("url");
    let contract = operator.deploy(rpc);
    let (address, store) = (contract.to_string(), folder.path().join("eims.redb"));
    let registry = [
        "--rpc",
        rpc,
        "--contract",
        &address,
        "--store",
        text(&store),
    ];
    let terms = ["--poll", "50", "--depth", "0"];
    let (before, during) = (
        Subscriber::new(operator.token(ALICE, contract, rpc)),
        Subscriber::new(operator.token(BOB, contract, rpc)),
    );
    let enrol = |person: &Subscriber, service: &Service| {
        person.fund(&service.address, rpc);
        person.send_claim(rpc);
        person.await_approval(&service.address, rpc);
    };
    let service = operator.serve(rpc, contract, &store, &terms);
    enrol(&before, &service);
    await_record(rpc, contract, ALICE);

    // The records are the service's while it runs.
    let status = || run(&[&["operator", "status", "--json"], &registry[..]].concat());
    let refused = status().expect_code(2).stderr;
    assert!(refused.contains("eims.redb"), "{refused}");
    service.await_line(&["purpose=Approve", "settled"]);
    service.interrupt();
    let said = status().expect_code(0).json();
    assert_eq!((&said["enrolled"], &said["shown"]), (&json!(1), &json!(1)));
    assert_eq!(said["tokens"], json!([]));
    assert_eq!(said["out"], json!([]));

    // Other keys with the same account; a token of the old ones is still good.
    let new = operator.rotate_to(&folder.path().join("new.json"));
    let rotate = [&registry[..], &["--new-keys", text(&new.keys), "--json"]].concat();
    let done = operator.run("rotate", &rotate).expect_code(0).json();
    assert_eq!(done["revision"], 2);
    let old = operator.run("serve", &registry).expect_code(2).stderr;
    assert!(old.contains("names other keys"), "{old}");
    let both = [&terms[..], &["--previous-keys", text(&operator.keys)]].concat();
    let service = new.serve(rpc, contract, &store, &both);
    enrol(&during, &service);
    await_record(rpc, contract, BOB);
    service.interrupt();

    // A claim that the service knows nothing of: shown, and approved as it is shown.
    let stranger = Subscriber {
        wallet,
        ..Subscriber::new(new.token(CAROL, contract, rpc))
    };
    stranger.send_claim(rpc);
    let sender = stranger.wallet.address().to_string();
    let claim = [&[CAROL, "--sender", &sender, "--json"], &registry[..]].concat();
    let shown = new.run("approve", &claim).expect_code(0).json();
    assert_eq!(shown["transaction"], Value::Null);
    assert_eq!(shown["key"], hex::encode(stranger.identity.compressed()));
    assert!(record(rpc, contract, CAROL).is_none());
    let approve = |hash: &str| {
        let hash = ["--record-hash", hash];
        new.run("approve", &[&claim[..], &hash[..]].concat())
    };
    let refused = approve(&B256::repeat_byte(1).to_string()).expect_code(2);
    assert!(refused.stderr.contains("not 0x0101"), "{}", refused.stderr);
    approve(shown["record_hash"].as_str().unwrap()).expect_code(0);
    assert!(record(rpc, contract, CAROL).unwrap().is_in_force());

    let revoke = [&[ALICE], &registry[..]].concat();
    new.run("revoke", &revoke).expect_code(0);
    assert!(!record(rpc, contract, ALICE).unwrap().is_in_force());
    let again = new.run("revoke", &revoke).expect_code(2).stderr;
    assert!(again.contains("the registry would refuse it"), "{again}");
    // What nobody has waited for is settled when the service runs again.
    let said = status().expect_code(0).json();
    let out = said["out"].as_array().unwrap().iter();
    let by_hand = out.filter(|out| out["for"] == "by hand");
    let by_hand: Vec<_> = by_hand
        .map(|out| out["transaction"].as_str().unwrap())
        .collect();
    assert_eq!(by_hand.len(), 2, "{said}");
    let service = new.serve(rpc, contract, &store, &terms);
    for transaction in by_hand {
        service.await_line(&["purpose=ByHand", "settled", transaction]);
    }
    service.interrupt();
}

/// A number's record, once its approval is in a block: the service notes what it will send, and then sends it.
fn await_record(rpc: &str, contract: Address, number: &str) -> Verified<Record> {
    let mut found = None;
    until("the record is in force", || {
        found = record(rpc, contract, number).filter(Verified::is_in_force);
        found.is_some()
    });
    found.unwrap()
}

/// A number's record, proven down to the newest block.
fn record(rpc: &str, contract: Address, number: &str) -> Option<Verified<Record>> {
    let config = RegistryConfig {
        contract,
        code_hash: layout::CODE_HASH,
        chain_id: 31_337,
    };
    let head = JsonRpcNode::new(rpc).unwrap().head().unwrap().hash;
    let mut registry = Registry::new(config, head, HttpTransport::new(rpc).unwrap());
    registry.look_up(number).unwrap().into_record()
}

fn unix_time() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}
