//! Any text as the notes of an enrolment.

use callseal_eims::{AccountKey, Enrolment, OperatorId, TokenHash};

/// `data` is a file of notes; those of one enrolment are its own.
pub fn enrolment_notes(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    let key = |octet| AccountKey::from_bytes([octet; 32]).expect("a scalar");
    let begun = || {
        let operator = OperatorId {
            chain_id: 31_337,
            contract: [0xaa; 20],
        };
        let number = "+8613800000001".parse().expect("a number");
        let wallet = key(0x11).address();
        Enrolment::new(operator, number, wallet, &key(0x22), TokenHash([3; 32]))
    };
    let Ok(enrolment) = begun().resumed(text) else {
        return;
    };
    let written = enrolment.to_json().expect("notes are written");
    assert_eq!(
        begun().resumed(&written).expect("what was written is read"),
        enrolment
    );
}
