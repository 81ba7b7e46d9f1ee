//! CSRCs and header extensions encrypted as a whole (RFC 9335).

use crate::packet::RtpHeader;

/// What a session does with Cryptex.
///
/// ```
/// use callseal_srtp::{Cryptex, MasterKey, Policy, Profile, Sender};
///
/// let profile = Profile::AeadAes128Gcm;
/// let key = MasterKey::new(profile, &[0x11; 16], &[0x22; 12])?;
/// let policy = Policy::new(profile).with_cryptex(Cryptex::Required);
/// let mut sender = Sender::new(policy, key)?;
///
/// // One CSRC and no header extension: an empty one of four octets is put in.
/// let mut buf = [0x81; 36 + 4 + 16];
/// assert_eq!(sender.protect_rtp(&mut buf, 36)?, 56);
/// assert_eq!((buf[0], &buf[16..20]), (0x91, &[0xc0, 0xde, 0, 0][..]));
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cryptex {
    /// No packet uses it, and none is taken for one that does.
    #[default]
    Off,
    /// A sender uses it for every packet with CSRCs or a header extension of
    /// RFC 8285; a receiver takes packets with it and without it.
    On,
    /// The same; a packet that has CSRCs or a header extension and does not
    /// use it, or cannot, is refused.
    Required,
}

impl Cryptex {
    /// What becomes of a packet to send.
    #[inline]
    pub(crate) fn sealing(self, header: &RtpHeader) -> Result<Sealing, NotCryptex> {
        match self {
            Self::Off => Ok(Sealing::Plain),
            Self::On | Self::Required => self.sealing_where_used(header),
        }
    }

    fn sealing_where_used(self, header: &RtpHeader) -> Result<Sealing, NotCryptex> {
        let Some(extension) = header.extension else {
            return match header.csrc_len {
                0 => Ok(Sealing::Plain),
                _ => Ok(Sealing::WithExtensionPutIn),
            };
        };
        match extension.defined_by_profile {
            ONE_BYTE => Ok(Sealing::Marked(ENCRYPTED_ONE_BYTE)),
            TWO_BYTE => Ok(Sealing::Marked(ENCRYPTED_TWO_BYTE)),
            // Its receiver would take it for encrypted.
            ENCRYPTED_ONE_BYTE | ENCRYPTED_TWO_BYTE => Err(NotCryptex),
            _ if self == Self::Required => Err(NotCryptex),
            _ => Ok(Sealing::Plain),
        }
    }

    /// What a received packet is to become: `Some` with its extension's mark
    /// where it uses Cryptex.
    #[inline]
    pub(crate) fn opening(self, header: &RtpHeader) -> Result<Option<u16>, NotCryptex> {
        match self {
            Self::Off => Ok(None),
            Self::On | Self::Required => self.opening_where_used(header),
        }
    }

    fn opening_where_used(self, header: &RtpHeader) -> Result<Option<u16>, NotCryptex> {
        let mark = header
            .extension
            .map(|extension| extension.defined_by_profile);
        match mark {
            Some(ENCRYPTED_ONE_BYTE) => Ok(Some(ONE_BYTE)),
            Some(ENCRYPTED_TWO_BYTE) => Ok(Some(TWO_BYTE)),
            None if header.csrc_len == 0 => Ok(None),
            _ if self == Self::Required => Err(NotCryptex),
            _ => Ok(None),
        }
    }
}

/// How a packet to send is changed before it is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sealing {
    /// Not at all: Cryptex is not for it.
    Plain,
    /// Its extension gets this mark.
    Marked(u16),
    /// It gets an empty extension, so that its CSRCs can be seen to be
    /// encrypted (RFC 9335 §5.1).
    WithExtensionPutIn,
}

impl Sealing {
    /// Whether the packet's CSRCs and extension are encrypted.
    #[inline]
    pub(crate) fn hides_header(self) -> bool {
        self != Self::Plain
    }

    /// How much longer the packet becomes, in octets.
    #[inline]
    pub(crate) fn growth(self) -> usize {
        match self {
            Self::WithExtensionPutIn => RtpHeader::EXTENSION_WORD_LEN,
            Self::Plain | Self::Marked(_) => 0,
        }
    }

    /// Makes the change to a packet of `len` octets, which has room to grow.
    #[inline]
    pub(crate) fn perform(self, packet: &mut [u8], header: &RtpHeader, len: usize) {
        if self.hides_header() {
            self.perform_on_header(packet, header, len);
        }
    }

    fn perform_on_header(self, packet: &mut [u8], header: &RtpHeader, len: usize) {
        let start = header.extension_start();
        match self {
            Self::Plain => {}
            Self::Marked(mark) => put_mark(packet, header, mark),
            Self::WithExtensionPutIn => {
                packet.copy_within(start..len, start + RtpHeader::EXTENSION_WORD_LEN);
                packet[0] |= HAS_EXTENSION;
                put_mark(packet, header, ENCRYPTED_ONE_BYTE);
                packet[start + 2..start + 4].fill(0);
            }
        }
    }
}

/// Writes the field "defined by profile" of the packet's extension.
pub(crate) fn put_mark(packet: &mut [u8], header: &RtpHeader, mark: u16) {
    let start = header.extension_start();
    packet[start..start + 2].copy_from_slice(&mark.to_be_bytes());
}

/// A packet that Cryptex cannot be used for, or is not and has to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NotCryptex;

/// RTP's X bit.
const HAS_EXTENSION: u8 = 0x10;

/// RFC 8285 §4.2.
const ONE_BYTE: u16 = 0xbede;

/// RFC 8285 §4.3, without application bits, for which Cryptex has no place.
const TWO_BYTE: u16 = 0x1000;

/// RFC 9335 §5.
const ENCRYPTED_ONE_BYTE: u16 = 0xc0de;
const ENCRYPTED_TWO_BYTE: u16 = 0xc2de;
