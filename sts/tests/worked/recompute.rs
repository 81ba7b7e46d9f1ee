//! A handshake computed from its inputs, straight down PROTOCOL.md, without
//! any of the crate's code: what the crate is judged by.

use aes_gcm::aead::{Aead as _, Payload};
use aes_gcm::{Aes256Gcm, KeyInit as _};
use hkdf::Hkdf;
use hmac::{Hmac, Mac as _};
use k256::ecdsa::signature::Signer as _;
use k256::ecdsa::{Signature, SigningKey};
use sha2::{Digest as _, Sha256};

use crate::example::{Call, Datagram, Example, Inputs, Intermediate, Messages, Outcome, Side};

/// The whole example that follows from these inputs.
pub(crate) fn recompute(about: &str, source: &str, inputs: Inputs) -> Example {
    let mut value = Intermediate::default();
    let mut message = Messages::default();

    // §2, identities and shares.
    let caller_key = signing_key(&inputs.caller);
    let callee_key = signing_key(&inputs.callee);
    let callers_identity = identity(&inputs.caller, &caller_key);
    let callees_identity = identity(&inputs.callee, &callee_key);
    let caller_secret = array(&inputs.caller.ephemeral_secret);
    let callee_secret = array(&inputs.callee.ephemeral_secret);
    let callers_share = x25519_dalek::x25519(caller_secret, x25519_dalek::X25519_BASEPOINT_BYTES);
    let callees_share = x25519_dalek::x25519(callee_secret, x25519_dalek::X25519_BASEPOINT_BYTES);
    let z = x25519_dalek::x25519(caller_secret, callees_share);
    assert_eq!(z, x25519_dalek::x25519(callee_secret, callers_share));

    // M1.
    let caller_session = octets(&inputs.caller.session);
    let callee_session = octets(&inputs.callee.session);
    let mut m1 = [&[1, 1][..], &caller_session, &[0; 8]].concat();
    m1.push(inputs.suites_offered.len() as u8);
    for suite in &inputs.suites_offered {
        m1.extend(octets(suite));
    }
    m1.extend([1, 0, 1, 0, 32]);
    m1.extend(callers_share);
    let running = inputs.running.as_ref();
    m1.push(running.map_or(0, |running| running.callers_epoch));
    match running.filter(|_| inputs.renews) {
        Some(running) => {
            m1.push(32);
            m1.extend(octets(&running.session_hash));
        }
        None => m1.push(0),
    }
    m1.extend([0, 0]);

    // M2, clear.
    let is_offered = |suite: &&String| inputs.suites_offered.contains(suite);
    let suite = inputs.suites_accepted.iter().find(is_offered).unwrap();
    let next = |epoch: u8| epoch % 255 + 1;
    let mut epoch = next(running.map_or(0, |running| running.callees_epoch));
    if running.is_some_and(|running| running.callers_epoch == epoch) {
        epoch = next(epoch);
    }
    let reveal = octets(&inputs.reveal);
    let commitment = hash(&[b"callseal sts v1 commit", &reveal]);
    let mut m2 = [&[1, 2][..], &caller_session, &callee_session].concat();
    m2.extend(octets(suite));
    m2.push(epoch);
    m2.extend(commitment);
    m2.extend([0, 32]);
    m2.extend(callees_share);

    // §4, and M2, sealed.
    let th_1 = hash(&[b"callseal sts v1 th1", &len(&m1), &m1]);
    let th_2 = hash(&[b"callseal sts v1 th2", &th_1, &len(&m2), &m2]);
    let (prk, _) = Hkdf::<Sha256>::extract(Some(&th_2), &z);
    let (k2, n2) = key_and_nonce(&prk, b"callseal sts v1 m2", &th_2);
    let label = b"callseal sts v1 signature";
    let m2_signed = [&label[..], &[2], &callees_identity, &th_2].concat();
    let m2_signature = sign(&callee_key, &m2_signed);
    let m2_plaintext = [&callees_identity[..], &m2_signature, &[0, 0]].concat();
    let m2_sealed = seal(&k2, &n2, &th_2, &m2_plaintext);
    m2.extend(&m2_sealed);

    // M3.
    let th_3 = hash(&[b"callseal sts v1 th3", &th_2, &len(&m2_sealed), &m2_sealed]);
    let (k3, n3) = key_and_nonce(&prk, b"callseal sts v1 m3", &th_3);
    let m3_signed = [
        &label[..],
        &[1],
        &callers_identity,
        &callees_identity,
        &th_3,
    ]
    .concat();
    let m3_signature = sign(&caller_key, &m3_signed);
    let m3_plaintext = [
        &callers_identity[..],
        &callees_identity,
        &octets(&inputs.nonce),
        &m3_signature,
        &[0, 0],
    ]
    .concat();
    let mut m3 = [&[1, 3][..], &caller_session, &callee_session].concat();
    let associated = [&th_3[..], &m3].concat();
    m3.extend(seal(&k3, &n3, &associated, &m3_plaintext));

    // M4.
    let th_4 = hash(&[b"callseal sts v1 th4", &th_3, &len(&m3), &m3]);
    let (k4, n4) = key_and_nonce(&prk, b"callseal sts v1 m4", &th_4);
    let km = expand(&prk, b"callseal sts v1 mac", &th_4, 32);
    let mut mac = Hmac::<Sha256>::new_from_slice(&km).unwrap();
    for part in [&b"callseal sts v1 confirm"[..], &[inputs.status], &th_4] {
        mac.update(part);
    }
    let mac: [u8; 32] = mac.finalize().into_bytes().into();
    let m4_plaintext = [&[inputs.status][..], &mac, &reveal].concat();
    let mut m4 = [&[1, 4][..], &caller_session, &callee_session].concat();
    let associated = [&th_4[..], &m4].concat();
    m4.extend(seal(&k4, &n4, &associated, &m4_plaintext));

    // What both hold.
    let suite_id = octets(suite);
    assert!(
        matches!(suite_id[..], [0, 1 | 2]),
        "16 octets of key, 14 of salt"
    );
    let media = expand(&prk, b"callseal sts v1 media", &th_4, 60);
    let call = (inputs.status == 0).then(|| Call {
        caller_to_callee_key: hex::encode(&media[..16]),
        caller_to_callee_salt: hex::encode(&media[16..30]),
        callee_to_caller_key: hex::encode(&media[30..46]),
        callee_to_caller_salt: hex::encode(&media[46..]),
        session_hash: hex::encode(hash(&[b"callseal sts v1 session", &th_4])),
        authentication_string: sas(&hash(&[b"callseal sts v1 sas", &th_4, &reveal])),
    });

    // §7 and §1, what is on the wire.
    let cookie = inputs
        .cookie_secret
        .as_ref()
        .map(|secret| cookie(&octets(secret), &inputs.caller.address));
    let mut datagrams = Vec::new();
    let mut send = |from: &str, side: &Side, name: &str, message: &[u8], cookie: Option<&[u8]>| {
        datagrams.push(Datagram {
            from: from.to_owned(),
            message: name.to_owned(),
            message_tag: hex::encode(&hash(&[message])[..4]),
            cookie: cookie.map(hex::encode),
            octets: hex::encode(datagram(side, message, cookie)),
        });
    };
    send("caller", &inputs.caller, "m1", &m1, None);
    if let Some(cookie) = &cookie {
        let challenge = [&[1, 5][..], &caller_session, &[0; 8], cookie].concat();
        send("callee", &inputs.callee, "challenge", &challenge, None);
        send("caller", &inputs.caller, "m1", &m1, Some(cookie));
        message.challenge = Some(hex::encode(challenge));
    }
    send("callee", &inputs.callee, "m2", &m2, None);
    send("caller", &inputs.caller, "m3", &m3, cookie.as_deref());
    send("callee", &inputs.callee, "m4", &m4, None);

    for (name, octets) in [
        (&mut value.callers_identity, &callers_identity[..]),
        (&mut value.callees_identity, &callees_identity),
        (&mut value.callers_share, &callers_share),
        (&mut value.callees_share, &callees_share),
        (&mut value.z, &z),
        (&mut value.commitment, &commitment),
        (&mut value.th_1, &th_1),
        (&mut value.th_2, &th_2),
        (&mut value.prk, &prk),
        (&mut value.k2, &k2),
        (&mut value.n2, &n2),
        (&mut value.m2_signed, &m2_signed),
        (&mut value.m2_signature, &m2_signature),
        (&mut value.m2_plaintext, &m2_plaintext),
        (&mut value.th_3, &th_3),
        (&mut value.k3, &k3),
        (&mut value.n3, &n3),
        (&mut value.m3_signed, &m3_signed),
        (&mut value.m3_signature, &m3_signature),
        (&mut value.m3_plaintext, &m3_plaintext),
        (&mut value.th_4, &th_4),
        (&mut value.k4, &k4),
        (&mut value.n4, &n4),
        (&mut value.km, &km),
        (&mut value.mac, &mac),
        (&mut value.m4_plaintext, &m4_plaintext),
        (&mut message.m1, &m1),
        (&mut message.m2, &m2),
        (&mut message.m3, &m3),
        (&mut message.m4, &m4),
    ] {
        *name = hex::encode(octets);
    }
    let outcome = Outcome {
        suite: suite.clone(),
        epoch,
        call,
    };
    Example {
        about: about.to_owned(),
        source: source.to_owned(),
        inputs,
        intermediate: value,
        messages: message,
        datagrams,
        outcome,
    }
}

