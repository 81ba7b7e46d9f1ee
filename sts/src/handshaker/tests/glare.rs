//! Both sides call at once: every order in which anything can happen.

use std::collections::HashSet;

use callseal_testkit::{Conditions, Link, Pair, Peer as _, SplitMix64};

use crate::messages::{MessageKind, SessionId, sessions};
use crate::phone::{MS, Phone, S, Seeded, Verdict, address, config, number, share_keys, unwrap};
use crate::random::draw;
use crate::{Config, IdentityKey, Random};

/// Something that can happen next.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
enum Act {
    /// Phone 1 or 2 calls the other.
    Call(usize),
    /// What was sent as the n-th arrives.
    Arrive(usize),
    /// Phone 1 or 2 says yes to the first that waits for it.
    Verdict(usize),
}

/// Two phones and a network in which everything sent arrives once, whenever.
struct World {
    phones: [Phone; 2],
    has_called: [bool; 2],
    sent: Vec<(usize, Option<Vec<u8>>)>,
    unanswered: [usize; 2],
}

/// What can be seen of a world from which the future follows: the same for
/// two ways to the same situation.
type Situation = Vec<String>;

/// Draws its first session id from a given octet.
struct Ranked(u8, Seeded);

impl Random for Ranked {
    fn fill(&mut self, out: &mut [u8]) {
        self.1.fill(out);
        if out.len() == 8 {
            out[0] = self.0;
        }
    }
}

impl World {
    /// The caller sessions of phone 1 are lower, or higher, than phone 2's.
    fn new(first_is_lower: bool) -> Self {
        let phone = |of: u8, is_lower: bool| {
            let mut phone = Phone::new(of, config(of), 0);
            let ranked = Ranked(if is_lower { 1 } else { 2 }, Seeded::new(of.into()));
            phone.handshaker = crate::Handshaker::new(config(of), Box::new(ranked));
            phone.verdict = Verdict::Silence;
            phone
        };
        Self {
            phones: [phone(1, first_is_lower), phone(2, !first_is_lower)],
            has_called: [false; 2],
            sent: Vec::new(),
            unanswered: [0; 2],
        }
    }

    fn possible(&self) -> Vec<Act> {
        let mut acts = Vec::new();
        for at in 0..2 {
            if !self.has_called[at] {
                acts.push(Act::Call(at));
            }
            if self.unanswered[at] < self.phones[at].presented.len() {
                acts.push(Act::Verdict(at));
            }
        }
        let in_flight = self.sent.iter().enumerate();
        acts.extend(
            in_flight
                .filter(|(_, (_, bytes))| bytes.is_some())
                .map(|(nth, _)| Act::Arrive(nth)),
        );
        acts
    }

    fn act(&mut self, act: Act) {
        let now = MS;
        match act {
            Act::Call(at) => {
                self.has_called[at] = true;
                let other = if at == 0 { 2 } else { 1 };
                // Refused where the other's call is known already.
                let _ = self.phones[at]
                    .handshaker
                    .call(now, address(other), number(other));
            }
            Act::Arrive(nth) => {
                let (to, bytes) = &mut self.sent[nth];
                let from = address(if *to == 0 { 2 } else { 1 });
                let bytes = bytes.take().unwrap();
                self.phones[*to].handle_datagram(now, from, bytes);
            }
            Act::Verdict(at) => {
                let (session, _, identity) = self.phones[at].presented[self.unanswered[at]];
                self.unanswered[at] += 1;
                let vouched = crate::VerifiedPeerKey::vouch(identity);
                // The session may have given way in the meantime.
                let _ = self.phones[at].handshaker.accept(now, session, vouched);
            }
        }
        for at in 0..2 {
            self.phones[at].look(now);
            while let Some((to, bytes)) = self.phones[at].poll_transmit(now) {
                let to = usize::from(to != address(1));
                self.sent.push((to, Some(bytes)));
            }
        }
    }

    fn situation(&self) -> Situation {
        // The first octet of a caller session says whose call it is.
        let whose = |session: &SessionId| session.as_bytes()[0];
        let mut situation = Vec::new();
        for (at, phone) in self.phones.iter().enumerate() {
            let handshaker = &phone.handshaker;
            let outgoing = handshaker
                .outgoing
                .as_ref()
                .map(|call| (call.awaits_m2(), call.presented().is_some()));
            let mut incomings = handshaker.incomings.summary();
            incomings.sort();
            let waiting: Vec<_> = phone.presented[self.unanswered[at]..]
                .iter()
                .map(|(session, role, _)| {
                    let is_live = handshaker.waits_for_verdict(*session);
                    (format!("{role:?}"), is_live)
                })
                .collect();
            let done: Vec<_> = phone.established.iter().map(|(_, e)| e.role()).collect();
            situation.push(format!(
                "{:?} {outgoing:?} {incomings:?} {waiting:?} {done:?}",
                self.has_called[at]
            ));
        }
        let mut in_flight: Vec<_> = self
            .sent
            .iter()
            .filter_map(|(to, bytes)| {
                let message = unwrap(bytes.as_ref()?)?.1;
                let (kind, caller, _) = sessions(message).ok()?;
                Some(format!("{kind} of {} to {to}", whose(&caller)))
            })
            .collect();
        in_flight.sort();
        situation.extend(in_flight);
        situation
    }

    /// Lets time go on over a good network until nothing happens any more.
    fn settle(self) -> Pair<Phone, Phone> {
        let [mut a, mut b] = self.phones;
        a.verdict = Verdict::Vouch;
        b.verdict = Verdict::Vouch;
        let mut pair = Pair::new(Link::new(1, Conditions::perfect().delay(MS)), a, b);
        pair.run_to(200 * S, 10_000).unwrap();
        pair
    }
}

