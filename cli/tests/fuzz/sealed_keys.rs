//! Any text as a file of keys under a passphrase: no panic, no endless work,
//! and what opens holds the secrets that were sealed.

use callseal::operator_keys::OperatorKeys;
use callseal::phone_keys::PhoneKeys;
use callseal_eims::SealingKey;
use serde_json::Value;

/// Opens `data` as a phone's keys and as an operator's, with the passphrase of
/// the seeds. Nobody who does not know it can have other secrets taken.
pub fn sealed_keys(data: &[u8]) {
    let Ok(text) = core::str::from_utf8(data) else {
        return;
    };
    if serde_json::from_str(text).is_ok_and(|file: Value| is_slow(&file)) {
        return;
    }
    if let Ok(keys) = PhoneKeys::open(text, "open sesame") {
        assert_eq!(*keys.identity.to_bytes(), [1; 32]);
        assert_eq!(
            keys.enrolment.public(),
            SealingKey::from_bytes([2; 32]).public()
        );
        assert_eq!(keys.wallet(), &[3; 32]);
        if let Some(next) = keys.next_identity {
            assert_eq!(*next.to_bytes(), [4; 32]);
        }
    }
    if let Ok(keys) = OperatorKeys::open(text, "open sesame") {
        assert_eq!(*keys.signing.to_bytes(), [1; 32]);
        assert_eq!(
            keys.sealing.public(),
            SealingKey::from_bytes([2; 32]).public()
        );
        assert_eq!(*keys.account.to_bytes(), [3; 32]);
    }
}

/// Whether a key takes long to make, as it should, and is made all the same:
/// what takes longer still has to be refused.
fn is_slow(file: &Value) -> bool {
    match file {
        Value::Object(fields) => {
            let number = |name| fields.get(name).and_then(Value::as_u64).unwrap_or(1);
            let work = ["n", "r", "p"].map(number);
            let work = work.into_iter().fold(1, u64::saturating_mul);
            (129..=1 << 26).contains(&work) || fields.values().any(is_slow)
        }
        Value::Array(values) => values.iter().any(is_slow),
        _ => false,
    }
}
