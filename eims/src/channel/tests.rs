//! What the channel lets through, and what it does not.

use std::collections::BTreeMap;

use hkdf::Hkdf;
use s2n_tls::config::Config;
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, DuplexStream, duplex};
use zeroize::Zeroizing;

use super::*;
use crate::SealingPublicKey;
use crate::psk::Parties;
use crate::transcript::Transcript;

/// Ends what hangs.
const PATIENCE: Duration = Duration::from_secs(300);

/// Both sides' keys of a run; another run, other keys.
fn agreed(run: u8) -> (Psk, Psk) {
    let parties = Parties {
        phone_key: SealingPublicKey([1; 32]),
        operator: [2; 28],
        sealing_key: SealingPublicKey([3; 32]),
    };
    let key = |role| {
        let nonce = Zeroizing::new([run; 32]);
        Psk::derive(
            Transcript([4; 32]),
            &nonce,
            &nonce,
            &parties,
            role,
            Duration::ZERO,
        )
    };
    (key(PskRole::Client), key(PskRole::Server))
}

type Made = Result<Channel<DuplexStream>, ChannelError>;

async fn between(phones: Psk, operators: Psk) -> (Made, Made) {
    let (one, other) = duplex(4096);
    tokio::join!(
        Channel::connect(one, phones, Duration::ZERO, PATIENCE),
        Channel::accept(other, operators, Duration::ZERO, PATIENCE),
    )
}

fn is_authentication<T>(made: &Result<T, ChannelError>) -> bool {
    matches!(made, Err(ChannelError::Authentication))
}

#[tokio::test]
async fn two_who_have_agreed_speak_and_see_the_end() {
    let (phones, operators) = agreed(1);
    let (phone, operator) = between(phones, operators).await;
    let (mut phone, mut operator) = (phone.unwrap(), operator.unwrap());
    let longest = vec![7; frames::MAX_LEN];
    phone.send(&longest).await.unwrap();
    assert_eq!(operator.receive().await.unwrap().unwrap(), longest);
    operator.send(b"yes").await.unwrap();
    assert_eq!(phone.receive().await.unwrap().unwrap(), b"yes");
    let ((), end) = tokio::join!(phone.close(), async {
        let end = operator.receive().await.unwrap();
        operator.close().await;
        end
    });
    assert_eq!(end, None);
}

#[tokio::test]
async fn a_message_that_is_too_long_is_refused_unread() {
    let (phones, operators) = agreed(1);
    let (phone, operator) = between(phones, operators).await;
    let (mut phone, mut operator) = (phone.unwrap(), operator.unwrap());
    phone.send(&vec![7; frames::MAX_LEN + 1]).await.unwrap();
    let error = operator.receive().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}

#[tokio::test]
async fn a_key_of_another_run_opens_nothing() {
    let (phones, _) = agreed(1);
    let (_, operators) = agreed(2);
    let (phone, operator) = between(phones, operators).await;
    assert!(is_authentication(&phone), "{phone:?}");
    assert!(is_authentication(&operator), "{operator:?}");
}

#[tokio::test]
async fn a_key_opens_a_connection_on_its_own_side_only() {
    let (phones, operators) = agreed(1);
    let (phone, operator) = between(operators, phones).await;
    assert!(matches!(phone, Err(ChannelError::Role)));
    assert!(matches!(operator, Err(ChannelError::Role)));
}

#[tokio::test]
async fn a_key_is_good_for_ten_minutes() {
    let (phones, operators) = agreed(1);
    let (one, other) = duplex(4096);
    let phone = Channel::connect(one, phones, Psk::LIFETIME, PATIENCE).await;
    assert!(matches!(phone, Err(ChannelError::Expired(_))));
    let operator = Channel::accept(other, operators, Psk::LIFETIME, PATIENCE).await;
    assert!(matches!(operator, Err(ChannelError::Expired(_))));
}

/// The Selfie attack (RFC 9257 section 4.1): the phone's own words come back
/// to it.
#[tokio::test]
async fn a_phone_is_not_answered_by_its_own_words() {
    let (phones, _) = agreed(1);
    let (one, other) = duplex(4096);
    let mirror = tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(other);
        tokio::io::copy(&mut from, &mut to).await.ok();
    });
    let phone = Channel::connect(one, phones, Duration::ZERO, PATIENCE).await;
    assert!(is_authentication(&phone), "{phone:?}");
    mirror.await.unwrap();
}

