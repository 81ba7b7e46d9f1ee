//! Packets that carry the rollover counter (RFC 4771).

use core::num::NonZeroU16;

use crate::trailer::Trailer;

/// RFC 4771's integrity transform: every packet whose sequence number is a
/// multiple of R carries the sender's ROC, so that a receiver that joins late
/// needs to be told nothing.
///
/// ```
/// use callseal_srtp::{MasterKey, Policy, Profile, Receiver, RocCarrying, RocCarryingMode, Sender};
///
/// let profile = Profile::AesCm128HmacSha1_80;
/// let every_50th = RocCarrying::new(RocCarryingMode::Two, 50.try_into()?);
/// let policy = Policy::new(profile).with_roc_carrying(every_50th);
/// let key = || MasterKey::new(profile, &[0x11; 16], &[0x22; 14]);
/// let mut sender = Sender::new(policy.clone(), key()?)?;
/// let mut receiver = Receiver::new(policy, key()?)?;
///
/// sender.set_roc(0x8080_8080, 7)?;
/// let mut buf = [0x80; 32 + 10];
/// buf[2..4].copy_from_slice(&100u16.to_be_bytes());
/// let len = sender.protect_rtp(&mut buf, 32)?;
/// assert_eq!(receiver.unprotect_rtp(&mut buf, len)?.index.roc(), 7);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RocCarrying {
    mode: RocCarryingMode,
    rate: NonZeroU16,
}

/// What of a packet's tag is left beside the ROC (RFC 4771 §2 and §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RocCarryingMode {
    /// RCCm1: packets that carry the ROC have the rest of a tag; the others
    /// have none, and anybody can make them up.
    One,
    /// RCCm2: packets that carry the ROC have the rest of a tag; the others
    /// have a whole one. The mode to choose.
    Two,
    /// RCCm3: no packet has a tag of HMAC-SHA1, and in a profile that lives by
    /// it anybody can make up packets and ROCs. In an AEAD profile the cipher's
    /// own tag is always there, and covers the ROC through the IV.
    Three,
}

impl RocCarrying {
    /// A carried ROC, in octets.
    pub(crate) const ROC_LEN: u8 = 4;

    /// The ROC in every packet whose sequence number is a multiple of `rate`,
    /// RFC 4771's R.
    #[must_use]
    pub fn new(mode: RocCarryingMode, rate: NonZeroU16) -> Self {
        Self { mode, rate }
    }

    /// RFC 4771's mode.
    #[must_use]
    pub fn mode(self) -> RocCarryingMode {
        self.mode
    }

    /// RFC 4771's R.
    #[must_use]
    pub fn rate(self) -> NonZeroU16 {
        self.rate
    }

    /// The trailer of a packet with this sequence number, where it would be
    /// `plain` without carrying.
    pub(crate) fn trailer_of(self, seq: u16, plain: Trailer) -> Trailer {
        let carries = seq.is_multiple_of(self.rate.get());
        match (self.mode, carries) {
            (RocCarryingMode::One | RocCarryingMode::Two, true) => plain.with_roc_in_tag(),
            (RocCarryingMode::One, false) | (RocCarryingMode::Three, false) => plain.without_hmac(),
            (RocCarryingMode::Two, false) => plain,
            (RocCarryingMode::Three, true) => plain.without_hmac().with_roc(),
        }
    }

    /// The most octets that a packet's trailer has, where it is `plain`
    /// without carrying.
    pub(crate) fn max_trailer_len(self, plain: Trailer) -> usize {
        // Sequence number 0 carries the ROC at any rate; 1 does not, or all do.
        let [with_roc, without] = [0, 1].map(|seq| self.trailer_of(seq, plain).len());
        with_roc.max(without)
    }
}
