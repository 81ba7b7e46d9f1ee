//! Strangers: floods, cookies, limits and amplification.

use core::net::SocketAddr;
use core::time::Duration;

use callseal_testkit::{Conditions, Peer as _};
use proptest::prelude::*;

use crate::handshaker::{Admission, Event, FragmentHead, Handshaker, Ignored, Limits};
use crate::initiator::{AwaitM2, Offer};
use crate::messages::{Challenge, MessageKind};
use crate::phone::{
    MS, Phone, S, Seeded, Verdict, address, config, identity, number, pair, share_keys, unwrap,
};
use crate::{Config, LocalIdentity, Random as _, Staples, Suites, work};

/// A first message that is as good as any, from nobody.
fn m1(random: &mut Seeded) -> Vec<u8> {
    let offer = Offer {
        callee: number(2),
        suites: Suites::default(),
        running: None,
        renews: false,
        staples: Staples::default(),
    };
    let nobody = LocalIdentity::new(number(66), crate::phone::key(66));
    AwaitM2::begin(nobody.into(), offer, random).1
}

/// The same, without the work of a share: 32 octets pass for one.
fn cheap_m1(template: &[u8], random: &mut Seeded) -> Vec<u8> {
    let mut octets = template.to_vec();
    random.fill(&mut octets[2..10]);
    random.fill(&mut octets[28..60]);
    octets
}

fn spoofed(random: &mut Seeded) -> SocketAddr {
    let mut octets = [0; 6];
    random.fill(&mut octets);
    let [a, b, c, d, port @ ..] = octets;
    SocketAddr::from(([a, b, c, d], u16::from_be_bytes(port)))
}

fn wrapped(message: &[u8], cookie: Option<[u8; 16]>) -> Vec<u8> {
    crate::phone::wrap(&crate::Transmit {
        to: address(2),
        message: message.into(),
        message_tag: 0,
        cookie,
    })
}

/// Gives a phone a datagram and returns what it says back.
fn say(phone: &mut Phone, now: Duration, from: SocketAddr, bytes: Vec<u8>) -> Vec<Vec<u8>> {
    phone.handle_datagram(now, from, bytes);
    let mut answers = Vec::new();
    while let Some((to, bytes)) = phone.poll_transmit(now) {
        assert_eq!(to, from);
        answers.push(bytes);
    }
    answers
}

/// A fragment of two.
fn head(index: u8, bytes: &[u8]) -> FragmentHead<'_> {
    FragmentHead {
        index,
        count: 2,
        cookie: None,
        bytes,
    }
}

fn kind_of(datagram: &[u8]) -> MessageKind {
    MessageKind::of(unwrap(datagram).unwrap().1).unwrap()
}

fn cookie_of(datagram: &[u8]) -> [u8; 16] {
    Challenge::parse(unwrap(datagram).unwrap().1)
        .unwrap()
        .cookie
}

#[test]
fn a_call_completes_amid_100_000_spoofed_first_messages() {
    const FLOOD: u32 = 100_000;
    let mut pair = pair(1, Conditions::perfect().delay(20 * MS));
    pair.a.verdict_takes = 100 * MS;
    pair.b.verdict_takes = 100 * MS;
    let mut random = Seeded::new(7);
    let template = m1(&mut random);

    let ((), done) = work::during(|| {
        for n in 0..FLOOD {
            // A hundred in a millisecond, and the call begins amid them.
            let at = n / 100 * MS;
            let from = spoofed(&mut random);
            let m1 = wrapped(&cheap_m1(&template, &mut random), None);
            pair.link.send(at, from, address(2), &m1);
            if n == FLOOD / 5 {
                pair.run_to(at, 1_000_000).unwrap();
                pair.a.call(at, 2);
            }
            if n % 100 == 99 {
                pair.run_to(at, 1_000_000).unwrap();
                pair.strays.clear();
                assert!(pair.b.handshaker.incomings.len() <= 20);
                assert!(pair.b.handshaker.queue.len() == 0);
            }
        }
        pair.run_to(FLOOD / 100 * MS + S, 1_000_000).unwrap();
    });

    assert!(share_keys(&pair.a, &pair.b), "the call stands");
    assert!(pair.a.failed.is_empty());
    // 16 strangers were answered before cookies were asked for, then the
    // call: a share, a secret and a signature each, and the call's own.
    assert!(done.x25519 <= 2 * 16 + 4, "{done:?}");
    assert!(done.sign <= 16 + 2, "{done:?}");
    assert_eq!(done.verify, 2);
}

