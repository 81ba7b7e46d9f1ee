//! `callseal devnet` and `callseal registry`: the whole way, over loopback HTTP.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::process::{Command, Output};

use serde_json::{Value, json};
use support::devnet::Devnet;
use support::{callseal, folder, run, text};

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
    let json = |output: &Output| -> Value {
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
    let found = json(&output);
    assert_eq!(output.status.code(), Some(0), "{found}");
    assert_eq!(found["record"]["status"], "approved");
    assert!(found["finalized_slot"].as_u64().unwrap() > found["checkpoint_slot"].as_u64().unwrap());
    assert!(found["age_seconds"].as_u64().unwrap() < 3_600);
    let faults = found["faults"].as_array().unwrap();
    assert!(
        faults[0].as_str().unwrap().contains("127.0.0.1:1"),
        "{faults:?}"
    );

    // From the kept state on.
    let output = get("+8613899999999", &[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(json(&output)["record"], Value::Null);

    let mut sync = callseal();
    sync.args(["registry", "sync", "--beacon", devnet.text("url")]);
    let synced = json(&light(&mut sync));
    let mut status = callseal();
    status.args(["registry", "status"]);
    let status = json(&light(&mut status));
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
