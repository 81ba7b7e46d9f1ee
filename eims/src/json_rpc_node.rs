//! A node over JSON-RPC.

use alloy_primitives::{Address, B256, Bytes, Log, LogData, U64, U256};
use callseal_registry_client::{HttpTransport, Limits, UrlError};
use serde::Deserialize;
use serde_json::json;

use crate::node::{BlockLog, CallEnd, Head, Node, Receipt, SendError, TransportError};

/// An execution node over HTTP or HTTPS, with the limits and habits of
/// [`HttpTransport`].
///
/// ```no_run
/// use callseal_eims::{JsonRpcNode, Node as _};
///
/// let mut node = JsonRpcNode::new("http://127.0.0.1:8545")?;
/// println!("block {} of chain {}", node.head()?.number, node.chain_id()?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct JsonRpcNode {
    http: HttpTransport,
}

impl JsonRpcNode {
    /// A node at `url`, which begins with `http://` or `https://`. Asks
    /// nothing yet.
    ///
    /// # Errors
    ///
    /// [`UrlError`] when that is no such URL.
    pub fn new(url: &str) -> Result<Self, UrlError> {
        // Logs are longer than the proofs that the limit is made for.
        let limits = Limits {
            answer_len: 16 * 1024 * 1024,
            ..Limits::default()
        };
        let http = HttpTransport::with_limits(url, limits)?;
        Ok(Self { http })
    }

    fn block(&mut self, tag: &str) -> Result<Option<Block>, TransportError> {
        self.http.ask("eth_getBlockByNumber", &json!([tag, false]))
    }

    fn nonsense(cause: &str) -> TransportError {
        TransportError::Nonsense {
            node: "the node".into(),
            cause: cause.into(),
        }
    }
}

impl Node for JsonRpcNode {
    fn chain_id(&mut self) -> Result<u64, TransportError> {
        let id: U64 = self.http.ask("eth_chainId", &json!([]))?;
        Ok(id.to())
    }

    fn head(&mut self) -> Result<Head, TransportError> {
        let block = self.block("latest")?;
        let block = block.ok_or_else(|| Self::nonsense("it has no newest block"))?;
        Ok(Head {
            number: block.number.to(),
            hash: block.hash,
            timestamp: block.timestamp.to(),
            base_fee: block.base_fee_per_gas.unwrap_or_default().saturating_to(),
        })
    }

    fn block_hash(&mut self, number: u64) -> Result<Option<B256>, TransportError> {
        let block = self.block(&format!("{number:#x}"))?;
        Ok(block.map(|block| block.hash))
    }

    fn nonce(&mut self, account: Address) -> Result<u64, TransportError> {
        let question = json!([account, "latest"]);
        let nonce: U64 = self.http.ask("eth_getTransactionCount", &question)?;
        Ok(nonce.to())
    }

    fn nonce_with_waiting(&mut self, account: Address) -> Result<u64, TransportError> {
        let question = json!([account, "pending"]);
        let nonce: U64 = self.http.ask("eth_getTransactionCount", &question)?;
        Ok(nonce.to())
    }

    fn finalized(&mut self) -> Result<Option<u64>, TransportError> {
        match self.block("finalized") {
            Ok(block) => Ok(block.map(|block| block.number.to())),
            // Chains without finality have no such tag.
            Err(TransportError::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    fn balance(&mut self, account: Address) -> Result<U256, TransportError> {
        self.http.ask("eth_getBalance", &json!([account, "latest"]))
    }

    fn tip(&mut self) -> Result<u128, TransportError> {
        let tip: U256 = self.http.ask("eth_maxPriorityFeePerGas", &json!([]))?;
        Ok(tip.saturating_to())
    }

    fn call(&mut self, from: Address, to: Address, data: Bytes) -> Result<CallEnd, TransportError> {
        let call = json!({ "from": from, "to": to, "data": data });
        match self.http.ask("eth_call", &json!([call, "latest"])) {
            Ok(returned) => Ok(CallEnd::Returned(returned)),
            // Nodes say "execution reverted" in many ways; the reason's octets
            // are not kept by the transport.
            Err(TransportError::Refused { message, .. })
                if message.to_ascii_lowercase().contains("revert") =>
            {
                Ok(CallEnd::Reverted(Bytes::new()))
            }
            Err(error) => Err(error),
        }
    }

    fn send(&mut self, raw: &[u8]) -> Result<(), SendError> {
        let raw = Bytes::copy_from_slice(raw);
        match self
            .http
            .ask::<B256>("eth_sendRawTransaction", &json!([raw]))
        {
            Ok(_) => Ok(()),
            Err(TransportError::Refused { message, .. }) => {
                SendError::of_words(&message).map_or(Ok(()), Err)
            }
            Err(error) => Err(SendError::Transport(error)),
        }
    }

    fn receipt(&mut self, transaction: B256) -> Result<Option<Receipt>, TransportError> {
        let question = json!([transaction]);
        let receipt: Option<RawReceipt> = self.http.ask("eth_getTransactionReceipt", &question)?;
        let Some(receipt) = receipt else {
            return Ok(None);
        };
        if receipt.transaction_hash != transaction {
            return Err(Self::nonsense("the receipt is of another transaction"));
        }
        Ok(Some(Receipt {
            block_number: receipt.block_number.to(),
            block_hash: receipt.block_hash,
            succeeded: receipt.status == U64::from(1),
        }))
    }

    fn logs(
        &mut self,
        contract: Address,
        topic: B256,
        from: u64,
        to: u64,
    ) -> Result<Vec<BlockLog>, TransportError> {
        let filter = json!({
            "address": contract, "topics": [topic],
            "fromBlock": U64::from(from), "toBlock": U64::from(to),
        });
        let logs: Vec<RawLog> = self.http.ask("eth_getLogs", &json!([filter]))?;
        let ours = logs
            .into_iter()
            .filter(|log| !log.removed && log.address == contract);
        ours.map(|log| {
            let data = LogData::new(log.topics, log.data);
            Ok(BlockLog {
                block_number: log.block_number.to(),
                log: Log {
                    address: log.address,
                    data: data.ok_or_else(|| Self::nonsense("a log has five topics"))?,
                },
            })
        })
        .collect()
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    number: U64,
    hash: B256,
    timestamp: U64,
    base_fee_per_gas: Option<U256>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawReceipt {
    transaction_hash: B256,
    block_number: U64,
    block_hash: B256,
    status: U64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawLog {
    address: Address,
    topics: Vec<B256>,
    data: Bytes,
    block_number: U64,
    #[serde(default)]
    removed: bool,
}
