//! The fuzz targets' bodies over their seeds and over mutations of these,
//! the same in every run.

use callseal_testkit::play;

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
