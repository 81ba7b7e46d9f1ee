//! Any octet altered, cut off or added.

use super::*;

/// Every octet of a message altered, then the message cut short and made
/// longer.
fn alterations(message: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let altered = (0..message.len()).map(|at| {
        let mut altered = message.to_vec();
        altered[at] ^= 1 << (at % 8);
        altered
    });
    let cut = [0, 1, 2, 33, message.len() - 1].map(|len| message[..len].to_vec());
    altered.chain(cut).chain([[message, &[0]].concat()])
}

#[test]
fn no_octet_can_be_altered_and_nothing_changes_by_the_attempt() {
    let mut bob = Operator::new(2);
    let mut alice = Phone::new(1, bob.issue(1));
    let (mut state, message_1) = alice.begin(&bob, at(0));
    for altered in alterations(&message_1) {
        assert!(bob.first(&altered, at(0)).is_err());
        assert_eq!(bob.responder.half_open(), 0);
    }
    let message_2 = bob.first(&message_1, at(0)).unwrap();
    for altered in alterations(&message_2) {
        let received = state.receive(&altered, Duration::ZERO, &mut alice.random);
        state = received.unwrap_err().state;
    }
    let (message_3, hers) = alice.go_on(state, &message_2);
    for altered in alterations(&message_3) {
        assert!(bob.third(&altered, at(0)).is_err());
        assert_eq!(bob.responder.half_open(), 1);
        assert!(bob.book.is_empty());
    }
    let agreed = bob.third(&message_3, at(0)).unwrap();
    assert_eq!(secret(hers), secret(agreed.psk));
}
