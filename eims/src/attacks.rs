//! Known attacks on the agreement, each as a test, and what a network does to
//! it by itself.
//!
//! Lowe's attack is first shown to succeed against the protocol without the
//! defences that stop it, and each of these then put back alone.

mod compromise;
mod load;
mod lowe;
mod replay;
mod tampering;
mod theft;

use core::time::Duration;
use std::collections::BTreeMap;

use crate::{
    Agreed, AwaitMessage2, Begin, Lifetime, Limits, Message1Error, Message3Error, Moment,
    OperatorId, Psk, Random, Responder, ResponderKeys, SealingKey, SealingPublicKey, SigningKey,
    Standing, Token, TokenClaims, TokenHash, TokenSigners,
};

const NOON: u64 = 1_795_000_000;

/// SplitMix64's octets: the same in every run.
struct Seeded(u64);

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        for chunk in out.chunks_mut(8) {
            self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            chunk.copy_from_slice(&(z ^ (z >> 31)).to_be_bytes()[..chunk.len()]);
        }
    }
}

/// An operator with its record of tokens.
struct Operator {
    id: OperatorId,
    signing: SigningKey,
    sealing: SealingKey,
    responder: Responder,
    book: BTreeMap<TokenHash, Standing>,
    random: Seeded,
}

/// A phone, its token and what it draws.
struct Phone {
    token: Token,
    key: SealingKey,
    random: Seeded,
}

impl Operator {
    fn new(seed: u8) -> Self {
        Self::with_limits(seed, Limits::default())
    }

    fn with_limits(seed: u8, limits: Limits) -> Self {
        let id = OperatorId {
            chain_id: 31337,
            contract: [seed; 20],
        };
        let signing = SigningKey::from_bytes([seed; 32]).unwrap();
        let sealing = SealingKey::from_bytes([seed; 32]);
        let signers = TokenSigners::new(signing.public());
        let keys = ResponderKeys::new(sealing.clone(), signers);
        Self {
            id,
            signing,
            sealing,
            responder: Responder::new(id, keys, limits),
            book: BTreeMap::new(),
            random: Seeded(seed.into()),
        }
    }

    fn issue(&self, serial: u64) -> Token {
        let claims = TokenClaims {
            operator: self.id,
            number: "+8613800000001".parse().unwrap(),
            serial,
            lifetime: Lifetime::new(NOON - 1_000_000, NOON + 1_000_000).unwrap(),
        };
        Token::issue(claims, &self.signing, &mut Seeded(serial))
    }

    fn first(&mut self, message_1: &[u8], now: Moment) -> Result<Vec<u8>, Message1Error> {
        self.responder
            .receive_message_1(message_1, now, &self.book, &mut self.random)
    }

    fn third(&mut self, message_3: &[u8], now: Moment) -> Result<Agreed, Message3Error> {
        self.responder
            .receive_message_3(message_3, now, &mut self.book)
    }
}

impl Phone {
    fn new(seed: u8, token: Token) -> Self {
        Self {
            token,
            key: SealingKey::from_bytes([0x80 | seed; 32]),
            random: Seeded(u64::from(seed) << 32),
        }
    }

    fn begin(&mut self, with: &Operator, now: Moment) -> (AwaitMessage2, Vec<u8>) {
        let begin = Begin {
            token: &self.token,
            phone_key: &self.key,
            operator: with.id,
            sealing_key: with.sealing.public(),
        };
        AwaitMessage2::begin(begin, now, &mut self.random).unwrap()
    }

    fn go_on(&mut self, state: AwaitMessage2, message_2: &[u8]) -> (Vec<u8>, Psk) {
        state
            .receive(message_2, Duration::ZERO, &mut self.random)
            .unwrap()
    }
}

/// A whole run in which nothing is lost, and its messages.
fn run(phone: &mut Phone, operator: &mut Operator, now: Moment) -> ([Vec<u8>; 3], Psk, Agreed) {
    let (state, message_1) = phone.begin(operator, now);
    let message_2 = operator.first(&message_1, now).unwrap();
    let received = state.receive(&message_2, now.elapsed, &mut phone.random);
    let (message_3, psk) = received.unwrap();
    let agreed = operator.third(&message_3, now).unwrap();
    ([message_1, message_2, message_3], psk, agreed)
}

fn at(seconds: u64) -> Moment {
    Moment {
        unix: NOON + seconds,
        elapsed: Duration::from_secs(seconds),
    }
}

fn secret(psk: Psk) -> [u8; 32] {
    *psk.spend(Duration::ZERO).unwrap().as_bytes()
}

fn bound_to(phone: &Phone) -> Option<Standing> {
    let key: SealingPublicKey = phone.key.public();
    Some(Standing::Bound(key))
}