#[test]
fn nothing_is_kept_or_computed_before_a_cookie_is_shown() {
    let limits = Limits::default().challenge_from(0);
    let mut phone = Phone::new(2, config(2).with_limits(limits), 1);
    let mut random = Seeded::new(2);
    let m1 = m1(&mut random);

    let (answers, done) = work::during(|| say(&mut phone, S, address(1), wrapped(&m1, None)));
    assert_eq!(done, work::Done::default());
    assert_eq!(phone.handshaker.incomings.len(), 0);
    assert_eq!(answers.len(), 1);
    assert_eq!(kind_of(&answers[0]), MessageKind::Challenge);
    let cookie = cookie_of(&answers[0]);

    // Neither a wrong cookie nor one of another address lets anybody in.
    let mut wrong = cookie;
    wrong[0] ^= 1;
    for (from, cookie) in [(address(1), wrong), (address(3), cookie)] {
        let answers = say(&mut phone, S, from, wrapped(&m1, Some(cookie)));
        assert_eq!(kind_of(&answers[0]), MessageKind::Challenge);
    }
    assert_eq!(phone.handshaker.incomings.len(), 0);

    let answers = say(&mut phone, S, address(1), wrapped(&m1, Some(cookie)));
    assert_eq!(kind_of(&answers[0]), MessageKind::M2);
}

#[test]
fn a_caller_shows_the_cookie_from_then_on() {
    let mut pair = pair(3, Conditions::perfect().delay(20 * MS));
    let limits = Limits::default().challenge_from(0);
    pair.b = Phone::new(2, config(2).with_limits(limits), 3);
    pair.link.tap();
    pair.a.call(pair.now, 2);
    pair.run_to(S, 100).unwrap();
    assert!(share_keys(&pair.a, &pair.b));
    assert_eq!(pair.a.established.len(), 1);
    let to_callee = pair
        .link
        .tapped()
        .iter()
        .filter(|datagram| datagram.to == address(2));
    let shown: Vec<_> = to_callee
        .map(|datagram| unwrap(&datagram.bytes).unwrap().0)
        .collect();
    assert_eq!(shown.len(), 3, "M1, M1 again at once, M3");
    assert_eq!(shown[0], None);
    assert!(shown[1].is_some() && shown[1] == shown[2]);
}

#[test]
fn a_challenge_is_heeded_once_in_100_ms_and_only_while_m2_is_waited_for() {
    let mut phone = Phone::new(1, config(1), 4);
    phone.call(Duration::ZERO, 2);
    let first = phone.handshaker.poll_transmit().unwrap().message;
    let caller = crate::messages::M1::parse(&first).unwrap().caller;
    let challenge = |octet| {
        let cookie = [octet; 16];
        wrapped(&Challenge { caller, cookie }.to_bytes(), None)
    };
    assert_eq!(say(&mut phone, MS, address(2), challenge(1)).len(), 1);
    assert_eq!(say(&mut phone, 2 * MS, address(2), challenge(2)).len(), 0);
    assert_eq!(say(&mut phone, 102 * MS, address(2), challenge(3)).len(), 1);
    // From elsewhere, or for another session.
    assert_eq!(say(&mut phone, 300 * MS, address(3), challenge(4)).len(), 0);
    let mut other = challenge(5);
    other[56 + 2] ^= 1;
    assert_eq!(say(&mut phone, 300 * MS, address(2), other).len(), 0);

    phone.handshaker.handle_timeout(302 * MS);
    let again = phone.handshaker.poll_transmit().unwrap();
    assert_eq!(again.cookie, Some([3; 16]));
}

#[test]
fn one_address_cannot_take_anothers_place() {
    let mut random = Seeded::new(5);
    let mut phone = Phone::new(2, config(2), 5);
    let from = |port: u16| SocketAddr::from(([198, 51, 100, 1], port));
    for port in 1..=8 {
        let answers = say(&mut phone, S, from(port), wrapped(&m1(&mut random), None));
        assert_eq!(kind_of(&answers[0]), MessageKind::M2);
    }
    // The ninth of this address shows a cookie; the oldest without one goes.
    let ninth = m1(&mut random);
    let answers = say(&mut phone, S, from(9), wrapped(&ninth, None));
    assert_eq!(kind_of(&answers[0]), MessageKind::Challenge);
    let cookie = Some(cookie_of(&answers[0]));
    let answers = say(&mut phone, S, from(9), wrapped(&ninth, cookie));
    assert_eq!(kind_of(&answers[0]), MessageKind::M2);
    assert_eq!(phone.handshaker.incomings.len(), 8);

    // Somebody else is let in without being asked.
    let answers = say(&mut phone, S, address(1), wrapped(&m1(&mut random), None));
    assert_eq!(kind_of(&answers[0]), MessageKind::M2);

    // When all eight have shown cookies, the next is ignored.
    for port in 10..30 {
        let m1 = m1(&mut random);
        let answers = say(&mut phone, S, from(port), wrapped(&m1, None));
        let cookie = Some(cookie_of(&answers[0]));
        say(&mut phone, S, from(port), wrapped(&m1, cookie));
    }
    assert_eq!(phone.handshaker.incomings.len(), 9);
    assert!(phone.ignored.contains(&Ignored::Full));
}

