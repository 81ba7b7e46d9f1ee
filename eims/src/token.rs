//! What an operator puts on a SIM: its word that the holder may claim a
//! number, once (PROTOCOL.md §2).

use core::fmt;
use core::str::FromStr;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use sha3::{Digest as _, Keccak256};
use thiserror::Error;
use zeroize::{Zeroize, Zeroizing};

use crate::operator::{SignatureOctets, Signer, write_hex};
use crate::random::draw;
use crate::{Number, OperatorId, Random, SigningKey, TokenSigners};

/// A signed enrolment token: who has it can enrol its number, so it is a
/// secret, wiped when dropped and never shown by `Debug`.
///
/// Its text form, for a SIM or a provisioning file, is `callseal-token:` and
/// the octets in base64url without padding.
///
/// ```
/// use callseal_eims::{
///     Lifetime, Number, OperatorId, Random, SigningKey, Token, TokenClaims, TokenSigners,
/// };
///
/// # struct System;
/// # impl Random for System { fn fill(&mut self, out: &mut [u8]) { out.fill(3) } }
/// # let mut random = System;
/// let key = SigningKey::generate(&mut random);
/// let operator = OperatorId { chain_id: 1, contract: [0xaa; 20] };
/// let claims = TokenClaims {
///     operator,
///     number: "+8613800000001".parse()?,
///     serial: 1,
///     lifetime: Lifetime::new(1_790_000_000, 1_800_000_000).expect("expires after its issue"),
/// };
/// let on_the_sim = Token::issue(claims, &key, &mut random).to_text();
///
/// // Later, at the operator:
/// let token: Token = on_the_sim.parse()?;
/// let signers = TokenSigners::new(key.public());
/// assert_eq!(token.verify(&operator, &signers, 1_795_000_000)?, claims);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Token {
    octets: Zeroizing<[u8; Token::LEN]>,
    claims: TokenClaims,
}

/// What a token says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TokenClaims {
    /// Whose word it is.
    pub operator: OperatorId,
    /// The number that may be enrolled.
    pub number: Number,
    /// Which of the operator's tokens this is.
    pub serial: u64,
    /// From when and until when it is good.
    pub lifetime: Lifetime,
}

/// From an issue to an expiry, in Unix seconds: good from the first second on
/// and no longer in the last.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetime {
    issued: u64,
    expires: u64,
}

/// keccak256 of a token: its name in a claim on the chain, from which nobody
/// learns the token.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct TokenHash(pub [u8; 32]);

/// Why octets are not a token.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum MalformedToken {
    /// Too few octets, or too many.
    #[error("a token has {} octets, this one {found_len}", Token::LEN)]
    Length {
        /// How many there are.
        found_len: usize,
    },
    /// A version that is not known here.
    #[error("the token's version is {found}; version {} is known", Token::VERSION)]
    Version {
        /// Octet 0.
        found: u8,
    },
    /// Octets 29 to 36 are no E.164 number.
    #[error("the token's number (octets 29 to 36) has not 2 to 15 digits")]
    Number,
    /// Octets 45 to 60: it would expire before it is issued, or at once.
    #[error("the token's expiry (octets 53 to 60) is not after its issue (octets 45 to 52)")]
    Lifetime,
}

/// Why a text is not a token.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum TokenTextError {
    /// It does not begin as one.
    #[error("a token begins with {:?}", Token::TEXT_PREFIX)]
    Prefix,
    /// What follows is not base64url without padding, in its one form.
    #[error(
        "what follows {:?} is not base64url without padding",
        Token::TEXT_PREFIX
    )]
    Base64,
    /// What is encoded is no token.
    #[error(transparent)]
    Malformed(#[from] MalformedToken),
}

