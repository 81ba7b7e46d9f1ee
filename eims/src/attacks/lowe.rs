//! Lowe's attack on the Needham–Schroeder public-key protocol (1995): whoever
//! a phone talks to talks to somebody else in its name.

use super::*;
use crate::Message2Error;
use crate::defences::{Defences, without};
use crate::messages::{Kind, M1Sealed};
use crate::psk::Parties;
use crate::transcript::{Context, Transcript};
use zeroize::Zeroizing;

/// Alice has tokens of two operators. Mallory, who is one of them, has got the
/// other token too; it is bound to Alice's phone, so a key of his own would be
/// refused. Alice begins with Mallory, who plays her part at Bob's.
///
/// Gives whether Mallory ends with the key that Bob shares with Alice.
fn mallory_is_alice() -> Result<bool, Message2Error> {
    let (mut bob, mallory) = (Operator::new(2), Operator::new(66));
    let stolen = bob.issue(1);
    let mut alice = Phone::new(1, mallory.issue(1));
    bob.book
        .insert(stolen.hash(), Standing::Bound(alice.key.public()));

    // Alice → Mallory, who seals it again, to Bob and with the stolen token.
    let (state, to_mallory) = alice.begin(&mallory, at(0));
    let message = Kind::M1.parse(&to_mallory).unwrap();
    let context = Context::new(Kind::M1, None, message.clear);
    let opened = mallory.sealing.open(&context, message.sealed).unwrap();
    let mut hidden = M1Sealed::parse(&opened).unwrap();
    hidden.token = Zeroizing::new(*stolen.as_bytes());
    let mut to_bob = Kind::M1.clear(&bob.sealing.public().0);
    let context = Context::new(Kind::M1, None, &to_bob);
    let key = bob.sealing.public();
    let sealed = key.seal(&context, &hidden.to_bytes(), &mut Seeded(7));
    to_bob.extend_from_slice(&sealed.unwrap());

    // Bob → Mallory → Alice: sealed to Alice, so only the clear part changes.
    let from_bob = bob.first(&to_bob, at(0)).unwrap();
    let mut to_alice = Kind::M2.clear(&Transcript::begin(&to_mallory).0);
    to_alice.extend_from_slice(Kind::M2.parse(&from_bob).unwrap().sealed);

    // Alice → Mallory: now he has Bob's nonce.
    let (from_alice, _) = state
        .receive(&to_alice, Duration::ZERO, &mut alice.random)
        .map_err(|refused| refused.error)?;
    let message = Kind::M3.parse(&from_alice).unwrap();
    let before = Transcript::begin(&to_mallory).and(&to_alice);
    let context = Context::new(Kind::M3, Some(before), message.clear);
    let nb = mallory.sealing.open(&context, message.sealed).unwrap();

    // Mallory → Bob.
    let before = Transcript::begin(&to_bob).and(&from_bob);
    let mut message_3 = Kind::M3.clear(&Transcript::begin(&to_bob).0);
    let context = Context::new(Kind::M3, Some(before), &message_3);
    message_3.extend_from_slice(&key.seal(&context, &nb, &mut Seeded(8)).unwrap());
    let agreed = bob.third(&message_3, at(0)).unwrap();
    assert_eq!(agreed.phone_key, alice.key.public());

    let parties = Parties {
        phone_key: alice.key.public(),
        operator: bob.id.to_bytes(),
        sealing_key: key,
    };
    let nb = Zeroizing::new(nb[..].try_into().unwrap());
    let (th_3, role) = (before.and(&message_3), crate::PskRole::Client);
    let his = Psk::derive(th_3, &hidden.na, &nb, &parties, role, Duration::ZERO);
    Ok(secret(his) == secret(agreed.psk))
}

#[test]
fn without_its_defences_the_protocol_falls_to_lowe() {
    let none = |defences: &mut Defences| {
        defences.message_2_names_responder = false;
        defences.sealed_to_transcript = false;
    };
    assert_eq!(without(none, mallory_is_alice), Ok(true));
}

#[test]
fn the_responders_name_in_message_2_stops_lowe() {
    let only_the_name = |defences: &mut Defences| defences.sealed_to_transcript = false;
    assert_eq!(
        without(only_the_name, mallory_is_alice),
        Err(Message2Error::Authentication)
    );
}

#[test]
fn sealing_to_the_transcript_stops_lowe() {
    let only_the_transcript = |defences: &mut Defences| defences.message_2_names_responder = false;
    assert_eq!(
        without(only_the_transcript, mallory_is_alice),
        Err(Message2Error::Authentication)
    );
}

#[test]
fn lowe_fails() {
    assert_eq!(mallory_is_alice(), Err(Message2Error::Authentication));
}
