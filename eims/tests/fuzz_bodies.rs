//! The fuzz targets' bodies over their seeds and over mutations of these,
//! the same in every run.

use callseal_testkit::play;

#[cfg(feature = "net")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/contract_answers.rs"]
mod contract_answers;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/enrolment_messages.rs"]
mod enrolment_messages;
#[cfg(feature = "net")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/enrolment_notes.rs"]
mod enrolment_notes;
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/enrolment_token.rs"]
mod enrolment_token;
#[cfg(feature = "net")]
#[expect(unreachable_pub, reason = "the fuzz targets include the same file")]
#[path = "fuzz/operator_requests.rs"]
mod operator_requests;

#[test]
fn tokens_survive_mutation() {
    let body = enrolment_token::enrolment_token;
    play("enrolment_token", 100, body);
}

#[test]
fn messages_survive_mutation() {
    let body = enrolment_messages::enrolment_messages;
    play("enrolment_messages", 40, body);
}

#[cfg(feature = "net")]
#[test]
fn requests_survive_mutation() {
    let body = operator_requests::operator_requests;
    play("operator_requests", 100, body);
}

#[cfg(feature = "net")]
#[test]
fn stored_enrolments_survive_mutation() {
    let body = enrolment_notes::enrolment_notes;
    play("enrolment_notes", 100, body);
}

#[cfg(feature = "net")]
#[test]
fn what_a_node_says_of_the_registry_survives_mutation() {
    play("contract_answers", 400, contract_answers::contract_answers);
}

/// Else its mutations would try little but the refusal of another event.
#[cfg(feature = "net")]
#[test]
fn the_seed_that_is_a_log_is_a_claims() {
    use alloy_primitives::{Address, B256, Log};

    let logs = callseal_testkit::seeds("contract_answers");
    let claims = logs.iter().filter_map(|seed| {
        let (topics, data) = seed.split_first()?.1.split_at_checked(96)?;
        let topics = topics.chunks(32).map(B256::from_slice).collect();
        let log = Log::new(Address::ZERO, topics, data.to_vec().into())?;
        callseal_eims::LoggedClaim::of_log(&log)
    });
    assert_eq!(claims.count(), 1);
}
