//! The embedded chain behind HTTP, as an outside node would be.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use alloy_primitives::{Address, B256, Bytes};
use callseal_devchain::DevChain;
use callseal_registry_client::Transport;
use serde_json::{Value, json};

/// Changes an honest answer.
pub(crate) type Bend = dyn Fn(&str, Value) -> Value + Send + Sync;

/// A node on loopback. Its threads live as long as the test's process.
pub(crate) struct Node {
    pub(crate) url: String,
}

impl Node {
    /// Serves a chain.
    pub(crate) fn serve(chain: DevChain) -> Self {
        Self::serve_bent(chain, Arc::new(|_, answer| answer))
    }

    /// Serves a chain and changes its answers.
    pub(crate) fn serve_bent(chain: DevChain, bend: Arc<Bend>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (chain, bend) = (chain.clone(), Arc::clone(&bend));
                thread::spawn(move || converse(stream.unwrap(), chain, &*bend));
            }
        });
        Self { url }
    }
}

/// Answers questions until the other side goes away.
fn converse(stream: TcpStream, mut chain: DevChain, bend: &Bend) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut content_len = 0;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                content_len = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; content_len];
        reader.read_exact(&mut body).ok()?;
        let question: Value = serde_json::from_slice(&body).ok()?;
        let method = question["method"].as_str()?;
        let answer = bend(method, answer(&mut chain, method, &question["params"]));
        let response = json!({ "jsonrpc": "2.0", "id": question["id"], "result": answer });
        let response = response.to_string();
        write!(
            writer,
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{response}",
            response.len()
        )
        .ok()?;
    }
}

fn answer(chain: &mut DevChain, method: &str, params: &Value) -> Value {
    match method {
        "eth_chainId" => json!(format!("{:#x}", chain.id())),
        "eth_getBlockByHash" => {
            let hash: B256 = params[0].as_str().unwrap().parse().unwrap();
            match chain.header(hash) {
                Ok(header) => json!(header),
                Err(_) => Value::Null,
            }
        }
        "eth_getProof" => {
            let contract: Address = params[0].as_str().unwrap().parse().unwrap();
            let slots: Vec<B256> = serde_json::from_value(params[1].clone()).unwrap();
            let hash: B256 = params[2]["blockHash"].as_str().unwrap().parse().unwrap();
            let proof = chain.proof(contract, &slots, hash).unwrap();
            let nodes = |nodes: Vec<Vec<u8>>| -> Vec<Bytes> {
                nodes.into_iter().map(Bytes::from).collect()
            };
            let slots: Vec<Value> = proof
                .slots
                .into_iter()
                .map(|slot| json!({ "proof": nodes(slot) }))
                .collect();
            json!({ "accountProof": nodes(proof.account), "storageProof": slots })
        }
        other => panic!("{other} was asked"),
    }
}
