//! Execution nodes' answers, one a file: blocks, and proofs of accounts in them.

use std::collections::BTreeSet;
use std::path::Path;

use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256, keccak256};
use callseal_registry_client::{
    VerifiedAccount, VerifiedHeader, json_rpc, verify_account, verify_header, verify_slots,
};
use serde_json::{Value, json};

use super::{json_files, nodes, text, value};

/// What held.
#[derive(Default)]
pub(crate) struct Held {
    pub(crate) blocks: Vec<VerifiedHeader>,
    pub(crate) accounts: Vec<Address>,
    pub(crate) words: usize,
}

/// Proves every account and every word of storage that a folder's files speak of.
pub(crate) fn prove(folder: &Path) -> Held {
    let files: Vec<_> = json_files(folder)
        .into_iter()
        .map(|path| (value(&path), path))
        .collect();
    let mut held = Held::default();
    // Some answers do not say whose account they prove; another one beside them does.
    let mut named = BTreeSet::new();
    for (file, path) in &files {
        collect_addresses(file, &mut named);
        if file.get("stateRoot").is_some() && file.get("hash").is_some() {
            let header = block(file);
            println!("{}: block {}", path.display(), header.number());
            held.blocks.push(header);
        }
    }
    for (file, path) in &files {
        let mut proofs = Vec::new();
        collect_proofs(file, None, &mut proofs);
        for (whose, proof) in &proofs {
            let found = held.blocks.iter().find_map(|block| match whose {
                Some(whose) => Some((*whose, assert_proven(block, *whose, proof)?)),
                None => named.iter().find_map(|whose| {
                    // Everybody else may well be proven absent by it.
                    account(block, *whose, proof)??;
                    Some((*whose, assert_proven(block, *whose, proof)?))
                }),
            });
            let (whose, words) =
                found.unwrap_or_else(|| panic!("{}: proven under no block", path.display()));
            println!("{}: account {whose}, {words} words", path.display());
            held.accounts.push(whose);
            held.words += words;
        }
        if proofs.is_empty() {
            println!("{}: proves no account", path.display());
        }
    }
    held
}

fn block(file: &Value) -> VerifiedHeader {
    let answer = json!({ "jsonrpc": "2.0", "id": 1, "result": file }).to_string();
    let header = json_rpc::header(answer.as_bytes(), 1).unwrap().unwrap();
    verify_header(text(&file["hash"]).parse().unwrap(), &header).unwrap()
}

/// What a proof says of an account; nothing where it is of another block or account.
fn account(
    block: &VerifiedHeader,
    whose: Address,
    proof: &Value,
) -> Option<Option<VerifiedAccount>> {
    verify_account(block.state_root(), whose, &nodes(&proof["accountProof"])).ok()
}

/// The words of storage that are proven with it; `None` where the proof is of another block or account.
fn assert_proven(block: &VerifiedHeader, whose: Address, proof: &Value) -> Option<usize> {
    let account = account(block, whose, proof)?;
    let account_nodes = nodes(&proof["accountProof"]);
    // Cut short, or for somebody else, it proves nothing: neither presence nor absence.
    for len in 0..account_nodes.len() {
        let cut = &account_nodes[..len];
        assert!(verify_account(block.state_root(), whose, cut).is_err());
    }
    for other in [Address::ZERO, Address::from_word(keccak256(whose))] {
        let other = verify_account(block.state_root(), other, &account_nodes);
        assert!(!matches!(other, Ok(Some(_))));
        assert!(other.is_err() || account_nodes.len() < 3);
    }
    assert_is_as_said(account.as_ref(), proof);

    let slots = proof.get("storageProof").and_then(Value::as_array);
    let slots = slots.map_or(&[][..], Vec::as_slice);
    let number = |value: &Value| B256::from(text(value).parse::<U256>().unwrap());
    let keys: Vec<_> = slots.iter().map(|slot| number(&slot["key"])).collect();
    let values: Vec<_> = slots.iter().map(|slot| number(&slot["value"])).collect();
    let proofs: Vec<_> = slots.iter().map(|slot| nodes(&slot["proof"])).collect();
    match account {
        Some(account) if !keys.is_empty() => {
            assert_eq!(verify_slots(&account, &keys, &proofs).unwrap(), values);
        }
        _ => assert!(values.iter().all(|value| value.is_zero())),
    }
    Some(keys.len())
}

/// The answer's own words are believed by nobody: here they are what is to come out.
fn assert_is_as_said(account: Option<&VerifiedAccount>, proof: &Value) {
    let said = proof.get("account").unwrap_or(proof);
    let root = said.get("storageHash").or(said.get("storageRoot")).unwrap();
    let number = |name: &str| text(&said[name]).parse::<U256>().unwrap();
    let Some(account) = account else {
        assert_eq!(
            (number("nonce"), number("balance")),
            (U256::ZERO, U256::ZERO)
        );
        return;
    };
    assert_eq!(account.storage_root().to_string(), text(root));
    assert_eq!(account.code_hash().to_string(), text(&said["codeHash"]));
    assert_eq!(U256::from(account.nonce()), number("nonce"));
    assert_eq!(account.balance(), number("balance"));
    if let Some(code) = proof.get("code") {
        let code = alloy_primitives::hex::decode(text(code)).unwrap();
        let hash = match code.is_empty() {
            true => KECCAK256_EMPTY,
            false => keccak256(code),
        };
        assert_eq!(account.code_hash(), hash);
    }
}

/// Everything with nodes of an account, and whose it says it is.
fn collect_proofs<'a>(
    value: &'a Value,
    key: Option<Address>,
    proofs: &mut Vec<(Option<Address>, &'a Value)>,
) {
    if value.get("accountProof").is_some() {
        let said = value.get("address").map(|address| text(address).parse());
        proofs.push((said.map(Result::unwrap).or(key), value));
        return;
    }
    match value {
        Value::Object(fields) => fields
            .iter()
            .for_each(|(name, field)| collect_proofs(field, name.parse().ok(), proofs)),
        Value::Array(items) => items
            .iter()
            .for_each(|item| collect_proofs(item, None, proofs)),
        _ => {}
    }
}

fn collect_addresses(value: &Value, found: &mut BTreeSet<Address>) {
    match value {
        Value::Object(fields) => {
            for (name, field) in fields {
                found.extend(name.parse::<Address>());
                collect_addresses(field, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect_addresses(item, found)),
        Value::String(text) => found.extend(text.parse::<Address>()),
        _ => {}
    }
}
