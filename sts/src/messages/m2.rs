//! The callee's answer.

use super::header::{header, open_answered};
use super::identity::{put_identity, read_identity};
use super::reader::Reader;
use super::{Extensions, MessageError, MessageKind, SessionId};
use crate::Identity;

/// M2, read; its sealed part still sealed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct M2<'a> {
    /// The caller's session.
    pub caller: SessionId,
    /// The callee's session.
    pub callee: SessionId,
    /// The suite chosen.
    pub suite: u16,
    /// The call's epoch; never 0.
    pub epoch: u8,
    /// What fixes the reveal of M4.
    pub commitment: [u8; 32],
    /// The callee's ephemeral share.
    pub share: &'a [u8],
    /// Everything before the sealed part, header included.
    pub clear: &'a [u8],
    /// The sealed part, tag included.
    pub sealed: &'a [u8],
}

/// What M2 hides.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct M2Sealed<'a> {
    /// Who answers.
    pub callee: Identity,
    /// The callee's signature.
    pub signature: [u8; 64],
    /// What a later version may add.
    pub extensions: Extensions<'a>,
}

impl<'a> M2<'a> {
    /// Reads M2.
    ///
    /// # Errors
    ///
    /// [`MessageError`], by the first field that is wrong.
    pub fn parse(octets: &'a [u8]) -> Result<Self, MessageError> {
        let (caller, callee, mut reader) = open_answered(octets, MessageKind::M2)?;
        let suite = reader.u16()?;
        let epoch = reader.u8()?;
        if epoch == 0 {
            return Err(MessageError::EpochZero);
        }
        let commitment = *reader.array()?;
        let share = reader.u16_prefixed()?;
        let sealed = reader.rest();
        let clear = &octets[..octets.len() - sealed.len()];
        Ok(Self {
            caller,
            callee,
            suite,
            epoch,
            commitment,
            share,
            clear,
            sealed,
        })
    }

    /// Builds M2 from its fields; [`clear`](Self::clear) is not looked at.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(256);
        octets.extend_from_slice(&header(MessageKind::M2, self.caller, Some(self.callee)));
        octets.extend_from_slice(&self.suite.to_be_bytes());
        octets.push(self.epoch);
        octets.extend_from_slice(&self.commitment);
        octets.extend_from_slice(&(self.share.len() as u16).to_be_bytes());
        octets.extend_from_slice(self.share);
        octets.extend_from_slice(self.sealed);
        octets
    }
}

impl<'a> M2Sealed<'a> {
    /// Reads what was sealed.
    ///
    /// # Errors
    ///
    /// [`MessageError`], by the first field that is wrong.
    pub fn parse(octets: &'a [u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(octets);
        let callee = read_identity(&mut reader)?;
        let signature = *reader.array()?;
        let extensions = Extensions::read(&mut reader)?;
        reader.finish()?;
        Ok(Self {
            callee,
            signature,
            extensions,
        })
    }

    /// Builds what is to be sealed.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut octets = Vec::with_capacity(160);
        put_identity(&mut octets, &self.callee);
        octets.extend_from_slice(&self.signature);
        self.extensions.put(&mut octets);
        octets
    }
}