/// Why a well-formed token is not good.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum VerifyError {
    /// It is another operator's.
    #[error("the token is of another operator, {found}")]
    Foreign {
        /// Whose it says it is.
        found: OperatorId,
    },
    /// It is altered, or nobody's.
    #[error("the token is not signed by the operator")]
    Signature,
    /// It is signed by a key that the operator has replaced, and the overlap
    /// is over.
    #[error("the token is signed by a key that the operator has replaced")]
    RetiredKey,
    /// It is issued for later.
    #[error("the token is good from {issued} on (Unix seconds)")]
    NotYetValid {
        /// From when on it is good.
        issued: u64,
    },
    /// Its time is over.
    #[error("the token expired at {expires} (Unix seconds)")]
    Expired {
        /// Since when it is not good.
        expires: u64,
    },
}

impl Token {
    /// The length of a token in octets.
    pub const LEN: usize = Self::SIGNED_LEN + 64;

    /// What the text form begins with.
    pub const TEXT_PREFIX: &str = "callseal-token:";

    const VERSION: u8 = 1;
    const BLINDING_LEN: usize = 16;
    const SIGNED_LEN: usize = 1 + OperatorId::LEN + 4 * 8 + Self::BLINDING_LEN;
    const LABEL: &[u8] = b"callseal eims: token, version 1";

    /// Signs a token with the operator's key.
    pub fn issue(claims: TokenClaims, key: &SigningKey, random: &mut dyn Random) -> Self {
        let mut octets = Zeroizing::new([0; Self::LEN]);
        let mut blinding: [u8; Self::BLINDING_LEN] = draw(random);
        let fields: [&[u8]; 7] = [
            &[Self::VERSION],
            &claims.operator.to_bytes(),
            &claims.number.value().to_be_bytes(),
            &claims.serial.to_be_bytes(),
            &claims.lifetime.issued.to_be_bytes(),
            &claims.lifetime.expires.to_be_bytes(),
            &blinding,
        ];
        let mut at = 0;
        for field in fields {
            octets[at..at + field.len()].copy_from_slice(field);
            at += field.len();
        }
        blinding.zeroize();
        let signature = key.sign(&Self::digest(&octets[..at]));
        octets[at..].copy_from_slice(&signature);
        Self { octets, claims }
    }

    /// Takes octets that have the form of a token; whether it is good is for
    /// [`verify`](Self::verify) to say.
    ///
    /// # Errors
    ///
    /// [`MalformedToken`], for the first octets that are wrong.
    pub fn from_bytes(octets: &[u8]) -> Result<Self, MalformedToken> {
        let array: &[u8; Self::LEN] = octets.try_into().map_err(|_| MalformedToken::Length {
            found_len: octets.len(),
        })?;
        let mut reader = Reader(array);
        let [version] = reader.take();
        if version != Self::VERSION {
            return Err(MalformedToken::Version { found: version });
        }
        let operator = OperatorId {
            chain_id: u64::from_be_bytes(reader.take()),
            contract: reader.take(),
        };
        let number =
            Number::from_value(u64::from_be_bytes(reader.take())).ok_or(MalformedToken::Number)?;
        let serial = u64::from_be_bytes(reader.take());
        let issued = u64::from_be_bytes(reader.take());
        let expires = u64::from_be_bytes(reader.take());
        let lifetime = Lifetime::new(issued, expires).ok_or(MalformedToken::Lifetime)?;
        Ok(Self {
            octets: Zeroizing::new(*array),
            claims: TokenClaims {
                operator,
                number,
                serial,
                lifetime,
            },
        })
    }

