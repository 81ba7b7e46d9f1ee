//! One enrolment with every value, in `testvectors/eims/`: played by the
//! crate, and recomputed from PROTOCOL.md alone with the libraries.
//!
//! After a change of the protocol:
//! `cargo test -p callseal-eims --test worked_example -- --ignored`
#![allow(
    clippy::unwrap_used,
    reason = "whatever is not as expected fails the test"
)]

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::time::Duration;

use callseal_eims::{
    AwaitMessage2, Begin, Lifetime, Limits, Moment, OperatorId, Random, Responder, ResponderKeys,
    SealingKey, SigningKey, Token, TokenClaims, TokenSigners,
};
use hkdf::Hkdf;
use hpke::aead::ChaCha20Poly1305;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable as _, Kem, OpModeR};
use k256::ecdsa::signature::hazmat::PrehashVerifier as _;
use k256::ecdsa::{Signature, VerifyingKey};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use sha3::Keccak256;

const SOURCE: &str = "computed by eims/tests/worked_example.rs from the inputs in it, which are \
    arbitrary; recomputed there from PROTOCOL.md";

const NOW: u64 = 1_795_000_000;
const PHONE: [u8; 32] = [0x51; 32];
const SEALING: [u8; 32] = [0x52; 32];
const SIGNING: [u8; 32] = [0x53; 32];

/// Gives what is to be drawn, each draw of the length that is expected.
struct Script(VecDeque<Vec<u8>>);

impl Random for Script {
    fn fill(&mut self, out: &mut [u8]) {
        out.copy_from_slice(&self.0.pop_front().unwrap());
    }
}

fn script(draws: &[(u8, usize)]) -> Script {
    Script(draws.iter().map(|&(of, len)| vec![of; len]).collect())
}

fn claims() -> TokenClaims {
    TokenClaims {
        operator: OperatorId {
            chain_id: 31337,
            contract: [0xaa; 20],
        },
        number: "+8613800000001".parse().unwrap(),
        serial: 7,
        lifetime: Lifetime::new(1_790_000_000, 1_800_000_000).unwrap(),
    }
}

/// What the crate makes of the inputs.
fn play() -> Map<String, Value> {
    let claims = claims();
    let (signing, sealing) = (
        SigningKey::from_bytes(SIGNING).unwrap(),
        SealingKey::from_bytes(SEALING),
    );
    let phone_key = SealingKey::from_bytes(PHONE);
    let token = Token::issue(claims, &signing, &mut script(&[(0xb1, 16)]));
    let now = Moment {
        unix: NOW,
        elapsed: Duration::ZERO,
    };
    let begin = Begin {
        token: &token,
        phone_key: &phone_key,
        operator: claims.operator,
        sealing_key: sealing.public(),
    };
    // Na, then what message 1 is sealed with; Nb and message 2; message 3.
    let mut phones = script(&[(0xa1, 32), (0xe1, 32), (0xe3, 32)]);
    let mut operators = script(&[(0xa2, 32), (0xe2, 32)]);
    let (state, message_1) = AwaitMessage2::begin(begin, now, &mut phones).unwrap();
    let keys = ResponderKeys::new(sealing.clone(), TokenSigners::new(signing.public()));
    let mut eims = Responder::new(claims.operator, keys, Limits::default());
    let mut book = BTreeMap::new();
    let message_2 = eims
        .receive_message_1(&message_1, now, &book, &mut operators)
        .unwrap();
    let received = state.receive(&message_2, now.elapsed, &mut phones);
    let (message_3, psk) = received.unwrap();
    let agreed = eims.receive_message_3(&message_3, now, &mut book).unwrap();
    assert_eq!(agreed.psk.identity(), psk.identity());
    let identity = psk.identity();
    let (hers, his) = (
        psk.spend(now.elapsed).unwrap(),
        agreed.psk.spend(now.elapsed).unwrap(),
    );
    assert_eq!(hers.as_bytes(), his.as_bytes());
    assert!(phones.0.is_empty() && operators.0.is_empty());

    let mut values = Map::new();
    let mut put = |name: &str, octets: &[u8]| {
        values.insert(name.into(), hex::encode(octets).into());
    };
    put("token_signing_key", signing.public().as_bytes());
    put("sealing_key", &sealing.public().0);
    put("phone_key", &phone_key.public().0);
    put("token", token.as_bytes());
    put("token_hash", &token.hash().0);
    put("message_1", &message_1);
    put("message_2", &message_2);
    put("message_3", &message_3);
    put("psk", hers.as_bytes());
    put("psk_identity", &identity.0);
    values.insert("token_text".into(), token.to_text().as_str().into());
    values
}

#[test]
fn the_crate_plays_the_example() {
    let example = read();
    let played = play();
    for (name, value) in &played {
        assert_eq!(example["values"].get(name), Some(value), "{name}");
    }
    assert_eq!(example["values"].as_object().unwrap().len(), played.len());
}

