//! The embedded chain behind HTTP on this host: an execution node and a beacon node in one.

mod wallet;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use alloy_primitives::{Address, B256, Bytes};
use callseal_devchain::{DevBeacon, DevChain};
use callseal_registry_client::light::{Beacon, json};
use callseal_registry_client::{RawProof, Transport};
use serde_json::{Value, json};

/// The longest question that is read, in octets.
const MAX_QUESTION_LEN: usize = 64 * 1024;
/// The longest line of a head.
const MAX_LINE_LEN: u64 = 8 * 1024;
/// How long a connection may be silent.
const IDLE: Duration = Duration::from_secs(60);

/// A server on 127.0.0.1. Its threads end with the process.
#[derive(Debug)]
pub struct LoopbackNode {
    address: SocketAddr,
}

impl LoopbackNode {
    /// Serves from now on; port 0 takes any that is free.
    ///
    /// # Errors
    /// Where the port is not to be had.
    pub fn serve(chain: &DevChain, beacon: &DevBeacon, port: u16) -> io::Result<Self> {
        Self::start(chain, beacon, port, Blocks::AsTheChainMakesThem)
    }

    /// The same where what is sent gets into a block of the present: two slots ago, so that it is final with the next
    /// ones. `clock` gives Unix time in seconds.
    ///
    /// # Errors
    /// Where the port is not to be had.
    pub fn serve_by_clock(
        chain: &DevChain,
        beacon: &DevBeacon,
        port: u16,
        clock: fn() -> u64,
    ) -> io::Result<Self> {
        Self::start(chain, beacon, port, Blocks::ByClock(clock, Arc::default()))
    }

    /// The same on any free port, where whatever is sent is final at once. Nobody else may make blocks meanwhile.
    ///
    /// # Errors
    /// Where there is no port.
    pub fn serve_final(chain: &DevChain, beacon: &DevBeacon) -> io::Result<Self> {
        Self::start(chain, beacon, 0, Blocks::FinalAtOnce(Arc::default()))
    }

    fn start(chain: &DevChain, beacon: &DevBeacon, port: u16, blocks: Blocks) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let address = listener.local_addr()?;
        let node = Node {
            chain: chain.clone(),
            beacon: beacon.clone(),
            blocks,
        };
        thread::Builder::new()
            .name("loopback node".into())
            .spawn(move || {
                for stream in listener.incoming().flatten() {
                    let node = node.clone();
                    // A peer that goes away, or talks nonsense, ends its own connection alone.
                    thread::spawn(move || node.converse(stream).ok());
                }
            })?;
        Ok(Self { address })
    }

    /// Where it is, for `--rpc` and `--beacon`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

#[derive(Clone)]
struct Node {
    chain: DevChain,
    beacon: DevBeacon,
    blocks: Blocks,
}

/// What becomes of transactions that are sent; one after the other, where there is a lock.
#[derive(Clone)]
enum Blocks {
    AsTheChainMakesThem,
    FinalAtOnce(Arc<Mutex<()>>),
    ByClock(fn() -> u64, Arc<Mutex<()>>),
}

