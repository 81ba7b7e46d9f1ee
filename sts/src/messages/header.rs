//! The 18 octets that every message begins with.

use core::fmt;

use super::reader::Reader;
use super::{MAX_MESSAGE_LEN, MessageError};
use crate::Random;
use crate::random::draw;

/// Which message it is.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum MessageKind {
    /// The caller's first.
    M1,
    /// The callee's answer.
    M2,
    /// The caller's proof.
    M3,
    /// The callee's acknowledgement or refusal.
    M4,
    /// The callee's question whether the caller receives at its address.
    Challenge,
}

/// One side's random name for a handshake; never all zero.
///
/// Ordered as a 64-bit integer (PROTOCOL.md §8).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId([u8; 8]);

/// The length of a header in octets.
pub(crate) const HEADER_LEN: usize = 18;

const VERSION: u8 = 1;

impl MessageKind {
    /// The kind of a message, by its first two octets.
    ///
    /// # Errors
    ///
    /// [`MessageError`] if they are missing or of another version or type.
    pub fn of(octets: &[u8]) -> Result<Self, MessageError> {
        let mut reader = Reader::new(octets);
        let version = reader.u8()?;
        if version != VERSION {
            return Err(MessageError::Version(version));
        }
        match reader.u8()? {
            1 => Ok(Self::M1),
            2 => Ok(Self::M2),
            3 => Ok(Self::M3),
            4 => Ok(Self::M4),
            5 => Ok(Self::Challenge),
            other => Err(MessageError::UnknownKind(other)),
        }
    }

    const fn octet(self) -> u8 {
        match self {
            Self::M1 => 1,
            Self::M2 => 2,
            Self::M3 => 3,
            Self::M4 => 4,
            Self::Challenge => 5,
        }
    }
}

impl SessionId {
    /// The id of these octets; `None` if they are all zero.
    pub fn from_bytes(octets: [u8; 8]) -> Option<Self> {
        (octets != [0; 8]).then_some(Self(octets))
    }

    /// The octets of the id.
    pub fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    /// A fresh one.
    pub(crate) fn draw(random: &mut dyn Random) -> Self {
        loop {
            if let Some(id) = Self::from_bytes(draw(random)) {
                return id;
            }
        }
    }
}

/// Caller and callee session of a message of any kind, from its first 18
/// octets; the rest may be missing.
pub(crate) fn sessions(
    octets: &[u8],
) -> Result<(MessageKind, SessionId, Option<SessionId>), MessageError> {
    let kind = MessageKind::of(octets)?;
    let mut reader = Reader::new(octets);
    reader.take(2)?;
    let caller = SessionId::from_bytes(*reader.array()?).ok_or(MessageError::SessionId)?;
    let callee = SessionId::from_bytes(*reader.array()?);
    match kind {
        MessageKind::M1 | MessageKind::Challenge if callee.is_some() => {
            Err(MessageError::SessionId)
        }
        MessageKind::M2 | MessageKind::M3 | MessageKind::M4 if callee.is_none() => {
            Err(MessageError::SessionId)
        }
        _ => Ok((kind, caller, callee)),
    }
}

/// A reader behind the header of a message of this kind, and its sessions.
pub(super) fn open(
    octets: &[u8],
    kind: MessageKind,
) -> Result<(SessionId, Option<SessionId>, Reader<'_>), MessageError> {
    let (found, caller, callee) = sessions(octets)?;
    if found != kind {
        return Err(MessageError::OtherKind(found));
    }
    if octets.len() > MAX_MESSAGE_LEN {
        return Err(MessageError::TooLong);
    }
    let mut reader = Reader::new(octets);
    reader.take(HEADER_LEN)?;
    Ok((caller, callee, reader))
}

/// Like [`open`], for the kinds that carry both sessions.
pub(super) fn open_answered(
    octets: &[u8],
    kind: MessageKind,
) -> Result<(SessionId, SessionId, Reader<'_>), MessageError> {
    let (caller, callee, reader) = open(octets, kind)?;
    let callee = callee.ok_or(MessageError::SessionId)?;
    Ok((caller, callee, reader))
}

/// The header of a message.
pub(crate) fn header(
    kind: MessageKind,
    caller: SessionId,
    callee: Option<SessionId>,
) -> [u8; HEADER_LEN] {
    let mut octets = [0; HEADER_LEN];
    octets[0] = VERSION;
    octets[1] = kind.octet();
    octets[2..10].copy_from_slice(&caller.0);
    if let Some(callee) = callee {
        octets[10..].copy_from_slice(&callee.0);
    }
    octets
}

impl fmt::Display for MessageKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::M1 => "M1",
            Self::M2 => "M2",
            Self::M3 => "M3",
            Self::M4 => "M4",
            Self::Challenge => "challenge",
        })
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({:016x})", u64::from_be_bytes(self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(octet: u8) -> SessionId {
        SessionId::from_bytes([octet; 8]).unwrap()
    }

    #[test]
    fn headers_read_back() {
        for (kind, callee) in [
            (MessageKind::M1, None),
            (MessageKind::M2, Some(id(2))),
            (MessageKind::M3, Some(id(2))),
            (MessageKind::M4, Some(id(2))),
            (MessageKind::Challenge, None),
        ] {
            let octets = header(kind, id(1), callee);
            assert_eq!(sessions(&octets), Ok((kind, id(1), callee)));
            for len in 0..HEADER_LEN {
                assert_eq!(sessions(&octets[..len]), Err(MessageError::TooShort));
            }
        }
    }

    #[test]
    fn zero_ids_stand_exactly_where_they_must() {
        for kind in [MessageKind::M1, MessageKind::Challenge] {
            let octets = header(kind, id(1), Some(id(2)));
            assert_eq!(sessions(&octets), Err(MessageError::SessionId));
        }
        for kind in [MessageKind::M2, MessageKind::M3, MessageKind::M4] {
            let octets = header(kind, id(1), None);
            assert_eq!(sessions(&octets), Err(MessageError::SessionId));
        }
        let mut octets = header(MessageKind::M1, id(1), None);
        octets[2..10].fill(0);
        assert_eq!(sessions(&octets), Err(MessageError::SessionId));
    }

    #[test]
    fn other_versions_and_types_are_no_messages() {
        let good = header(MessageKind::M1, id(1), None);
        for version in (0..=255).filter(|version| *version != 1) {
            let mut octets = good;
            octets[0] = version;
            assert_eq!(sessions(&octets), Err(MessageError::Version(version)));
        }
        for kind in [0, 6, 255] {
            let mut octets = good;
            octets[1] = kind;
            assert_eq!(sessions(&octets), Err(MessageError::UnknownKind(kind)));
        }
    }

    #[test]
    fn ids_are_ordered_as_integers() {
        let mut low = [0xff; 8];
        low[0] = 0;
        assert!(SessionId(low) < SessionId([1, 0, 0, 0, 0, 0, 0, 0]));
    }
}
