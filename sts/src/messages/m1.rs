//! The caller's first message.

use super::header::{HEADER_LEN, header, open};
use super::reader::Reader;
use super::{Extensions, MessageError, MessageKind, SessionId};
use crate::established::SessionHash;

/// M1, read. Suites and groups may be unknown ones.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct M1<'a> {
    /// The caller's session.
    pub caller: SessionId,
    /// The suites offered, the best liked first.
    pub suites: Vec<u16>,
    /// An ephemeral share for the group of each suite.
    pub shares: Vec<Share<'a>>,
    /// The epoch of the call that the caller already has with this peer, or
    /// 0.
    pub epoch_in_use: u8,
    /// The session hash of the call that this handshake renews.
    pub previous: Option<SessionHash>,
    /// What a later version may add.
    pub extensions: Extensions<'a>,
    octets: &'a [u8],
}

/// A share of a group.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Share<'a> {
    /// The group's id.
    pub group: u16,
    /// The share.
    pub value: &'a [u8],
}

const MAX_SUITES: usize = 16;
const MAX_SHARES: usize = 4;

impl<'a> M1<'a> {
    /// Reads M1.
    ///
    /// # Errors
    ///
    /// [`MessageError`], by the first field that is wrong.
    pub fn parse(octets: &'a [u8]) -> Result<Self, MessageError> {
        let (caller, _, mut reader) = open(octets, MessageKind::M1)?;
        let suites = read_suites(&mut reader)?;
        let shares = read_shares(&mut reader)?;
        let epoch_in_use = reader.u8()?;
        let previous = match reader.u8()? {
            0 => None,
            32 => Some(SessionHash::from_bytes(*reader.array()?)),
            other => return Err(MessageError::PreviousLength(other)),
        };
        let extensions = Extensions::read(&mut reader)?;
        reader.finish()?;
        Ok(Self {
            caller,
            suites,
            shares,
            epoch_in_use,
            previous,
            extensions,
            octets,
        })
    }

    /// Builds M1 from its fields.
    ///
    /// The lists are as long as the caller makes them; only what
    /// [`parse`](Self::parse) accepts is a message.
    pub fn to_bytes(&self) -> Vec<u8> {
        build(
            self.caller,
            &self.suites,
            &self.shares,
            self.epoch_in_use,
            self.previous,
            &self.extensions,
        )
    }

    /// The octets it was read from.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.octets
    }

    /// The share of a group.
    pub(crate) fn share(&self, group: u16) -> Option<&'a [u8]> {
        self.shares
            .iter()
            .find(|share| share.group == group)
            .map(|share| share.value)
    }

    /// What stands before the number of suites, and after the suites.
    #[cfg(test)]
    pub(crate) fn around_suites(&self) -> [&'a [u8]; 2] {
        let (before, from_suites) = self.octets.split_at(HEADER_LEN);
        [before, &from_suites[1 + 2 * self.suites.len()..]]
    }
}

pub(crate) fn build(
    caller: SessionId,
    suites: &[u16],
    shares: &[Share<'_>],
    epoch_in_use: u8,
    previous: Option<SessionHash>,
    extensions: &Extensions<'_>,
) -> Vec<u8> {
    let mut octets = Vec::with_capacity(HEADER_LEN + 128);
    octets.extend_from_slice(&header(MessageKind::M1, caller, None));
    octets.push(suites.len() as u8);
    for suite in suites {
        octets.extend_from_slice(&suite.to_be_bytes());
    }
    octets.push(shares.len() as u8);
    for share in shares {
        octets.extend_from_slice(&share.group.to_be_bytes());
        octets.extend_from_slice(&(share.value.len() as u16).to_be_bytes());
        octets.extend_from_slice(share.value);
    }
    octets.push(epoch_in_use);
    match previous {
        None => octets.push(0),
        Some(hash) => {
            octets.push(32);
            octets.extend_from_slice(hash.as_bytes());
        }
    }
    extensions.put(&mut octets);
    octets
}

fn read_suites(reader: &mut Reader<'_>) -> Result<Vec<u16>, MessageError> {
    let count = usize::from(reader.u8()?);
    if !(1..=MAX_SUITES).contains(&count) {
        return Err(MessageError::Suites);
    }
    let mut suites = Vec::with_capacity(count);
    for _ in 0..count {
        let suite = reader.u16()?;
        if suites.contains(&suite) {
            return Err(MessageError::Suites);
        }
        suites.push(suite);
    }
    Ok(suites)
}

fn read_shares<'a>(reader: &mut Reader<'a>) -> Result<Vec<Share<'a>>, MessageError> {
    let count = usize::from(reader.u8()?);
    if !(1..=MAX_SHARES).contains(&count) {
        return Err(MessageError::Shares);
    }
    let mut shares: Vec<Share<'a>> = Vec::with_capacity(count);
    for _ in 0..count {
        let group = reader.u16()?;
        let value = reader.u16_prefixed()?;
        if shares.iter().any(|share| share.group == group) {
            return Err(MessageError::Shares);
        }
        shares.push(Share { group, value });
    }
    Ok(shares)
}