#[test]
fn the_example_is_what_the_protocol_document_says() {
    let example = read();
    let octets = |name: &str| hex::decode(example["values"][name].as_str().unwrap()).unwrap();

    // §2
    let operator = [&31_337_u64.to_be_bytes()[..], &[0xaa; 20]].concat();
    let token = octets("token");
    let signed = [
        &[1][..],
        &operator,
        &8_613_800_000_001_u64.to_be_bytes(),
        &7_u64.to_be_bytes(),
        &1_790_000_000_u64.to_be_bytes(),
        &1_800_000_000_u64.to_be_bytes(),
        &[0xb1; 16],
    ]
    .concat();
    assert_eq!(token[..77], signed);
    let digest = keccak(&[b"callseal eims: token, version 1", &signed]);
    let key = VerifyingKey::from_sec1_bytes(&octets("token_signing_key")).unwrap();
    let signature = Signature::from_slice(&token[77..]).unwrap();
    key.verify_prehash(&digest, &signature).unwrap();
    assert_eq!(octets("token_hash"), keccak(&[&token]));

    // §3.1, §3.2
    let label = b"callseal eims: agreement, version 1";
    let [first, second, third] = ["message_1", "message_2", "message_3"].map(octets);
    let th_1 = sha256(&[label, &first]);
    let th_2 = sha256(&[&th_1, &second]);
    let th_3 = sha256(&[&th_2, &third]);
    let (phone_key, sealing_key) = (octets("phone_key"), octets("sealing_key"));
    let (na, nb) = ([0xa1; 32], [0xa2; 32]);

    assert_eq!(first[..34], [&[1, 1][..], &sealing_key].concat());
    let hidden = [&NOW.to_be_bytes()[..], &phone_key, &na, &token].concat();
    assert_eq!(open(&SEALING, &[label, &[1]], &first), hidden);
    assert_eq!(second[..34], [&[1, 2][..], &th_1].concat());
    let hidden = [&na[..], &nb, &operator, &sealing_key].concat();
    assert_eq!(open(&PHONE, &[label, &[2], &th_1], &second), hidden);
    assert_eq!(third[..34], [&[1, 3][..], &th_1].concat());
    assert_eq!(open(&SEALING, &[label, &[3], &th_2], &third), nb);

    // §3.5
    let prk = Hkdf::<Sha256>::new(Some(&th_3), &[na, nb].concat());
    let names = [&[1][..], &phone_key, &[2], &operator, &sealing_key].concat();
    for (label, name) in [
        (&b"callseal eims: psk, version 1"[..], "psk"),
        (b"callseal eims: psk identity, version 1", "psk_identity"),
    ] {
        let mut out = [0; 32];
        prk.expand(&[label, &names].concat(), &mut out).unwrap();
        assert_eq!(octets(name), out, "{name}");
    }
}

#[test]
#[ignore = "writes the example anew; for a change of the protocol"]
fn write_the_example() {
    let inputs = serde_json::json!({
        "chain_id": 31337,
        "contract": "aa".repeat(20),
        "number": "+8613800000001",
        "serial": 7,
        "issued": 1_790_000_000_u64,
        "expires": 1_800_000_000_u64,
        "now": NOW,
        "phone_secret": hex::encode(PHONE),
        "sealing_secret": hex::encode(SEALING),
        "token_signing_secret": hex::encode(SIGNING),
        "blinding": "b1".repeat(16),
        "na": "a1".repeat(32),
        "nb": "a2".repeat(32),
        "hpke_ephemeral_ikm": ["e1".repeat(32), "e2".repeat(32), "e3".repeat(32)],
    });
    let example = serde_json::json!({
        "about": "One enrolment: a token and the agreement of a phone with its operator.",
        "source": SOURCE,
        "inputs": inputs,
        "values": play(),
    });
    let text = serde_json::to_string_pretty(&example).unwrap();
    std::fs::write(path(), text + "\n").unwrap();
}

fn open(secret: &[u8], info: &[&[u8]], message: &[u8]) -> Vec<u8> {
    hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
        &OpModeR::Base,
        &<X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(secret).unwrap(),
        &<X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&message[34..66]).unwrap(),
        &info.concat(),
        &message[66..],
        &message[..34],
    )
    .unwrap()
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

fn keccak(parts: &[&[u8]]) -> [u8; 32] {
    Keccak256::digest(parts.concat()).into()
}

fn read() -> Value {
    serde_json::from_slice(&std::fs::read(path()).unwrap()).unwrap()
}

fn path() -> PathBuf {
    let root = env!("CARGO_MANIFEST_DIR");
    [root, "..", "testvectors", "eims", "enrolment.json"]
        .iter()
        .collect()
}
