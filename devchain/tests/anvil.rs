//! The contract and the reader on a node that others have written.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use std::env;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use alloy_primitives::{Address, B256, Bytes};
use alloy_sol_types::{SolCall, SolConstructor};
use callseal_devchain::{Claim, prove_possession, uncompressed_key};
use callseal_registry_client::{
    Answer, HttpTransport, LookUpError, Registry, RegistryConfig, Status, layout, number_hash,
    proof_of_possession_digest,
};
use serde_json::{Value, json};

use self::abi::Registry as Contract;

mod abi {
    alloy_sol_types::sol!(Registry, "../contracts/artifacts/Registry.json");
}

const CHAIN_ID: u64 = 31337;

/// A running anvil, ended with this.
struct Anvil {
    process: Child,
    url: String,
}

impl Anvil {
    fn start() -> Self {
        let path =
            env::var_os("CALLSEAL_ANVIL").expect("CALLSEAL_ANVIL is the path of an anvil binary");
        let mut process = Command::new(&path)
            .args(["--host", "127.0.0.1", "--port", "0", "--chain-id", "31337"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                line.unwrap()
                    .strip_prefix("Listening on ")
                    .map(str::to_owned)
            })
            .expect("anvil says where it listens");
        // Whatever else it says is to go somewhere.
        thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            url: format!("http://{address}"),
        }
    }

    fn ask(&self, method: &str, params: Value) -> Value {
        let question = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut response = ureq::post(&self.url)
            .header("content-type", "application/json")
            .send(question.to_string())
            .unwrap();
        let answer: Value =
            serde_json::from_str(&response.body_mut().read_to_string().unwrap()).unwrap();
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }

    /// Has a transaction mined and returns its receipt.
    fn send(&self, from: Address, to: Option<Address>, data: Bytes) -> Value {
        let mut transaction = json!({ "from": from, "data": data });
        if let Some(to) = to {
            transaction["to"] = json!(to);
        }
        let hash = self.ask("eth_sendTransaction", json!([transaction]));
        let begun = Instant::now();
        loop {
            let receipt = self.ask("eth_getTransactionReceipt", json!([hash]));
            if !receipt.is_null() {
                assert_eq!(receipt["status"], "0x1", "{receipt}");
                return receipt;
            }
            assert!(begun.elapsed() < Duration::from_secs(300), "not mined");
            thread::sleep(Duration::from_millis(20));
        }
    }

    fn head(&self) -> B256 {
        let block = self.ask("eth_getBlockByNumber", json!(["latest", false]));
        block["hash"].as_str().unwrap().parse().unwrap()
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
#[ignore = "needs a real node: set CALLSEAL_ANVIL to the path of an anvil binary"]
fn a_record_is_enrolled_on_a_real_node_and_proven_from_it() {
    let anvil = Anvil::start();
    let accounts = anvil.ask("eth_accounts", json!([]));
    let account = |index: usize| {
        accounts[index]
            .as_str()
            .unwrap()
            .parse::<Address>()
            .unwrap()
    };
    let (operator, wallet) = (account(0), account(1));

    let arguments = Contract::constructorCall {
        account: operator,
        signingKey: Bytes::copy_from_slice(&uncompressed_key(&[0x51; 32]).unwrap()),
        sealingKey: B256::repeat_byte(0x5e),
    };
    let init_code = [&Contract::BYTECODE[..], &arguments.abi_encode()].concat();
    let receipt = anvil.send(operator, None, init_code.into());
    let contract: Address = receipt["contractAddress"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let before = anvil.head();

    let (number, identity) = ("+8613800000001", [7; 32]);
    let number_hash = number_hash(number).unwrap();
    let digest = proof_of_possession_digest(CHAIN_ID, contract, number_hash, wallet);
    let claim = Claim {
        number_hash,
        key: uncompressed_key(&identity).unwrap(),
        token_hash: B256::repeat_byte(3),
        proof_of_possession: prove_possession(&identity, digest).unwrap(),
    };
    let add = Contract::addClientCall {
        numberHash: number_hash,
        key: Bytes::copy_from_slice(&claim.key),
        tokenHash: claim.token_hash,
        proofOfPossession: Bytes::copy_from_slice(&claim.proof_of_possession),
    };
    anvil.send(wallet, Some(contract), add.abi_encode().into());
    let pending = anvil.head();
    let approve = Contract::approveClientCall {
        numberHash: number_hash,
        sender: wallet,
        expectedRecordHash: claim.record_hash(wallet),
    };
    anvil.send(operator, Some(contract), approve.abi_encode().into());

    let config = RegistryConfig {
        contract,
        code_hash: layout::CODE_HASH,
        chain_id: CHAIN_ID,
    };
    let node = HttpTransport::new(&anvil.url).unwrap();
    let mut registry = Registry::new(config, anvil.head(), node);
    let record = registry.look_up(number).unwrap().into_record().unwrap();
    assert!(record.is_in_force());
    assert_eq!(record.value().key, claim.compressed_key());
    assert_eq!(record.value().holder, wallet);
    assert_eq!(record.value().status, Status::Approved);
    assert_eq!(record.value().valid_since, record.timestamp());
    assert_eq!(
        registry.look_up("+8613800000002").unwrap().into_value(),
        Answer::Absent
    );
    let keys = registry.operator_keys().unwrap().into_value();
    assert_eq!(
        (keys.account, keys.sealing_key),
        (operator, Some([0x5e; 32]))
    );

    // The node keeps the past, and each block proves its own.
    registry.trust(pending);
    assert_eq!(
        registry.look_up(number).unwrap().into_value(),
        Answer::Absent
    );
    let claimed = registry
        .look_up_claim(number, wallet)
        .unwrap()
        .into_record()
        .unwrap();
    assert_eq!(claimed.value().status, Status::Pending);
    registry.trust(before);
    assert_eq!(
        registry.look_up_claim(number, wallet).unwrap().into_value(),
        Answer::Absent
    );

    let elsewhere = RegistryConfig {
        contract: wallet,
        ..config
    };
    let node = HttpTransport::new(&anvil.url).unwrap();
    let refusal = Registry::new(elsewhere, pending, node).look_up(number);
    assert!(matches!(refusal, Err(LookUpError::CodeHash { .. })));
}
