//! `callseal devnet` and `callseal registry`: the whole way, over loopback HTTP.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::path::Path;
use std::process::{Command, Output};

use alloy_primitives::Address;
use callseal_devchain::{Claim, prove_possession, uncompressed_key};
use callseal_registry_client::number_hash;
use serde_json::{Value, json};
use support::devnet::Devnet;
use support::network::Network;
use support::{Done, callseal, folder, run, text};

#[test]
fn a_record_is_read_from_a_checkpoint_over_loopback_and_the_state_is_kept() {
    let folder = folder();
    let devnet = Devnet::start(folder.path());
    let state = folder.path().join("light.state");
    let light = |command: &mut Command| -> Output {
        command
            .args(["--network", devnet.text("network"), "--json", "--state"])
            .arg(&state)
            .output()
            .unwrap()
    };
    let get = |number: &str, extra: &[&str]| -> Output {
        let url = devnet.text("url");
        let contract = devnet.text("contract");
        let mut command = callseal();
        command
            .args(["registry", "get", number, "--contract", contract])
            // One that nobody listens at comes first: it is passed over.
            .args(["--rpc", "http://127.0.0.1:1", "--rpc", url, "--beacon", url])
            .args(extra);
        light(&mut command)
    };
    let parsed = |output: &Output| -> Value {
        let text = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&text)
            .unwrap_or_else(|_| panic!("{text} {}", String::from_utf8_lossy(&output.stderr)))
    };

    // Without a checkpoint there is nothing to start from.
    let output = get("+8613800000001", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("--checkpoint"));

    let checkpoint = devnet.text("checkpoint").to_owned();
    let output = get("+8613800000001", &["--checkpoint", &checkpoint]);
    let found = parsed(&output);
    assert_eq!(output.status.code(), Some(0), "{found}");
    assert_eq!(found["record"]["status"], "approved");
    assert_eq!(found["begun"]["from"], "checkpoint");
    assert_eq!(found["begun"]["root"], checkpoint);
    assert!(found["finalized_slot"].as_u64().unwrap() > found["begun"]["slot"].as_u64().unwrap());
    assert!(found["age_seconds"].as_u64().unwrap() < 3_600);
    let faults = found["faults"].as_array().unwrap();
    assert!(
        faults[0].as_str().unwrap().contains("127.0.0.1:1"),
        "{faults:?}"
    );

    // From the kept state on.
    let output = get("+8613899999999", &[]);
    assert_eq!(output.status.code(), Some(1));
    let found = parsed(&output);
    assert_eq!(
        (&found["record"], &found["claims"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(found["begun"]["from"], "kept state");
    assert_eq!(found["begun"]["file"], state.to_str().unwrap());

    let mut sync = callseal();
    sync.args(["registry", "sync", "--beacon", devnet.text("url")]);
    let synced = parsed(&light(&mut sync));
    let mut status = callseal();
    status.args(["registry", "status"]);
    let status = parsed(&light(&mut status));
    assert_eq!(synced["known"]["finalized_root"], status["finalized_root"]);
    assert_eq!(status["network"], "embedded");

    let wrong = format!("0x{}", "11".repeat(32));
    let output = get("+8613800000001", &["--checkpoint", &wrong]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains(&wrong));

    let mut damaged = std::fs::read(&state).unwrap();
    damaged[40] ^= 1;
    std::fs::write(&state, damaged).unwrap();
    let output = get("+8613800000001", &[]);
    assert_eq!(output.status.code(), Some(2));
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        error.contains("start again from a fresh checkpoint"),
        "{error}"
    );
}

#[test]
fn a_second_network_leaves_the_files_of_the_first_alone_unless_it_is_told_to_replace_them() {
    let folder = folder();
    let devnet = Devnet::start(folder.path());
    let key = folder.path().join("subscriber-1.key");
    let kept = std::fs::read(&key).unwrap();
    let second = ["devnet", "--duration", "0", "--out", text(folder.path())];
    let refused = run(&second).expect_code(2);
    assert_eq!(refused.stdout, "");
    for part in ["network.json exists already", "--out", "--force"] {
        assert!(refused.stderr.contains(part), "{}", refused.stderr);
    }
    assert_eq!(std::fs::read(&key).unwrap(), kept);
    drop(devnet);
    run(&[&second[..], &["--force"]].concat()).expect_code(0);
    assert_ne!(std::fs::read(&key).unwrap(), kept);
}

#[test]
fn a_node_that_is_down_is_named_once_in_an_error() {
    let folder = folder();
    let devnet = Devnet::start(folder.path());
    let get = |rpc: &str, beacon: &str| {
        run(&[
            "registry",
            "get",
            "+8613800000001",
            "--contract",
            devnet.text("contract"),
            "--rpc",
            rpc,
            "--beacon",
            beacon,
            "--network",
            devnet.text("network"),
            "--checkpoint",
            devnet.text("checkpoint"),
            "--state",
            text(&folder.path().join("light.state")),
        ])
    };
    // Nobody listens at port 1; what follows the port may be a secret, and is not said.
    let down = "http://127.0.0.1:1";
    let url = devnet.text("url");
    for (rpc, beacon) in [(&*format!("{down}/secret"), url), (url, down)] {
        let said = get(rpc, beacon).expect_code(2).stderr;
        assert_eq!(said.matches(down).count(), 1, "{said}");
        assert!(!said.contains("secret"), "{said}");
    }
}

#[test]
fn a_number_is_read_in_the_registry_of_its_operator_alone() {
    let folder = folder();
    let devnet = Devnet::start(folder.path());
    let operators = folder.path().join("operators.json");
    let entry = |name: &str, chain_id: u64, prefix: &str| {
        json!({
            "name": name, "chain_id": chain_id, "contract": devnet.text("contract"), "prefixes": [prefix],
        })
    };
    let contents = json!({
        "format": "callseal operators", "version": 1,
        "operators": [entry("North", 31_337, "+86"), entry("South", 1, "+44")],
    });
    std::fs::write(&operators, contents.to_string()).unwrap();
    let get = |number: &str| {
        let (url, network) = (devnet.text("url"), devnet.text("network"));
        callseal()
            .args(["registry", "get", number, "--json", "--operators"])
            .arg(&operators)
            .args(["--rpc", url, "--beacon", url, "--network", network])
            .args(["--checkpoint", devnet.text("checkpoint"), "--state"])
            .arg(folder.path().join("light.state"))
            .output()
            .unwrap()
    };
    let output = get("+8613800000001");
    let error = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{error}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(found["operator"], "North");
    assert_eq!(found["record"]["status"], "approved");

    for (number, expected) in [
        (
            "+4413800000001",
            "is of South, whose registry is on chain 1",
        ),
        ("+3313800000001", "belongs to no operator"),
    ] {
        let output = get(number);
        assert_eq!(output.status.code(), Some(2), "{number}");
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(error.contains(expected), "{error}");
    }
}

const SUBSCRIBER: &str = "+8613800000001";
const CLAIMED: &str = "+8613800000009";

/// `registry get` or `sync` on a network, from its checkpoint, with that state file.
fn registry(network: &Network, words: &[&str], state: &Path, extra: &[&str]) -> Done {
    let checkpoint = network.checkpoint.to_string();
    let constants = network.constants();
    let mut arguments = vec!["registry"];
    arguments.extend(words);
    arguments.extend(["--beacon", &network.url, "--checkpoint", &checkpoint]);
    arguments.extend(["--network", text(&constants), "--state", text(state)]);
    arguments.extend(extra);
    run(&arguments)
}

fn get(network: &Network, number: &str, state: &Path, extra: &[&str]) -> Done {
    let contract = network.operators[0].registry.address().to_string();
    let words = [
        "get",
        number,
        "--contract",
        &contract,
        "--rpc",
        &network.url,
    ];
    registry(network, &words, state, extra)
}

/// Somebody else than the subscriber claims a number. Gives the wallet.
fn claim(network: &Network, number: &str, identity: [u8; 32]) -> (Address, Claim) {
    let (wallet, registry) = (network.chain.account(7), &network.operators[0].registry);
    let number_hash = number_hash(number).unwrap();
    let digest = registry.proof_of_possession_digest(number_hash, wallet);
    let claim = Claim {
        number_hash,
        key: uncompressed_key(&identity).unwrap(),
        token_hash: [3; 32].into(),
        proof_of_possession: prove_possession(&identity, digest).unwrap(),
    };
    registry.add_client(wallet, &claim).unwrap();
    network.beacon.finalize();
    (wallet, claim)
}

#[test]
fn a_checkpoint_of_another_history_replaces_nothing_that_was_verified() {
    let [ours, theirs] = [folder(), folder()];
    let state = ours.path().join("light.state");
    let our_network = Network::new(ours.path(), &[SUBSCRIBER]);
    let their_network = Network::new(theirs.path(), &["+8613800000002"]);
    registry(&our_network, &["sync"], &state, &[]).expect_code(0);
    let verified = std::fs::read(&state).unwrap();

    let refused = registry(&their_network, &["sync"], &state, &[]).expect_code(2);
    for said in [
        "is not shown to be of the history in",
        "remove",
        text(&state),
    ] {
        assert!(refused.stderr.contains(said), "{}", refused.stderr);
    }
    assert_eq!(std::fs::read(&state).unwrap(), verified);
    // Its own history's still is compared, and agrees.
    let agreed = registry(&our_network, &["sync"], &state, &["--json"]);
    let agreed = agreed.expect_code(0).json();
    let kept_slot = &agreed["known"]["finalized_slot"];
    assert_eq!(agreed["begun"]["compared_with_slot"], *kept_slot);
    // What the refusal says helps.
    std::fs::remove_file(&state).unwrap();
    registry(&their_network, &["sync"], &state, &[]).expect_code(0);
}

#[test]
fn a_file_that_is_no_state_of_ours_is_not_overwritten() {
    let folder = folder();
    let network = Network::new(folder.path(), &[SUBSCRIBER]);
    let diary = folder.path().join("diary.txt");
    let pages = "Today I walked to the sea and back, and it rained. ".repeat(8);
    for pages in [&pages, "rain"] {
        std::fs::write(&diary, pages).unwrap();
        let refused = registry(&network, &["sync"], &diary, &[]).expect_code(2);
        assert!(
            refused.stderr.contains("diary.txt is not replaced"),
            "{}",
            refused.stderr
        );
        assert_eq!(std::fs::read_to_string(&diary).unwrap(), pages);
    }
    // One of ours that is damaged may be.
    std::fs::write(&diary, "callseal").unwrap();
    registry(&network, &["sync"], &diary, &[]).expect_code(0);
}

#[test]
fn text_and_json_show_the_same_chain_of_evidence() {
    let folder = folder();
    let network = Network::new(folder.path(), &[SUBSCRIBER]);
    let dead = "http://127.0.0.1:1";
    let extra = ["--beacon", dead, "--rpc", dead];
    let shown = |json: &[&str], name: &str| {
        let state = folder.path().join(name);
        // Who is dead is asked first.
        let contract = network.operators[0].registry.address().to_string();
        let words = ["get", SUBSCRIBER, "--contract", &contract];
        let words = [&words[..], &extra, &["--rpc", &network.url]].concat();
        registry(&network, &words, &state, json).expect_code(0)
    };
    let found = shown(&["--json"], "one.state").json();
    let text = shown(&[], "other.state").stdout;

    let faults = found["faults"].as_array().unwrap();
    let passed_over = text.lines().filter(|line| line.starts_with("passed over"));
    assert_eq!(passed_over.count(), faults.len(), "{text}");
    // By the bootstrap, the comparison with it, the finality update, the committee's and the execution node.
    assert_eq!(faults.len(), 5, "{faults:?}");
    assert_eq!(found["begun"]["root"], network.checkpoint.to_string());
    let signatures = found["signatures"].as_array().unwrap();
    assert_eq!(found["updates"], signatures.len());
    assert!(signatures.len() >= 2, "{found}");
    for signature in signatures {
        assert_eq!(signature["participants"], 32);
        assert_eq!(signature["committee_size"], 32);
    }
    assert_eq!(found["slot_proofs"].as_array().unwrap().len(), 4);
    assert!(found["account_proof"]["nodes"].as_u64().unwrap() > 0);
    let head = network.beacon.finalized_block().unwrap();
    let header = network.chain.header_of(head).unwrap();
    assert_eq!(found["state_root"], header.state_root.to_string());

    // An address's letters are large or small as its checksum has it, or all small.
    let text = text.to_lowercase();
    let mut missing = Vec::new();
    each_leaf("", &found, &mut |name, leaf| {
        // Dates are dates in the text, and ages grow.
        let is_said = text.contains(&leaf.to_lowercase());
        if !["time", "age_seconds"].contains(&name) && !is_said {
            missing.push(format!("{name}: {leaf}"));
        }
    });
    assert!(missing.is_empty(), "{missing:?} are not in\n{text}");
}

/// Every text and number in a value, and what it is called.
fn each_leaf(name: &str, value: &Value, visit: &mut impl FnMut(&str, &str)) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                each_leaf(name, field, visit);
            }
        }
        Value::Array(items) => {
            for item in items {
                each_leaf(name, item, visit);
            }
        }
        Value::String(leaf) => visit(name, leaf),
        Value::Number(leaf) => visit(name, &leaf.to_string()),
        Value::Null | Value::Bool(_) => {}
    }
}

