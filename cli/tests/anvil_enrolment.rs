//! Two phones that enrol themselves at two operators, over a node that others have written, and call each other.
#![cfg(unix)]
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

mod support;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use alloy_primitives::{Address, U256};
use callseal_eims::{JsonRpcNode, Node as _};
use serde_json::{Value, json};
use support::anvil::{Anvil, CHAIN_ID};
use support::operator::{Operator, Service};
use support::phones::{Running, short_speech, talk};
use support::{callseal, folder, text, until};

const ALICE: &str = "+8613800000001";
const BOB: &str = "+4420000000002";

/// An operator at work, and the phone of its subscriber.
struct Place {
    folder: PathBuf,
    contract: Address,
    service: Service,
    number: &'static str,
}

impl Place {
    fn open(folder: PathBuf, number: &'static str, anvil: &Anvil) -> Self {
        std::fs::create_dir(&folder).unwrap();
        let rpc = anvil.url.as_str();
        let operator = Operator::new(&folder);
        anvil.fund(operator.account, U256::from(10_u64.pow(18)));
        let contract = operator.deploy(rpc);
        let token = operator.token(number, contract, rpc);
        std::fs::write(folder.join("sim.token"), &*token.to_text()).unwrap();
        let terms = ["--depth", "1", "--from-block", "0", "--poll", "50"];
        let service = operator.serve(rpc, contract, &folder.join("eims.redb"), &terms);
        Self {
            folder,
            contract,
            service,
            number,
        }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// `callseal enrol`.
    fn enrol(&self, operators: &Path, anvil: &Anvil) -> Command {
        let mut command = callseal();
        command
            .args(["enrol", "--json", "--trust-node"])
            .args(["--wait", "600", "--poll", "200"])
            .args(["--token", text(&self.file("sim.token"))])
            .args(["--keys", text(&self.file("phone.json"))])
            .args(["--passphrase-file", text(&self.file("passphrase"))])
            .args(["--operator", &self.service.address])
            .args(["--operators", text(operators), "--rpc", &anvil.url]);
        command
    }

    /// `callseal call`, or `listen`.
    fn phone(&self, command: &str, operators: &Path, anvil: &Anvil) -> Command {
        let mut phone = callseal();
        phone
            .args([
                command,
                "-vvv",
                "--json",
                "--key",
                text(&self.file("phone.json")),
            ])
            .args(["--passphrase-file", text(&self.file("passphrase"))])
            .args(["--known-peers", text(&self.file("peers.json"))])
            .args(["--operators", text(operators), "--rpc", &anvil.url])
            .args(["--trusted-block", &anvil.head().to_string()]);
        phone
    }

    fn entry(&self, name: &str, prefix: &str) -> Value {
        json!({
            "name": name, "chain_id": CHAIN_ID, "contract": self.contract, "prefixes": [prefix],
        })
    }
}

#[test]
#[ignore = "needs a real node: set CALLSEAL_ANVIL to the path of an anvil binary"]
fn two_phones_enrol_at_two_operators_and_call_each_other() {
    let binary = env::var_os("CALLSEAL_ANVIL").expect("CALLSEAL_ANVIL is an anvil binary's path");
    // A block a second, whatever is sent.
    let anvil = Anvil::start_with(Path::new(&binary), &["--block-time", "1"]);
    let folder = folder();
    let alice = Place::open(folder.path().join("north"), ALICE, &anvil);
    let bob = Place::open(folder.path().join("south"), BOB, &anvil);
    let operators = folder.path().join("operators.json");
    let entries = [alice.entry("North", "+86"), bob.entry("South", "+44")];
    let all = json!({ "format": "callseal operators", "version": 1, "operators": entries });
    std::fs::write(&operators, all.to_string()).unwrap();

    // Alice's phone is killed once it has signed its claim, wherever it is by then, and goes on.
    let killed = Running::start(&mut alice.enrol(&operators, &anvil));
    until("the claim is signed", || {
        let notes = std::fs::read_to_string(alice.file("phone.json.enrolment"));
        let steps = ["signed", "claimed", "approved", "enrolled"];
        notes.is_ok_and(|notes| {
            steps
                .iter()
                .any(|step| notes.contains(&format!("\"{step}\"")))
        })
    });
    drop(killed);
    let enrolled = [&alice, &bob].map(|place| {
        let done = Running::start(&mut place.enrol(&operators, &anvil)).finish();
        done.expect_code(0).json()
    });
    let mut node = JsonRpcNode::new(&anvil.url).unwrap();
    for (place, enrolled) in [&alice, &bob].into_iter().zip(&enrolled) {
        assert_eq!(enrolled["enrolled"], true, "{enrolled}");
        assert_eq!(enrolled["number"], place.number);
        let wallet = enrolled["wallet"].as_str().unwrap().parse().unwrap();
        assert_eq!(node.nonce(wallet).unwrap(), 1, "one claim");
        assert!(node.balance(wallet).unwrap() < U256::from(10_u64.pow(16)));
    }
    println!(
        "remark: {:.1} s with a block a second, of which {:.2} s not pauses, in a dev build",
        enrolled[1]["took_ms"].as_f64().unwrap() / 1_000.0,
        enrolled[1]["without_pauses_ms"].as_f64().unwrap() / 1_000.0
    );

    let words = [("a.pcap", 0xa11c_e000, 20), ("b.pcap", 0xb0b0_0000, 1)]
        .map(|(name, ssrc, count)| short_speech(folder.path(), name, ssrc, count));
    let mut listen = bob.phone("listen", &operators, &anvil);
    listen.args(["--bind", "127.0.0.1:0", "--send", text(&words[1])]);
    let listening = Running::start_listening(&mut listen);
    let mut call = alice.phone("call", &operators, &anvil);
    call.arg(format!("{BOB}@{}", listening.address.unwrap()));
    let calling = Running::start(call.args(["--send", text(&words[0])]));
    let [a, b] = talk(calling, listening, [1, 20]).map(|done| done.expect_code(0).json());
    assert_eq!(a["sas"], b["sas"]);
    assert_eq!(
        (&a["peer_number"], &b["peer_number"]),
        (&json!(BOB), &json!(ALICE))
    );
    assert_eq!(b["packets_received"], 20);
}
