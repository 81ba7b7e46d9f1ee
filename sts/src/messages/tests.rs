//! Reading and building, for every kind of message at once.

use proptest::prelude::*;

use super::*;
use crate::phone::identity;
use crate::{Identity, SessionHash};

/// Reads octets as whatever they are; what building gives again.
fn read_and_build(octets: &[u8]) -> Result<Vec<u8>, MessageError> {
    Ok(match MessageKind::of(octets)? {
        MessageKind::M1 => M1::parse(octets)?.to_bytes(),
        MessageKind::M2 => M2::parse(octets)?.to_bytes(),
        MessageKind::M3 => M3::parse(octets)?.to_bytes(),
        MessageKind::M4 => M4::parse(octets)?.to_bytes(),
        MessageKind::Challenge => Challenge::parse(octets)?.to_bytes(),
    })
}

fn session() -> impl Strategy<Value = SessionId> {
    any::<[u8; 8]>().prop_filter_map("not all zero", SessionId::from_bytes)
}

fn someone() -> impl Strategy<Value = Identity> {
    (0_u8..4, 1_u8..20).prop_map(|(key, last)| Identity {
        number: crate::phone::number(last),
        ..identity(key + 1)
    })
}

/// Well-formed extensions, each type once.
fn extensions() -> impl Strategy<Value = Vec<u8>> {
    let entries = prop::collection::btree_map(any::<u16>(), octets(0..20), 0..4);
    entries.prop_map(|entries| {
        let mut octets = Vec::new();
        for (kind, value) in entries {
            octets.extend_from_slice(&kind.to_be_bytes());
            octets.extend_from_slice(&(value.len() as u16).to_be_bytes());
            octets.extend_from_slice(&value);
        }
        let mut prefixed = (octets.len() as u16).to_be_bytes().to_vec();
        prefixed.extend_from_slice(&octets);
        prefixed
    })
}

fn read_extensions(octets: &[u8]) -> Extensions<'_> {
    Extensions::read(&mut super::reader::Reader::new(octets)).unwrap()
}

fn octets(len: core::ops::Range<usize>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), len)
}

prop_compose! {
    fn m1()(
        caller in session(),
        suites in prop::collection::btree_set(any::<u16>(), 1..=16),
        shares in prop::collection::btree_map(any::<u16>(), octets(0..1_300), 1..=4),
        epoch_in_use: u8,
        previous in prop::option::of(any::<[u8; 32]>()),
        extensions in extensions(),
    ) -> Vec<u8> {
        let suites: Vec<_> = suites.into_iter().collect();
        let shares: Vec<_> = shares
            .iter()
            .map(|(group, value)| Share { group: *group, value })
            .collect();
        build_m1(
            caller,
            &suites,
            &shares,
            epoch_in_use,
            previous.map(SessionHash::from_bytes),
            &read_extensions(&extensions),
        )
    }
}

prop_compose! {
    fn m2()(
        caller in session(),
        callee in session(),
        suite: u16,
        epoch in 1_u8..,
        commitment: [u8; 32],
        share in octets(0..1_300),
        sealed in octets(0..300),
    ) -> Vec<u8> {
        M2 { caller, callee, suite, epoch, commitment, share: &share, clear: &[], sealed: &sealed }
            .to_bytes()
    }
}

prop_compose! {
    fn m3_or_m4()(
        caller in session(),
        callee in session(),
        sealed in octets(0..300),
        is_m3: bool,
    ) -> Vec<u8> {
        match is_m3 {
            true => M3::new(caller, callee, &sealed).to_bytes(),
            false => M4::new(caller, callee, &sealed).to_bytes(),
        }
    }
}

fn message() -> impl Strategy<Value = Vec<u8>> {
    let challenge = (session(), any::<[u8; 16]>())
        .prop_map(|(caller, cookie)| Challenge { caller, cookie }.to_bytes());
    prop_oneof![m1(), m2(), m3_or_m4(), challenge]
}