#[test]
fn a_number_that_is_claimed_alone_is_shown_to_be_pending() {
    let folder = folder();
    let network = Network::new(folder.path(), &[SUBSCRIBER]);
    let (wallet, claim) = claim(&network, CLAIMED, [9; 32]);
    let state = folder.path().join("light.state");
    let found = get(&network, CLAIMED, &state, &["--json"])
        .expect_code(3)
        .json();
    assert_eq!(found["record"], Value::Null);
    let claims = found["claims"].as_array().unwrap();
    assert_eq!(claims.len(), 1);
    assert_eq!(claims[0]["status"], "pending");
    assert_eq!(claims[0]["key"], hex(&claim.compressed_key()));
    let holder: Address = claims[0]["holder"].as_str().unwrap().parse().unwrap();
    assert_eq!(holder, wallet);
    assert!(claims[0]["since"].as_u64().unwrap() > 0);

    let said = get(&network, CLAIMED, &state, &[]).expect_code(3).stdout;
    assert!(said.contains("has none, and that is proven"), "{said}");
    assert!(said.contains("claim         pending: "), "{said}");
    // By the wallet too, and by nobody else's.
    let of = |wallet: Address| ["--claimant".to_owned(), wallet.to_string()];
    let of_wallet = |wallet, code| {
        let of = of(wallet);
        let done = get(&network, CLAIMED, &state, &[&of[0], &of[1]]);
        done.expect_code(code).stdout
    };
    assert!(of_wallet(wallet, 3).contains("claim         pending: "));
    let none = of_wallet(network.chain.account(8), 1);
    assert!(none.contains("waits, and that is proven"), "{none}");
    // Nobody claims this one.
    let said = get(&network, "+8613800000008", &state, &[])
        .expect_code(1)
        .stdout;
    assert!(
        said.contains("claims        none waits, and that is proven"),
        "{said}"
    );
}

