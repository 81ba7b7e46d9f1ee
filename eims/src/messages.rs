//! The octets of the three messages (PROTOCOL.md §3.1). Each kind has one
//! length.

use thiserror::Error;
use zeroize::Zeroizing;

use crate::sealing::{OVERHEAD_LEN, SealingPublicKey};
use crate::{OperatorId, Token};

/// Why octets are not the message that is awaited.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum MalformedMessage {
    /// Too few octets, or too many.
    #[error("message {kind} has {expected_len} octets, this one {found_len}")]
    Length {
        /// Which message is awaited: 1 to 3.
        kind: u8,
        /// How many octets it has.
        expected_len: usize,
        /// How many there are.
        found_len: usize,
    },
    /// A version that is not known here.
    #[error("the message's version is {found}; version {VERSION} is known")]
    Version {
        /// Octet 0.
        found: u8,
    },
    /// It is another message than the one awaited.
    #[error("message {expected} is awaited, this is {found}")]
    Kind {
        /// Which message is awaited.
        expected: u8,
        /// Octet 1.
        found: u8,
    },
}

/// Which of the three.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[repr(u8)]
pub(crate) enum Kind {
    M1 = 1,
    M2 = 2,
    M3 = 3,
}

/// A message cut where its octets change their meaning: head (version and
/// kind), name (the sealing key, or which run), sealed part.
pub(crate) struct Message<'a> {
    pub(crate) clear: &'a [u8],
    pub(crate) name: [u8; 32],
    pub(crate) sealed: &'a [u8],
}

/// What message 1 hides.
pub(crate) struct M1Sealed {
    /// Unix seconds.
    pub(crate) made: u64,
    pub(crate) phone_key: SealingPublicKey,
    pub(crate) na: Nonce,
    pub(crate) token: Zeroizing<[u8; Token::LEN]>,
}

/// What message 2 hides.
pub(crate) struct M2Sealed {
    pub(crate) na: Nonce,
    pub(crate) nb: Nonce,
    pub(crate) operator: [u8; OperatorId::LEN],
    pub(crate) sealing_key: SealingPublicKey,
}

pub(crate) type Nonce = Zeroizing<[u8; 32]>;

/// Version and kind.
pub(crate) const HEAD_LEN: usize = 2;

const VERSION: u8 = 1;
const CLEAR_LEN: usize = HEAD_LEN + 32;

impl Kind {
    /// The length in octets of a whole message.
    pub(crate) const fn len(self) -> usize {
        CLEAR_LEN
            + OVERHEAD_LEN
            + match self {
                Self::M1 => M1Sealed::LEN,
                Self::M2 => M2Sealed::LEN,
                Self::M3 => 32,
            }
    }

    /// The part in clear, before the sealed one.
    pub(crate) fn clear(self, name: &[u8; 32]) -> Vec<u8> {
        let mut clear = Vec::with_capacity(self.len());
        clear.extend_from_slice(&[VERSION, self as u8]);
        clear.extend_from_slice(name);
        clear
    }

    pub(crate) fn parse(self, octets: &[u8]) -> Result<Message<'_>, MalformedMessage> {
        let wrong_len = MalformedMessage::Length {
            kind: self as u8,
            expected_len: self.len(),
            found_len: octets.len(),
        };
        let Some(([version, kind], rest)) = octets.split_first_chunk() else {
            return Err(wrong_len);
        };
        if *version != VERSION {
            return Err(MalformedMessage::Version { found: *version });
        }
        if *kind != self as u8 {
            return Err(MalformedMessage::Kind {
                expected: self as u8,
                found: *kind,
            });
        }
        if octets.len() != self.len() {
            return Err(wrong_len);
        }
        let (name, sealed) = rest.split_first_chunk().ok_or(wrong_len)?;
        Ok(Message {
            clear: &octets[..CLEAR_LEN],
            name: *name,
            sealed,
        })
    }
}

impl M1Sealed {
    const LEN: usize = 8 + SealingPublicKey::LEN + 32 + Token::LEN;

    /// `u64(made) ‖ phone key ‖ Na ‖ token`
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        // As long as it gets: a vector that grows leaves copies behind.
        let mut octets = Zeroizing::new(Vec::with_capacity(Self::LEN));
        octets.extend_from_slice(&self.made.to_be_bytes());
        octets.extend_from_slice(&self.phone_key.0);
        octets.extend_from_slice(&*self.na);
        octets.extend_from_slice(&*self.token);
        octets
    }

    pub(crate) fn parse(octets: &[u8]) -> Option<Self> {
        let (made, octets) = octets.split_first_chunk()?;
        let (phone_key, octets) = octets.split_first_chunk()?;
        let (na, token) = octets.split_first_chunk()?;
        Some(Self {
            made: u64::from_be_bytes(*made),
            phone_key: SealingPublicKey(*phone_key),
            na: Zeroizing::new(*na),
            token: Zeroizing::new(token.try_into().ok()?),
        })
    }
}

impl M2Sealed {
    const LEN: usize = 32 + 32 + OperatorId::LEN + SealingPublicKey::LEN;

    /// `Na ‖ Nb ‖ operator id ‖ sealing key`
    pub(crate) fn to_bytes(&self) -> Zeroizing<Vec<u8>> {
        let mut octets = Zeroizing::new(Vec::with_capacity(Self::LEN));
        octets.extend_from_slice(&*self.na);
        octets.extend_from_slice(&*self.nb);
        octets.extend_from_slice(&self.operator);
        octets.extend_from_slice(&self.sealing_key.0);
        octets
    }

    pub(crate) fn parse(octets: &[u8]) -> Option<Self> {
        let (na, octets) = octets.split_first_chunk()?;
        let (nb, octets) = octets.split_first_chunk()?;
        let (operator, sealing_key) = octets.split_first_chunk()?;
        Some(Self {
            na: Zeroizing::new(*na),
            nb: Zeroizing::new(*nb),
            operator: *operator,
            sealing_key: SealingPublicKey(sealing_key.try_into().ok()?),
        })
    }
}

/// Whether two secrets are equal, in a time that depends on nothing in them.
///
/// The one place where secrets are compared.
pub(crate) fn equal(one: &[u8], other: &[u8]) -> bool {
    subtle::ConstantTimeEq::ct_eq(one, other).into()
}
