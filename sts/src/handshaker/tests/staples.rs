//! What is handed over besides keys.

use callseal_testkit::{Conditions, Link, Pair, Peer as _};

use crate::carriage::datagrams_len;
use crate::messages::{Challenge, MessageKind};
use crate::phone::{MS, Phone, S, address, config, share_keys, unwrap};
use crate::{Config, MAX_STAPLE_LEN, Role, Staple};

/// What phone `of` hands over: as long as it may be.
fn staple(of: u8) -> Staple {
    Staple::new(&[0x50 + of; MAX_STAPLE_LEN]).unwrap()
}

fn phone(of: u8, config: Config, staple: Option<Staple>) -> Phone {
    let mut phone = Phone::new(of, config, of.into());
    phone.handshaker.set_staple(staple);
    phone
}

fn call(one: Phone, other: Phone) -> Pair<Phone, Phone> {
    let link = Link::new(7, Conditions::perfect().delay(20 * MS));
    let mut pair = Pair::new(link, one, other);
    pair.a.call(pair.now, 2);
    pair.run_to(5 * S, 1_000).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
    pair
}

#[test]
fn each_side_gets_the_others() {
    let taking = |of| phone(of, config(of).taking_staples(true), Some(staple(of)));
    let pair = call(taking(1), taking(2));
    assert_eq!(pair.a.staples, [Some(staple(2))]);
    assert_eq!(pair.b.staples, [Some(staple(1))]);
    assert_eq!(pair.a.presented[0].1, Role::Caller);
}

#[test]
fn nobody_is_given_one_who_did_not_ask() {
    for (takes, callee_gives) in [([false, true], false), ([true, false], true)] {
        let phone = |of: u8| {
            let takes = takes[usize::from(of) - 1];
            phone(of, config(of).taking_staples(takes), Some(staple(of)))
        };
        let pair = call(phone(1), phone(2));
        let given = |gives: bool, of| [gives.then(|| staple(of))];
        assert_eq!(pair.a.staples, given(callee_gives, 2));
        assert_eq!(pair.b.staples, given(!callee_gives, 1));
    }
}

#[test]
fn phones_without_them_pay_nothing() {
    let taking = phone(1, config(1).taking_staples(true), None);
    let pair = call(taking, phone(2, config(2), None));
    assert_eq!(pair.b.sent(MessageKind::Challenge), 0);
    assert_eq!(pair.a.sent(MessageKind::M1), 1);
    assert_eq!(pair.a.staples, [None]);
}

#[test]
fn a_callees_goes_to_nobody_who_has_not_echoed_a_cookie() {
    let mut caller = phone(1, config(1).taking_staples(true), None);
    caller.call(S, 2);
    let (_, m1) = caller.poll_transmit(S).unwrap();
    let mut callee = phone(2, config(2), Some(staple(2)));

    // From a thousand addresses, and again and again from one of them.
    for host in 0..1_000_u16 {
        let [high, low] = host.to_be_bytes();
        let victim = ([198, 18, high, low], 5005).into();
        callee.handle_datagram(S, victim, m1.clone());
        while let Some((to, datagram)) = callee.poll_transmit(S) {
            let (_, message) = unwrap(&datagram).unwrap();
            assert_eq!(to, victim);
            assert!(Challenge::parse(message).is_ok());
            assert!(datagram.len() <= 3 * m1.len());
        }
    }
    assert!(callee.handshaker.poll_timeout().is_none(), "keeps nothing");

    // Whoever echoes gets it.
    callee.handle_datagram(2 * S, address(1), m1);
    let (_, challenge) = callee.poll_transmit(2 * S).unwrap();
    caller.handle_datagram(2 * S, address(2), challenge);
    let (_, m1) = caller.poll_transmit(2 * S).unwrap();
    assert!(unwrap(&m1).unwrap().0.is_some());
    callee.handle_datagram(2 * S, address(1), m1);
    let (_, m2) = callee.poll_transmit(2 * S).unwrap();
    assert!(m2.len() > MAX_STAPLE_LEN);
}

#[test]
fn a_listener_reads_none_of_it() {
    let mut caller = phone(1, config(1).taking_staples(true), Some(staple(1)));
    let mut callee = phone(2, config(2).taking_staples(true), Some(staple(2)));
    caller.call(S, 2);
    let mut longest = [0; 2];
    for _ in 0..8 {
        longest[0] = deliver(&mut caller, &mut callee, 1).max(longest[0]);
        longest[1] = deliver(&mut callee, &mut caller, 2).max(longest[1]);
    }
    assert!(share_keys(&caller, &callee));
    assert!(longest.iter().all(|len| *len > MAX_STAPLE_LEN));
}

/// What `from`, phone `of`, has to send; gives the longest of it.
fn deliver(from: &mut Phone, to: &mut Phone, of: u8) -> usize {
    let mut longest = 0;
    while let Some((_, datagram)) = from.poll_transmit(S) {
        let in_clear = [0x50 + of; 8];
        assert!(datagram.windows(8).all(|octets| octets != in_clear));
        longest = datagram.len().max(longest);
        to.handle_datagram(S, address(of), datagram);
    }
    longest
}

#[test]
fn the_longest_fits_into_a_message() {
    let m3 = 18 + 2 * (1 + 16 + 33) + 32 + 64 + 2 + 4 + MAX_STAPLE_LEN + 16;
    assert!(m3 <= crate::messages::MAX_MESSAGE_LEN);
    assert_eq!(m3.div_ceil(1_024), 17);
    assert!(datagrams_len(m3, true) < 18 * 1_096);
}

#[test]
fn a_renewal_hands_them_over_again() {
    let taking = |of| phone(of, config(of).taking_staples(true), Some(staple(of)));
    let mut pair = call(taking(1), taking(2));
    pair.run_to(11 * S, 1_000).unwrap();
    pair.a.call_again(pair.now, 2);
    pair.run_to(20 * S, 1_000).unwrap();
    assert_eq!(pair.a.established.len(), 2);
    assert_eq!(pair.a.staples, [Some(staple(2)), Some(staple(2))]);
    assert_eq!(pair.b.staples, [Some(staple(1)), Some(staple(1))]);
}
