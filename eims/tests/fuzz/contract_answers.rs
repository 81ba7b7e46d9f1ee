//! Any octets as what a node says of the registry: no panic, and what is read
//! says what its octets say.

use alloy_primitives::{Address, B256, Log};
use callseal_eims::{LoggedClaim, contract};

/// `data` is an answer, and a log: how many topics it has, these, and the rest.
pub fn contract_answers(data: &[u8]) {
    let number_hash = B256::repeat_byte(9);
    let claims = [contract::pending, contract::client].map(|read| read(number_hash, data));
    for claim in claims.into_iter().flatten().flatten() {
        assert_eq!(claim.number_hash, number_hash);
        let approval = claim.approve_client();
        assert_eq!(contract::approved_number(&approval), Some(number_hash));
    }
    let _ = contract::operator(data);
    let _ = contract::previous_operator(data);
    if let Some(number_hash) = contract::approved_number(data) {
        assert_eq!(data.get(4..36), Some(&number_hash[..]));
    }
    assert!(contract::refusal(data).is_none_or(|words| !words.is_empty()));

    let Some((count, rest)) = data.split_first() else {
        return;
    };
    let Some((topics, data)) = rest.split_at_checked(32 * usize::from(count % 5)) else {
        return;
    };
    let topics: Vec<B256> = topics.chunks(32).map(B256::from_slice).collect();
    let log = Log::new(Address::ZERO, topics.clone(), data.to_vec().into());
    let log = log.expect("four topics at most");
    if let Some(claim) = LoggedClaim::of_log(&log) {
        assert_eq!(topics[0], LoggedClaim::TOPIC);
        let record_hash = claim.record_hash();
        assert!(data.windows(32).any(|word| word == &record_hash[..]));
    }
}
