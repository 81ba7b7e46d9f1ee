//! The callee's acknowledgement or refusal.

use core::fmt;

use super::header::{HEADER_LEN, header, open_answered};
use super::reader::Reader;
use super::{MessageError, MessageKind, SessionId};

/// M4, read; its sealed part still sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct M4<'a> {
    /// The caller's session.
    pub caller: SessionId,
    /// The callee's session.
    pub callee: SessionId,
    /// The header.
    pub header: [u8; 18],
    /// The sealed part, tag included.
    pub sealed: &'a [u8],
}

/// What M4 hides.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct M4Sealed {
    /// 0 if the callee accepts; see [`Refusal`](crate::Refusal).
    pub status: u8,
    /// That the callee has seen the whole handshake.
    pub mac: [u8; 32],
    /// The callee's part of the authentication string.
    pub reveal: [u8; 32],
}

impl<'a> M4<'a> {
    /// Reads M4.
    ///
    /// # Errors
    ///
    /// [`MessageError`], by the first field that is wrong.
    pub fn parse(octets: &'a [u8]) -> Result<Self, MessageError> {
        let (caller, callee, reader) = open_answered(octets, MessageKind::M4)?;
        Ok(Self::new(caller, callee, reader.rest()))
    }

    /// M4 with this sealed part.
    pub fn new(caller: SessionId, callee: SessionId, sealed: &'a [u8]) -> Self {
        Self {
            caller,
            callee,
            header: header(MessageKind::M4, caller, Some(callee)),
            sealed,
        }
    }

    /// Builds M4 from its header and its sealed part.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(HEADER_LEN + self.sealed.len());
        octets.extend_from_slice(&self.header);
        octets.extend_from_slice(self.sealed);
        octets
    }
}

impl M4Sealed {
    /// Reads what was sealed.
    ///
    /// # Errors
    ///
    /// [`MessageError`] if it has another length.
    pub fn parse(octets: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(octets);
        let status = reader.u8()?;
        let mac = *reader.array()?;
        let reveal = *reader.array()?;
        reader.finish()?;
        Ok(Self {
            status,
            mac,
            reveal,
        })
    }

    /// Builds what is to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(65);
        octets.push(self.status);
        octets.extend_from_slice(&self.mac);
        octets.extend_from_slice(&self.reveal);
        octets
    }
}

impl fmt::Debug for M4Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("M4Sealed")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}
