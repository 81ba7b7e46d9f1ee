//! Any octets as a token and as its text.

use callseal_eims::{MalformedToken, SigningKey};
use callseal_eims::{Token, TokenSigners};

/// Nothing panics, what is read is written the same again, and nothing that a
/// stranger makes is signed.
pub fn enrolment_token(data: &[u8]) {
    match Token::from_bytes(data) {
        Ok(token) => {
            assert_eq!(token.as_bytes(), data);
            let text = token.to_text();
            let again: Token = text.parse().expect("the text form of a token");
            assert_eq!(again.as_bytes(), data);
            let claims = token.unverified_claims();
            let key = SigningKey::from_bytes([0x77; 32]).expect("a scalar");
            let signers = TokenSigners::new(key.public());
            let now = claims.lifetime.issued();
            assert!(token.verify(&claims.operator, &signers, now).is_err());
        }
        Err(MalformedToken::Length { found_len }) => {
            assert_eq!(found_len, data.len());
            assert_ne!(found_len, Token::LEN);
        }
        Err(_) => assert_eq!(data.len(), Token::LEN),
    }
    if let Ok(text) = core::str::from_utf8(data)
        && let Ok(token) = text.parse::<Token>()
    {
        assert_eq!(*token.to_text(), text);
    }
}
