//! Two phones with one token and a network that delivers anything that was
//! ever sent, in any order and at any time.
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

use std::collections::BTreeMap;
use std::time::Duration;

use callseal_eims::{
    AwaitMessage2, Begin, Lifetime, Limits, Moment, OperatorId, Psk, Random, Responder,
    ResponderKeys, SealingKey, SigningKey, Standing, Token, TokenClaims, TokenSigners,
};
use callseal_testkit::SplitMix64;
use proptest::prelude::*;

struct Seeded(SplitMix64);

impl Random for Seeded {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill_with(|| self.0.next_u32() as u8);
    }
}

#[derive(Clone, Debug)]
enum Step {
    Begin {
        phone: usize,
    },
    ToOperator {
        which: prop::sample::Index,
    },
    ToPhone {
        phone: usize,
        which: prop::sample::Index,
    },
    Wait {
        seconds: u64,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let which = any::<prop::sample::Index>();
    prop_oneof![
        2 => (0..2_usize).prop_map(|phone| Step::Begin { phone }),
        6 => which.clone().prop_map(|which| Step::ToOperator { which }),
        4 => (0..2_usize, which).prop_map(|(phone, which)| Step::ToPhone { phone, which }),
        1 => (0..400_u64).prop_map(|seconds| Step::Wait { seconds }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Whoever completes first has the token for good, an operator's key is
    /// always one that this phone has too, and no run ends twice.
    #[test]
    fn a_token_has_one_phone_and_a_key_two_holders(steps in prop::collection::vec(step(), 1..60)) {
        let mut random = Seeded(SplitMix64::new(5));
        let operator = OperatorId { chain_id: 1, contract: [2; 20] };
        let signing = SigningKey::generate(&mut random);
        let sealing = SealingKey::generate(&mut random);
        let sealing_key = sealing.public();
        let claims = TokenClaims {
            operator,
            number: "+8613800000001".parse().unwrap(),
            serial: 1,
            lifetime: Lifetime::new(1, u64::MAX).unwrap(),
        };
        let token = Token::issue(claims, &signing, &mut random);
        let keys = ResponderKeys::new(sealing, TokenSigners::new(signing.public()));
        let limits = Limits { half_open: 4, known: 12, known_per_token: 10 };
        let mut eims = Responder::new(operator, keys, limits);
        let mut book = BTreeMap::new();
        let phones = [SealingKey::generate(&mut random), SealingKey::generate(&mut random)];
        let mut states: [Option<AwaitMessage2>; 2] = [None, None];
        let mut phones_keys: Vec<(usize, Psk)> = Vec::new();
        let mut sent: Vec<Vec<u8>> = Vec::new();
        let mut agreed_on = Vec::new();
        let mut seconds = 0;
        for step in steps {
            let now = Moment { unix: 1_000 + seconds, elapsed: Duration::from_secs(seconds) };
            match step {
                Step::Begin { phone } => {
                    let begin = Begin { token: &token, phone_key: &phones[phone], operator, sealing_key };
                    let (state, message_1) = AwaitMessage2::begin(begin, now, &mut random).unwrap();
                    states[phone] = Some(state);
                    sent.push(message_1);
                }
                Step::ToOperator { which } if !sent.is_empty() => {
                    let message = which.get(&sent).clone();
                    let before = book.clone();
                    if let Ok(message_2) = eims.receive_message_1(&message, now, &book, &mut random) {
                        sent.push(message_2);
                    }
                    if let Ok(agreed) = eims.receive_message_3(&message, now, &mut book) {
                        let holder = phones.iter().position(|key| key.public() == agreed.phone_key);
                        let identity = agreed.psk.identity();
                        let has = |(phone, psk): &(usize, Psk)| Some(*phone) == holder && psk.identity() == identity;
                        prop_assert!(phones_keys.iter().any(has));
                        prop_assert!(!agreed_on.contains(&identity));
                        agreed_on.push(identity);
                        prop_assert_eq!(book.get(&token.hash()), Some(&Standing::Bound(agreed.phone_key)));
                    } else {
                        prop_assert_eq!(&book, &before);
                    }
                    if !before.is_empty() {
                        prop_assert_eq!(&book, &before);
                    }
                    prop_assert!(eims.half_open() <= 4);
                }
                Step::ToPhone { phone, which } if !sent.is_empty() => {
                    let Some(state) = states[phone].take() else { continue };
                    let message: &Vec<u8> = which.get(&sent);
                    match state.receive(message, now.elapsed, &mut random) {
                        Ok((message_3, psk)) => {
                            sent.push(message_3);
                            phones_keys.push((phone, psk));
                        }
                        Err(refused) => states[phone] = Some(refused.state),
                    }
                }
                Step::Wait { seconds: more } => seconds += more,
                Step::ToOperator { .. } | Step::ToPhone { .. } => {}
            }
        }
    }
}
