//! The JSON-RPC words of an execution node: questions to octets, octets to answers. No socket here.

use alloy_consensus::Header;
use alloy_primitives::{Address, B256, Bytes, U64};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::transport::RawProof;

/// The longest piece of a node's own words that an error repeats, in characters.
const MAX_QUOTE: usize = 200;

/// How a question names the block it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BlockId {
    /// By hash (EIP-1898).
    Hash(B256),
    /// By number, for nodes that take nothing else.
    Number(u64),
}

/// Asks anything. The answer: [`result`].
#[must_use]
pub fn ask(id: u64, method: &str, params: Value) -> Vec<u8> {
    let question = json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params });
    question.to_string().into_bytes()
}

/// Asks for the id of the node's chain. The answer: [`chain_id`].
#[must_use]
pub fn ask_chain_id(id: u64) -> Vec<u8> {
    ask(id, "eth_chainId", json!([]))
}

/// Asks for a block without its transactions. The answer: [`header`].
#[must_use]
pub fn ask_header(id: u64, block_hash: B256) -> Vec<u8> {
    ask(id, "eth_getBlockByHash", json!([block_hash, false]))
}

/// Asks for proofs of an account and of slots of its storage. The answer: [`proof`].
#[must_use]
pub fn ask_proof(id: u64, contract: Address, slots: &[B256], block: BlockId) -> Vec<u8> {
    let block = match block {
        BlockId::Hash(hash) => json!({ "blockHash": hash }),
        BlockId::Number(number) => json!(U64::from(number)),
    };
    ask(id, "eth_getProof", json!([contract, slots, block]))
}

/// Reads the answer to [`ask_chain_id`].
///
/// # Errors
///
/// [`ResponseError`] when there is none in `response`.
pub fn chain_id(response: &[u8], id: u64) -> Result<u64, ResponseError> {
    Ok(result::<U64>(response, id)?.to())
}

/// Reads the answer to [`ask_header`]; `None` when the node has no such block.
///
/// The hash that the answer may state is left alone: the header is worth what it hashes to.
///
/// # Errors
///
/// [`ResponseError`] when there is no answer in `response`.
///
/// ```
/// use callseal_registry_client::json_rpc;
///
/// assert!(json_rpc::header(br#"{"jsonrpc":"2.0","id":7,"result":null}"#, 7)?.is_none());
/// # Ok::<(), json_rpc::ResponseError>(())
/// ```
pub fn header(response: &[u8], id: u64) -> Result<Option<Header>, ResponseError> {
    result(response, id)
}

/// Reads the answer to [`ask_proof`]: the nodes, and nothing that the node says about them.
///
/// # Errors
///
/// [`ResponseError`] when there is no answer in `response`.
///
/// ```
/// use callseal_registry_client::json_rpc;
///
/// let response = br#"{"jsonrpc":"2.0","id":7,"result":{"accountProof":["0x80"],"storageProof":[]}}"#;
/// assert_eq!(json_rpc::proof(response, 7)?.account, [[0x80]]);
/// # Ok::<(), json_rpc::ResponseError>(())
/// ```
pub fn proof(response: &[u8], id: u64) -> Result<RawProof, ResponseError> {
    let proof: Proof = result(response, id)?;
    let nodes = |nodes: Vec<Bytes>| nodes.into_iter().map(Vec::from).collect();
    Ok(RawProof {
        account: nodes(proof.account_proof),
        slots: proof
            .storage_proof
            .into_iter()
            .map(|slot| nodes(slot.proof))
            .collect(),
    })
}

/// Why octets are no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResponseError {
    /// They are not JSON, or not a JSON-RPC response.
    #[error("no JSON-RPC response: {0}")]
    Envelope(String),
    /// They answer another question.
    #[error("the answer is to question {got}, ours was {expected}")]
    WrongId {
        /// Our question's id.
        expected: u64,
        /// The answer's.
        got: String,
    },
    /// They hold neither a result nor an error.
    #[error("neither a result nor an error")]
    Empty,
    /// The result is not what the question asks for.
    #[error("the result is not of the expected form: {0}")]
    Result(String),
    /// The node reports an error.
    #[error("error {code}: {message}")]
    Node {
        /// The error's code.
        code: i64,
        /// The node's words, shortened and without control characters.
        message: String,
    },
}

#[derive(Deserialize)]
struct Response {
    #[serde(default)]
    id: Value,
    // A null result is an answer, a missing one is not.
    #[serde(default, deserialize_with = "present")]
    result: Option<Value>,
    error: Option<NodeError>,
}