#[tokio::test]
async fn a_recorded_connection_played_again_opens_nothing() {
    let (phones, operators) = agreed(1);
    let (one, mut wire) = duplex(4096);
    let (mut far, other) = duplex(4096);
    let record = tokio::spawn(async move {
        let mut said = Vec::new();
        let mut octets = [0; 4096];
        // What the phone says first, all of it; then the two are left alone.
        let len = wire.read(&mut octets).await.unwrap();
        said.extend_from_slice(&octets[..len]);
        far.write_all(&octets[..len]).await.unwrap();
        tokio::io::copy_bidirectional(&mut wire, &mut far)
            .await
            .ok();
        said
    });
    let (phone, operator) = tokio::join!(
        Channel::connect(one, phones, Duration::ZERO, PATIENCE),
        Channel::accept(other, operators, Duration::ZERO, PATIENCE),
    );
    drop((phone.unwrap(), operator.unwrap()));
    let said = record.await.unwrap();

    for run in [1, 2] {
        // The run's own key again, which an operator does not have a second
        // time, leaves the replay without the phone's Diffie-Hellman secret.
        let (_, operators) = agreed(run);
        let (mut one, other) = duplex(4096);
        one.write_all(&said).await.unwrap();
        one.shutdown().await.unwrap();
        let operator = Channel::accept(other, operators, Duration::ZERO, PATIENCE).await;
        assert!(is_authentication(&operator), "run {run}: {operator:?}");
    }
}

#[tokio::test]
async fn who_says_nothing_is_given_up() {
    let (_, operators) = agreed(1);
    let (_silent, other) = duplex(4096);
    let patience = Duration::from_millis(20);
    let operator = Channel::accept(other, operators, Duration::ZERO, patience).await;
    assert!(matches!(operator, Err(ChannelError::TimedOut)));
}

#[tokio::test]
async fn a_client_without_the_key_is_refused_whatever_else_it_offers() {
    // Certificates and TLS 1.2, by the library's defaults.
    let (_, operators) = agreed(1);
    let (one, other) = duplex(4096);
    let connector = TlsConnector::new(Config::default());
    let (client, operator) = tokio::join!(
        connector.connect("localhost", one),
        Channel::accept(other, operators, Duration::ZERO, PATIENCE),
    );
    assert!(client.is_err());
    assert!(is_authentication(&operator), "{operator:?}");
}

#[tokio::test]
async fn a_phone_offers_tls_1_3_one_key_with_diffie_hellman_and_no_early_data() {
    let (phones, _) = agreed(1);
    let expected = Imported::new(
        phones.identity(),
        &agreed(1).0.spend(Duration::ZERO).unwrap(),
    );
    let extensions = extensions_of(&client_hello(phones).await);
    // supported_versions: TLS 1.3 alone.
    assert_eq!(extensions[&43], [2, 0x03, 0x04]);
    // psk_key_exchange_modes: psk_dhe_ke alone.
    assert_eq!(extensions[&45], [1, 1]);
    // No early data, no server name.
    assert!(!extensions.contains_key(&42) && !extensions.contains_key(&0));
    // pre_shared_key: one identity, with no age, and one binder of SHA-256.
    let offered = &extensions[&41];
    let mut identities = vec![0, (2 + Imported::IDENTITY_LEN + 4) as u8];
    identities.extend_from_slice(&[0, Imported::IDENTITY_LEN as u8]);
    identities.extend_from_slice(&expected.identity);
    identities.extend_from_slice(&[0; 4]);
    assert_eq!(offered[..identities.len()], identities);
    assert_eq!(offered[identities.len()..][..3], [0, 33, 32]);
    assert_eq!(offered.len(), identities.len() + 3 + 32);
}

/// `psk_ke` (RFC 8446 section 4.2.9): who learns the key later could read along.
#[tokio::test]
async fn a_client_with_the_key_and_without_diffie_hellman_is_refused() {
    let (phones, _) = agreed(1);
    let imported = Imported::new(
        phones.identity(),
        &agreed(1).0.spend(Duration::ZERO).unwrap(),
    );
    let hello = client_hello(phones).await;

    // The modes and the binder are all that is another.
    let binder = hello.len() - 32;
    let bound = |hello: &[u8]| binder_of(&imported.key[..], hello);
    assert_eq!(bound(&hello), hello[binder..]);
    let modes = [0, 45, 0, 2, 1, 1];
    let at = hello.windows(6).position(|window| window == modes).unwrap();
    let mut without = hello.clone();
    without[at + 5] = 0;
    let rebound = bound(&without);
    without[binder..].copy_from_slice(&rebound);

    for (hello, first) in [(hello, SERVER_HELLO), (without, ALERT)] {
        let (_, operators) = agreed(1);
        let (mut one, other) = duplex(4096);
        let operator = tokio::spawn(Channel::accept(other, operators, Duration::ZERO, PATIENCE));
        one.write_all(&hello).await.unwrap();
        let mut answer = [0];
        let len = one.read(&mut answer).await.unwrap();
        assert_eq!(answer[..len], first[..]);
        drop(one);
        assert!(operator.await.unwrap().is_err());
    }
}

