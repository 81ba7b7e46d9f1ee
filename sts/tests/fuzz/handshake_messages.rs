//! Any octets as every kind of message and as what messages hide.

use callseal_sts::Number;
use callseal_sts::messages::{
    Challenge, M1, M2, M2Sealed, M3, M3Sealed, M4, M4Sealed, MessageKind,
};

/// Reads the octets in every way there is: nothing panics, at most one kind
/// of message takes them, and what was read builds the same octets.
pub fn handshake_messages(data: &[u8]) {
    let built = [
        M1::parse(data).ok().map(|message| {
            assert!((1..=16).contains(&message.suites.len()));
            assert!((1..=4).contains(&message.shares.len()));
            assert!(message.extensions.iter().count() <= data.len() / 4);
            message.to_bytes()
        }),
        M2::parse(data).ok().map(|message| {
            assert_eq!(message.clear.len() + message.sealed.len(), data.len());
            assert_ne!(message.epoch, 0);
            message.to_bytes()
        }),
        M3::parse(data).ok().map(|message| message.to_bytes()),
        M4::parse(data).ok().map(|message| message.to_bytes()),
        Challenge::parse(data)
            .ok()
            .map(|message| message.to_bytes()),
    ];
    let taken = built.iter().flatten();
    assert!(taken.clone().count() <= 1);
    assert!(taken.clone().all(|octets| octets == data));
    if taken.count() == 1 {
        assert!(MessageKind::of(data).is_ok());
    }

    if let Ok(sealed) = M2Sealed::parse(data) {
        assert_eq!(sealed.to_bytes(), data);
    }
    if let Ok(sealed) = M3Sealed::parse(data) {
        assert_eq!(sealed.to_bytes(), data);
    }
    if let Ok(sealed) = M4Sealed::parse(data) {
        assert_eq!(sealed.to_bytes(), data);
    }
    if let Ok(text) = core::str::from_utf8(data)
        && let Ok(number) = Number::parse(text)
    {
        assert_eq!(number.as_str(), text);
    }
}
