//! The whole way on a proof-of-stake network that others have written: Lodestar's committees over ethereumjs's chain.
#![expect(
    clippy::unwrap_used,
    reason = "a test's helpers may panic as the test may"
)]

use std::cell::RefCell;
use std::env;
use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use alloy_consensus::transaction::SignableTransaction;
use alloy_consensus::{Header, TxEnvelope, TxLegacy};
use alloy_eips::eip2718::Encodable2718;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256, hex, keccak256};
use alloy_sol_types::{SolCall, SolConstructor};
use callseal_devchain::{Claim, prove_possession, uncompressed_key};
use callseal_registry_client::light::{
    Activation, Beacon, Fork, LightClient, Network, NetworkTerms, Preset, Store,
};
use callseal_registry_client::{
    Answer, HttpBeacon, HttpTransport, LiveRegistry, LookUpError, Policy, RawProof, RegistryConfig,
    Transport, TransportError, layout, number_hash, proof_of_possession_digest,
};
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};

use self::abi::Registry as Contract;

mod abi {
    alloy_sol_types::sol!(Registry, "../contracts/artifacts/Registry.json");
}

const CHAIN_ID: u64 = 1337;
const NUMBER: &str = "+8613800000001";
/// A busy machine loses votes in shorter slots, and nothing becomes final.
const SECONDS_PER_SLOT: u64 = 3;
/// How long any one thing may take; a loaded machine needs its time.
const PATIENCE: Duration = Duration::from_secs(900);

/// Two processes, ended with this: the beacon node first, which does not end well without the other.
struct PosNetwork {
    beacon: Child,
    execution: Child,
    rpc: String,
    rest: String,
    folder: PathBuf,
    /// Transactions as they were sent.
    sent: RefCell<Vec<Bytes>>,
}