/// How the operator's first record begins: with its content type.
const SERVER_HELLO: &[u8] = &[22];
const ALERT: &[u8] = &[21];

/// What binds a record's ClientHello to an external key (RFC 8446 sections 4.2.11.2 and 7.1), for one key.
fn binder_of(key: &[u8], hello: &[u8]) -> [u8; 32] {
    let expand = |secret: &[u8], label: &str, context: &[u8]| {
        let mut info = vec![0, 32, 6 + label.len() as u8];
        info.extend_from_slice(b"tls13 ");
        info.extend_from_slice(label.as_bytes());
        info.push(context.len() as u8);
        info.extend_from_slice(context);
        let mut out = [0; 32];
        let secret = Hkdf::<Sha256>::from_prk(secret).unwrap();
        secret.expand(&info, &mut out).unwrap();
        out
    };
    let (early_secret, _) = Hkdf::<Sha256>::extract(Some(&[0; 32]), key);
    let binder_key = expand(&early_secret, "ext binder", &Sha256::digest([]));
    let finished_key = expand(&binder_key, "finished", &[]);
    // Without the record's header and the list of binders.
    let said = Sha256::digest(&hello[5..hello.len() - 35]);
    // To extract is to compute an HMAC.
    let (binder, _) = Hkdf::<Sha256>::extract(Some(&finished_key), &said);
    binder.into()
}

#[test]
fn an_imported_key_is_what_rfc_9258_says() {
    // Computed with Python's hmac and hashlib alone, from sections 5.1 and 5.2.
    let secret = agreed(1).0.spend(Duration::ZERO).unwrap();
    let imported = Imported::new(PskIdentity([0xab; 32]), &secret);
    let mut identity = vec![0, 32];
    identity.extend_from_slice(&[0xab; 32]);
    identity.extend_from_slice(&[0, 44]);
    identity.extend_from_slice(b"callseal eims: client phone, server operator");
    identity.extend_from_slice(&[3, 4, 0, 1]);
    assert_eq!(imported.identity[..], identity);
    assert_eq!(
        hex::encode(secret.as_bytes()),
        "3d006ea52eedad34d0b18d8aba98fe4a40ba855e8ee5e3b71c593cca2fdbdae8"
    );
    assert_eq!(
        hex::encode(*imported.key),
        "05e0c8cde10cd0fbc2bffe8195066583f39cafa8123716e937f6f35c66bb2967"
    );
}

/// The record that a phone begins with.
async fn client_hello(phones: Psk) -> Vec<u8> {
    let (one, mut other) = duplex(4096);
    let phone = tokio::spawn(Channel::connect(one, phones, Duration::ZERO, PATIENCE));
    let mut hello = vec![0; 4096];
    let len = other.read(&mut hello).await.unwrap();
    hello.truncate(len);
    drop(other);
    assert!(phone.await.unwrap().is_err());
    hello
}

/// Extension number → content, of a ClientHello in one record.
fn extensions_of(record: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let number = |octets: &[u8]| {
        octets
            .iter()
            .fold(0_usize, |n, octet| n << 8 | usize::from(*octet))
    };
    // Record header 5, handshake header 4, version 2, random 32.
    let mut at = 5 + 4 + 2 + 32;
    at += 1 + number(&record[at..=at]);
    at += 2 + number(&record[at..at + 2]);
    at += 1 + number(&record[at..=at]);
    at += 2;
    let mut extensions = BTreeMap::new();
    while at < record.len() {
        let kind = number(&record[at..at + 2]) as u16;
        let len = number(&record[at + 2..at + 4]);
        let again = extensions.insert(kind, record[at + 4..at + 4 + len].to_vec());
        assert_eq!(again, None);
        at += 4 + len;
    }
    extensions
}