proptest! {
    #[test]
    fn what_was_built_reads_back_and_builds_the_same(message in message()) {
        prop_assert_eq!(read_and_build(&message), Ok(message));
    }

    #[test]
    fn what_m2_hides_reads_back(
        callee in someone(),
        signature in any::<[u8; 32]>(),
        extensions in extensions(),
    ) {
        let sealed = M2Sealed {
            callee,
            signature: [signature, signature].concat().try_into().unwrap(),
            extensions: read_extensions(&extensions),
        };
        let octets = sealed.to_bytes();
        prop_assert_eq!(M2Sealed::parse(&octets), Ok(sealed));
    }

    #[test]
    fn what_m3_hides_reads_back(
        caller in someone(),
        callee in someone(),
        nonce: [u8; 32],
        extensions in extensions(),
    ) {
        let sealed = M3Sealed {
            caller,
            callee,
            nonce,
            signature: [nonce, nonce].concat().try_into().unwrap(),
            extensions: read_extensions(&extensions),
        };
        let octets = sealed.to_bytes();
        prop_assert_eq!(M3Sealed::parse(&octets), Ok(sealed));
    }

    #[test]
    fn no_octets_make_a_reader_panic_and_what_it_takes_it_gives_back(
        version in prop_oneof![9 => Just(1_u8), 1 => any::<u8>()],
        kind in 0_u8..7,
        rest in octets(0..400),
    ) {
        let octets = [&[version, kind][..], &rest].concat();
        if let Ok(built) = read_and_build(&octets) {
            prop_assert_eq!(&built, &octets);
        }
        if let Ok(sealed) = M2Sealed::parse(&rest) {
            prop_assert_eq!(sealed.to_bytes(), &rest[..]);
        }
        if let Ok(sealed) = M3Sealed::parse(&rest) {
            prop_assert_eq!(sealed.to_bytes(), &rest[..]);
        }
        if let Ok(sealed) = M4Sealed::parse(&rest) {
            prop_assert_eq!(sealed.to_bytes(), &rest[..]);
        }
    }

    #[test]
    fn an_altered_message_reads_as_what_it_is_or_not_at_all(
        message in message(),
        at: prop::sample::Index,
        octet: u8,
        cut: prop::sample::Index,
    ) {
        let mut altered = message.clone();
        let at = at.index(altered.len());
        altered[at] = octet;
        altered.truncate(1 + cut.index(altered.len()));
        if let Ok(built) = read_and_build(&altered) {
            prop_assert_eq!(built, altered);
        }
    }
}

#[test]
fn a_message_longer_than_any_is_no_message() {
    let caller = SessionId::from_bytes([1; 8]).unwrap();
    let callee = SessionId::from_bytes([2; 8]).unwrap();
    let sealed = vec![0; MAX_MESSAGE_LEN - 18];
    assert!(M3::parse(&M3::new(caller, callee, &sealed).to_bytes()).is_ok());
    let sealed = vec![0; MAX_MESSAGE_LEN - 17];
    assert_eq!(
        M3::parse(&M3::new(caller, callee, &sealed).to_bytes()),
        Err(MessageError::TooLong)
    );
}

#[test]
fn lists_are_as_long_as_they_may_be_and_name_nothing_twice() {
    let caller = SessionId::from_bytes([1; 8]).unwrap();
    let offer = |suites: &[u16], groups: &[u16]| {
        let shares: Vec<_> = groups
            .iter()
            .map(|group| Share {
                group: *group,
                value: b"share",
            })
            .collect();
        let m1 = build_m1(caller, suites, &shares, 0, None, &Extensions::NONE);
        M1::parse(&m1).map(|_| ())
    };
    let many: Vec<u16> = (0..17).collect();
    assert_eq!(offer(&many[..16], &many[..4]), Ok(()));
    assert_eq!(offer(&many, &[1]), Err(MessageError::Suites));
    assert_eq!(offer(&[], &[1]), Err(MessageError::Suites));
    assert_eq!(offer(&[1, 2, 1], &[1]), Err(MessageError::Suites));
    assert_eq!(offer(&[1], &many[..5]), Err(MessageError::Shares));
    assert_eq!(offer(&[1], &[]), Err(MessageError::Shares));
    assert_eq!(offer(&[1], &[1, 1]), Err(MessageError::Shares));
}

#[test]
fn the_renewed_call_is_named_by_a_whole_hash_or_not_at_all() {
    let caller = SessionId::from_bytes([1; 8]).unwrap();
    let shares = [Share {
        group: 1,
        value: &[],
    }];
    let m1 = build_m1(caller, &[1], &shares, 0, None, &Extensions::NONE);
    let at = m1.len() - 3;
    for len in (1..=255).filter(|len| *len != 32) {
        let mut altered = m1.clone();
        altered[at] = len;
        assert_eq!(M1::parse(&altered), Err(MessageError::PreviousLength(len)));
    }
}

#[test]
fn an_identity_is_a_number_and_a_key() {
    let sealed = M2Sealed {
        callee: identity(1),
        signature: [0; 64],
        extensions: Extensions::NONE,
    }
    .to_bytes();
    assert!(M2Sealed::parse(&sealed).is_ok());
    let with = |at: usize, octet: u8| {
        let mut altered = sealed.clone();
        altered[at] = octet;
        M2Sealed::parse(&altered).unwrap_err()
    };
    assert!(matches!(with(1, b'0'), MessageError::Number(_)));
    assert!(matches!(with(5, b' '), MessageError::Number(_)));
    assert!(matches!(with(5, 0xff), MessageError::Number(_)));
    assert!(matches!(with(0, 2), MessageError::Number(_)));
    assert!(matches!(with(0, 17), MessageError::Number(_)));
    assert!(matches!(with(15, 5), MessageError::Key(_)));
    assert!(matches!(with(0, 255), MessageError::TooShort));
}

#[test]
fn debug_shows_no_reveal() {
    let sealed = M4Sealed {
        status: 0,
        mac: [0xab; 32],
        reveal: [0xab; 32],
    };
    assert_eq!(format!("{sealed:?}"), "M4Sealed { status: 0, .. }");
}