impl Node {
    fn converse(mut self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(IDLE))?;
        stream.set_nodelay(true)?;
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut writer = stream;
        while let Some((path, body)) = question(&mut reader)? {
            let (status, answer) = match path {
                Some(path) => match self.object(&path) {
                    Some(object) => ("200 OK", object),
                    None => (
                        "404 Not Found",
                        r#"{"code":404,"message":"not found"}"#.to_owned(),
                    ),
                },
                None => ("200 OK", self.rpc(&body)),
            };
            // In one write: several would wait for each other's acknowledgements.
            let answer = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{answer}",
                answer.len()
            );
            writer.write_all(answer.as_bytes())?;
        }
        Ok(())
    }

    /// What lies at a path of the beacon API.
    fn object(&mut self, path: &str) -> Option<String> {
        let path = path.strip_prefix("/eth/v1/beacon/")?;
        let network = self.beacon.network().clone();
        let fork = |slot: u64| network.fork_of(slot);
        if let Some(root) = path.strip_prefix("light_client/bootstrap/") {
            let bootstrap = self.beacon.bootstrap(root.parse().ok()?).ok()?;
            let fork = fork(bootstrap.header.beacon.slot);
            return Some(json::bootstrap_text(&bootstrap, fork));
        }
        if let Some(query) = path.strip_prefix("light_client/updates?") {
            let start = query
                .split('&')
                .find_map(|part| part.strip_prefix("start_period="))?;
            let update = self.beacon.update(start.parse().ok()?).ok()?;
            let fork = fork(update.attested_header.beacon.slot);
            return Some(json::updates_text(&[(update, fork)]));
        }
        if path == "light_client/finality_update" {
            let update = self.beacon.finality_update().ok()?;
            let fork = fork(update.attested_header.beacon.slot);
            return Some(json::finality_update_text(&update, fork));
        }
        if path == "headers/finalized" {
            let update = self.beacon.finality_update().ok()?;
            let root = update.finalized_header?.value.beacon.root();
            return Some(json!({ "data": { "root": root } }).to_string());
        }
        if let Some(root) = path.strip_prefix("headers/") {
            let header = self.beacon.block_header(root.parse().ok()?).ok()?;
            return Some(json::block_header_text(&header));
        }
        let slot = path.strip_prefix("blocks/")?.strip_suffix("/root")?;
        let root = self.beacon.block_root(slot.parse().ok()?).ok()??;
        Some(json!({ "data": { "root": root } }).to_string())
    }

    fn rpc(&mut self, question: &[u8]) -> String {
        let question: Value = serde_json::from_slice(question).unwrap_or_default();
        let method = question["method"].as_str().unwrap_or_default();
        let id = &question["id"];
        let answer = match self.answer(method, &question["params"]) {
            Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
            Err(message) => json!({
                "jsonrpc": "2.0", "id": id, "error": { "code": -32_602, "message": message },
            }),
        };
        answer.to_string()
    }

    fn answer(&mut self, method: &str, params: &Value) -> Result<Value, String> {
        let hash = |value: &Value| -> Result<B256, String> {
            serde_json::from_value(value.clone()).map_err(|error| error.to_string())
        };
        match method {
            "eth_chainId" => Ok(json!(format!("{:#x}", self.chain.id()))),
            "eth_getBlockByHash" => Ok(match self.chain.header_of(hash(&params[0])?) {
                Some(header) => json!(header),
                None => Value::Null,
            }),
            "eth_getProof" => {
                let contract: Address =
                    serde_json::from_value(params[0].clone()).map_err(|error| error.to_string())?;
                let slots: Vec<B256> =
                    serde_json::from_value(params[1].clone()).map_err(|error| error.to_string())?;
                let block = hash(&params[2]["blockHash"])?;
                let proof = self
                    .chain
                    .proof(contract, &slots, block)
                    .map_err(|error| error.to_string())?;
                Ok(proof_json(proof))
            }
            "eth_sendRawTransaction" => self.send(params),
            other => self.ask(other, params),
        }
    }

    fn send(&self, params: &Value) -> Result<Value, String> {
        let send = || self.ask("eth_sendRawTransaction", params);
        match &self.blocks {
            Blocks::AsTheChainMakesThem => send(),
            Blocks::FinalAtOnce(turn) => {
                let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
                let sent = send()?;
                self.beacon.finalize();
                Ok(sent)
            }
            Blocks::ByClock(clock, turn) => {
                let _turn = turn.lock().unwrap_or_else(PoisonError::into_inner);
                let present = clock().saturating_sub(BEHIND);
                let next = present.max(self.chain.head_timestamp() + 1);
                let set = self.chain.set_next_timestamp(next);
                set.map_err(|error| error.to_string())?;
                send()
            }
        }
    }

    fn ask(&self, method: &str, params: &Value) -> Result<Value, String> {
        let answer = wallet::answer(&self.chain, method, params);
        answer.unwrap_or_else(|| Err(format!("{method:?} is not served here")))
    }
}

fn proof_json(proof: RawProof) -> Value {
    let nodes =
        |nodes: Vec<Vec<u8>>| -> Vec<Bytes> { nodes.into_iter().map(Bytes::from).collect() };
    let slots = proof
        .slots
        .into_iter()
        .map(|slot| json!({ "proof": nodes(slot) }));
    let slots: Vec<_> = slots.collect();
    json!({ "accountProof": nodes(proof.account), "storageProof": slots })
}

/// How old the block of a transaction is, in seconds: two slots.
const BEHIND: u64 = 24;

/// The next request: a path for GET, none for POST, and a body; `None` at the connection's end.
type Question = (Option<String>, Vec<u8>);

fn question(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Question>> {
    let line = |reader: &mut BufReader<TcpStream>| -> io::Result<String> {
        let mut line = String::new();
        reader.take(MAX_LINE_LEN).read_line(&mut line)?;
        Ok(line)
    };
    let first = line(reader)?;
    let mut words = first.split_whitespace();
    let path = match (words.next(), words.next()) {
        (Some("GET"), Some(path)) => Some(path.to_owned()),
        (Some("POST"), Some(_)) => None,
        (None, _) => return Ok(None),
        _ => return Err(io::ErrorKind::InvalidData.into()),
    };
    let mut body_len = 0;
    loop {
        let header = line(reader)?;
        let header = header.trim();
        if header.is_empty() {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            body_len = value.trim().parse().unwrap_or(usize::MAX);
        }
    }
    if body_len > MAX_QUESTION_LEN {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut body = vec![0; body_len];
    reader.read_exact(&mut body)?;
    Ok(Some((path, body)))
}