#[test]
fn strangers_who_are_turned_away_leave_bounded_traces() {
    let limits = Limits::default()
        .challenge_from(1_000)
        .m1_per_second(1_000)
        .sessions_per_ip(2);
    let config = config(2).with_limits(limits).with_expected_peer(number(1));
    let mut phone = Phone::new(2, config, 12);
    let mut turned_away = 0;
    for n in 0..100_u8 {
        // Ten lines, each as often as it may and then some.
        let from = SocketAddr::from(([198, 51, 100, n / 10], 5005));
        let mut stranger = Phone::new(3, Config::new(number(66), crate::phone::key(66)), n.into());
        stranger.call(S, 2);
        let (_, m1) = stranger.poll_transmit(S).unwrap();
        let answers = say(&mut phone, S, from, m1);
        if kind_of(&answers[0]) == MessageKind::Challenge {
            continue;
        }
        stranger.handle_datagram(S, address(2), answers[0].clone());
        let (_, m3) = stranger.poll_transmit(S).unwrap();
        say(&mut phone, S, from, m3);
        turned_away += 1;
    }
    assert_eq!(phone.turned_away.len(), turned_away);
    assert_eq!(turned_away, 10 * 8, "four times two for each line");
    assert!(phone.handshaker.incomings.len() <= 65);
}

#[test]
fn a_cookie_that_was_shown_is_good_for_a_minute() {
    let mut random = Seeded::new(13);
    let limits = Limits::default().challenge_from(0).sessions_per_ip(100);
    let mut phone = Phone::new(2, config(2).with_limits(limits), 13);
    let first = m1(&mut random);
    let answers = say(&mut phone, S, address(1), wrapped(&first, None));
    let cookie = Some(cookie_of(&answers[0]));
    for (at, cookie, answer) in [
        (S, cookie, MessageKind::M2),
        (60 * S, None, MessageKind::M2),
        (61 * S, None, MessageKind::Challenge),
    ] {
        let answers = say(
            &mut phone,
            at,
            address(1),
            wrapped(&m1(&mut random), cookie),
        );
        assert_eq!(kind_of(&answers[0]), answer, "at {at:?}");
    }
}

#[test]
fn a_bad_first_message_takes_nobodys_place() {
    let mut random = Seeded::new(14);
    let limits = Limits::default().sessions(1).challenge_from(10);
    let mut phone = Phone::new(2, config(2).with_limits(limits), 14);
    say(&mut phone, S, address(1), wrapped(&m1(&mut random), None));
    let mut low_order = m1(&mut random);
    low_order[28..60].fill(0);
    assert!(say(&mut phone, S, address(3), wrapped(&low_order, None)).is_empty());
    assert!(phone.handshaker.incomings.knows(address(1)));
    say(&mut phone, S, address(4), wrapped(&m1(&mut random), None));
    assert!(!phone.handshaker.incomings.knows(address(1)));
}

#[test]
fn sessions_are_bounded_and_a_shown_cookie_keeps_ones_place() {
    let mut random = Seeded::new(6);
    let limits = Limits::default()
        .sessions(4)
        .challenge_from(4)
        .m1_per_second(1_000);
    let mut phone = Phone::new(2, config(2).with_limits(limits), 6);
    let host = |host: u8| SocketAddr::from(([198, 51, 100, host], 5005));
    let enter = |phone: &mut Phone, random: &mut Seeded, of: u8| {
        let m1 = m1(random);
        let answers = say(phone, S, host(of), wrapped(&m1, None));
        if kind_of(&answers[0]) == MessageKind::Challenge {
            let cookie = Some(cookie_of(&answers[0]));
            say(phone, S, host(of), wrapped(&m1, cookie));
        }
    };
    for of in 1..=4 {
        enter(&mut phone, &mut random, of);
    }
    // 5 to 8 show cookies, and those without give way.
    for of in 5..=8 {
        enter(&mut phone, &mut random, of);
        assert_eq!(phone.handshaker.incomings.len(), 4);
    }
    let kept: Vec<bool> = (1..=8)
        .map(|of| phone.handshaker.incomings.knows(host(of)))
        .collect();
    assert_eq!(kept, [false, false, false, false, true, true, true, true]);
    // After that the oldest of another address does.
    enter(&mut phone, &mut random, 9);
    assert!(!phone.handshaker.incomings.knows(host(5)));
    assert_eq!(phone.handshaker.incomings.len(), 4);
}