fn play(first_is_lower: bool, acts: &[Act]) -> World {
    let mut world = World::new(first_is_lower);
    for act in acts {
        world.act(*act);
    }
    world
}

/// Plays every order of events, each situation once, and returns how many
/// situations there were and how many ends.
fn explore(first_is_lower: bool, check: impl Fn(&[Act], &Pair<Phone, Phone>)) -> (usize, usize) {
    let mut seen = HashSet::new();
    let mut ends = 0;
    let mut open: Vec<Vec<Act>> = vec![Vec::new()];
    while let Some(acts) = open.pop() {
        let world = play(first_is_lower, &acts);
        if !seen.insert(world.situation()) {
            continue;
        }
        let possible = world.possible();
        if possible.is_empty() {
            ends += 1;
            check(&acts, &world.settle());
            continue;
        }
        for act in possible {
            let mut longer = acts.clone();
            longer.push(act);
            open.push(longer);
        }
    }
    (seen.len(), ends)
}

#[test]
fn two_calls_at_once_end_as_one_in_every_order_of_events() {
    for first_is_lower in [true, false] {
        let (situations, ends) = explore(first_is_lower, |acts, pair| {
            assert!(share_keys(&pair.a, &pair.b), "{acts:?}");
            let established = (pair.a.established.len(), pair.b.established.len());
            assert_eq!(established, (1, 1), "{acts:?}");
            assert!(pair.a.failed.is_empty(), "{:?} {acts:?}", pair.a.failed);
            assert!(pair.b.failed.is_empty(), "{:?} {acts:?}", pair.b.failed);
        });
        assert!(situations > 50 && ends > 2, "{situations} {ends}");
    }
}

#[test]
fn two_calls_at_once_end_as_one_on_random_ways_through_the_orders() {
    // Takes no situation for another, in case their summary forgets something.
    for seed in 0..300 {
        let mut random = SplitMix64::new(seed);
        let mut world = World::new(seed % 2 == 0);
        loop {
            let possible = world.possible();
            if possible.is_empty() {
                break;
            }
            let which = random.below(possible.len() as u64);
            world.act(possible[which as usize]);
        }
        let pair = world.settle();
        assert!(share_keys(&pair.a, &pair.b), "seed {seed}");
        assert!(pair.a.failed.is_empty() && pair.b.failed.is_empty());
    }
}

#[test]
fn the_lower_session_wins_when_both_call_in_the_same_moment() {
    for first_is_lower in [true, false] {
        let mut world = World::new(first_is_lower);
        world.act(Act::Call(0));
        world.act(Act::Call(1));
        let pair = settle_with_what_was_sent(world);
        assert!(share_keys(&pair.a, &pair.b));
        let first_called = pair.a.last().unwrap().role() == crate::Role::Caller;
        assert_eq!(first_called, first_is_lower);
        let winner = if first_is_lower { &pair.a } else { &pair.b };
        let loser = if first_is_lower { &pair.b } else { &pair.a };
        assert!(winner.superseded.is_empty());
        assert_eq!(loser.superseded.len(), 1);
        assert_eq!(winner.sent(MessageKind::M2), 0, "it never answered");
    }
}

#[test]
fn a_forged_first_message_costs_no_call() {
    // A stranger's M1 with the lowest session, from the address called.
    let mut world = World::new(false);
    world.act(Act::Call(0));
    let mut stranger = Phone::new(2, Config::new(number(2), stranger_key()), 5);
    stranger.handshaker = crate::Handshaker::new(
        Config::new(number(2), stranger_key()),
        Box::new(Ranked(0, Seeded::new(5))),
    );
    stranger.call(MS, 1);
    let (_, m1) = stranger.poll_transmit(MS).unwrap();
    world.phones[0].handle_datagram(MS, address(2), m1);
    let (_, m2) = world.phones[0]
        .poll_transmit(MS)
        .expect("answered: it might be the peer");
    // He even proves possession of a key, under the peer's own number.
    stranger.handle_datagram(MS, address(1), m2);
    let (_, m3) = stranger.poll_transmit(MS).unwrap();
    world.phones[0].verdict = Verdict::Registry(crate::phone::identity(2));
    world.phones[0].handle_datagram(MS, address(2), m3);
    assert!(world.phones[0].established.is_empty());
    let incoming = world.phones[0].presented[0].0;
    world.phones[0]
        .handshaker
        .refuse(MS, incoming, crate::Refusal::NotVouched);

    world.phones[0].verdict = Verdict::Silence;
    let pair = settle_with_what_was_sent(world);
    assert!(share_keys(&pair.a, &pair.b));
    assert_eq!(pair.a.last().unwrap().role(), crate::Role::Caller);
}

fn settle_with_what_was_sent(world: World) -> Pair<Phone, Phone> {
    let sent: Vec<_> = world.sent.clone();
    let [mut a, mut b] = world.phones;
    a.verdict = Verdict::Vouch;
    b.verdict = Verdict::Vouch;
    let mut pair = Pair::new(Link::new(1, Conditions::perfect().delay(MS)), a, b);
    for (to, bytes) in sent {
        let (to, from) = if to == 0 { (1, 2) } else { (2, 1) };
        if let Some(bytes) = bytes {
            pair.link.send(MS, address(from), address(to), &bytes);
        }
    }
    pair.run_to(200 * S, 10_000).unwrap();
    pair
}

fn stranger_key() -> IdentityKey {
    IdentityKey::from_bytes(draw(&mut Seeded::new(77))).unwrap()
}
