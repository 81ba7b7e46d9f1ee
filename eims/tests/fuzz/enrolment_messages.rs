//! Any octets as each of the three messages, and as what message 1 hides.

use core::convert::Infallible;
use core::time::Duration;
use std::collections::BTreeMap;

use callseal_eims::{
    AwaitMessage2, Begin, Lifetime, Limits, Moment, OperatorId, Random, Responder, ResponderKeys,
    SealingKey, SigningKey, Token, TokenClaims, TokenSigners,
};
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::rand_core::{TryCryptoRng, TryRng};
use hpke::{Deserializable as _, Kem, OpModeS, Serializable as _};

/// Nothing panics, nothing of it is taken unless it hides the good token, and
/// what is refused leaves no state.
pub fn enrolment_messages(data: &[u8]) {
    let operator = OperatorId {
        chain_id: 31337,
        contract: [0xaa; 20],
    };
    let signing = SigningKey::from_bytes([0x53; 32]).expect("a scalar");
    let sealing = SealingKey::from_bytes([0x52; 32]);
    let sealing_key = sealing.public();
    let keys = ResponderKeys::new(sealing, TokenSigners::new(signing.public()));
    let mut eims = Responder::new(operator, keys, Limits::default());
    let mut book = BTreeMap::new();
    let now = Moment {
        unix: 1_795_000_000,
        elapsed: Duration::ZERO,
    };

    let taken = eims.receive_message_1(data, now, &book, &mut Fixed);
    assert_eq!(eims.half_open(), usize::from(taken.is_ok()));
    assert!(eims.receive_message_3(data, now, &mut book).is_err());
    assert!(book.is_empty());

    let claims = TokenClaims {
        operator,
        number: "+8613800000001".parse().expect("a number"),
        serial: 7,
        lifetime: Lifetime::new(1_790_000_000, 1_800_000_000).expect("a lifetime"),
    };
    let token = Token::issue(claims, &signing, &mut Fixed);
    let begin = Begin {
        token: &token,
        phone_key: &SealingKey::from_bytes([0x51; 32]),
        operator,
        sealing_key,
    };
    let (state, _) = AwaitMessage2::begin(begin, now, &mut Fixed).expect("usable keys");
    assert!(state.receive(data, now.elapsed, &mut Fixed).is_err());

    // Sealed as a phone does, so that what is hidden is reached.
    let mut message_1 = [&[1, 1][..], &sealing_key.0].concat();
    message_1.extend(seal(&sealing_key.0, &message_1, data));
    let before = eims.half_open();
    if eims
        .receive_message_1(&message_1, now, &book, &mut Fixed)
        .is_ok()
    {
        assert_eq!(data.len(), 8 + 32 + 32 + Token::LEN);
        let hidden = Token::from_bytes(&data[72..]).expect("a token");
        assert!(
            hidden
                .verify(&operator, &TokenSigners::new(signing.public()), now.unix)
                .is_ok()
        );
    } else {
        assert_eq!(eims.half_open(), before);
    }
}

fn seal(to: &[u8], clear: &[u8], plaintext: &[u8]) -> Vec<u8> {
    let key = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(to).expect("32 octets");
    let (enc, sealed) =
        hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &key,
            b"callseal eims: agreement, version 1\x01",
            plaintext,
            clear,
            &mut Fixed,
        )
        .expect("a usable key");
    [&enc.to_bytes()[..], &sealed].concat()
}

/// The same octets each time.
struct Fixed;

impl Random for Fixed {
    fn fill(&mut self, out: &mut [u8]) {
        out.fill(0xb1);
    }
}

impl TryRng for Fixed {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(0xb1b1_b1b1)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(0xb1b1_b1b1_b1b1_b1b1)
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        out.fill(0xb1);
        Ok(())
    }
}

impl TryCryptoRng for Fixed {}
