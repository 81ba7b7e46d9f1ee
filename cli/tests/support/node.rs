//! Nodes behind HTTP, as outside ones would be: the embedded chain, and one that lies about what another says.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use alloy_primitives::{Address, B256, Bytes};
use callseal_devchain::DevChain;
use callseal_registry_client::{HttpTransport, Transport};
use serde_json::{Value, json};

/// Changes an honest answer.
pub(crate) type Bend = dyn Fn(&str, Value) -> Value + Send + Sync;

/// What is said to a question, by its method and its parameters; or a refusal.
type Answers = dyn FnMut(&str, &Value) -> Result<Value, String> + Send;

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
        Self::answering(move || {
            let (mut chain, bend) = (chain.clone(), Arc::clone(&bend));
            Box::new(move |method, params| Ok(bend(method, answer(&mut chain, method, params))))
        })
    }

    /// Says what the node at `url` says, but for what `lie` says in its place.
    pub(crate) fn lying(
        url: &str,
        lie: impl Fn(&str, &Value) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
        let (url, lie) = (url.to_owned(), Arc::new(lie));
        Self::answering(move || {
            let (mut honest, lie) = (HttpTransport::new(&url).unwrap(), Arc::clone(&lie));
            Box::new(move |method, params| match lie(method, params) {
                Some(lie) => Ok(lie),
                None => match honest.ask(method, params) {
                    Ok(answer) => Ok(answer),
                    Err(error) => Err(error.to_string()),
                },
            })
        })
    }

    /// `answers` makes what answers a connection.
    fn answering(answers: impl Fn() -> Box<Answers> + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut answers = answers();
                thread::spawn(move || converse(stream.unwrap(), &mut *answers));
            }
        });
        Self { url }
    }
}

/// Answers questions until the other side goes away.
fn converse(stream: TcpStream, answers: &mut Answers) -> Option<()> {
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
        let id = &question["id"];
        let response = match answers(method, &question["params"]) {
            Ok(answer) => json!({ "jsonrpc": "2.0", "id": id, "result": answer }),
            Err(message) => json!({
                "jsonrpc": "2.0", "id": id, "error": { "code": -32_000, "message": message },
            }),
        };
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