#[test]
fn a_flood_of_first_messages_brings_cookies_before_the_sessions_are_full() {
    let mut random = Seeded::new(7);
    let limits = Limits::default()
        .challenge_from(1_000)
        .sessions_per_ip(1_000);
    let mut phone = Phone::new(2, config(2).with_limits(limits), 7);
    let mut answered = 0;
    for n in 0..60 {
        let answers = say(
            &mut phone,
            S + n * MS,
            address(1),
            wrapped(&m1(&mut random), None),
        );
        answered += usize::from(kind_of(&answers[0]) == MessageKind::M2);
    }
    assert_eq!(answered, 51);
}

#[test]
fn fragments_are_kept_for_those_who_are_known_or_asked_for_nothing() {
    let limits = Limits::default().challenge_from(1);
    let mut phone = Phone::new(2, config(2).with_limits(limits), 8);
    let mut random = Seeded::new(8);
    let handshaker: &mut Handshaker = &mut phone.handshaker;
    let m1 = m1(&mut random);
    assert_eq!(
        handshaker.admit(S, address(1), head(1, b""), 100),
        Admission::Admit
    );
    assert_eq!(
        handshaker.admit(S, address(1), head(0, &m1), 100),
        Admission::Admit
    );
    handshaker.handle_message(S, address(1), &m1, 120);

    // From now on the phone is under load.
    let stranger = address(3);
    assert_eq!(
        handshaker.admit(S, stranger, head(1, b""), 100),
        Admission::Drop
    );
    let other = super::load::m1(&mut random);
    assert_eq!(
        handshaker.admit(S, stranger, head(0, &other), 100),
        Admission::Drop
    );
    assert_eq!(
        handshaker.admit(S, address(1), head(1, b""), 100),
        Admission::Admit
    );
    assert_eq!(
        handshaker.admit(S, address(1), head(0, &m1), 100),
        Admission::Admit
    );
    // Too short to show whose it is; an answer to no question.
    assert_eq!(
        handshaker.admit(S, address(1), head(0, &m1[..17]), 100),
        Admission::Drop
    );
    let mut stray = m1.clone();
    for kind in [2, 3, 4, 5] {
        stray[1] = kind;
        assert_eq!(
            handshaker.admit(S, address(1), head(0, &stray), 100),
            Admission::Drop
        );
    }
}

#[test]
fn a_challenge_is_no_amplifier_either() {
    let limits = Limits::default().challenge_from(0);
    let mut phone = Phone::new(2, config(2).with_limits(limits), 9);
    let m1 = m1(&mut Seeded::new(9));
    let head = FragmentHead {
        index: 0,
        count: 1,
        cookie: None,
        bytes: &m1,
    };
    for (datagram_len, challenges) in [(30, 0), (31, 1)] {
        let _ = phone.handshaker.admit(S, address(1), head, datagram_len);
        let sent = core::iter::from_fn(|| phone.handshaker.poll_transmit()).count();
        assert_eq!(sent, challenges, "92 octets for {datagram_len}");
    }
}

#[test]
fn events_and_messages_that_nobody_polls_are_bounded() {
    let limits = Limits::default().challenge_from(0);
    let mut handshaker = Handshaker::new(config(2).with_limits(limits), Box::new(Seeded::new(1)));
    let mut random = Seeded::new(10);
    let template = m1(&mut random);
    for _ in 0..5_000 {
        let m1 = cheap_m1(&template, &mut random);
        handshaker.handle_message(S, spoofed(&mut random), &m1, 120);
    }
    assert!(handshaker.queue.len() <= 2_048);
    assert!(matches!(
        handshaker.poll_event(),
        Some(Event::MessageIgnored {
            why: Ignored::Challenged,
            ..
        })
    ));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn an_address_that_proves_nothing_gets_at_most_three_times_what_it_sent(
        // Which of a few first messages, from which of a few ports, when.
        said in prop::collection::vec((0_usize..4, 1_u16..4, 0_u32..400), 1..60),
        challenge_from in 0_usize..6,
        per_ip in 1_usize..12,
    ) {
        let mut random = Seeded::new(11);
        let m1s: Vec<_> = (0..4).map(|_| m1(&mut random)).collect();
        let limits = Limits::default()
            .challenge_from(challenge_from)
            .sessions_per_ip(per_ip);
        let config: Config = config(2).with_limits(limits);
        let mut phone = Phone::new(2, config, 11);
        phone.verdict = Verdict::Registry(identity(1));
        let (mut now, mut received, mut sent) = (S, [0; 4], [0; 4]);
        for (which, port, later) in said {
            now += later * MS;
            let datagram = wrapped(&m1s[which], None);
            received[usize::from(port)] += datagram.len();
            let from = SocketAddr::from(([198, 51, 100, 1], port));
            for answer in say(&mut phone, now, from, datagram) {
                sent[usize::from(port)] += answer.len();
            }
            prop_assert!(sent[usize::from(port)] <= 3 * received[usize::from(port)]);
        }
    }
}
