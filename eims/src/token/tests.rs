use proptest::prelude::*;

use super::*;
use crate::SigningPublicKey;

const OPERATOR: OperatorId = OperatorId {
    chain_id: 31337,
    contract: [0xaa; 20],
};
const ISSUED: u64 = 1_790_000_000;
const EXPIRES: u64 = 1_800_000_000;

struct Counting(u8);

impl Random for Counting {
    fn fill(&mut self, out: &mut [u8]) {
        for octet in out {
            self.0 = self.0.wrapping_add(1);
            *octet = self.0;
        }
    }
}

fn key(of: u8) -> SigningKey {
    SigningKey::from_bytes([of; 32]).unwrap()
}

fn public(of: u8) -> SigningPublicKey {
    key(of).public()
}

fn claims() -> TokenClaims {
    TokenClaims {
        operator: OPERATOR,
        number: "+8613800000001".parse().unwrap(),
        serial: 7,
        lifetime: Lifetime::new(ISSUED, EXPIRES).unwrap(),
    }
}

fn token() -> Token {
    Token::issue(claims(), &key(1), &mut Counting(0))
}

fn verify(token: &Token, now: u64) -> Result<TokenClaims, VerifyError> {
    token.verify(&OPERATOR, &TokenSigners::new(public(1)), now)
}

#[test]
fn a_token_is_good_from_its_issue_to_its_expiry() {
    assert_eq!(verify(&token(), ISSUED), Ok(claims()));
    assert_eq!(verify(&token(), EXPIRES - 1), Ok(claims()));
    assert_eq!(
        verify(&token(), ISSUED - 1),
        Err(VerifyError::NotYetValid { issued: ISSUED })
    );
    for now in [EXPIRES, u64::MAX] {
        let expired = VerifyError::Expired { expires: EXPIRES };
        assert_eq!(verify(&token(), now), Err(expired));
    }
}

#[test]
fn a_token_of_another_contract_or_chain_is_foreign() {
    let signers = TokenSigners::new(public(1));
    for operator in [
        OperatorId {
            chain_id: 1,
            ..OPERATOR
        },
        OperatorId {
            contract: [0xab; 20],
            ..OPERATOR
        },
    ] {
        assert_eq!(
            token().verify(&operator, &signers, ISSUED),
            Err(VerifyError::Foreign { found: OPERATOR })
        );
    }
}

#[test]
fn the_key_before_is_good_until_its_overlap_ends() {
    let until = ISSUED + 100;
    let rotated = TokenSigners::new(public(2)).with_previous(public(1), until);
    let verify = |now| token().verify(&OPERATOR, &rotated, now);
    assert_eq!(verify(until - 1), Ok(claims()));
    assert_eq!(verify(until), Err(VerifyError::RetiredKey));
    let stranger = TokenSigners::new(public(2)).with_previous(public(3), until);
    assert_eq!(
        token().verify(&OPERATOR, &stranger, ISSUED),
        Err(VerifyError::Signature)
    );
}

#[test]
fn no_bit_of_a_token_can_be_altered() {
    let good = token();
    for bit in 0..Token::LEN * 8 {
        let mut octets = *good.as_bytes();
        octets[bit / 8] ^= 1 << (bit % 8);
        let Ok(altered) = Token::from_bytes(&octets) else {
            continue;
        };
        let refused = verify(&altered, ISSUED).unwrap_err();
        let foreign = matches!(refused, VerifyError::Foreign { .. });
        assert_eq!(foreign, (1..29).contains(&(bit / 8)), "bit {bit}");
        assert!(foreign || refused == VerifyError::Signature, "bit {bit}");
    }
}

#[test]
fn the_twin_of_a_signature_with_a_high_s_is_refused() {
    let mut octets = *token().as_bytes();
    let signature = k256::ecdsa::Signature::from_slice(&octets[Token::SIGNED_LEN..]).unwrap();
    let (r, s) = signature.split_scalars();
    let twin = k256::ecdsa::Signature::from_scalars(r.to_bytes(), (-s).to_bytes()).unwrap();
    octets[Token::SIGNED_LEN..].copy_from_slice(&twin.to_bytes());
    let twin = Token::from_bytes(&octets).unwrap();
    assert_eq!(verify(&twin, ISSUED), Err(VerifyError::Signature));
}

#[test]
fn what_is_malformed_is_said_where() {
    let with = |at: usize, octets: &[u8]| {
        let mut token = *token().as_bytes();
        token[at..at + octets.len()].copy_from_slice(octets);
        Token::from_bytes(&token).unwrap_err()
    };
    assert_eq!(with(0, &[2]), MalformedToken::Version { found: 2 });
    for number in [9, 1_000_000_000_000_000_u64] {
        assert_eq!(with(29, &number.to_be_bytes()), MalformedToken::Number);
    }
    assert_eq!(with(53, &ISSUED.to_be_bytes()), MalformedToken::Lifetime);
    let whole = token();
    let short = &whole.as_bytes()[1..];
    assert_eq!(
        Token::from_bytes(short).unwrap_err(),
        MalformedToken::Length { found_len: 140 }
    );
}

#[test]
fn a_text_has_one_form() {
    let text = token().to_text();
    assert_eq!(
        text.parse::<Token>().unwrap().as_bytes(),
        token().as_bytes()
    );
    let refused = |text: &str| text.parse::<Token>().unwrap_err();
    assert_eq!(refused(&text[1..]), TokenTextError::Prefix);
    for altered in [
        format!("{}=", *text),
        format!("{}\n", *text),
        text.replacen("token:", "token: ", 1),
        text.replacen("token:A", "token:+", 1),
    ] {
        assert_eq!(refused(&altered), TokenTextError::Base64, "{altered}");
    }
    let longer = MalformedToken::Length { found_len: 144 };
    assert_eq!(refused(&format!("{}AAAA", *text)), longer.into());
    let empty = MalformedToken::Length { found_len: 0 };
    assert_eq!(refused(Token::TEXT_PREFIX), empty.into());
}

#[test]
fn the_hash_hides_a_token_whose_every_claim_is_known() {
    // All that can be guessed is the same; the blinding is not.
    let other = Token::issue(claims(), &key(1), &mut Counting(1));
    assert_eq!(verify(&other, ISSUED), Ok(claims()));
    assert_ne!(other.hash(), token().hash());
}

#[test]
fn debug_shows_no_token() {
    assert_eq!(
        format!("{:?}", token()),
        format!("Token({})", token().hash())
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn what_is_issued_is_read_and_verified(
        chain_id: u64,
        contract: [u8; 20],
        number in 10_u64..1_000_000_000_000_000,
        serial: u64,
        issued in 0..u64::MAX,
    ) {
        let claims = TokenClaims {
            operator: OperatorId { chain_id, contract },
            number: Number::from_value(number).unwrap(),
            serial,
            lifetime: Lifetime::new(issued, u64::MAX).unwrap(),
        };
        let issued_token = Token::issue(claims, &key(1), &mut Counting(0));
        let read = Token::from_bytes(issued_token.as_bytes()).unwrap();
        prop_assert_eq!(
            read.verify(&claims.operator, &TokenSigners::new(public(1)), issued),
            Ok(claims)
        );
    }

    #[test]
    fn any_octets_are_one_token_or_none(mut octets in prop::collection::vec(any::<u8>(), Token::LEN)) {
        octets[0] = Token::VERSION;
        if let Ok(token) = Token::from_bytes(&octets) {
            prop_assert_eq!(&token.as_bytes()[..], &octets[..]);
        }
    }
}