impl PosNetwork {
    fn start(funded: &[Address]) -> Self {
        let installed = PathBuf::from(
            env::var_os("CALLSEAL_LODESTAR").expect("CALLSEAL_LODESTAR is the installed folder"),
        );
        let folder = env::temp_dir().join(format!("callseal-lodestar-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let secret = keccak256(folder.to_string_lossy().as_bytes());
        fs::write(folder.join("jwt.hex"), hex::encode(secret)).unwrap();
        fs::write(folder.join("genesis.json"), genesis(funded).to_string()).unwrap();
        let [rpc, engine, rest, execution_peers, beacon_peers] = free_ports();
        let log = |name: &str| Stdio::from(fs::File::create(folder.join(name)).unwrap());

        let execution = Command::new("node")
            .arg(installed.join("el/node_modules/@ethereumjs/client/dist/esm/bin/cli.js"))
            .args(["--gethGenesis", "genesis.json", "--dataDir", "eldata"])
            .args(["--rpc", "--rpcAddr", "127.0.0.1", "--rpcPort"])
            .arg(rpc.to_string())
            .args(["--rpcEngine", "--rpcEngineAddr", "127.0.0.1"])
            .args(["--rpcEnginePort", &engine.to_string()])
            .args([
                "--jwtSecret",
                "jwt.hex",
                "--port",
                &execution_peers.to_string(),
                "--extIP",
                "127.0.0.1",
            ])
            .args(["--maxPeers", "0", "--isSingleNode", "--discDns", "false"])
            .args(["--discV4", "false", "--logFile", "false"])
            .current_dir(&folder)
            .stdout(log("el.log"))
            .stderr(log("el.err"))
            .spawn()
            .unwrap();
        let rpc = format!("http://127.0.0.1:{rpc}");
        let genesis_block = wait("the execution node", || {
            let block = ask(&rpc, "eth_getBlockByNumber", json!(["0x0", false])).ok()?;
            block["hash"].as_str().map(str::to_owned)
        });
        let genesis_time = unix_time() + 15;
        let beacon = Command::new("node")
            .arg("-r")
            .arg(installed.join("cl/poly.cjs"))
            .arg(installed.join("cl/node_modules/@chainsafe/lodestar/lib/index.js"))
            .args(["dev", "--dataDir", "cldata", "--genesisValidators", "16"])
            .args([
                "--startValidators",
                "0..15",
                "--genesisEth1Hash",
                &genesis_block,
            ])
            .args(["--genesisTime", &genesis_time.to_string()])
            .args(["--params.SECONDS_PER_SLOT", &SECONDS_PER_SLOT.to_string()])
            .args([
                "--params.ALTAIR_FORK_EPOCH",
                "0",
                "--params.BELLATRIX_FORK_EPOCH",
                "0",
            ])
            .args(["--params.CAPELLA_FORK_EPOCH", "0"])
            .args(["--params.TERMINAL_TOTAL_DIFFICULTY", "0"])
            .args(["--execution.urls", &format!("http://127.0.0.1:{engine}")])
            .args(["--jwt-secret", "jwt.hex", "--eth1", "false"])
            .args([
                "--listenAddress",
                "127.0.0.1",
                "--port",
                &beacon_peers.to_string(),
                "--discv5",
                "false",
            ])
            .args([
                "--enr.ip",
                "127.0.0.1",
                "--rest",
                "true",
                "--rest.address",
                "127.0.0.1",
            ])
            .args(["--rest.port", &rest.to_string(), "--rest.namespace", "*"])
            .args(["--server", &format!("http://127.0.0.1:{rest}")])
            .args([
                "--suggestedFeeRecipient",
                "0x70997970C51812dc3A010C7d01b50e0d17dc79C8",
            ])
            .args(["--logFile", "none"])
            .env("LODESTAR_PRESET", "minimal")
            .env("NODE_BACKEND", "js")
            .current_dir(&folder)
            .stdout(log("cl.log"))
            .stderr(log("cl.err"))
            .spawn()
            .unwrap();
        Self {
            beacon,
            execution,
            rpc,
            rest: format!("http://127.0.0.1:{rest}"),
            folder,
            sent: RefCell::default(),
        }
    }

    fn network(&self) -> Network {
        let genesis = wait("the beacon node", || {
            get(&self.rest, "/eth/v1/beacon/genesis")
        });
        let text = |field: &str| genesis["data"][field].as_str().unwrap();
        Network::new(NetworkTerms {
            name: "lodestar".into(),
            preset: Preset::Minimal,
            chain_id: CHAIN_ID,
            genesis_time: text("genesis_time").parse().unwrap(),
            genesis_validators_root: text("genesis_validators_root").parse().unwrap(),
            seconds_per_slot: SECONDS_PER_SLOT,
            forks: vec![Activation {
                fork: Fork::Capella,
                epoch: 0,
                version: [3, 0, 0, 1],
            }],
        })
        .unwrap()
    }

    /// The newest final block: its root and slot.
    fn finalized(&self) -> Option<(B256, u64)> {
        let answer = get(&self.rest, "/eth/v1/beacon/headers/finalized")?;
        let slot = answer["data"]["header"]["message"]["slot"]
            .as_str()?
            .parse()
            .ok()?;
        let root = answer["data"]["root"].as_str()?.parse().ok()?;
        (slot > 0).then_some((root, slot))
    }

    /// A block that came too late takes its transactions with it, and nobody puts them back.
    fn send_again(&self) {
        for raw in self.sent.borrow().iter() {
            // That it is known, or done, is an error too.
            let _ = ask(&self.rpc, "eth_sendRawTransaction", json!([raw]));
        }
    }

    /// Has a signed transaction mined; gives its receipt.
    fn send(&self, key: &SigningKey, nonce: u64, to: Option<Address>, data: Bytes) -> Value {
        let transaction = TxLegacy {
            chain_id: Some(CHAIN_ID),
            nonce,
            gas_price: 20_000_000_000,
            gas_limit: 5_000_000,
            to: to.map_or(TxKind::Create, TxKind::Call),
            value: U256::ZERO,
            input: data,
        };
        let digest = transaction.signature_hash();
        let (signature, parity) = key.sign_prehash_recoverable(digest.as_slice());
        let octets: [u8; 64] = signature.to_bytes().into();
        let signature = Signature::from_bytes_and_parity(&octets, parity.is_y_odd());
        let raw = TxEnvelope::from(transaction.into_signed(signature)).encoded_2718();
        let raw = Bytes::from(raw);
        let hash = keccak256(&raw);
        self.sent.borrow_mut().push(raw);
        let receipt = wait("a transaction", || {
            self.send_again();
            ask(&self.rpc, "eth_getTransactionReceipt", json!([hash]))
                .ok()
                .filter(|receipt| !receipt.is_null())
        });
        assert_eq!(receipt["status"], "0x1", "{receipt}");
        receipt
    }
}

impl Drop for PosNetwork {
    fn drop(&mut self) {
        for child in [&mut self.beacon, &mut self.execution] {
            let _ = child.kill();
            let _ = child.wait();
        }
        if thread::panicking() {
            println!("what the nodes said is in {}", self.folder.display());
        } else {
            let _ = fs::remove_dir_all(&self.folder);
        }
    }
}

#[test]
#[ignore = "needs Lodestar and ethereumjs: set CALLSEAL_LODESTAR to the folder that peers/lodestar/install.sh made"]
fn a_record_is_read_through_committees_that_change_on_a_network_of_others() {
    let [operator_key, wallet_key] =
        [[0x41; 32], [0x42; 32]].map(|secret| SigningKey::from_slice(&secret).unwrap());
    let (operator, wallet) = (address(&[0x41; 32]), address(&[0x42; 32]));
    let pos = PosNetwork::start(&[operator, wallet]);
    let network = pos.network();

    let arguments = Contract::constructorCall {
        account: operator,
        signingKey: Bytes::copy_from_slice(&uncompressed_key(&[0x51; 32]).unwrap()),
        sealingKey: B256::repeat_byte(0x5e),
    };
    let init_code = [&Contract::BYTECODE[..], &arguments.abi_encode()].concat();
    let receipt = pos.send(&operator_key, 0, None, init_code.into());
    let contract: Address = receipt["contractAddress"]
        .as_str()
        .unwrap()
        .parse()
        .unwrap();
    let identity = [7; 32];
    let hash = number_hash(NUMBER).unwrap();
    let digest = proof_of_possession_digest(CHAIN_ID, contract, hash, wallet);
    let claim = Claim {
        number_hash: hash,
        key: uncompressed_key(&identity).unwrap(),
        token_hash: B256::repeat_byte(3),
        proof_of_possession: prove_possession(&identity, digest).unwrap(),
    };
    let add = Contract::addClientCall {
        numberHash: hash,
        key: Bytes::copy_from_slice(&claim.key),
        tokenHash: claim.token_hash,
        proofOfPossession: Bytes::copy_from_slice(&claim.proof_of_possession),
    };
    pos.send(&wallet_key, 0, Some(contract), add.abi_encode().into());
    let approve = Contract::approveClientCall {
        numberHash: hash,
        sender: wallet,
        expectedRecordHash: claim.record_hash(wallet),
    };
    pos.send(
        &operator_key,
        1,
        Some(contract),
        approve.abi_encode().into(),
    );

    let (checkpoint, slot) = wait("finality", || {
        pos.send_again();
        pos.finalized()
    });
    println!("checkpoint: slot {slot}, {checkpoint}");
    let begun = network.period_of(slot);
    let later = wait("another committee", || {
        pos.send_again();
        let (_, slot) = pos.finalized()?;
        (network.period_of(slot) > begun).then_some(slot)
    });
    println!("final: slot {later}");

    let beacon = || HttpBeacon::new(&pos.rest).unwrap();
    let now = unix_time();
    let (mut light, _) = LightClient::start(&network, checkpoint, vec![beacon()], now).unwrap();
    // Updates are signed a block after what they finalize.
    let mut said = String::new();
    wait("an update of the other committee", || {
        // A busy node may be late with one; a lie would end in another error, and in no period.
        if let Err(error) = light.sync(unix_time()) {
            let error = error.to_string();
            if error != said {
                println!("not yet: {error}");
                said = error;
            }
        }
        (light.store().period() > begun).then_some(())
    });
    // By which a node shows that it has a block, where another says that it has not.
    let known = light.store().finalized().beacon;
    assert_eq!(beacon().block_header(known.root()), Ok(known));
    let parent = beacon().block_header(known.parent_root).unwrap();
    assert_eq!(parent.root(), known.parent_root);

    let state = light.store().to_state();
    let now = unix_time();
    assert!(Store::from_state(network.clone(), &state, now).is_ok());

    let config = RegistryConfig {
        contract,
        code_hash: layout::CODE_HASH,
        chain_id: CHAIN_ID,
    };
    let node = |name: &str, lie: fn(&mut RawProof)| {
        let honest = HttpTransport::new(&pos.rpc).unwrap();
        (name.to_owned(), Liar { honest, lie })
    };
    let nodes = [
        node("a value that is not there", |proof| {
            // A leaf ends with its value.
            let leaf = proof.slots[0].last_mut().unwrap();
            *leaf.last_mut().unwrap() ^= 1;
        }),
        node("a record that is kept back", |proof| {
            proof.slots.iter_mut().for_each(Vec::clear);
        }),
        node("another state", |proof| proof.account[0][9] ^= 1),
        node("honest", |_| {}),
    ];
    let mut live = LiveRegistry::new(config, light, nodes, Policy::default());
    let found = wait("a record", || live.look_up(NUMBER, unix_time()).ok());
    for fault in &found.faults {
        println!("refused: {fault}");
    }
    let causes: Vec<_> = found.faults.iter().map(|fault| &fault.cause).collect();
    assert!(matches!(
        causes[..],
        [
            LookUpError::Slots(_),
            LookUpError::Slots(_),
            LookUpError::Account { .. }
        ]
    ));
    let (slot, age) = (
        found.answer.slot().unwrap(),
        found.answer.age(unix_time()).as_secs(),
    );
    assert!(slot >= later);
    let record = found.answer.into_record().unwrap();
    assert!(record.is_in_force());
    assert_eq!(record.value().key, claim.compressed_key());
    assert_eq!(record.value().holder, wallet);
    let absent = live.look_up("+8613899999999", unix_time()).unwrap();
    assert_eq!(*absent.answer.value(), Answer::Absent);

    // What its owner hands over convinces somebody who asks nobody.
    let key = claim.compressed_key();
    // A busy committee signs too few of its blocks; then the next one is waited for.
    let own = wait("a staple", || {
        live.own_staple(NUMBER, &key, unix_time()).ok()
    });
    let state = live.light().store().to_state();
    let known = Store::from_state(network.clone(), &state, unix_time()).unwrap();
    let light = LightClient::<HttpBeacon>::resume(known, Vec::new());
    let nobody: [(String, HttpTransport); 0] = [];
    let mut verifier = LiveRegistry::new(config, light, nobody, Policy::default());
    let proven = verifier.verify_staple(NUMBER, &key, &own.octets, unix_time());
    assert!(proven.unwrap().into_record().unwrap().is_in_force());
    println!(
        "remark: from a checkpoint in period {begun} to a record in period {}, {age} s old; 3 lies refused; a staple of {} octets",
        network.period_of(slot),
        own.octets.len()
    );
}

/// An execution node that changes what it proves.
struct Liar {
    honest: HttpTransport,
    lie: fn(&mut RawProof),
}

impl Transport for Liar {
    fn header(&mut self, block_hash: B256) -> Result<Header, TransportError> {
        self.honest.header(block_hash)
    }

    fn proof(
        &mut self,
        contract: Address,
        slots: &[B256],
        block_hash: B256,
    ) -> Result<RawProof, TransportError> {
        let mut proof = self.honest.proof(contract, slots, block_hash)?;
        (self.lie)(&mut proof);
        Ok(proof)
    }
}

fn genesis(funded: &[Address]) -> Value {
    let mut config = json!({
        "chainId": CHAIN_ID, "mergeForkBlock": 0, "terminalTotalDifficulty": 0,
        "terminalTotalDifficultyPassed": true, "shanghaiTime": 0,
    });
    for fork in [
        "homestead",
        "eip150",
        "eip155",
        "eip158",
        "byzantium",
        "constantinople",
        "petersburg",
        "istanbul",
        "berlin",
        "london",
    ] {
        config[format!("{fork}Block")] = json!(0);
    }
    let mut alloc = json!({});
    for account in funded {
        alloc[account.to_string()] = json!({ "balance": "0x3635c9adc5dea00000" });
    }
    json!({
        "config": config, "alloc": alloc, "timestamp": "0x0", "difficulty": "0x0",
        "gasLimit": "0x1c9c380", "nonce": "0x0", "extraData": "0x", "baseFeePerGas": "0x3b9aca00",
        "mixHash": B256::ZERO, "coinbase": Address::ZERO, "parentHash": B256::ZERO,
    })
}

/// Ports of this host that nobody had a moment ago.
fn free_ports<const N: usize>() -> [u16; N] {
    let taken = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    taken.map(|listener| listener.local_addr().unwrap().port())
}

fn address(secret: &[u8; 32]) -> Address {
    let key = uncompressed_key(secret).unwrap();
    Address::from_slice(&keccak256(key)[12..])
}

fn ask(url: &str, method: &str, params: Value) -> Result<Value, String> {
    let question = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    let mut response = ureq::post(url)
        .header("content-type", "application/json")
        .send(question.to_string())
        .map_err(|error| error.to_string())?;
    let text = response
        .body_mut()
        .read_to_string()
        .map_err(|error| error.to_string())?;
    let answer: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    match answer["error"].is_null() {
        true => Ok(answer["result"].clone()),
        false => Err(format!("{method}: {}", answer["error"])),
    }
}

fn get(url: &str, path: &str) -> Option<Value> {
    let mut response = ureq::get(format!("{url}{path}")).call().ok()?;
    serde_json::from_str(&response.body_mut().read_to_string().ok()?).ok()
}

fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(begun.elapsed() < PATIENCE, "{what} did not come");
        thread::sleep(Duration::from_millis(500));
    }
}

fn unix_time() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
}