pub(crate) fn octets(hexadecimal: &str) -> Vec<u8> {
    hex::decode(hexadecimal).unwrap()
}

pub(crate) fn array<const N: usize>(hexadecimal: &str) -> [u8; N] {
    octets(hexadecimal).try_into().unwrap()
}

fn signing_key(side: &Side) -> SigningKey {
    SigningKey::from_slice(&octets(&side.identity_secret)).unwrap()
}

fn identity(side: &Side, key: &SigningKey) -> Vec<u8> {
    let mut identity = vec![side.number.len() as u8];
    identity.extend(side.number.as_bytes());
    identity.extend(key.verifying_key().to_sec1_point(true).as_bytes());
    identity
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

fn len(octets: &[u8]) -> [u8; 4] {
    (octets.len() as u32).to_be_bytes()
}

fn expand(prk: &[u8], label: &[u8], th: &[u8], len: usize) -> Vec<u8> {
    let mut out = vec![0; len];
    let info = [label, th].concat();
    Hkdf::<Sha256>::from_prk(prk)
        .unwrap()
        .expand(&info, &mut out)
        .unwrap();
    out
}

fn key_and_nonce(prk: &[u8], label: &[u8], th: &[u8]) -> ([u8; 32], [u8; 12]) {
    let octets = expand(prk, label, th, 44);
    (
        octets[..32].try_into().unwrap(),
        octets[32..].try_into().unwrap(),
    )
}

fn seal(key: &[u8; 32], nonce: &[u8; 12], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    Aes256Gcm::new(key.into())
        .encrypt(nonce.into(), Payload { msg, aad })
        .unwrap()
}

fn sign(key: &SigningKey, octets: &[u8]) -> Vec<u8> {
    let signature: Signature = key.sign(octets);
    signature.to_bytes().to_vec()
}

fn sas(hash: &[u8; 32]) -> String {
    let alphabet: Vec<char> = "ybndrfg8ejkmcpqxot1uwisza345h769".chars().collect();
    let bit = |at: usize| hash[at / 8] >> (7 - at % 8) & 1;
    let character = |nth: usize| (0..5).fold(0, |index, at| index << 1 | bit(5 * nth + at));
    (0..4)
        .map(|nth| alphabet[usize::from(character(nth))])
        .collect()
}

fn cookie(secret: &[u8], address: &str) -> Vec<u8> {
    let address: std::net::SocketAddrV4 = address.parse().unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).unwrap();
    mac.update(&[0; 10]);
    mac.update(&[0xff; 2]);
    mac.update(&address.ip().octets());
    mac.update(&address.port().to_be_bytes());
    mac.finalize().into_bytes()[..16].to_vec()
}

/// A receiver report, an SDES packet and the APP packet; one fragment.
fn datagram(side: &Side, message: &[u8], cookie: Option<&[u8]>) -> Vec<u8> {
    assert!(message.len() <= 1_024 && side.cname.len() == 16);
    let ssrc = octets(&side.ssrc);
    let padding = message.len().next_multiple_of(4) - message.len();
    let cookie_words = if cookie.is_some() { 4 } else { 0 };
    let words = 4 + cookie_words + (message.len() + padding) / 4;
    let flag = u8::from(cookie.is_some());
    [
        &[0x80, 201, 0, 1][..],
        &ssrc,
        &[0x81, 202, 0, 6],
        &ssrc,
        &[1, 16],
        side.cname.as_bytes(),
        &[0, 0],
        &[0x80 | flag, 204],
        &(words as u16).to_be_bytes(),
        &ssrc,
        b"CSTS",
        &hash(&[message])[..4],
        &[0, 1],
        &(message.len() as u16).to_be_bytes(),
        cookie.unwrap_or_default(),
        message,
        &vec![0; padding],
    ]
    .concat()
}
