//! The callee's question whether the caller receives at its address.

use super::header::{HEADER_LEN, header, open};
use super::{MessageError, MessageKind, SessionId};

/// A challenge, read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Challenge {
    /// The caller session of the M1 that it answers.
    pub caller: SessionId,
    /// What the caller is to put on every fragment from now on.
    pub cookie: [u8; 16],
}

impl Challenge {
    /// The length of a challenge in octets.
    pub(crate) const LEN: usize = HEADER_LEN + 16;

    /// Reads a challenge.
    ///
    /// # Errors
    ///
    /// [`MessageError`], by the first field that is wrong.
    pub fn parse(octets: &[u8]) -> Result<Self, MessageError> {
        let (caller, _, mut reader) = open(octets, MessageKind::Challenge)?;
        let cookie = *reader.array()?;
        reader.finish()?;
        Ok(Self { caller, cookie })
    }

    /// Builds a challenge.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(Self::LEN);
        octets.extend_from_slice(&header(MessageKind::Challenge, self.caller, None));
        octets.extend_from_slice(&self.cookie);
        octets
    }
}
