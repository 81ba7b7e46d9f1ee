//! Responses of a node, read as answers to each question.

use callseal_registry_client::json_rpc::{self, ResponseError};

/// `data` is a response; our question's id was 1.
pub fn json_rpc_response(data: &[u8]) {
    shown(json_rpc::chain_id(data, 1));
    if let Some(Some(header)) = shown(json_rpc::header(data, 1)) {
        // Any header has a hash, whatever it says.
        let _ = header.hash_slow();
    }
    if let Some(proof) = shown(json_rpc::proof(data, 1)) {
        let octets: usize = proof
            .account
            .iter()
            .chain(proof.slots.iter().flatten())
            .map(Vec::len)
            .sum();
        // Two hexadecimal digits for each octet: nothing grows.
        assert!(octets * 2 <= data.len());
    }
}

/// Errors repeat a node's words: shortened, and with nothing that a terminal obeys.
fn shown<T>(answer: Result<T, ResponseError>) -> Option<T> {
    answer
        .inspect_err(|error| {
            let text = error.to_string();
            assert!(
                text.chars().count() < 300,
                "{} characters",
                text.chars().count()
            );
            assert!(!text.chars().any(char::is_control));
        })
        .ok()
}
