//! A real node, with the registry and its subscribers on it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_sol_types::{SolCall, SolConstructor};
use callseal_devchain::{Claim, prove_possession, uncompressed_key};
use callseal_registry_client::{number_hash, proof_of_possession_digest};
use callseal_sts::IdentityKey;
use serde_json::{Value, json};

use self::abi::Registry as Contract;
use super::until;

mod abi {
    alloy_sol_types::sol!(Registry, "../contracts/artifacts/Registry.json");
}

pub(crate) const CHAIN_ID: u64 = 31_337;

/// A running anvil, ended with this.
pub(crate) struct Anvil {
    process: Child,
    pub(crate) url: String,
}

/// A registry on it.
pub(crate) struct Registry<'a> {
    anvil: &'a Anvil,
    operator: Address,
    contract: Address,
}

impl Anvil {
    /// Starts the binary at this path on a free port.
    pub(crate) fn start(binary: &Path) -> Self {
        Self::start_with(binary, &[])
    }

    /// The same with further arguments.
    pub(crate) fn start_with(binary: &Path, arguments: &[&str]) -> Self {
        let mut process = Command::new(binary)
            .args(["--host", "127.0.0.1", "--port", "0"])
            .args(["--chain-id", &CHAIN_ID.to_string()])
            .args(arguments)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", binary.display()));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let address = lines
            .find_map(|line| {
                let line = line.unwrap();
                line.strip_prefix("Listening on ").map(str::to_owned)
            })
            .expect("anvil says where it listens");
        // Whatever else it says is to go somewhere.
        thread::spawn(move || lines.for_each(drop));
        Self {
            process,
            url: format!("http://{address}"),
        }
    }

    /// Puts the registry on the chain.
    pub(crate) fn deploy(&self) -> Registry<'_> {
        let operator = self.account(0);
        let arguments = Contract::constructorCall {
            account: operator,
            signingKey: Bytes::copy_from_slice(&uncompressed_key(&[0x51; 32]).unwrap()),
            sealingKey: B256::ZERO,
        };
        let init_code = [&Contract::BYTECODE[..], &arguments.abi_encode()].concat();
        let receipt = self.send(operator, None, init_code.into());
        let contract = receipt["contractAddress"].as_str().unwrap();
        Registry {
            anvil: self,
            operator,
            contract: contract.parse().unwrap(),
        }
    }

    /// Mines an empty block.
    pub(crate) fn mine(&self) {
        self.ask("evm_mine", json!([]));
    }

    /// Has an account own so much, in wei.
    pub(crate) fn fund(&self, account: Address, wei: U256) {
        self.ask("anvil_setBalance", json!([account, wei]));
    }

    /// What proven answers about a registry begin with: its newest block.
    pub(crate) fn head(&self) -> B256 {
        let block = self.ask("eth_getBlockByNumber", json!(["latest", false]));
        block["hash"].as_str().unwrap().parse().unwrap()
    }

    fn account(&self, index: usize) -> Address {
        let accounts = self.ask("eth_accounts", json!([]));
        accounts[index].as_str().unwrap().parse().unwrap()
    }

    /// Has a transaction mined and returns its receipt.
    fn send(&self, from: Address, to: Option<Address>, data: Bytes) -> Value {
        let mut transaction = json!({ "from": from, "data": data });
        if let Some(to) = to {
            transaction["to"] = json!(to);
        }
        let hash = self.ask("eth_sendTransaction", json!([transaction]));
        let mut receipt = Value::Null;
        until("the transaction is in a block", || {
            receipt = self.ask("eth_getTransactionReceipt", json!([hash]));
            !receipt.is_null()
        });
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
    }

    fn ask(&self, method: &str, params: Value) -> Value {
        let question = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let mut response = ureq::post(&self.url)
            .header("content-type", "application/json")
            .send(question.to_string())
            .unwrap();
        let answer = response.body_mut().read_to_string().unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert!(answer["error"].is_null(), "{method}: {answer}");
        answer["result"].clone()
    }
}

impl Registry<'_> {
    /// Has the holder of the chain's account number `wallet` claim a number
    /// for a key.
    pub(crate) fn claim(&self, wallet: usize, number: &str, key: &IdentityKey) {
        let (sender, claim) = self.claim_of(wallet, number, key);
        let add = Contract::addClientCall {
            numberHash: claim.number_hash,
            key: Bytes::copy_from_slice(&claim.key),
            tokenHash: claim.token_hash,
            proofOfPossession: Bytes::copy_from_slice(&claim.proof_of_possession),
        };
        self.send(sender, &add);
    }

    /// Has the operator approve that claim.
    pub(crate) fn approve(&self, wallet: usize, number: &str, key: &IdentityKey) {
        let (sender, claim) = self.claim_of(wallet, number, key);
        let approve = Contract::approveClientCall {
            numberHash: claim.number_hash,
            sender,
            expectedRecordHash: claim.record_hash(sender),
        };
        self.send(self.operator, &approve);
    }

    /// What a phone is told about this registry as it is now.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let words = [
            "--rpc",
            &self.anvil.url,
            "--contract",
            &self.contract.to_string(),
            "--trusted-block",
            &self.anvil.head().to_string(),
            "--chain-id",
            &CHAIN_ID.to_string(),
        ];
        words.map(str::to_owned).to_vec()
    }

    fn claim_of(&self, wallet: usize, number: &str, key: &IdentityKey) -> (Address, Claim) {
        let sender = self.anvil.account(wallet);
        let secret = key.to_bytes();
        let number_hash = number_hash(number).unwrap();
        let digest = proof_of_possession_digest(CHAIN_ID, self.contract, number_hash, sender);
        let claim = Claim {
            number_hash,
            key: uncompressed_key(&secret).unwrap(),
            token_hash: B256::repeat_byte(3),
            proof_of_possession: prove_possession(&secret, digest).unwrap(),
        };
        (sender, claim)
    }

    fn send(&self, from: Address, call: &impl SolCall) {
        let data = call.abi_encode().into();
        self.anvil.send(from, Some(self.contract), data);
    }
}

impl Drop for Anvil {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