#[test]
fn a_key_that_waits_to_replace_anothers_is_visible_to_everybody() {
    let folder = folder();
    let network = Network::new(folder.path(), &[SUBSCRIBER]);
    let (wallet, claim) = claim(&network, SUBSCRIBER, [9; 32]);
    let state = folder.path().join("light.state");
    let found = get(&network, SUBSCRIBER, &state, &["--json"])
        .expect_code(0)
        .json();
    assert_eq!(found["record"]["successor"], Value::Null);
    let (operator, registry) = (network.chain.account(0), &network.operators[0].registry);
    registry
        .approve_client(
            operator,
            claim.number_hash,
            wallet,
            claim.record_hash(wallet),
        )
        .unwrap();
    network.beacon.finalize();

    // The present key is in force for 48 hours more.
    let found = get(&network, SUBSCRIBER, &state, &["--json"])
        .expect_code(0)
        .json();
    let waiting = &found["record"]["successor"];
    assert_eq!(waiting["key"], hex(&claim.compressed_key()));
    assert_eq!(waiting["revision"], 2);
    let said = get(&network, SUBSCRIBER, &state, &[]).expect_code(0).stdout;
    assert!(said.contains("waiting       another key"), "{said}");
    assert!(said.contains(waiting["key"].as_str().unwrap()), "{said}");
    assert!(said.contains(&waiting["valid_since"].to_string()), "{said}");
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}
