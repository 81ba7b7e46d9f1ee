//! Reading fields one after another.

use super::MessageError;

/// What is left of a message; every step checks that there is enough.
#[derive(Clone, Copy)]
pub(super) struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(super) fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    pub(super) fn take(&mut self, len: usize) -> Result<&'a [u8], MessageError> {
        let (taken, rest) = self
            .rest
            .split_at_checked(len)
            .ok_or(MessageError::TooShort)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn array<const N: usize>(&mut self) -> Result<&'a [u8; N], MessageError> {
        let (taken, rest) = self
            .rest
            .split_first_chunk()
            .ok_or(MessageError::TooShort)?;
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn u8(&mut self) -> Result<u8, MessageError> {
        self.array::<1>().map(|[octet]| *octet)
    }

    pub(super) fn u16(&mut self) -> Result<u16, MessageError> {
        self.array().map(|octets| u16::from_be_bytes(*octets))
    }

    /// `u16(length) || octets`.
    pub(super) fn u16_prefixed(&mut self) -> Result<&'a [u8], MessageError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// Everything that is left.
    pub(super) fn rest(self) -> &'a [u8] {
        self.rest
    }

    /// That nothing is left.
    pub(super) fn finish(self) -> Result<(), MessageError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(MessageError::TooLong)
        }
    }
}