    /// The token's octets, the only ones that say what it says.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.octets
    }

    /// The text form.
    pub fn to_text(&self) -> Zeroizing<String> {
        let encoded = Zeroizing::new(Base64UrlUnpadded::encode_string(&*self.octets));
        // Room for all of it at once: a string that grows leaves copies behind.
        let mut text = String::with_capacity(Self::TEXT_PREFIX.len() + encoded.len());
        text.push_str(Self::TEXT_PREFIX);
        text.push_str(&encoded);
        Zeroizing::new(text)
    }

    /// What the claim on the chain carries.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Keccak256::digest(*self.octets).into())
    }

    /// What the token says, unverified: a phone asks which operator to go to.
    pub fn unverified_claims(&self) -> &TokenClaims {
        &self.claims
    }

    /// What the token says, if it is this operator's and good at `now` (Unix
    /// seconds). Whether it has been used is for a
    /// record of [`hash`](Self::hash)es to say.
    ///
    /// # Errors
    ///
    /// [`VerifyError`]; of the times only if the signature is good.
    pub fn verify(
        &self,
        operator: &OperatorId,
        signers: &TokenSigners,
        now: u64,
    ) -> Result<TokenClaims, VerifyError> {
        let claims = self.claims;
        if claims.operator != *operator {
            return Err(VerifyError::Foreign {
                found: claims.operator,
            });
        }
        let (signed, signature) = self.octets.split_at(Self::SIGNED_LEN);
        let signature: &SignatureOctets =
            signature.try_into().map_err(|_| VerifyError::Signature)?;
        match signers.signer(&Self::digest(signed), signature, now) {
            Signer::InForce => {}
            Signer::Retired => return Err(VerifyError::RetiredKey),
            Signer::Nobody => return Err(VerifyError::Signature),
        }
        let Lifetime { issued, expires } = claims.lifetime;
        if now < issued {
            return Err(VerifyError::NotYetValid { issued });
        }
        if now >= expires {
            return Err(VerifyError::Expired { expires });
        }
        Ok(claims)
    }

    // keccak256("callseal eims: token, version 1" ‖ octets 0 to 76)
    fn digest(signed: &[u8]) -> [u8; 32] {
        Keccak256::new()
            .chain_update(Self::LABEL)
            .chain_update(signed)
            .finalize()
            .into()
    }
}

impl Lifetime {
    /// From `issued` to `expires` (Unix seconds), if that is later.
    ///
    /// ```
    /// use callseal_eims::Lifetime;
    ///
    /// let lifetime = Lifetime::new(5, 7).expect("7 is later");
    /// assert_eq!((lifetime.issued(), lifetime.expires()), (5, 7));
    /// assert!(Lifetime::new(5, 5).is_none());
    /// ```
    pub fn new(issued: u64, expires: u64) -> Option<Self> {
        (issued < expires).then_some(Self { issued, expires })
    }

    /// The first second in which it is good.
    pub fn issued(&self) -> u64 {
        self.issued
    }

    /// The first second in which it is good no longer.
    pub fn expires(&self) -> u64 {
        self.expires
    }
}

impl FromStr for Token {
    type Err = TokenTextError;

    fn from_str(text: &str) -> Result<Self, TokenTextError> {
        let encoded = text
            .strip_prefix(Self::TEXT_PREFIX)
            .ok_or(TokenTextError::Prefix)?;
        // One octet of room shows a token that is too long by what it is.
        let mut room = Zeroizing::new([0; Self::LEN + 1]);
        let octets = match Base64UrlUnpadded::decode(encoded, &mut *room) {
            Ok(octets) => octets,
            Err(base64ct::Error::InvalidLength) if encoded.len() > Self::LEN => {
                let found_len = encoded.len() / 4 * 3;
                return Err(MalformedToken::Length { found_len }.into());
            }
            Err(_) => return Err(TokenTextError::Base64),
        };
        Ok(Self::from_bytes(octets)?)
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({})", self.hash())
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenHash({self})")
    }
}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("0x")?;
        write_hex(f, &self.0)
    }
}

/// Takes fields from the front of what is long enough for them.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> [u8; N] {
        let mut field = [0; N];
        if let Some((head, tail)) = self.0.split_first_chunk() {
            field = *head;
            self.0 = tail;
        }
        field
    }
}

#[cfg(test)]
mod tests;
