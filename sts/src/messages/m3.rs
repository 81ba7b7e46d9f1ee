//! The caller's proof.

use super::header::{HEADER_LEN, header, open_answered};
use super::identity::{put_identity, read_identity};
use super::reader::Reader;
use super::{Extensions, MessageError, MessageKind, SessionId};
use crate::Identity;

/// M3, read; its sealed part still sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct M3<'a> {
    /// The caller's session.
    pub caller: SessionId,
    /// The callee's session.
    pub callee: SessionId,
    /// The header.
    pub header: [u8; 18],
    /// The sealed part, tag included.
    pub sealed: &'a [u8],
}

/// What M3 hides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct M3Sealed<'a> {
    /// Who calls.
    pub caller: Identity,
    /// Whom the caller means to reach.
    pub callee: Identity,
    /// The caller's part of the authentication string.
    pub nonce: [u8; 32],
    /// The caller's signature.
    pub signature: [u8; 64],
    /// What a later version may add.
    pub extensions: Extensions<'a>,
}

impl<'a> M3<'a> {
    /// Reads M3.
    ///
    /// # Errors
    ///
    /// [`MessageError`], by the first field that is wrong.
    pub fn parse(octets: &'a [u8]) -> Result<Self, MessageError> {
        let (caller, callee, reader) = open_answered(octets, MessageKind::M3)?;
        Ok(Self::new(caller, callee, reader.rest()))
    }

    /// M3 with this sealed part.
    pub fn new(caller: SessionId, callee: SessionId, sealed: &'a [u8]) -> Self {
        Self {
            caller,
            callee,
            header: header(MessageKind::M3, caller, Some(callee)),
            sealed,
        }
    }

    /// Builds M3 from its header and its sealed part.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(HEADER_LEN + self.sealed.len());
        octets.extend_from_slice(&self.header);
        octets.extend_from_slice(self.sealed);
        octets
    }
}

impl<'a> M3Sealed<'a> {
    /// Reads what was sealed.
    ///
    /// # Errors
    ///
    /// [`MessageError`], by the first field that is wrong.
    pub fn parse(octets: &'a [u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(octets);
        let caller = read_identity(&mut reader)?;
        let callee = read_identity(&mut reader)?;
        let nonce = *reader.array()?;
        let signature = *reader.array()?;
        let extensions = Extensions::read(&mut reader)?;
        reader.finish()?;
        Ok(Self {
            caller,
            callee,
            nonce,
            signature,
            extensions,
        })
    }

    /// Builds what is to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(256);
        put_identity(&mut octets, &self.caller);
        put_identity(&mut octets, &self.callee);
        octets.extend_from_slice(&self.nonce);
        octets.extend_from_slice(&self.signature);
        self.extensions.put(&mut octets);
        octets
    }
}
