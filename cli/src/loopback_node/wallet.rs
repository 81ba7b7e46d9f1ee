//! What a wallet asks of a node: what it has, and to take its transactions.

use alloy_primitives::{Address, B256, Bytes, U64};
use callseal_devchain::{DevChain, Outcome, Receipt};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// The answer to such a question; `None` where it is another.
pub(super) fn answer(
    chain: &DevChain,
    method: &str,
    params: &Value,
) -> Option<Result<Value, String>> {
    Some(match method {
        "eth_getBlockByNumber" => block(chain, &params[0]),
        "eth_getTransactionCount" => read::<Address>(&params[0]).map(|account| {
            json!(U64::from(match params[1].as_str() {
                Some("pending") => chain.nonce_with_waiting(account),
                _ => chain.nonce(account),
            }))
        }),
        "eth_getBalance" => read::<Address>(&params[0]).map(|it| json!(chain.balance(it))),
        // Whoever makes these blocks takes none; wallets are used to giving one.
        "eth_maxPriorityFeePerGas" => Ok(json!("0x3b9aca00")),
        "eth_call" => call(chain, &params[0]),
        "eth_sendRawTransaction" => read::<Bytes>(&params[0])
            .and_then(|raw| chain.send_raw(&raw).map_err(|error| error.to_string()))
            .map(|hash| json!(hash)),
        "eth_getTransactionReceipt" => read::<B256>(&params[0]).map(|hash| {
            json!(
                chain
                    .receipt(hash)
                    .map(|receipt| receipt_json(hash, &receipt))
            )
        }),
        "eth_getLogs" => logs(chain, &params[0]),
        _ => return None,
    })
}

fn block(chain: &DevChain, number: &Value) -> Result<Value, String> {
    let hash = match number.as_str() {
        Some("latest") => Some(chain.head()),
        _ => chain.block_hash(read::<U64>(number)?.to()),
    };
    let Some((hash, header)) = hash.and_then(|hash| Some((hash, chain.header_of(hash)?))) else {
        return Ok(Value::Null);
    };
    let mut block = json!(header);
    block["hash"] = json!(hash);
    Ok(block)
}

#[derive(Deserialize)]
struct Call {
    from: Address,
    to: Address,
    #[serde(alias = "input")]
    data: Bytes,
}

fn call(chain: &DevChain, question: &Value) -> Result<Value, String> {
    let Call { from, to, data } = read(question)?;
    match chain.call(from, to, data) {
        Ok(Outcome::Returned(octets)) => Ok(json!(octets)),
        Ok(Outcome::Reverted(_)) => Err("execution reverted".to_owned()),
        Ok(other) => Err(format!("{other:?}")),
        Err(error) => Err(error.to_string()),
    }
}

fn receipt_json(hash: B256, receipt: &Receipt) -> Value {
    json!({
        "transactionHash": hash,
        "blockNumber": U64::from(receipt.block_number),
        "blockHash": receipt.block_hash,
        "gasUsed": U64::from(receipt.gas_used),
        "status": U64::from(receipt.succeeded()),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Filter {
    address: Address,
    topics: [B256; 1],
    from_block: U64,
    to_block: U64,
}

fn logs(chain: &DevChain, filter: &Value) -> Result<Value, String> {
    let filter: Filter = read(filter)?;
    let [topic] = filter.topics;
    let (from, to) = (filter.from_block.to(), filter.to_block.to());
    let logs = chain.logs(filter.address, topic, from, to);
    let logs = logs.into_iter().map(|(number, log)| {
        json!({
            "address": log.address,
            "topics": log.data.topics(),
            "data": log.data.data,
            "blockNumber": U64::from(number),
            "removed": false,
        })
    });
    Ok(logs.collect())
}

fn read<T: DeserializeOwned>(value: &Value) -> Result<T, String> {
    T::deserialize(value).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_learns_what_it_has_and_what_became_of_nothing() {
        let chain = DevChain::new(31_337);
        let ask = |method: &str, params: Value| answer(&chain, method, &params).unwrap();
        let account = chain.account(0);
        let head = ask("eth_getBlockByNumber", json!(["latest", false])).unwrap();
        assert_eq!(head["hash"], json!(chain.head()));
        assert_eq!(head["number"], "0x0");
        assert!(head["baseFeePerGas"].is_string());
        let balance = ask("eth_getBalance", json!([account, "latest"])).unwrap();
        assert_eq!(balance, json!(chain.balance(account)));
        assert_ne!(balance, "0x0");
        let nothing = ask("eth_getTransactionReceipt", json!([B256::ZERO]));
        assert_eq!(nothing, Ok(Value::Null));
        let refused = ask("eth_sendRawTransaction", json!(["0x02"])).unwrap_err();
        assert!(refused.contains("cannot be read"), "{refused}");
        assert!(answer(&chain, "eth_chainId", &json!([])).is_none());
    }
}