#[derive(Deserialize)]
struct NodeError {
    code: i64,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Proof {
    account_proof: Vec<Bytes>,
    storage_proof: Vec<SlotProof>,
}

#[derive(Deserialize)]
struct SlotProof {
    proof: Vec<Bytes>,
}

/// Reads the answer to [`ask`], in the form that the question asks for.
///
/// # Errors
///
/// [`ResponseError`] when there is none in `response`.
pub fn result<T: DeserializeOwned>(response: &[u8], id: u64) -> Result<T, ResponseError> {
    let response: Response = serde_json::from_slice(response)
        .map_err(|error| ResponseError::Envelope(quote(&error.to_string())))?;
    // Before the id: a node that could not read the question answers with a null id.
    if let Some(error) = response.error {
        let message = quote(&error.message);
        return Err(ResponseError::Node {
            code: error.code,
            message,
        });
    }
    if response.id.as_u64() != Some(id) {
        let got = quote(&response.id.to_string());
        return Err(ResponseError::WrongId { expected: id, got });
    }
    let result = response.result.ok_or(ResponseError::Empty)?;
    serde_json::from_value(result).map_err(|error| ResponseError::Result(quote(&error.to_string())))
}

fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// A node's words as a terminal may show them.
pub(crate) fn quote(text: &str) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut quote: String = text.chars().take(MAX_QUOTE).map(shown).collect();
    if text.chars().nth(MAX_QUOTE).is_some() {
        quote.push('…');
    }
    quote
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_are_what_nodes_expect() {
        let question = |octets: Vec<u8>| serde_json::from_slice::<Value>(&octets).unwrap();
        assert_eq!(
            question(ask_header(3, B256::repeat_byte(0xab))),
            json!({
                "jsonrpc": "2.0", "id": 3, "method": "eth_getBlockByHash",
                "params": [format!("0x{}", "ab".repeat(32)), false],
            })
        );
        let slots = [B256::with_last_byte(1)];
        let contract = Address::repeat_byte(0x11);
        let slot = format!("0x{}01", "00".repeat(31));
        assert_eq!(
            question(ask_proof(4, contract, &slots, BlockId::Number(26)))["params"],
            json!([format!("0x{}", "11".repeat(20)), [slot], "0x1a"])
        );
        assert_eq!(
            question(ask_proof(5, contract, &slots, BlockId::Hash(B256::ZERO)))["params"][2],
            json!({ "blockHash": format!("0x{}", "00".repeat(32)) })
        );
        assert_eq!(question(ask_chain_id(6))["params"], json!([]));
    }

    #[test]
    fn an_answer_to_another_question_is_refused() {
        let wrong = |got: &str| {
            Err(ResponseError::WrongId {
                expected: 7,
                got: got.into(),
            })
        };
        assert_eq!(
            chain_id(br#"{"jsonrpc":"2.0","id":7,"result":"0x1"}"#, 7),
            Ok(1)
        );
        assert_eq!(
            chain_id(br#"{"jsonrpc":"2.0","id":8,"result":"0x1"}"#, 7),
            wrong("8")
        );
        assert_eq!(
            chain_id(br#"{"jsonrpc":"2.0","id":"7","result":"0x1"}"#, 7),
            wrong("\"7\"")
        );
        assert_eq!(
            chain_id(br#"{"jsonrpc":"2.0","result":"0x1"}"#, 7),
            wrong("null")
        );
    }

    #[test]
    fn what_is_no_answer_is_named() {
        let refusal = |text: &str| chain_id(text.as_bytes(), 7).unwrap_err();
        assert!(matches!(refusal(""), ResponseError::Envelope(_)));
        assert!(matches!(
            refusal("<html>busy</html>"),
            ResponseError::Envelope(_)
        ));
        assert!(matches!(refusal("[]"), ResponseError::Envelope(_)));
        assert!(matches!(
            refusal(r#"{"id":7,"result":"0x1"} {}"#),
            ResponseError::Envelope(_)
        ));
        assert!(matches!(refusal(r#"{"id":7}"#), ResponseError::Empty));
        assert!(matches!(
            refusal(r#"{"id":7,"result":null}"#),
            ResponseError::Result(_)
        ));
        assert!(matches!(
            refusal(r#"{"id":7,"result":{"a":1}}"#),
            ResponseError::Result(_)
        ));
        assert!(matches!(
            refusal(r#"{"id":7,"result":"0x10000000000000000"}"#),
            ResponseError::Result(_)
        ));
        let open = "[".repeat(10_000);
        assert!(matches!(refusal(&open), ResponseError::Envelope(_)));
    }

    #[test]
    fn a_nodes_words_reach_no_terminal_raw_or_at_length() {
        let text = format!(
            r#"{{"id":null,"error":{{"code":-32602,"message":"no\u001b[2J{}"}}}}"#,
            "x".repeat(1000)
        );
        let Err(ResponseError::Node { code, message }) = chain_id(text.as_bytes(), 7) else {
            panic!("not taken for an error");
        };
        assert_eq!(code, -32602);
        assert!(message.starts_with("no\u{fffd}[2Jxxx"));
        assert_eq!(message.chars().count(), MAX_QUOTE + 1);
    }

    #[test]
    fn another_clients_block_and_proof_are_read() {
        use callseal_testvectors::trie::{DEVNET_BLOCK, DEVNET_PROOF};

        let header = header(DEVNET_BLOCK.as_bytes(), 1).unwrap().unwrap();
        assert_eq!(header.number, 168);
        let proof = proof(DEVNET_PROOF.as_bytes(), 1).unwrap();
        assert_eq!(proof.account.len(), 2);
        assert_eq!(proof.slots.len(), 2);
    }
}
