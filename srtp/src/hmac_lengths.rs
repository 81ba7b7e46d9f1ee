//! HMAC-SHA1 as long as somebody else wants it.

/// The lengths of HMAC-SHA1's key and tag where a peer's are not its
/// profile's: libsrtp takes any.
///
/// ```
/// use callseal_srtp::{HmacLengths, MasterKey, Policy, Profile, Sender};
///
/// let profile = Profile::AesCm128HmacSha1_80;
/// let lengths = HmacLengths { key_len: 16, tag_len: 20 };
/// let key = MasterKey::new(profile, &[0x11; 16], &[0x22; 14])?;
/// let mut sender = Sender::new(Policy::new(profile).with_rtp_hmac(lengths), key)?;
/// assert_eq!(sender.protect_rtp(&mut [0x80; 64], 32)?, 32 + 20);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct HmacLengths {
    /// n_a: the session authentication key, 0 to 20 octets.
    pub key_len: usize,
    /// n_tag: the tag, 0 to 20 octets. With none anybody can make up packets.
    pub tag_len: usize,
}

impl HmacLengths {
    /// What there is of both: SHA-1's 20 octets.
    pub const MAX: Self = Self {
        key_len: 20,
        tag_len: 20,
    };

    pub(crate) fn can_be(self) -> bool {
        self.key_len <= Self::MAX.key_len && self.tag_len <= Self::MAX.tag_len
    }
}
